/** The vault is killed at every call with which it writes a snapshot and removes an old one, and anywhere while it writes them
 *  beside payments; and its disk is full, or fails, for the snapshot alone. No payment is lost or made twice, whatever is there
 *  under a snapshot's name holds, and what is only a snapshot's ends nothing. */
import assert from "node:assert/strict";
import { cp, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { verifyData } from "../../vault/src/host/boot.ts";
import { mind } from "../../vault/src/mind.ts";
import { PASSPHRASE, type Running, startVault, stopVault, type Told } from "./process.ts";
import { attempt, type Call, callsOf, goOn, type Home, inLanes, killsOf, makeHome } from "./rounds.ts";
import type { Memory } from "./scenario.ts";

/** A snapshot at each start, in many small writes. */
const AT_START: Told = { files: ".snap", limits: { startRecords: 1, snapshotWriteBytes: 1024, snapshotSyncBytes: 2048 } };
/** And a new one after every third record, all calls counted. */
const ALWAYS: Told = { limits: { startRecords: 1, snapshotRecords: 3 } };
/** Of the calls of a life with snapshots, every so many are a round: their order is not the same twice. */
const STRIDE = 4;

const run = (data: string, step: string | null, told: Told): Running => startVault("run", data, step, undefined, told);

let home: Home;
/** A vault that has lived to the end and has two snapshots, and what its client knows. */
let model = "";
let memory: Memory;
/** The calls of the start after that, on snapshots only. */
let calls: readonly Call[];

async function snapshotsOf(data: string): Promise<readonly string[]> {
  return (await readdir(join(data, "journal"))).filter((name) => name.includes(".snap"));
}

/** Waits until the snapshots are these many and whole. */
async function kept(data: string, count: number): Promise<void> {
  for (let at = 0; at < 600; at++) {
    const names = await snapshotsOf(data);
    if (names.length === count && names.every((name) => name.endsWith(".snap"))) return;
    await sleep(50);
  }
  assert.fail(`there are ${await snapshotsOf(data)}`);
}

before(async () => {
  home = await makeHome();
  model = await home.fresh("lived");
  for (const count of [0, 1, 2]) {
    const running = run(model, "", count === 0 ? {} : AT_START);
    const lived = await attempt(running, memory ?? null);
    assert.ok(lived.whole && lived.memory !== null);
    memory = lived.memory;
    await kept(model, count);
    await stopVault(running);
  }
  const data = await copyOf("counted");
  // The start may be ready after the oldest has gone.
  const [first = ""] = (await snapshotsOf(data)).toSorted();
  const running = run(data, "", AT_START);
  await running.ready;
  while ((await snapshotsOf(data)).includes(first)) await sleep(50);
  calls = callsOf((await stopVault(running)).steps);
});
after(() => home.leave());

async function copyOf(name: string): Promise<string> {
  const data = join(model, "..", "..", name, "data");
  await mkdir(join(data, ".."));
  await cp(model, data, { recursive: true });
  return data;
}

/** What the client knows; each round goes on from there. */
const known = (): Memory => ({ ...memory, heads: [...memory.heads], given: new Map(memory.given) });

/** Every snapshot that is there says what the journal says, and the vault pays on. */
async function demandSound(data: string, told: Memory | null): Promise<void> {
  await verifyData(data, Buffer.from(PASSPHRASE), mind);
  await goOn(data, told);
  await verifyData(data, Buffer.from(PASSPHRASE), mind);
  assert.equal((await snapshotsOf(data)).filter((name) => !name.endsWith(".snap")).length, 0, "what was half written is gone");
  await rm(join(data, ".."), { recursive: true });
}

test("killed at every step of a snapshot, the vault starts from what is whole", async (t) => {
  assert.deepEqual([...new Set(calls.map(({ name }) => name))], ["write", "datasync", "rename", "unlink"]);
  const rounds = killsOf(calls);
  await inLanes(rounds, async (step) => {
    const data = await copyOf(step);
    const dying = run(data, step, AT_START);
    const told = known();
    await attempt(dying, told);
    assert.equal((await dying.ended).signal, "SIGKILL", `${step} was never reached`);
    const count = (await snapshotsOf(data)).filter((name) => name.endsWith(".snap")).length;
    assert.ok(count === 2 || count === 3, `${step}: ${count}`);
    await demandSound(data, told);
  });
  t.diagnostic(calls.map(({ name }, at) => `${at + 1} ${name}`).join(", "));
  t.diagnostic(`count: kills: ${rounds.length} kills, ${calls.length} steps of a snapshot`);
});

test("killed anywhere while snapshots are written beside payments, it pays once", async (t) => {
  const data = await home.fresh("beside");
  const whole = run(data, "", ALWAYS);
  assert.ok((await attempt(whole, null)).whole);
  const { steps, code } = await stopVault(whole);
  assert.equal(code, 0);
  assert.ok(steps.filter((line) => line.includes(".snap")).length > 8, "snapshots were written");
  // Some of the last calls depend on how far the last snapshot has come.
  const rounds = Array.from({ length: Math.floor((steps.length - 12) / STRIDE) }, (_, at) => `before ${at * STRIDE + 1}`);
  await inLanes(rounds, async (step) => {
    const fresh = await home.fresh(`beside ${step}`);
    const dying = run(fresh, step, ALWAYS);
    const { memory: told } = await attempt(dying, null);
    assert.equal((await dying.ended).signal, "SIGKILL", `${step} was never reached`);
    await demandSound(fresh, told);
  });
  t.diagnostic(`count: kills: ${rounds.length} kills beside payments`);
});

test("a disk that is full, or fails, for a snapshot alone ends nothing", async (t) => {
  const failures: Readonly<Record<string, string>> = { write: "full", datasync: "fail", rename: "fail", unlink: "fail" };
  const rounds = calls.map(({ name }, at) => `${failures[name]} ${at + 1}`);
  await inLanes(rounds, async (step) => {
    const data = await copyOf(step);
    const running = run(data, step, AT_START);
    const told = known();
    const { whole } = await attempt(running, told);
    while (!running.said().includes("snapshot of")) await sleep(20);
    const { code, words } = await stopVault(running);
    assert.deepEqual([whole, code], [true, 0], words);
    assert.match(words, /^snapshot of [0-9]+ records: (ENOSPC|EIO)$/m);
    await demandSound(data, told);
  });
  t.diagnostic(`count: disks: ${rounds.length} full or failing for a snapshot, none of which ended the vault`);
});
