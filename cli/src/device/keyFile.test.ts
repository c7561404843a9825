import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { verifyEd25519 } from "@strongroom/core/keys/ed25519";
import { createKey, openKey } from "./keyFile.ts";

const home = await mkdtemp(join(tmpdir(), "strongroom-keys-"));
after(() => rm(home, { recursive: true, force: true }));
const passphrase = join(home, "passphrase");
await writeFile(passphrase, "correct horse\n", { mode: 0o600 });
const other = join(home, "other");
await writeFile(other, "wrong horse\n", { mode: 0o600 });

test("a key is made, opened and signs what core accepts", async () => {
  const made = await createKey(home, "amy", passphrase);
  const opened = await openKey(home, "amy", passphrase);
  assert.equal(opened.id, made.id);
  const message = Uint8Array.of(1, 2, 3);
  assert.ok(verifyEd25519(opened.publicKey, message, opened.sign(message)));
  const found = await stat(join(home, "keys", "amy.pem"));
  assert.equal(found.mode & 0o777, 0o600);
});

test("the file is encrypted PKCS#8 that other programs open with the same passphrase", async () => {
  const pem = await readFile(join(home, "keys", "amy.pem"), "utf8");
  assert.match(pem, /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
  assert.equal(createPrivateKey({ key: pem, passphrase: "correct horse" }).asymmetricKeyType, "ed25519");
  // the object identifier of scrypt
  assert.ok(Buffer.from(pem.split("\n").slice(1, -2).join(""), "base64").includes(Buffer.from("2b06010401da47040b", "hex")));
});

test("a wrong passphrase, a flipped byte and a short passphrase are refused", async () => {
  await assert.rejects(openKey(home, "amy", other), { code: "KEY_LOCKED" });
  const pem = await readFile(join(home, "keys", "amy.pem"), "utf8");
  const bytes = Buffer.from(pem.split("\n").slice(1, -2).join(""), "base64");
  // the first of the 64 bytes that are encrypted
  const at = bytes.length - 64;
  bytes[at] = (bytes[at] as number) ^ 0x01;
  const broken = join(home, "keys", "broken.pem");
  const lines = bytes.toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  const [begin = "", end = ""] = pem.split("\n").filter((line) => line.startsWith("-----"));
  await writeFile(broken, `${begin}\n${lines}\n${end}\n`, { mode: 0o600 });
  await assert.rejects(openKey(home, broken, passphrase), { code: "KEY_LOCKED" });
  const short = join(home, "short");
  await writeFile(short, "short\n", { mode: 0o600 });
  await assert.rejects(openKey(home, "amy", short), { code: "PASSPHRASE_UNFIT" });
});

test("a key or passphrase that others may read is refused", async () => {
  await createKey(home, "bob", passphrase);
  const path = join(home, "keys", "bob.pem");
  for (const mode of [0o640, 0o604, 0o660, 0o610]) {
    await chmod(path, mode);
    await assert.rejects(openKey(home, "bob", passphrase), { code: "KEY_MODE" });
  }
  await chmod(path, 0o600);
  await chmod(passphrase, 0o644);
  await assert.rejects(openKey(home, "bob", passphrase), { code: "KEY_MODE" });
  await chmod(passphrase, 0o600);
  await symlink(path, join(home, "keys", "link.pem"));
  await assert.rejects(openKey(home, "link", passphrase), { code: "KEY_MODE" });
  assert.equal((await openKey(home, "bob", passphrase)).name, "bob");
});

test("a key is never overwritten, and names are plain", async () => {
  await assert.rejects(createKey(home, "bob", passphrase), { code: "KEY_EXISTS" });
  for (const name of ["", "../up", "Amy", "a b", "a".repeat(33)]) {
    await assert.rejects(createKey(home, name, passphrase), { code: "USAGE" });
  }
  await assert.rejects(openKey(home, "nobody", passphrase), { code: "KEY_MISSING" });
});

test("an unencrypted key is refused", async () => {
  const path = join(home, "keys", "plain.pem");
  const pem = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" });
  await writeFile(path, pem, { mode: 0o600 });
  await assert.rejects(openKey(home, path, passphrase), { code: "FILE_UNFIT" });
});
