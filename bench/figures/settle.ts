/** How long a payment waits between people and the chain, and a deposit between the chain and the books, on a whole house.
 *
 *  A proxy before the node sees when a transaction is handed over; when a deposit was booked is the time at which PostgreSQL
 *  committed it. */
import { sql } from "kysely";
import { startProxy } from "../../test/world/chain.ts";
import { until } from "../../test/world/house.ts";
import { ETH } from "../../test/world/world.ts";
import type { Figure, Options, Table } from "../figure.ts";
import { percentile } from "../stats.ts";
import { type BenchHouse, openBenchHouse, type Prepared, preparePayments } from "../world/house.ts";
import { type Lane, openLanes } from "../world/lanes.ts";

/** How often the server looks at the node. Milliseconds. */
const POLL_MS = 50;
const BLOCK_MS = 500;
const CASES = [1, 16] as const;
const DEPOSITS_PER_BLOCK = 10;

type Spread = { readonly count: number; readonly p50: number; readonly p99: number };

function spreadOf(times: readonly number[]): Spread {
  return { count: times.length, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

/** When each transaction came to the node, by its id. Milliseconds since 1970. */
type Arrivals = Map<string, number>;

/** Answers of the API that are not as expected end the run. */
async function post(lane: Lane, call: { path: string; body: string }): Promise<void> {
  const { path } = call;
  const reply = await lane.ask({ method: "POST", ...call });
  if (reply.status !== 201) throw new Error(`${path} was answered with ${reply.status}: ${reply.body}`);
}

/** Pays all of them, so many at a time, each from its creation to its broadcast; gives from the last approval's call to the
 *  node for each. */
async function pay(
  house: BenchHouse,
  prepared: readonly Prepared[],
  it: { atOnce: number; arrivals: Arrivals },
): Promise<number[]> {
  const lanes = openLanes(house.url, { tokens: house.tokens, count: it.atOnce });
  const times: number[] = [];
  let next = 0;
  const work = async (lane: Lane) => {
    for (let one = prepared[next++]; one !== undefined; one = prepared[next++]) {
      const { id, create, approvals } = one;
      await post(lane, { path: "/v1/requests", body: create });
      let since = 0;
      for (const body of approvals) {
        since = performance.timeOrigin + performance.now();
        await post(lane, { path: `/v1/requests/${id}/decisions`, body });
      }
      times.push((await broadcastOf(house, id, it.arrivals)) - since);
    }
  };
  await Promise.all(lanes.map(work));
  for (const lane of lanes) lane.close();
  return times;
}

/** When the transaction of a request came to the node. */
function broadcastOf({ house }: BenchHouse, request: string, arrivals: Arrivals): Promise<number> {
  return until(`request ${request} is broadcast`, async () => {
    const found = await house.database.db
      .selectFrom("chain_tx")
      .innerJoin("execution", "execution.id", "chain_tx.execution")
      .select("chain_tx.id")
      .where("execution.request", "=", request)
      .executeTakeFirst();
    return found === undefined ? null : arrivals.get(found.id);
  });
}

/** Deposits, some in each block; gives from the moment at which the node has the block with the deciding confirmation to the
 *  commit that books them, for each. */
async function deposit({ house, address }: BenchHouse, count: number): Promise<number[]> {
  const { chain, database } = house;
  const decided = new Map<string, number>();
  const booked = () =>
    database.db
      .selectFrom("deposit")
      .select(["tx", sql<Date>`pg_xact_commit_timestamp(xmin)`.as("at")])
      .where("state", "=", "final")
      .where("tx", "in", [...decided.keys()])
      .execute();
  for (let left = count; left > 0; left -= DEPOSITS_PER_BLOCK) {
    const ids: string[] = [];
    while (ids.length < DEPOSITS_PER_BLOCK) ids.push(await chain.send({ to: address, value: ETH / 1000n }));
    await chain.mine(1);
    await new Promise((done) => setTimeout(done, Math.random() * POLL_MS)); // so that blocks do not keep step with the server
    await chain.mine(1);
    const at = performance.timeOrigin + performance.now();
    for (const id of ids) decided.set(id, at);
    await until("deposits are booked", async () => (await booked()).length === decided.size);
  }
  return (await booked()).map(({ tx, at }) => at.getTime() - (decided.get(tx) ?? Number.NaN));
}

async function run({ quick, scratch, say }: Options) {
  const arrivals: Arrivals = new Map();
  const fronts: Awaited<ReturnType<typeof startProxy>>[] = [];
  const nodes: NonNullable<Parameters<typeof openBenchHouse>[1]>["nodes"] = async (chain) => {
    const front = await startProxy(chain.url);
    front.faults.lie = ({ method }, result) => {
      if (method === "eth_sendRawTransaction") arrivals.set(String(result), performance.timeOrigin + performance.now());
      return result;
    };
    fronts.push(front);
    return { urls: [front.url], quorum: 1 };
  };
  const house = await openBenchHouse(scratch, { nodes, chain: { pollMs: POLL_MS } });
  const count = quick ? 40 : 250;
  await house.house.chain.rpc("evm_setAutomine", false);
  const mining = setInterval(() => void house.house.chain.mine(1), BLOCK_MS);
  try {
    await pay(house, await preparePayments(house, "warm", 30), { atOnce: 4, arrivals });
    const payments: Spread[] = [];
    for (const atOnce of CASES) {
      say(`settle: ${count} payments, ${atOnce} at a time`);
      payments.push(spreadOf(await pay(house, await preparePayments(house, `settle-${atOnce}`, count), { atOnce, arrivals })));
    }
    clearInterval(mining);
    say(`settle: ${count} deposits`);
    return { payments, deposits: spreadOf(await deposit(house, count)) };
  } finally {
    clearInterval(mining);
    await house.close();
    for (const front of fronts) await front.stop();
  }
}

export const settling: Figure = async (options) => {
  const { payments, deposits } = await run(options);
  const notes = [
    `The server looks at the node every ${POLL_MS} ms; PostgreSQL and vault with fsync.`,
    "Callers, proxy and node share the machine.",
    "From the call with the last approval to the node's answer to the transaction.",
  ];
  const broadcast: Table = {
    title: "Last approval to broadcast",
    columns: CASES.map((count) => (count === 1 ? "1 at a time" : `${count} at a time`)),
    rows: [
      { what: "payments", unit: "", values: payments.map(({ count }) => count) },
      { what: "p50", unit: "ms", values: payments.map(({ p50 }) => p50) },
      { what: "p99", unit: "ms", values: payments.map(({ p99 }) => p99) },
    ],
    notes,
  };
  const booked: Table = {
    title: "Deposit: block with the deciding confirmation to booked",
    columns: [`${DEPOSITS_PER_BLOCK} in a block`],
    rows: [
      { what: "deposits", unit: "", values: [deposits.count] },
      { what: "p50", unit: "ms", values: [deposits.p50] },
      { what: "p99", unit: "ms", values: [deposits.p99] },
    ],
    notes: ["Two confirmations. Up to the time that PostgreSQL gives the commit."],
  };
  return [broadcast, booked];
};
