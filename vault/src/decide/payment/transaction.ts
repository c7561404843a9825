/** From a resolved intent to unsigned bytes: the vault builds them itself, reads them back with code that shares nothing with
 *  the builder, compares what they do with what was approved, and reserves their slots. */
import { ascii, concat, equal, fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import { chainOf } from "@strongroom/core/chain/table";
import type { Call, Effect as ChainEffect, Order as ChainOrder } from "@strongroom/core/chain/types";
import { demand, refuse } from "@strongroom/core/errors";
import type { Part } from "@strongroom/core/journal/record";
import type { EvmContext } from "@strongroom/core/protocol/command";
import { BUMP_DENOMINATOR, BUMP_NUMERATOR } from "../../limits.ts";
import { hash } from "../../state/hash.ts";
import { get, has } from "../../state/map.ts";
import { type Founded, type JobPart, type JobState, type State, versionsOf } from "../../state/state.ts";
import type { Job, Now, SigningPart } from "../../types.ts";
import { priceOf, type Quotes } from "../evidence/prices.ts";
import { countLimits, demandCounted, nothingSpent, type Spent } from "./limits.ts";
import type { Named, Resolved } from "./resolve.ts";

/** What earlier intents of the same command have taken already. */
export type Draft = { readonly nonces: Map<string, number>; readonly spent: Spent; readonly slots: Set<string> };

export function emptyDraft(): Draft {
  return { nonces: new Map(), spent: nothingSpent(), slots: new Set() };
}

/** The commitment's part for one intent that `keys` initiated and approved; takes nonce, limits and slots in `draft`.
 *  Fails: TOO_MANY_OUTSTANDING, CONTEXT_INVALID, GAS_TOO_LOW, FEE_TOO_HIGH, LIMIT_EXCEEDED, FEE_TOO_LOW, SLOT_TAKEN;
 *  EFFECT_UNREADABLE, EFFECT_MISMATCH when builder and reader contradict each other. */
export function prepare(state: Founded, now: Now, draft: Draft, it: Resolved, keys: readonly Hash[]): Part {
  const { order, context, chain, wallet, from, replaced, quotes } = it;
  const { nonce, unsigned, effect } = build(state, draft, it);
  const before = [...versionsOf(state, replaced)];
  const counted = countLimits(state, now, draft.spent, { it, feeMax: effect.feeMax, before, quotes });
  const slots = takePlace(state, draft, it, effect);
  return {
    intent: order.bytes,
    wallet: wallet.name,
    chain: chain.id,
    family: chain.family,
    from: from.address,
    path: `${wallet.path}/0/${from.index}`,
    ...{ unsigned, slots, nonce, counted, keys },
    rates: ratesOf(context),
    prices: pricesIn(quotes),
  };
}

/** What is to be built. */
export function orderOf({ chain, transfer, call }: Pick<Named, "chain" | "transfer" | "call">, nonce: number): ChainOrder {
  return { chainId: chain.id, nonce, transfer, ...(call !== undefined && { call }) };
}

/** The bytes, read back and compared; takes their nonce in `draft`. Fails: TOO_MANY_OUTSTANDING, CONTEXT_INVALID, GAS_TOO_LOW,
 *  FEE_TOO_HIGH, EFFECT_UNREADABLE, EFFECT_MISMATCH. */
export function build(state: Founded, draft: Draft, it: Resolved) {
  const { chain, context } = it;
  const family = chainOf(chain.family);
  const nonce = nonceOf(state, draft, it);
  const unsigned = family.build(orderOf(it, nonce), context);
  const effect = family.read(unsigned);
  compare(effect, it, nonce);
  return { nonce, unsigned, effect };
}

/** The slots, taken in `draft`. Fails: FEE_TOO_LOW for a replacement, SLOT_TAKEN. */
export function takePlace(state: Founded, draft: Draft, it: Resolved, effect: ChainEffect): readonly string[] {
  const { chain, from, replaced } = it;
  if (replaced !== undefined) demandBump(it, replaced);
  const slots = chainOf(chain.family).slots(effect, from.address);
  takeSlots(state, draft, { slots, replaced });
  return slots;
}

/** The prices that the commitment rests on; a dearer version and a resumption count with them again. */
function pricesIn(quotes: Quotes): Part["prices"] {
  return [...quotes.keys()].flatMap((asset) => {
    const price = priceOf(quotes, asset);
    return price === undefined ? [] : [{ asset, price }];
  });
}

/** The prices of a commitment. */
export function quotesIn({ prices }: Pick<Part, "prices">): Quotes {
  return new Map(prices.map(({ asset, price }) => [asset, { ok: true, value: price }]));
}

/** Refuses unless the bytes of a withheld commitment still are what the vault would sign for its intent.
 *  Fails: SLOT_TAKEN when a replacement was committed meanwhile, EFFECT_MISMATCH, FEE_TOO_HIGH, LIMIT_EXCEEDED. */
export function demandStillRight(state: Founded, now: Now, it: Named, { job, part }: { job: JobState; part: JobPart }): void {
  demand(holdsSlots(state, job, part), "SLOT_TAKEN", "orders", "another transaction has taken its place");
  const effect = chainOf(part.family).read(part.unsigned);
  compare(effect, it, part.nonce);
  const [, ...before] = versionsOf(state, part);
  demandCounted(state, now, { it, feeMax: effect.feeMax, before, quotes: quotesIn(part) }, part);
}

/** Whether no replacement was committed and no version became final since. */
export function holdsSlots({ live }: Pick<State, "live">, { id }: JobState, { slots }: JobPart): boolean {
  return slots.every((slot) => get(live, slot)?.job === id);
}

/** Contiguous nonces: the next one, or that of the transaction which is replaced. */
function nonceOf(state: Founded, draft: Draft, { chain, from, replaced }: Resolved): number {
  if (replaced !== undefined) return replaced.nonce;
  const account = `${chain.id}:${from.address}`;
  const first = get(state.nonces, account) ?? 0;
  const nonce = draft.nonces.get(account) ?? first;
  const outstanding = (get(state.outstanding, account) ?? 0) + nonce - first;
  const room = outstanding < chain.maxOutstanding;
  demand(room, "TOO_MANY_OUTSTANDING", "intent.wallet", `${outstanding} transactions of ${from.address} are not final`);
  draft.nonces.set(account, nonce + 1);
  return nonce;
}

/** Refuses unless the bytes do exactly what the intent says and nothing else. */
function compare(effect: ChainEffect, it: Named, nonce: number): void {
  const { order, chain, call } = it;
  const { intent } = order;
  const does = call === undefined ? isPayment(effect, it) : isCall(effect, it, call);
  const same = does && effect.chainId === intent.chain && effect.nonce === nonce;
  demand(same, "EFFECT_MISMATCH", "orders", "the bytes do something else than the intent");
  const { feeMax } = effect;
  const { totalFee } = intent;
  if (feeMax > totalFee) refuse("FEE_TOO_HIGH", "orders.context", `it may cost ${feeMax}, the intent allows ${totalFee}`);
  const { maxFee } = chain;
  if (totalFee > maxFee) refuse("FEE_TOO_HIGH", "intent.totalFee", `the rulebook allows ${maxFee} on this chain`);
}

function isPayment({ transfers, other }: ChainEffect, { transfer }: Named): boolean {
  const [only, ...more] = transfers;
  const same = only?.asset === transfer.asset && only.to === transfer.to && only.amount === transfer.amount;
  return same && more.length === 0 && other === null;
}

/** `other` has the name of the call exactly when the bytes do nothing else beside it. */
function isCall({ called, other }: ChainEffect, { chain, transfer }: Named, { method, arguments: body }: Call): boolean {
  const data = concat(fromHex(chainOf(chain.family).selector(method)), body);
  const same = called?.to === transfer.to && called.amount === transfer.amount && equal(called.data, data);
  return same && other === called.name;
}

function ratesOf({ maxFeePerGas, maxPriorityFeePerGas }: EvmContext): readonly bigint[] {
  return [maxFeePerGas, maxPriorityFeePerGas];
}

/** Nodes take a replacement only when each of its fee rates rises, also from zero. So no two versions are the same bytes. */
function demandBump({ context }: Resolved, replaced: JobPart): void {
  const now = ratesOf(context);
  const rises = replaced.rates.every((before, at) => {
    const rate = now[at] as bigint;
    return rate > before && rate * BUMP_DENOMINATOR >= before * BUMP_NUMERATOR;
  });
  demand(rises, "FEE_TOO_LOW", "orders.context", "every fee rate must rise by an eighth");
}

/** Every slot is free, or held by exactly the transaction that is replaced. */
function takeSlots(
  state: Founded,
  draft: Draft,
  { slots, replaced }: { slots: readonly string[]; replaced: JobPart | undefined },
): void {
  for (const slot of slots) {
    const free = !draft.slots.has(slot) && (replaced === undefined ? !has(state.slots, slot) : replaced.slots.includes(slot));
    demand(free, "SLOT_TAKEN", "orders", `${slot} is held by another transaction`);
    draft.slots.add(slot);
  }
}

/** Id of a signing job: H over intent ids, slots and unsigned bytes, nothing local, so that peers arrive at the same one. */
export function jobId(parts: readonly Pick<Part, "slots" | "unsigned">[], ids: readonly Hash[]): Hash {
  const lines = parts.map((part, at) => `${ids[at]} ${part.slots.join(" ")} ${toHex(part.unsigned)}`);
  return hash("strongroom/job/1", ascii(lines.join("\n")));
}

type Bytes = Pick<Part, "path" | "family" | "unsigned">;

/** What the key store is asked to sign. */
export function signingJob({ id, parts }: { readonly id: Hash; readonly parts: readonly Bytes[] }): Job {
  return { id, parts: parts.map(signingPart) };
}

function signingPart({ path, family, unsigned }: Bytes): SigningPart {
  return { path, family, scheme: "secp256k1", bytes: unsigned };
}
