/** What a block means for us: which movements are deposits, what was really received, what became of our transactions, and when
 *  each is final. Pure. */
import { limits } from "../host/limits.ts";
import type { ChainConfig, Change, Confirmation, DepositState, Holding, Listed, Mined, Movement } from "./types.ts";

/** Blocks that make a movement final: the first entry that fits. Without any the most careful one, the depth that is
 *  followed. */
export function blocksNeeded(
  config: Pick<ChainConfig, "confirmations" | "reorgDepth">,
  asset: string | null,
  amount: bigint,
): number {
  const fits = (one: Confirmation) =>
    (one.asset === undefined || one.asset === asset) && (one.below === undefined || amount < one.below);
  return config.confirmations.find(fits)?.blocks ?? config.reorgDepth + 1;
}

/** What of a token really came to and left a holder within one block.
 *
 *  A log is a claim of the token's; its balances are what can be spent. Where they differ a shortage is taken from what came in
 *  first, since that is what a token that takes a fee or lies has overstated; a surplus means that less has left than it said.
 *  Without balances nothing came in. The books so follow the balances in every case. */
export function audit(
  logged: { readonly came: bigint; readonly left: bigint },
  change: Change,
): { came: bigint; left: bigint } {
  const { came, left } = logged;
  if (change === null) return { came: 0n, left };
  const surplus = change.after - change.before - (came - left);
  if (surplus >= 0n) return { came, left: most(0n, left - surplus) };
  const short = -surplus;
  return short <= came ? { came: came - short, left } : { came: 0n, left: left === 0n ? 0n : left + short - came };
}

/** Parts of `total` in the proportion of the amounts; they sum up to it exactly. */
export function share(total: bigint, amounts: readonly bigint[]): readonly bigint[] {
  const sum = amounts.reduce((a, b) => a + b, 0n);
  let [seen, given] = [0n, 0n];
  return amounts.map((amount) => {
    seen += amount;
    const upTo = sum === 0n ? 0n : (total * seen) / sum;
    const part = upTo - given;
    given = upTo;
    return part;
  });
}

const most = (a: bigint, b: bigint) => (a > b ? a : b);

/** One text for a holder and a token. */
export function holdingKey({ contract, address }: Holding): string {
  return `${contract} ${address}`;
}

/** Amounts of all movements of tokens in a block by their holding: what came, what left, as the logs say. */
export type Logged = ReadonlyMap<string, { readonly came: bigint; readonly left: bigint }>;

export function loggedOf(movements: readonly Movement[], holdings: readonly Holding[]): Logged {
  const sums = new Map(holdings.map((holding) => [holdingKey(holding), { came: 0n, left: 0n }]));
  for (const { contract, from, to, amount } of movements) {
    if (contract === null) continue;
    const [payee, payer] = [sums.get(holdingKey({ contract, address: to })), sums.get(holdingKey({ contract, address: from }))];
    if (payee !== undefined) payee.came += amount;
    if (payer !== undefined) payer.left += amount;
  }
  return sums;
}

/** What a movement to us is. `asset` null: of a token that the rulebook does not know. */
export type Judged = {
  readonly movement: Movement;
  readonly asset: string | null;
  readonly amount: bigint;
  readonly state: Exclude<DepositState, "final" | "reorged">;
  readonly reason: string;
};

export type Ground = {
  /** Empty when the rulebook does not know the chain. */
  readonly native: string;
  /** Asset by the contract's key. */
  readonly tokens: ReadonlyMap<string, string>;
  readonly dust: NonNullable<ChainConfig["dust"]>;
  /** Ids of transactions that failed. */
  readonly failed: ReadonlySet<string>;
  readonly logged: Logged;
  /** By holding. */
  readonly changes: ReadonlyMap<string, Change>;
};

/** Judges the movements of a block that are to us. Those of failed transactions and those of nothing are none; of unknown
 *  tokens a block shows no more than a limit, since they cost their maker little. */
export function judgeIncoming(incoming: readonly Movement[], ground: Ground): readonly Judged[] {
  const real = incoming.filter(({ tx, amount }) => amount > 0n && !ground.failed.has(tx));
  const received = receivedOf(real, ground);
  let unknown = 0;
  return real.flatMap((movement): Judged[] => {
    const { contract, amount } = movement;
    const asset = (contract === null ? ground.native : ground.tokens.get(contract)) || null;
    if (asset === null) {
      unknown += 1;
      const reason = `The rulebook does not know this ${contract === null ? "chain" : "token"}.`;
      return unknown > limits.unknownPerBlock ? [] : [{ movement, asset, amount, state: "unknown", reason }];
    }
    return [judgeKnown(movement, asset, received.get(movement) ?? amount, ground)];
  });
}

function judgeKnown(movement: Movement, asset: string, amount: bigint, ground: Ground): Judged {
  const logged = movement.amount;
  const dust = ground.dust.find((one) => one.asset === asset)?.below ?? 0n;
  if (amount === 0n) {
    return { movement, asset, amount, state: "suspect", reason: `The token logs ${logged} and its balance does not show it.` };
  }
  if (amount < dust)
    return { movement, asset, amount, state: "suspect", reason: `It is below ${dust}, the threshold of dust.` };
  const reason = amount === logged ? "" : `The token logs ${logged} and kept ${logged - amount} of it.`;
  return { movement, asset, amount, state: "seen", reason };
}

/** What of each token movement was really received. */
function receivedOf(incoming: readonly Movement[], ground: Ground): ReadonlyMap<Movement, bigint> {
  const byHolding = new Map<string, Movement[]>();
  for (const movement of incoming) {
    const { contract, to } = movement;
    if (contract === null || !ground.tokens.has(contract)) continue;
    const key = holdingKey({ contract, address: to });
    byHolding.set(key, [...(byHolding.get(key) ?? []), movement]);
  }
  const received = new Map<Movement, bigint>();
  for (const [key, movements] of byHolding) {
    const { came } = audit(ground.logged.get(key) ?? { came: 0n, left: 0n }, ground.changes.get(key) ?? null);
    const parts = share(
      came,
      movements.map(({ amount }) => amount),
    );
    for (const [at, movement] of movements.entries()) received.set(movement, parts[at] ?? 0n);
  }
  return received;
}

/** What of one of our payments really left. `sent` is of our transaction; addresses are keys. */
export function movedBy(sent: { from: string; contract: string | null; amount: bigint }, mined: Mined, ground: Ground): bigint {
  if (!mined.succeeded) return 0n;
  const { contract, from } = sent;
  if (contract === null) return sent.amount;
  const own = mined.movements.filter((one) => one.contract === contract);
  const left = sum(own.filter((one) => one.from === from)) - sum(own.filter((one) => one.to === from));
  if (left <= 0n) return 0n;
  return reallyLeft({ contract, address: from }, left, ground);
}

/** What left an address within a transaction, of one asset; of the native asset with the fee. */
export type Left = { readonly tx: string; readonly from: string; readonly asset: string; readonly amount: bigint };

/** What left our addresses. `paid`: transactions that our addresses pay for. `moved`: movements
 *  from our addresses that are no transaction's own value. `outcomes`: how the former went. A token that logs what its balances
 *  do not show has moved nothing. */
export function judgeOutgoing(
  { paid, moved }: { readonly paid: readonly Listed[]; readonly moved: readonly Movement[] },
  outcomes: ReadonlyMap<string, Mined>,
  ground: Ground,
): readonly Left[] {
  const left: Left[] = paid.map(({ id, from, value }) => {
    const mined = outcomes.get(id);
    if (mined === undefined) throw new Error(`transaction ${id} has no receipt`);
    return { tx: id, from, asset: ground.native, amount: mined.fee + (mined.succeeded ? value : 0n) };
  });
  for (const { tx, from, contract, amount } of moved) {
    const asset = contract === null ? ground.native : (ground.tokens.get(contract) ?? "");
    const real = contract === null ? amount : reallyLeft({ contract, address: from }, amount, ground);
    left.push({ tx, from, asset, amount: real });
  }
  const sums = new Map<string, Left>();
  for (const one of left) {
    const key = `${one.tx} ${one.from} ${one.asset}`;
    sums.set(key, { ...one, amount: one.amount + (sums.get(key)?.amount ?? 0n) });
  }
  return [...sums.values()].filter(({ asset, amount }) => asset !== "" && amount > 0n);
}

/** The part of what a token logs as having left a holder that his balance shows. */
function reallyLeft(holding: Holding, amount: bigint, ground: Ground): bigint {
  const key = holdingKey(holding);
  const logged = ground.logged.get(key);
  const change = ground.changes.get(key);
  if (logged === undefined || change === undefined || logged.left === 0n) return amount;
  return (audit(logged, change).left * amount) / logged.left;
}

function sum(movements: readonly Movement[]): bigint {
  return movements.reduce((total, { amount }) => total + amount, 0n);
}

/** Whether a transaction that waits is stuck: too long, or it pays less than the chain asks. */
export function isStuck(
  it: { readonly createdAt: Date; readonly stuckAt: Date | null; readonly maxFeePerGas: bigint; readonly sends: number },
  at: { readonly now: number; readonly baseFee: bigint; readonly stuckMs: number; readonly resendMs: number },
): boolean {
  const since = (it.stuckAt ?? it.createdAt).getTime();
  const tooCheap = it.maxFeePerGas < at.baseFee && it.stuckAt === null && at.now - since >= at.resendMs;
  return it.sends > 0 && (tooCheap || at.now - since >= at.stuckMs);
}

/** The fees that fit into what an intent may spend. `over`: those of the version that is replaced, above which each must be
 *  by an eighth.   Source: docs/spec/evm.md, "What is built". */
export function feesWithin(
  wanted: { readonly gasLimit: number; readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint },
  bounds: { readonly totalFee: bigint; readonly over?: { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint } | undefined },
): { gasLimit: number; maxFeePerGas: bigint; maxPriorityFeePerGas: bigint } {
  const { gasLimit } = wanted;
  const { over } = bounds;
  const floor = (fee: bigint) => (fee * 9n + 7n) / 8n;
  const raised = over === undefined ? 0n : floor(over.maxFeePerGas);
  const maxFeePerGas = least(most(wanted.maxFeePerGas, raised), bounds.totalFee / BigInt(gasLimit));
  const tip = over === undefined ? 0n : floor(over.maxPriorityFeePerGas);
  return { gasLimit, maxFeePerGas, maxPriorityFeePerGas: least(most(wanted.maxPriorityFeePerGas, tip), maxFeePerGas) };
}

const least = (a: bigint, b: bigint) => (a < b ? a : b);
