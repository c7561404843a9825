/** The EVM chain against viem, an independent library, on generated payments; and what one flipped byte can do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { build, type EvmContext, FEE_LIMIT, GAS_LIMIT_MAX } from "@strongroom/core/chain/evm/build";
import { CALLS } from "@strongroom/core/chain/evm/calls";
import { evm } from "@strongroom/core/chain/evm/evm";
import type { Effect, Order, Transfer } from "@strongroom/core/chain/types";
import { attempt } from "@strongroom/core/errors";
import {
  accountPath,
  addressPath,
  deriveAddressKey,
  derivePrivateKey,
  derivePublicNode,
  seedOf,
} from "@strongroom/core/keys/hd";
import fc from "fast-check";
import {
  encodeFunctionData,
  erc20Abi,
  getAddress,
  keccak256,
  parseAbi,
  parseTransaction,
  recoverTransactionAddress,
  serializeTransaction,
  type TransactionSerializableEIP1559,
  toFunctionSelector,
  toHex,
} from "viem";
import { mnemonicToAccount, privateKeyToAccount, sign as signHash } from "viem/accounts";

type Payment = { order: Order; context: EvmContext };

const FIXED = { seed: 7_702, numRuns: 300 };
const FEW = { seed: 7_702, numRuns: 25 };

const address = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .filter((bytes) => bytes.some((byte) => byte !== 0))
  .map((bytes) => getAddress(toHex(bytes)));
const amount = fc.oneof(
  fc.bigInt({ min: 0n, max: 300n }),
  fc.bigInt({ min: 0n, max: 10n ** 24n }),
  fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
);
const whole = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.maxSafeNat());
const transfer: fc.Arbitrary<Transfer> = fc.record(
  { asset: fc.oneof(fc.constant("native"), address), to: address, amount },
  { noNullPrototype: true },
);
const fees = fc.tuple(fc.bigInt({ min: 0n, max: FEE_LIMIT - 1n }), fc.bigInt({ min: 0n, max: 10n ** 12n }));
const payment: fc.Arbitrary<Payment> = fc.record({
  order: fc.record({ chainId: whole.map((n) => Math.max(n, 1)), nonce: whole, transfer }),
  context: fc.record({ gasLimit: fc.integer({ min: 25_000, max: GAS_LIMIT_MAX }), fees }).map(({ gasLimit, fees: [a, b] }) => ({
    gasLimit,
    maxFeePerGas: a > b ? a : b,
    maxPriorityFeePerGas: a > b ? b : a,
  })),
});

/** The same payment in viem's words. */
function described({ order, context }: Payment): TransactionSerializableEIP1559 {
  const { asset, to, amount: value } = order.transfer;
  const base = {
    type: "eip1559" as const,
    chainId: order.chainId,
    nonce: order.nonce,
    ...context,
    gas: BigInt(context.gasLimit),
  };
  if (asset === "native") return { ...base, to: getAddress(to), value };
  const data = encodeFunctionData({ abi: erc20Abi, functionName: "transfer", args: [getAddress(to), value] });
  return { ...base, to: getAddress(asset), value: 0n, data };
}

test("what is built is byte for byte what viem serialises", () => {
  fc.assert(
    fc.property(payment, (each) => {
      const bytes = build(each.order, each.context);
      assert.equal(toHex(bytes), serializeTransaction(described(each)));
      assert.equal(toHex(evm.digest(bytes)), keccak256(serializeTransaction(described(each))));
    }),
    FIXED,
  );
});

test("what viem parses from the bytes is what the reader tells", () => {
  fc.assert(
    fc.property(payment, ({ order, context }) => {
      const bytes = build(order, context);
      const parsed = parseTransaction(toHex(bytes) as `0x02${string}`);
      const effect = evm.read(bytes);
      assert.equal(effect.chainId, parsed.chainId);
      assert.equal(effect.nonce, parsed.nonce ?? 0);
      assert.equal(effect.feeMax, (parsed.gas ?? 0n) * (parsed.maxFeePerGas ?? 0n));
      const native = effect.transfers.filter(({ asset }) => asset === "native");
      assert.equal(native[0]?.amount ?? 0n, parsed.value ?? 0n);
      assert.equal((native[0] ? native[0].to : effect.transfers[0]?.asset)?.toLowerCase(), parsed.to?.toLowerCase());
    }),
    FIXED,
  );
});

test("what viem serialises is read as the order", () => {
  fc.assert(
    fc.property(payment, (each) => {
      const effect: Effect = {
        chainId: each.order.chainId,
        nonce: each.order.nonce,
        transfers: [each.order.transfer],
        feeMax: BigInt(each.context.gasLimit) * each.context.maxFeePerGas,
        called: null,
        other: null,
      };
      assert.deepEqual(evm.read(Buffer.from(serializeTransaction(described(each)).slice(2), "hex")), effect);
      assert.deepEqual(evm.read(build(each.order, each.context)), effect);
    }),
    FIXED,
  );
});

/** Bytes with another priority fee do the same: it moves part of the same highest fee to the block's proposer. */
function sameButTip(bytes: Uint8Array, flipped: Uint8Array): boolean {
  const [before, after] = [bytes, flipped].map((each) => parseTransaction(toHex(each) as `0x02${string}`));
  assert.notEqual(before?.maxPriorityFeePerGas, after?.maxPriorityFeePerGas);
  const rest = (each: typeof before): unknown => ({ ...each, maxPriorityFeePerGas: 0n });
  assert.deepEqual(rest(before), rest(after));
  return true;
}

test("every flipped byte is refused or read as another effect", () => {
  const mask = fc.integer({ min: 1, max: 255 });
  fc.assert(
    fc.property(payment, mask, ({ order, context }, bits) => {
      const bytes = build(order, context);
      const effect = evm.read(bytes);
      for (const at of bytes.keys()) {
        const flipped = Uint8Array.from(bytes);
        flipped[at] = Number(flipped[at]) ^ bits;
        const other = attempt(() => evm.read(flipped));
        if (!other.ok) assert.equal(other.code, "EFFECT_UNREADABLE");
        else if (isSame(other.value, effect)) assert.ok(sameButTip(bytes, flipped));
      }
    }),
    { ...FIXED, numRuns: 150 },
  );
});

function isSame(a: Effect, b: Effect): boolean {
  const text = (effect: Effect): string =>
    JSON.stringify(effect, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
  return text(a) === text(b);
}

test("signatures made by viem are accepted, and assembled as viem would", async () => {
  const secret = fc.bigInt({ min: 1n, max: 2n ** 255n }).map((value) => toHex(value, { size: 32 }));
  await fc.assert(
    fc.asyncProperty(payment, secret, async (each, privateKey) => {
      const account = privateKeyToAccount(privateKey);
      const bytes = build(each.order, each.context);
      const { r, s, yParity } = await signHash({ hash: keccak256(bytes), privateKey });
      const signature = Buffer.from(`${r.slice(2).padStart(64, "0")}${s.slice(2).padStart(64, "0")}0${yParity}`, "hex");
      assert.equal(evm.verify(bytes, signature, account.address), true);
      assert.equal(evm.address(Buffer.from(compressed(account.publicKey), "hex")), account.address);
      const { raw, id } = evm.assemble(bytes, signature);
      const theirs = await account.signTransaction(described(each));
      assert.equal(toHex(raw), theirs);
      assert.equal(id, keccak256(theirs));
      assert.equal(await recoverTransactionAddress({ serializedTransaction: theirs as `0x02${string}` }), account.address);
    }),
    FEW,
  );
});

function compressed(publicKey: string): string {
  const isOdd = Number.parseInt(publicKey.slice(-1), 16) % 2 === 1;
  return `${isOdd ? "03" : "02"}${publicKey.slice(4, 68)}`;
}

test("addresses have viem's checksum, and every other case of the same letters is refused", () => {
  fc.assert(
    fc.property(address, fc.nat(39), (text, at) => {
      assert.equal(evm.parseAddress(text, "to"), text);
      const letter = text.charAt(at + 2);
      const turned = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
      if (turned === letter) return;
      const other = attempt(() => evm.parseAddress(text.slice(0, at + 2) + turned + text.slice(at + 3), "to"));
      assert.equal(other.ok ? "accepted" : other.code, "ADDRESS_INVALID");
    }),
    FIXED,
  );
});

test("the reader's table has viem's selectors", () => {
  for (const { signature, selector } of CALLS) assert.equal(toFunctionSelector(`function ${signature}`), `0x${selector}`);
});

test("calls that viem encodes are named", () => {
  const abi = parseAbi([
    "function approve(address spender, uint256 amount)",
    "function upgradeToAndCall(address implementation, bytes data)",
    "function multicall(bytes[] data)",
    "function execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)",
  ]);
  const to = getAddress("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
  const base = { type: "eip1559" as const, chainId: 1, nonce: 1, gas: 90_000n, maxFeePerGas: 9n, to };
  const named = (data: `0x${string}`): string | null =>
    evm.read(Buffer.from(serializeTransaction({ ...base, data }).slice(2), "hex")).other;
  fc.assert(
    fc.property(amount, fc.uint8Array(), fc.integer({ min: 0, max: 2 }), (value, bytes, operation) => {
      const data = toHex(bytes);
      const limited = value < 2n ** 96n - 1n ? "allowance" : "unlimited allowance";
      assert.equal(named(encodeFunctionData({ abi, functionName: "approve", args: [to, value] })), limited);
      assert.equal(named(encodeFunctionData({ abi, functionName: "upgradeToAndCall", args: [to, data] })), "proxy upgrade");
      assert.equal(named(encodeFunctionData({ abi, functionName: "multicall", args: [[data, data]] })), "several calls");
      const args = [to, value, data, operation, 0n, 0n, 0n, to, to, data] as const;
      const execution = ["wallet execution", "delegatecall", "malformed call"][operation];
      assert.equal(named(encodeFunctionData({ abi, functionName: "execTransaction", args })), execution);
    }),
    { ...FIXED, numRuns: 60 },
  );
});

test("other transaction types of viem are named or not read", () => {
  const to = getAddress("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
  const base = { chainId: 1, nonce: 1, gas: 90_000n, to, value: 1n };
  const other = (text: string): string | null => evm.read(Buffer.from(text.slice(2), "hex")).other;
  const accessList = [{ address: to, storageKeys: [keccak256("0x")] }];
  assert.equal(other(serializeTransaction({ ...base, type: "eip1559", maxFeePerGas: 9n, accessList })), "access list");
  const signed = { address: to, chainId: 1, nonce: 2, r: keccak256("0x01"), s: keccak256("0x02"), yParity: 1 };
  const delegating = serializeTransaction({ ...base, type: "eip7702", maxFeePerGas: 9n, authorizationList: [signed] });
  assert.equal(other(delegating), "delegation (EIP-7702)");
  const code = (text: string): string => {
    const result = attempt(() => other(text));
    return result.ok ? "read" : result.code;
  };
  assert.equal(code(serializeTransaction({ ...base, type: "legacy", gasPrice: 9n })), "EFFECT_UNREADABLE");
  assert.equal(code(serializeTransaction({ ...base, type: "eip2930", gasPrice: 9n, accessList })), "EFFECT_UNREADABLE");
});

test("addresses derived in public and private are viem's", () => {
  const mnemonic = "test test test test test test test test test test test junk";
  const seed = seedOf(mnemonic);
  const account = derivePublicNode(seed, accountPath("evm", 0));
  for (const addressIndex of [0, 1, 19]) {
    const theirs = mnemonicToAccount(mnemonic, { addressIndex });
    assert.equal(evm.address(deriveAddressKey(account, addressIndex)), theirs.address);
    const secret = derivePrivateKey(seed, addressPath("evm", 0, addressIndex));
    assert.equal(privateKeyToAccount(toHex(secret)).address, theirs.address);
  }
});
