/** What the tests of the judgement stand on: short ways to a state, and to the code of a refusal. */
import assert from "node:assert/strict";
import type { RefusalCode } from "../../core/src/errors.ts";
import { openRecord, type Record } from "../../core/src/journal/record.ts";
import type { EvmContext } from "../../core/src/protocol/command.ts";
import type { Book } from "../../core/src/rulebook/book.ts";
import type { Fact } from "../../core/src/signed/fact.ts";
import { Intent, type IntentOf } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import type { Answer } from "../../vault/src/types.ts";
import type { Device } from "../world/keys.ts";
import { execution, foundedVault, type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";

const { KEYS } = world;

/** Far after everything that a test waits for. */
export const LATER = world.NOW + 60 * world.DAY;

/** A founded vault whose rulebook has these fields changed. */
export function vaultWith(change: Partial<Rulebook> | ((book: Rulebook) => Partial<Rulebook>) = {}): MemoryVault {
  const rulebook = typeof change === "function" ? change(world.demoRulebook()) : change;
  return foundedVault({ rulebook }).vault;
}

export function bookOf({ state }: MemoryVault): Book {
  return state.book as Book;
}

/** Asserts the code of a refusal, and that it left no record but dates of facts. */
export function refused(vault: MemoryVault, code: RefusalCode, send: () => Answer, field?: string): void {
  const before = vault.journal.length;
  const answer = send();
  assert.equal(answer.code, code, `${answer.code} at ${answer.field}: ${answer.detail}`);
  if (field !== undefined) assert.equal(answer.field, field);
  assert.equal(answer.body.length, 0);
  const left = kinds(vault, before).filter((kind) => kind !== "noticed");
  assert.deepEqual(left, []);
}

/** Kinds of the records from `from` on. */
export function kinds({ journal }: MemoryVault, from = 0): Record["kind"][] {
  return journal.slice(from).map((bytes) => openRecord(bytes).value.kind);
}

/** A payment by tom that lives long. */
export function payment(vault: MemoryVault, change: Partial<IntentOf<"pay">> = {}): IntentOf<"pay"> {
  return world.pay(bookOf(vault), { notAfter: LATER, ...change });
}

export function cancelOf(vault: MemoryVault, of: Intent, change: Partial<IntentOf<"cancel">> = {}): IntentOf<"cancel"> {
  const reference = change.reference ?? `cancel ${of.reference}`;
  return world.cancel(bookOf(vault), world.intentId(of), { notAfter: LATER, reference, ...change });
}

/** Sends it with the approvals of amy and bob. */
export function send(vault: MemoryVault, intent: Intent, context: Partial<EvmContext> = {}): Answer {
  return vault.run(intent, [KEYS.amy, KEYS.bob], { context });
}

/** Several at once. */
export function sendAll(vault: MemoryVault, intents: readonly Intent[], contexts: readonly Partial<EvmContext>[] = []): Answer {
  const approvals = intents.flatMap((intent) => world.approveAll(vault.ground(), intent, [KEYS.amy, KEYS.bob]));
  const command = world.execute(intents, approvals);
  const orders = command.orders.map((order, at) => ({ ...order, context: { ...world.CONTEXT, ...contexts[at] } }));
  return vault.send({ ...command, orders });
}

/** `CONTEXT` with both fee rates `eighths` eighths higher, so that it may replace a transaction. */
export function bumped(eighths = 1n): EvmContext {
  const raise = (rate: bigint) => (rate * (8n + eighths)) / 8n;
  const { maxFeePerGas, maxPriorityFeePerGas } = world.CONTEXT;
  return { ...world.CONTEXT, maxFeePerGas: raise(maxFeePerGas), maxPriorityFeePerGas: raise(maxPriorityFeePerGas) };
}

/** Transaction id of an intent that was signed alone. */
export function transactionOf(answer: Answer): string {
  const [transaction] = execution(answer).transactions;
  assert.ok(transaction);
  return transaction.id;
}

/** Says that a transaction is final. */
export function settle(vault: MemoryVault, transaction: string, change: Partial<Extract<Fact, { type: "finality" }>> = {}) {
  const facts = world.finality(bookOf(vault), transaction, { at: vault.now.hi, ...change });
  return vault.send(world.command({ command: "inform", facts }));
}

/** Sends a rulebook signed by ada and ben. */
export function propose(vault: MemoryVault, next: Rulebook, approvals: readonly Uint8Array[] = []): Answer {
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  return vault.send(world.command({ command: "rulebook", rulebook, approvals }));
}

/** Puts a changed rulebook into force, at once or after the delay with cleo's receipt. */
export function adopt(vault: MemoryVault, change: (book: Rulebook) => Partial<Rulebook>): void {
  const next = world.nextRulebook(bookOf(vault), change(bookOf(vault).document));
  const first = must(propose(vault, next));
  if (first.body.length === 0) return;
  vault.wait(bookOf(vault).document.governance.delayMs);
  const seen = world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" });
  must(propose(vault, next, [seen]));
}

/** A freeze by olga, or by whoever `by` is. */
export function freezeBy(
  vault: MemoryVault,
  change: Partial<IntentOf<"freeze">> = {},
  by: Device = KEYS.olga,
): IntentOf<"freeze"> {
  const reference = change.reference ?? `freeze by ${by.name} ${vault.state.seq}`;
  return world.freeze(bookOf(vault), {
    notAfter: LATER,
    initiator: by.id,
    reference,
    ...change,
    nonce: world.nonceOf(reference),
  });
}

/** Lifts a freeze: ada, ben and otto agree, an hour passes. */
export function thaw(vault: MemoryVault, frozen: Intent): Answer {
  const reference = `unfreeze ${frozen.reference}`;
  const intent = world.unfreeze(bookOf(vault), world.intentId(frozen), { notAfter: LATER, reference });
  must(register(vault, intent));
  vault.wait(world.HOUR);
  return vault.run(intent, [KEYS.ben, KEYS.otto]);
}

/** Registers an intent with its initiator's approval. */
export function register(vault: MemoryVault, intent: Intent): Answer {
  const approvals = world.approveAll(vault.ground(), intent, []);
  return vault.send(world.command({ command: "register", intent: encode(Intent, intent), approvals }));
}

/** A rejection of an intent, by amy unless `by` is somebody else. */
export function reject(vault: MemoryVault, intent: Intent, by: Device = KEYS.amy): Answer {
  const approval = world.approve(vault.ground(), intent, { key: by, decision: "reject" });
  return vault.send(world.command({ command: "object", approval }));
}

/** The first address of a wallet. */
export function addressOf(vault: MemoryVault, wallet: string): string {
  const answer = must(vault.send(world.command({ command: "address", wallet, index: 0 })));
  return (/0x[0-9a-fA-F]{40}/.exec(Buffer.from(answer.body).toString("latin1")) as RegExpExecArray)[0];
}
