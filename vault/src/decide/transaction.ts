/** From a resolved intent to unsigned bytes: the vault builds them itself, reads them back with code that shares nothing with
 *  the builder, compares what they do with what was approved, and reserves their slots. */
import { ascii, type Hash, hash, toHex } from "@strongroom/core/bytes";
import { chainOf } from "@strongroom/core/chain/table";
import type { Effect as ChainEffect } from "@strongroom/core/chain/types";
import { demand } from "@strongroom/core/errors";
import type { Part } from "@strongroom/core/journal/record";
import type { EvmContext } from "@strongroom/core/protocol/command";
import type { Limit } from "@strongroom/core/signed/rulebook";
import { BUMP_DENOMINATOR, BUMP_NUMERATOR } from "../limits.ts";
import { get, has } from "../state/map.ts";
import type { JobPart } from "../state/state.ts";
import { used } from "../state/usage.ts";
import type { Now, SigningPart } from "../types.ts";
import type { Founded } from "./approvals.ts";
import type { Resolved } from "./resolve.ts";

/** What earlier intents of the same command have taken already. */
export type Draft = { readonly nonces: Map<string, number>; readonly spent: Map<string, bigint>; readonly slots: Set<string> };

export function emptyDraft(): Draft {
  return { nonces: new Map(), spent: new Map(), slots: new Set() };
}

/** The commitment's part for one intent; takes nonce, limits and slots in `draft`. Fails: LIMIT_EXCEEDED, FEE_TOO_HIGH,
 *  FEE_TOO_LOW, CONTEXT_INVALID, GAS_TOO_LOW, EFFECT_UNREADABLE, EFFECT_MISMATCH, TOO_MANY_OUTSTANDING, SLOT_TAKEN. */
export function prepare(state: Founded, now: Now, draft: Draft, it: Resolved): Part {
  const { order, context, chain, wallet, from, replaced } = it;
  const family = chainOf(chain.family);
  const nonce = nonceOf(state, draft, it);
  const unsigned = family.build({ chainId: chain.id, nonce, transfer: it.transfer }, context);
  const effect = family.read(unsigned);
  compare(effect, it, nonce);
  const counted = countLimits(state, now, draft, { it, feeMax: effect.feeMax });
  if (replaced !== undefined) demandBump(it, replaced);
  const slots = family.slots(effect, from.address);
  takeSlots(state, draft, { slots, replaced });
  return {
    intent: order.bytes,
    wallet: wallet.name,
    chain: chain.id,
    family: chain.family,
    from: from.address,
    path: `${wallet.path}/0/${from.index}`,
    ...{ unsigned, slots, nonce, counted },
    rates: ratesOf(context),
  };
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
function compare(effect: ChainEffect, { order: { intent }, chain, transfer }: Resolved, nonce: number): void {
  const [only, ...more] = effect.transfers;
  const same =
    effect.other === null &&
    more.length === 0 &&
    effect.chainId === intent.chain &&
    effect.nonce === nonce &&
    only?.asset === transfer.asset &&
    only.to === transfer.to &&
    only.amount === transfer.amount;
  demand(same, "EFFECT_MISMATCH", "orders", "the bytes that were built do something else than the intent");
  demand(
    effect.feeMax <= intent.totalFee,
    "FEE_TOO_HIGH",
    "orders.context",
    `it may cost ${effect.feeMax}, the intent allows ${intent.totalFee}`,
  );
  demand(
    intent.totalFee <= chain.maxFee,
    "FEE_TOO_HIGH",
    "intent.totalFee",
    `the rulebook allows ${chain.maxFee} on this chain`,
  );
}

type Costed = { readonly it: Resolved; readonly feeMax: bigint };

/** What this transaction adds to every limit. A replacement adds only what it costs more than the dearest version before. */
function countLimits(state: Founded, now: Now, draft: Draft, { it, feeMax }: Costed): Part["counted"] {
  const amounts = new Map<string, bigint>();
  const plus = (asset: string, amount: bigint) => amounts.set(asset, (amounts.get(asset) ?? 0n) + amount);
  if (it.replaced === undefined) plus(it.asset.id, it.transfer.amount);
  plus(it.chain.native, feeMax - dearestFee(state, it));
  return [...amounts].flatMap(([asset, amount]) => {
    const limits = amount > 0n ? (state.book.limitsOf.get(asset) ?? []) : [];
    return limits.map((limit) => countLimit(state, now, draft, { limit, amount, key: usageKey(limit, it) }));
  });
}

function countLimit(
  state: Founded,
  now: Now,
  draft: Draft,
  { limit, amount, key }: { limit: Limit; amount: bigint; key: string },
): Part["counted"][number] {
  const usage = get(state.usage, key);
  const before = (usage === undefined ? 0n : used(usage, now.lo)) + (draft.spent.get(key) ?? 0n);
  const left = limit.amount - before;
  demand(
    amount <= left,
    "LIMIT_EXCEEDED",
    `limits.${limit.id}`,
    `${left < 0n ? 0n : left} of ${limit.amount} are left in the window`,
  );
  draft.spent.set(key, (draft.spent.get(key) ?? 0n) + amount);
  return { key, amount, windowMs: limit.windowMs };
}

/** What a limit is counted for. */
function usageKey(limit: Limit, { wallet, transfer, person, chain }: Resolved): string {
  const of = {
    institution: "",
    client: wallet.client ?? "",
    wallet: wallet.name,
    destination: `${chain.id}:${transfer.to}`,
    initiator: person,
  };
  return `${limit.id}|${limit.windowMs}|${of[limit.level]}`;
}

/** Greatest fee of the versions that this one replaces, or zero. */
function dearestFee(state: Founded, { replaced, chain }: Resolved): bigint {
  let dearest = 0n;
  for (let version = replaced; version !== undefined; version = versionBefore(state, version)) {
    const { feeMax } = chainOf(chain.family).read(version.unsigned);
    if (feeMax > dearest) dearest = feeMax;
  }
  return dearest;
}

function versionBefore(state: Founded, version: JobPart): JobPart | undefined {
  if (version.pay.replaces === undefined) return undefined;
  const place = get(state.intents, version.pay.replaces) as { job: Hash; part: number };
  return get(state.jobs, place.job)?.parts[place.part];
}

function ratesOf({ maxFeePerGas, maxPriorityFeePerGas }: EvmContext): readonly bigint[] {
  return [maxFeePerGas, maxPriorityFeePerGas];
}

/** Nodes take a replacement only when each of its fee rates rises. */
function demandBump({ context }: Resolved, replaced: JobPart): void {
  const now = ratesOf(context);
  const rises = replaced.rates.every((before, at) => (now[at] as bigint) * BUMP_DENOMINATOR >= before * BUMP_NUMERATOR);
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
export function jobId(parts: readonly Part[], ids: readonly Hash[]): Hash {
  const lines = parts.map((part, at) => `${ids[at]} ${part.slots.join(" ")} ${toHex(part.unsigned)}`);
  return hash("strongroom/job/1", ascii(lines.join("\n")));
}

/** What the key store is asked to sign. */
export function signingPart(part: Part): SigningPart {
  return { path: part.path, family: part.family, scheme: "secp256k1", bytes: part.unsigned };
}
