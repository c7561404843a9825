import assert from "node:assert/strict";
import { test } from "node:test";
import * as core from "@strongroom/core/bytes";
import { Approval } from "@strongroom/core/signed/approval";
import * as object from "@strongroom/core/signed/object";
import fc from "fast-check";
import { challengeOf, hash, hashBytes, hashText, idOf } from "./hash.ts";

test("the native hash is core's, for every tag and length", () => {
  const tag = fc.string({ unit: "grapheme-ascii", maxLength: 60 });
  fc.assert(
    fc.property(tag, fc.uint8Array({ maxLength: 300 }), (name, bytes) => {
      assert.deepEqual(new Uint8Array(hashBytes(name, bytes)), core.hashBytes(name, bytes));
      assert.equal(hash(name, bytes), core.hash(name, bytes));
      assert.equal(idOf(Approval, bytes), object.idOf(Approval, bytes));
      assert.deepEqual(new Uint8Array(challengeOf(Approval, bytes)), object.challengeOf(Approval, bytes));
    }),
  );
});

test("what is larger than anything before is hashed too", () => {
  const large = new Uint8Array(200_000).fill(3);
  assert.equal(hash("strongroom/large/1", large), core.hash("strongroom/large/1", large));
  assert.equal(hash("strongroom/small/1", Uint8Array.of(1)), core.hash("strongroom/small/1", Uint8Array.of(1)));
});

test("the hash of a text is SHA-256", () => {
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(core.toHex(hashText("abc")), abc, "FIPS 180-4, first example");
});
