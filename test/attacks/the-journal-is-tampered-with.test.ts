/** The journal is rolled back, truncated, reordered, spliced or filled, by whoever can write to the vault's disk but does
 *  not know its passphrase. Either the vault refuses to start, or what it signs next was approved for exactly the history
 *  that it has. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { join } from "node:path";
import type { RefusalCode } from "../../core/src/errors.ts";
import { FRAME_HEAD_BYTES, HEADER_BYTES, segmentName, TAG_BYTES } from "../../core/src/journal/segment.ts";
import { Command } from "../../core/src/protocol/command.ts";
import { encode } from "../../core/src/signed/object.ts";
import { verifyData } from "../../vault/src/host/boot.ts";
import { clockFrom } from "../../vault/src/host/clock.ts";
import { type Files, realFiles } from "../../vault/src/host/disk.ts";
import { mend } from "../../vault/src/host/journal/read.ts";
import { continueJournal } from "../../vault/src/host/journal/write.ts";
import { type Keystore, openKeystore } from "../../vault/src/host/keys/software.ts";
import { receiptsOf } from "../../vault/src/host/receipts.ts";
import { Loop } from "../../vault/src/host/run.ts";
import { mind } from "../../vault/src/mind.ts";
import { someHash } from "../world/keys.ts";
import * as world from "../world/world.ts";
import { attacks, fails, TWO } from "./attack.ts";
import { fresh, PASSPHRASE, type RealVault, realVault } from "./real.ts";

const journalOf = (house: RealVault) => join(house.data, "journal");
const segment = (house: RealVault, number: number) => join(journalOf(house), segmentName(number));

/** Runs `work` with a stopped vault that has paid twice in three boots. */
async function stopped(work: (house: RealVault) => Promise<void>): Promise<void> {
  const { house, clean } = await realVault();
  try {
    for (const reference of ["pay-1", "pay-2"]) {
      assert.equal(await house.code(await house.request(house.pay(reference), TWO)), "OK");
      await house.stop();
      await bootOnce(house);
      await house.start();
    }
    await house.stop();
    await work(house);
  } finally {
    await clean();
  }
}

/** The journal as it is now; `restore` brings it back. */
async function saved(house: RealVault): Promise<() => Promise<void>> {
  const copy = `${house.data}.copy`;
  await fs.rm(copy, { recursive: true, force: true });
  await fs.cp(journalOf(house), copy, { recursive: true });
  return async () => {
    await fs.rm(journalOf(house), { recursive: true });
    await fs.cp(copy, journalOf(house), { recursive: true });
  };
}

/** A start that is recorded, and a stop. */
async function bootOnce(house: RealVault): Promise<void> {
  await house.start();
  await house.ground();
  await house.stop();
}

/** The start is refused with this code. */
async function startFails(house: RealVault, code: RefusalCode): Promise<void> {
  await fails(async () => {
    await assert.rejects(house.start(), { name: "Refused", code });
  });
}

/** Changes one bit; from byte 8 on a header says its version. */
async function flip(path: string, at: number): Promise<void> {
  const bytes = await fs.readFile(path);
  bytes[at] = (bytes[at] as number) ^ 1;
  await fs.writeFile(path, bytes);
}

/** Where each frame of a segment begins, and where the last one ends. */
function framesOf(bytes: Buffer): number[] {
  const starts = [HEADER_BYTES];
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    at += FRAME_HEAD_BYTES + bytes.readUInt32BE(at) + TAG_BYTES;
    starts.push(at);
  }
  return starts;
}

attacks("segments are removed, exchanged or doubled", async () => {
  await stopped(async (house) => {
    const restore = await saved(house);
    const numbers = (await fs.readdir(journalOf(house))).filter((name) => name.endsWith(".seg")).length;
    assert.equal(numbers, 6);
    const damage: readonly [RefusalCode, () => Promise<unknown>][] = [
      ["JOURNAL_MISSING", () => fs.rm(segment(house, 6))],
      ["JOURNAL_GAP", () => fs.rm(segment(house, 3))],
      ["JOURNAL_GAP", () => fs.rm(segment(house, 1))],
      ["JOURNAL_MISSING", () => fs.rm(join(journalOf(house), "last"))],
      ["JOURNAL_MISSING", () => fs.rm(journalOf(house), { recursive: true }).then(() => fs.mkdir(journalOf(house)))],
      ["JOURNAL_GAP", () => fs.copyFile(segment(house, 2), segment(house, 3))],
      ["JOURNAL_GAP", () => fs.copyFile(segment(house, 6), segment(house, 7))],
      ["JOURNAL_CORRUPT", () => fs.writeFile(join(journalOf(house), "last"), "")],
      ["JOURNAL_CORRUPT", () => fs.writeFile(segment(house, 3), "")],
      ["JOURNAL_VERSION", () => flip(segment(house, 3), 8)],
    ];
    for (const [code, act] of damage) {
      await act();
      await startFails(house, code);
      await restore();
    }
    await house.start();
    assert.equal(await house.code(await house.request(house.pay("pay-3"), TWO)), "OK", "untouched, it goes on");
  });
});

attacks("records are cut off, exchanged, doubled or moved", async () => {
  await stopped(async (house) => {
    const restore = await saved(house);
    const bytes = await fs.readFile(segment(house, 2));
    const at = framesOf(bytes);
    const frame = (number: number) => bytes.subarray(at[number], at[number + 1]);
    const head = bytes.subarray(0, HEADER_BYTES);
    const frames = at.slice(0, -1).map((_, number) => frame(number));
    assert.ok(frames.length > 5);
    const other = await fs.readFile(segment(house, 3));
    const damage: readonly [RefusalCode, readonly Buffer[]][] = [
      ["JOURNAL_GAP", [head, ...frames.slice(0, -1)]],
      ["JOURNAL_TRUNCATED", [bytes.subarray(0, bytes.length - 1)]],
      ["JOURNAL_CORRUPT", [head, ...frames.toSpliced(2, 1)]],
      ["JOURNAL_CORRUPT", [head, ...exchanged(frames)]],
      ["JOURNAL_CORRUPT", [head, ...frames.slice(0, 3), ...frames.slice(2)]],
      ["JOURNAL_CORRUPT", [head, ...frames, other.subarray(HEADER_BYTES)]],
      ["JOURNAL_KEY", [keyFlipped(bytes)]],
      ["JOURNAL_CORRUPT", [Buffer.alloc(bytes.length)]],
    ];
    for (const [code, parts] of damage) {
      await fs.writeFile(segment(house, 2), Buffer.concat(parts));
      await startFails(house, code);
      await restore();
    }
  });
});

/** The third frame before the second. */
function exchanged<T>(frames: readonly T[]): T[] {
  return [...frames.slice(0, 1), ...frames.slice(1, 3).toReversed(), ...frames.slice(3)];
}

/** A segment whose sealed key was changed. */
function keyFlipped(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed[HEADER_BYTES - 1] = (changed[HEADER_BYTES - 1] as number) ^ 1;
  return changed;
}

attacks("the journal is spliced from another vault, or from another history of this one", async () => {
  await stopped(async (house) => {
    const restore = await saved(house);
    const { house: foreign, clean } = await realVault();
    await foreign.stop();
    for (const number of [1, 2]) {
      await fs.copyFile(segment(foreign, number), segment(house, number));
      await startFails(house, "JOURNAL_FOREIGN");
      await restore();
    }
    await fs.copyFile(join(foreign.data, "keystore"), join(house.data, "keystore.foreign"));
    await fs.rename(join(house.data, "keystore"), join(house.data, "keystore.own"));
    await fs.rename(join(house.data, "keystore.foreign"), join(house.data, "keystore"));
    await startFails(house, "JOURNAL_CORRUPT");
    await fs.rename(join(house.data, "keystore.own"), join(house.data, "keystore"));
    await clean();
    await bootOnce(house);
    await bootOnce(house);
    const other = await fs.readFile(segment(house, 8));
    await restore();
    await bootOnce(house);
    await fs.writeFile(segment(house, 8), other);
    await startFails(house, "JOURNAL_CHAIN");
  });
});

attacks("the newest records are cut off at a record's end, which looks like a write that never was", async () => {
  const { house, clean } = await realVault();
  const mark = `${house.data}/journal.mark`;
  const atStart = await fs.readFile(mark);
  const paid = await house.request(house.pay("pay-1"), TWO);
  const { receipt } = await house.ask(paid);
  assert.equal(receipt.code, "OK");
  const { head: late, ground: after } = await house.ground();
  await house.stop();
  const restore = await saved(house);
  const bytes = await fs.readFile(segment(house, 2));
  const at = framesOf(bytes);
  const second = house.pay("pay-2");
  for (const lost of [1, 2]) {
    await restore();
    await fs.writeFile(segment(house, 2), bytes.subarray(0, at[at.length - 1 - lost]));
    await house.start();
    await fails(async () => assert.equal(await house.code(paid), "START_UNCONFIRMED", "the mark of an orderly stop tells"));
    await fails(async () => assert.equal(await house.code(await house.request(second, TWO)), "START_UNCONFIRMED"));
    await house.stop();
    await restore();
    await fs.writeFile(segment(house, 2), bytes.subarray(0, at[at.length - 1 - lost]));
    // After a crash the mark is that of the last start.
    await fs.writeFile(mark, atStart);
    await house.start();
    const { ground } = await house.ground();
    await fails(async () => {
      const again = (await house.ask(paid)).receipt;
      if (lost === 1) assert.deepEqual(again.body, receipt.body, "it was committed: the same transaction, nothing else");
      else assert.equal(again.code, "BOOT_STALE");
    });
    const onLate = world.approveAll({ ...after, boot: ground.boot }, second, TWO);
    await fails(async () => assert.equal(await house.code(world.execute([second], onLate)), "HEAD_UNKNOWN"));
    await fails(async () => assert.equal(await house.code(fresh({ command: "witness", head: late })), "ROLLED_BACK"));
    await fails(async () => assert.equal(await house.code(await house.request(second, TWO)), "ROLLED_BACK"));
    await house.stop();
  }
  await clean();
});

attacks("the whole folder is rolled back to before a payment", async () => {
  const { house, clean } = await realVault();
  await house.stop();
  const copy = `${house.data}.before`;
  await fs.cp(house.data, copy, { recursive: true });
  await house.start();
  const first = await house.request(house.pay("pay-1"), TWO);
  assert.equal(await house.code(first), "OK");
  const { head: late, ground: after } = await house.ground();
  await house.stop();
  await fs.rm(house.data, { recursive: true });
  await fs.rename(copy, house.data);
  await house.start();
  await fails(async () => assert.equal(await house.code(first), "BOOT_STALE"));
  const { ground } = await house.ground();
  const second = house.pay("pay-2");
  const seen = world.approveAll({ ...after, boot: ground.boot }, second, TWO);
  await fails(async () => assert.equal(await house.code(world.execute([second], seen)), "HEAD_UNKNOWN"));
  await fails(async () => assert.equal(await house.code(fresh({ command: "witness", head: late })), "ROLLED_BACK"));
  await fails(async () => assert.equal(await house.code(await house.request(second, TWO)), "ROLLED_BACK"));
  await clean();
});

attacks("the disk is full, or a sync fails, while a payment is recorded", async () => {
  const { house, clean } = await realVault();
  await house.stop();
  for (const [call, code] of [
    ["write", "ENOSPC"],
    ["datasync", "EIO"],
  ] as const) {
    await fails(async () => {
      const { loop, pay, signed, broken, close } = await fragile(house, call, code);
      broken.now = true;
      const answered = { count: 0 };
      const command = pay(`pay-${code}`);
      loop.ask(encode(Command, command), () => {
        answered.count += 1;
      });
      await assert.rejects(loop.ended, { code: "JOURNAL_WRITE" });
      assert.deepEqual([signed.count, answered.count], [0, 0], "nothing was signed, nobody was answered");
      await close();
    });
  }
  await house.start();
  assert.equal(await house.code(await house.request(house.pay("pay-1"), TWO)), "OK", "with room again it goes on");
  await clean();
});

/** The vault of a folder on a disk whose `call` can be made to fail. */
async function fragile(house: RealVault, call: "write" | "datasync", code: string) {
  const passphrase = () => Buffer.from(PASSPHRASE);
  const keystore = await openKeystore(join(house.data, "keystore"), passphrase());
  const { state, last } = await verifyData(house.data, passphrase(), mind);
  const broken = { now: false };
  const signed = { count: 0 };
  const place = { folder: journalOf(house), owner: keystore.owner, files: failing(broken, call, code) };
  await mend(place, last);
  const journal = await continueJournal(place, last);
  const boot = someHash(`boot ${code}`);
  const counting: Keystore = {
    create: (spec) => keystore.create(spec),
    sign: (job, abort) => {
      signed.count += 1;
      return keystore.sign(job, abort);
    },
  };
  const clock = clockFrom(mind.journaledAt(state));
  const receipts = receiptsOf(keystore.identity, boot);
  const fence = { held: () => true };
  const mark = () => Promise.resolve();
  const keeper = { isDue: () => false, begin: () => assert.fail() };
  const loop = new Loop({ mind, state, boot, journal, mark, keeper, fence, keystore: counting, receipts, clock });
  const status = encode(Command, fresh({ command: "status" }));
  await new Promise<Uint8Array>((resolve) => loop.ask(status, resolve));
  const pay = (reference: string) => {
    const intent = house.pay(reference);
    const { seq, head: hash } = loop.state;
    const ground = { book: house.made.book, head: { seq, hash }, boot, notAfter: Date.now() + world.HOUR };
    return world.execute([intent], world.approveAll(ground, intent, TWO));
  };
  const close = async () => {
    await journal.close();
    keystore.close();
  };
  return { loop, pay, signed, broken, close };
}

/** Files whose handles fail in one call while `broken`. */
function failing(broken: { readonly now: boolean }, call: "write" | "datasync", code: string): Files {
  const open: Files["open"] = async (...from) => {
    const handle = await realFiles.open(...from);
    return new Proxy(handle, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== "function") return value;
        return (...rest: unknown[]) => {
          if (key === call && broken.now) return Promise.reject(Object.assign(new Error(call), { code }));
          return Reflect.apply(value, target, rest);
        };
      },
    });
  };
  return { ...realFiles, open };
}
