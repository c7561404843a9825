/** One block of 300 transactions, 200 of them deposits, followed with 1,000 and with 1,000,000 watched addresses: the server's
 *  own follower on a real node and a real PostgreSQL, in this process, with a stopwatch on what it asks either of them. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { sql } from "kysely";
import { openEvm } from "../../server/src/chain/evm/evm.ts";
import { type Follower, followOne } from "../../server/src/chain/follow.ts";
import { openGateway } from "../../server/src/chain/gateway.ts";
import { writeState } from "../../server/src/chain/store.ts";
import type { ChainConfig, Online } from "../../server/src/chain/types.ts";
import { openWatched } from "../../server/src/chain/watched.ts";
import { uuid } from "../../server/src/db/ids.ts";
import { migrate } from "../../server/src/db/migrate.ts";
import { openDatabase } from "../../server/src/db/open.ts";
import { startPostgres } from "../../server/src/db/postgres/start.ts";
import type { Reader } from "../../server/src/db/tables.ts";
import { observers } from "../../server/src/host/observers.ts";
import { type Lease, takeLease } from "../../server/src/jobs/store.ts";
import { openVaultLink } from "../../server/src/vault/link.ts";
import { type Anvil, CHAIN, calls, RICH, startAnvil } from "../../test/world/chain.ts";
import { ZERO } from "../../test/world/world.ts";
import type { Figure, Options, Table } from "../figure.ts";
import { median } from "../stats.ts";

const WATCHED = [1_000, 1_000_000] as const;
const TRANSACTIONS = 300;
const DEPOSITS = 200;
const CONFIRMATIONS = 2;
const LEASE_MS = 600_000;

/** Milliseconds. `node`, `database`: answers that were waited for. */
type Block = { readonly total: number; readonly node: number; readonly database: number; readonly statements: number };
type Result = {
  readonly load: number;
  readonly memoryMiB: number;
  readonly seen: readonly Block[];
  readonly final: readonly Block[];
};

/** The watched address of that number, as SQL makes it: beside it stands what a deposit to it is written with. */
const addressOf = (at: number) => `0x${(at + 2 ** 40).toString(16).padStart(40, "0")}`;

/** Watches addresses 1 to `count` in one wallet, each of a client of its own. */
async function watch(db: Reader, count: number): Promise<void> {
  await sql`
    insert into chain_watch (chain, key, address, wallet, index, client, unit, change)
    select ${sql.lit(CHAIN)}, key, key, 'omnibus', at, 'client-' || at, 'bank', at
    from (
      select at, '0x' || lpad(to_hex(at + 1099511627776), 40, '0') as key from generate_series(1, ${sql.lit(count)}) at
    ) made
    on conflict do nothing`.execute(db);
  await sql`
    insert into chain_watching values (${sql.lit(CHAIN)}, ${sql.lit(count)})
    on conflict (chain) do update set change = ${sql.lit(count)}`.execute(db);
}

/** A stopwatch on all that is asked of the node; what is asked at the same time counts once. */
function timed(online: Online): { online: Online; spent: () => number } {
  let [running, since, sum] = [0, 0, 0];
  const wrap =
    <A extends unknown[], R>(ask: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (running++ === 0) since = performance.now();
      try {
        return await ask(...args);
      } finally {
        if (--running === 0) sum += performance.now() - since;
      }
    };
  const { header, content, outcomes, changes } = online;
  const watched = { header: wrap(header), content: wrap(content), outcomes: wrap(outcomes), changes: wrap(changes) };
  return { online: { ...online, ...watched }, spent: () => sum };
}

/** Puts 300 transactions into a block: plain and token transfers in turn, two of three to watched addresses. */
async function fill(chain: Anvil, { token, round }: { token: string; round: number }): Promise<void> {
  for (let at = 0; at < TRANSACTIONS; at++) {
    const isOurs = at % 3 !== 2;
    const to = isOurs ? addressOf(1 + ((round * DEPOSITS + at) % 1_000)) : addressOf(2 ** 30 + at);
    const amount = 1_000n + BigInt(at);
    await chain.send(
      at % 2 === 0 ? { to, value: amount, gas: 21_000n } : { to: token, data: calls.transfer(to, amount), gas: 100_000n },
    );
  }
  await chain.mine(1);
}

type Ground = {
  readonly chain: Anvil;
  readonly db: Reader;
  readonly token: string;
  readonly config: ChainConfig;
  readonly statements: { ms: number; count: number };
  readonly lease: Lease;
};

async function follow(ground: Ground, { count, rounds }: { count: number; rounds: number }): Promise<Result> {
  const { chain, db, token, config, statements, lease } = ground;
  await watch(db, count);
  const { online, spent } = timed(openEvm(CHAIN, config, Date.now));
  const assets = async () => ({ name: "bench", native: "eth", tokens: [{ asset: "usdx", contract: token }] });
  // Deposits ask neither of these anything.
  const vault = openVaultLink({ socket: "none", pin: ZERO });
  const chains = openGateway({ chains: new Map([[CHAIN, config]]), db, assets, now: Date.now });
  const told = observers({ now: Date.now, db, vault, chains });
  const follower: Follower = { chain: CHAIN, config, online, db, assets, now: Date.now, observers: told };
  const before = heapMiB();
  const watched = openWatched(db, CHAIN);
  const since = performance.now();
  await watched.refresh();
  const load = performance.now() - since;
  const memoryMiB = heapMiB() - before;
  const step = async (): Promise<Block> => {
    const was = { node: spent(), ...statements, at: performance.now() };
    await followOne(follower, lease, watched);
    const total = performance.now() - was.at;
    return { total, node: spent() - was.node, database: statements.ms - was.ms, statements: statements.count - was.count };
  };
  const catchUp = async () => {
    await online.poll();
    for (let at = "moved"; at === "moved"; ) ({ at } = await followOne(follower, lease, watched));
  };
  await catchUp();
  const [seen, final]: Block[][] = [[], []];
  for (let round = 0; round < rounds; round++) {
    await fill(chain, { token, round });
    await online.poll();
    seen?.push(await step());
    await chain.mine(CONFIRMATIONS - 1);
    await online.poll();
    final?.push(await step());
    await catchUp();
  }
  const { n } = await db
    .selectFrom("deposit")
    .select(({ fn }) => fn.countAll<number>().as("n"))
    .where("state", "=", "final")
    .executeTakeFirstOrThrow();
  if (n % DEPOSITS !== 0 || n < rounds * DEPOSITS) throw new Error(`${n} deposits were booked`);
  await online.close();
  // The first round compiles the code.
  return { load, memoryMiB, seen: (seen ?? []).slice(1), final: (final ?? []).slice(1) };
}

/** What is alive on this process's heap. */
function heapMiB(): number {
  setFlagsFromString("--expose_gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

async function run({ quick, root, scratch, say }: Options): Promise<Result[]> {
  const home = join(scratch, "postgres");
  mkdirSync(home);
  const postgres = await startPostgres({ home, kind: null });
  await migrate({ ownerUrl: postgres.ownerUrl });
  const chain = await startAnvil({ byHand: true });
  const statements = { ms: 0, count: 0 };
  const hear = ({ ms }: { ms: number }) => {
    statements.ms += ms;
    statements.count += 1;
  };
  const { db, close } = openDatabase({ url: postgres.url, connections: 4, hear });
  try {
    const { bytecode } = JSON.parse(readFileSync(join(root, "tools/demo/token.json"), "utf8")) as { bytecode: string };
    const supply = (10n ** 15n).toString(16).padStart(64, "0");
    const id = await chain.rpc("eth_sendTransaction", { from: RICH, data: `0x${bytecode}${supply}` });
    await chain.mine(1);
    const { contractAddress: token } = await chain.rpc<{ contractAddress: string }>("eth_getTransactionReceipt", id);
    const nodes = [{ name: "node", url: chain.url }];
    const confirmations = [{ blocks: CONFIRMATIONS }];
    const config: ChainConfig = { nodes, quorum: 1, confirmations, reorgDepth: 16, trace: true, pollMs: 1_000, start: 0 };
    await writeState(db, CHAIN, { state: "catching-up", reason: "" });
    const lease = await takeLease(db, { name: `chain:${CHAIN}`, holder: uuid(), leaseMs: LEASE_MS });
    if (lease === null) throw new Error("somebody else follows the chain");
    const results: Result[] = [];
    for (const count of WATCHED) {
      say(`block: ${count} watched addresses`);
      results.push(await follow({ chain, db, token, config, statements, lease }, { count, rounds: quick ? 4 : 12 }));
    }
    return results;
  } finally {
    await close();
    await chain.stop();
    await postgres.stop();
  }
}

export const blocks: Figure = async (options) => {
  const results = await run(options);
  const columns = WATCHED.map((count) => `${count.toLocaleString("en-US")} watched`);
  const values = (of: (one: Result) => number) => results.map(of);
  const rowsOf = (blocksOf: (one: Result) => readonly Block[]) => {
    const middle = (of: (one: Block) => number) => values((one) => median(blocksOf(one).map(of)));
    return [
      { what: "the block, median", unit: "ms", values: middle(({ total }) => total) },
      { what: "  waiting for the node", unit: "ms", values: middle(({ node }) => node) },
      { what: "  waiting for the database", unit: "ms", values: middle(({ database }) => database) },
      { what: "  the rest", unit: "ms", values: middle(({ total, node, database }) => total - node - database) },
      { what: "statements", unit: "", values: middle(({ statements }) => statements) },
    ];
  };
  const seen: Table = {
    title: `A block of ${TRANSACTIONS} transactions, ${DEPOSITS} of them deposits, native and ERC-20`,
    columns,
    rows: [
      ...rowsOf((one) => one.seen),
      { what: "reading all watched addresses, once at the start", unit: "ms", values: values(({ load }) => load) },
      { what: "memory that they take", unit: "MiB", values: values(({ memoryMiB }) => memoryMiB) },
    ],
    notes: ["One node, traces on, PostgreSQL with fsync. Every deposit is a client's: an event and a pending posting."],
  };
  const final: Table = {
    title: `The empty block that makes these ${DEPOSITS} deposits final`,
    columns,
    rows: rowsOf((one) => one.final),
    notes: ["An event and a posting for each."],
  };
  return [seen, final];
};
