/** Delegatecall, proxy upgrade, owner change, module, allowance, EIP-7702: whatever is dressed as a transfer. The vault
 *  builds transactions itself, so the attacker has two ways: names that lead to a contract, and a builder that was tampered
 *  with. The independent reader stands against the second. Cases: Bybit 2025, WazirX 2024, Radiant 2024. */
import assert from "node:assert/strict";
import { concat, fromHex } from "../../core/src/bytes.ts";
import { addressBytes } from "../../core/src/chain/evm/address.ts";
import { CALLS } from "../../core/src/chain/evm/calls.ts";
import { encode, type Item, integer } from "../../core/src/chain/evm/encode.ts";
import type { evm } from "../../core/src/chain/evm/evm.ts";
import { attempt } from "../../core/src/errors.ts";
import { TOKEN } from "../world/rulebook.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, fails, honest, honestlySigned, refused, request, type Siege, TWO, withBuilder } from "./attack.ts";

const { KEYS, ETH } = world;
const EVIL = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

type Built = Parameters<typeof evm.build>;

/** Fields of an unsigned transaction of type 2, in order. */
function fields(order: Built[0], context: Built[1]): Item[] {
  const { chainId, nonce, transfer } = order;
  const numbers = [chainId, nonce, context.maxPriorityFeePerGas, context.maxFeePerGas, context.gasLimit].map(integer);
  return [...numbers, addressBytes(transfer.to, "to"), integer(transfer.amount), new Uint8Array(), []];
}

function raw(type: number, parts: readonly Item[]): Uint8Array {
  return concat(Uint8Array.of(type), encode(parts));
}

/** The bytes with the field at `at` replaced. */
function swapped(at: number, value: Item): (...from: Built) => Uint8Array {
  return (order, context) => raw(2, fields(order, context).with(at, value));
}

function word(value: bigint): Uint8Array {
  const bytes = integer(value);
  return concat(new Uint8Array(32 - bytes.length), bytes);
}

attacks("the builder was tampered with", () => {
  const { vault, book } = besiege();
  const pay = world.pay(book);
  const command = request(vault, pay);
  honestlySigned(vault, () => vault.send(command));
  const to = addressBytes(EVIL, "to");
  const builders: { readonly [how: string]: (...from: Built) => Uint8Array } = {
    "another payee": swapped(5, to),
    "a larger amount": swapped(6, integer(ETH + 1n)),
    "a smaller amount": swapped(6, integer(ETH - 1n)),
    "another nonce": swapped(1, integer(7)),
    "another chain": swapped(0, integer(1)),
    "an access list": swapped(8, [[to, []]]),
    "calldata to the payee": swapped(7, fromHex("deadbeef")),
    "a creation": swapped(5, new Uint8Array()),
    "a token transfer instead": (order, context) =>
      raw(
        2,
        fields(order, context)
          .with(5, addressBytes(TOKEN, "to"))
          .with(6, new Uint8Array())
          .with(7, concat(fromHex("a9059cbb"), word(BigInt(world.acme(book).address)), word(ETH))),
      ),
    "an EIP-7702 authorisation on top": (order, context) => {
      const authorisation = [integer(order.chainId), to, integer(0), integer(1), word(1n), word(1n)];
      return raw(4, [...fields(order, context), [authorisation]]);
    },
  };
  for (const [how, build] of Object.entries(builders)) {
    refused(vault, "EFFECT_MISMATCH", how, () => withBuilder(build, () => vault.send(command)));
  }
  const dear = swapped(3, integer(10n ** 15n));
  refused(vault, "FEE_TOO_HIGH", "a dearer fee", () => withBuilder(dear, () => vault.send(command)));
});

attacks("the builder was tampered with while a call is approved", () => {
  const { vault, book } = besiege({
    rulebook: (demo) => ({ rules: [...demo.rules, ...world.CALLING] }),
    entries: (made) => [world.pool(made)],
  });
  const command = request(vault, world.call(book));
  honestlySigned(vault, () => vault.send(command));
  const [to, data] = [addressBytes(EVIL, "to"), concat(fromHex("b6b55f25"), word(42n))];
  const called = (change: (honest: Item[]) => Item[], type = 2) => {
    return (...[order, context]: Built) => raw(type, change(fields(order, context).with(7, data)));
  };
  honestlySigned(vault, () =>
    withBuilder(
      called((parts) => parts),
      () => vault.send(command),
    ),
  );
  const builders: { readonly [how: string]: (...from: Built) => Uint8Array } = {
    "another contract": called((parts) => parts.with(5, addressBytes(world.acme(book).address, "to"))),
    "another value": called((parts) => parts.with(6, integer(ETH + 1n))),
    "no value": called((parts) => parts.with(6, integer(0))),
    "another nonce": called((parts) => parts.with(1, integer(7))),
    "another chain": called((parts) => parts.with(0, integer(1))),
    "another argument": called((parts) => parts.with(7, concat(fromHex("b6b55f25"), word(43n)))),
    "another method": called((parts) => parts.with(7, concat(fromHex("2e1a7d4d"), word(42n)))),
    "a byte more": called((parts) => parts.with(7, concat(data, Uint8Array.of(0)))),
    "a byte less": called((parts) => parts.with(7, data.subarray(0, 35))),
    "no calldata": called((parts) => parts.with(7, new Uint8Array())),
    "a token transfer": called((parts) => parts.with(7, concat(fromHex("a9059cbb"), word(BigInt(EVIL)), word(42n)))),
    "an access list": called((parts) => parts.with(8, [[to, []]])),
    "a creation": called((parts) => parts.with(5, new Uint8Array())),
    "an EIP-7702 authorisation on top": called(
      (parts) => [...parts, [[integer(31337), to, integer(0), integer(1), word(1n), word(1n)]]],
      4,
    ),
  };
  for (const [how, build] of Object.entries(builders))
    refused(vault, "EFFECT_MISMATCH", how, () => withBuilder(build, () => vault.send(command)));
});

attacks("the builder writes bytes that cannot be read back", () => {
  const { vault, book } = besiege();
  const command = request(vault, world.pay(book));
  honestlySigned(vault, () => vault.send(command));
  const builders: { readonly [how: string]: (...from: Built) => Uint8Array } = {
    nothing: () => new Uint8Array(),
    "a bare digest": () => new Uint8Array(32).fill(0x42),
    "a message of EIP-191": () => concat(Uint8Array.of(0x19), new TextEncoder().encode("Ethereum Signed Message:\n5hello")),
    "typed data of EIP-712": () => concat(Uint8Array.of(0x19, 0x01), new Uint8Array(64)),
    "an authorisation of EIP-7702": (order) => raw(5, [integer(order.chainId), addressBytes(EVIL, "to"), integer(0)]),
    "a legacy transaction": (order, context) => encode(fields(order, context).slice(1, 7)),
    "an EIP-2930 transaction": (order, context) => raw(1, fields(order, context)),
    "a blob transaction": (order, context) => raw(3, fields(order, context)),
    "a signed transaction": (order, context) => raw(2, [...fields(order, context), integer(1), word(1n), word(1n)]),
    "bytes after the end": (order, context) => concat(raw(2, fields(order, context)), Uint8Array.of(0)),
    "a leading zero": swapped(1, Uint8Array.of(0)),
    "an address of 19 bytes": swapped(5, new Uint8Array(19).fill(1)),
  };
  for (const [how, build] of Object.entries(builders)) {
    refused(vault, "EFFECT_UNREADABLE", how, () => withBuilder(build, () => vault.send(command)));
  }
});

attacks("every known dangerous call is dressed as a token payment", () => {
  const { vault, book } = besiege();
  const pay = world.pay(book, { asset: "usdx", amount: 7n * world.USDX });
  const command = request(vault, pay);
  honestlySigned(vault, () => vault.send(command));
  const payee = word(BigInt(world.acme(book).address));
  for (const { signature, selector, name } of CALLS) {
    if (name === "token transfer") continue;
    const data = concat(fromHex(selector), payee, word(7n * world.USDX), word(0n), word(0n), word(0n), word(0n), word(0n));
    const build = (order: Built[0], context: Built[1]) =>
      raw(2, fields(order, context).with(5, addressBytes(TOKEN, "to")).with(6, new Uint8Array()).with(7, data));
    refused(vault, "EFFECT_MISMATCH", signature, () => withBuilder(build, () => vault.send(command)));
  }
  const transfer = concat(fromHex("a9059cbb"), payee, word(7n * world.USDX));
  const dressed: { readonly [how: string]: Uint8Array } = {
    "one word more": concat(transfer, word(1n)),
    "half a word": transfer.subarray(0, transfer.length - 16),
    "dirty upper bytes of the payee": concat(transfer.subarray(0, 4), Uint8Array.of(1), transfer.subarray(5)),
    "another selector": concat(fromHex("12345678"), transfer.subarray(4)),
  };
  for (const [how, data] of Object.entries(dressed)) {
    const build = (order: Built[0], context: Built[1]) =>
      raw(2, fields(order, context).with(5, addressBytes(TOKEN, "to")).with(6, new Uint8Array()).with(7, data));
    refused(vault, "EFFECT_MISMATCH", how, () => withBuilder(build, () => vault.send(command)));
  }
  const valued = (order: Built[0], context: Built[1]) =>
    raw(2, fields(order, context).with(5, addressBytes(TOKEN, "to")).with(6, integer(1)).with(7, transfer));
  refused(vault, "EFFECT_MISMATCH", "value goes along", () => withBuilder(valued, () => vault.send(command)));
});

attacks("a contract is entered as a payee", () => {
  const { vault, book } = besiege();
  const entry = (change: Parameters<typeof world.entryOf>[1]) => world.enter(book, world.entryOf(book, change));
  honest(vault, () => vault.run(entry({ name: "evil", address: EVIL }), [KEYS.carl]));
  refused(vault, "ENTRY_MISMATCH", "the token itself", () => vault.run(entry({ name: "usdx", address: TOKEN }), [KEYS.carl]));
  const elsewhere = besiege({
    rulebook: (demo) => ({
      chains: [...demo.chains, { ...(demo.chains[0] as (typeof demo.chains)[number]), id: 1, name: "other", native: "oth" }],
      assets: [...demo.assets, { id: "oth", chain: 1, decimals: 18 }],
    }),
  });
  const there = world.entryOf(elsewhere.book, { name: "there", address: TOKEN, chain: 1 });
  honest(elsewhere.vault, () => elsewhere.vault.run(world.enter(elsewhere.book, there), [KEYS.carl]));
  const zero = `0x${"0".repeat(40)}`;
  refused(vault, "ADDRESS_INVALID", "the zero address", () => vault.run(entry({ name: "zero", address: zero }), [KEYS.carl]));
  const proxy = besiege({
    entries: () => [world.acme(book), world.entryOf(book, { name: "proxy", address: EVIL, class: "contract" })],
  });
  const destination = world.destinationOf(world.entryOf(book, { name: "proxy", address: EVIL, class: "contract" }));
  honestlySigned(proxy.vault, () => proxy.vault.run(world.pay(book), TWO));
  refused(proxy.vault, "DENIED", "a contract in the book", () => proxy.vault.run(world.pay(book, { destination }), TWO));
});

attacks("an intent asks for more than a transfer", async () => {
  const { book }: Siege = besiege();
  const intent = world.pay(book);
  for (const extra of ["data", "operation", "authorizationList", "delegate", "allowance"]) {
    await fails(() => {
      const made = attempt(() => world.intentId({ ...intent, [extra]: new Uint8Array([1]) } as never));
      assert.equal(made.ok ? "OK" : made.code, "UNKNOWN_FIELD");
    });
  }
  for (const kind of ["delegate", "message", "approve", "upgrade", "sign", "calls"]) {
    await fails(() => {
      const made = attempt(() => world.intentId({ ...intent, kind } as never));
      assert.equal(made.ok ? "OK" : made.code, "BAD_VALUE");
    });
  }
});
