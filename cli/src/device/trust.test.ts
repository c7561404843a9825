import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Hash } from "@strongroom/core/bytes";
import { Head } from "@strongroom/core/signed/head";
import { encode, Signed } from "@strongroom/core/signed/object";
import { keepHead, keptBook, keptOf } from "@strongroom/sdk/vault/session";
import { fileMemory, readPin, writePin } from "./trust.ts";

const home = await mkdtemp(join(tmpdir(), "strongroom-trust-"));
after(() => rm(home, { recursive: true, force: true }));
const hash = (byte: number) => byte.toString(16).padStart(2, "0").repeat(32) as Hash;

test("a pin is written once", async () => {
  assert.equal(await readPin(home), null);
  await writePin(home, hash(1));
  await writePin(home, hash(1));
  assert.equal(await readPin(home), hash(1));
  await assert.rejects(writePin(home, hash(2)), { code: "GENESIS_FOREIGN" });
});

const signed = (seq: number): Uint8Array => {
  const common = {
    version: 1,
    deployment: hash(1),
    vault: hash(2),
    rulebook: hash(3),
    epoch: 1,
    boot: hash(4),
    at: 1,
  } as const;
  const body = encode(Head, { ...common, head: { seq, hash: hash(5) }, halted: false });
  return encode(Signed, { body, signatures: [{ key: hash(2), signature: new Uint8Array(64) }] });
};

test("a newer head that another process has kept stays", async () => {
  const memory = fileMemory(home);
  assert.equal(await memory.read("head"), null);
  await keepHead(memory, signed(9));
  await keepHead(memory, signed(8));
  assert.deepEqual(await memory.read("head"), signed(9));
});

test("what is kept and damaged is said to be so", async () => {
  const memory = fileMemory(home);
  await assert.rejects(keptOf(memory, hash(1)), { code: "MEMORY_UNFIT" });
  await writeFile(join(home, "rulebook.cbor"), "no rulebook");
  await assert.rejects(keptBook(memory), { code: "MEMORY_UNFIT" });
  await writeFile(join(home, "head.cbor"), "no head");
  await assert.rejects(keepHead(memory, signed(1)), { code: "MEMORY_UNFIT" });
});
