/** Payments and cancellations: what they name, which nonce they take, what replaces what. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { evm } from "../../core/src/chain/evm/evm.ts";
import type { RefusalCode } from "../../core/src/errors.ts";
import { openRecord, type RecordOf } from "../../core/src/journal/record.ts";
import type { EvmContext } from "../../core/src/protocol/command.ts";
import { Attestation } from "../../core/src/signed/attestation.ts";
import type { IntentOf } from "../../core/src/signed/intent.ts";
import { decode } from "../../core/src/signed/object.ts";
import type { Rule } from "../../core/src/signed/rulebook.ts";
import { TOKEN } from "../world/rulebook.ts";
import { execution, foundedVault, type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import {
  bookOf,
  bumped,
  cancelOf,
  kinds,
  LATER,
  payment,
  refused,
  send,
  sendAll,
  settle,
  transactionOf,
  vaultWith,
} from "./ground.ts";

const { KEYS } = world;

/** What the newest commitment of the journal would do. */
function committed({ journal }: MemoryVault) {
  const records = journal.map((bytes) => openRecord(bytes).value);
  const newest = records.findLast((record) => record.kind === "committed") as RecordOf<"committed">;
  return newest.parts.map((part) => evm.read(part.unsigned));
}

/** Opens a wallet with its address 0. */
function open(vault: MemoryVault, change: Partial<IntentOf<"wallet">>): void {
  must(vault.run(world.wallet(bookOf(vault), change), [KEYS.carl]));
  must(vault.send(world.command({ command: "address", wallet: change.wallet as string, index: 0 })));
}

test("payments of one address take one nonce after another, alone and together", () => {
  const vault = vaultWith();
  must(send(vault, payment(vault, { reference: "a" })));
  must(
    sendAll(
      vault,
      ["b", "c"].map((reference) => payment(vault, { reference })),
    ),
  );
  assert.deepEqual(
    committed(vault).map(({ nonce }) => nonce),
    [1, 2],
  );
  must(send(vault, payment(vault, { reference: "d", asset: "usdx", amount: world.USDX })));
  const [token] = committed(vault);
  assert.equal(token?.nonce, 3);
  assert.deepEqual(token.transfers, [{ asset: TOKEN, to: world.acme(bookOf(vault)).address, amount: world.USDX }]);
});

test("one command pays anew, replaces and cancels", () => {
  const vault = vaultWith();
  const [a, b] = ["a", "b"].map((reference) => payment(vault, { reference })) as [IntentOf<"pay">, IntentOf<"pay">];
  must(sendAll(vault, [a, b]));
  const dearer = payment(vault, { reference: "a dearer", replaces: world.intentId(a) });
  const intents = [payment(vault, { reference: "c" }), dearer, cancelOf(vault, b), payment(vault, { reference: "d" })];
  const { transactions } = execution(sendAll(vault, intents, [{}, bumped(), bumped(), {}]));
  assert.deepEqual(
    committed(vault).map(({ nonce }) => nonce),
    [2, 0, 1, 3],
  );
  assert.deepEqual(
    transactions.map(({ intent }) => intent),
    intents.map(world.intentId),
  );
  assert.equal(committed(vault)[2]?.transfers[0]?.amount, 0n);
});

test("a command never replaces one transaction twice, nor one that it makes itself", () => {
  const vault = vaultWith();
  const first = payment(vault, { reference: "a" });
  must(send(vault, first));
  const again = ["b", "c"].map((reference) => payment(vault, { reference, replaces: world.intentId(first) }));
  refused(vault, "SLOT_TAKEN", () => sendAll(vault, again, [bumped(1n), bumped(3n)]));
  const fresh = payment(vault, { reference: "d" });
  const replaced = payment(vault, { reference: "e", replaces: world.intentId(fresh) });
  refused(vault, "REPLACES_UNKNOWN", () => sendAll(vault, [fresh, replaced], [{}, bumped()]));
});

test("a replacement pays the same from the same address, or cancels", () => {
  const vault = vaultWith();
  must(vault.send(world.command({ command: "address", wallet: "treasury", index: 1 })));
  open(vault, { wallet: "other" });
  const first = payment(vault);
  must(send(vault, first));
  const replaces = world.intentId(first);
  const zoe = world.zoe(bookOf(vault));
  const differences: readonly Partial<IntentOf<"pay">>[] = [
    { amount: first.amount + 1n },
    { destination: world.destinationOf(zoe) },
    { asset: "usdx" },
    { wallet: "other" },
  ];
  for (const change of differences) {
    const facts = [world.screening(bookOf(vault), zoe)];
    const intent = payment(vault, { reference: "again", replaces, ...change });
    refused(vault, "REPLACES_MISMATCH", () => vault.run(intent, [KEYS.amy, KEYS.bob], { facts, context: bumped() }));
  }
  const same = payment(vault, { reference: "again", replaces });
  refused(vault, "REPLACES_MISMATCH", () => send(vault, same, { ...bumped(), index: 1 }));
  refused(vault, "REPLACES_MISMATCH", () => send(vault, cancelOf(vault, first, { wallet: "other" }), bumped()));
  must(send(vault, same, bumped()));
});

test("every fee rate of a replacement rises by an eighth", () => {
  const vault = vaultWith();
  const first = payment(vault);
  must(send(vault, first));
  const again = payment(vault, { reference: "again", replaces: world.intentId(first) });
  const { maxFeePerGas, maxPriorityFeePerGas } = bumped();
  const low: readonly Partial<EvmContext>[] = [
    {},
    { maxFeePerGas },
    { maxPriorityFeePerGas },
    { maxFeePerGas: maxFeePerGas - 1n, maxPriorityFeePerGas },
    { maxFeePerGas, maxPriorityFeePerGas: maxPriorityFeePerGas - 1n },
  ];
  for (const context of low) refused(vault, "FEE_TOO_LOW", () => send(vault, again, context));
  must(send(vault, again, bumped()));
});

test("a replacement is measured by the newest version, whichever version it names", () => {
  const vault = vaultWith();
  const first = payment(vault);
  must(send(vault, first));
  const replaces = world.intentId(first);
  must(send(vault, payment(vault, { reference: "second", replaces }), bumped(4n)));
  const third = payment(vault, { reference: "third", replaces });
  refused(vault, "FEE_TOO_LOW", () => send(vault, third, bumped(5n)));
  must(send(vault, third, bumped(6n)));
});

test("a cancelled payment can only be cancelled again", () => {
  const vault = vaultWith();
  const first = payment(vault);
  must(send(vault, first));
  const cancel = cancelOf(vault, first);
  must(send(vault, cancel, bumped(1n)));
  const replaces = world.intentId(first);
  refused(vault, "REPLACES_MISMATCH", () => send(vault, payment(vault, { reference: "b", replaces }), bumped(4n)));
  refused(vault, "REPLACES_MISMATCH", () => {
    return send(vault, payment(vault, { reference: "b", replaces: world.intentId(cancel) }), bumped(4n));
  });
  must(send(vault, cancelOf(vault, cancel), bumped(4n)));
  assert.deepEqual(
    committed(vault).map(({ nonce, transfers }) => [nonce, transfers[0]?.amount]),
    [[0, 0n]],
  );
});

test("only a live transaction is replaced", () => {
  const vault = vaultWith();
  const unknown = payment(vault, { reference: "unknown" });
  const cancel = cancelOf(vault, unknown);
  refused(vault, "REPLACES_UNKNOWN", () => send(vault, cancel, bumped()));
  const done = world.wallet(bookOf(vault));
  refused(vault, "REPLACES_UNKNOWN", () => send(vault, cancelOf(vault, done), bumped()));
  const first = payment(vault);
  vault.hold = true;
  send(vault, first);
  refused(vault, "REPLACES_UNKNOWN", () => send(vault, cancelOf(vault, first), bumped()));
  const [answer] = vault.release();
  assert.ok(answer);
  must(settle(vault, transactionOf(answer)));
  refused(vault, "REPLACES_UNKNOWN", () => send(vault, cancelOf(vault, first), bumped()));
});

test("one finality ends all versions of a transaction", () => {
  const vault = vaultWith();
  const first = payment(vault);
  const old = transactionOf(send(vault, first));
  const again = payment(vault, { reference: "again", replaces: world.intentId(first) });
  const young = transactionOf(send(vault, again, bumped()));
  assert.equal(vault.state.live.size, 1);
  must(settle(vault, old));
  assert.equal(vault.state.live.size, 0);
  assert.equal(vault.state.outstanding.size, 0);
  assert.equal(vault.state.facts.size, 0);
  const before = vault.journal.length;
  must(settle(vault, young));
  must(settle(vault, old));
  assert.equal(vault.journal.length, before);
  assert.equal(execution(send(vault, first)).state, "settled");
  assert.equal(execution(send(vault, again)).state, "replaced");
});

test("only so many nonces of an address stay open; finality makes room", () => {
  const vault = vaultWith((book) => ({ chains: book.chains.map((chain) => ({ ...chain, maxOutstanding: 2 })) }));
  const three = ["a", "b", "c"].map((reference) => payment(vault, { reference }));
  refused(vault, "TOO_MANY_OUTSTANDING", () => sendAll(vault, three));
  const first = send(vault, three[0] as IntentOf<"pay">);
  must(send(vault, three[1] as IntentOf<"pay">));
  refused(vault, "TOO_MANY_OUTSTANDING", () => send(vault, three[2] as IntentOf<"pay">));
  must(send(vault, cancelOf(vault, three[1] as IntentOf<"pay">), bumped()));
  must(settle(vault, transactionOf(first)));
  must(send(vault, three[2] as IntentOf<"pay">));
});

test("what a payment names must be there and belong together", () => {
  const vault = vaultWith((book) => ({
    chains: [...book.chains, { ...(book.chains[0] as (typeof book.chains)[number]), id: 5, name: "five", native: "five-eth" }],
    assets: [...book.assets, { id: "five-eth", chain: 5, decimals: 18 }],
  }));
  const zoe = world.destinationOf(world.zoe(bookOf(vault)));
  const { destination } = payment(vault);
  const elsewhere = world.entryOf(bookOf(vault), { name: "elsewhere", address: destination.address, chain: 5 });
  must(vault.run(world.enter(bookOf(vault), elsewhere), [KEYS.carl]));
  const cases: readonly [Partial<IntentOf<"pay">>, RefusalCode][] = [
    [{ wallet: "nobody" }, "WALLET_UNKNOWN"],
    [{ chain: 5, asset: "five-eth" }, "WALLET_UNKNOWN"],
    [{ amount: 0n }, "AMOUNT_ZERO"],
    [{ destination: { ...destination, entry: "nobody" } }, "ENTRY_UNKNOWN"],
    [{ destination: { ...destination, hash: zoe.hash as NonNullable<typeof zoe.hash> } }, "ENTRY_MISMATCH"],
    [{ destination: { ...destination, address: zoe.address } }, "ENTRY_MISMATCH"],
    [{ destination: world.destinationOf(elsewhere) }, "ENTRY_MISMATCH"],
  ];
  for (const [change, code] of cases) refused(vault, code, () => send(vault, payment(vault, change)));
  const unreadable: readonly [Partial<IntentOf<"pay">>, RefusalCode][] = [
    [{ chain: 6 }, "ASSET_UNKNOWN"],
    [{ asset: "doge" }, "ASSET_UNKNOWN"],
    [{ asset: "five-eth" }, "ASSET_UNKNOWN"],
  ];
  for (const [change, code] of unreadable) {
    refused(vault, code, () => vault.send(world.execute([payment(vault, change)], [])));
  }
  const { reference } = payment(vault);
  const cancel = world.cancel(bookOf(vault), world.ZERO, { chain: 6, notAfter: LATER, reference });
  refused(vault, "CHAIN_UNKNOWN", () => vault.send(world.execute([cancel], [])));
});

test("what the server says of the chain is bounded", () => {
  const vault = vaultWith();
  const cases: readonly [Partial<EvmContext>, RefusalCode][] = [
    [{ index: 1 }, "ADDRESS_UNKNOWN"],
    [{ gasLimit: 20_999 }, "GAS_TOO_LOW"],
    [{ gasLimit: 100_000_000 }, "CONTEXT_INVALID"],
    [{ maxPriorityFeePerGas: 10n ** 30n }, "CONTEXT_INVALID"],
    [{ maxFeePerGas: 10n ** 12n }, "FEE_TOO_HIGH"],
  ];
  for (const [context, code] of cases) refused(vault, code, () => send(vault, payment(vault), context));
  refused(vault, "FEE_TOO_HIGH", () => send(vault, payment(vault, { totalFee: world.ETH })), "intent.totalFee");
  const intent = payment(vault);
  const bare = world.execute([intent], world.approveAll(vault.ground(), intent, [KEYS.amy, KEYS.bob]));
  const orders = bare.orders.map(({ intent: bytes }) => ({ intent: bytes }));
  refused(vault, "CONTEXT_INVALID", () => vault.send({ ...bare, orders }));
});

test("the same intents give their one execution, whatever comes with them", () => {
  const vault = vaultWith();
  const [a, b] = ["a", "b"].map((reference) => payment(vault, { reference })) as [IntentOf<"pay">, IntentOf<"pay">];
  vault.hold = true;
  assert.equal(sendAll(vault, [a, b]).detail, "waiting");
  assert.equal(vault.send(world.execute([a, b], [], { context: { index: 9 } })).detail, "waiting");
  assert.equal(kinds(vault).filter((kind) => kind === "committed").length, 1);
  const [first] = vault.release();
  assert.ok(first);
  assert.deepEqual(vault.send(world.execute([a, b], [Uint8Array.of(1)], { facts: [Uint8Array.of(1)] })).body, first.body);
  refused(vault, "INTENT_USED", () => vault.send(world.execute([b, a], [])));
  refused(vault, "INTENT_USED", () => vault.send(world.execute([a], [])));
  refused(vault, "INTENT_USED", () => vault.send(world.execute([a, b, payment(vault, { reference: "c" })], [])));
  refused(vault, "INTENT_USED", () => vault.send(world.execute([payment(vault, { reference: "c" }), a], [])));
  must(vault.run(world.wallet(bookOf(vault)), []));
});

test("what cannot be carried out together is refused", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  refused(vault, "BATCH_MIXED", () => sendAll(vault, [intent, intent]));
  refused(vault, "BATCH_MIXED", () => sendAll(vault, [intent, world.wallet(bookOf(vault), { wallet: "second" })]));
  const twin = payment(vault, { nonce: world.nonceOf("another") });
  refused(vault, "REFERENCE_USED", () => sendAll(vault, [intent, twin]));
  must(send(vault, intent));
  refused(vault, "REFERENCE_USED", () => send(vault, twin));
});

test("rules see our own address as own only for its own client, whatever its entry says", () => {
  const allow = (id: string, classes: readonly ("own" | "client-owned")[], to: bigint) => ({
    ...(world.demoRulebook().rules[0] as Extract<Rule, { effect: "allow" }>),
    ...{ id, classes, amountTo: to },
  });
  const rules = [
    ...world.demoRulebook().rules.filter((rule) => rule.id !== "allow-eth"),
    allow("own", ["own"], 10n * world.ETH),
    allow("clients", ["client-owned"], world.ETH),
  ];
  const { vault } = foundedVault({ rulebook: { rules }, entries: () => [] });
  const book = bookOf(vault);
  for (const client of ["alice", "berta"]) open(vault, { wallet: client, client });
  const attested = vault.send(world.command({ command: "address", wallet: "alice", index: 1 }));
  const entry = world.entryOf(book, {
    ...{ name: "alice-1", class: "own", own: { wallet: "alice", index: 1 } },
    address: decode(Attestation, must(attested).body).address,
  });
  must(vault.run(world.enter(book, entry), [KEYS.carl]));
  const destination = world.destinationOf(entry);
  const two = { destination, amount: 2n * world.ETH };
  refused(vault, "NOT_ALLOWED", () => send(vault, payment(vault, { wallet: "berta", reference: "b", ...two })));
  refused(vault, "NOT_ALLOWED", () => send(vault, payment(vault, { wallet: "treasury", reference: "t", ...two })));
  must(send(vault, payment(vault, { wallet: "alice", reference: "a", ...two })));
  must(send(vault, payment(vault, { wallet: "berta", reference: "c", destination, amount: world.ETH })));
});
