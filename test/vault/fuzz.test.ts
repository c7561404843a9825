/** Commands that are almost right: whatever is changed in a good one, the vault refuses with a code that it knows, or does
 *  exactly what honest people signed. It never meets a state that it does not know. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fromHex, toHex } from "../../core/src/bytes.ts";
import { writeArguments } from "../../core/src/chain/evm/abi.ts";
import { evm } from "../../core/src/chain/evm/evm.ts";
import { parseMethod } from "../../core/src/chain/evm/method.ts";
import { attempt } from "../../core/src/errors.ts";
import type { Part, Record } from "../../core/src/journal/record.ts";
import { Command } from "../../core/src/protocol/command.ts";
import { Approval } from "../../core/src/signed/approval.ts";
import { Entry } from "../../core/src/signed/entry.ts";
import { Fact } from "../../core/src/signed/fact.ts";
import { Genesis } from "../../core/src/signed/genesis.ts";
import { Head } from "../../core/src/signed/head.ts";
import { Intent, type IntentOf } from "../../core/src/signed/intent.ts";
import { decode, encode, type Kind, Signed } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { decide } from "../../vault/src/decide/decide.ts";
import type { State } from "../../vault/src/state/state.ts";
import type { Answer, Outcome } from "../../vault/src/types.ts";
import { demandTold } from "../world/explain.ts";
import { type Device, someHash } from "../world/keys.ts";
import { checkpoint, leavesOf, logOf } from "../world/log.ts";
import { MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { dump } from "./dump.ts";
import {
  bookOf,
  bumped,
  cancelOf,
  freezeBy,
  LATER,
  payment,
  propose,
  register,
  reject,
  send,
  settle,
  transactionOf,
  vaultWith,
} from "./ground.ts";

const { KEYS } = world;
type Pay = IntentOf<"pay">;
const LOG = logOf(leavesOf(5));

/** A vault in which something of everything has happened, and payments of it by name. */
function livedIn() {
  const vault = vaultWith(({ rules }) => ({ rules: [...rules, ...world.CALLING] }));
  must(vault.run(world.enter(bookOf(vault), world.pool(bookOf(vault))), [KEYS.carl]));
  const [paid, final, pending, registered] = ["paid", "final", "pending", "registered"].map((reference) => {
    return payment(vault, { reference, amount: reference === "registered" ? 6n * world.ETH : world.ETH });
  }) as [Pay, Pay, Pay, Pay];
  must(send(vault, paid));
  must(settle(vault, transactionOf(send(vault, final))));
  must(vault.send(checkpoint(LOG, { last: 0, size: 3 })));
  must(register(vault, registered));
  must(reject(vault, payment(vault, { reference: "rejected" })));
  must(vault.run(freezeBy(vault, { level: "person", subject: "tina" }, KEYS.otto), []));
  must(propose(vault, world.nextRulebook(bookOf(vault), { limits: [] })));
  vault.wait(world.DAY);
  vault.hold = true;
  send(vault, pending);
  return { vault, paid, registered };
}

/** A call of a method with a text and a list. */
function calling(vault: MemoryVault): IntentOf<"call"> {
  const given = writeArguments(parseMethod("note(string,uint256[])", "").types, ["rent", [1n, 2n]], "");
  const call = { reference: "call", method: "note(string,uint256[])", arguments: given, amount: 0n, notAfter: LATER };
  return world.call(bookOf(vault), call);
}

/** Where a command is to be decided, and a good command of every kind. */
type Good = { readonly state: State; readonly command: Command };

function goodCommands(): { readonly vault: MemoryVault; readonly list: readonly Good[] } {
  const { vault, paid, registered } = livedIn();
  const { state } = vault;
  const book = bookOf(vault);
  const ground = vault.ground();
  const fresh = payment(vault, { reference: "fresh" });
  const zoe = payment(vault, { reference: "zoe", destination: world.destinationOf(world.zoe(book)) });
  const screened = [world.screening(book, world.zoe(book), { at: vault.now.hi })];
  const next = world.nextRulebook(book, { limits: [] });
  const tighter = world.nextRulebook(book, { limits: book.document.limits.map((limit) => ({ ...limit, most: 1n })) });
  const seen = world.approveRulebook(ground, next, { key: KEYS.cleo, decision: "seen" });
  const all = (intent: Intent, by: readonly Device[] = [KEYS.amy, KEYS.bob]) => world.approveAll(ground, intent, by);
  const change = (rulebook: Rulebook, approvals: readonly Uint8Array[]) => {
    return world.command({ command: "rulebook", rulebook: world.signValue(Rulebook, rulebook, KEYS.ada, KEYS.ben), approvals });
  };
  const entry = world.entryOf(book, { name: "new", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" });
  const operations = { initiator: KEYS.carl.id, notAfter: registered.notAfter } as const;
  const off = (intent: Intent) => world.execute([intent], all(intent, [KEYS.cleo]));
  const head = world.signValue(Head, headOf(vault), KEYS.vault);
  const known = transactionOf({ ...send(vault, paid) });
  const commands: readonly Command[] = [
    world.command({ command: "status" }),
    world.command({ command: "head" }),
    world.execute([fresh], all(fresh)),
    world.execute([fresh, zoe], [...all(fresh), ...all(zoe)], { facts: screened }),
    world.execute([registered], all(registered, [KEYS.amy, KEYS.bob, KEYS.otto])),
    world.execute([cancelOf(vault, paid)], all(cancelOf(vault, paid)), { context: bumped() }),
    world.execute([paid], all(paid)),
    world.execute([calling(vault)], all(calling(vault))),
    off(world.wallet(book, { ...operations, wallet: "second" })),
    off(world.enter(book, entry, operations)),
    off(world.retire(book, world.acme(book), operations)),
    world.execute([freezeBy(vault)], world.approveAll(ground, freezeBy(vault), [])),
    world.command({ command: "register", intent: encode(Intent, fresh), approvals: all(fresh, []) }),
    world.command({ command: "object", approval: world.approve(ground, fresh, { key: KEYS.amy, decision: "reject" }) }),
    world.command({ command: "object", approval: world.approveRulebook(ground, next, { key: KEYS.cleo, decision: "veto" }) }),
    world.command({ command: "address", wallet: "treasury", index: 1 }),
    world.command({ command: "witness", head }),
    checkpoint(LOG, { last: 3, size: 5 }),
    world.reprice(paid, bumped()),
    world.command({ command: "inform", facts: world.finality(book, known, { at: vault.now.hi }) }),
    world.command({ command: "show", what: "execution", name: world.intentId(paid) }),
    change(next, [seen]),
    change(tighter, []),
  ];
  const made = world.makeWorld();
  const found = world.command({ command: "found", genesis: made.signedGenesis, rulebook: made.signedRulebook });
  return {
    vault,
    list: [...commands.map((command) => ({ state, command })), { state: new MemoryVault().state, command: found }],
  };
}

function headOf(vault: MemoryVault): Head {
  return decode(Head, must(vault.send(world.command({ command: "head" }))).body);
}

// changing one thing

type Plain = { readonly [name: string]: unknown };
/** `at`: which place of all, `how`: what is done to it, `salt`: anything. */
type Change = { readonly at: number; readonly how: number; readonly salt: number };

/** Kinds that bytes inside a command may be; the first that fits is opened and changed inside. */
const INNER: readonly Kind<unknown>[] = [
  Signed,
  Intent,
  Approval,
  Fact,
  Head,
  Genesis,
  Rulebook,
  Entry,
] as readonly Kind<unknown>[];

/** The value with one thing changed somewhere inside. */
function changed(value: unknown, change: Change): unknown {
  if (value instanceof Uint8Array) return changedBytes(value, change);
  if (Array.isArray(value)) return changedList(value, change);
  if (typeof value === "object" && value !== null) return changedObject(value as Plain, change);
  if (typeof value === "number")
    return [value + 1, Math.max(0, value - 1), 0, Number.MAX_SAFE_INTEGER, change.salt][change.how % 5];
  if (typeof value === "bigint") return [value + 1n, 0n, 2n ** 256n - 1n, BigInt(change.salt), value * 2n][change.how % 5];
  if (typeof value === "boolean") return !value;
  return changedText(String(value), change);
}

const WORDS = [
  "",
  "zoe",
  "acme",
  "treasury",
  "usdx",
  "eth",
  "otto",
  "olga",
  "tina",
  "31337",
  "approve",
  "initiate",
  "veto",
  "seen",
  "any",
];

function changedText(text: string, { how, salt }: Change): string {
  if (/^[0-9a-f]{32,}$/.test(text) && how % 4 !== 0) {
    const digit = salt % text.length;
    return how % 4 === 1
      ? "0".repeat(text.length)
      : `${text.slice(0, digit)}${text[digit] === "0" ? "1" : "0"}${text.slice(digit + 1)}`;
  }
  return [WORDS[salt % WORDS.length] as string, `${text}x`, text.slice(1), text.toUpperCase()][how % 4] as string;
}

function changedList(list: readonly unknown[], { at, how, salt }: Change): unknown {
  if (list.length === 0) return list;
  const place = at % list.length;
  if (how % 4 === 0) return list.toSpliced(place, 1);
  if (how % 4 === 1) return [...list, list[place]];
  if (how % 4 === 2 && list.length > 1) return list.toReversed();
  return list.map((item, index) => (index === place ? changed(item, { at: Math.floor(at / 8), how, salt }) : item));
}

function changedObject(value: Plain, { at, how, salt }: Change): Plain {
  const names = Object.keys(value);
  const name = names[at % names.length] as string;
  return { ...value, [name]: changed(value[name], { at: Math.floor(at / names.length), how, salt }) };
}

function changedBytes(bytes: Uint8Array, { at, how, salt }: Change): Uint8Array {
  for (const kind of how % 3 === 0 ? [] : INNER) {
    const read = attempt(() => decode(kind, bytes));
    if (!read.ok) continue;
    const written = attempt(() => encode(kind, changed(read.value, { at, how: Math.floor(how / 3), salt })));
    return written.ok ? written.value : flipped(bytes, salt);
  }
  return [flipped(bytes, salt), bytes.slice(0, -1), Uint8Array.of(...bytes.slice(0, 4000), 0), new Uint8Array()][
    salt % 4
  ] as Uint8Array;
}

function flipped(bytes: Uint8Array, salt: number): Uint8Array {
  const at = salt % Math.max(1, bytes.length);
  return bytes.map((byte, index) => (index === at ? byte ^ (1 << (salt % 8)) : byte));
}

// what may come of it

function answerOf({ effects }: Outcome): Answer | undefined {
  for (const effect of effects) if ("reply" in effect && "code" in effect.reply) return effect.reply;
  return undefined;
}

function moved({ intent, unsigned }: Part): string {
  return `${toHex(intent)} ${evm.read(unsigned).transfers.map(({ to, amount }) => `${to} ${amount}`)}`;
}

/** What a record does, without what nobody signs: its date, the chain's fees, the order of a batch, which good approvals came
 *  along. */
function meaning(record: Record): unknown {
  switch (record.kind) {
    case "committed":
      return record.parts.map(moved).toSorted();
    case "repriced":
      return moved(record.part);
    case "adopted":
    case "proposed":
      return decode(Signed, record.rulebook).body;
    case "founded":
      return [decode(Signed, record.genesis).body, decode(Signed, record.rulebook).body];
    case "noticed":
    case "addressed":
    // Nobody signs what is asked for here, and a proof binds roots: a size of the same height passes too.
    case "checkpointed":
      return null;
    case "settled":
      return record.transaction;
    case "rejected":
      return record.intentId;
    case "vetoed":
      return record.rulebookId;
    default:
      return "intent" in record ? record.intent : record;
  }
}

const LEFT_BY_REFUSALS: readonly Record["kind"][] = ["noticed", "halted"];

/** Asserts that the outcome is a refusal without effect, or means nothing that the good commands do not mean. */
function harmless(outcome: Outcome, meanings: ReadonlySet<string>): void {
  const answer = answerOf(outcome);
  assert.notEqual(answer?.code, "INTERNAL", answer?.detail);
  const records = outcome.records.map(({ value }) => value);
  if (answer !== undefined && answer.code !== "OK") {
    assert.ok(
      records.every(({ kind }) => LEFT_BY_REFUSALS.includes(kind)),
      answer.code,
    );
    return;
  }
  for (const record of records) assert.ok(meanings.has(meant(record)), record.kind);
}

function meant(record: Record): string {
  return JSON.stringify([record.kind, dump({ it: meaning(record) } as never)]);
}

const change = fc.record({ at: fc.nat(1_000_000), how: fc.nat(1000), salt: fc.nat(1_000_000) });

test("a good command that is changed anywhere is refused, or means what it meant", (t) => {
  const { vault, list } = goodCommands();
  const { now } = vault;
  const before = dump(vault.state);
  const meanings = new Set<string>();
  for (const { state, command } of list) {
    const outcome = decide(state, { now, command: encode(Command, command) });
    assert.ok([undefined, "OK"].includes(answerOf(outcome)?.code), `${command.command}: ${answerOf(outcome)?.detail}`);
    for (const { value } of outcome.records) meanings.add(meant(value));
  }
  let sent = 0;
  const codes = new Map<string, number>();
  const dear = 3; // the commands with a rulebook are last; each costs as much as ten others
  const index = fc.oneof(
    { weight: 8, arbitrary: fc.nat(list.length - 1 - dear) },
    { weight: 1, arbitrary: fc.integer({ min: list.length - dear, max: list.length - 1 }) },
  );
  const runs = process.env["STRONGROOM_LONG"] === undefined ? 18_000 : 1_000_000;
  const one = (index: number, how: Change): void => {
    const { state, command } = list[index] as Good;
    const whole = attempt(() => encode(Command, changed(command, how) as Command));
    const bytes = whole.ok ? whole.value : flipped(encode(Command, command), how.salt);
    const outcome = decide(state, { now, command: bytes });
    if (how.salt % 8 === 0) demandTold(state, { now, command: bytes }, outcome);
    sent += 1;
    const code = answerOf(outcome)?.code ?? "waits";
    codes.set(code, (codes.get(code) ?? 0) + 1);
    harmless(outcome, meanings);
  };
  fc.assert(fc.property(index, change, one), { numRuns: runs, seed: 1 });
  assert.deepEqual(dump(vault.state), before);
  t.diagnostic(
    `${sent} changed commands, ${codes.size} answers: ${[...codes].map(([code, count]) => `${code} ${count}`).join(", ")}`,
  );
  assert.ok(codes.size > 30);
});

/** An intent with one thing changed, honestly approved by everybody whose approval could be wanted. */
function approved(vault: MemoryVault, intent: Intent, how: Change): Command | undefined {
  const made = attempt(() => decode(Intent, encode(Intent, changed(intent, how) as Intent)));
  if (!made.ok) return undefined;
  const by = [KEYS.amy, KEYS.bob, KEYS.carl, KEYS.cleo, KEYS.otto].filter((key) => key.id !== made.value.initiator);
  const known = Object.values(KEYS).some((key) => key.id === made.value.initiator);
  const approvals = attempt(() => (known ? world.approveAll(vault.ground(), made.value, by) : []));
  const facts = [world.screening(bookOf(vault), world.zoe(bookOf(vault)), { at: vault.now.hi })];
  const { gasLimit } = { gasLimit: 21_000 + (how.salt % 100_000) };
  return world.execute([made.value], approvals.ok ? approvals.value : [], {
    facts,
    context: { ...bumped(BigInt(how.salt % 12)), gasLimit },
  });
}

test("whatever honest people approve is refused with a code, or done exactly as they read it", (t) => {
  const { vault, paid, registered } = livedIn();
  const { now, state } = vault;
  const book = bookOf(vault);
  const intents: readonly Intent[] = [
    payment(vault, { reference: "fresh" }),
    payment(vault, { reference: "token", asset: "usdx", amount: 7n }),
    payment(vault, { reference: "again", replaces: world.intentId(paid) }),
    payment(vault, { reference: "zoe", destination: world.destinationOf(world.zoe(book)) }),
    cancelOf(vault, paid),
    calling(vault),
    world.call(book, { notAfter: registered.notAfter }),
    registered,
    world.wallet(book, { initiator: KEYS.carl.id, wallet: "second", client: "alice", notAfter: registered.notAfter }),
    world.enter(book, world.entryOf(book, { name: "new", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" })),
    world.retire(book, world.zoe(book), { notAfter: registered.notAfter }),
    freezeBy(vault),
    world.unfreeze(book, someHash("none"), { notAfter: registered.notAfter }),
  ];
  const codes = new Map<string, number>();
  const one = (index: number, how: Change): void => {
    const command = approved(vault, intents[index] as Intent, how);
    if (command === undefined) return;
    const input = { now, command: encode(Command, command) };
    const outcome = decide(state, input);
    demandTold(state, input, outcome);
    const code = answerOf(outcome)?.code ?? "waits";
    codes.set(code, (codes.get(code) ?? 0) + 1);
    assert.notEqual(code, "INTERNAL", answerOf(outcome)?.detail);
    for (const { value } of outcome.records) if (value.kind === "committed") asRead(value);
  };
  fc.assert(
    fc.property(fc.tuple(fc.nat(intents.length - 1), change), ([index, how]) => one(index, how)),
    { numRuns: 3000, seed: 1 },
  );
  t.diagnostic([...codes].map(([code, count]) => `${code} ${count}`).join(", "));
  assert.ok((codes.get("waits") ?? 0) > 100 && codes.size > 20);
});

/** The bytes pay exactly what the intent says. */
function asRead({ parts }: Extract<Record, { kind: "committed" }>): void {
  for (const { intent: bytes, unsigned, from } of parts) {
    const intent = decode(Intent, bytes);
    const { chainId, transfers, feeMax, called, other } = evm.read(unsigned);
    if (intent.kind === "call") {
      const data = concat(fromHex(evm.selector(intent.method)), intent.arguments);
      const { destination, amount } = intent;
      assert.deepEqual(called, { to: destination.address, amount, data, name: other });
      assert.ok(chainId === intent.chain && feeMax <= intent.totalFee);
      continue;
    }
    assert.ok(intent.kind === "pay" || intent.kind === "cancel");
    const paid = intent.kind === "pay" ? { to: intent.destination.address, amount: intent.amount } : { to: from, amount: 0n };
    assert.deepEqual([other, transfers.length, chainId], [null, 1, intent.chain]);
    assert.deepEqual({ to: transfers[0]?.to, amount: transfers[0]?.amount }, paid);
    assert.ok(feeMax <= intent.totalFee);
  }
}
