/** The EVM chain as one object: round trip, slots, signatures and assembly. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { concat, fromHex, toHex } from "../../bytes.ts";
import { chainOf } from "../table.ts";
import type { Order } from "../types.ts";
import { bigOf, bytesOf, decode, listOf } from "./decode.ts";
import { evm } from "./evm.ts";

const { Fn } = secp256k1.Point;
const SECRET = fromHex("01".repeat(32));
const FROM = evm.address(secp256k1.getPublicKey(SECRET, true));
const TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const order: Order = { chainId: 31_337, nonce: 4, transfer: { asset: "native", to: TO, amount: 10n ** 18n } };
const bytes = evm.build(order, { gasLimit: 21_000, maxFeePerGas: 10n ** 9n, maxPriorityFeePerGas: 1n });

function sign(message: Uint8Array, secret = SECRET): Uint8Array {
  const recovered = secp256k1.sign(evm.digest(message), secret, { prehash: false, format: "recovered" });
  return concat(recovered.subarray(1), recovered.subarray(0, 1));
}

test("what calls are known by: signatures and kinds, each read strictly", () => {
  assert.deepEqual(["deposit(uint256)", "allowance", "uint256", "allowances"].map(evm.isCallName), [true, true, false, false]);
  assert.equal(evm.kindOf("upgradeTo(address)", "method"), "proxy upgrade");
  assert.throws(() => evm.kindOf("upgradeTo( address)", "method"), { code: "CALL_INVALID", field: "method" });
  assert.equal(evm.selector("deposit(uint256)"), "b6b55f25");
  const call = { method: "deposit(uint256)", arguments: fromHex(`${"0".repeat(62)}2a`) };
  assert.deepEqual(evm.argumentLines(call), ["1 uint256 42"]);
  const dirty = { ...call, arguments: fromHex(`${"0".repeat(62)}2a00`) };
  assert.throws(() => evm.argumentLines(dirty), { code: "CALL_INVALID", field: "intent.arguments" });
  assert.throws(() => evm.argumentLines({ ...call, method: "deposit(uint)" }), {
    code: "CALL_INVALID",
    field: "intent.method",
  });
});

test("the table knows the family", () => {
  assert.equal(chainOf("evm"), evm);
});

test("what is built is read back", () => {
  const effect = evm.read(bytes);
  assert.deepEqual(effect.transfers, [order.transfer]);
  assert.deepEqual([effect.chainId, effect.nonce, effect.feeMax, effect.other], [31_337, 4, 21_000n * 10n ** 9n, null]);
});

test("a slot is chain, sender and nonce", () => {
  assert.deepEqual(evm.slots(evm.read(bytes), FROM), [`evm:31337:${FROM.toLowerCase()}:4`]);
  assert.throws(() => evm.slots(evm.read(bytes), FROM.toLowerCase()), { code: "ADDRESS_INVALID", field: "from" });
});

test("a signature is accepted from its sender only, over these bytes only", () => {
  const signature = sign(bytes);
  assert.equal(evm.verify(bytes, signature, FROM), true);
  assert.equal(evm.verify(bytes, signature, TO), false);
  assert.equal(evm.verify(bytes, sign(bytes, fromHex("02".repeat(32))), FROM), false);
  for (const at of bytes.keys()) {
    const flipped = Uint8Array.from(bytes);
    flipped[at] = Number(flipped[at]) ^ 1;
    assert.equal(evm.verify(flipped, signature, FROM), false);
  }
});

test("the other form of a signature is refused, so there is one per nonce", () => {
  const signature = sign(bytes);
  const s = Fn.fromBytes(signature.subarray(32, 64));
  const flipped = concat(signature.subarray(0, 32), Fn.toBytes(Fn.neg(s)), Uint8Array.of(1 - Number(signature[64])));
  assert.equal(evm.verify(bytes, flipped, FROM), false);
  assert.throws(() => evm.assemble(bytes, flipped), { code: "BAD_VALUE", field: "signature" });
});

test("signatures that nobody can have made are answered with no", () => {
  const signature = sign(bytes);
  const order32 = Fn.toBytes(Fn.create(-1n));
  order32[31] = Number(order32[31]) + 1;
  const r = signature.subarray(0, 32);
  const s = signature.subarray(32, 64);
  const zero = new Uint8Array(32);
  const id = signature.subarray(64);
  const bad = [
    new Uint8Array(),
    new Uint8Array(65),
    signature.subarray(0, 64),
    concat(signature, zero),
    concat(r, s, Uint8Array.of(2)),
    concat(r, s, Uint8Array.of(27)),
    concat(r, s, Uint8Array.of(1 - Number(id[0]))),
    concat(zero, s, id),
    concat(r, zero, id),
    concat(order32, s, id),
    concat(r, order32, id),
    concat(fromHex("00".repeat(31).concat("05")), s, id),
  ];
  for (const bytes65 of bad) assert.equal(evm.verify(bytes, bytes65, FROM), false);
});

test("a signature chosen so that the key would be the point at infinity is answered with no", () => {
  const nonce = secp256k1.Point.BASE.multiply(9n);
  const { x, y } = nonce.toAffine();
  const z = Fn.create(BigInt(`0x${toHex(evm.digest(bytes))}`));
  const s = Fn.mul(z, Fn.inv(9n));
  const isHigh = s > Fn.ORDER / 2n;
  const odd = Number((y & 1n) === 1n) ^ Number(isHigh);
  const signature = concat(Fn.toBytes(x), Fn.toBytes(isHigh ? Fn.neg(s) : s), Uint8Array.of(odd));
  assert.equal(evm.verify(bytes, signature, FROM), false);
});

test("assembly adds parity, r and s to the nine fields and names the transaction by its keccak", () => {
  const signature = sign(bytes);
  const { raw, id } = evm.assemble(bytes, signature);
  const parity = Number(signature[64]) === 0 ? "80" : "01";
  const tail = `${parity}a0${toHex(signature.subarray(0, 32))}a0${toHex(signature.subarray(32, 64))}`;
  assert.equal(toHex(raw).slice(-tail.length), tail);
  assert.equal(toHex(raw).slice(0, 6), "02f86e".replace("6e", (raw.length - 3).toString(16)));
  assert.equal(id, `0x${toHex(evm.digest(raw))}`);
  assert.throws(() => evm.read(raw), { code: "EFFECT_UNREADABLE" });
  assert.throws(() => evm.assemble(raw, signature), { code: "EFFECT_UNREADABLE" });
});

test("assembly keeps an access list as it is", () => {
  const listed = fromHex(`02f6018002${"1e"}82ea6094${"11".repeat(20)}0580${"d7d694"}${"22".repeat(20)}c0`);
  assert.equal(evm.read(listed).other, "access list");
  const { raw } = evm.assemble(listed, sign(listed));
  assert.ok(toHex(raw).includes(`d7d694${"22".repeat(20)}c0`));
});

test("EIP-1559: the fields stay, parity, r and s follow without leading zeros", () => {
  const values = (rlp: Uint8Array) =>
    listOf(decode(rlp.subarray(1)), "").map((node) => ("list" in node ? node : bytesOf(node, "")));
  const seen = new Set<string>();
  for (let nonce = 0; seen.size < 3; nonce++) {
    const unsigned = evm.build({ ...order, nonce }, { gasLimit: 21_000, maxFeePerGas: 10n ** 9n, maxPriorityFeePerGas: 1n });
    const signature = sign(unsigned);
    const [r, s, id] = [signature.subarray(0, 32), signature.subarray(32, 64), signature.subarray(64)];
    const fields = values(evm.assemble(unsigned, signature).raw);
    assert.deepEqual(fields.slice(0, 9), values(unsigned));
    const scalars = fields.slice(9) as Uint8Array[];
    assert.deepEqual(scalars.map(bigOf), [id, r, s].map(bigOf));
    assert.ok(scalars.every((bytes) => bytes[0] !== 0));
    seen.add(`parity ${id[0]}`);
    if (scalars.some((bytes) => bytes.length === 31)) seen.add("short");
  }
});
