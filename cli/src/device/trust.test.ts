import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { keyId } from "@strongroom/core/keys/id";
import type { Nonce } from "@strongroom/core/signed/fields";
import { Genesis } from "@strongroom/core/signed/genesis";
import { Head } from "@strongroom/core/signed/head";
import { challengeOf, encode, type Kind, Signed } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { demoRulebook, deploymentOf, GROUPS, PERSONS, SOURCES } from "../demo/rulebook.ts";
import { checkHead, openGenesis, openRulebook, readHead, readPin, writeHead, writePin } from "./trust.ts";

const home = await mkdtemp(join(tmpdir(), "strongroom-trust-"));
after(() => rm(home, { recursive: true, force: true }));

const hash = (byte: number) => byte.toString(16).padStart(2, "0").repeat(32) as Hash;
const privateKeys = new Map<string, KeyObject>();
const publicKeys = new Map<string, Uint8Array>();
for (const name of [...PERSONS, ...SOURCES, "vault", "stranger"]) {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  privateKeys.set(name, privateKey);
  publicKeys.set(name, new Uint8Array(Buffer.from(publicKey.export({ format: "jwk" }).x as string, "base64url")));
}
const publicKey = (name: string) => publicKeys.get(name) as Uint8Array;

function signed<T>(kind: Kind<T>, value: T, names: readonly string[]): Uint8Array {
  const body = encode(kind, value);
  const challenge = challengeOf(kind as Kind<unknown>, body);
  const signatures = names.map((name) => ({
    key: keyId("ed25519", publicKey(name)),
    signature: new Uint8Array(sign(null, challenge, privateKeys.get(name) as KeyObject)),
  }));
  return encode(Signed, { body, signatures });
}

const genesis: Genesis = {
  version: 1,
  institution: "Test",
  demonstration: true,
  createdAt: 1,
  vaultKey: toHex(publicKey("vault")),
  administrators: GROUPS.administrators.map((person) => ({ person, scheme: "ed25519", publicKey: toHex(publicKey(person)) })),
  threshold: 2,
  nonce: "00".repeat(16) as Nonce,
};
const pin = deploymentOf(encode(Genesis, genesis));
const first = demoRulebook(genesis, publicKeys);

test("the pinned genesis is taken, another one and an unsigned one are not", () => {
  const all = [...GROUPS.administrators];
  assert.equal(openGenesis(signed(Genesis, genesis, all), pin).institution, "Test");
  assert.throws(() => openGenesis(signed(Genesis, { ...genesis, institution: "Fake" }, all), pin), { code: "GENESIS_FOREIGN" });
  assert.throws(() => openGenesis(signed(Genesis, genesis, all.slice(1)), pin), { code: "GENESIS_FOREIGN" });
  assert.throws(() => openGenesis(signed(Genesis, genesis, ["ada", "ben", "stranger"]), pin), { code: "GENESIS_FOREIGN" });
  assert.throws(() => openGenesis(Uint8Array.of(1, 2), pin), { code: "GENESIS_FOREIGN" });
});

test("a rulebook is taken with the signatures of the administrators that are known", () => {
  const book = openRulebook(signed(Rulebook, first, ["ada", "ben"]), genesis, null);
  const refused = (document: Rulebook, names: string[], known = book) =>
    assert.throws(() => openRulebook(signed(Rulebook, document, names), genesis, known), { code: "RULEBOOK_UNTRUSTED" });
  assert.throws(() => openRulebook(signed(Rulebook, first, ["ada"]), genesis, null), { code: "RULEBOOK_UNTRUSTED" });
  assert.throws(() => openRulebook(signed(Rulebook, first, ["ada", "tom"]), genesis, null), { code: "RULEBOOK_UNTRUSTED" });
  const second: Rulebook = { ...first, epoch: 2, base: book.id, rules: first.rules.slice(1) };
  assert.equal(openRulebook(signed(Rulebook, second, ["ben", "cleo"]), genesis, book).document.epoch, 2);
  refused(second, ["ben"]);
  refused(second, ["amy", "bob"]);
  refused({ ...second, base: hash(7) }, ["ada", "ben"]);
  // two rulebooks of one epoch
  refused({ ...first, createdAt: 5 }, ["ada", "ben"]);
});

test("who signs the next rulebook is said by the newest that is known, not by the genesis", () => {
  const known = openRulebook(signed(Rulebook, first, ["ada", "ben"]), genesis, null);
  const administrators = ["ben", "cleo", "olga"];
  const second: Rulebook = { ...first, epoch: 2, base: known.id, governance: { ...first.governance, administrators } };
  const now = openRulebook(signed(Rulebook, second, ["ada", "ben"]), genesis, known);
  const third: Rulebook = { ...second, epoch: 3, base: now.id };
  assert.throws(() => openRulebook(signed(Rulebook, third, ["ada", "ben"]), genesis, now), { code: "RULEBOOK_UNTRUSTED" });
  assert.equal(openRulebook(signed(Rulebook, third, ["ben", "olga"]), genesis, now).document.epoch, 3);
});

test("a pin is written once", async () => {
  assert.equal(await readPin(home), null);
  await writePin(home, hash(1));
  await writePin(home, hash(1));
  assert.equal(await readPin(home), hash(1));
  await assert.rejects(writePin(home, hash(2)), { code: "GENESIS_FOREIGN" });
});

const head = (seq: number, at: number, epoch = 1): Head => ({
  version: 1,
  deployment: pin,
  vault: hash(2),
  rulebook: hash(3),
  epoch,
  head: { seq, hash: hash(at) },
  boot: hash(4),
  at: 1,
  halted: false,
});

test("a head that is older, or another one at the same place, raises the alarm", () => {
  checkHead(head(5, 1), head(5, 1));
  checkHead(head(5, 1), head(6, 2));
  assert.throws(() => checkHead(head(5, 1), head(4, 1)), { code: "VAULT_ROLLED_BACK" });
  assert.throws(() => checkHead(head(5, 1), head(5, 2)), { code: "VAULT_ROLLED_BACK" });
  assert.throws(() => checkHead(head(5, 1, 2), head(6, 2, 1)), { code: "VAULT_ROLLED_BACK" });
});

test("a newer head that another process has kept stays", async () => {
  const [newer, older] = [signed(Head, head(9, 1), ["vault"]), signed(Head, head(8, 1), ["vault"])];
  await writeHead(home, newer);
  await writeHead(home, older);
  assert.deepEqual(await readHead(home), newer);
});
