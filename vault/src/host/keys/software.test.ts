/** The software keystore: what it derives and signs, what it refuses, and its file under attack. */
import assert from "node:assert/strict";
import { createPublicKey, randomBytes, verify } from "node:crypto";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fromHex, toHex } from "@strongroom/core/bytes";
import { chainOf } from "@strongroom/core/chain/table";
import { deriveAddressKey, derivePrivateKey, derivePublicNode, mnemonicOf, seedOf } from "@strongroom/core/keys/hd";
import { isPublicKey } from "@strongroom/core/keys/secp256k1";
import type { Job, KeySpec } from "../../types.ts";
import { Fault, type FaultCode } from "../fault.ts";
import { limits } from "../limits.ts";
import { KeyFaultError } from "./fault.ts";
import { openKeystoreFile, readNames, type Work, writeKeystore } from "./file.ts";
import { createKeystore, openKeystore, seedOfEntropy } from "./software.ts";

const passphrase = Buffer.from("correct horse battery");
/** The least that a file may demand, so that the tests are fast. */
const work: Work = { memoryKiB: 19 * 1024, passes: 1, lanes: 1 };
const fault = (code: FaultCode) => (error: unknown) => error instanceof Fault && error.code === code;
const keyFault = (code: string) => (error: unknown) => error instanceof KeyFaultError && error.fault.code === code;
const never = new AbortController().signal;

async function pathIn(t: TestContext): Promise<string> {
  const folder = await fs.mkdtemp(join(tmpdir(), "keystore-"));
  t.after(() => fs.rm(folder, { recursive: true }));
  return join(folder, "keystore");
}

async function opened(t: TestContext) {
  const path = await pathIn(t);
  await createKeystore(path, passphrase, { work });
  return openKeystore(path, passphrase);
}

const evm = chainOf("evm");
const transaction = evm.build(
  { chainId: 1, nonce: 7, transfer: { asset: "native", to: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", amount: 5n } },
  { gasLimit: 21_000, maxFeePerGas: 9n, maxPriorityFeePerGas: 1n },
);
const idOf = (digit: string) => digit.repeat(64) as Job["id"];
const spec: KeySpec = { id: idOf("1"), path: "m/44'/60'/3'", scheme: "secp256k1" };
const jobOf = (part: object): Job => ({
  id: idOf("2"),
  parts: [{ path: "m/44'/60'/3'/0/5", family: "evm", scheme: "secp256k1", bytes: transaction, ...part }],
});

test("the seed is the one of the words of BIP-39", () => {
  for (const entropy of [Buffer.alloc(32), Buffer.alloc(32, 0xff), Buffer.alloc(32, 0x7f), randomBytes(32), randomBytes(32)]) {
    assert.equal(toHex(seedOfEntropy(entropy)), toHex(seedOf(mnemonicOf(entropy))));
  }
});

test("a keystore derives the accounts of its entropy and signs what their addresses spend", async (t) => {
  const path = await pathIn(t);
  const entropy = randomBytes(32);
  const seed = seedOf(mnemonicOf(entropy));
  const secrets = { entropy, identitySeed: randomBytes(32), journalKey: randomBytes(32) };
  const names = { journal: idOf("a"), identityKey: randomBytes(32) };
  await writeKeystore(path, { secrets, names, passphrase, work });
  const keystore = await openKeystore(path, passphrase);
  t.after(() => keystore.close());

  const account = await keystore.create(spec);
  const expected = derivePublicNode(seed, spec.path);
  assert.deepEqual(account, { publicKey: toHex(expected.publicKey), chainCode: toHex(expected.chainCode) });
  assert.equal(isPublicKey(fromHex(account.publicKey)), true);
  const [signature] = await keystore.sign(jobOf({}), never);
  assert.ok(signature);
  assert.equal(signature.length, 65);
  assert.equal(evm.verify(transaction, signature, evm.address(deriveAddressKey(expected, 5))), true);
  assert.deepEqual((await keystore.sign(jobOf({}), never))[0], signature, "the nonce is deterministic");
  assert.deepEqual(keystore.owner.key, secrets.journalKey);
});

test("only transactions are signed, only below the tree's accounts, only with the scheme", async (t) => {
  const keystore = await opened(t);
  for (const bytes of [
    randomBytes(32),
    new Uint8Array(0),
    transaction.subarray(1),
    Buffer.concat([transaction, transaction]),
  ]) {
    await assert.rejects(keystore.sign(jobOf({ bytes }), never), keyFault("KEY_PURPOSE"));
  }
  for (const path of ["m", "m/44'/60'/3'", "m/44'/60'/3/0/5", "m/44'/0'/3'/0/5", "m/44'/60'/3'/1/5", "m/44'/60'/3'/0/05"]) {
    await assert.rejects(keystore.sign(jobOf({ path }), never), keyFault("KEY_UNKNOWN"), path);
  }
  for (const path of ["m/44'/60'/3'/0/2147483648", "m/44'/60'/2147483648'/0/1"]) {
    await assert.rejects(keystore.sign(jobOf({ path }), never), keyFault("KEY_UNKNOWN"), path);
  }
  await assert.rejects(keystore.sign(jobOf({ scheme: "ed25519" }), never), keyFault("KEY_SCHEME"));
  await assert.rejects(keystore.sign(jobOf({ family: "bitcoin" }), never), keyFault("KEY_SCHEME"));
  const [part] = jobOf({}).parts;
  const many: Job = { id: idOf("2"), parts: Array(limits.jobParts + 1).fill(part) };
  await assert.rejects(keystore.sign(many, never), keyFault("KEY_LIMIT"));
  await assert.rejects(keystore.create({ ...spec, path: "m/44'/60'/3" }), keyFault("KEY_UNKNOWN"));
  await assert.rejects(keystore.create({ ...spec, scheme: "ed25519" } as never), keyFault("KEY_SCHEME"));
  await assert.rejects(keystore.sign(jobOf({}), AbortSignal.abort()), keyFault("KEY_ABORTED"));
  keystore.close();
  await assert.rejects(keystore.sign(jobOf({}), never), keyFault("KEY_CLOSED"));
  await assert.rejects(keystore.create(spec), keyFault("KEY_CLOSED"));
  assert.deepEqual(Buffer.from(keystore.owner.key), Buffer.alloc(32), "the journal key is cleared");
});

test("more addresses are used than the cache of keys holds", async (t) => {
  const keystore = await opened(t);
  t.after(() => keystore.close());
  const [first] = await keystore.sign(jobOf({}), never);
  const [part] = jobOf({}).parts;
  assert.ok(part);
  for (let from = 0; from < limits.childKeys + 10; from += limits.jobParts) {
    const parts = Array.from({ length: limits.jobParts }, (_, at) => ({ ...part, path: `m/44'/60'/0'/0/${from + at}` }));
    await keystore.sign({ id: idOf("3"), parts }, never);
  }
  assert.deepEqual((await keystore.sign(jobOf({}), never))[0], first);
});

test("the identity signs with Ed25519 and is named by its key", async (t) => {
  const path = await pathIn(t);
  await createKeystore(path, passphrase, { work });
  const keystore = await openKeystore(path, passphrase);
  t.after(() => keystore.close());
  const key = createPublicKey({
    key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), keystore.identity.publicKey]),
    format: "der",
    type: "spki",
  });
  const challenge = Buffer.alloc(32, 7);
  assert.equal(verify(null, challenge, key, keystore.identity.sign(challenge)), true);
  const text = `log.example\n7\n${challenge.toString("base64")}\n`;
  assert.equal(verify(null, Buffer.from(text), key, keystore.identity.signCheckpoint(text)), true);
  const names = await readNames(path);
  assert.deepEqual(names.identityKey, Buffer.from(keystore.identity.publicKey));
  assert.equal(names.journal, keystore.owner.journal);
});

test("the identity signs challenges and checkpoints, and nothing that could be taken for the other", async (t) => {
  const path = await pathIn(t);
  await createKeystore(path, passphrase, { work });
  const keystore = await openKeystore(path, passphrase);
  t.after(() => keystore.close());
  const { identity } = keystore;
  const root = Buffer.alloc(32, 7).toString("base64");
  const text = `log.example\n7\n${root}\n`;
  for (const size of [0, 31, 33, 64]) assert.throws(() => identity.sign(new Uint8Array(size)), { code: "BUG" });
  assert.throws(() => identity.sign(Buffer.from(text)), { code: "BUG" });
  const texts = [
    "",
    "x".repeat(32),
    text.slice(0, -1),
    `${text}more\n`,
    `${text}\n`,
    text.replace("7", "07"),
    `\n7\n${root}\n`,
  ];
  for (const other of texts) assert.throws(() => identity.signCheckpoint(other), { code: "MALFORMED" }, other);
});

test("a wrong passphrase opens nothing", async (t) => {
  const path = await pathIn(t);
  await createKeystore(path, passphrase, { work });
  await assert.rejects(openKeystore(path, Buffer.from("correct horse batterz")), fault("KEYSTORE_LOCKED"));
  await assert.rejects(openKeystore(path, Buffer.from("short")), fault("PASSPHRASE"));
  await assert.rejects(openKeystore(path, Buffer.alloc(2000, 65)), fault("PASSPHRASE"));
  await assert.rejects(createKeystore(path, passphrase, { work }), fault("DATA_EXISTS"));
  await assert.rejects(openKeystore(`${path}x`, passphrase), fault("DATA_MISSING"));
});

test("every changed byte of the file is refused, and no demand out of bounds is met", async (t) => {
  const path = await pathIn(t);
  await createKeystore(path, passphrase, { work });
  const bytes = await fs.readFile(path);
  for (let at = 0; at < bytes.length; at += at < 24 ? 1 : 7) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await fs.writeFile(path, changed);
    await assert.rejects(
      openKeystoreFile(path, passphrase),
      (error) => fault("KEYSTORE_CORRUPT")(error) || fault("KEYSTORE_LOCKED")(error),
    );
  }
  for (const [at, value] of [
    [12, 8 * 1024],
    [12, 0xffff_ffff],
    [16, 0],
    [16, 65],
    [20, 0],
    [20, 65],
  ] as const) {
    const changed = Buffer.from(bytes);
    changed.writeUInt32BE(value, at);
    await fs.writeFile(path, changed);
    await assert.rejects(openKeystoreFile(path, passphrase), fault("KEYSTORE_CORRUPT"));
  }
  for (const size of [0, 100, bytes.length - 1, bytes.length + 1]) {
    await fs.writeFile(path, Buffer.concat([bytes, bytes]).subarray(0, size));
    await assert.rejects(openKeystoreFile(path, passphrase), fault("KEYSTORE_CORRUPT"));
  }
});

test("a file that others may read, or a link to one, is refused", async (t) => {
  const path = await pathIn(t);
  await createKeystore(path, passphrase, { work });
  assert.equal((await fs.stat(path)).mode & 0o777, 0o600);
  for (const mode of [0o640, 0o604, 0o620]) {
    await fs.chmod(path, mode);
    await assert.rejects(openKeystore(path, passphrase), fault("KEYSTORE_MODE"));
  }
  await fs.chmod(path, 0o600);
  await fs.symlink(path, `${path}.link`);
  await assert.rejects(openKeystore(`${path}.link`, passphrase), fault("KEYSTORE_MODE"));
  await fs.mkdir(`${path}.folder`);
  await assert.rejects(openKeystore(`${path}.folder`, passphrase), fault("KEYSTORE_CORRUPT"));
  if (process.geteuid?.() === 0) {
    await fs.chown(path, 12_345, 0);
    await assert.rejects(openKeystore(path, passphrase), fault("KEYSTORE_MODE"));
  }
});

test("what is written holds no secret in the open", async (t) => {
  const path = await pathIn(t);
  const secrets = { entropy: randomBytes(32), identitySeed: randomBytes(32), journalKey: randomBytes(32) };
  await writeKeystore(path, { secrets, names: { journal: idOf("a"), identityKey: randomBytes(32) }, passphrase, work });
  const bytes = await fs.readFile(path);
  const key = derivePrivateKey(seedOfEntropy(secrets.entropy), "m/44'/60'/0'/0/0");
  for (const secret of [...Object.values(secrets), passphrase, key]) assert.equal(bytes.includes(Buffer.from(secret)), false);
});
