/** A whole house whose parts are killed: servers that can be told where to die, and whatever has died is started again by
 *  whoever waits for something. Nobody who asks here gives up because a part is down. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
const HOOK = new URL("./hook.ts", import.meta.url).href;

export class Stage {
  readonly house: TestHouse;
  /** The first address of the wallet `treasury`. */
  readonly address: string;
  /** What is done to bring back parts that `revive` does not know of. */
  readonly menders: (() => Promise<void>)[] = [];
  /** What is done before a block is made. */
  readonly keepers: (() => Promise<void>)[] = [];
  /** How often servers and the vault were killed. */
  readonly deaths = { server: 0, vault: 0 };
  readonly #folder: string;
  readonly #isPatient: boolean;

  constructor(house: TestHouse, parts: { address: string; folder: string; isPatient: boolean }) {
    this.house = house;
    this.address = parts.address;
    this.#folder = parts.folder;
    this.#isPatient = parts.isPatient;
  }

  /** Has the next server that comes to it die at this step, or another process in its place. Any order is carried out once. */
  arm(step: string, victim?: number): void {
    writeFileSync(join(this.#folder, "armed"), victim === undefined ? step : `${step}\n${victim}`);
  }

  /** What servers did, from a place in the list. */
  steps(from = 0): readonly string[] {
    return readFileSync(join(this.#folder, "steps"), "utf8").split("\n").slice(from, -1);
  }

  /** Ends all servers with SIGKILL. */
  async killServers(): Promise<void> {
    for (const one of this.house.servers) await one.kill();
    await this.#bury(this.house.servers.splice(0).length);
  }

  /** Kills the vault and starts it again, to die at a step of its own. */
  async killVault(step: Step): Promise<void> {
    await this.house.vault.kill();
    await this.#startVault(step);
  }

  /** Starts what has ended again. */
  async revive(): Promise<void> {
    const { servers, vault } = this.house;
    for (const mend of this.menders) await mend();
    if (!vault.isRunning()) await this.#startVault(null);
    const dead = servers.filter(hasEnded);
    for (const one of dead) servers.splice(servers.indexOf(one), 1);
    if (dead.length > 0) await this.#bury(dead.length);
    // One that dies in its start is the next to be started anew.
    if (servers.length === 0) await this.house.serve().catch(() => this.#bury(1));
  }

  /** Asks until there is something, whatever dies meanwhile. */
  async patiently<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
    let last: unknown = null;
    for (const since = Date.now(); Date.now() - since < PATIENCE_MS; await sleep(LOOK_MS)) {
      try {
        await this.revive();
        const found = await ask();
        if (found !== null) return found;
      } catch (error) {
        if (!isOutage(error)) throw error;
        last = error;
      }
    }
    const chains = await this.house.as("admin").call("chains.list").catch(String);
    throw new Error(`it did not happen: ${what}; ${JSON.stringify(chains)}`, { cause: last });
  }

  /** Lets the time pass that leases of the dead take to run out. */
  async passTime(): Promise<void> {
    const { db } = this.house.database;
    await db.updateTable("lease").set({ until: sql<Date>`'-infinity'::timestamptz` }).execute();
    await db.updateTable("job").set({ due_at: sql<Date>`now()` }).where("state", "in", ["running", "waiting"]).execute();
  }

  async close(): Promise<void> {
    await this.house.close();
    rmSync(this.#folder, { recursive: true });
  }

  async #bury(count: number): Promise<void> {
    this.deaths.server += count;
    this.arm("");
    if (!this.#isPatient) await this.passTime();
  }

  async #startVault(step: Step): Promise<void> {
    this.deaths.vault++;
    await this.house.vault.start(step).catch((error: unknown) => {
      if (!(error instanceof Gone)) throw error;
    });
  }
}

/** `isPatient`: leases run out in their own time. */
export async function openStage(parts: HouseParts = {}, { isPatient = false } = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "steps "));
  for (const name of ["armed", "steps"]) writeFileSync(join(folder, name), "");
  // Compiled code is kept: most of a start is compiling.
  const compiled = join(tmpdir(), "strongroom-kill-compiled");
  const env = { STRONGROOM_LOG: "error", STRONGROOM_STEPS: folder, NODE_COMPILE_CACHE: compiled };
  // Who is refused a connection comes again at once.
  const client = { here: { ...HERE, pause: () => HERE.pause(LOOK_MS) } };
  const preload = { module: HOOK, env };
  const house = await openHouse({ chain: { resendMs: 200 }, preload, words: join(folder, "words"), client, ...parts });
  const { address } = await furnish(house);
  await house.enrol("source", "source");
  return new Stage(house, { address, folder, isPatient });
}

export const hasEnded = ({ child }: Serving): boolean => child.exitCode !== null || child.signalCode !== null;

const DOWN = new Set(["VAULT_UNREACHABLE", "DATABASE_UNREACHABLE", "CHAIN_UNREACHABLE"]);
const SILENT = new Set(["SERVER_UNREACHABLE", "NO_RECEIPT"]);

function isOutage(error: unknown): boolean {
  if (error instanceof ApiProblem) return DOWN.has(error.code);
  if (error instanceof SdkFault) return SILENT.has(error.code);
  const isRefused = error instanceof TypeError && error.message === "fetch failed";
  return isRefused || error instanceof Gone || troubleOf(error) !== null;
}
