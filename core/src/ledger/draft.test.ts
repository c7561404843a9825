/** Postings in memory: what is booked, what is a fault, and that rows follow from each other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Hash } from "../bytes.ts";
import { AMOUNT_MAX } from "../money/amount.ts";
import { ACCOUNT_TYPES, type AccountKey, type AccountType, balance, keyText, type NO_TOTALS, sideOf } from "./account.ts";
import { type Account, draft, type Ground } from "./draft.ts";
import { flawOfLeg, flawOfResolution, type Head, headOf, NO_HEAD, type Row, rowHash } from "./row.ts";
import { type Fault, type Transfer, transferId } from "./transfer.ts";

const SEED = { seed: 1_111, numRuns: 200 };
const STAMP = { epoch: 1, at: 1_900_000_000_000 };
const SIDES = ["debit", "credit"] as const;

const key = (type: AccountType, subject = "", over: Partial<AccountKey> = {}): AccountKey => {
  return { type, subject, pool: "omnibus", asset: "eth", ...over };
};
const WALLET = key("wallet", "hot");
const ALICE = key("client", "alice");
const BOB = key("client", "bob");
const HOUSE = key("house");

/** A ledger in memory. */
class Books implements Ground {
  readonly rows = new Map<string, Row>();
  readonly heads = new Map<string, Head>();
  readonly account = (of: AccountKey): Account => ({ id: keyText(of), head: this.heads.get(keyText(of)) ?? NO_HEAD });
  readonly row = (id: string) => this.rows.get(id) ?? null;
  readonly isResolved = (pending: string) => [...this.rows.values()].some((row) => row.pending === pending);

  post(...transfers: Transfer[]): Fault | null {
    const made = draft(this, transfers, STAMP);
    if (!made.ok) return made.fault;
    for (const row of made.rows) {
      this.rows.set(row.id, row);
      for (const side of SIDES) this.heads.set(row[side].account, headOf(row, side));
    }
    return null;
  }
  balance(of: AccountKey) {
    return balance(of.type, this.account(of).head.totals);
  }
}

let made = 0;
type Ends = { debit: AccountKey; credit: AccountKey };
function transfer(kind: "posted" | "pending", amount: bigint, ends: Ends): Transfer {
  return { id: `t${++made}`, kind, amount, asset: "eth", ...ends, cause: "test:1" };
}
function resolution(kind: "post" | "void", of: Transfer, amount = of.amount): Transfer {
  const { asset, debit, credit } = of;
  return { id: `t${++made}`, kind, pending: of.id, amount, asset, debit, credit, cause: "test:2" };
}
const deposit = (amount: bigint, credit = ALICE, kind: "posted" | "pending" = "posted") =>
  transfer(kind, amount, { debit: WALLET, credit });
const hold = (amount: bigint, debit = ALICE) => transfer("pending", amount, { debit, credit: WALLET });

test("a deposit is incoming, then posted or gone; a payment is held, then moved or released", () => {
  const books = new Books();
  const seen = deposit(100n, ALICE, "pending");
  assert.equal(books.post(seen), null);
  assert.deepEqual(books.balance(ALICE), { posted: 0n, incoming: 100n, held: 0n, available: 0n });
  assert.deepEqual(books.balance(WALLET), { posted: 0n, incoming: 100n, held: 0n, available: 0n });
  const gone = deposit(7n, ALICE, "pending");
  assert.equal(books.post(resolution("post", seen), gone, resolution("void", gone)), null);
  assert.deepEqual(books.balance(ALICE), { posted: 100n, incoming: 0n, held: 0n, available: 100n });
  const [amount, fee] = [hold(60n), hold(10n)];
  assert.equal(books.post(amount, fee), null);
  assert.deepEqual(books.balance(ALICE), { posted: 100n, incoming: 0n, held: 70n, available: 30n });
  assert.equal(books.post(resolution("post", amount), resolution("post", fee, 3n)), null);
  assert.deepEqual(books.balance(ALICE), { posted: 37n, incoming: 0n, held: 0n, available: 37n });
  assert.deepEqual(books.balance(WALLET), { posted: 37n, incoming: 0n, held: 0n, available: 37n });
});

test("every fault is found, and nothing of its posting is booked", () => {
  const books = new Books();
  const [seen, first] = [deposit(5n, ALICE, "pending"), deposit(100n)];
  const held = hold(40n);
  books.post(seen, first, held);
  const spent = hold(1n);
  books.post(spent, resolution("void", spent));
  const rows = books.rows.size;
  const foreign = { ...ALICE, pool: "cold" };
  const faults: [Fault, Transfer][] = [
    ["AMOUNT_INVALID", deposit(0n)],
    ["AMOUNT_INVALID", deposit(-1n)],
    ["AMOUNT_INVALID", deposit(AMOUNT_MAX + 1n)],
    ["CAUSE_INVALID", { ...deposit(1n), cause: "two\nlines" }],
    ["OTHER_ASSET", deposit(1n, { ...ALICE, asset: "usdc" })],
    ["OTHER_ASSET", { ...deposit(1n), debit: { ...WALLET, asset: "usdc" } }],
    ["SAME_ACCOUNT", transfer("posted", 1n, { debit: ALICE, credit: { ...ALICE } })],
    ["OTHER_POOL", deposit(1n, foreign)],
    ["PENDING_UNKNOWN", resolution("post", hold(1n))],
    ["PENDING_UNKNOWN", resolution("post", first)],
    ["PENDING_RESOLVED", resolution("post", spent)],
    ["PENDING_OTHER", { ...resolution("post", held), debit: BOB }],
    ["PENDING_OTHER", { ...resolution("post", held), credit: HOUSE }],
    ["PENDING_OTHER", resolution("void", held, 39n)],
    ["ABOVE_PENDING", resolution("post", held, 41n)],
    ["OVERFLOW", deposit(AMOUNT_MAX)],
    ["OVERFLOW", { ...deposit(AMOUNT_MAX), debit: key("wallet", "warm") }],
    ["SHORT", hold(62n)],
    ["SHORT", transfer("posted", 62n, { debit: ALICE, credit: BOB })],
    ["SHORT", hold(1n, HOUSE)],
    ["ID_REUSED", { ...first, amount: 99n }],
    ["ID_REUSED", { ...first, kind: "pending" }],
    ["ID_REUSED", { ...first, cause: "test:3" }],
    ["ID_REUSED", { ...first, credit: BOB }],
    ["ID_REUSED", { ...resolution("post", first), id: first.id }],
    ["ID_REUSED", { ...first, asset: "usdc" }],
  ];
  for (const [fault, wrong] of faults) assert.equal(books.post(deposit(1n), wrong, deposit(1n)), fault, fault);
  assert.equal(books.rows.size, rows);
  assert.equal(books.post(held, first, seen), null, "the same again is no change");
  assert.equal(books.rows.size, rows);
  assert.equal(books.post(resolution("post", held), resolution("post", held)), "PENDING_RESOLVED");
});

test("only the credit side is bounded: a wallet may have spent on its chain what is not final yet", () => {
  const books = new Books();
  books.post(deposit(10n), transfer("posted", 10n, { debit: key("wallet", "warm"), credit: WALLET }));
  assert.equal(books.post(transfer("posted", 1n, { debit: key("wallet", "warm"), credit: WALLET })), null);
  assert.equal(books.balance(WALLET).available, -1n);
});

test("sums are zero and rows replay to the same balances, whatever is posted", () => {
  const clients = fc.constantFrom(ALICE, BOB, HOUSE);
  const step = fc.record({
    kind: fc.constantFrom("in", "out", "post", "void", "move"),
    at: clients,
    to: clients,
    amount: fc.bigInt(1n, 9n),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const books = new Books();
      for (const { kind, at, to, amount } of steps) {
        const open = [...books.rows.values()].find((row) => row.kind === "pending" && !books.isResolved(row.id));
        if (kind === "in") books.post(deposit(amount, at, amount > 5n ? "pending" : "posted"));
        else if (kind === "out") books.post(hold(amount, at));
        else if (kind === "move") books.post(transfer("posted", amount, { debit: at, credit: to }));
        else if (open !== undefined) {
          const terms = { ...open, kind: "pending" as const, debit: open.debit.key, credit: open.credit.key };
          const least = open.amount < amount ? open.amount : amount;
          books.post(resolution(kind, terms, kind === "post" ? least : open.amount));
        }
      }
      checkBooks(books);
    }),
    SEED,
  );
});

function checkBooks(books: Books): void {
  const replayed = new Map<string, Head>();
  for (const row of books.rows.values()) {
    for (const side of SIDES) {
      assert.equal(flawOfLeg(row, side, replayed.get(row[side].account) ?? NO_HEAD), null);
      replayed.set(row[side].account, headOf(row, side));
    }
    assert.equal(flawOfResolution(row, row.pending === null ? null : books.row(row.pending)), null);
  }
  assert.deepEqual(replayed, books.heads);
  let [posted, pending] = [0n, 0n];
  for (const { totals } of books.heads.values()) {
    posted += totals.debitsPosted - totals.creditsPosted;
    pending += totals.debitsPending - totals.creditsPending;
    assert.ok(Object.values(totals).every((total) => total >= 0n));
  }
  assert.deepEqual([posted, pending], [0n, 0n]);
  for (const payer of [ALICE, BOB, HOUSE]) assert.ok(books.balance(payer).available >= 0n);
}

test("deposits and releases may come in any order", () => {
  const orders = fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 });
  fc.assert(
    fc.property(orders, (order) => {
      const books = new Books();
      const [first, second] = [deposit(50n), hold(10n)];
      books.post(first, second);
      const late = [
        deposit(1n),
        deposit(2n, BOB),
        deposit(3n, ALICE, "pending"),
        resolution("post", second, 4n),
        hold(5n),
        deposit(6n),
      ];
      for (const at of order) assert.equal(books.post(...late.slice(at, at + 1)), null);
      assert.deepEqual(books.balance(ALICE), { posted: 53n, incoming: 3n, held: 5n, available: 48n });
      assert.deepEqual(books.balance(BOB), { posted: 2n, incoming: 0n, held: 0n, available: 2n });
    }),
    SEED,
  );
});

test("a row that was touched has a flaw, and so has what stands around it", () => {
  const books = new Books();
  const held = hold(4n);
  books.post(deposit(10n), held, resolution("post", held, 3n));
  const [first, second, third] = [...books.rows.values()] as [Row, Row, Row];
  const [before, between] = [headOf(first, "credit"), headOf(second, "debit")];
  const again = (row: Row, change: Partial<Row>): Row => ({ ...row, ...change, hash: rowHash({ ...row, ...change }) });
  const onLeg = (change: Partial<Row["debit"]>) => again(second, { debit: { ...second.debit, ...change } });
  const totals = (change: Partial<typeof NO_TOTALS>) => onLeg({ totals: { ...second.debit.totals, ...change } });
  assert.equal(flawOfLeg(second, "debit", before), null);
  assert.equal(flawOfLeg({ ...second, amount: 3n }, "debit", before), "EDITED");
  assert.equal(flawOfLeg({ ...second, pending: first.id }, "debit", before), "EDITED");
  assert.equal(flawOfLeg(third, "debit", before), "GAP");
  assert.equal(flawOfLeg(onLeg({ sequence: 3 }), "debit", before), "GAP");
  assert.equal(flawOfLeg(onLeg({ before: second.hash }), "debit", before), "LINK");
  assert.equal(flawOfLeg(again(second, { amount: 5n }), "debit", before), "TOTALS");
  for (const name of ["debitsPosted", "creditsPosted", "debitsPending", "creditsPending"] as const)
    assert.equal(flawOfLeg(totals({ [name]: 77n }), "debit", before), "TOTALS", name);
  assert.equal(flawOfLeg(third, "debit", between), null);
  assert.equal(flawOfResolution(third, second), null);
  assert.equal(flawOfResolution(third, null), "PENDING");
  assert.equal(flawOfResolution(third, first), "PENDING");
  assert.equal(flawOfResolution({ ...third, resolved: 9n }, second), "PENDING");
  assert.equal(flawOfResolution({ ...third, amount: 9n }, second), "PENDING");
  for (const side of SIDES)
    assert.equal(flawOfResolution({ ...third, [side]: { ...third[side], account: "other" } }, second), "PENDING");
  assert.equal(flawOfResolution({ ...second, pending: first.id }, first), "PENDING");
  assert.equal(flawOfResolution({ ...first, resolved: 1n }, null), "PENDING");
});

test("sides, keys and derived ids", () => {
  assert.deepEqual(ACCOUNT_TYPES.map(sideOf), ["credit", "credit", "debit", "credit", "debit"]);
  assert.equal(keyText(HOUSE), "house//omnibus/eth");
  const id = transferId({ cause: "deposit:1", step: "seen", at: 1_900_000_000_123 });
  assert.match(id, /^01ba60d3-387b-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(transferId({ cause: "deposit:1", step: "seen", at: 1_900_000_000_123 }), id);
  assert.notEqual(transferId({ cause: "deposit:1", step: "final", at: 1_900_000_000_123 }), id);
  assert.equal(NO_HEAD.hash, "0".repeat(64) as Hash);
});
