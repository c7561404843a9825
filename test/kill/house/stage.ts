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
import { Gone, type Step } from "../process.ts";

/** How long anything may take, with all that dies meanwhile. Milliseconds. */
const PATIENCE_MS = 60_000;
const LOOK_MS = 10;

export type Stage = {
  readonly house: TestHouse;
  /** The first address of the wallet `treasury`. */
  readonly address: string;
  /** Has the next server that comes to it die at this step, or another process in its place. */
  arm(step: string, victim?: number): void;
  /** Ends all servers with SIGKILL. */
  killServers(): Promise<void>;
  /** What servers did, from a place in the list. */
  steps(from?: number): readonly string[];
  /** Starts what has ended again. */
  revive(): Promise<void>;
  /** What is done to bring back parts that `revive` does not know of. */
  readonly menders: (() => Promise<void>)[];
  /** What is done before a block is made. */
  readonly keepers: (() => Promise<void>)[];
  /** How often servers and the vault were killed. */
  readonly deaths: { server: number; vault: number };
  /** Kills the vault and starts it again, to die at a step of its own. */
  killVault(step: Step): Promise<void>;
  /** Asks until there is something, whatever dies meanwhile. */
  patiently<T>(what: string, ask: () => Promise<T | null>): Promise<T>;
  /** Lets the time pass that leases of the dead take to run out. */
  passTime(): Promise<void>;
  close(): Promise<void>;
};

/** `isPatient`: leases run out in their own time. */
export async function openStage(parts: HouseParts = {}, { isPatient = false } = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "steps "));
  const told = { steps: join(folder, "steps"), armed: join(folder, "armed") };
  const arm: Stage["arm"] = (step, victim) => writeFileSync(told.armed, victim === undefined ? step : `${step}\n${victim}`);
  arm("");
  appendFileSync(told.steps, "");
  const module = new URL("./hook.ts", import.meta.url).href;
  const env = {
    STRONGROOM_LOG: "error",
    STRONGROOM_STEPS: folder,
    NODE_COMPILE_CACHE: join(tmpdir(), "strongroom-kill-compiled"),
  };
  // Who is refused a connection comes again at once.
  const here = { ...HERE, pause: () => HERE.pause(LOOK_MS) };
  const house = await openHouse({
    chain: { resendMs: 200 },
    preload: { module, env },
    words: join(folder, "words"),
    client: { here },
    ...parts,
  });
  const { address } = await furnish(house);
  await house.enrol("source", "source");
  const deaths = { server: 0, vault: 0 };
  const menders: Stage["menders"] = [];
  const keepers: Stage["keepers"] = [];
  const passTime = () => (isPatient ? Promise.resolve() : pass(house));
  const restartVault = async (step: Step = null) => {
    deaths.vault++;
    await house.vault.start(step).catch((error: unknown) => {
      if (!(error instanceof Gone)) throw error;
    });
  };
  /** An order to die is carried out once. */
  const buried = (count: number) => {
    deaths.server += count;
    arm("");
    return passTime();
  };
  const revive = async () => {
    for (const mend of menders) await mend();
    if (!house.vault.isRunning()) await restartVault();
    const dead = house.servers.filter(hasEnded);
    for (const one of dead) house.servers.splice(house.servers.indexOf(one), 1);
    if (dead.length > 0) await buried(dead.length);
    // One that dies in its start is the next to be started anew.
    if (house.servers.length === 0) await house.serve().catch(() => buried(1));
  };
  return {
    house,
    address,
    arm,
    steps: (from = 0) => readFileSync(told.steps, "utf8").split("\n").slice(from, -1),
    async killVault(step) {
      await house.vault.kill();
      await restartVault(step);
    },
    async killServers() {
      for (const one of house.servers) await one.kill();
      await buried(house.servers.splice(0).length);
    },
    revive,
    menders,
    keepers,
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
  if (error instanceof Gone) return true;
  const isRefused = error instanceof TypeError && error.message === "fetch failed";
  return isRefused || troubleOf(error) !== null;
}
