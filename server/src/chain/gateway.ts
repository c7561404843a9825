/** The way to the chains: one for the whole process. It keeps looking at the nodes of every chain, answers what is asked of
 *  a chain by what enough of them say, and shows who lags or lies. It follows no blocks: `follow.ts` does, in one process at
 *  a time. */
import type { EvmContext } from "@strongroom/core/chain/evm/build";
import type { Family } from "@strongroom/core/chain/table";
import { troubleOf } from "../db/fault.ts";
import type { Reader } from "../db/tables.ts";
import { Bell } from "../host/bell.ts";
import { limits } from "../host/limits.ts";
import { Problem, problem } from "../http/call.ts";
import { openEvm } from "./evm/evm.ts";
import { feesWithin } from "./rules.ts";
import { type Cursor, readCursors } from "./store.ts";
import type { Asked, ChainAssets, ChainConfig, ChainView, Fees, Mined, Online, Quote, Sent } from "./types.ts";

/** The online half of each family of chains. */
const FAMILIES = { evm: openEvm } as const satisfies Record<Family, unknown>;

export type GatewayConfig = {
  readonly chains: ReadonlyMap<number, ChainConfig>;
  readonly db: Reader;
  /** What the current rulebook says of a chain. Fails: VAULT_UNREACHABLE. */
  readonly assets: (chain: number) => Promise<ChainAssets>;
  readonly now: () => number;
};

/** Everything that takes a chain fails with NOT_FOUND when that is not configured, and with CHAIN_UNREACHABLE when too few
 *  nodes agree. */
export type Gateway = {
  /** Begins to look at the nodes. */
  start(): void;
  close(): Promise<void>;
  view(): ChainView[];
  quote(chain: number, asked: Asked): Promise<Quote>;
  /** What the vault is given to build a transaction with, within what the intent may spend. `over`: fees of the version that is
   *  replaced; both are raised by an eighth at least, where the total fee allows it. */
  contextFor(
    chain: number,
    asked: Asked & { readonly totalFee: bigint; readonly over?: Fees | undefined },
  ): Promise<EvmContext>;
  balance(
    chain: number,
    address: string,
    contract?: string | null,
  ): Promise<{ amount: bigint; block: number; blockHash: string }>;
  /** How a transaction went, or null while no block that is agreed on has it. */
  transaction(chain: number, id: string): Promise<Mined | null>;
  broadcast(chain: number, raw: Uint8Array): Promise<Sent>;
  assets(chain: number): Promise<ChainAssets>;
  config(chain: number): ChainConfig;
  online(chain: number): Online;
  /** There is something to send: whoever follows the chain in this process takes his next turn at once. */
  hurry(chain: number): void;
  /** Waits until the nodes were looked at once more, until there is hurry, or until `signal`. */
  turn(chain: number, signal: AbortSignal): Promise<void>;
};

/** One chain of this process. */
type Watched = {
  readonly chain: number;
  readonly config: ChainConfig;
  readonly online: Online;
  readonly turns: Set<() => void>;
  /** Somebody was in a hurry while nobody waited for his turn. */
  isUrgent: boolean;
  name: string;
  cursor: Cursor | null;
};

export function openGateway({ chains, db, assets, now }: GatewayConfig): Gateway {
  const all = new Map<number, Watched>();
  for (const [chain, config] of chains) {
    const online = FAMILIES[config.family ?? "evm"](chain, config, now);
    all.set(chain, { chain, config, online, turns: new Set(), isUrgent: false, name: String(chain), cursor: null });
  }
  const ending = new AbortController();
  const loops: Promise<void>[] = [];
  const at = (chain: number): Watched => all.get(chain) ?? problem("NOT_FOUND", "chain", `Chain ${chain} is not configured.`);

  return {
    start() {
      for (const one of all.values()) loops.push(keepLooking(one, { db, assets, signal: ending.signal }));
    },
    async close() {
      ending.abort();
      await Promise.all([...all.values()].map(({ online }) => online.close()));
      await Promise.all(loops);
    },
    view: () => [...all.values()].map(viewOf),
    quote: async (chain, asked) => at(chain).online.quote(asked),
    async contextFor(chain, { totalFee, over, ...asked }) {
      return feesWithin(await at(chain).online.quote(asked), { totalFee, over });
    },
    balance: async (chain, address, contract = null) => at(chain).online.balance(address, contract),
    transaction: async (chain, id) => at(chain).online.mined(id),
    broadcast: async (chain, raw) => at(chain).online.broadcast(raw),
    assets: async (chain) => assets(at(chain).chain),
    config: (chain) => at(chain).config,
    online: (chain) => at(chain).online,
    hurry(chain) {
      const one = at(chain);
      one.isUrgent = one.turns.size === 0;
      for (const done of [...one.turns]) done();
    },
    turn(chain, signal) {
      const one = at(chain);
      const { turns } = one;
      return new Promise((resolve) => {
        const done = () => {
          turns.delete(done);
          signal.removeEventListener("abort", done);
          resolve();
        };
        const isUrgent = one.isUrgent;
        one.isUrgent = false;
        if (isUrgent || signal.aborted || ending.signal.aborted) return resolve();
        turns.add(done);
        signal.addEventListener("abort", done);
      });
    },
  };
}

type Looking = Pick<GatewayConfig, "db" | "assets"> & { readonly signal: AbortSignal };

async function keepLooking(one: Watched, { db, assets, signal }: Looking): Promise<void> {
  const pause = new Bell();
  signal.addEventListener("abort", () => pause.ring(), { once: true });
  while (!signal.aborted) {
    await one.online.poll();
    await learn(one, { db, assets });
    for (const done of [...one.turns]) done();
    if (!signal.aborted) await pause.wait(one.config.pollMs);
  }
  for (const done of [...one.turns]) done();
}

/** What is shown beside the nodes: how far whoever follows has come, and the chain's name. What is not there stays as it
 *  was. */
async function learn(one: Watched, { db, assets }: Pick<Looking, "db" | "assets">): Promise<void> {
  try {
    one.cursor = (await readCursors(db)).find(({ chain }) => chain === one.chain) ?? null;
    one.name = (await assets(one.chain)).name;
  } catch (error) {
    if (!(error instanceof Problem) && troubleOf(error) === null) throw error;
  }
}

function viewOf({ chain, config, online, name, cursor }: Watched): ChainView {
  const head = online.head();
  const shown = { id: chain, name, processed: cursor?.processed ?? null, quorum: config.quorum, nodes: [...online.health()] };
  if (head === null) return { ...shown, state: "unreachable", reason: cut(online.trouble()), head: null };
  const reason = cursor?.reason || online.trouble();
  return { ...shown, state: cursor?.state ?? "catching-up", reason: cut(reason), head: head.number };
}

const cut = (text: string) => text.slice(0, limits.reason);
