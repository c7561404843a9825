/** What each process of a house holds in memory before and after 10,000 payments, each created, approved by two people, signed
 *  and settled. Blocks are made as fast as the server follows them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Figure, Options, Table } from "../figure.ts";
import {
  type BenchHouse,
  commandOf,
  familyOf,
  memoryOf,
  openBenchHouse,
  type Prepared,
  preparePayments,
} from "../world/house.ts";
import { type Lane, openLanes } from "../world/lanes.ts";

const CALLERS = 24;
const BLOCK_MS = 250;
/** Payments whose signatures are made at once, so that those of the later ones are not too old. */
const BATCH = 1_000;
/** How long nothing may be settled. */
const PATIENCE_MS = 60_000;

type Memory = { readonly server: number; readonly vault: number; readonly postgres: number; readonly anvil: number };

function memoryNow({ house, postgres }: BenchHouse): Memory {
  const children = familyOf(process.pid).slice(1);
  const named = (word: string) => children.filter((pid) => commandOf(pid).includes(word));
  const server = house.servers.map(({ child }) => child.pid ?? 0);
  return {
    server: memoryOf(server),
    vault: memoryOf(named("vault/src/main.ts")),
    postgres: memoryOf(familyOf(postgres.pid)),
    anvil: memoryOf(named("anvil")),
  };
}

async function pay(house: BenchHouse, prepared: readonly Prepared[]): Promise<void> {
  const lanes = openLanes(house.url, { tokens: house.tokens, count: CALLERS });
  let next = 0;
  const post = async (lane: Lane, call: { path: string; body: string }) => {
    const { status, body } = await lane.ask({ method: "POST", ...call });
    if (status !== 201) throw new Error(`${call.path} was answered with ${status}: ${body}`);
  };
  const work = async (lane: Lane) => {
    for (let one = prepared[next++]; one !== undefined; one = prepared[next++]) {
      await post(lane, { path: "/v1/requests", body: one.create });
      for (const body of one.approvals) await post(lane, { path: `/v1/requests/${one.id}/decisions`, body });
    }
  };
  await Promise.all(lanes.map(work));
  for (const lane of lanes) lane.close();
}

/** Waits until so many payments are settled; fails when nothing happens for long. */
async function settled({ house }: BenchHouse, count: number): Promise<void> {
  let [last, since] = [0, performance.now()];
  while (performance.now() - since < PATIENCE_MS) {
    const { n } = await house.database.db
      .selectFrom("execution")
      .select(({ fn }) => fn.countAll<number>().as("n"))
      .where("state", "=", "settled")
      .executeTakeFirstOrThrow();
    if (n >= count) return;
    if (n > last) [last, since] = [n, performance.now()];
    await sleep(BLOCK_MS);
  }
  throw new Error(`${last} of ${count} payments were settled`);
}

async function run({ quick, scratch, say }: Options) {
  const count = quick ? 1_000 : 10_000;
  const house = await openBenchHouse(scratch, { chain: { pollMs: 100 } });
  const { chain } = house.house;
  let mining: NodeJS.Timeout | null = null;
  try {
    await chain.rpc("evm_setAutomine", false);
    mining = setInterval(() => void chain.mine(1), BLOCK_MS);
    const before = memoryNow(house);
    const since = performance.now();
    for (let done = 0; done < count; done += BATCH) {
      say(`memory: ${done} of ${count} payments, ${Math.round((performance.now() - since) / 1_000)} s`);
      await pay(house, await preparePayments(house, `memory-${done}`, Math.min(BATCH, count - done)));
    }
    await settled(house, count);
    const seconds = (performance.now() - since) / 1_000;
    return { count, before, after: memoryNow(house), perSecond: count / seconds };
  } finally {
    if (mining !== null) clearInterval(mining);
    await house.close();
  }
}

export const memory: Figure = async (options) => {
  const { count, before, after, perSecond } = await run(options);
  const rowOf = (what: string, of: (one: Memory) => number) => ({ what, unit: "MiB", values: [of(before), of(after)] });
  const table: Table = {
    title: `Memory after ${count.toLocaleString("en-US")} payments`,
    columns: ["before", "after"],
    rows: [
      rowOf("server", ({ server }) => server),
      rowOf("vault", ({ vault }) => vault),
      rowOf("PostgreSQL, all its processes", ({ postgres }) => postgres),
      rowOf("anvil (a node for tests)", ({ anvil }) => anvil),
      { what: "payments from creation to settled", unit: "/s", values: [null, perSecond] },
    ],
    notes: [
      "Resident memory; what processes share is counted in parts, so that parts add up.",
      `${CALLERS} callers on the same machine.`,
    ],
  };
  return [table];
};
