/** `up --once --json`: the whole demonstration against a real node, vault, database and server, and nothing left behind. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, test } from "node:test";
import { makeFolder, run, waitForNone } from "./command.ts";

type Step = { readonly name: string; readonly ms: number; readonly ok: boolean; readonly code: string; readonly hash?: string };

const EXPECTED: readonly (readonly [string, string])[] = [
  ["chain", "OK"],
  ["token", "OK"],
  ["keystore", "OK"],
  ["vault", "OK"],
  ["ceremony", "OK"],
  ["database", "OK"],
  ["server", "OK"],
  ["session", "OK"],
  ["users", "OK"],
  ["client", "OK"],
  ["wallet", "OK"],
  ["address", "OK"],
  ["book", "OK"],
  ["deposit-eth", "OK"],
  ["deposit-usdx", "OK"],
  ["deposit-client", "OK"],
  ["deposits-booked", "OK"],
  ["sources", "OK"],
  ["pay-eth-request", "OK"],
  ["pay-eth-approve-1", "OK"],
  ["pay-eth-quorum", "QUORUM_MISSING"],
  ["pay-eth-approve-2", "OK"],
  ["pay-eth-sign", "OK"],
  ["pay-eth-mined", "OK"],
  ["entry-new", "OK"],
  ["entry-young", "ENTRY_TOO_YOUNG"],
  ["pay-usdx-request", "OK"],
  ["pay-usdx-approve-1", "OK"],
  ["pay-usdx-approve-2", "OK"],
  ["pay-usdx-sign", "OK"],
  ["pay-usdx-mined", "OK"],
  ["pay-outside", "NOT_ALLOWED"],
  ["pay-denied", "DENIED"],
  ["pay-worth", "LIMIT_EXCEEDED"],
  ["pay-young-sign", "OK"],
  ["pay-young-mined", "OK"],
  ["settled", "OK"],
  ["final", "OK"],
  ["freeze", "OK"],
  ["frozen", "FROZEN"],
  ["unfreeze-early", "DELAY_RUNNING"],
  ["unfreeze", "OK"],
  ["pay-thawed-sign", "OK"],
  ["pay-thawed-mined", "OK"],
  ["settled", "OK"],
  ["final", "OK"],
  ["balances", "OK"],
  ["audit-export", "OK"],
  ["audit", "OK"],
  ["health", "OK"],
  ["protections", "OK"],
];

const place = await makeFolder();
after(() => place.remove());

test("every step is there with its outcome, and one line of JSON is the last word", async (t) => {
  const { status, stdout, stderr } = await run(["up", "--once", "--json"], { TMPDIR: place.folder });
  assert.equal(status, 0, stderr);
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.length, 1);
  const told = JSON.parse(lines[0] ?? "") as {
    ok: boolean;
    ms: number;
    steps: Step[];
    deployment: string;
    protections: object[];
  };
  assert.deepEqual(
    told.steps.map(({ name, code }) => [name, code]),
    EXPECTED,
  );
  assert.ok(told.ok && told.steps.every((step) => step.ok && step.ms >= 0));
  for (const name of ["pay-eth-mined", "pay-usdx-mined", "pay-thawed-mined", "deposit-eth", "deposit-usdx"]) {
    assert.match(told.steps.find((step) => step.name === name)?.hash ?? "", /^0x[0-9a-f]{64}$/, name);
  }
  assert.match(told.deployment, /^[0-9a-f]{64}$/);
  assert.ok(told.protections.length >= 10);
  assert.match(stderr, /DEMONSTRATION/);
  t.diagnostic(`count: end to end: ${told.steps.length} steps in ${told.ms} ms`);
});

test("nothing is left behind: no folder, no process", async () => {
  assert.deepEqual(await readdir(place.folder), []);
  assert.deepEqual(await waitForNone(place.folder), []);
});

test("a home of its own and --once exclude each other", async () => {
  const { status, stdout } = await run(["up", "--once", "--json", "--home", place.folder]);
  assert.equal(status, 2);
  assert.match(stdout, /"code":"USAGE"/);
});
