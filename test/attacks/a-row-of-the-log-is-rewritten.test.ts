/** Attack: whoever owns the database edits, deletes, inserts and reorders rows of the audit log by hand, also so that the
 *  rows fit one another. Each edit is found and named by the first leaf that it touches; and the vault signs nothing that was
 *  rewritten. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Kysely, sql } from "kysely";
import { toHex } from "../../core/src/bytes.ts";
import { signCheckpoint } from "../../server/src/audit/checkpoints/jobs.ts";
import { checkLog } from "../../server/src/audit/integrity/jobs.ts";
import { hashOver, makeTile } from "../../server/src/audit/store.ts";
import { openDatabase } from "../../server/src/db/open.ts";
import type { Tables, Tx } from "../../server/src/db/tables.ts";
import { eventOf } from "../../server/src/events/rules.ts";
import { readEvents } from "../../server/src/events/store.ts";
import type { Lease } from "../../server/src/jobs/store.ts";
import { openVaultLink, type VaultLink } from "../../server/src/vault/link.ts";
import { type TestDatabase, withDatabase } from "../world/database.ts";
import { leaseOf, number, tell } from "../world/events.ts";
import { type Standing, standVault } from "../world/standing.ts";

let house: Standing;
let vault: VaultLink;
let made: TestDatabase;
let owner: ReturnType<typeof openDatabase>;
let lease: Lease;
const grow = () => number(made.db, { lease, deployment: house.made.deployment });

/** 700 leaves; the vault has signed 300, 512 and 690 of them. */
before(async () => {
  [house, made] = await Promise.all([standVault(), withDatabase()]);
  vault = openVaultLink({ socket: house.socket, pin: house.made.deployment });
  owner = openDatabase({ url: made.ownerUrl, connections: 2 });
  lease = await leaseOf(made.db);
  for (const count of [300, 212, 178]) {
    await tell(made.db, `part-${count}`, count);
    await grow();
    await signCheckpoint({ db: made.db, vault });
  }
  await tell(made.db, "unsigned", 10);
  await grow();
  assert.equal((await check(made.db)).wrong, null);
});
after(async () => {
  vault.close();
  await owner.close();
  await made.close();
  await house.clean();
});

const check = async (db: Kysely<Tables>) => checkLog({ db, view: await vault.view() });
class Undone extends Error {}

/** What is found after an edit by the database's owner, who also turns off what stands in his way. The edit is undone. */
async function foundAfter(edit: (tx: Tx) => Promise<unknown>): Promise<{ number: number; detail: string } | null> {
  let found: { number: number; detail: string } | null = null;
  const work = owner.db.transaction().execute(async (tx) => {
    await sql`alter table event disable trigger all`.execute(tx);
    await edit(tx);
    found = (await check(tx)).wrong;
    throw new Undone();
  });
  await assert.rejects(work, Undone);
  return found;
}

/** Replaces a leaf as a whole, so that row and leaf fit each other. */
async function forge(tx: Tx, at: number): Promise<void> {
  const [row] = await readEvents(tx, { from: at, to: at + 1 });
  assert.ok(row?.data !== null && row?.salt !== null && row !== undefined);
  const { leaf: _leaf, leaf_hash: _hash, number: _, salt, ...rest } = row;
  const forged = eventOf(
    { ...rest, data: row.data, subject: "forged" },
    { deployment: house.made.deployment, number: at, salt },
  );
  const { leaf: bytes, leaf_hash: hash } = forged;
  const change = sql`update event set subject = 'forged', leaf = ${bytes}, leaf_hash = ${hash} where number = ${at}`;
  await change.execute(tx);
}

/** Makes a tile anew from what lies below it. */
async function retile(tx: Tx, index: number): Promise<void> {
  const bytes = await makeTile(tx, { level: 0, index, width: 256 });
  const hash = toHex(hashOver(bytes));
  await sql`update audit_tile set bytes = ${bytes}, hash = ${hash} where level = 0 and index = ${index}`.execute(tx);
}

const run = (statement: string) => (tx: Tx) => sql.raw(statement).execute(tx);
const swap = (one: number, two: number, columns: string) =>
  run(`update event e
       set (${columns}) = (select ${columns} from event o where o.number = ${one} + ${two} - e.number)
       where number in (${one}, ${two})`);
const EDITS: Record<string, [edit: (tx: Tx) => Promise<unknown>, number: number, names: RegExp]> = {
  "a type": [run("update event set type = 'payment.unmade' where number = 5"), 5, /type/],
  "an actor": [run("update event set actor = 'mallory' where number = 299"), 299, /actor/],
  "a subject": [run("update event set subject = 'x' where number = 400"), 400, /subject/],
  "a unit": [run("update event set unit = null where number = 6"), 6, /unit/],
  "a client": [run("update event set client = 'c-2' where number = 7"), 7, /client/],
  "a time": [run("update event set at = at + interval '1 ms' where number = 8"), 8, /at/],
  "the data": [run("update event set data = replace(data, '125', '925') where number = 9"), 9, /data/],
  "a salt": [run("update event set salt = decode(repeat('00', 32), 'hex') where number = 10"), 10, /data/],
  "signed bytes": [run("update event set signed = '\\x01' where number = 11"), 11, /signed/],
  "a leaf": [run("update event set leaf = leaf || '\\x00' where number = 12"), 12, /leaf/],
  "a leaf's hash": [run("update event set leaf_hash = repeat('ab', 32) where number = 699"), 699, /leaf_hash/],
  "a row is deleted": [run("delete from event where number = 100"), 100, /missing/],
  "the first row is deleted": [run("delete from event where number = 0"), 0, /missing/],
  "the last rows are deleted": [run("delete from event where number > 650"), 651, /only 651 leaves/],
  "two rows change places": [swap(20, 21, "subject, leaf, leaf_hash, data, salt"), 20, /leaf/],
  "a row is put in": [
    run(`update event set number = number + 1000 where number >= 50;
         update event set number = number - 999 where number >= 1000;
         insert into event (number, id, type, subject, actor, unit, client, at, data, salt, signed, leaf, leaf_hash)
         select 50, gen_random_uuid(), type, subject, actor, unit, client, at, data, salt, signed, leaf, leaf_hash
         from event where number = 49`),
    50,
    /leaf/,
  ],
  "a bit of a tile": [
    run("update audit_tile set bytes = set_byte(bytes, 6400, 255 - get_byte(bytes, 6400)) where index = 1"),
    456,
    /Tile 0\/1/,
  ],
  "a tile's hash": [run("update audit_tile set hash = repeat('ab', 32) where index = 1"), 256, /hash of tile 0\/1/],
  "a tile is deleted": [run("delete from audit_tile where index = 0"), 0, /Tile 0\/0 is missing/],
  "a leaf as a whole": [(tx) => forge(tx, 130), 130, /Tile 0\/0/],
  "a leaf as a whole, and its tile": [
    async (tx) => {
      await forge(tx, 130);
      await retile(tx, 0);
    },
    0,
    /0 to 299 are not those/,
  ],
  "a leaf of a later tile as a whole, and its tile": [
    async (tx) => {
      await forge(tx, 301);
      await retile(tx, 1);
    },
    300,
    /300 to 511 are not those/,
  ],
  "a checkpoint's root": [run("update audit_checkpoint set root = repeat('ab', 32) where size = 512"), 511, /root/],
  "a checkpoint's size": [run("update audit_checkpoint set size = 511 where size = 512"), 510, /size/],
  "a checkpoint's time": [run("update audit_checkpoint set at = at + interval '1 ms' where size = 300"), 299, /at/],
  "a checkpoint's bytes": [
    run("update audit_checkpoint set checkpoint = checkpoint || '\\x00' where size = 300"),
    299,
    /checkpoint/,
  ],
  "a note is forged": [
    run("update audit_checkpoint set note = replace(note, E'\\n300\\n', E'\\n301\\n') where size = 300"),
    299,
    /note/,
  ],
};

test("every edit by hand is found and named by the first leaf that it touches", async (t) => {
  for (const [name, [edit, at, words]] of Object.entries(EDITS)) {
    const found = await foundAfter(edit);
    assert.equal(found?.number, at, `${name}: ${found?.detail}`);
    assert.match(found?.detail ?? "", words, name);
  }
  assert.equal((await check(made.db)).wrong, null);
  t.diagnostic(`count: attacks: ${Object.keys(EDITS).length} edits of the log, all found`);
});

const refusal = (vaultCode: string | undefined) => (error: unknown) =>
  error instanceof Error &&
  "code" in error &&
  error.code === "RECORD_TAMPERED" &&
  "vaultCode" in error &&
  error.vaultCode === vaultCode;

test("the vault does not sign what was rewritten, however well the rows fit", async () => {
  await owner.db.transaction().execute(async (tx) => {
    await sql`alter table event disable trigger all`.execute(tx);
    await forge(tx, 130);
    await retile(tx, 0);
  });
  await tell(made.db, "after", 1);
  await grow();
  await assert.rejects(signCheckpoint({ db: made.db, vault }), refusal("LOG_FORKED"));
});

test("dropped checkpoints and a shortened log are not signed over", async () => {
  await sql`delete from audit_checkpoint where size > 600`.execute(owner.db);
  await sql`delete from audit_asked`.execute(owner.db);
  await assert.rejects(signCheckpoint({ db: made.db, vault }), refusal("LOG_FORKED"));
  await sql`delete from event where number > 600`.execute(owner.db);
  await sql`delete from audit_asked`.execute(owner.db);
  await assert.rejects(signCheckpoint({ db: made.db, vault }), refusal("LOG_SHRUNK"));
});
