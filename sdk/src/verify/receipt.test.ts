import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { keyId } from "@strongroom/core/keys/id";
import { requestId } from "@strongroom/core/protocol/command";
import { challengeOf, encode, type Kind, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { commandBytes } from "../vault/session.ts";
import { checkReceipt } from "./receipt.ts";

function identity() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const bytes = new Uint8Array(Buffer.from(publicKey.export({ format: "jwk" }).x as string, "base64url"));
  return { bytes, id: keyId("ed25519", bytes), hex: toHex(bytes), privateKey };
}
const vault = identity();
const stranger = identity();
const deployment = "11".repeat(32) as Hash;
const command = commandBytes({ command: "status" });

const plain: Receipt = {
  version: 1,
  deployment,
  vault: vault.id,
  boot: "22".repeat(32) as Hash,
  request: requestId(command),
  code: "OK",
  field: "",
  detail: "",
  head: { seq: 1, hash: "33".repeat(32) as Hash },
  at: 1,
  body: new Uint8Array(),
};

function reply(receipt: Receipt, by = vault, times = 1): Uint8Array {
  const body = encode(Receipt, receipt);
  const signature = new Uint8Array(sign(null, challengeOf(Receipt as Kind<unknown>, body), by.privateKey));
  return encode(Signed, { body, signatures: Array.from({ length: times }, () => ({ key: by.id, signature })) });
}
const expected = { vaultKey: vault.hex, deployment };

test("the vault's own answer to this command is taken", () => {
  assert.equal(checkReceipt(reply(plain), command, expected).code, "OK");
  assert.equal(checkReceipt(reply(plain), command, { ...expected, deployment: null }).deployment, deployment);
});

test("anything else is an alarm", () => {
  const forged = (bytes: Uint8Array, code = "RECEIPT_FORGED") =>
    assert.throws(() => checkReceipt(bytes, command, expected), { code });
  forged(reply(plain, stranger));
  forged(reply({ ...plain, vault: stranger.id }));
  forged(reply({ ...plain, request: requestId(commandBytes({ command: "status" })) }));
  forged(reply(plain, vault, 2));
  forged(reply({ ...plain, deployment: "44".repeat(32) as Hash }), "GENESIS_FOREIGN");
  forged(new Uint8Array());
  const boot = "55".repeat(32) as Hash;
  assert.throws(() => checkReceipt(reply(plain), command, { ...expected, boot }), { code: "RECEIPT_FORGED" });
});

test("no byte of a reply can be flipped", () => {
  const bytes = reply(plain);
  for (let at = 0; at < bytes.length; at += 3) {
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] as number) ^ 0x01;
    assert.throws(() => checkReceipt(flipped, command, expected), { code: /^(?:RECEIPT_FORGED|GENESIS_FOREIGN)$/ });
  }
});
