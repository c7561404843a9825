/** A house with rows in every table, whose server has stopped, and an attacker who owns its database: whatever he does to
 *  rows is undone
 *  after the records were checked. */
import assert from "node:assert/strict";
import { makeEntry, makeRetirement, makeWallet } from "@strongroom/sdk/device/make";
import { type Kysely, sql } from "kysely";
import { Head, Start } from "../../core/src/signed/head.ts";
import { decode, Signed } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { openDatabase } from "../../server/src/db/open.ts";
import type { Tables, Tx } from "../../server/src/db/tables.ts";
import { hasOutbox } from "../../server/src/events/store.ts";
import type { Finding } from "../../server/src/integrity/rules.ts";
import { findIn, verifyRecords } from "../../server/src/integrity/store.ts";
import { openVaultLink, type VaultLink, type View } from "../../server/src/vault/link.ts";
import { CHAIN, RICH } from "../world/chain.ts";
import * as houses from "../world/house.ts";
import { approveRulebook, approveStart, ETH, HOUR, KEYS, nextRulebook, signValue } from "../world/world.ts";

/** Tables that the check of all records goes over, with the noun under which it names their rows, and how. */
export const TABLES: { readonly [table: string]: readonly [noun: string, key: string] } = {
  unit: ["unit", "name"],
  client: ["client", "name"],
  app_user: ["user", "name"],
  token: ["token", "id::text"],
  wallet: ["wallet", "name"],
  address: ["address", "wallet || '/' || index"],
  chain_watch: ["watch", "wallet || '/' || index"],
  book_entry: ["entry", "hash"],
  fact: ["fact", "id"],
  rulebook: ["rulebook", "id"],
  rulebook_decision: ["rulebook-decision", "id"],
  confirmation: ["confirmation", "id"],
  request: ["request", "id"],
  decision: ["decision", "id"],
  explanation: ["explanation", "id"],
  execution: ["execution", "id::text"],
  chain_tx: ["transaction", "id"],
  deposit: ["deposit", "id::text"],
  outflow: ["outflow", "id::text"],
};

/** Columns on which nothing is decided and that nothing tells of: docs/spec/integrity.md. */
export const UNCOMPARED: { readonly [table: string]: readonly string[] } = {
  chain_watch: ["change"],
  fact: ["informed"],
  request: ["answer_detail", "answer_at", "version"],
  explanation: ["at"],
  execution: ["created_at", "updated_at"],
  chain_tx: [
    ...["state", "final_at", "settled_at", "replaced_by", "reason"],
    ...["sends", "send_at", "created_at", "stuck_at"],
  ],
  deposit: ["block_at", "seen_at"],
  outflow: ["seen_at"],
};

export type Records = {
  readonly house: houses.TestHouse;
  readonly owner: Kysely<Tables>;
  readonly vault: VaultLink;
  readonly view: View;
  /** Requests by what became of them. `open` and `half` have one of two approvals. */
  readonly requests: { readonly paid: string; readonly open: string; readonly rejected: string; readonly half: string };
  /** What is found after an edit, which is undone. */
  foundAfter(edit: (tx: Tx) => Promise<unknown>): Promise<readonly Finding[]>;
  close(): Promise<void>;
};

class Undone extends Error {}

/** Everything once: requests of every kind and end, two of most things, a rulebook that waits. `stop`: the server. */
export async function openRecords({ stop = true } = {}): Promise<Records> {
  const house = await houses.openHouse();
  const vault = openVaultLink({ socket: house.vault.socket, pin: house.vault.made.deployment });
  const { db: owner, close: closeOwner } = openDatabase({ url: house.database.ownerUrl, connections: 4 });
  const close = async () => {
    vault.close();
    await closeOwner();
    await house.close();
  };
  try {
    const requests = await populate(house);
    await propose(house, vault);
    await houses.until("all events have numbers", async () => !(await hasOutbox(owner)));
    if (stop) {
      await house.servers[0]?.stop();
      await unbind(owner);
    }
    const view = await vault.view();
    assert.deepEqual((await verifyRecords(owner, view)).findings, []);
    const foundAfter = (edit: (tx: Tx) => Promise<unknown>) => findingsOf(owner, view, edit);
    return { house, owner, vault, view, requests, foundAfter, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function findingsOf(owner: Kysely<Tables>, view: View, edit: (tx: Tx) => Promise<unknown>): Promise<readonly Finding[]> {
  let found: readonly Finding[] = [];
  const work = owner.transaction().execute(async (tx) => {
    await edit(tx);
    found = (await findIn(tx, view)).findings;
    throw new Undone();
  });
  await assert.rejects(work, Undone);
  return found;
}

async function populate(house: houses.TestHouse): Promise<Records["requests"]> {
  await houses.furnish(house);
  const admin = house.as("admin");
  for (const name of ["inner", "outer"]) await admin.call("units.create", { body: { name, label: name, parent: "bank" } });
  for (const name of ["ann", "ben"]) await admin.call("clients.create", { body: { name, label: name, unit: "inner" } });
  await admin.call("clients.change", { params: { name: "ben" }, body: { state: "closed" } });
  await house.enrol("viewer", "auditor", { unit: "inner", client: "ann" });
  await admin.call("users.change", { params: { name: "viewer" }, body: { disabled: true } });
  await house.enrol("source", "source");
  const { items } = await admin.call("tokens.list", { params: { name: "viewer" } });
  await admin.call("tokens.revoke", { params: { name: "viewer", id: items[0]?.id ?? "" } });
  await admin.call("addresses.create", { params: { wallet: "treasury" }, body: { index: 1, client: "ann" } });
  await admin.call("wallets.change", { params: { name: "treasury" }, body: { label: "The treasury" } });
  const by = async (name: string) => ({
    known: await house.session(),
    signer: houses.signerOf(name),
    words: { purpose: "set-up" },
  });
  const agreed = async (shown: Parameters<typeof houses.request>[1]["shown"]) => {
    const { id } = await houses.request(house, { by: "tina", shown });
    await houses.say(house, id, { by: "carl" });
    await houses.inState(house, id, "consumed");
  };
  await agreed(makeWallet(await by("tina"), { chain: CHAIN, wallet: "savings", walletClass: "cold" }));
  const entry = {
    name: "bitfin",
    party: "Bitfin",
    chain: CHAIN,
    address: KEYS_PAYEE,
    class: "exchange",
    assets: "any",
  } as const;
  await agreed(makeEntry(await by("tina"), entry));
  await agreed(await makeRetirement(await by("tina"), "bitfin"));
  const [paid, open, rejected] = [await payTwice(house), await houses.pay(house, ETH), await houses.pay(house, 2n * ETH)];
  const half = await houses.pay(house, 3n * ETH);
  for (const { id } of [open, half]) await houses.say(house, id, { by: "amy" });
  await houses.say(house, rejected.id, { by: "amy", decision: "reject" });
  await leave(house);
  return { paid, open: open.id, rejected: rejected.id, half: half.id };
}

/** Two movements that are no payments of ours, out of an address that pays nothing else: its numbers are used up so. */
async function leave(house: houses.TestHouse): Promise<void> {
  const { items } = await house.as("admin").call("addresses.list", { params: { wallet: "treasury" } });
  const from = items.find(({ index }) => index === 1)?.address ?? "";
  await houses.fund(house, from, 4n * ETH);
  for (const value of [ETH, 2n * ETH]) await houses.sendWithoutUs(house, { from, to: RICH, value });
  await house.chain.mine(2);
  await houses.until("both are booked", async () => {
    const { items: told } = await house.as("admin").call("events.list", { query: { type: "outflow.booked" } });
    return told.length === 2;
  });
}
const KEYS_PAYEE = "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955";

/** Two payments that are settled and final; the first one's request. */
async function payTwice(house: houses.TestHouse): Promise<string> {
  const ids: string[] = [];
  for (const amount of [2n * ETH, 3n * ETH]) {
    const { id } = await houses.pay(house, amount);
    for (const by of ["amy", "bob"]) await houses.say(house, id, { by });
    const { transactions } = await houses.settled(house, id);
    await houses.stateFinality(house, transactions[0]?.id ?? "");
    ids.push(id);
  }
  return ids[0] ?? "";
}

/** Two rulebooks: one waits, seen by an administrator; the other comes too late. And two words on the start. */
async function propose(house: houses.TestHouse, vault: VaultLink): Promise<void> {
  const { book } = house.vault.made;
  const { receipt } = await vault.demand({ command: "head" });
  const { head, boot } = decode(Head, decode(Signed, receipt.body).body);
  const ground = { book, head, boot, notAfter: Date.now() + HOUR };
  for (const limits of [[], book.document.limits.slice(1)]) {
    const next = nextRulebook(book, { limits });
    const signed = signValue(Rulebook, next, KEYS.ada, KEYS.ben);
    const { id, state } = await house.as("admin").call("rulebooks.create", { body: { rulebook: signed } });
    if (state !== "waiting") continue;
    const approval = approveRulebook(ground, next, { key: KEYS.cleo, decision: "seen" });
    await house.as("admin").call("rulebooks.decide", { params: { id }, body: { approval } });
  }
  const start = decode(Start, (await house.as("admin").call("starts.get", {})).start);
  for (const key of [KEYS.ada, KEYS.ben]) {
    const approval = approveStart(ground, start, { key });
    await house.as("admin").call("starts.confirm", { body: { approval } });
  }
}

/** The owner takes away whatever of the database's own would stand in his way. */
async function unbind(owner: Kysely<Tables>): Promise<void> {
  await sql`do $$ declare it record; begin
    for it in select conrelid::regclass as "table", conname from pg_constraint c join pg_class t on t.oid = conrelid
      where contype in ('c', 'f', 'u', 'p') and t.relnamespace = 'public'::regnamespace order by contype <> 'f'
    loop execute format('alter table %s drop constraint %I cascade', it."table", it.conname); end loop;
    for it in select indexrelid::regclass as index from pg_index i join pg_class t on t.oid = indrelid
      where indisunique and t.relnamespace = 'public'::regnamespace
    loop execute format('drop index %s', it.index); end loop;
    alter table event disable trigger all;
  end $$`.execute(owner);
}

export type Column = { readonly name: string; readonly type: string };

export async function columnsOf(db: Kysely<Tables>, table: string): Promise<readonly Column[]> {
  const { rows } = await sql<Column>`select column_name as name, data_type as type from information_schema.columns
    where table_schema = 'public' and table_name = ${table} order by ordinal_position`.execute(db);
  return rows;
}

/** Places of the rows of a table, with the names under which the check knows them. */
export async function rowsOf(db: Kysely<Tables>, table: string): Promise<readonly { at: string; id: string }[]> {
  const [, key] = TABLES[table] ?? [];
  const { rows } = await sql<{ at: string; id: string }>`select ctid::text as at, ${sql.raw(key ?? "")} as id
    from ${sql.table(table)} order by id`.execute(db);
  return rows;
}

/** Another value of a column's type that is not the one that is there. */
export function another({ name, type }: Column): string {
  const was = `"${name}"`;
  if (type === "boolean") return `not ${was}`;
  if (type === "uuid") return "gen_random_uuid()";
  if (type === "bytea") return `set_byte(coalesce(${was}, '\\x00'), 0, 255 - get_byte(coalesce(${was}, '\\x00'), 0))`;
  if (type.startsWith("timestamp")) return `coalesce(${was}, now()) + interval '1 second'`;
  if (type === "text") return `coalesce(${was}, '') || 'x'`;
  return `coalesce(${was}, 0) + 1`;
}
