/** Any byte of a command is flipped, with everything signed inside it: intents, approvals, facts, entries, rulebooks,
 *  genesis, heads. Nothing but what is meant to be free (the command's own nonce and the chain context) may pass, and that
 *  changes nothing of what was approved. Every position, two patterns each: one bit, and all bits. */
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import { dataHash, Leaf } from "../../core/src/audit/leaf.ts";
import {
  append,
  gather,
  isIncluded,
  leafHash,
  NO_LEAVES,
  type Node,
  planInclusion,
  rootOf,
} from "../../core/src/audit/tree.ts";
import { fromHex } from "../../core/src/bytes.ts";
import { chainOf } from "../../core/src/chain/table.ts";
import { attempt, Refused } from "../../core/src/errors.ts";
import { openRecord } from "../../core/src/journal/record.ts";
import { precheckEd25519 } from "../../core/src/keys/ed25519.ts";
import { Command, ExecutionBody } from "../../core/src/protocol/command.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import { Attestation } from "../../core/src/signed/attestation.ts";
import { Checkpoint } from "../../core/src/signed/checkpoint.ts";
import { type Fact, SUBJECT } from "../../core/src/signed/fact.ts";
import { Head } from "../../core/src/signed/head.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { challengeOf, decode, encode, type Kind, Signed } from "../../core/src/signed/object.ts";
import { Receipt } from "../../core/src/signed/receipt.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { device, passkey, someHash } from "../world/keys.ts";
import { checkpoint, leavesOf, logOf } from "../world/log.ts";
import { TOKEN } from "../world/rulebook.ts";
import { MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { aside, besiege, passkeyLine, type Siege, TWO, withKeys } from "./attack.ts";

const { KEYS } = world;

/** The bytes with one byte flipped, for every byte and both patterns. */
function* flips(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) {
    for (const pattern of [1 << (at % 8), 0xff]) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] as number) ^ pattern;
      yield flipped;
    }
  }
}

/** The command without what is free. */
function bound(command: Command): unknown {
  const { nonce: _, ...rest } = command;
  if (rest.command === "reprice") return rest.intent;
  if (rest.command !== "execute") return rest;
  return { ...rest, orders: rest.orders.map(({ intent }) => intent) };
}

/** What the transactions of the newest commitment move, without the fee. */
function moved(vault: MemoryVault): unknown {
  const records = vault.journal.map((bytes) => openRecord(bytes).value);
  const last = records.findLast((record) => record.kind === "committed" || record.kind === "repriced");
  const parts = last?.kind === "repriced" ? [last.part] : last?.parts;
  return parts?.map((part) => {
    const { feeMax: _, ...effect } = chainOf(part.family).read(part.unsigned);
    return { from: part.from, effect };
  });
}

/** Sends every flip of a command that succeeds untouched. Gives how often each code came. */
function flipAll(vault: MemoryVault, command: Command): ReadonlyMap<string, number> {
  const bytes = encode(Command, command);
  const honest = aside(vault, () => {
    must(vault.send(bytes));
    return moved(vault);
  });
  const codes = new Map<string, number>();
  for (const flipped of flips(bytes)) {
    const code = aside(vault, () => {
      const answer = vault.send(flipped);
      if (answer.code === "OK") {
        assert.deepEqual(bound(decode(Command, flipped)), bound(command), "only what is free passes");
        assert.deepEqual(moved(vault), honest, "and moves the same");
      }
      assert.equal(vault.state.halted, false);
      return answer.code;
    });
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  return codes;
}

/** One test: all flips of this command, counted by code. */
function flipped(name: string, prepare: () => { vault: MemoryVault; command: Command }): void {
  test(`no flipped byte of ${name} passes`, (t) => {
    const { vault, command } = prepare();
    const codes = flipAll(vault, command);
    const { OK = 0, ...refusals } = Object.fromEntries(codes);
    const refused = Object.values(refusals).reduce((sum, count) => sum + count, 0);
    assert.equal(refusals["INTERNAL"], undefined);
    t.diagnostic(`${OK} flips of what is free changed nothing; ${JSON.stringify(refusals)}`);
    t.diagnostic(`count: flips: ${refused} tried, ${refused} refused`);
  });
}

const siege = besiege();

flipped("a payment with a screening fact", () => {
  const { vault, book } = siege;
  const intent = world.pay(book, { destination: world.destinationOf(world.zoe(book)) });
  const facts = [world.screening(book, world.zoe(book))];
  return { vault, command: world.execute([intent], world.approveAll(vault.ground(), intent, TWO), { facts }) };
});

const CODE = someHash("code of the token");
const ORACLES = (["price", "code", "nonce", "clock", "travel-rule", "simulation"] as const).map((type) => {
  return { type, key: device(`oracle of ${type}`), id: `oracle-${type}` };
});

/** A payment of a token to which six sources, of all types that rules may ask beside screening, have said yes. */
function stated(): { vault: MemoryVault; command: Command } {
  const { vault, book } = besiege({
    rulebook: (demo) => {
      const { valuation } = world.valued(demo, { sources: ["oracle-price"] });
      const needs = ORACLES.map(({ type, id }) => ({ type, sources: [id], atLeast: 1, maxAgeMs: world.HOUR }));
      const asked = [needs.slice(0, 3), needs.slice(3)].map((facts, at) => {
        return { ...OPEN, ...NOTHING, id: `asked-${at}`, kinds: ["pay" as const], facts };
      });
      return {
        valuation,
        assets: demo.assets.map((asset) => (asset.id === "usdx" ? { ...asset, codeHash: CODE } : asset)),
        sources: [...demo.sources, ...ORACLES.map(({ type, id, key }) => ({ id, type, publicKey: key.publicKey }))],
        rules: [...demo.rules, ...asked],
      };
    },
  });
  const { body } = must(vault.send(world.command({ command: "address", wallet: "treasury", index: 0 })));
  const intent = world.pay(book, { asset: "usdx", amount: 5n });
  const id = world.intentId(intent);
  const words: { readonly [type in (typeof ORACLES)[number]["type"]]: object } = {
    price: { subject: SUBJECT.price("usdx", "eur"), numerator: 90n, denominator: world.USDX },
    code: { subject: SUBJECT.code(world.CHAIN, TOKEN), codeHash: CODE },
    nonce: { subject: SUBJECT.nonce(world.CHAIN, decode(Attestation, body).address), next: 0 },
    clock: { subject: SUBJECT.clock() },
    "travel-rule": { subject: SUBJECT.intent(id), exchange: "complete" },
    simulation: { subject: SUBJECT.intent(id), effect: "as-stated" },
  };
  const common = { version: 1, deployment: book.document.deployment, at: world.NOW };
  const facts = ORACLES.map(({ type, id: source, key }) => {
    return world.signFact({ ...common, type, source, ...words[type] } as Fact, key);
  });
  const without = (type: string) => facts.filter((_, at) => ORACLES[at]?.type !== type);
  for (const { type } of ORACLES) {
    const { code } = aside(vault, () => vault.run(intent, TWO, { facts: without(type) }));
    assert.equal(code, "FACT_MISSING", type);
  }
  return { vault, command: world.execute([intent], world.approveAll(vault.ground(), intent, TWO), { facts }) };
}

flipped("a payment with facts of all other types", stated);

flipped("a cancellation", () => {
  const { vault, book } = besiege();
  const paid = world.pay(book);
  must(vault.run(paid, TWO));
  const intent = world.cancel(book, world.intentId(paid));
  const context = { maxFeePerGas: 40_000_000_000n, maxPriorityFeePerGas: 2_000_000_000n };
  return { vault, command: world.execute([intent], world.approveAll(vault.ground(), intent, TWO), { context }) };
});

flipped("a call of a contract", () => {
  const { vault, book } = besiege({
    rulebook: (demo) => ({ rules: [...demo.rules, ...world.CALLING] }),
    entries: (made) => [world.pool(made)],
  });
  const intent = world.call(book);
  return { vault, command: world.execute([intent], world.approveAll(vault.ground(), intent, TWO)) };
});

flipped("a dearer version of a payment", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  must(vault.run(intent, TWO));
  const context = { maxFeePerGas: 40_000_000_000n, maxPriorityFeePerGas: 2_000_000_000n };
  return { vault, command: world.reprice(intent, context) };
});

flipped("a payment approved with passkeys", () => {
  const [amy, bob] = [passkey("amy"), passkey("bob")];
  const lines = { amy: [passkeyLine(amy, "device")], bob: [passkeyLine(bob, "device")] };
  const { vault, book } = besiege({ rulebook: (demo) => ({ persons: withKeys(demo, lines) }) });
  const intent = world.pay(book);
  return { vault, command: world.execute([intent], world.approveAll(vault.ground(), intent, [amy, bob])) };
});

flipped("a new address-book entry", () => {
  const { vault, book } = siege;
  const entry = world.entryOf(book, { name: "new", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" });
  const intent = world.enter(book, entry);
  return { vault, command: world.execute([intent], world.approveAll(vault.ground(), intent, [KEYS.carl])) };
});

flipped("the end of an address-book entry", () => {
  const { vault, book } = siege;
  const intent = world.retire(book, world.acme(book));
  return { vault, command: world.execute([intent], world.approveAll(vault.ground(), intent, [KEYS.carl])) };
});

flipped("a new wallet", () => {
  const { vault, book } = siege;
  const intent = world.wallet(book, { wallet: "second", client: "client-a" });
  return { vault, command: world.execute([intent], world.approveAll(vault.ground(), intent, [KEYS.carl])) };
});

flipped("a freeze", () => {
  const { vault, book } = siege;
  const intent = world.freeze(book, { level: "wallet", subject: "treasury" });
  return { vault, command: world.execute([intent], world.approveAll(vault.ground(), intent, [])) };
});

/** A vault that was frozen, with the unfreeze registered and its delay over. */
function frozen(): Siege & { intent: ReturnType<typeof world.unfreeze> } {
  const made = besiege();
  const { vault, book } = made;
  const freeze = world.freeze(book);
  must(vault.run(freeze, []));
  const intent = world.unfreeze(book, world.intentId(freeze));
  const bytes = encode(Intent, intent);
  const approvals = world.approveAll(vault.ground(), intent, []);
  must(vault.send(world.command({ command: "register", intent: bytes, approvals })));
  vault.wait(world.HOUR);
  return { ...made, intent };
}

flipped("the end of a freeze", () => {
  const { vault, intent } = frozen();
  return { vault, command: world.execute([intent], world.approveAll(vault.ground(), intent, [KEYS.ben, KEYS.otto])) };
});

flipped("a registration", () => {
  const { vault, book } = siege;
  const intent = world.pay(book, { amount: 6n * world.ETH });
  const approvals = world.approveAll(vault.ground(), intent, []);
  return { vault, command: world.command({ command: "register", intent: encode(Intent, intent), approvals }) };
});

flipped("a rejection", () => {
  const { vault, book } = siege;
  const approval = world.approve(vault.ground(), world.pay(book), { key: KEYS.amy, decision: "reject" });
  return { vault, command: world.command({ command: "object", approval }) };
});

flipped("a veto", () => {
  const { vault, book } = siege;
  const next = world.nextRulebook(book, { approvalLifeMs: 1 });
  const approval = world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "veto" });
  return { vault, command: world.command({ command: "object", approval }) };
});

flipped("facts of finality", () => {
  const { vault, book } = besiege();
  const answer = must(vault.run(world.pay(book), TWO));
  const [transaction] = decode(ExecutionBody, answer.body).transactions;
  return { vault, command: world.command({ command: "inform", facts: world.finality(book, transaction?.id as string) }) };
});

flipped("a head that is shown", () => {
  const { vault } = siege;
  const head = must(vault.send(world.command({ command: "head" }))).body;
  return { vault, command: world.command({ command: "witness", head: world.sign(Head, head, KEYS.vault) }) };
});

flipped("a checkpoint of the audit log", () => {
  const { vault } = besiege();
  const log = logOf(leavesOf(11));
  must(vault.send(checkpoint(log, { last: 0, size: 6 })));
  return { vault, command: checkpoint(log, { last: 6, size: 11 }) };
});

flipped("a weakened rulebook whose delay is over", () => {
  const { vault, book } = besiege();
  const next = world.nextRulebook(book, { approvalLifeMs: 2 * world.DAY });
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  must(vault.send(world.command({ command: "rulebook", rulebook, approvals: [] })));
  vault.wait(world.DAY);
  const approvals = [world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" })];
  return { vault, command: world.command({ command: "rulebook", rulebook, approvals }) };
});

flipped("a rulebook that hands over to another vault, whose delay is over", () => {
  const { vault, book } = besiege();
  const position = { seq: vault.state.seq, hash: vault.state.head };
  const next = world.nextRulebook(book, {
    vault: device("heir").id,
    handover: { vault: book.document.vault, head: position },
  });
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  must(vault.send(world.command({ command: "rulebook", rulebook, approvals: [] })));
  vault.wait(world.DAY);
  const approvals = [world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" })];
  return { vault, command: world.command({ command: "rulebook", rulebook, approvals }) };
});

flipped("administrators' words that a start goes on", () => {
  const { vault } = besiege();
  vault.boot();
  const approvals = [KEYS.ada, KEYS.ben].map((key) => world.approveStart(vault.ground(), vault.start(), { key }));
  return { vault, command: world.command({ command: "confirm", approvals }) };
});

flipped("a ceremony: genesis and first rulebook", () => {
  const { signedGenesis: genesis, signedRulebook: rulebook } = siege.made;
  return { vault: new MemoryVault(), command: world.command({ command: "found", genesis, rulebook }) };
});

test("no flipped byte of a leaf is the same leaf, nor in the same tree", (t) => {
  const salt = fromHex(someHash("salt"));
  const leaf: Leaf = {
    ...{ version: 1, deployment: siege.made.deployment, number: 3, at: world.NOW, type: "request.opened", actor: "tom" },
    ...{ subject: "request:1", unit: "desk", client: "client-a", dataHash: dataHash({ salt, data: Uint8Array.of(1) }) },
    signed: [someHash("intent")],
  };
  const bytes = encode(Leaf, leaf);
  const others = ["a", "b", "c", "d"].map((name) => leafHash(fromHex(someHash(name))));
  const tree = { size: 5, root: rootOf(append(NO_LEAVES, others.toSpliced(3, 0, leafHash(bytes))).tree) };
  const hashOf = ({ level, index }: Node) =>
    rootOf(append(NO_LEAVES, others.toSpliced(3, 0, leafHash(bytes)).slice(index << level, (index + 1) << level)).tree);
  const proof = gather(planInclusion({ leaf: 3, size: 5 }), hashOf);
  const isThere = (candidate: Uint8Array) => isIncluded({ leaf: 3, hash: leafHash(candidate) }, tree, proof);
  assert.ok(isThere(bytes));
  let tried = 0;
  for (const other of flips(bytes)) {
    assert.equal(isThere(other), false);
    const read = attempt(() => decode(Leaf, other));
    if (read.ok) assert.notDeepEqual(read.value, leaf);
    tried += 1;
  }
  t.diagnostic(`count: flips: ${tried} tried, ${tried} refused`);
});

const IDENTITY = createPublicKey({
  key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), KEYS.vault.publicKey]),
  format: "der",
  type: "spki",
});

/** What whoever receives a signed object of the vault checks: its layout, and the one signature by the vault's key. */
function accepts(kind: Kind<unknown>, bytes: Uint8Array): boolean {
  try {
    const { body, signatures } = decode(Signed, bytes);
    decode(kind, body);
    const [signature, ...more] = signatures;
    if (signature?.key !== KEYS.vault.id || more.length > 0) return false;
    if (signature.clientData !== undefined || signature.authenticatorData !== undefined) return false;
    const formed = precheckEd25519(KEYS.vault.publicKey, signature.signature);
    return formed && verify(null, challengeOf(kind, body), IDENTITY, signature.signature);
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

test("no flipped byte of what the vault signs passes", (t) => {
  const { vault } = siege;
  const common = { version: 1, deployment: siege.made.deployment, vault: siege.made.vault } as const;
  const position = { seq: vault.state.seq, hash: vault.state.head };
  const attestation = must(vault.send(world.command({ command: "address", wallet: "treasury", index: 0 }))).body;
  const head = must(vault.send(world.command({ command: "head" }))).body;
  const answer = { boot: someHash("boot"), request: someHash("request"), code: "OK", field: "", detail: "", body: head };
  const receipt = encode(Receipt, { ...common, ...answer, head: position, at: world.NOW });
  const logged = must(vault.send(checkpoint(logOf(leavesOf(7)), { last: 0, size: 7 }))).body;
  const objects: readonly (readonly [Kind<unknown>, Uint8Array])[] = [
    [Attestation, attestation],
    [Head, head],
    [Receipt, receipt],
    [Checkpoint, logged],
  ] as never;
  let tried = 0;
  for (const [kind, body] of objects) {
    const signed = world.sign(kind, body, KEYS.vault);
    assert.ok(accepts(kind, signed), kind.name);
    for (const bytes of flips(signed)) {
      assert.equal(accepts(kind, bytes), false, kind.name);
      tried += 1;
    }
    for (const [other] of objects)
      if (other !== kind) assert.equal(accepts(other, signed), false, `${kind.name} as ${other.name}`);
  }
  t.diagnostic(`count: flips: ${tried} tried, ${tried} refused`);
});
