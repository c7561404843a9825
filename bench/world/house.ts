/** A whole house for the figures: anvil, a founded vault, a PostgreSQL that waits for its disk, and a server, each a process of
 *  its own, with users whose tokens share the calls, and payments whose signatures are made before a clock starts. */
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Hash } from "../../core/src/bytes.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { migrate } from "../../server/src/db/migrate.ts";
import { openDatabase } from "../../server/src/db/open.ts";
import { type Postgres, startPostgres } from "../../server/src/db/postgres/start.ts";
import { furnish, type HouseParts, openHouse, type TestHouse } from "../../test/world/house.ts";
import * as world from "../../test/world/world.ts";
import { rulesOf } from "./rulebook.ts";

export const RULES = 50;
/** The server grants a user 1,000 calls a second; figures are not to end there. */
const USERS = 16;
const LIFE_SECONDS = 86_400;

export type BenchHouse = {
  readonly house: TestHouse;
  readonly postgres: Postgres;
  readonly url: string;
  readonly tokens: readonly string[];
  /** The address that pays. */
  readonly address: string;
  close(): Promise<void>;
};

export type Parts = Pick<HouseParts, "nodes" | "chain" | "preload"> & { readonly eth?: bigint };

/** Opens a house whose wallet "treasury" holds `eth`. */
export async function openBenchHouse(scratch: string, { eth = 1_000n, ...parts }: Parts = {}): Promise<BenchHouse> {
  const settings = { track_commit_timestamp: "on" };
  const postgres = await startPostgres({ home: join(scratch, "postgres"), kind: null, settings });
  await migrate({ ownerUrl: postgres.ownerUrl });
  const { url, ownerUrl } = postgres;
  const opened = { url, ownerUrl, ...openDatabase({ url, connections: 2 }) };
  const house = await openHouse({ ...parts, world: { rulebook: rulesOf(RULES) }, database: async () => opened });
  const { address } = await furnish(house, { eth });
  const tokens: string[] = [];
  for (let at = 0; at < USERS; at++) tokens.push(await enrol(house, `caller-${at}`));
  const close = async () => {
    await house.close();
    await postgres.stop();
  };
  return { house, postgres, url: house.servers[0]?.url ?? "", tokens, address, close };
}

async function enrol(house: TestHouse, name: string): Promise<string> {
  await house.enrol(name, "administrator");
  const token = `sr_${randomBytes(32).toString("hex")}`;
  const hash = createHash("sha256").update(token).digest("hex");
  const body = { label: "bench", hash, lifeSeconds: LIFE_SECONDS };
  await house.as("admin").call("tokens.create", { params: { name }, body });
  return token;
}

/** One payment as the API takes it: bodies of the calls that create it and approve it. */
export type Prepared = { readonly id: Hash; readonly create: string; readonly approvals: readonly string[] };

/** So many payments of 0.0001 ETH, initiated by tom and approved by amy and bob on what the vault is at now. */
export async function preparePayments({ house }: BenchHouse, name: string, count: number): Promise<Prepared[]> {
  const { book } = house.vault.made;
  const { head, boot } = await house.vault.ask({ command: "status" });
  const notAfter = Date.now() + world.HOUR;
  const ground = { book, head, boot: boot as Hash, notAfter };
  const { hash, address } = await house.as("admin").call("entries.get", { params: { name: "kraken" } });
  const destination = { entry: "kraken", hash: hash as Hash, address };
  const base = {
    notAfter,
    destination,
    amount: world.ETH / 10_000n,
    totalFee: world.ETH / 1_000n,
  };
  return Array.from({ length: count }, (_, at) => {
    const intent = world.pay(book, { ...base, reference: `${name}-${at}` });
    const [first, ...more] = world.approveAll(ground, intent, [world.KEYS.amy, world.KEYS.bob]);
    const create = JSON.stringify({ intent: text(encode(Intent, intent)), approval: text(first) });
    return { id: world.intentId(intent), create, approvals: more.map((one) => JSON.stringify({ approval: text(one) })) };
  });
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("base64");
}

/** Memory of a process in MiB, what it shares with others counted in parts; of PostgreSQL all processes together. */
export function memoryOf(pids: readonly number[]): number {
  const kib = pids.map((pid) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1] ?? 0));
  return kib.reduce((sum, one) => sum + one, 0) / 1024;
}

/** A process and its children. */
export function familyOf(pid: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(name)] as const);
  return [pid, ...parents.filter(([, parent]) => parent === pid).map(([child]) => child)];
}

/** The command line of a process, with spaces. */
export function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
}

/** Source: proc(5), /proc/pid/stat, field 4. */
function parentOf(pid: string): number {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, "latin1")
        .replace(/^.*\) /s, "")
        .split(" ")[1],
    );
  } catch (error) {
    if (error instanceof Error) return 0; // It has ended.
    throw error;
  }
}
