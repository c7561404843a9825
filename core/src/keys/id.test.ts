/** Key ids: the hash's exact input, and sizes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, hash } from "../bytes.ts";
import { keyId } from "./id.ts";

test("an id is the tagged hash of scheme number and key", () => {
  const key = new Uint8Array(32).fill(7);
  const point = new Uint8Array(33).fill(2);
  assert.equal(keyId("ed25519", key), hash("strongroom/key/1", concat(Uint8Array.of(1), key)));
  assert.equal(keyId("webauthn-es256", point), hash("strongroom/key/1", concat(Uint8Array.of(2), point)));
});

test("a key of another size has no id", () => {
  for (const size of [0, 31, 33]) {
    assert.throws(() => keyId("ed25519", new Uint8Array(size)), { code: "BAD_VALUE", field: "publicKey" });
  }
  for (const size of [32, 34, 65]) {
    assert.throws(() => keyId("webauthn-es256", new Uint8Array(size)), { code: "BAD_VALUE", field: "publicKey" });
  }
});
