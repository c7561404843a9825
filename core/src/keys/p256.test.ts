/** ES256: strict DER, key points, and agreement with Wycheproof and node:crypto. */
import assert from "node:assert/strict";
import { createPublicKey, verify as nodeVerify } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { p256 } from "@noble/curves/nist.js";
import { concat, fromHex, toHex } from "../bytes.ts";
import { isAcceptedP256Key, parseDer, verifyEs256, verifyPair } from "./p256.ts";

const wycheproof = new URL("../../../../shared/vectors/wycheproof/ecdsa_secp256r1_sha256_test.json", import.meta.url);
const SECRET = fromHex("01".repeat(32));
const KEY = p256.getPublicKey(SECRET, true);
const MESSAGE = fromHex("00112233");
const ORDER = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const SPKI_COMPRESSED = fromHex("3039301306072a8648ce3d020106082a8648ce3d030107032200");

/** node:crypto's verdict for a compressed key and r ‖ s, as the vault asks it. */
function nodeVerdict(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.concat([SPKI_COMPRESSED, publicKey]), format: "der", type: "spki" });
  return nodeVerify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
}

/** DER of two integers given as the hex of their content bytes. */
function der(r: string, s: string): Uint8Array {
  const body = [r, s].map((part) => `02${(part.length / 2).toString(16).padStart(2, "0")}${part}`).join("");
  return fromHex(`30${(body.length / 2).toString(16).padStart(2, "0")}${body}`);
}

test("X.690: the one encoding of r and s is read", () => {
  assert.equal(toHex(parseDer(der("01", "02")) ?? new Uint8Array()), `${"01".padStart(64, "0")}${"02".padStart(64, "0")}`);
  const high = `00${"80".padEnd(64, "0")}`;
  const full = "7f".repeat(32);
  assert.equal(toHex(parseDer(der(high, full)) ?? new Uint8Array()), high.slice(2) + full);
  assert.equal(toHex(parseDer(der("0080", "00ff")) ?? new Uint8Array()), "80".padStart(64, "0") + "ff".padStart(64, "0"));
});

test("X.690: every other encoding is refused", () => {
  const good = toHex(der("01".repeat(32), "02".repeat(32)));
  const bad = [
    "",
    "30",
    "3000",
    "300602010102",
    "30060201010201",
    "3006020101020100",
    `${good}00`,
    good.slice(0, -2),
    good.replace("30", "31"),
    `3045${good.slice(4)}`,
    `3043${good.slice(4)}`,
    `3081${good.slice(2)}`,
    `3080${good.slice(4)}0000`,
    good.replace("0220", "0320"),
    good.replace("0220", "0221"),
    good.replace("0220", "021f"),
    good.replace("0220", "02ff"),
    good.replace("0220", "0200"),
    toHex(der("", "01020304")),
    toHex(der("01020304", "")),
    toHex(der("00", "01020304")),
    toHex(der("01020304", "00")),
    toHex(der("0001", "01020304")),
    toHex(der("01020304", "0001")),
    toHex(der("0000", "01020304")),
    toHex(der("80", "01020304")),
    toHex(der("01020304", "ff")),
    toHex(der(`00${ORDER}`, "01")),
    toHex(der("01", `00${ORDER}`)),
    toHex(der(`00${"ff".repeat(32)}`, "01")),
    toHex(der("01".repeat(33), "01")),
    toHex(der("01", `00${"ff".repeat(33)}`)),
    `3007${"020101"}${"020101"}00`,
    `3008${"020101"}00${"020101"}00`,
    `3009${"0281"}${"0101"}${"020101"}${"0000"}`,
  ];
  for (const hex of bad) assert.equal(parseDer(fromHex(hex)), null, hex);
});

test("compressed points are accepted, nothing else", () => {
  assert.equal(isAcceptedP256Key(KEY), true);
  assert.equal(isAcceptedP256Key(fromHex(`03${"0".repeat(64)}`)), true, "x = 0 is on P-256");
  const whole = p256.getPublicKey(SECRET, false);
  const prefixed = (byte: number): Uint8Array => concat(Uint8Array.of(byte), KEY.subarray(1));
  const bad = [whole, KEY.subarray(1), prefixed(0), prefixed(4), prefixed(5), prefixed(6), fromHex(`02${"ff".repeat(32)}`)];
  const outside = Array.from({ length: 20 }, (_, at) => fromHex(`02${at.toString(16).padStart(64, "0")}`));
  const off = outside.filter((bytes) => !isAcceptedP256Key(bytes));
  assert.ok(off.length > 4 && off.length < 16);
  for (const bytes of off) assert.throws(() => p256.Point.fromBytes(bytes));
  for (const bytes of bad) assert.equal(isAcceptedP256Key(bytes), false);
});

test("FIPS 186-5: both halves of s verify, other keys, messages and values do not", () => {
  const low = p256.sign(MESSAGE, SECRET, { format: "compact", lowS: true });
  const s = p256.Point.Fn.fromBytes(low.subarray(32));
  const high = concat(low.subarray(0, 32), p256.Point.Fn.toBytes(p256.Point.Fn.neg(s)));
  for (const pair of [low, high]) {
    assert.equal(verifyPair(KEY, MESSAGE, pair), true);
    assert.equal(nodeVerdict(KEY, MESSAGE, pair), true);
    assert.equal(verifyPair(KEY, fromHex("00112234"), pair), false);
    assert.equal(verifyPair(p256.getPublicKey(fromHex("02".repeat(32)), true), MESSAGE, pair), false);
  }
  const zero = new Uint8Array(32);
  const order = fromHex(ORDER);
  const bad = [low.subarray(1), concat(zero, low.subarray(32)), concat(low.subarray(0, 32), zero)];
  for (const pair of [...bad, concat(order, low.subarray(32)), concat(low.subarray(0, 32), order)]) {
    assert.equal(verifyPair(KEY, MESSAGE, pair), false);
  }
  assert.equal(verifyPair(KEY.subarray(1), MESSAGE, low), false);
  assert.equal(verifyEs256(KEY, MESSAGE, p256.sign(MESSAGE, SECRET, { format: "der" })), true);
  assert.equal(verifyEs256(KEY, MESSAGE, low), false);
});

test("Wycheproof ECDSA P-256", { skip: existsSync(wycheproof) ? false : "needs ../shared/vectors/wycheproof" }, () => {
  type Case = { tcId: number; msg: string; sig: string; result: string };
  type Group = { publicKey: { uncompressed: string }; tests: Case[] };
  const { testGroups }: { testGroups: Group[] } = JSON.parse(readFileSync(wycheproof, "utf8"));
  let accepted = 0;
  for (const { publicKey, tests } of testGroups) {
    const key = p256.Point.fromHex(publicKey.uncompressed).toBytes(true);
    for (const { tcId, msg, sig, result } of tests) {
      const isAccepted = verifyEs256(key, fromHex(msg), fromHex(sig));
      assert.equal(isAccepted, result === "valid", `tcId ${tcId}`);
      const pair = parseDer(fromHex(sig));
      if (pair !== null) assert.equal(nodeVerdict(key, fromHex(msg), pair), isAccepted, `tcId ${tcId}`);
      if (isAccepted) accepted++;
    }
  }
  assert.ok(accepted > 100);
});
