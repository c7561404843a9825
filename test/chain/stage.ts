/** A stage for tests of following a chain: anvil behind three proxies, a real database, a follower that is moved by hand, and a
 *  scan of the chain to compare the records with. */
import assert from "node:assert/strict";
import { openEvm } from "../../server/src/chain/evm/evm.ts";
import { type Follower, followOne } from "../../server/src/chain/follow.ts";
import { sendDue } from "../../server/src/chain/outgoing.ts";
import * as store from "../../server/src/chain/store.ts";
import type { ChainConfig, ChainTransaction, Deposit, Observers, Outflow } from "../../server/src/chain/types.ts";
import { openWatched } from "../../server/src/chain/watched.ts";
import type { Uuid } from "../../server/src/db/ids.ts";
import { uuid } from "../../server/src/db/ids.ts";
import type { Reader, Tx } from "../../server/src/db/tables.ts";
import { transact } from "../../server/src/db/transact.ts";
import { type Lease, takeLease } from "../../server/src/jobs/store.ts";
import { type Anvil, CHAIN, type Front, startAnvil, startProxy } from "../world/chain.ts";
import { type TestDatabase, withDatabase } from "../world/database.ts";

/** What observers heard, in their order. */
export type Heard = { readonly what: keyof Observers; readonly id: string; readonly at: string };

export type Stage = {
  readonly anvil: Anvil;
  readonly fronts: readonly Front[];
  readonly database: TestDatabase;
  readonly follower: Follower;
  readonly heard: Heard[];
  /** Contracts by the asset that the rulebook calls them; may grow. */
  readonly tokens: Record<string, string>;
  lease: Lease;
  /** Watches an address; names of wallets are free. */
  watch(address: string, it?: { wallet?: string; client?: string | null }): Promise<void>;
  /** Looks at the nodes and follows until there is nothing more to do, or it halts. Gives why it halted, or an empty text. */
  catchUp(): Promise<string>;
  deposits(): Promise<readonly Deposit[]>;
  /** The live ones, as `<asset> <amount> <state>`. */
  book(): Promise<readonly string[]>;
  sent(): Promise<readonly ChainTransaction[]>;
  close(): Promise<void>;
};

export type Setting = {
  readonly config?: Partial<ChainConfig>;
  readonly nodes?: number;
};

export async function openStage({ config, nodes = 3 }: Setting = {}): Promise<Stage> {
  const [anvil, database] = await Promise.all([startAnvil({ byHand: true }), withDatabase()]);
  const fronts = await Promise.all(Array.from({ length: nodes }, () => startProxy(anvil.url)));
  const full: ChainConfig = {
    nodes: fronts.map(({ url }, at) => ({ name: `node-${at}`, url })),
    quorum: Math.floor(nodes / 2) + 1,
    confirmations: [{ blocks: 3 }],
    reorgDepth: 12,
    trace: true,
    pollMs: 10,
    start: 1,
    ...config,
  };
  const heard: Heard[] = [];
  const tokens: Record<string, string> = {};
  const follower = followerOn(database.db, { config: full, tokens, heard });
  const watched = openWatched(database.db, CHAIN);
  const lease = await newLease(database.db);
  const all = {
    wallet: "",
    unit: "bank",
    role: "administrator",
    name: "ada",
    person: null,
    client: null,
    units: ["bank"],
  } as const;
  const stage: Stage = {
    ...{ anvil, fronts, database, follower, heard, tokens, lease },
    watch: (address, { wallet = "w", client = null } = {}) =>
      transact(database.db, (tx) => store.watchAddress(tx, { chain: CHAIN, address, wallet, index: 0, client, unit: "bank" })),
    async catchUp() {
      await follower.online.poll();
      for (let steps = 0; steps < 2_000; steps++) {
        const step = await followOne(follower, stage.lease, watched);
        if (step.at === "halted") return step.reason;
        if (step.at === "head") {
          await sendDue(follower, stage.lease);
          return "";
        }
      }
      return assert.fail("it never comes to the head");
    },
    deposits: () => store.listDeposits(database.db, all, { before: null, limit: 10_000 }),
    async book() {
      const live = (await stage.deposits()).filter(({ state }) => state !== "reorged");
      return live.map(({ asset, amount, state }) => `${asset} ${amount} ${state}`).sort();
    },
    sent: async () => [...(await store.openTransactions(database.db, CHAIN))],
    async close() {
      await follower.online.close();
      await Promise.all([...fronts.map((front) => front.stop()), anvil.stop(), database.close()]);
    },
  };
  return stage;
}

/** One holder for all, who takes the lease again each time. */
const HOLDER = uuid();

export async function newLease(db: Reader, holder: Uuid = HOLDER): Promise<Lease> {
  return (await takeLease(db, { name: `chain:${CHAIN}`, holder, leaseMs: 60_000 })) ?? assert.fail("somebody has the lease");
}

export function followerOn(
  db: Reader,
  { config, tokens, heard }: { config: ChainConfig; tokens: Record<string, string>; heard: Heard[] },
): Follower {
  const known = () => Object.entries(tokens).map(([asset, contract]) => ({ asset, contract }));
  return {
    chain: CHAIN,
    config,
    online: openEvm(CHAIN, config, Date.now),
    db,
    assets: async () => ({ name: "test", native: "eth", tokens: known() }),
    now: Date.now,
    observers: listening(heard),
  };
}

function listening(heard: Heard[]): Observers {
  const hear = (what: keyof Observers) => async (_: Tx, it: Deposit | ChainTransaction | Outflow) => {
    heard.push({ what, id: it.id, at: `${it.block}` });
  };
  return {
    depositSeen: hear("depositSeen"),
    depositFinal: hear("depositFinal"),
    depositReorged: hear("depositReorged"),
    slotTaken: async () => false,
    depositOdd: hear("depositOdd"),
    depositOddReorged: hear("depositOddReorged"),
    transactionIncluded: hear("transactionIncluded"),
    transactionFinal: hear("transactionFinal"),
    transactionReorged: hear("transactionReorged"),
    transactionReplaced: hear("transactionReplaced"),
    transactionStuck: hear("transactionStuck"),
    outflowSeen: hear("outflowSeen"),
    outflowFinal: hear("outflowFinal"),
    outflowReorged: hear("outflowReorged"),
    blockEnded: async () => undefined,
  };
}

/** An address of ours by its number. */
export function ours(number: number): string {
  return OURS[number] ?? assert.fail("there are few addresses");
}
/** Of anvil's own mnemonic, from the third on. */
const OURS = [
  "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
  "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
  "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
  "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
  "0x976EA74026E726554dB657fA54763abd0C3a0aa9",
];
