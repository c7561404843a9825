import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { EXIT } from "../../faults.ts";

const ROOT = resolve(import.meta.dirname, "../../../..");
const BOOK = join(ROOT, "docs/examples/rulebook.json");
const DRAFT = join(ROOT, "docs/examples/rulebook-draft.json");
const home = await mkdtemp(join(tmpdir(), "strongroom-analyse-"));
after(() => rm(home, { recursive: true, force: true }));

function rulebook(...args: readonly string[]) {
  const main = join(ROOT, "cli/src/main.ts");
  const env = { ...process.env, STRONGROOM_HOME: home, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, "rulebook", ...args], { encoding: "utf8", env });
  return { status, stdout, stderr };
}

type Named = { readonly id: string; readonly [field: string]: unknown };
type Document = { readonly rules: readonly Named[]; readonly [section: string]: unknown };

/** A file with the example, changed. */
async function changed(name: string, change: (document: Document) => object): Promise<string> {
  const path = join(home, name);
  const document = JSON.parse(await readFile(BOOK, "utf8")) as Document;
  await writeFile(path, JSON.stringify({ ...document, ...change(document) }));
  return path;
}

/** What the example's draft and the example disagree on, and what either says of it. */
const STRANGERS = [
  "  pay; to class self-hosted, one-time; from wallets that are warm, cold; by sara, simon;" +
    " of any unit; with a value that is stated",
  "    example  sara pays 1 eth worth 1 chf from wallet another-wallet (warm, unit bank) to another-destination (self-hosted)" +
    " on Monday 2026-11-16 08:00:00 UTC",
];
const DENIED = "denied by strangers-not-from-reserves";
const ALLOWED =
  "allowed by settlement-pays; takes 2 of approvers, initiator excluded (two-approvers);" +
  " 2 of screening-a, screening-b on screening, at most 1 h old (strangers-screened)";

test("diff prints what the example's draft newly allows and a careful reader misses", () => {
  const { status, stdout, stderr } = rulebook("diff", BOOK, DRAFT);
  assert.equal(status, EXIT.ok, stderr);
  assert.deepEqual(stdout.trim().split("\n"), [
    "Newly allowed:",
    ...STRANGERS,
    `    before   ${DENIED}`,
    `    after    ${ALLOWED}`,
    "",
    "Newly refused: nothing",
    "",
    "What others must approve: nothing changes",
    "",
    "Beside the rules:",
    '  limits.usdc-a-day  stronger  most "20000000000000" -> "15000000000000"',
  ]);
});

test("diff prints, the other way round, what is newly refused", () => {
  const { status, stdout, stderr } = rulebook("diff", DRAFT, BOOK);
  assert.equal(status, EXIT.ok, stderr);
  assert.deepEqual(stdout.trim().split("\n"), [
    "Newly allowed: nothing",
    "",
    "Newly refused:",
    ...STRANGERS,
    `    before   ${ALLOWED}`,
    `    after    ${DENIED}`,
    "",
    "What others must approve: nothing changes",
    "",
    "Beside the rules:",
    '  limits.usdc-a-day  weaker  most "15000000000000" -> "20000000000000"',
  ]);
});

test("diff as JSON names the action, and what each rulebook says of it", () => {
  const { stdout } = rulebook("diff", BOOK, DRAFT, "--json");
  const { difference } = JSON.parse(stdout) as {
    readonly difference: { readonly allowed: { readonly complete: boolean; readonly parts: readonly object[] } };
  };
  assert.equal(difference.allowed.complete, true);
  const [part] = difference.allowed.parts as readonly [{ readonly example: unknown; readonly before: string }];
  assert.equal(part.before, "denied by strangers-not-from-reserves");
  assert.deepEqual(part.example, {
    kind: "pay",
    initiator: "sara",
    at: 1_794_816_000_000,
    chain: 1,
    asset: "eth",
    amount: "1000000000000000000",
    value: "100",
    wallet: "another-wallet",
    walletClass: "warm",
    unit: "bank",
    destination: "another-destination",
    class: "self-hosted",
  });
});

test("diff tells where less, more and something else is to be approved", async () => {
  const draft = await changed("demands.json", ({ rules }) => ({
    epoch: 8,
    limits: [],
    rules: rules.map((rule) => {
      if (rule.id === "two-of-operations") return { ...rule, quorum: { type: "group", group: "operations", count: 1 } };
      if (rule.id === "two-approvers") return { ...rule, kinds: ["pay"] };
      return rule.id === "cold-is-slow" ? { ...rule, quorum: { type: "group", group: "risk", count: 2 } } : rule;
    }),
  }));
  const { stdout } = rulebook("diff", BOOK, draft);
  assert.match(stdout, /^Newly allowed: nothing$/m);
  assert.match(
    stdout,
    /^Still allowed, and it takes less:\n( {2}.*\n)*? {2}- +2 of operations, initiator counts \(rules\.two-of-operations\)$/m,
  );
  assert.match(stdout, /^ {2}now +approval by owen is enough and was not$/m);
  assert.match(stdout, /^ {2}now +nobody's approval is enough and was not$/m);
  assert.match(stdout, /^Still allowed, and it takes something else:$/m);
  assert.match(stdout, /^ {2}now +approval by .* was enough and is not$/m);
  assert.match(stdout, /^ {2}limits\.eth-a-day +weaker +removed$/m);
  assert.match(rulebook("diff", draft, BOOK).stdout, /^Still allowed, and it takes more:$/m);
  assert.match(rulebook("diff", draft, BOOK).stdout, /^ {2}limits\.eth-a-day +stronger +added$/m);
});

test("lint tells findings with their examples, in text and JSON", async () => {
  const path = await changed("alone.json", ({ rules }) => ({ rules: rules.filter(({ id }) => id !== "two-of-operations") }));
  const { status, stdout } = rulebook("lint", path);
  assert.equal(status, EXIT.ok);
  assert.match(stdout, /^sound, 3 warnings$/m);
  assert.match(stdout, /^rules {2}one person alone can do this: nobody else has to approve$/m);
  assert.match(stdout, /^ {2}wallet, entry, retire; by sara, owen, orla$/m);
  assert.match(stdout, /^ {4}example {2}sara opens wallet another-wallet \(hot\) on ethereum on Monday/m);
  const { findings } = JSON.parse(rulebook("lint", path, "--json").stdout) as {
    readonly findings: readonly { code: string }[];
  };
  assert.deepEqual(
    findings.map(({ code }) => code),
    ["one-person", "no-allow"],
  );
  assert.match(rulebook("lint", BOOK).stdout, /^sound, 2 warnings$/m);
});

test("query answers who can move how much of an asset to where the address book does not reach", () => {
  const { status, stdout } = rulebook("query", BOOK, "--asset", "eth", "--above", "100", "--outside", "--class", "one-time");
  assert.equal(status, EXIT.ok);
  assert.match(stdout, /^who +sara, simon$/m);
  assert.match(stdout, /^takes +2 of approvers, initiator excluded \(rules\.two-approvers\)$/m);
  assert.match(stdout, /above 100 eth; to class one-time; from wallets that are hot; by sara, simon; of any unit/);
  assert.match(stdout, /^ {4}example +sara pays 100\.000000000000000001 eth /m);
  const none = ["--person", "tim", "--worth-above", "5", "--worth-below", "9", "--chain", "ethereum", "--wallet-class", "cold"];
  assert.equal(rulebook("query", BOOK, ...none).stdout.trim(), "nobody: no rule allows any of it");
  const { answers } = JSON.parse(rulebook("query", BOOK, "--kind", "entry", "--to", "shop", "--json").stdout) as {
    readonly answers: readonly { readonly initiators: readonly string[] }[];
  };
  assert.deepEqual(
    answers.map(({ initiators }) => initiators),
    [["sara", "owen", "orla"]],
  );
});

test("questions that cannot be asked are usage errors", async () => {
  const plain = await changed("plain.json", () => ({ valuation: undefined, rules: [], limits: [] }));
  for (const args of [
    [BOOK, "--asset", "gold"],
    [BOOK, "--kind", "freeze"],
    [BOOK, "--above", "5"],
    [BOOK, "--asset", "eth", "--asset", "usdc", "--above", "5"],
    [BOOK, "--asset", "eth", "--below", "0"],
    [plain, "--worth-above", "5"],
    [],
  ])
    assert.equal(rulebook("query", ...args).status, EXIT.usage, args.join(" "));
  assert.equal(rulebook("diff", BOOK, join(home, "nothing.json")).status, EXIT.operational);
  const broken = await changed("broken.json", () => ({ groups: [] }));
  assert.equal(rulebook("lint", broken).status, EXIT.refused);
});
