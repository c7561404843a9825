/** How an attack is tried: against the production judgement in memory, from a state in which the untouched request
 *  succeeds.
 *
 *  *  The attacker owns the server, its database and its network: he sends any bytes in any order, replays them and
 *  combines what honest people have signed. He has no honest person's key; where a sentence says so he is one of the
 *  enrolled persons. Every variation starts from the same state, and a refusal may leave nothing behind but the dates of
 *  facts and a halt. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, type Hash, toHex } from "../../core/src/bytes.ts";
import { evm } from "../../core/src/chain/evm/evm.ts";
import type { RefusalCode } from "../../core/src/errors.ts";
import { openRecord, type Record } from "../../core/src/journal/record.ts";
import type { CommandOf, ExecutionBody } from "../../core/src/protocol/command.ts";
import type { Book } from "../../core/src/rulebook/book.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { decode, encode, Signed } from "../../core/src/signed/object.ts";
import { type Rulebook, Rulebook as RulebookKind } from "../../core/src/signed/rulebook.ts";
import type { Answer } from "../../vault/src/types.ts";
import { type Device, ORIGIN, RP_ID_HASH } from "../world/keys.ts";
import { demoDocument } from "../world/rulebook.ts";
import { execution, foundedVault, type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";

/** What a refusal may write down: dates of proven facts, and that the vault has stopped for good. */
const HARMLESS: readonly Record["kind"][] = ["noticed", "halted"];

const tally = { tried: 0, refused: 0 };

/** One test of an attack. Its count is summed over all files by `npm test`. */
export function attacks(sentence: string, work: () => void | Promise<void>): void {
  test(sentence, async (t) => {
    const before = { ...tally };
    await work();
    t.diagnostic(`count: attacks: ${tally.tried - before.tried} tried, ${tally.refused - before.refused} refused`);
  });
}

/** Counts one attack that `check` shows to have failed; for attacks on something else than a vault in memory. */
export async function fails(check: () => void | Promise<void>): Promise<void> {
  tally.tried += 1;
  await check();
  tally.refused += 1;
}

/** Does `work` and puts the vault back to where it was. */
export function aside<T>(vault: MemoryVault, work: () => T): T {
  const { state, now, hold } = vault;
  const { length } = vault.journal;
  const held = [...vault.held];
  try {
    return work();
  } finally {
    vault.state = state;
    vault.now = now;
    vault.hold = hold;
    vault.journal.length = length;
    vault.held.splice(0, vault.held.length, ...held);
  }
}

/** The untouched request is carried out; then the vault is put back, so that every attack starts where it would succeed. */
export function honest(vault: MemoryVault, send: () => Answer): Answer {
  return aside(vault, () => must(send()));
}

/** `honest` for payments and cancellations: the transactions are signed. */
export function honestlySigned(vault: MemoryVault, send: () => Answer): ExecutionBody {
  const body = execution(honest(vault, send));
  assert.equal(body.state, "signed");
  assert.ok(body.transactions.length > 0);
  return body;
}

/** One variation of an attack: refused with exactly this code, with nothing in the answer and nothing done. The answer. */
export function refused(vault: MemoryVault, code: RefusalCode, how: string, send: () => Answer): Answer {
  return aside(vault, () => {
    tally.tried += 1;
    const before = { records: vault.journal.length, held: vault.held.length };
    const answer = send();
    assert.equal(answer.code, code, `${how}: ${answer.code} at ${answer.field}: ${answer.detail}`);
    assert.equal(answer.body.length, 0, `${how}: a refusal carries nothing`);
    const done = vault.journal.slice(before.records).map((bytes) => openRecord(bytes).value.kind);
    const harmful = done.filter((kind) => !HARMLESS.includes(kind));
    assert.deepEqual(harmful, [], `${how}: a refusal does nothing`);
    assert.equal(vault.held.length, before.held, `${how}: a refusal asks the key store for nothing`);
    tally.refused += 1;
    return answer;
  });
}

/** A vault under siege: founded, with the wallet `treasury`, its address 0, and the entries "acme" and "zoe". */
export type Siege = { readonly vault: MemoryVault; readonly made: world.World; readonly book: Book };

/** `rulebook` changes the demonstration rulebook before it is founded. */
export function besiege(
  parts: Omit<NonNullable<Parameters<typeof foundedVault>[0]>, "rulebook"> & {
    rulebook?: (demo: Rulebook) => Partial<Rulebook>;
  } = {},
): Siege {
  const { rulebook, ...rest } = parts;
  const change = rulebook === undefined ? {} : { rulebook: rulebook(demoDocument(world.demoGenesis(parts.genesis))) };
  const { vault, made } = foundedVault({ ...rest, ...change });
  return { vault, made, book: made.book };
}

/** The two approvers of the demonstration rulebook. */
export const TWO: readonly Device[] = [world.KEYS.amy, world.KEYS.bob];

/** An `execute` of one intent with fresh honest approvals of the initiator and two approvers. */
export function request(
  vault: MemoryVault,
  intent: Intent,
  more: Parameters<typeof world.execute>[2] = {},
): CommandOf<"execute"> {
  return world.execute([intent], world.approveAll(vault.ground(), intent, TWO), more);
}

/** The object in a signed envelope replaced, its signatures kept: what a server without keys can do. */
export function withBody(signed: Uint8Array, body: Uint8Array): Uint8Array {
  return encode(Signed, { ...decode(Signed, signed), body });
}

/** The intent with single fields changed, whatever its kind. */
export function changed<I extends Intent>(intent: I, change: Partial<I>): I {
  return decode(Intent, encode(Intent, { ...intent, ...change } as I)) as I;
}

/** The rulebook's line for a passkey. */
export function passkeyLine(key: Device, keyClass: "device" | "served"): Rulebook["persons"][number]["keys"][number] {
  const rpIdHash = toHex(RP_ID_HASH) as Hash;
  return { scheme: "webauthn-es256", publicKey: key.publicKey, class: keyClass, rpIdHash, origin: ORIGIN, synced: false };
}

/** The persons with these keys beside those that they have. */
export function withKeys(
  demo: Rulebook,
  more: { readonly [person: string]: Rulebook["persons"][number]["keys"] },
): Rulebook["persons"] {
  return demo.persons.map((person) => ({ ...person, keys: [...person.keys, ...(more[person.id] ?? [])] }));
}

/** A rulebook with one rule more. */
export function withRule(demo: Rulebook, ...rules: Rulebook["rules"]): Partial<Rulebook> {
  return { rules: [...demo.rules, ...rules] };
}

/** Builds transactions in another way than the vault does. */
export type Builder = typeof evm.build;

/** Does `work` while the vault's builder is this one, as if it had been tampered with. */
export function withBuilder<T>(build: Builder, work: () => T): T {
  const { build: before } = evm;
  Object.assign(evm, { build });
  try {
    return work();
  } finally {
    Object.assign(evm, { build: before });
  }
}

/** A rulebook's bytes with a quorum that is nested `levels` deeper than the encoding allows to write. */
export function nested(book: Book, levels: number): Uint8Array {
  const leaf = { type: "group", group: "approvers", count: 1 } as const;
  const quorum = { type: "anyOf", of: [{ type: "anyOf", of: [leaf] }] } as const;
  const deepest = { ...OPEN, ...NOTHING, id: "deep", quorum };
  const bytes = encode(RulebookKind, world.nextRulebook(book, { rules: [...book.document.rules, deepest] }));
  const at = Buffer.from(bytes).lastIndexOf(Buffer.from("81a3000101", "hex"));
  assert.ok(at > 0);
  const level = new Uint8Array(Buffer.from("81a2000303", "hex"));
  return concat(bytes.subarray(0, at), ...Array.from({ length: levels }, () => level), bytes.subarray(at));
}
