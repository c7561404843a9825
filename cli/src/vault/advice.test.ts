import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { keyId } from "@strongroom/core/keys/id";
import { openBook } from "@strongroom/core/rulebook/book";
import { OPEN } from "@strongroom/core/rulebook/open";
import type { Approval } from "@strongroom/core/signed/approval";
import type { Nonce } from "@strongroom/core/signed/fields";
import type { Intent } from "@strongroom/core/signed/intent";
import type { Rule } from "@strongroom/core/signed/rulebook";
import { demoRulebook, ETH, PERSONS, SOURCES } from "../demo/rulebook.ts";
import type { Request } from "../device/requests.ts";
import { detailWords, limitOf, measureWords, namedIn, scopeWords } from "./advice.ts";
import { currentApprovals } from "./execute.ts";
import type { Session } from "./session.ts";

const CHAIN = 31_337;
const ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const publicKeys = new Map(
  [...PERSONS, ...SOURCES].map((name) => {
    const { x } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
    return [name, new Uint8Array(Buffer.from(x as string, "base64url"))];
  }),
);
const idOf = (name: string) => keyId("ed25519", publicKeys.get(name) as Uint8Array);
const ada = { person: "ada", scheme: "ed25519", publicKey: toHex(publicKeys.get("ada") as Uint8Array) } as const;
const book = openBook(
  demoRulebook(
    {
      version: 1,
      institution: "Test",
      demonstration: true,
      createdAt: Date.now(),
      vaultKey: "11".repeat(32),
      administrators: [ada],
      threshold: 1,
      nonce: "00".repeat(16) as Nonce,
    },
    publicKeys,
  ),
);
const { deployment } = book.document;
const BOOT = "77".repeat(32) as Hash;

const session = { deployment, book: () => book, head: () => ({ boot: BOOT, at: 1_000 }) } as unknown as Session;

const payment: Intent = {
  ...{ version: 1, deployment, purpose: "", reference: "r", notAfter: 9, nonce: "00".repeat(16) as Nonce },
  ...{ kind: "pay", initiator: idOf("tom"), chain: CHAIN, wallet: "treasury", asset: "eth", amount: 1n, totalFee: 1n },
  destination: { entry: "harbor", hash: BOOT, address: ADDRESS },
};

const approval = (name: string, change: Partial<Approval> = {}) => ({
  bytes: new TextEncoder().encode(name),
  approval: { key: idOf(name), rulebook: book.id, boot: BOOT, notAfter: 2_000, ...change } as Approval,
});
const request = (intent: Intent, ...approvals: Request["approvals"]) => ({ intent, approvals }) as unknown as Request;

test("methods are a condition like any other", () => {
  const rule: Rule = { ...OPEN, id: "one", effect: "allow", kinds: ["call"], methods: ["deposit(uint256)", "allowance"] };
  assert.equal(scopeWords(rule, book), "kinds call; methods deposit(uint256), allowance");
});

test("approvals that the vault must refuse are left out, unless the initiator's own is among them", () => {
  const stranger = { ...approval("amy"), approval: { ...approval("amy").approval, key: BOOT } };
  const stale = [
    approval("bob", { boot: deployment }),
    approval("carl", { rulebook: deployment }),
    approval("ben", { notAfter: 1_000 }),
    stranger,
  ];
  const { sent, left } = currentApprovals(session, request(payment, approval("tom"), ...stale, approval("amy")));
  assert.deepEqual([sent.map((bytes) => new TextDecoder().decode(bytes)), left.length], [["tom", "amy"], 4]);
  const all = currentApprovals(session, request(payment, approval("tom", { boot: deployment }), approval("amy")));
  assert.deepEqual([all.sent.length, all.left], [2, []]);
});

test("a refusal is told in amounts, dates and the rule that it names", () => {
  const half = `${ETH / 2n} of ${5n * ETH} are used in the window`;
  assert.equal(detailWords("limits.eth-a-day", half, book), "0.5 eth of 5 eth are used in the window");
  assert.equal(detailWords("orders.intent", "it ends at 1795337520733", null), "it ends at 2026-11-22 08:52:00 UTC");
  assert.equal(detailWords("fee", "21000 of 42", book), "21000 of 42");
  assert.equal(namedIn("limits.eth-a-day", book), "5 eth per institution in 1 d");
  assert.match(namedIn("rules.two-approvers", book) ?? "", /^2 of approvers, initiator excluded {2}\(kinds pay, cancel\)$/);
  assert.equal(namedIn("rules.no-contracts", book), "kinds pay; classes contract");
  assert.deepEqual([namedIn("rules", book), namedIn("rules.none", book), namedIn("intent.amount", book)], [null, null, null]);
  const limit = limitOf("eth-a-day", book);
  assert.ok(limit !== undefined && limitOf("none", book) === undefined);
  assert.equal(measureWords(ETH, limit, book), "1 eth");
});
