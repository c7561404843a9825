/** What a transaction adds to the limits of the rulebook, and whether they still hold. Amounts count from the commitment on,
 *  for the whole window, whether the transaction is ever sent or not. */
import { chainOf } from "@strongroom/core/chain/table";
import { demand, refuse } from "@strongroom/core/errors";
import type { Part } from "@strongroom/core/journal/record";
import type { Limit } from "@strongroom/core/signed/rulebook";
import { get } from "../../state/map.ts";
import { type Founded, type JobPart, type JobState, versionsOf } from "../../state/state.ts";
import { stillCounts, type Usage, unused, used } from "../../state/usage.ts";
import type { Now } from "../../types.ts";
import type { Named } from "./resolve.ts";

type Counted = Part["counted"];
/** What earlier intents of the same command have taken of each limit. */
export type Spent = Map<string, bigint>;

/** A transaction with the most that it may cost, in base units of the native asset, and what it replaces. */
export type Costed = { readonly it: Named; readonly feeMax: bigint; readonly replaced: JobPart | undefined };

/** What this transaction adds to every limit; takes it in `spent`. Fails: LIMIT_EXCEEDED at the limit. */
export function countLimits(state: Founded, now: Now, spent: Spent, costed: Costed): Counted {
  return sharesOf(state, costed).map(({ limit, key, amount }) => {
    const taken = spent.get(key) ?? 0n;
    const { windowMs } = limit;
    const before = used(get(state.usage, key) ?? unused(windowMs), now.lo) + taken;
    if (before + amount > limit.amount) exceeded(limit, before);
    spent.set(key, taken + amount);
    return { key, amount, windowMs };
  });
}

/** Refuses unless a commitment that is taken up again still counts in every limit in force, and these hold.
 *  Fails: LIMIT_EXCEEDED at the limit. */
export function demandCounted(state: Founded, now: Now, costed: Costed, { job, part }: { job: JobState; part: JobPart }): void {
  for (const { limit, key, amount } of sharesOf(state, costed)) {
    const counted = part.counted.some((item) => item.key === key && item.amount >= amount);
    const alive = counted && stillCounts(limit.windowMs, { at: job.at, lo: now.lo });
    demand(alive, "LIMIT_EXCEEDED", `limits.${limit.id}`, "it no longer counts in this limit; cancel it and pay anew");
    const total = used(get(state.usage, key) as Usage, now.lo);
    if (total > limit.amount) exceeded(limit, total);
  }
}

function exceeded({ id, amount }: Limit, taken: bigint): never {
  refuse("LIMIT_EXCEEDED", `limits.${id}`, `${taken} of ${amount} are used in the window`);
}

type Share = { readonly limit: Limit; readonly key: string; readonly amount: bigint };

function sharesOf(state: Founded, { it, feeMax, replaced }: Costed): readonly Share[] {
  const before = replaced === undefined ? [] : [...versionsOf(state, replaced)];
  const isOut = before.some((version) => version.transaction !== undefined);
  const paid = isOut ? 0n : it.transfer.amount;
  const fee = isOut ? feeMax - dearest(before) : feeMax;
  const native = it.chain.native;
  const amounts =
    it.asset.id === native ? [[native, paid + fee] as const] : [[it.asset.id, paid] as const, [native, fee] as const];
  return amounts.flatMap(([asset, amount]) => {
    const limits = amount > 0n ? (state.book.limitsOf.get(asset) ?? []) : [];
    return limits.map((limit) => ({ limit, amount, key: usageKey(limit, it) }));
  });
}

/** Greatest fee of the versions. */
function dearest(versions: readonly JobPart[]): bigint {
  const fees = versions.map(({ family, unsigned }) => chainOf(family).read(unsigned).feeMax);
  return fees.reduce((most, fee) => (fee > most ? fee : most), 0n);
}

/** What a limit is counted for. */
function usageKey({ id, windowMs, level }: Limit, { wallet, transfer, person, chain }: Named): string {
  const of = {
    institution: "",
    client: wallet.client ?? "",
    wallet: wallet.name,
    destination: `${chain.id}:${transfer.to}`,
    initiator: person,
  };
  return `${id}|${windowMs}|${of[level]}`;
}
