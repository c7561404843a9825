import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { keyId } from "@strongroom/core/keys/id";
import { openBook } from "@strongroom/core/rulebook/book";
import { OPEN } from "@strongroom/core/rulebook/open";
import type { Approval } from "@strongroom/core/signed/approval";
import { Entry } from "@strongroom/core/signed/entry";
import type { Nonce } from "@strongroom/core/signed/fields";
import type { Intent } from "@strongroom/core/signed/intent";
import { encode } from "@strongroom/core/signed/object";
import type { Receipt } from "@strongroom/core/signed/receipt";
import type { Rule } from "@strongroom/core/signed/rulebook";
import { VaultRefused } from "@strongroom/sdk/vault/session";
import { demoRulebook, ETH, PERSONS, SOURCES } from "../demo/rulebook.ts";
import type { Request } from "../device/requests.ts";
import { adviceOf, detailWords, namedIn, scopeWords } from "./advice.ts";
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

/** A session whose vault has two entries: an exchange, and somebody's own wallet. */
const session = {
  deployment,
  book: () => book,
  head: () => ({ boot: BOOT, at: 1_000 }),
  async demand({ name }: { name: string }) {
    const type = name === "harbor" ? "exchange" : name === "pool" ? "contract" : "self-hosted";
    if (name !== "harbor" && name !== "paper" && name !== "pool") throw new VaultRefused({ code: "ENTRY_UNKNOWN" } as Receipt);
    return encode(Entry, {
      version: 1,
      deployment,
      name,
      party: "P",
      chain: CHAIN,
      address: ADDRESS,
      class: type,
      assets: "any",
    });
  },
} as unknown as Session;

const common = { version: 1, deployment, purpose: "", reference: "r", notAfter: 9, nonce: "00".repeat(16) as Nonce };
const destination = (entry: string) => ({ entry, hash: BOOT, address: ADDRESS });
const payment = (entry: string, initiator = "tom") =>
  ({
    ...common,
    kind: "pay",
    initiator: idOf(initiator),
    chain: CHAIN,
    wallet: "treasury",
    destination: destination(entry),
    asset: "eth",
    amount: 1n,
    totalFee: 1n,
  }) as const satisfies Intent;

const approval = (name: string, change: Partial<Approval> = {}) => ({
  bytes: new TextEncoder().encode(name),
  approval: { key: idOf(name), rulebook: book.id, boot: BOOT, notAfter: 2_000, ...change } as Approval,
});
const request = (intent: Intent, ...approvals: Request["approvals"]) => ({ intent, approvals }) as unknown as Request;
const advice = (intent: Intent, ...names: readonly string[]) =>
  adviceOf(session, request(intent, ...names.map((name) => approval(name))));

test("who is missing is said until the quorum is met", async () => {
  assert.equal((await advice(payment("harbor"), "tom")).missing.length, 1);
  assert.equal((await advice(payment("harbor"), "tom", "amy")).missing.length, 1);
  assert.match((await advice(payment("harbor"), "tom", "amy")).missing[0] ?? "", /2 of approvers.*two-approvers/);
  assert.deepEqual(await advice(payment("harbor"), "tom", "amy", "bob"), { missing: [] });
  const cancel = {
    ...common,
    kind: "cancel",
    initiator: idOf("tina"),
    chain: CHAIN,
    wallet: "treasury",
    totalFee: 1n,
    replaces: BOOT,
  } as const;
  assert.equal((await advice(cancel, "tina")).missing.length, 1);
});

test("what no rule allows, a rule denies or nobody knows is said at once", async () => {
  assert.match((await advice(payment("paper"), "tom")).against ?? "", /no rule allows/);
  assert.match((await advice(payment("harbor", "amy"), "amy")).against ?? "", /no rule allows/);
  assert.match((await advice(payment("gone"), "tom")).against ?? "", /address book/);
  const stranger = { ...payment("harbor"), initiator: BOOT };
  assert.match((await advice(stranger, "tom")).against ?? "", /not enrolled/);
});

test("a call is advised on by its method, and a dangerous one only where a rule names it", async () => {
  const { asset: _, destination: __, ...common } = payment("pool");
  const call = (method: string, size: number) =>
    ({
      ...common,
      kind: "call",
      destination: { entry: "pool", hash: BOOT, address: ADDRESS },
      method,
      arguments: new Uint8Array(size),
    }) as const satisfies Intent;
  const rule = (id: string, methods: Rule["methods"]): Rule => ({ ...OPEN, id, effect: "allow", kinds: ["call"], methods });
  const advised = async (rules: readonly Rule[], intent: Intent) => {
    const open = openBook({ ...book.document, rules });
    return adviceOf({ ...session, book: () => open } as Session, request(intent, approval("tom")));
  };
  const deposit = call("deposit(uint256)", 32);
  const approve = call("approve(address,uint256)", 64);
  assert.match((await advised([], deposit)).against ?? "", /no rule allows/);
  assert.deepEqual(await advised([rule("all", "any")], deposit), { missing: [] });
  assert.match((await advised([rule("all", "any")], approve)).against ?? "", /no rule allows/);
  assert.deepEqual(await advised([rule("one", ["allowance"])], approve), { missing: [] });
  assert.equal(
    scopeWords(rule("one", ["deposit(uint256)", "allowance"]), book),
    "kinds call; methods deposit(uint256), allowance",
  );
});

test("wallets, entries and freezes are advised on too", async () => {
  const tina = { ...common, initiator: idOf("tina") };
  const wallet = { ...tina, kind: "wallet", chain: CHAIN, wallet: "w", walletClass: "cold" } as const;
  assert.deepEqual(
    [(await advice(wallet, "tina")).missing.length, (await advice(wallet, "tina", "carl")).missing.length],
    [1, 0],
  );
  const bytes = encode(Entry, {
    version: 1,
    deployment,
    name: "x",
    party: "P",
    chain: CHAIN,
    address: ADDRESS,
    class: "vasp",
    assets: "any",
  });
  assert.equal((await advice({ ...tina, kind: "entry", entry: bytes }, "tina")).missing.length, 1);
  assert.equal((await advice({ ...tina, kind: "retire", name: "harbor", hash: BOOT }, "tina", "cleo")).missing.length, 0);
  const lift = { ...common, initiator: idOf("ada"), kind: "unfreeze", freeze: BOOT } as const;
  assert.match((await advice(lift, "ada", "ben")).missing[0] ?? "", /officers/);
  assert.deepEqual((await advice(lift, "ada", "ben", "olga")).missing, []);
  const freeze = { ...common, initiator: idOf("olga"), kind: "freeze", level: "institution", subject: "" } as const;
  assert.deepEqual(await advice(freeze, "olga"), { missing: [] });
});

test("approvals that the vault must refuse are left out, unless the initiator's own is among them", () => {
  const intent = payment("harbor");
  const stranger = { ...approval("amy"), approval: { ...approval("amy").approval, key: BOOT } };
  const stale = [
    approval("bob", { boot: deployment }),
    approval("carl", { rulebook: deployment }),
    approval("ben", { notAfter: 1_000 }),
    stranger,
  ];
  const { sent, left } = currentApprovals(session, request(intent, approval("tom"), ...stale, approval("amy")));
  assert.deepEqual([sent.map((bytes) => new TextDecoder().decode(bytes)), left.length], [["tom", "amy"], 4]);
  const all = currentApprovals(session, request(intent, approval("tom", { boot: deployment }), approval("amy")));
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
});
