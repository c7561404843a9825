/** A call of a contract is twisted: another method or argument than was read, a method that only looks like an approved one,
 *  value that is smuggled along, a contract that nobody listed, and what is dangerous under a rule that does not name it. */
import assert from "node:assert/strict";
import { concat, fromHex } from "../../core/src/bytes.ts";
import { CALLS } from "../../core/src/chain/evm/calls.ts";
import { attempt } from "../../core/src/errors.ts";
import type { Entry } from "../../core/src/signed/entry.ts";
import type { IntentOf } from "../../core/src/signed/intent.ts";
import type { Rulebook } from "../../core/src/signed/rulebook.ts";
import { TOKEN } from "../world/rulebook.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, fails, honest, honestlySigned, refused, request, type Siege, TWO } from "./attack.ts";

const { KEYS, ETH } = world;
const EVIL = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

const word = (value: bigint) => fromHex(value.toString(16).padStart(64, "0"));

/** A siege in which "pool" may be called; `rules` come on top. */
function siegeOf(pool: Partial<Entry> = {}, rules: Rulebook["rules"] = []): Siege {
  return besiege({
    rulebook: (demo) => ({ rules: [...demo.rules, ...world.CALLING, ...rules] }),
    entries: (book) => [world.acme(book), world.pool(book, pool)],
  });
}

/** Approvals do not matter where there is no text. */
const unread = (intent: IntentOf<"call">) => world.execute([intent], []);

attacks("the server swaps a field of a call and keeps the approvals", () => {
  const { vault, book } = siegeOf();
  const intent = world.call(book);
  const approvals = world.approveAll(vault.ground(), intent, TWO);
  honestlySigned(vault, () => vault.send(world.execute([intent], approvals)));
  const changes: { readonly [how: string]: Partial<IntentOf<"call">> } = {
    "another method": { method: "withdraw(uint256)" },
    "another argument": { arguments: word(43n) },
    "the highest bit of an argument": { arguments: word(42n | (1n << 255n)) },
    "no arguments of a method without any": { method: "withdrawAll()", arguments: new Uint8Array() },
    "more value": { amount: ETH + 1n },
    "no value": { amount: 0n },
    "another contract": { destination: { ...world.contractOf(world.pool(book)), address: TOKEN } },
    "another entry": { destination: world.contractOf(world.acme(book)) },
    "an older entry": { destination: { ...world.contractOf(world.pool(book)), hash: world.ZERO } },
    "a higher fee": { totalFee: ETH / 10n },
    "another wallet": { wallet: "second" },
    "as a replacement": { replaces: world.intentId(world.pay(book)) },
  };
  for (const [how, change] of Object.entries(changes))
    refused(vault, "APPROVAL_FOREIGN", how, () => vault.send(world.execute([world.call(book, change)], approvals)));
});

attacks("the same call is sent as a payment, and a payment as a call", () => {
  const { vault, book } = siegeOf();
  const { destination, amount, chain, wallet } = world.call(book);
  const approvals = world.approveAll(vault.ground(), world.call(book), TWO);
  honestlySigned(vault, () => vault.send(world.execute([world.call(book)], approvals)));
  const paid = world.pay(book, { reference: "call-1", destination, amount, chain, wallet });
  refused(vault, "APPROVAL_FOREIGN", "value alone", () => vault.send(world.execute([paid], approvals)));
  refused(vault, "DENIED", "value alone, approved", () => vault.run(paid, TWO));
});

attacks("arguments are encoded so that two readers read two things", () => {
  const { vault, book } = siegeOf();
  const text = concat(word(4n), fromHex("64617665".padEnd(64, "0")));
  const list = concat(word(2n), word(7n), word(8n));
  const note = (...parts: Uint8Array[]) =>
    world.call(book, { method: "note(string,uint256[])", arguments: concat(...parts), amount: 0n });
  honestlySigned(vault, () => vault.run(note(word(64n), word(128n), text, list), TWO));
  const odd: { readonly [how: string]: readonly Uint8Array[] } = {
    "the parts in another order": [word(160n), word(64n), list, text],
    "both offsets to one place": [word(64n), word(64n), text],
    "an offset into the heads": [word(0n), word(128n), text, list],
    "an offset that wraps around": [word(2n ** 256n - 32n), word(128n), text, list],
    "a gap between the parts": [word(64n), word(160n), text, word(0n), list],
    "bytes after the end": [word(64n), word(128n), text, list, Uint8Array.of(1)],
    "a word after the end": [word(64n), word(128n), text, list, word(0n)],
    "a second list after the end": [word(64n), word(128n), text, list, list],
    "text behind the text": [word(64n), word(128n), word(4n), fromHex("6461766565".padEnd(64, "0")), list],
    "text that is no UTF-8": [word(64n), word(128n), word(2n), fromHex("c0af".padEnd(64, "0")), list],
    "a list that is cut": [word(64n), word(128n), text, word(2n), word(7n)],
    "a length beyond everything": [word(64n), word(128n), text, word(2n ** 255n), word(7n), word(8n)],
  };
  for (const [how, parts] of Object.entries(odd)) refused(vault, "CALL_INVALID", how, () => vault.send(unread(note(...parts))));
  const flag = siegeOf({ methods: [{ method: "open(bool,uint8,address)", value: false }] });
  const entry = world.pool(flag.book, { methods: [{ method: "open(bool,uint8,address)", value: false }] });
  const open = (...words: readonly bigint[]) =>
    world.call(flag.book, {
      destination: world.contractOf(entry),
      method: "open(bool,uint8,address)",
      arguments: concat(...words.map(word)),
      amount: 0n,
    });
  honestlySigned(flag.vault, () => flag.vault.run(open(1n, 255n, BigInt(EVIL)), TWO));
  for (const words of [
    [2n, 255n, BigInt(EVIL)],
    [1n, 256n, BigInt(EVIL)],
    [1n, 255n, BigInt(EVIL) | (1n << 160n)],
  ])
    refused(flag.vault, "CALL_INVALID", `dirty words ${words}`, () => flag.vault.send(unread(open(...words))));
});

attacks("a method is written in another way, or only shares its four bytes", () => {
  const { vault, book } = siegeOf();
  honest(vault, () => vault.run(world.call(book), TWO));
  for (const method of ["deposit(uint)", "deposit( uint256)", "deposit(uint256) ", "Deposit(uint256", "deposit(uint256)x"])
    refused(vault, "CALL_INVALID", method, () => vault.send(unread(world.call(book, { method }))));
  const twins: readonly (readonly [string, Uint8Array])[] = [
    ["sign_szabo_bytecode(bytes16,uint128)", new Uint8Array(64)],
    ["many_msg_babbage(bytes1)", new Uint8Array(32)],
    ["join_tg_invmru_haha_fd06787(address,bool)", new Uint8Array(64)],
  ];
  for (const [method, given] of twins) {
    const twin = world.call(book, { method, arguments: given, amount: 0n });
    refused(vault, "CALL_INVALID", `${method} is called`, () => vault.send(unread(twin)));
    const entry = world.pool(book, { name: "new", methods: [{ method, value: false }] });
    const entering = world.execute([world.enter(book, entry)], []);
    refused(vault, "CALL_INVALID", `${method} is entered`, () => vault.send(entering));
  }
  const two = ["burn(uint256)", "collate_propagate_storage(bytes16)"].map((method) => ({ method, value: false }));
  const both = world.pool(book, { name: "new", methods: two });
  honest(vault, () => vault.run(world.enter(book, { ...both, methods: two.slice(0, 1) }), [KEYS.carl]));
  refused(vault, "CALL_INVALID", "two methods of one selector", () => vault.run(world.enter(book, both), [KEYS.carl]));
});

attacks("value is smuggled along", () => {
  const { vault, book } = siegeOf();
  const quiet = (amount: bigint) => world.call(book, { method: "withdraw(uint256)", amount });
  honestlySigned(vault, () => vault.run(quiet(0n), TWO));
  for (const amount of [1n, ETH]) refused(vault, "ENTRY_MISMATCH", `${amount} wei`, () => vault.run(quiet(amount), TWO));
  const much = () => vault.run(world.call(book, { amount: 101n * ETH }), TWO);
  refused(vault, "LIMIT_EXCEEDED", "more than the limit", much);
});

attacks("a contract is called that nobody listed", async () => {
  const { vault, book } = siegeOf();
  const intent = world.call(book);
  const destination = { address: EVIL };
  honestlySigned(vault, () => vault.run(intent, TWO));
  for (const [how, change] of Object.entries({
    "no entry": { destination },
    "an entry without its hash": { destination: { ...destination, entry: "pool" } },
    "a hash without its entry": { destination: { ...destination, hash: world.ZERO } },
    "an asset": { asset: "usdx" },
    "raw calldata": { data: new Uint8Array(4) },
  })) {
    await fails(() => {
      const made = attempt(() => world.intentId({ ...intent, ...change } as never));
      assert.ok(!made.ok && (made.code === "MISSING_FIELD" || made.code === "UNKNOWN_FIELD"), how);
    });
  }
  const gone = siegeOf();
  must(gone.vault.run(world.retire(gone.book, world.pool(gone.book)), [KEYS.carl]));
  refused(gone.vault, "ENTRY_UNKNOWN", "an entry that was retired", () => gone.vault.run(world.call(gone.book), TWO));
  const wider = world.pool(gone.book, { party: "Pool, once more" });
  must(gone.vault.run(world.enter(gone.book, wider, { reference: "wider" }), [KEYS.carl]));
  refused(gone.vault, "ENTRY_MISMATCH", "an entry of the same name", () => gone.vault.run(world.call(gone.book), TWO));
});

attacks("a contract on the deny list is called by another name", () => {
  const { vault, book } = siegeOf();
  honestlySigned(vault, () => vault.run(world.call(book), TWO));
  const { address } = world.pool(book);
  must(vault.run(world.enter(book, world.entryOf(book, { name: "bad", address, class: "denied" })), [KEYS.carl]));
  refused(vault, "DENIED", "the pool", () => vault.run(world.call(book), TWO));
});

attacks("a token of the rulebook is called", () => {
  const { vault, book } = siegeOf();
  const entry = world.pool(book, { name: "token", address: TOKEN });
  honest(vault, () => vault.run(world.enter(book, { ...entry, address: EVIL }), [KEYS.carl]));
  refused(vault, "ENTRY_MISMATCH", "it is entered", () => vault.run(world.enter(book, entry), [KEYS.carl]));
  refused(vault, "ENTRY_UNKNOWN", "it is called", () =>
    vault.run(world.call(book, { destination: world.contractOf(entry) }), TWO),
  );
  const plain = { method: "transfer(address,uint256)", arguments: concat(word(BigInt(EVIL)), word(1n)), amount: 0n };
  refused(vault, "CALL_INVALID", "a transfer", () => vault.send(unread(world.call(book, plain))));
});

attacks("what is dangerous is called under a rule that allows any method", () => {
  const zeros: readonly { readonly method: string; readonly size: number }[] = CALLS.flatMap(({ signature, words, name }) =>
    words === null || name === "token transfer" ? [] : [{ method: signature, size: words * 32 }],
  );
  assert.ok(zeros.length > 30);
  for (const { method, size } of zeros) {
    const methods = [{ method, value: false }];
    const { vault, book } = siegeOf({ methods });
    const destination = world.contractOf(world.pool(book, { methods }));
    const intent = world.call(book, { destination, method, arguments: new Uint8Array(size), amount: 0n });
    refused(vault, "NOT_ALLOWED", method, () => vault.run(intent, TWO));
    const [rule] = world.CALLING;
    const named = siegeOf({ methods }, [{ ...rule, id: "named", methods: [method, "unlimited allowance"] } as never]);
    honestlySigned(named.vault, () => named.vault.run(intent, TWO));
  }
});

attacks("an allowance that is named is made unlimited, an execution a delegatecall", () => {
  const [rule] = world.CALLING;
  const named = { ...rule, id: "named", methods: ["approve(address,uint256)", world.EXECUTE] } as never;
  const { vault, book } = siegeOf({}, [named]);
  const approve = (amount: bigint) =>
    world.call(book, {
      method: "approve(address,uint256)",
      arguments: concat(word(BigInt(EVIL)), word(amount)),
      amount: 0n,
    });
  const execute = (operation: bigint) =>
    world.call(book, {
      method: world.EXECUTE,
      arguments: concat(word(BigInt(EVIL)), word(0n), word(128n), word(operation), word(0n)),
      amount: 0n,
    });
  honestlySigned(vault, () => vault.run(approve(2n ** 96n - 2n), TWO));
  honestlySigned(vault, () => vault.run(execute(0n), TWO));
  for (const amount of [2n ** 96n - 1n, 2n ** 255n, 2n ** 256n - 1n])
    refused(vault, "NOT_ALLOWED", `an allowance of ${amount}`, () => vault.run(approve(amount), TWO));
  refused(vault, "NOT_ALLOWED", "a delegatecall", () => vault.run(execute(1n), TWO));
  refused(vault, "CALL_INVALID", "another operation", () => vault.send(unread(execute(2n))));
});

attacks("a call is allowed by a rule for payments, or by one for another contract", () => {
  const rules: Rulebook["rules"] = [
    { ...(world.CALLING[0] as Rulebook["rules"][number]), id: "other", kinds: ["pay"] },
    { ...(world.CALLING[0] as Rulebook["rules"][number]), id: "third", destinations: ["lake"] },
  ];
  const { vault, book } = besiege({
    rulebook: (demo) => ({ rules: [...demo.rules, ...rules, ...world.CALLING.slice(1)] }),
    entries: (made) => [world.acme(made), world.pool(made)],
  });
  honestlySigned(vault, () => vault.send(request(vault, world.pay(book))));
  refused(vault, "NOT_ALLOWED", "a call", () => vault.run(world.call(book), TWO));
});
