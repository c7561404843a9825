/** A whole house whose parts are killed: servers that can be told where to die, and whatever has died is started again by
 *  whoever waits for something. Nobody who asks here gives up because a part is down. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { ApiProblem } from "../../../sdk/src/client/problem.ts";
import { SdkFault } from "../../../sdk/src/faults.ts";
import { HERE } from "../../../sdk/src/here.ts";
import { troubleOf } from "../../../server/src/db/fault.ts";
import { furnish, type HouseParts, openHouse, type Serving, type TestHouse } from "../../world/house.ts";
import { Gone } from "../process.ts";

/** How long anything may take, with all that dies meanwhile. Milliseconds. */
const PATIENCE_MS = 60_000;
const LOOK_MS = 10;

export type Stage = {
  readonly house: TestHouse;
  /** The first address of the wallet `treasury`. */
  readonly address: string;
  /** Has every server from now on die at a step, or at none. */
  arm(step: string): void;
  /** What servers did, from a place in the list. */
  steps(from?: number): readonly string[];
  /** Starts what has ended again. */
  revive(): Promise<void>;
  /** What is done to bring back parts that `revive` does not know of. */
  readonly menders: (() => Promise<void>)[];
  /** How often servers and the vault were killed. */
  readonly deaths: { server: number; vault: number };
  /** Asks until there is something, whatever dies meanwhile. */
  patiently<T>(what: string, ask: () => Promise<T | null>): Promise<T>;
  /** Lets the time pass that leases of the dead take to run out. */
  passTime(): Promise<void>;
  close(): Promise<void>;
};

export async function openStage(parts: HouseParts = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "steps "));
  const told = { steps: join(folder, "steps"), armed: join(folder, "armed") };
  const arm = (step: string) => writeFileSync(told.armed, step);
  arm("");
  appendFileSync(told.steps, "");
  const module = new URL("./hook.ts", import.meta.url).href;
  const env = { STRONGROOM_STEPS: folder, NODE_COMPILE_CACHE: join(tmpdir(), "strongroom-kill-compiled") };
  // Who is refused a connection comes again at once.
  const here = { ...HERE, pause: () => HERE.pause(LOOK_MS) };
  const house = await openHouse({ chain: { resendMs: 200 }, preload: { module, env }, client: { here }, ...parts });
  const { address } = await furnish(house);
  await house.enrol("source", "source");
  const deaths = { server: 0, vault: 0 };
  const menders: Stage["menders"] = [];
  const passTime = () => pass(house);
  const revive = async () => {
    for (const mend of menders) await mend();
    if (!house.vault.isRunning()) {
      deaths.vault++;
      await startedOr(Gone, () => house.vault.start());
    }
    const dead = house.servers.filter(hasEnded);
    for (const one of dead) house.servers.splice(house.servers.indexOf(one), 1);
    deaths.server += dead.length;
    if (dead.length > 0) await passTime();
    if (house.servers.length > 0) return;
    // One that dies in its start is the next to be started anew.
    await house.serve().catch(() => deaths.server++);
  };
  return {
    house,
    address,
    arm,
    steps: (from = 0) => readFileSync(told.steps, "utf8").split("\n").slice(from, -1),
    revive,
    menders,
    deaths,
    patiently: (what, ask) => patiently({ revive }, what, ask),
    passTime,
    async close() {
      await house.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export const hasEnded = ({ child }: Serving): boolean => child.exitCode !== null || child.signalCode !== null;

async function startedOr(expected: typeof Gone, start: () => Promise<void>): Promise<void> {
  await start().catch((error: unknown) => {
    if (!(error instanceof expected)) throw error;
  });
}

/** To the database: leases have run out, and jobs of the dead are due. */
async function pass({ database: { db } }: TestHouse): Promise<void> {
  await db.updateTable("lease").set({ until: sql<Date>`'-infinity'::timestamptz` }).execute();
  await db.updateTable("job").set({ due_at: sql<Date>`now()` }).where("state", "in", ["running", "waiting"]).execute();
}

async function patiently<T>({ revive }: Pick<Stage, "revive">, what: string, ask: () => Promise<T | null>): Promise<T> {
  let last: unknown = null;
  for (const since = Date.now(); Date.now() - since < PATIENCE_MS; await sleep(LOOK_MS)) {
    try {
      await revive();
      const found = await ask();
      if (found !== null) return found;
    } catch (error) {
      if (!isOutage(error)) throw error;
      last = error;
    }
  }
  throw new Error(`it did not happen: ${what}`, { cause: last });
}

const DOWN = new Set(["VAULT_UNREACHABLE", "DATABASE_UNREACHABLE", "CHAIN_UNREACHABLE"]);
const SILENT = new Set(["SERVER_UNREACHABLE", "NO_RECEIPT"]);

function isOutage(error: unknown): boolean {
  if (error instanceof ApiProblem) return DOWN.has(error.code);
  if (error instanceof SdkFault) return SILENT.has(error.code);
  const isRefused = error instanceof TypeError && error.message === "fetch failed";
  return isRefused || troubleOf(error) !== null;
}
