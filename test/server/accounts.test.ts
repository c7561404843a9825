/** Accounts and statements over the API: who sees which, and that what was edited is not shown. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "kysely";
import { openDatabase } from "../../server/src/db/open.ts";
import { transact } from "../../server/src/db/transact.ts";
import { accounts, ledger } from "../../server/src/ledger/http.ts";
import { ledgerHealth } from "../../server/src/ledger/jobs.ts";
import { bookDeposit, finaliseDeposit, reservePayment } from "../../server/src/ledger/rules.ts";
import { post } from "../../server/src/ledger/store.ts";
import { type Answer, type Api, type Json, openApi } from "./api.ts";
import { COLD, depositOf, paymentOf } from "./books.ts";

let api: Api;
before(async () => {
  api = await openApi({ handlers: { ...accounts, ...ledger } });
  await api.ask("POST", "/v1/units", { body: { name: "retail", label: "Retail", parent: "bank" } });
  for (const [name, unit] of [
    ["alice", "retail"],
    ["ben", "retail"],
    ["cid", "bank"],
  ]) {
    await api.ask("POST", "/v1/clients", { body: { name, label: name, unit } });
  }
  const deposits = [
    depositOf(100n, "ben"),
    depositOf(7n, "cid"),
    depositOf(50n, "alice", { wallet: COLD }),
    depositOf(9n, "ben"),
  ];
  const nobodys = depositOf(1n, "", { creditor: { type: "unassigned", subject: "" } });
  const payment = paymentOf(30n, "ben", { totalFee: 10n });
  await transact(api.made.db, (tx) =>
    post(tx, [
      ...[...deposits, nobodys].flatMap(bookDeposit),
      ...deposits.slice(0, 3).flatMap(finaliseDeposit),
      ...reservePayment(payment),
    ]),
  );
});
after(() => api.close());

const items = ({ status, json }: Answer) => {
  assert.equal(status, 200, JSON.stringify(json));
  return json.items as Json[];
};
const subjects = (answer: Answer) =>
  items(answer)
    .map(({ type, subject }) => `${type}:${subject}`)
    .sort();
const list = async (query: string, token?: string) =>
  api.ask("GET", `/v1/accounts${query}`, token === undefined ? {} : { token });

test("a user of the root unit sees every account; others those of the clients that they see", async () => {
  const all = ["client:alice", "client:ben", "client:cid", "unassigned:", "wallet:cold-alice", "wallet:hot"];
  assert.deepEqual(subjects(await list("")), all);
  const retail = await api.user("rita", { unit: "retail" });
  assert.deepEqual(subjects(await list("", retail)), ["client:alice", "client:ben"]);
  const ben = await api.user("ben-himself", { unit: "retail", client: "ben", role: "trader" });
  assert.deepEqual(subjects(await list("", ben)), ["client:ben"]);
  const [alices] = items(await list("?client=alice"));
  assert.equal((await api.ask("GET", `/v1/accounts/${alices?.id}`, { token: ben })).json.code, "NOT_FOUND");
  assert.equal((await api.ask("GET", `/v1/accounts/${alices?.id}/lines`, { token: ben })).json.code, "NOT_FOUND");
  assert.equal((await api.ask("GET", `/v1/accounts/${alices?.id}`, { token: retail })).status, 200);
  for (const token of [retail, ben]) assert.equal((await api.ask("GET", "/v1/ledger/check", { token })).json.code, "FORBIDDEN");
});

test("accounts come by type, client, wallet and asset, in pages", async () => {
  assert.deepEqual(subjects(await list("?type=wallet")), ["wallet:cold-alice", "wallet:hot"]);
  assert.deepEqual(subjects(await list("?wallet=cold-alice")), ["client:alice", "wallet:cold-alice"]);
  assert.deepEqual(subjects(await list("?client=ben&asset=eth")), ["client:ben"]);
  assert.deepEqual(subjects(await list("?asset=usdc")), []);
  const seen: unknown[] = [];
  for (let next: unknown = ""; next !== null; ) {
    const answer = await list(`?limit=2${next === "" ? "" : `&after=${next}`}`);
    seen.push(...items(answer).map(({ id }) => id));
    next = answer.json.next;
  }
  assert.equal(new Set(seen).size, 6);
});

test("an account shows its balance and its lines", async () => {
  const [account] = items(await list("?client=ben"));
  const { posted, incoming, held, available, sequence, pool } = account ?? {};
  assert.deepEqual([posted, incoming, held, available, sequence, pool], ["100", "9", "40", "60", 5, "omnibus"]);
  const path = `/v1/accounts/${account?.id}/lines`;
  const lines = items(await api.ask("GET", path));
  assert.deepEqual(
    lines.map((line) => [line.sequence, line.kind, line.side, line.amount, line.posted]),
    [
      [1, "pending", "credit", "100", "0"],
      [2, "pending", "credit", "9", "0"],
      [3, "post", "credit", "100", "100"],
      [4, "pending", "debit", "30", "100"],
      [5, "pending", "debit", "10", "100"],
    ],
  );
  const numbers = async (query: string) => items(await api.ask("GET", path + query)).map((line) => line.sequence);
  assert.deepEqual(await numbers("?from=2&to=3"), [2, 3]);
  assert.deepEqual(await numbers("?from=9"), []);
  const page = await api.ask("GET", `${path}?limit=2`);
  assert.deepEqual(await numbers(`?limit=2&after=${page.json.next}`), [3, 4]);
});

test("the sums are zero and clients are backed", async () => {
  const { json } = await api.ask("GET", "/v1/ledger/check");
  const sums = { asset: "eth", debits: "157", credits: "157", clients: "157", wallets: "157", balanced: true, backed: true };
  assert.deepEqual(json, { assets: [sums], transfers: 10 });
});

test("what was edited is not shown, and health names it", async () => {
  assert.deepEqual(
    (await ledgerHealth.look(api.house)).map(({ ok }) => ok),
    [true],
  );
  const owner = openDatabase({ url: api.made.ownerUrl, connections: 1 });
  const [account] = items(await list("?client=ben"));
  await sql`update ledger_transfer set credit_credits_posted = 1000
    where credit_account = ${account?.id} and credit_sequence = 3`.execute(owner.db);
  await owner.close();
  assert.equal((await api.ask("GET", `/v1/accounts/${account?.id}/lines`)).json.code, "RECORD_TAMPERED");
  const [finding] = await ledgerHealth.look(api.house);
  assert.equal(finding?.ok, false);
  assert.match(finding?.detail ?? "", /EDITED/);
});
