/** The reader: what it tells about transactions that nobody here built, and what it cannot read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { ascii, concat, fromHex, toHex } from "../../bytes.ts";
import { attempt } from "../../errors.ts";
import type { Effect } from "../types.ts";
import { CALLS, DANGEROUS, kindOf, namesOf, UNLIMITED } from "./calls.ts";
import { encode, type Item, integer } from "./encode.ts";
import { read } from "./read.ts";

const TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const PAYEE = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";
const ZERO = `0x${"0".repeat(40)}`;
const UNREADABLE = { code: "EFFECT_UNREADABLE" };
const NONE = new Uint8Array();
const AUTHORISATION: Item = [
  integer(1),
  fromHex("11".repeat(20)),
  NONE,
  NONE,
  fromHex("22".repeat(32)),
  fromHex("33".repeat(32)),
];

const plain = { chain: integer(1), nonce: integer(7), tip: integer(2), fee: integer(30), gas: integer(60_000) };
type Fields = Record<"chain" | "nonce" | "tip" | "fee" | "gas" | "to" | "value" | "data" | "access", Item>;

const bytes20 = (address: string): Uint8Array => fromHex(address.slice(2).toLowerCase());

function transaction(change: Partial<Fields>, type = 2, rest: readonly Item[] = []): Uint8Array {
  const fields: Fields = { ...plain, to: bytes20(TO), value: integer(5), data: NONE, access: [], ...change };
  const { chain, nonce, tip, fee, gas, to, value, data, access } = fields;
  return concat(Uint8Array.of(type), encode([chain, nonce, tip, fee, gas, to, value, data, access, ...rest]));
}

function calling(signature: string, words: readonly (bigint | string)[], value = 0n): Effect {
  const selector = toHex(keccak_256(ascii(signature)).subarray(0, 4));
  const body = words.map((word) =>
    (typeof word === "string" ? word.slice(2).toLowerCase() : word.toString(16)).padStart(64, "0"),
  );
  return read(transaction({ value: integer(value), data: fromHex(selector + body.join("")) }));
}

test("a native transfer", () => {
  const effect: Effect = {
    chainId: 1,
    nonce: 7,
    transfers: [{ asset: "native", to: TO, amount: 5n }],
    feeMax: 1_800_000n,
    called: null,
    other: null,
  };
  assert.deepEqual(read(transaction({})), effect);
  assert.deepEqual(read(transaction({ value: NONE })).transfers, [{ asset: "native", to: TO, amount: 0n }]);
});

test("a token transfer", () => {
  const effect = calling("transfer(address,uint256)", [PAYEE, 9n]);
  assert.deepEqual(effect.transfers, [{ asset: TO, to: PAYEE, amount: 9n }]);
  assert.equal(effect.other, null);
});

test("a token transfer that is not exactly one is named", () => {
  const data = `a9059cbb${PAYEE.slice(2).toLowerCase().padStart(64, "0")}${"1".padStart(64, "0")}`;
  const other = (hex: string): string | null => read(transaction({ value: NONE, data: fromHex(hex) })).other;
  assert.equal(other(data), null);
  assert.equal(other(`${data}00`), "malformed call");
  assert.equal(other(data.slice(0, -2)), "malformed call");
  assert.equal(other(`${data}${"0".repeat(64)}`), "malformed call");
  assert.equal(other(data.slice(0, 8)), "malformed call");
  for (let at = 4; at < 16; at++) {
    const dirty = fromHex(data);
    dirty[at] = 1;
    assert.equal(other(toHex(dirty)), "malformed call");
  }
  const paid = calling("transfer(address,uint256)", [PAYEE, 9n], 5n);
  assert.equal(paid.other, "token transfer with value");
  assert.equal(paid.transfers.length, 2);
});

test("value to nobody is named", () => {
  assert.equal(read(transaction({ to: bytes20(ZERO) })).other, "zero address");
  assert.equal(calling("transfer(address,uint256)", [ZERO, 9n]).other, "zero address");
  assert.equal(read(transaction({ to: bytes20(ZERO), data: fromHex("12345678") })).other, "unknown call + zero address");
});

test("the table's four bytes belong to its signatures", () => {
  for (const { signature, selector } of CALLS)
    assert.equal(toHex(keccak_256(ascii(signature)).subarray(0, 4)), selector, signature);
  assert.equal(new Set(CALLS.map((row) => row.selector)).size, CALLS.length);
});

test("every known call has its name and moves nothing that it does not say", () => {
  const special = new Set(["token transfer", "allowance", "wallet execution"]);
  const plain = new Set(["execute(address,uint256,bytes)", "execute(address,bytes)"]);
  plain.add("execute(address,uint256,bytes,bytes32,bytes32)");
  for (const { signature, selector, name, words } of CALLS.filter(
    (row) => !special.has(row.name) || plain.has(row.signature),
  )) {
    const data = fromHex(selector + "0".repeat(64 * (words ?? 0)));
    const effect = read(transaction({ data }));
    assert.equal(effect.other, name, signature);
    assert.deepEqual(effect.transfers, [{ asset: "native", to: TO, amount: 5n }]);
    if (words === null) continue;
    assert.equal(read(transaction({ data: concat(data, Uint8Array.of(0)) })).other, "malformed call", signature);
  }
});

test("allowances, limited and not", () => {
  const amounts: [bigint, string][] = [
    [0n, "allowance"],
    [UNLIMITED - 1n, "allowance"],
    [UNLIMITED, "unlimited allowance"],
    [2n ** 160n - 1n, "unlimited allowance"],
    [2n ** 256n - 1n, "unlimited allowance"],
  ];
  for (const [amount, name] of amounts) {
    assert.equal(calling("approve(address,uint256)", [PAYEE, amount]).other, name);
    assert.equal(calling("increaseAllowance(address,uint256)", [PAYEE, amount]).other, name);
    assert.equal(calling("increaseApproval(address,uint256)", [PAYEE, amount]).other, name);
    assert.equal(calling("decreaseAllowance(address,uint256)", [PAYEE, amount]).other, name);
    assert.equal(calling("approve(address,address,uint160,uint48)", [TO, PAYEE, amount, 1n]).other, name);
    const permit = "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)";
    assert.equal(calling(permit, [TO, PAYEE, amount, 1n, 27n, 1n, 1n]).other, name);
  }
  const dai = "permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)";
  assert.equal(calling(dai, [TO, PAYEE, 0n, 1n, 1n, 27n, 1n, 1n]).other, "unlimited allowance");
  assert.equal(calling("approve(address,uint256)", [PAYEE]).other, "malformed call");
});

test("a wallet's execution tells call from delegatecall", () => {
  const signature = "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)";
  const head = (operation: bigint): bigint[] => [1n, 0n, 320n, operation, 0n, 0n, 0n, 0n, 0n, 352n, 0n, 0n];
  assert.equal(calling(signature, head(0n)).other, "wallet execution");
  assert.equal(calling(signature, head(1n)).other, "delegatecall");
  assert.equal(calling(signature, head(2n)).other, "malformed call");
  assert.equal(calling(signature, head(2n ** 255n + 1n)).other, "malformed call");
  assert.equal(calling(signature, [1n, 0n, 320n]).other, "malformed call");
  const module = "execTransactionFromModule(address,uint256,bytes,uint8)";
  assert.equal(calling(module, [1n, 0n, 128n, 1n, 0n]).other, "delegatecall");
});

test("calldata that is not known, of any size, is an unknown call", () => {
  for (const hex of ["00", "a9059c", "deadbeef", "deadbeef00"]) {
    const effect = read(transaction({ data: fromHex(hex) }));
    assert.equal(effect.other, "unknown call");
    assert.deepEqual(effect.transfers, [{ asset: "native", to: TO, amount: 5n }]);
  }
});

test("a call is told whole: contract, value, calldata and its name", () => {
  const data = fromHex(`b6b55f25${"0".repeat(63)}1`);
  const effect = read(transaction({ data }));
  assert.deepEqual(effect.called, { to: TO, amount: 5n, data, name: "unknown call" });
  const beside = read(transaction({ data, access: [[fromHex("11".repeat(20)), []]] }));
  assert.deepEqual([beside.called?.name, beside.other], ["unknown call", "unknown call + access list"]);
  assert.equal(calling("transfer(address,uint256)", [PAYEE, 9n]).called, null);
  assert.equal(calling("transfer(address,uint256)", [PAYEE, 9n], 5n).called?.name, "token transfer with value");
  assert.equal(read(transaction({ to: NONE, data })).called, null);
});

test("methods: which are dangerous, and which can never be called", () => {
  assert.equal(kindOf("deposit(uint256)", "method"), null);
  for (const { signature, name } of CALLS.filter((row) => row.name !== "token transfer"))
    assert.equal(kindOf(signature, "method"), name, signature);
  const never = ["transfer(address,uint256)", "many_msg_babbage(bytes1)", "sign_szabo_bytecode(bytes16,uint128)"];
  for (const method of never) assert.throws(() => kindOf(method, "m"), { code: "CALL_INVALID", field: "m" }, method);
});

test("the names of a call: its signature, its kind, and what its arguments make of it", () => {
  const words = (...all: readonly bigint[]) => fromHex(all.map((word) => word.toString(16).padStart(64, "0")).join(""));
  const names = (method: string, body: Uint8Array) => namesOf({ method, arguments: body });
  const approve = "approve(address,uint256)";
  assert.deepEqual(names("deposit(uint256)", words(1n)), { all: ["deposit(uint256)"], needed: null });
  assert.deepEqual(names(approve, words(1n, 1n)), { all: [approve, "allowance"], needed: [approve, "allowance"] });
  const worse = { all: [approve, "allowance", "unlimited allowance"], needed: ["unlimited allowance"] };
  assert.deepEqual(names(approve, words(1n, UNLIMITED)), worse);
  const execute = "execute(address,uint256,bytes,uint8)";
  const operation = (number: bigint) => names(execute, words(1n, 0n, 128n, number, 0n));
  assert.deepEqual(operation(0n), { all: [execute, "wallet execution"], needed: [execute, "wallet execution"] });
  assert.deepEqual(operation(1n), { all: [execute, "wallet execution", "delegatecall"], needed: ["delegatecall"] });
  assert.throws(() => operation(2n), { code: "CALL_INVALID", field: "intent.arguments" });
  const always = "execute(bytes32,bytes)";
  assert.deepEqual(names(always, words(0n, 64n, 0n)).needed, [always, "delegatecall"]);
});

test("the list of dangerous calls is what arguments make of the known methods, no more and no less", () => {
  const made = CALLS.flatMap(({ signature, words }) =>
    [0n, 1n, UNLIMITED].flatMap((word) => {
      const body = fromHex(
        word
          .toString(16)
          .padStart(64, "0")
          .repeat(words ?? 8),
      );
      const named = attempt(() => namesOf({ method: signature, arguments: body }));
      return named.ok ? [JSON.stringify(named.value)] : [];
    }),
  );
  assert.deepEqual([...new Set(made)].sort(), DANGEROUS.map((names) => JSON.stringify(names)).sort());
});

test("contract creation is named", () => {
  const effect = read(transaction({ to: NONE, data: fromHex("6000") }));
  assert.equal(effect.other, "contract creation");
  assert.deepEqual(effect.transfers, []);
});

test("EIP-2930: an access list is named, its shape is exact", () => {
  const address = fromHex("11".repeat(20));
  const key = fromHex("22".repeat(32));
  const named = (access: Item): string | null => read(transaction({ access })).other;
  assert.equal(named([[address, []]]), "access list");
  assert.equal(named([[address, [key, key]]]), "access list");
  const bad: Item[] = [
    NONE,
    [address],
    [[address]],
    [[address, [], []]],
    [[key, []]],
    [[address, [address]]],
    [[address, key]],
  ];
  for (const access of bad) assert.throws(() => named(access), UNREADABLE);
});

test("EIP-7702: a delegation is always named", () => {
  assert.equal(read(transaction({}, 4, [[AUTHORISATION]])).other, "delegation (EIP-7702)");
  const access = [[fromHex("11".repeat(20)), []]];
  const both = read(transaction({ access, data: fromHex("00") }, 4, [[AUTHORISATION, AUTHORISATION]]));
  assert.equal(both.other, "unknown call + delegation (EIP-7702) + access list");
  const bad: (readonly Item[])[] = [
    [],
    [[]],
    [NONE],
    [[[NONE]]],
    [[AUTHORISATION], NONE],
    [[NONE]],
    [[[[], NONE, NONE, NONE, NONE, NONE]]],
  ];
  for (const rest of bad) assert.throws(() => read(transaction({}, 4, rest)), UNREADABLE);
});

test("other types, signed transactions and cut ones are not read", () => {
  for (const type of [0, 1, 3, 5, 0x7f, 0xc0, 0xf8]) assert.throws(() => read(transaction({}, type)), UNREADABLE);
  assert.throws(() => read(NONE), UNREADABLE);
  assert.throws(() => read(Uint8Array.of(2)), UNREADABLE);
  assert.throws(() => read(concat(Uint8Array.of(2), encode(NONE))), UNREADABLE);
  assert.throws(() => read(transaction({}, 2, [NONE, integer(1), integer(1)])), UNREADABLE);
  assert.throws(() => read(concat(Uint8Array.of(2), encode([integer(1)]))), UNREADABLE);
  const whole = transaction({});
  for (let size = 0; size < whole.length; size++) assert.throws(() => read(whole.subarray(0, size)), UNREADABLE);
  assert.throws(() => read(concat(whole, Uint8Array.of(0))), UNREADABLE);
});

test("fields that lie outside their range are not read", () => {
  const leading = fromHex("0001");
  const bad: Partial<Fields>[] = [
    { chain: NONE },
    { chain: integer(2n ** 53n) },
    { nonce: integer(2n ** 53n) },
    { fee: integer(2n ** 128n) },
    { tip: integer(2n ** 128n) },
    { tip: integer(31) },
    { gas: integer(2n ** 63n) },
    { to: fromHex("11".repeat(19)) },
    { to: fromHex("11".repeat(21)) },
    { value: integer(2n ** 256n) },
    ...["chain", "nonce", "tip", "fee", "gas", "value"].map((name) => ({ [name]: leading })),
    ...["chain", "nonce", "tip", "fee", "gas", "to", "value", "data"].map((name) => ({ [name]: [] })),
  ];
  for (const change of bad) assert.throws(() => read(transaction(change)), UNREADABLE);
});
