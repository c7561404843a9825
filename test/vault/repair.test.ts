/** The ceremony of a repair on real files: what is shown, what is kept aside, and that no step of it leaves a journal that
 *  passes for whole. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fromHex, type Hash } from "../../core/src/bytes.ts";
import { openRecord, type RecordOf } from "../../core/src/journal/record.ts";
import { segmentName } from "../../core/src/journal/segment.ts";
import { Command } from "../../core/src/protocol/command.ts";
import { decode, encode, Signed } from "../../core/src/signed/object.ts";
import { Receipt } from "../../core/src/signed/receipt.ts";
import { bootVault, initialise, keystorePath, placeOf, verifyData } from "../../vault/src/host/boot.ts";
import { repairData } from "../../vault/src/host/ceremony/repair.ts";
import { EXIT } from "../../vault/src/host/fault.ts";
import { readJournal } from "../../vault/src/host/journal/read.ts";
import { openKeystore } from "../../vault/src/host/keys/software.ts";
import { limits } from "../../vault/src/host/limits.ts";
import { program } from "../../vault/src/host/program.ts";
import { mind } from "../../vault/src/mind.ts";
import { isSuspect, type State } from "../../vault/src/state/state.ts";
import * as world from "../world/world.ts";

const PASSPHRASE = "correct horse battery";
const passphrase = () => Buffer.from(PASSPHRASE);
const work = { memoryKiB: 19 * 1024, passes: 1, lanes: 1 };

type Asked = Parameters<typeof world.command>[0];

/** Starts the vault, asks, and stops it; the codes of the answers. */
async function live(data: string, ...asked: readonly Asked[]): Promise<{ codes: string[]; state: State }> {
  const vault = await bootVault(data, passphrase(), mind);
  const codes: string[] = [];
  for (const one of asked.length === 0 ? [{ command: "status" } as const] : asked) {
    const bytes = encode(Command, world.command(one));
    const receipt = await new Promise<Uint8Array>((resolve) => vault.loop.ask(bytes, resolve));
    codes.push(decode(Receipt, decode(Signed, receipt).body).code);
  }
  const { state } = vault.loop;
  await vault.close();
  return { codes, state };
}

/** A vault that was founded in its first start and started twice since: segments 1 (empty) to 4. */
async function made(t: TestContext): Promise<{ data: string; segment: (number: number) => string; founding: Asked }> {
  const folder = await fs.mkdtemp(join(tmpdir(), "repair "));
  t.after(() => fs.rm(folder, { recursive: true }));
  const data = join(folder, "data");
  const { signedGenesis: genesis, signedRulebook: rulebook } = world.makeWorld({
    vaultKey: fromHex(await initialise(data, passphrase(), work)),
  });
  const founding: Asked = { command: "found", genesis, rulebook };
  assert.deepEqual((await live(data, founding)).codes, ["OK"]);
  await live(data);
  await live(data);
  return { data, segment: (number) => join(data, "journal", segmentName(number)), founding };
}

/** The verb, with the line that it asks for typed as `typed` says. */
async function repair(data: string, typed: (head: string) => string = (head) => `repair ${head.slice(0, 12)}`) {
  const events: Record<string, unknown>[] = [];
  const words: string[] = [];
  const found = Promise.withResolvers<void>();
  async function* input() {
    yield Buffer.from(`${PASSPHRASE}\n`);
    await found.promise;
    yield Buffer.from(`${typed(String(events.at(-1)?.["head"]))}\n`);
  }
  const out = (line: string) => {
    events.push(JSON.parse(line));
    found.resolve();
  };
  const streams = { input: Readable.from(input()), out, error: (text: string) => words.push(text) };
  const exit = await program(["repair", "--data", data, "--stdin"], mind, streams);
  return { exit, events, words: words.join("") };
}

const suspicionOf = async (data: string) => (await verifyData(data, passphrase(), mind)).suspicion;

/** The record that the repair wrote. */
async function lastRecord(data: string): Promise<{ state: State; suspect: boolean }> {
  const { state } = await verifyData(data, passphrase(), mind);
  return { state, suspect: isSuspect(state) };
}

test("a damaged record is cut off with all that follows, and everything is kept aside", async (t) => {
  const { data, segment } = await made(t);
  const before = await fs.readFile(segment(3));
  const damaged = Buffer.from(before);
  damaged[damaged.length - 20] = (damaged.at(-20) ?? 0) ^ 1;
  await fs.writeFile(segment(3), damaged);
  const rest = await fs.readFile(segment(4));
  await assert.rejects(bootVault(data, passphrase(), mind), { code: "JOURNAL_CORRUPT" });
  const { exit, events, words } = await repair(data);
  assert.equal(exit, EXIT.ok, words);
  const [found, done] = events;
  assert.deepEqual([found?.["why"], found?.["records"], found?.["segments"]], ["JOURNAL_CORRUPT", 2, 4]);
  assert.equal(done?.["aside"], join(data, "aside-1"));
  assert.match(words, /Readable: 2 records in 3 of 4 segments[\s\S]*To go on, type: repair [0-9a-f]{12}\n/);
  assert.deepEqual(await fs.readFile(join(data, "aside-1", segmentName(3))), damaged);
  assert.deepEqual(await fs.readFile(join(data, "aside-1", segmentName(4))), rest);
  assert.ok((await fs.readdir(join(data, "aside-1"))).includes("journal.mark"));
  const { state, suspect } = await lastRecord(data);
  assert.ok(suspect);
  assert.equal(state.seq, 3);
  const { codes, state: after } = await live(data, { command: "status" }, { command: "address", wallet: "treasury", index: 0 });
  assert.deepEqual(codes, ["OK", "START_UNCONFIRMED"]);
  assert.equal(after.start?.suspicion, "repaired");
  const header = 180;
  const tail = createHash("sha256").update(damaged.subarray(header)).update(rest).digest("hex");
  assert.equal(found?.["bytes"], damaged.length - header + rest.length);
  assert.equal(await tailOf(data), tail);
});

/** What the newest `repaired` record names. */
async function tailOf(data: string): Promise<Hash | undefined> {
  const keystore = await openKeystore(keystorePath(data), passphrase());
  let tail: Hash | undefined;
  for await (const { records } of readJournal(placeOf(data, keystore))) {
    for (const { value } of records.map(openRecord)) if (value.kind === "repaired") tail = (value as RecordOf<"repaired">).tail;
  }
  keystore.close();
  return tail;
}

test("what was not typed changes nothing", async (t) => {
  const { data, segment } = await made(t);
  await fs.appendFile(segment(4), "garbage that no power loss leaves behind");
  const names = await fs.readdir(join(data, "journal"));
  const bytes = await fs.readFile(segment(4));
  for (const typed of ["", "y", "repair", "repair 000000000000"]) {
    const { exit, events } = await repair(data, () => typed);
    assert.deepEqual([exit, events.at(-1)?.["code"]], [EXIT.usage, "NOT_CONFIRMED"]);
  }
  assert.deepEqual(await fs.readdir(join(data, "journal")), names);
  assert.deepEqual(await fs.readFile(segment(4)), bytes);
  assert.equal(
    (await fs.readdir(data)).some((name) => name.startsWith("aside")),
    false,
  );
});

test("a journal whose newest segment is gone is taken up where it ends", async (t) => {
  const { data, segment } = await made(t);
  await fs.rm(segment(4));
  await assert.rejects(bootVault(data, passphrase(), mind), { code: "JOURNAL_MISSING" });
  const { events } = await repair(data);
  assert.deepEqual([events[0]?.["why"], events[0]?.["records"], events[0]?.["bytes"]], ["", 3, 0]);
  assert.ok((await lastRecord(data)).suspect);
  await fs.rm(segment(2));
  await fs.rm(join(data, "journal", "last"));
  const { exit, events: none } = await repair(data);
  assert.deepEqual([exit, none.at(-1)?.["code"]], [EXIT.data, "REPAIR_HOPELESS"], "nothing is left that was founded");
  await fs.rm(join(data, "journal"), { recursive: true });
  assert.equal((await repair(data)).exit, EXIT.data);
});

test("a gap between segments ends what can be read", async (t) => {
  const { data, segment } = await made(t);
  await fs.rm(segment(3));
  const { events } = await repair(data);
  assert.deepEqual([events[0]?.["why"], events[0]?.["records"]], ["JOURNAL_GAP", 2]);
  assert.equal((await live(data, { command: "status" })).state.start?.suspicion, "repaired");
});

test("a segment that ends early before another one is cut there", async (t) => {
  const { data, segment } = await made(t);
  const { size } = await fs.stat(segment(2));
  await fs.truncate(segment(2), size - 1);
  await assert.rejects(verifyData(data, passphrase(), mind), { code: "JOURNAL_TRUNCATED" });
  const { exit, events } = await repair(data);
  assert.deepEqual(
    [exit, events[0]?.["code"] ?? events.at(-1)?.["code"]],
    [EXIT.data, "REPAIR_HOPELESS"],
    "the founding is cut",
  );
});

test("a vault that was halted, or whole, is suspected after the ceremony", async (t) => {
  const { data } = await made(t);
  const { exit, events, words } = await repair(data);
  assert.deepEqual([exit, events[0]?.["why"], events[0]?.["bytes"], events[0]?.["halted"]], [EXIT.ok, "", 0, false]);
  assert.doesNotMatch(words, /halted/);
  assert.deepEqual((await live(data, { command: "inform", facts: [] })).codes, ["START_UNCONFIRMED"]);
  assert.deepEqual((await live(data, { command: "inform", facts: [] })).codes, ["START_UNCONFIRMED"], "and stays so");
  await repair(data);
  assert.ok((await fs.readdir(data)).includes("aside-2"));
});

test("a journal that is older than its snapshot starts only after the ceremony, which keeps the snapshot aside", async (t) => {
  const usual = limits.startRecords;
  t.after(() => Object.assign(limits, { startRecords: usual }));
  const { data } = await made(t);
  const journal = join(data, "journal");
  const snapshots = async (folder = journal) => (await fs.readdir(folder)).filter((name) => name.endsWith(".snap"));
  await fs.cp(journal, `${journal}.older`, { recursive: true });
  Object.assign(limits, { startRecords: 1 });
  const vault = await bootVault(data, passphrase(), mind);
  while ((await snapshots()).length === 0) await sleep(2);
  await vault.close();
  const [late = ""] = await snapshots();
  await fs.copyFile(join(journal, late), join(`${journal}.older`, late));
  await fs.rm(journal, { recursive: true });
  await fs.rename(`${journal}.older`, journal);
  await assert.rejects(bootVault(data, passphrase(), mind), { code: "SNAPSHOT_AHEAD" });
  const { exit, events } = await repair(data);
  assert.deepEqual([exit, events[0]?.["why"], events[0]?.["bytes"]], [EXIT.ok, "", 0]);
  assert.deepEqual([await snapshots(), await snapshots(join(data, "aside-1"))], [[], [late]]);
  assert.ok((await lastRecord(data)).suspect);
  assert.equal((await live(data)).state.start?.suspicion, "repaired");
});

test("what fails in the middle leaves a journal that is suspected, and another process keeps the ceremony off", async (t) => {
  const { data, segment } = await made(t);
  const damaged = await fs.readFile(segment(3));
  damaged[damaged.length - 20] = (damaged.at(-20) ?? 0) ^ 1;
  await fs.writeFile(segment(3), damaged);
  const boom = new Error("boom");
  const failing = { ...mind, repaired: () => assert.fail(boom) };
  await assert.rejects(
    repairData(data, passphrase(), failing, () => Promise.resolve(true)),
    { message: "boom" },
  );
  assert.equal(await suspicionOf(data), "unmarked");
  assert.deepEqual((await live(data, { command: "inform", facts: [] })).codes, ["START_UNCONFIRMED"]);
  const taken = repairData(data, passphrase(), mind, async () => {
    await live(data);
    return true;
  });
  await assert.rejects(taken, { code: "DATA_FENCED" });
  const wrong = Object.assign(new Error("disk"), { code: "EIO" });
  const throwing = { ...mind, apply: () => assert.fail(wrong) };
  await assert.rejects(
    repairData(data, passphrase(), throwing, () => Promise.resolve(true)),
    { message: "disk" },
  );
});

test("a journal that is older than its mark, or has none, starts suspected", async (t) => {
  const { data } = await made(t);
  assert.equal(await suspicionOf(data), null);
  const journal = join(data, "journal");
  const kept = join(data, "..", "kept");
  await fs.cp(journal, kept, { recursive: true });
  await live(data);
  await fs.rm(journal, { recursive: true });
  await fs.cp(kept, journal, { recursive: true });
  assert.equal(await suspicionOf(data), "behind");
  assert.deepEqual((await live(data, { command: "inform", facts: [] })).codes, ["START_UNCONFIRMED"]);
  assert.equal(await suspicionOf(data), null, "the journal fits its mark again");
  assert.deepEqual((await live(data, { command: "inform", facts: [] })).codes, ["START_UNCONFIRMED"], "and remembers");
  const mark = join(data, "journal.mark");
  const bytes = await fs.readFile(mark);
  for (const spoil of [bytes.subarray(1), Buffer.alloc(bytes.length), Buffer.concat([bytes, bytes]), Buffer.alloc(3)]) {
    await fs.writeFile(mark, spoil);
    assert.equal(await suspicionOf(data), "unmarked");
  }
  await fs.copyFile(join(journal, "last"), mark);
  assert.equal(await suspicionOf(data), "unmarked", "another file of the same key");
  await fs.rm(mark);
  await fs.symlink(join(data, "keystore"), mark);
  assert.equal(await suspicionOf(data), "unmarked");
  await fs.rm(mark);
  await fs.mkdir(mark);
  assert.equal(await suspicionOf(data), "unmarked");
});
