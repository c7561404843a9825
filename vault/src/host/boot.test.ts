/** A vault in this process, with the real judgement: founded or not it answers with receipts that anyone can check. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { fromHex, toHex } from "@strongroom/core/bytes";
import { verifyEd25519 } from "@strongroom/core/keys/ed25519";
import { Command, ProtectionsBody, requestId, tightens } from "@strongroom/core/protocol/command";
import type { Nonce } from "@strongroom/core/signed/fields";
import { Head } from "@strongroom/core/signed/head";
import { challengeOf, decode, encode, type Kind, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { mind } from "../mind.ts";
import { bootVault, initialise, verifyData } from "./boot.ts";
import { Fault } from "./fault.ts";
import { linesOf } from "./serve/console.ts";
import { frameOf, frameReader } from "./serve/frames.ts";
import { serveUntilEnd } from "./serve/serve.ts";

const passphrase = Buffer.from("correct horse battery");
const work = { memoryKiB: 19 * 1024, passes: 1, lanes: 1 };

async function made(t: TestContext): Promise<{ data: string; identityKey: string }> {
  const folder = await fs.mkdtemp(join(tmpdir(), "boot-"));
  t.after(() => fs.rm(folder, { recursive: true }));
  const data = join(folder, "data");
  return { data, identityKey: await initialise(data, passphrase, work) };
}

const commandOf = (command: "status" | "head" | "protections") => {
  return encode(Command, { version: 1, nonce: toHex(randomBytes(16)) as Nonce, command });
};

/** The object in a signed envelope of the vault. */
function opened<T>(kind: Kind<T>, bytes: Uint8Array, identityKey: string): T {
  const { body, signatures } = decode(Signed, bytes);
  const [signature] = signatures;
  assert.ok(signature);
  assert.ok(verifyEd25519(fromHex(identityKey), challengeOf(kind as Kind<unknown>, body), signature.signature));
  return decode(kind, body);
}

test("every boot is a record, and the head of the last one is read back", async (t) => {
  const { data, identityKey } = await made(t);
  for (const records of [0, 1, 2]) {
    const vault = await bootVault(data, passphrase, mind);
    assert.equal(vault.replayed.records, records);
    assert.equal(toHex(vault.keystore.identity.publicKey), identityKey);
    const request = commandOf("head");
    const bytes = await new Promise<Uint8Array>((resolve) => vault.loop.ask(request, resolve));
    const receipt = opened(Receipt, bytes, identityKey);
    assert.deepEqual([receipt.code, receipt.request, receipt.boot], ["OK", requestId(request), vault.boot]);
    assert.equal(receipt.head.seq, records + 1);
    assert.deepEqual(opened(Head, receipt.body, identityKey).head, receipt.head);
    await vault.close();
  }
  assert.equal((await verifyData(data, passphrase, mind)).records, 3);
});

test("a vault is reached by socket, console and file, and ends with its console", async (t) => {
  const { data, identityKey } = await made(t);
  const vault = await bootVault(data, passphrase, mind);
  t.after(() => vault.close());
  const path = join(data, "sock");
  const input = new PassThrough();
  const printed: string[] = [];
  const ready = Promise.withResolvers<void>();
  const measured = [{ name: "no network", on: false, detail: "a test" }];
  const ended = serveUntilEnd(
    {
      loop: vault.loop,
      tightens,
      data,
      measure: () => Promise.resolve(measured),
      socket: { path, mode: 0o600 },
      lines: linesOf(input),
      write: (line) => printed.push(line),
    },
    ready.resolve,
  );
  await ready.promise;
  const replies = await askSocket(path, [commandOf("protections"), Buffer.alloc(200), commandOf("status")]);
  const receipts = replies.map((bytes) => opened(Receipt, bytes, identityKey));
  assert.deepEqual(
    receipts.map(({ code }) => code),
    ["OK", "MALFORMED", "OK"],
  );
  assert.deepEqual(decode(ProtectionsBody, receipts[0]?.body ?? new Uint8Array(0)).protections, measured);

  await fs.writeFile(join(data, "intake", "status.cbor"), commandOf("status"));
  input.write(`${Buffer.from(commandOf("status")).toString("base64")}\n`);
  const receiptFile = join(data, "outtake", "status.receipt");
  for (let at = 0; at < 100 && !(await fs.readdir(join(data, "outtake"))).includes("status.receipt"); at++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(opened(Receipt, await fs.readFile(receiptFile), identityKey).code, "NOT_TIGHTENING");
  assert.equal(opened(Receipt, Buffer.from(printed.join(""), "base64"), identityKey).code, "NOT_TIGHTENING");
  input.end();
  await ended;
  await assert.rejects(fs.stat(path), { code: "ENOENT" });
});

test("what ends the loop ends the service", async (t) => {
  const { data } = await made(t);
  const vault = await bootVault(data, passphrase, mind);
  const openings = { loop: vault.loop, tightens, data, socket: null, lines: null, write: assert.fail };
  const measure = () => Promise.reject(new Error("no"));
  const failed = serveUntilEnd({ ...openings, measure }, () => vault.loop.fail(new Fault("JOURNAL_WRITE", "EIO")));
  await assert.rejects(failed, { code: "JOURNAL_WRITE" });
  await vault.close();
});

test("what ends the loop before everything is open ends the service too", async (t) => {
  const { data } = await made(t);
  const vault = await bootVault(data, passphrase, mind);
  const openings = { loop: vault.loop, tightens, data, lines: null, write: assert.fail, measure: assert.fail };
  const failed = serveUntilEnd({ ...openings, socket: { path: join(data, "sock"), mode: 0o600 } }, assert.fail);
  vault.loop.fail(new Fault("JOURNAL_WRITE", "EIO"));
  await assert.rejects(failed, { code: "JOURNAL_WRITE" });
  await assert.rejects(fs.stat(join(data, "sock")), { code: "ENOENT" });
  await vault.close();
});

test("a vault is made and started only in a folder that is this user's, and it becomes private first", async (t) => {
  const folder = await fs.mkdtemp(join(tmpdir(), "boot-"));
  t.after(() => fs.rm(folder, { recursive: true }));
  const data = join(folder, "data");
  await fs.mkdir(data);
  await fs.chmod(data, 0o777);
  await initialise(data, passphrase, work);
  assert.equal((await fs.stat(data)).mode & 0o777, 0o700);
  if (process.geteuid?.() !== 0) return;
  const others = join(folder, "others");
  await fs.mkdir(others);
  await fs.chown(others, 4242, 4242);
  await assert.rejects(initialise(others, passphrase, work), { code: "DATA_OWNER" });
  assert.deepEqual(await fs.readdir(others), []);
  await fs.chown(data, 4242, 4242);
  await fs.chown(join(data, "keystore"), 4242, 4242);
  await assert.rejects(bootVault(data, passphrase, mind), { code: "DATA_OWNER" });
  assert.equal((await verifyData(data, passphrase, mind)).records, 0, "root may look at it");
});

test("a passphrase that is wrong opens no vault", async (t) => {
  const { data } = await made(t);
  await assert.rejects(bootVault(data, Buffer.from("wrong horse battery"), mind), { code: "KEYSTORE_LOCKED" });
  await fs.rm(join(data, "journal", "last"));
  await assert.rejects(bootVault(data, passphrase, mind), { code: "JOURNAL_MISSING" });
  await fs.rm(join(data, "journal"), { recursive: true });
  await assert.rejects(bootVault(data, passphrase, mind), { code: "JOURNAL_MISSING" });
});

/** Sends all requests at once and gives the replies. */
function askSocket(path: string, requests: Uint8Array[]): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const frames = frameReader();
    const replies: Uint8Array[] = [];
    socket.on("data", (chunk) => {
      frames.add(chunk);
      while (frames.ready()) replies.push(frames.next() as Buffer);
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(replies));
    socket.end(Buffer.concat(requests.map(frameOf)));
  });
}
