/** A worker whose job was taken over while he was at it changes nothing any more, wherever he is: another one does it. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import type { Hash } from "@strongroom/core/bytes";
import { initiate } from "@strongroom/sdk/device/decision";
import { makeFreeze, makeWallet } from "@strongroom/sdk/device/make";
import { sql } from "kysely";
import { transactionsOf } from "../../server/src/chain/store.ts";
import { transact } from "../../server/src/db/transact.ts";
import { type Acting, carryToChain, executionWorkers } from "../../server/src/executions/jobs.ts";
import { factWorkers } from "../../server/src/facts/jobs.ts";
import type { Job, Workers } from "../../server/src/jobs/jobs.ts";
import { requestWorkers } from "../../server/src/requests/jobs.ts";
import { rulebookWorkers } from "../../server/src/rulebooks/jobs.ts";
import { insertRulebook } from "../../server/src/rulebooks/store.ts";
import { CHAIN } from "../world/chain.ts";
import {
  furnish,
  inState,
  openHouse,
  pay,
  request,
  say,
  signerOf,
  stateFinality,
  type TestHouse,
  until,
} from "../world/house.ts";
import { askedFor, carriedOutAt, doneBy, type Payment, takeJob, withheld } from "../world/worker.ts";
import { ETH } from "../world/world.ts";

let house: TestHouse;
/** Payments that nobody has begun to carry out. */
const payments: Payment[] = [];
/** An execution that was signed, and its request. */
let signed: { readonly id: string; readonly request: string };

/** All is prepared by a server that works; from then on there is one that only answers. */
before(async () => {
  house = await openHouse();
  await furnish(house);
  await house.chain.rpc("evm_setAutomine", false);
  for (let number = 0; number < 6; number++) payments.push(await askedFor(house));
  signed = await waiting();
  await house.servers.splice(0)[0]?.kill();
  await writeFile(house.config, JSON.stringify({ ...JSON.parse(await readFile(house.config, "utf8")), workers: false }));
  await house.serve();
});
after(() => house.close());

/** A payment that is signed, sent and in no block. */
async function waiting(): Promise<typeof signed> {
  const { id } = await pay(house, ETH);
  for (const by of ["amy", "bob"]) await say(house, id, { by });
  await inState(house, id, "consumed");
  const { items } = await house.as("admin").call("executions.list", { query: { request: id } });
  return { id: items[0]?.id ?? "", request: id };
}

const next = (): Payment => payments.pop() ?? assert.fail("there are too few payments");

const TABLES = ["request", "execution", "chain_tx", "event_outbox", "ledger_transfer", "fact", "rulebook", "wallet"] as const;
const everything = () =>
  Promise.all(TABLES.map((table) => sql`select * from ${sql.table(table)} order by 1, 2`.execute(house.database.db)));

type Work = (acting: Acting, job: Job) => Promise<unknown>;

/** Has something done by a worker who loses his job when the vault has answered this command, or before he begins, and then by
 *  one who keeps it. */
async function lostAt(command: string | null, work: Work): Promise<void> {
  const { url } = house.chain;
  const had = await everything();
  const fence = await takeJob(house);
  const lose = () => sql`update job set epoch = epoch + 1 where id = ${fence.job}`.execute(house.database.db);
  const heard = async (answered: string) => void (answered === command && (await lose()));
  const by = (acting: Acting) => work(acting, { fence: acting.fence } as Job);
  if (command === null) await lose();
  await assert.rejects(doneBy(house, { url, fence, heard }, by), { code: "LEASE_LOST" });
  assert.deepEqual(await everything(), had);
  await doneBy(house, { url }, by);
}

const done =
  (workers: Workers, kind: string, subject: string): Work =>
  (acting, job) =>
    workers[kind]?.(acting, { ...job, kind, subject }) ?? assert.fail(kind);

const carriedOut =
  (payment: Payment): Work =>
  (acting) =>
    carryToChain(acting, { ...payment, facts: [] });

/** A payment for which something is set aside. */
async function reserved(): Promise<Payment> {
  const payment = next();
  await assert.rejects(carriedOutAt(house, "http://127.0.0.1:1", payment), { code: "CHAIN_UNREACHABLE" });
  return payment;
}

const stateOf = async ({ request: { id } }: Payment) =>
  (await house.database.db.selectFrom("execution").select("state").where("request", "=", id).executeTakeFirst())?.state;

test("he sets nothing aside", async () => {
  const payment = next();
  await lostAt(null, carriedOut(payment));
  assert.equal(await stateOf(payment), "signed");
});

test("he does not keep what the vault has signed", async () => {
  const payment = await reserved();
  await lostAt("execute", carriedOut(payment));
  assert.equal(await stateOf(payment), "signed");
});

test("he gives up nothing", async () => {
  const payment = await reserved();
  await lostAt("show", carriedOut({ ...payment, approvals: [] }));
  assert.equal(await stateOf(payment), "aborted");
});

test("he keeps no dearer version, whether it is his or another one's", async () => {
  const versions = async () => (await transactionsOf(house.database.db, signed.id)).length;
  const context = { index: 0, gasLimit: 21_000, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 5n * 10n ** 9n };
  assert.equal((await house.vault.ask({ command: "reprice", intent: signed.request as Hash, context })).code, "OK");
  await lostAt("show", done(executionWorkers, "reprice", signed.id));
  assert.equal(await versions(), 3);
  await lostAt("reprice", done(executionWorkers, "reprice", signed.id));
  // The one that was lost, and the next.
  assert.equal(await versions(), 5);
});

test("he tells nobody that a payment is stuck", async () => {
  const context = { index: 0, gasLimit: 21_000, maxFeePerGas: ETH / 100n / 21_000n, maxPriorityFeePerGas: 10n ** 11n };
  assert.equal((await house.vault.ask({ command: "reprice", intent: signed.request as Hash, context })).code, "OK");
  await doneBy(house, { url: house.chain.url }, (acting) =>
    done(executionWorkers, "reprice", signed.id)(acting, { fence: acting.fence } as Job),
  );
  await lostAt("reprice", done(executionWorkers, "reprice", signed.id));
});

test("he notes neither a refusal nor what was carried out", async () => {
  const { request: asked } = next();
  await lostAt("explain", done(requestWorkers, "carry-out", asked.id));
  const by = { known: await house.session(), signer: signerOf("tina"), words: { purpose: "more room" } };
  const wallet = makeWallet(by, { chain: CHAIN, wallet: "ops", walletClass: "hot" });
  const opening = await request(house, { by: "tina", shown: wallet });
  await say(house, opening.id, { by: "carl" });
  await lostAt("execute", done(requestWorkers, "carry-out", opening.id));
  await inState(house, opening.id, "consumed");
});

test("he has nothing tried again, and ends no request whose life is over", async () => {
  const by = { known: await house.session(), signer: signerOf("tina"), words: { purpose: "short", lifeMs: 1_500 } };
  const wallet = makeWallet(by, { chain: CHAIN, wallet: "late", walletClass: "hot" });
  await lostAt(null, done(requestWorkers, "retry-frozen", "all"));
  const { id, notAfter } = await request(house, { by: "tina", shown: wallet });
  await until("it is over", async () => Date.parse(notAfter) < Date.now());
  await lostAt(null, done(requestWorkers, "carry-out", id));
  await inState(house, id, "expired");
});

test("he does not note that the vault was informed, or what it says to a rulebook", async () => {
  await house.enrol("source", "source");
  const { id: tx } = await house.database.db.selectFrom("chain_tx").select("id").executeTakeFirstOrThrow();
  await stateFinality(house, tx);
  await lostAt("inform", done(factWorkers, "inform", `transaction:${CHAIN}:${tx}`));
  const { signedRulebook: rulebook } = house.vault.made;
  const row = { id: "ab".repeat(32), epoch: 1, state: "waiting", rulebook, until: null } as const;
  const whole = { ...row, code: null, field: null, detail: null, created_at: new Date() };
  await transact(house.database.db, (tx) => insertRulebook(tx, whole));
  await lostAt("rulebook", done(rulebookWorkers, "adopt-rulebook", row.id));
});

test("he does not note that the vault withholds a signature", async () => {
  const payment = await reserved();
  const session = await house.session();
  const olga = signerOf("olga");
  const by = { known: session, signer: olga, words: { purpose: "stop" } };
  const shown = makeFreeze(by, { level: "person", subject: "amy" });
  const { intent, approval } = await initiate(session, olga, shown);
  const freeze = { command: "execute", orders: [{ intent }], approvals: [approval], facts: [] } as const;
  assert.equal(await withheld(house, payment, freeze), "FROZEN");
  await lostAt("show", carriedOut(payment));
  assert.equal(await stateOf(payment), "held");
});
