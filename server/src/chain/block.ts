/** Reads what one block brings us, before anything is written: deposits, what became of our transactions, and what left our
 *  addresses otherwise. */
import { uuid } from "../db/ids.ts";
import type { Reader } from "../db/tables.ts";
import { problem } from "../http/call.ts";
import {
  blocksNeeded,
  type Ground,
  holdingKey,
  type Judged,
  judgeIncoming,
  judgeOutgoing,
  type Left,
  loggedOf,
  movedBy,
} from "./rules.ts";
import { type Inclusion, isUntouched, openTransactions, type Watched, watchedBy } from "./store.ts";
import type {
  BlockContent,
  BlockRef,
  ChainAssets,
  ChainConfig,
  ChainTransaction,
  Deposit,
  Listed,
  Mined,
  Movement,
  Online,
  Outflow,
} from "./types.ts";

/** What reading a chain takes. */
export type Source = {
  readonly chain: number;
  readonly config: ChainConfig;
  readonly online: Online;
  readonly db: Reader;
  readonly assets: () => Promise<ChainAssets>;
  readonly now: () => number;
};

export type Included = { readonly id: string; readonly inclusion: Inclusion };
export type Taken = { readonly id: string; readonly by: string; readonly finalAt: number };
export type Brought = {
  readonly deposits: readonly Deposit[];
  readonly included: readonly Included[];
  readonly taken: readonly Taken[];
  readonly outflows: readonly Outflow[];
};

/** Fails: CHAIN_UNREACHABLE, VAULT_UNREACHABLE, RECORD_TAMPERED. */
export async function readBlock(source: Source, block: BlockRef, isWatched: (key: string) => boolean): Promise<Brought> {
  const { chain, config, online, db } = source;
  const content = await online.content(block);
  const incoming = content.movements.filter(({ to, amount }) => amount > 0n && isWatched(to));
  const { mine, taken } = ours(content, await openTransactions(db, chain));
  const outgoing = outgoingIn(content, isWatched);
  const { ground, outcomes } = await groundOf(source, block, { content, incoming, mine, outgoing });
  const judged = judgeIncoming(incoming, ground);
  const left = judgeOutgoing(outgoing, outcomes, ground);
  const keys = [...new Set([...judged.map(({ movement }) => movement.to), ...left.map(({ from }) => from)])];
  const watched = await watchedBy(db, chain, keys);
  return {
    outflows: left.map((one) => outflowOf(source, block, one, watched.get(one.from))),
    deposits: judged.map((one) => depositOf(source, block, one, watched.get(one.movement.to))),
    included: mine.map((it) => includedIn(source, it, outcomes.get(it.id), ground)),
    taken: taken.map(({ it, by }) => ({ id: it.id, by, finalAt: finalAt(config, block.number, it) })),
  };
}

/** How one of our transactions went that is in a block which was followed already. */
export async function readOne(source: Source, block: BlockRef, it: ChainTransaction): Promise<Included> {
  const content = await source.online.content(block);
  const { ground, outcomes } = await groundOf(source, block, { content, incoming: [], mine: [it], outgoing: NOTHING });
  return includedIn(source, it, outcomes.get(it.id), ground);
}

/** Our open transactions that a block has, and those whose slot another transaction of the block has taken. */
function ours(content: BlockContent, open: readonly ChainTransaction[]) {
  const bySlot = Map.groupBy(open, ({ slot }) => slot);
  const mine: ChainTransaction[] = [];
  const taken: { readonly it: ChainTransaction; readonly by: string }[] = [];
  for (const { id, slot } of content.listed) {
    for (const it of bySlot.get(slot) ?? []) {
      if (it.id === id) mine.push(it);
      else taken.push({ it, by: id });
    }
  }
  const touched = mine.find((it) => !isUntouched(it));
  if (touched !== undefined)
    problem("RECORD_TAMPERED", "chain_tx", `Transaction ${touched.id} is not what its signed bytes say.`);
  return { mine, taken };
}

/** Transactions that our addresses pay for, and other movements from our addresses. Whether any of them is ours is looked at
 *  when they are written. */
type Outgoing = { readonly paid: readonly Listed[]; readonly moved: readonly Movement[] };
const NOTHING: Outgoing = { paid: [], moved: [] };

function outgoingIn({ listed, movements }: BlockContent, isWatched: (key: string) => boolean): Outgoing {
  return {
    paid: listed.filter(({ from }) => isWatched(from)),
    moved: movements.filter(({ from, place, amount }) => place !== "value" && amount > 0n && isWatched(from)),
  };
}

type Found = {
  readonly outgoing: Outgoing;
  readonly content: BlockContent;
  readonly incoming: readonly Movement[];
  readonly mine: readonly ChainTransaction[];
};

/** Asks for what the judgement needs: how transactions went, and what balances say of the tokens that the rulebook knows. */
async function groundOf(source: Source, block: BlockRef, { content, incoming, mine, outgoing }: Found) {
  const { config, online } = source;
  const assets = await source.assets();
  const tokens = new Map(assets.tokens.map(({ asset, contract }) => [online.addressKey(contract), asset]));
  const values = incoming.filter(({ place }) => place === "value").map(({ tx }) => tx);
  const ids = [...new Set([...values, ...[...mine, ...outgoing.paid].map(({ id }) => id)])];
  const known = (contract: string | null, address: string) =>
    contract !== null && tokens.has(contract) ? [{ contract, address }] : [];
  const received = incoming.flatMap(({ contract, to }) => known(contract, to));
  const gone = outgoing.moved.flatMap(({ contract, from }) => known(contract, from));
  const paid = mine.flatMap(({ contract, from }) =>
    contract === null ? [] : [{ contract: online.addressKey(contract), address: online.addressKey(from) }],
  );
  const holdings = [...new Map([...received, ...gone, ...paid].map((one) => [holdingKey(one), one])).values()];
  const [mined, changes] = await Promise.all([online.outcomes(block, ids), online.changes(block, holdings)]);
  const ground: Ground = {
    native: assets.native,
    tokens,
    dust: config.dust ?? [],
    failed: new Set(mined.filter(({ succeeded }) => !succeeded).map(({ id }) => id)),
    logged: loggedOf(content.movements, holdings),
    changes: new Map(holdings.map((one, at) => [holdingKey(one), changes[at] ?? null])),
  };
  return { ground, outcomes: new Map(mined.map((one) => [one.id, one])) };
}

function finalAt(config: ChainConfig, block: number, { asset, amount }: { asset: string | null; amount: bigint }): number {
  return block + blocksNeeded(config, asset, amount) - 1;
}

function includedIn({ config, online }: Source, it: ChainTransaction, mined: Mined | undefined, ground: Ground): Included {
  if (mined === undefined) throw new Error(`transaction ${it.id} has no receipt`);
  const { block, blockHash, succeeded, fee } = mined;
  const contract = it.contract === null ? null : online.addressKey(it.contract);
  const moved = movedBy({ from: online.addressKey(it.from), contract, amount: it.amount }, mined, ground);
  return { id: it.id, inclusion: { block, blockHash, succeeded, fee, moved, finalAt: finalAt(config, block, it) } };
}

function outflowOf(
  { chain, config, now }: Source,
  block: BlockRef,
  { tx, from, asset, amount }: Left,
  watched: Watched | undefined,
): Outflow {
  if (watched === undefined) throw new Error(`${from} is watched and has no row`);
  const { wallet, index, address, unit } = watched;
  return {
    ...{ id: uuid(), chain, tx, wallet, index, address, unit, asset, amount, covered: null, state: "seen" },
    ...{ block: block.number, blockHash: block.hash, finalAt: finalAt(config, block.number, { asset, amount }) },
    seenAt: new Date(now()),
  };
}

function depositOf(
  { chain, config, online, now }: Source,
  block: BlockRef,
  judged: Judged,
  watched: Watched | undefined,
): Deposit {
  if (watched === undefined) throw new Error(`${judged.movement.to} is watched and has no row`);
  const { movement, asset, amount, state, reason } = judged;
  const { wallet, index, address, client, unit } = watched;
  return {
    ...{ id: uuid(), chain, tx: movement.tx, place: movement.place, wallet, index, address, client, unit, asset },
    contract: movement.contract === null ? null : online.addressText(movement.contract),
    sender: online.addressText(movement.from),
    logged: movement.amount,
    ...{ amount, state, reason, block: block.number, blockHash: block.hash, blockAt: block.at },
    finalAt: finalAt(config, block.number, { asset, amount }),
    seenAt: new Date(now()),
  };
}
