/** What all kill tests share: fresh vaults, a life that is begun and gone on with, and rounds that run beside each other. */
import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initialise } from "../../vault/src/host/boot.ts";
import * as world from "../world/world.ts";
import { audit } from "./audit.ts";
import { Gone, PASSPHRASE, type Running, startVault, stopVault } from "./process.ts";
import { live, type Memory, meet, memoryOf, PAID, payment, STOPPED } from "./scenario.ts";

/** Rounds at once. */
const LANES = 2;
/** The least work that a keystore file may ask for. */
const WORK = { memoryKiB: 19 * 1024, passes: 1, lanes: 1 };

/** A folder of its own with a vault that has never run. */
export type Home = { fresh(name: string): Promise<string>; leave(): Promise<void> };

export async function makeHome(): Promise<Home> {
  const home = await mkdtemp(join(tmpdir(), "kill "));
  const model = join(home, "model");
  await initialise(model, Buffer.from(PASSPHRASE), WORK);
  return {
    async fresh(name) {
      const data = join(home, name, "data");
      await mkdir(join(home, name));
      await cp(model, data, { recursive: true });
      return data;
    },
    leave: () => rm(home, { recursive: true }),
  };
}

/** What came of a life: what the client knows by then, and whether it was lived to its end. */
export type Lived = { readonly memory: Memory | null; readonly whole: boolean };

/** Lives as soon as the vault serves, or until it is gone. A memory that is given goes on. */
export async function attempt(running: Running, known: Memory | null): Promise<Lived> {
  let memory = known;
  try {
    const identityKey = await running.ready;
    memory ??= memoryOf(identityKey);
    const session = await meet(running, memory);
    await live(session);
    session.client.close();
    return { memory, whole: true };
  } catch (error) {
    if (!(error instanceof Gone)) throw error;
    return { memory, whole: false };
  }
}

/** Starts the vault of a folder once more, lives to the end, and holds its journal against what the client knows: everything
 *  is there exactly once. */
export async function goOn(data: string, known: Memory | null): Promise<void> {
  const running = startVault("run", data);
  const { memory, whole } = await attempt(running, known);
  const { code, words } = await stopVault(running);
  assert.ok(whole && memory !== null, words);
  assert.equal(code, 0, words);
  await demandOnce(data, memory);
}

/** Both payments are signed once, the stopped one never, and the client has exactly these. */
export async function demandOnce(data: string, memory: Memory): Promise<void> {
  const booked = await audit(data, memory);
  const id = (name: string) => world.intentId(payment(memory, name));
  assert.deepEqual(
    booked.map(({ intent, raw }) => [intent, raw !== null]),
    PAID.map((name) => [id(name), true]),
  );
  assert.equal(memory.given.size, PAID.length);
  assert.ok(!memory.given.has(id(STOPPED)));
}

/** A call that changes the disk, and the file that it is made on. */
export type Call = { readonly name: string; readonly file: string };

export function callsOf(steps: readonly string[]): readonly Call[] {
  return steps.map((line) => {
    const [, name = "", file = ""] = line.split(" ");
    return { name, file };
  });
}

/** Whatever the vault does outwardly comes after a sync; after any other call, "after" is "before" the next. */
const KILLS: Readonly<Record<string, readonly string[]>> = { write: ["before", "torn"], datasync: ["before", "after"] };

/** Every way to be killed in these calls. */
export function killsOf(calls: readonly Call[]): readonly string[] {
  return calls.flatMap(({ name }, at) => (KILLS[name] ?? ["before"]).map((what) => `${what} ${at + 1}`));
}

/** The number of the call that makes the record number `record` of a start durable, or that writes it. */
export function stepOf(calls: readonly Call[], name: "write" | "datasync", record: number): number {
  const steps = calls.flatMap((call, at) => (call.name === name && call.file.endsWith(".seg") ? [at + 1] : []));
  return steps[record - 1] as number;
}

/** A life in which nothing goes wrong: the calls that change the disk, in their order. */
export async function callsOfLife(home: Home): Promise<readonly Call[]> {
  const data = await home.fresh("whole");
  const running = startVault("run", data, "");
  const { memory, whole } = await attempt(running, null);
  const { steps, code, words } = await stopVault(running);
  assert.ok(whole && memory !== null && code === 0, words);
  await demandOnce(data, memory);
  return callsOf(steps);
}

export async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
