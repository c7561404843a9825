/** What stands in for core's own functions gives what they give, and what is remembered is remembered of these bytes alone. */
import assert from "node:assert/strict";
import { createHash as nodeHash } from "node:crypto";
import { test } from "node:test";
import * as core from "../../../core/src/bytes.ts";
import { isAcceptedKey as isAccepted } from "../../../core/src/keys/ed25519.ts";
import { Entry } from "../../../core/src/signed/entry.ts";
import * as objects from "../../../core/src/signed/object.ts";
import { signedByEd25519 } from "../../../vault/src/decide/evidence/verify.ts";
import { device } from "../../world/keys.ts";
import * as world from "../../world/world.ts";
import { FIRST } from "../stage.ts";
import * as bytes from "./bytes.ts";
import * as memory from "./objects.ts";
import { createHash, createPublicKey, isAcceptedKey, sealing, verify } from "./signatures.ts";
import { Chance } from "./time.ts";

const chance = new Chance(1);
const texts = Array.from({ length: 200 }, (_, at) => chance.bytes(at));

test("hashes and hex are those of core", () => {
  for (const text of texts) {
    assert.equal(bytes.toHex(text), core.toHex(text));
    assert.equal(bytes.toHex(text, 3, 17), core.toHex(text, 3, Math.min(17, text.length)));
    assert.deepEqual(bytes.hashBytes("a tag", text, text.subarray(1)), core.hashBytes("a tag", text, text.subarray(1)));
    assert.equal(bytes.hash("a tag", text), core.hash("a tag", text));
    assert.equal(
      createHash("sha256").update("é").update(text).digest("hex"),
      nodeHash("sha256").update("é").update(text).digest("hex"),
    );
  }
});

test("objects are read, named and refused as by core, and cannot be changed", () => {
  const entry = world.acme(FIRST.book);
  const written = objects.encode(Entry, entry);
  for (let times = 0; times < 2; times++) {
    assert.deepEqual(memory.decode(Entry, written), objects.decode(Entry, written));
    assert.equal(memory.idOf(Entry, written), objects.idOf(Entry, written));
    assert.deepEqual(memory.challengeOf(Entry, written), objects.challengeOf(Entry, written));
    assert.throws(() => memory.decode(Entry, written.subarray(1)), { name: "Refused" });
    assert.throws(() => memory.decode(objects.Signed, written), { name: "Refused" });
  }
  const read = memory.decode(Entry, written) as { name: string };
  assert.throws(() => Object.assign(read, { name: "another" }), TypeError);
  const [body, other] = [chance.bytes(80), world.KEYS.amy];
  const envelope = world.sign(Entry, body, other);
  assert.deepEqual(memory.decode(objects.Signed, envelope), objects.decode(objects.Signed, envelope));
  envelope[20] = (envelope[20] as number) ^ 1;
  assert.deepEqual(memory.decode(objects.Signed, envelope.slice()), objects.decode(objects.Signed, envelope));
});

test("keys and signatures are accepted as by core, and a seal holds for its key and message only", () => {
  const [one, two] = [device("one that seals"), device("one that signs")];
  const spki = (key: Uint8Array) =>
    createPublicKey({ key: core.concat(core.fromHex("302a300506032b6570032100"), key), format: "der", type: "spki" });
  for (const key of [one.publicKey, chance.bytes(32), chance.bytes(32), new Uint8Array(32), chance.bytes(31)])
    for (let times = 0; times < 2; times++) assert.equal(isAcceptedKey(key), isAccepted(key));
  const message = chance.bytes(32);
  const seal = sealing(one.publicKey)(message);
  for (let times = 0; times < 2; times++) {
    assert.ok(verify(null, message, spki(one.publicKey), seal));
    assert.ok(!verify(null, chance.bytes(32), spki(one.publicKey), seal));
    assert.ok(!verify(null, message, spki(two.publicKey), seal));
    assert.ok(
      !verify(
        null,
        message,
        spki(one.publicKey),
        seal.map((byte, at) => (at === 5 ? byte ^ 1 : byte)),
      ),
    );
    const { signature } = two.sign(message);
    assert.ok(verify(null, message, spki(two.publicKey), signature));
    assert.ok(!verify(null, message, spki(one.publicKey), signature));
  }
  assert.ok(!signedByEd25519(one.publicKey, message, seal), "outside of the simulator a seal is no signature");
});
