/** Limits of every measure, level and window: what counts, for whom, how long, and what is given back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_UNIT_DEPTH } from "../../../core/src/rulebook/check.ts";
import type { IntentOf } from "../../../core/src/signed/intent.ts";
import type { Level, Rulebook } from "../../../core/src/signed/rulebook.ts";
import { type MemoryVault, must } from "../../world/vault.ts";
import * as world from "../../world/world.ts";
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
  thaw,
  transactionOf,
  vaultWith,
} from "../ground.ts";

const { ETH, KEYS, NOW, DAY } = world;
const TWO = [KEYS.amy, KEYS.bob];
type Limit = Rulebook["limits"][number];
const UNITS = [{ id: "bank" }, { id: "desk", parent: "bank" }, { id: "shop", parent: "bank" }];
const UTC = { id: "utc", offset: 0, changes: [], until: NOW + 400 * DAY };
const FEE = BigInt(world.CONTEXT.gasLimit) * world.CONTEXT.maxFeePerGas;

/** A vault with one limit: two payments a day for the institution, unless `change` says otherwise. */
function limited(change: Partial<Limit>, more: (book: Rulebook) => Partial<Rulebook> = () => ({})): MemoryVault {
  const limit: Limit = {
    id: "only",
    measure: "count",
    level: "institution",
    assets: "any",
    most: 1n,
    window: { type: "rolling", ms: DAY },
    ...change,
  };
  return vaultWith((book) => ({ units: UNITS, calendars: [UTC], ...more(book), limits: [limit] }));
}

function open(vault: MemoryVault, change: Partial<IntentOf<"wallet">> & { readonly wallet: string }): void {
  must(vault.run(world.wallet(bookOf(vault), change), [KEYS.carl]));
  must(vault.send(world.command({ command: "address", wallet: change.wallet, index: 0 })));
}

let references = 0;
const pay = (vault: MemoryVault, change: Partial<IntentOf<"pay">> = {}, context = {}) => {
  references += 1;
  return send(vault, payment(vault, { reference: `counted ${references}`, ...change }), context);
};
const exceeded = (vault: MemoryVault, change: Partial<IntentOf<"pay">> = {}, context = {}) =>
  refused(vault, "LIMIT_EXCEEDED", () => pay(vault, change, context), "limits.only");

test("each level counts for its own, and units also for those above them", () => {
  const cases: readonly [Level, same: Partial<IntentOf<"pay">>, other: Partial<IntentOf<"pay">> | null][] = [
    ["institution", { wallet: "shop-1" }, null],
    ["unit", { wallet: "desk-1" }, { wallet: "treasury" }],
    ["client", { wallet: "alice-2" }, { wallet: "treasury" }],
    ["wallet", { wallet: "alice-1" }, { wallet: "alice-2" }],
    ["address", { wallet: "alice-1" }, { wallet: "alice-2" }],
    ["destination", { wallet: "shop-1" }, { destination: { address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" } }],
    ["asset", { wallet: "alice-2" }, { asset: "usdx", amount: 5n }],
    ["initiator", { wallet: "shop-1" }, { initiator: KEYS.tina.id }],
  ];
  for (const [level, same, other] of cases) {
    const vault = limited({ level });
    open(vault, { wallet: "alice-1", client: "alice", unit: "desk" });
    open(vault, { wallet: "alice-2", client: "alice" });
    open(vault, { wallet: "desk-1", unit: "desk" });
    open(vault, { wallet: "shop-1", unit: "shop" });
    must(pay(vault, { wallet: "alice-1" }));
    exceeded(vault, same);
    if (other !== null) must(pay(vault, other));
  }
});

test("a payment of one unit counts for the unit above, so that many small ones add up", () => {
  const vault = limited({ level: "unit", most: 2n });
  for (const unit of ["desk", "shop", "bank"]) open(vault, { wallet: `${unit}-1`, unit });
  must(pay(vault, { wallet: "desk-1" }));
  must(pay(vault, { wallet: "shop-1" }));
  exceeded(vault, { wallet: "bank-1" });
  exceeded(vault, { wallet: "desk-1" });
});

test("several addresses of one wallet count apart on the level of addresses and together on that of wallets", () => {
  for (const level of ["address", "wallet"] as const) {
    const vault = limited({ level });
    must(vault.send(world.command({ command: "address", wallet: "treasury", index: 1 })));
    must(pay(vault));
    exceeded(vault);
    if (level === "address") must(pay(vault, {}, { index: 1 }));
    else exceeded(vault, {}, { index: 1 });
  }
});

test("payments are counted once, whatever versions they have; fees and cancellations are none", () => {
  const vault = limited({ most: 2n });
  const first = payment(vault, { reference: "first" });
  must(send(vault, first));
  must(vault.send(world.reprice(first, bumped())));
  const replaces = world.intentId(first);
  must(pay(vault, { replaces }, bumped(4n)));
  must(send(vault, cancelOf(vault, first), bumped(8n)));
  must(pay(vault));
  exceeded(vault);
});

test("a withheld replacement is taken up whatever payments are counted, because it is none", () => {
  const vault = limited({ most: 1n, window: { type: "rolling", ms: 30 * DAY } });
  const first = payment(vault, { notAfter: LATER });
  must(send(vault, first));
  const intent = payment(vault, { reference: "again", replaces: world.intentId(first), notAfter: LATER });
  vault.hold = true;
  send(vault, intent, bumped(4n));
  const frozen = freezeBy(vault);
  must(vault.run(frozen, []));
  assert.equal(vault.release()[0]?.code, "FROZEN");
  must(thaw(vault, frozen));
  must(send(vault, intent, bumped(4n)));
});

test("all limits of a rulebook on units as deep as they may lie count a payment; too large a batch is refused", () => {
  const units = Array.from({ length: MAX_UNIT_DEPTH }, (_, at) => ({
    id: `u-${at}`,
    ...(at > 0 && { parent: `u-${at - 1}` }),
  }));
  const { limits: first } = bookOf(limited({ level: "unit", most: 64n })).document;
  const limits = Array.from({ length: 256 }, (_, at) => ({ ...(first[0] as Limit), id: `limit-of-a-unit-${at}` }));
  const vault = vaultWith(({ chains }) => {
    return { units, limits, chains: chains.map((chain) => ({ ...chain, maxOutstanding: 64 })) };
  });
  open(vault, { wallet: "deep", unit: `u-${MAX_UNIT_DEPTH - 1}` });
  must(pay(vault, { wallet: "deep" }));
  const many = Array.from({ length: 16 }, (_, at) => payment(vault, { wallet: "deep", reference: `many ${at}`, amount: 1n }));
  refused(vault, "TOO_LARGE", () => sendAll(vault, many), "record");
  must(sendAll(vault, many.slice(0, 4)));
});

test("a limit counts only its assets", () => {
  const vault = limited({ assets: ["usdx"] });
  must(pay(vault));
  must(pay(vault));
  must(pay(vault, { asset: "usdx", amount: 5n }));
  exceeded(vault, { asset: "usdx", amount: 5n });
});

// value

const valued = (change: Partial<Limit>) => limited({ measure: "value", ...change }, (book) => world.valued(book));
const prices = (vault: MemoryVault) => {
  const eth = { asset: "eth", numerator: 250_000n, denominator: ETH };
  const usdx = { asset: "usdx", numerator: 90n, denominator: world.USDX };
  const facts = [eth, usdx].map((one) =>
    world.price(bookOf(vault), { ...one, source: "pricer-a", at: vault.now.hi, key: KEYS.pricerA }),
  );
  must(vault.send(world.command({ command: "inform", facts })));
};
/** Cents of the greatest fee, rounded up. */
const FEE_CENTS = (FEE * 250_000n + ETH - 1n) / ETH;

test("values of all assets and of fees add up, each rounded up; without a price nothing is paid", () => {
  const vault = valued({ most: 250_000n + 90n + 2n * FEE_CENTS });
  refused(vault, "FACT_MISSING", () => pay(vault), "limits.only");
  prices(vault);
  must(pay(vault));
  must(pay(vault, { asset: "usdx", amount: world.USDX }));
  exceeded(vault, { asset: "usdx", amount: 1n });
});

test("a limit of value counts only its assets, and needs no price of another", () => {
  const vault = valued({ assets: ["usdx"], most: 90n });
  must(pay(vault));
  prices(vault);
  must(pay(vault, { asset: "usdx", amount: world.USDX }));
  exceeded(vault, { asset: "usdx", amount: 1n });
});

test("values count on the level of each asset apart", () => {
  const vault = valued({ level: "asset", most: 250_000n + FEE_CENTS });
  prices(vault);
  must(pay(vault, { asset: "usdx", amount: 2_000n * world.USDX }));
  exceeded(vault, { asset: "usdx", amount: 1_000n * world.USDX });
  exceeded(vault, { amount: ETH });
  must(pay(vault, { amount: ETH - 2n * FEE }));
});

test("a dearer version counts what it may cost more, at the price of the commitment", () => {
  const vault = valued({ most: 250_000n + 2n * FEE_CENTS });
  prices(vault);
  const intent = payment(vault);
  must(send(vault, intent));
  vault.wait(2 * world.HOUR);
  must(vault.send(world.reprice(intent, bumped(8n))));
  refused(vault, "LIMIT_EXCEEDED", () => vault.send(world.reprice(intent, bumped(30n))), "limits.only");
});

test("a withheld payment is taken up at the price of its commitment", () => {
  const vault = valued({ most: 250_000n + FEE_CENTS, window: { type: "rolling", ms: 30 * DAY } });
  prices(vault);
  vault.hold = true;
  const intent = payment(vault, { notAfter: LATER });
  send(vault, intent);
  const frozen = freezeBy(vault);
  must(vault.run(frozen, []));
  assert.equal(vault.release()[0]?.code, "FROZEN");
  must(thaw(vault, frozen));
  must(send(vault, intent));
});

test("a withheld payment meets a limit of value that came meanwhile, and has no price for it", () => {
  const vault = limited({ most: 5n }, (book) => world.valued(book));
  vault.hold = true;
  const intent = payment(vault, { notAfter: LATER });
  send(vault, intent);
  const frozen = freezeBy(vault);
  must(vault.run(frozen, []));
  assert.equal(vault.release()[0]?.code, "FROZEN");
  must(thaw(vault, frozen));
  adopt(vault, ({ limits }) => ({ limits: [...limits, { ...(limits[0] as Limit), id: "value", measure: "value", most: 1n }] }));
  prices(vault);
  refused(vault, "FACT_MISSING", () => send(vault, intent), "limits.value");
});

// fixed windows

test("a fixed window ends with the local day, week or month, by the vault's lower bound", () => {
  const noon = NOW - (NOW % DAY) + DAY / 2;
  for (const [period, last, next] of [
    ["day", noon + DAY / 2 - 1, noon + DAY / 2],
    ["month", Date.UTC(2026, 11, 1) - 1, Date.UTC(2026, 11, 1)],
  ] as const) {
    const vault = limited({ window: { type: "fixed", calendar: "utc", period } });
    vault.now = { lo: noon, hi: noon };
    must(pay(vault));
    exceeded(vault);
    vault.now = { lo: last, hi: next + DAY };
    exceeded(vault);
    vault.now = { lo: next, hi: next };
    must(pay(vault, { notAfter: LATER }));
    exceeded(vault, { notAfter: LATER });
  }
});

test("a fixed window whose calendar has ended by the upper bound of the time lets nothing pass", () => {
  const vault = limited({ most: 9n, window: { type: "fixed", calendar: "utc", period: "day" } }, () => ({
    calendars: [{ ...UTC, until: NOW + 1 }],
  }));
  must(pay(vault));
  vault.now = { lo: NOW, hi: NOW + 1 };
  exceeded(vault);
  vault.now = { lo: NOW + 1, hi: NOW + 1 };
  exceeded(vault);
});

// given back

const failed = { outcome: "failed" } as const;

test("what failed on the chain is given back but for its fee, when enough sources state it", () => {
  const vault = limited({ measure: "amount", assets: ["eth"], most: 2n * ETH + 3n * FEE });
  const first = pay(vault, { amount: 2n * ETH });
  exceeded(vault, { amount: ETH });
  const [one] = world.finality(bookOf(vault), transactionOf(first), { at: vault.now.hi, ...failed });
  must(vault.send(world.command({ command: "inform", facts: [one as Uint8Array] })));
  exceeded(vault, { amount: ETH });
  must(settle(vault, transactionOf(first), failed));
  must(pay(vault, { amount: 2n * ETH + FEE }));
  exceeded(vault, { amount: 1n });
});

test("what was paid is not given back, nor a payment whose fate sources dispute", () => {
  const vault = limited({ most: 2n });
  must(settle(vault, transactionOf(pay(vault))));
  const second = pay(vault);
  const [a] = world.finality(bookOf(vault), transactionOf(second), { at: vault.now.hi, ...failed });
  const [, b] = world.finality(bookOf(vault), transactionOf(second), { at: vault.now.hi });
  const facts = [a, b] as Uint8Array[];
  assert.equal(vault.send(world.command({ command: "inform", facts })).code, "FACT_ADVERSE");
  exceeded(vault);
});

test("a cancellation that is final gives the payment back, with all its versions, but not the fees", () => {
  const vault = limited({ measure: "amount", assets: ["eth"], most: 2n * ETH });
  const first = payment(vault);
  must(send(vault, first));
  must(vault.send(world.reprice(first, bumped())));
  const over = send(vault, cancelOf(vault, first), bumped(8n));
  exceeded(vault, { amount: ETH });
  must(settle(vault, transactionOf(over)));
  const dearest = 2n * FEE;
  exceeded(vault, { amount: 2n * ETH - dearest - FEE + 1n });
  must(pay(vault, { amount: 2n * ETH - dearest - FEE }));
});

test("what is given back twice, or long after its window, takes nothing away", () => {
  const vault = limited({ most: 1n });
  const first = transactionOf(pay(vault));
  vault.wait(3 * DAY);
  must(pay(vault, { notAfter: LATER }));
  must(settle(vault, first, failed));
  must(settle(vault, first, failed));
  exceeded(vault, { notAfter: LATER });
});

test("a commitment that was withheld and replaced counts until its place is final, then not at all", () => {
  const vault = limited({ most: 1n });
  vault.hold = true;
  const first = payment(vault);
  send(vault, first);
  const frozen = freezeBy(vault, { level: "wallet", subject: "treasury" });
  must(vault.run(frozen, []));
  assert.equal(vault.release()[0]?.code, "FROZEN");
  const over = vault.run(cancelOf(vault, first), TWO, { context: bumped() });
  must(over);
  must(thaw(vault, frozen));
  exceeded(vault, { notAfter: LATER });
  must(settle(vault, transactionOf(over)));
  must(pay(vault, { notAfter: LATER }));
});

test("the same history gives the same counts after a restart", () => {
  const vault = limited({ measure: "amount", assets: ["eth"], most: 5n * ETH });
  const first = pay(vault);
  must(settle(vault, transactionOf(first), failed));
  must(pay(vault, { amount: 2n * ETH }));
  const before = vault.state.usage;
  vault.restart();
  assert.deepEqual(vault.state.usage, before);
});
