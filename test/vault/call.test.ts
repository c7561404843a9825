/** Calls of contracts: what is built, what counts, how one is replaced and ends, and what is refused on the way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, fromHex, type Hash } from "../../core/src/bytes.ts";
import { evm } from "../../core/src/chain/evm/evm.ts";
import { openRecord } from "../../core/src/journal/record.ts";
import type { Book } from "../../core/src/rulebook/book.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import type { Entry } from "../../core/src/signed/entry.ts";
import { Fact } from "../../core/src/signed/fact.ts";
import type { IntentOf } from "../../core/src/signed/intent.ts";
import type { Rulebook } from "../../core/src/signed/rulebook.ts";
import { entries } from "../../vault/src/state/map.ts";
import { someHash } from "../world/keys.ts";
import { TOKEN } from "../world/rulebook.ts";
import { execution, foundedVault, type MemoryVault, must, usedOf } from "../world/vault.ts";
import * as world from "../world/world.ts";
import {
  adopt,
  bookOf,
  bumped,
  cancelOf,
  freezeBy,
  LATER,
  payment,
  refused,
  send,
  sendAll,
  settle,
  transactionOf,
} from "./ground.ts";

const { ETH, KEYS } = world;
const TWO = [KEYS.amy, KEYS.bob];

type Parts = { readonly rulebook?: Partial<Rulebook>; readonly pool?: Partial<Entry> };

/** A vault in which traders may call "pool" and two approvers agree. */
function calling({ rulebook = {}, pool = {} }: Parts = {}): MemoryVault {
  const { rules } = world.demoRulebook();
  return foundedVault({
    rulebook: { rules: [...rules, ...world.CALLING], ...rulebook },
    entries: (book) => [world.acme(book), world.pool(book, pool)],
  }).vault;
}

function call(vault: MemoryVault, change: Partial<IntentOf<"call">> = {}): IntentOf<"call"> {
  return world.call(bookOf(vault), { notAfter: LATER, ...change });
}

const word = (value: bigint) => fromHex(value.toString(16).padStart(64, "0"));
const address = (text: string) => word(BigInt(text));

/** What the newest commitment puts on the chain. */
function built(vault: MemoryVault) {
  const last = vault.journal.map((bytes) => openRecord(bytes).value).findLast(({ kind }) => /committed|repriced/.test(kind));
  assert.ok(last?.kind === "committed" || last?.kind === "repriced");
  return evm.read((last.kind === "committed" ? last.parts[0] : last.part)?.unsigned as Uint8Array);
}

test("the vault builds selector and arguments itself, and the value goes along", () => {
  const vault = calling();
  must(send(vault, call(vault)));
  const data = fromHex(`b6b55f25${"2a".padStart(64, "0")}`);
  const { address: to } = world.pool(bookOf(vault));
  assert.deepEqual(built(vault).called, { to, amount: ETH, data, name: "unknown call" });
  assert.equal(built(vault).other, "unknown call");
  must(send(vault, call(vault, { reference: "b", method: "withdraw(uint256)", amount: 0n })));
  assert.deepEqual(built(vault).transfers, []);
});

test("the same call again gives its one execution", () => {
  const vault = calling();
  const first = must(send(vault, call(vault)));
  assert.deepEqual(must(send(vault, call(vault), bumped())).body, first.body);
});

test("calls and payments go in one command, with one nonce after the other", () => {
  const vault = calling();
  const { transactions } = execution(sendAll(vault, [call(vault), payment(vault), call(vault, { reference: "b" })]));
  const slots = transactions.map((one) => one.slots[0]?.split(":").at(-1));
  assert.deepEqual(slots, ["0", "1", "2"]);
});

test("rules read the contract's entry, its class, the method, and the value as the amount", () => {
  const allow = (change: object) => {
    const [one, ...rest] = world.CALLING;
    return calling({ rulebook: { rules: [...world.demoRulebook().rules, { ...one, ...change } as never, ...rest] } });
  };
  const yes = [
    {},
    { methods: ["deposit(uint256)"] },
    { destinations: ["pool"], classes: ["contract"], assets: ["eth"], wallets: ["treasury"] },
    { assets: ["eth"], amountFrom: ETH, amountTo: ETH },
  ];
  const no = [
    { methods: ["withdraw(uint256)"] },
    { destinations: ["acme"] },
    { classes: ["exchange"] },
    { assets: ["usdx"] },
    { assets: ["eth"], amountTo: ETH - 1n },
  ];
  for (const change of yes) {
    const vault = allow(change);
    must(send(vault, call(vault)));
  }
  for (const change of no) {
    const vault = allow(change);
    refused(vault, "NOT_ALLOWED", () => send(vault, call(vault)), "rules");
  }
});

test("requirements bind calls: quorum, delay, age of the entry, least number of approvers", () => {
  const { rules, governance } = world.demoRulebook();
  const with_ = (change: object, more: Partial<Rulebook> = {}) =>
    calling({ rulebook: { rules: [...rules, ...world.CALLING, { ...OPEN, ...NOTHING, id: "more", ...change }], ...more } });
  const alone = calling();
  refused(alone, "QUORUM_MISSING", () => alone.run(call(alone), [KEYS.amy]), "rules.two-for-calls");
  const delayed = with_({ methods: ["deposit(uint256)"], delayMs: 1 });
  refused(delayed, "NOT_REGISTERED", () => send(delayed, call(delayed)));
  must(send(delayed, call(delayed, { method: "withdraw(uint256)", amount: 0n })));
  const young = with_({ classes: ["contract"], entryAgeMs: world.DAY });
  refused(young, "ENTRY_TOO_YOUNG", () => send(young, call(young)), "rules.more");
  young.wait(world.DAY);
  must(send(young, call(young)));
  const three = calling({
    rulebook: {
      rules: [...rules, ...world.CALLING],
      governance: { ...governance, minimums: [{ class: "hot", persons: 3 }] },
    },
  });
  refused(three, "QUORUM_MISSING", () => send(three, call(three)), "governance.minimums.hot");
});

test("limits count the value and the fee, and a call without value as a payment", () => {
  const limit = (change: Partial<Rulebook["limits"][number]>) =>
    calling({
      rulebook: {
        rules: [...world.demoRulebook().rules, ...world.CALLING],
        limits: [
          {
            id: "only",
            measure: "amount",
            level: "destination",
            assets: ["eth"],
            most: 1n,
            window: { type: "rolling", ms: world.DAY },
            ...change,
          },
        ],
      },
    });
  const fee = BigInt(world.CONTEXT.gasLimit) * world.CONTEXT.maxFeePerGas;
  const amounts = limit({ most: ETH + fee });
  refused(amounts, "LIMIT_EXCEEDED", () => send(amounts, call(amounts, { amount: ETH + 1n })), "limits.only");
  must(send(amounts, call(amounts)));
  const counts = limit({ measure: "count", most: 2n, assets: "any" });
  const quiet = (reference: string) => call(counts, { reference, method: "withdraw(uint256)", amount: 0n });
  must(send(counts, quiet("a")));
  must(send(counts, call(counts, { reference: "b" })));
  refused(counts, "LIMIT_EXCEEDED", () => send(counts, quiet("c")), "limits.only");
  must(counts.send(world.reprice(quiet("a"), bumped())));
});

test("what a call that failed on the chain did not move is given back, the fee is not", () => {
  for (const outcome of ["succeeded", "failed"] as const) {
    const vault = calling();
    const id = transactionOf(must(send(vault, call(vault))));
    const before = usedOf(vault, "institution-eth");
    must(settle(vault, id, { outcome }));
    assert.equal(before - usedOf(vault, "institution-eth"), outcome === "failed" ? ETH : 0n);
  }
});

test("a call that is stuck is repriced, replaced by the same, or cancelled", () => {
  const vault = calling();
  const first = call(vault);
  must(send(vault, first));
  const { called } = built(vault);
  const dearer = must(vault.send(world.reprice(first, bumped())));
  assert.deepEqual(must(vault.send(world.reprice(first, bumped()))).body, dearer.body);
  assert.deepEqual(built(vault).called, called);
  const replaces = world.intentId(first);
  const again = (change: Partial<IntentOf<"call">>) => call(vault, { reference: "b", replaces, ...change });
  const other = world.contractOf(world.pool(bookOf(vault), { party: "Other" }));
  const differing: readonly Partial<IntentOf<"call">>[] = [
    { amount: ETH - 1n },
    { arguments: word(43n) },
    { method: "withdraw(uint256)", amount: ETH },
    { destination: other },
  ];
  for (const change of differing) refused(vault, "REPLACES_MISMATCH", () => send(vault, again(change), bumped(4n)));
  const paid = payment(vault, { reference: "c", replaces, amount: ETH });
  refused(vault, "REPLACES_MISMATCH", () => send(vault, paid, bumped(4n)));
  must(send(vault, again({}), bumped(4n)));
  const cancelled = must(send(vault, cancelOf(vault, first), bumped(8n)));
  assert.equal(execution(cancelled).transactions.length, 1);
  assert.equal(built(vault).called, null);
  refused(vault, "REPLACES_MISMATCH", () => send(vault, again({ reference: "d" }), bumped(16n)));
});

test("a call does not replace a payment", () => {
  const vault = calling();
  const first = payment(vault, { destination: world.destinationOf(world.acme(bookOf(vault))) });
  must(send(vault, first));
  const replaces = world.intentId(first);
  refused(vault, "REPLACES_MISMATCH", () => send(vault, call(vault, { replaces }), bumped()));
});

test("freezes of wallet, destination, native asset, chain and person stop a call, before and after it is committed", () => {
  const { name, address: place } = world.pool(world.makeWorld().book);
  const freezes = [
    { level: "wallet", subject: "treasury" },
    { level: "destination", subject: name },
    { level: "destination", subject: place },
    { level: "asset", subject: "eth" },
    { level: "chain", subject: "31337" },
    { level: "person", subject: "amy" },
  ] as const;
  for (const freeze of freezes) {
    const before = calling();
    must(before.run(freezeBy(before, freeze), []));
    refused(before, "FROZEN", () => send(before, call(before)), `freeze.${freeze.level}`);
    const after = calling();
    after.hold = true;
    send(after, call(after));
    after.hold = false;
    const held = after.held.splice(0);
    must(after.run(freezeBy(after, freeze), []));
    after.held.push(...held);
    assert.equal(after.release()[0]?.code, "FROZEN", freeze.level);
  }
});

/** A signed statement on a contract's code. */
function code(book: Book, contract: string, codeHash: Hash): Uint8Array {
  const { deployment } = book.document;
  const subject = `code:${world.CHAIN}:${contract}`;
  const fact: Fact = { version: 1, type: "code", deployment, source: "coder", subject, at: world.NOW, codeHash };
  return world.signValue(Fact, fact, KEYS.mallory);
}

test("a demanded fact on the contract's code must state what the entry says", () => {
  const need = { type: "code", sources: ["coder"], atLeast: 1, maxAgeMs: world.HOUR } as const;
  const rulebook = {
    rules: [
      ...world.demoRulebook().rules,
      ...world.CALLING,
      { ...OPEN, ...NOTHING, id: "same-code", kinds: ["call"], facts: [need] } as const,
    ],
    sources: [...world.demoRulebook().sources, { id: "coder", type: "code", publicKey: KEYS.mallory.publicKey } as const],
  };
  const hash = someHash("code");
  const vault = calling({ rulebook, pool: { codeHash: hash } });
  const book = bookOf(vault);
  const entry = world.pool(book, { codeHash: hash });
  const intent = call(vault, { destination: world.contractOf(entry) });
  const told = (contract: string, codeHash: Hash) => () => vault.run(intent, TWO, { facts: [code(book, contract, codeHash)] });
  refused(vault, "FACT_MISSING", () => vault.run(intent, TWO), "rules.same-code.facts");
  refused(vault, "FACT_MISSING", told(TOKEN, hash), "rules.same-code.facts");
  refused(vault, "FACT_ADVERSE", told(entry.address, someHash("other")), "rules.same-code.facts");
  const silent = calling({ rulebook });
  const any = () => silent.run(call(silent), TWO, { facts: [code(bookOf(silent), entry.address, hash)] });
  refused(silent, "FACT_ADVERSE", any, "rules.same-code.facts");
  const told2 = calling({ rulebook, pool: { codeHash: hash } });
  must(told2.run(intent, TWO, { facts: [code(bookOf(told2), entry.address, hash)] }));
});

test("a call of what the entry does not name, of another entry, or with value that it does not take is refused", () => {
  const vault = calling();
  const book = bookOf(vault);
  const pool = world.pool(book);
  const never = call(vault, { method: "withdrawAll()", arguments: new Uint8Array(), amount: 0n });
  refused(vault, "METHOD_UNKNOWN", () => send(vault, never), "intent.method");
  refused(vault, "ENTRY_MISMATCH", () => send(vault, call(vault, { method: "withdraw(uint256)" })), "intent.amount");
  const acme = world.contractOf(world.acme(book));
  refused(vault, "ENTRY_MISMATCH", () => send(vault, call(vault, { destination: acme })), "intent.destination");
  const unknown = { ...world.contractOf(pool), entry: "pond" };
  refused(vault, "ENTRY_UNKNOWN", () => send(vault, call(vault, { destination: unknown })));
  const elsewhere = { ...world.contractOf(pool), address: world.acme(book).address };
  refused(vault, "ENTRY_MISMATCH", () => send(vault, call(vault, { destination: elsewhere })));
  const bare = calling({ pool: { methods: undefined as never } });
  const there = world.contractOf(world.pool(bookOf(bare), { methods: undefined as never }));
  refused(bare, "METHOD_UNKNOWN", () => send(bare, call(bare, { destination: there })));
});

test("an entry that is not for the native asset takes no value", () => {
  const vault = calling({ pool: { assets: ["usdx"] } });
  const destination = world.contractOf(world.pool(bookOf(vault), { assets: ["usdx"] }));
  refused(vault, "ENTRY_MISMATCH", () => send(vault, call(vault, { destination })), "intent.asset");
  must(send(vault, call(vault, { destination, amount: 0n })));
});

test("a contract that has become a token's, or is ours, is not called", () => {
  const vault = calling();
  const { address: contract } = world.pool(bookOf(vault));
  adopt(vault, ({ assets }) => ({ assets: [...assets, { id: "pool", chain: world.CHAIN, contract, decimals: 18 }] }));
  refused(vault, "ENTRY_MISMATCH", () => send(vault, call(vault)), "intent.destination");
  const { vault: early } = foundedVault({
    rulebook: { rules: [...world.demoRulebook().rules, ...world.CALLING] },
    entries: (book) => [world.pool(book, { address: OURS })],
  });
  const destination = world.contractOf(world.pool(bookOf(early), { address: OURS }));
  must(send(early, call(early, { destination, reference: "before" })));
  must(early.send(world.command({ command: "address", wallet: "treasury", index: 1 })));
  refused(early, "ENTRY_MISMATCH", () => send(early, call(early, { destination })), "intent.destination");
});

/** Address 1 of the wallet "treasury". */
const OURS = addressOne();
function addressOne(): string {
  const { vault } = foundedVault();
  must(vault.send(world.command({ command: "address", wallet: "treasury", index: 1 })));
  const found = [...entries(vault.state.addresses)].find(([name]) => name === "treasury/1");
  assert.ok(found);
  return found[1].address;
}

test("what is dangerous needs a rule that names it", () => {
  const spender = address(world.acme(world.makeWorld().book).address);
  const approve = (amount: bigint) =>
    ({ method: "approve(address,uint256)", arguments: concat(spender, word(amount)), amount: 0n }) as const;
  const run = (operation: bigint) =>
    ({
      method: world.EXECUTE,
      arguments: concat(spender, word(0n), word(128n), word(operation), word(0n)),
      amount: 0n,
    }) as const;
  const plain = calling();
  const deny = (change: Partial<IntentOf<"call">>) => refused(plain, "NOT_ALLOWED", () => send(plain, call(plain, change)));
  for (const change of [approve(1n), approve(2n ** 255n), run(0n), run(1n)]) deny(change);
  const odd = world.execute([call(plain, run(2n))], []);
  refused(plain, "CALL_INVALID", () => plain.send(odd), "intent.arguments");
  const named = (...methods: readonly string[]) => {
    const more = { ...world.CALLING[0], id: "named", methods } as never;
    return calling({ rulebook: { rules: [...world.demoRulebook().rules, ...world.CALLING, more] } });
  };
  const allowed = (methods: readonly string[], change: Partial<IntentOf<"call">>) => {
    const vault = named(...methods);
    return send(vault, call(vault, change)).code;
  };
  assert.equal(allowed(["approve(address,uint256)"], approve(1n)), "OK");
  assert.equal(allowed(["allowance"], approve(1n)), "OK");
  assert.equal(allowed(["approve(address,uint256)", "allowance"], approve(2n ** 255n)), "NOT_ALLOWED");
  assert.equal(allowed(["unlimited allowance"], approve(2n ** 255n)), "OK");
  assert.equal(allowed([world.EXECUTE], run(0n)), "OK");
  assert.equal(allowed([world.EXECUTE, "wallet execution"], run(1n)), "NOT_ALLOWED");
  assert.equal(allowed(["delegatecall"], run(1n)), "OK");
});

test("methods and code belong to contracts, each method is one, and none is selected by another one's bytes", () => {
  const vault = calling();
  const book = bookOf(vault);
  const enter = (change: Partial<Entry>) => () => {
    const entry = world.pool(book, { name: "new", address: "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65", ...change });
    return vault.run(world.enter(book, entry, { reference: "new" }), [KEYS.carl]);
  };
  const methods = (...all: readonly string[]) => enter({ methods: all.map((method) => ({ method, value: false })) });
  refused(vault, "ENTRY_MISMATCH", enter({ class: "exchange" }), "intent.entry.methods");
  const hash = { codeHash: someHash("code"), methods: undefined as never };
  refused(vault, "ENTRY_MISMATCH", enter({ class: "exchange", ...hash }), "intent.entry.methods");
  refused(vault, "CALL_INVALID", methods("burn(uint256)", "burn(uint256)"), "intent.entry.methods");
  refused(vault, "CALL_INVALID", methods("burn(uint256)", "collate_propagate_storage(bytes16)"), "intent.entry.methods");
  refused(vault, "ENTRY_MISMATCH", enter({ address: TOKEN }), "intent.entry.address");
  must(enter(hash)());
});
