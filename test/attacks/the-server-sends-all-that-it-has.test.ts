/** Attack: whoever owns the server sends the vault everything that the database holds, in every command and in combinations
 *  that nobody
 *  made: approvals, rejections, intents, facts, rulebooks, receipts. Thousands of commands bring no signature on a
 *  transaction that the
 *  vault had not given before; one honest approval more does. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Hash, toHex } from "../../core/src/bytes.ts";
import { attempt } from "../../core/src/errors.ts";
import { ExecutionBody } from "../../core/src/protocol/command.ts";
import { Head } from "../../core/src/signed/head.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { decode, Signed } from "../../core/src/signed/object.ts";
import type { Receipt } from "../../core/src/signed/receipt.ts";
import { approve, approveAll, CONTEXT, type Ground, HOUR, KEYS } from "../world/world.ts";
import { attacks, fails } from "./attack.ts";
import { openRecords, type Records } from "./records.ts";

const TRIES = 2_400;
/** Commands on their way at once. */
const AT_ONCE = 48;

type Ask = Parameters<Records["vault"]["ask"]>[0];
type Loot = {
  readonly intents: readonly Uint8Array[];
  /** Everything in an envelope, whatever it says. */
  readonly signed: readonly Uint8Array[];
  readonly approvals: readonly Uint8Array[];
  readonly facts: readonly Uint8Array[];
  readonly rulebooks: readonly Uint8Array[];
};

let records: Records;
let loot: Loot;
/** Transactions that honest people have approved, by the digest of their signed bytes. */
const known = new Set<string>();
const outcomes = new Map<string, number>();

before(async () => {
  records = await openRecords();
  const { owner } = records;
  const all = async (table: "decision" | "rulebook_decision") =>
    (await owner.selectFrom(table).select("approval").execute()).map(({ approval }) => approval);
  const approvals = [...(await all("decision")), ...(await all("rulebook_decision"))];
  const facts = (await owner.selectFrom("fact").select("fact").execute()).map(({ fact }) => fact);
  const rulebooks = (await owner.selectFrom("rulebook").select("rulebook").execute()).map(({ rulebook }) => rulebook);
  const intents = (await owner.selectFrom("request").select("intent").execute()).map(({ intent }) => intent);
  const receipts = (await owner.selectFrom("wallet").select("receipt").execute()).map(({ receipt }) => receipt);
  loot = { intents, approvals, facts, rulebooks, signed: [...approvals, ...facts, ...rulebooks, ...receipts] };
  for (const { raw } of await owner.selectFrom("chain_tx").select("raw").execute()) known.add(toHex(raw));
  assert.ok(known.size === 2 && intents.length > 5 && approvals.length > 10);
});
after(() => records?.close());

/** The same numbers each time. */
let state = 20_251_125;
function below(most: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * most);
}
function one<T>(of: readonly T[]): T {
  const it = of[below(of.length)];
  assert.ok(it !== undefined);
  return it;
}
/** Some of them in some order, a few twice. */
const some = <T>(of: readonly T[], most: number): T[] => Array.from({ length: below(most + 1) }, () => one(of));

function order(): { intent: Uint8Array; context?: typeof CONTEXT } {
  const intent = one(loot.intents);
  const { kind } = decode(Intent, intent);
  const isChained = below(10) === 0 ? below(2) === 0 : kind === "pay" || kind === "cancel";
  return isChained ? { intent, context: { ...CONTEXT, index: below(3) } } : { intent };
}

/** Mostly approvals where approvals belong; now and then anything that was ever signed. */
const approvals = () =>
  below(4) === 0 ? some(loot.signed, 8) : below(3) === 0 ? [...loot.approvals] : some(loot.approvals, 8);
const facts = () => (below(4) === 0 ? some(loot.signed, 4) : some(loot.facts, 4));

function command(): Ask {
  switch (below(8)) {
    case 0:
      return { command: "register", intent: one(loot.intents), approvals: approvals() };
    case 1:
      return { command: "reprice", intent: subject(), context: { ...CONTEXT, maxFeePerGas: 10n ** 11n } };
    case 2:
      return { command: "inform", facts: facts() };
    case 3:
      return { command: "rulebook", rulebook: one(below(2) === 0 ? loot.rulebooks : loot.signed), approvals: approvals() };
    default:
      return {
        command: "execute",
        orders: Array.from({ length: 1 + below(3) }, order),
        approvals: approvals(),
        facts: facts(),
      };
  }
}

const subject = (): Hash => one([records.requests.paid, records.requests.open, records.requests.rejected]) as Hash;

/** Whatever transactions an answer holds had been given before. */
function demandNothingNew(receipt: Receipt): void {
  outcomes.set(receipt.code, (outcomes.get(receipt.code) ?? 0) + 1);
  const body = attempt(() => decode(ExecutionBody, receipt.body));
  if (receipt.code !== "OK" || !body.ok) return;
  for (const { raw } of body.value.transactions)
    assert.ok(known.has(toHex(raw)), "a transaction that nobody approved is signed");
}

attacks("all that the database holds is sent in every combination", async () => {
  const lane = async () => {
    for (let left = TRIES / AT_ONCE; left > 0; left--) {
      const asked = command();
      await fails(async () => demandNothingNew(await records.vault.ask(asked)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const { vault } = records;
  for (const name of [records.requests.open, records.requests.rejected]) {
    assert.notEqual((await vault.ask({ command: "show", what: "execution", name })).code, "OK");
  }
  assert.equal((await vault.view()).book.id, records.view.book.id);
  assert.ok(outcomes.size > 8, `answers of few kinds: ${[...outcomes.keys()].join(" ")}`);
});

type Sign = (ground: Ground, intent: Intent) => readonly Uint8Array[];

/** A request sent with these approvals, beside all that were given before unless `alone`. */
async function sendWith(id: string, more: Sign, { alone = false } = {}): Promise<Receipt> {
  const { vault, owner } = records;
  const row = await owner.selectFrom("request").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  const { receipt } = await vault.demand({ command: "head" });
  const { head, boot } = decode(Head, decode(Signed, receipt.body).body);
  const ground = { book: records.view.book, head, boot, notAfter: Date.now() + HOUR };
  const given = await owner.selectFrom("decision").select("approval").where("request", "=", row.id).execute();
  const approvals = [...(alone ? [] : given).map(({ approval }) => approval), ...more(ground, decode(Intent, row.intent))];
  const orders = [{ intent: row.intent, context: { ...CONTEXT, index: row.index } }];
  return vault.ask({ command: "execute", orders, approvals, facts: [] });
}

const isSigned = ({ code, body }: Receipt) => code === "OK" && decode(ExecutionBody, body).transactions.length === 1;

test("with one honest approval more the payment is signed", async () => {
  const answer = await sendWith(records.requests.open, (ground, intent) => [approve(ground, intent, { key: KEYS.bob })]);
  assert.ok(isSigned(answer), `${answer.code} at ${answer.field}: ${answer.detail}`);
});

attacks("approvals from before the vault's last start are sent with a fresh one", async () => {
  const { house, requests } = records;
  await house.vault.kill();
  await house.vault.start();
  await fails(async () => {
    const answer = await sendWith(requests.half, (ground, intent) => [approve(ground, intent, { key: KEYS.bob })]);
    assert.equal(answer.code, "BOOT_STALE", `${answer.code} at ${answer.field}: ${answer.detail}`);
  });
  const answer = await sendWith(requests.half, (ground, intent) => approveAll(ground, intent, [KEYS.amy, KEYS.bob]), {
    alone: true,
  });
  assert.ok(isSigned(answer), `${answer.code} at ${answer.field}: ${answer.detail}`);
});
