/** Attack: whoever owns the database forges what would have the server carry a payment out, or show somebody his address, while
 *  everything runs: decisions, states, intents, entries, addresses, users. Nothing is signed, nothing forged is shown, and
 *  each forgery
 *  is found and named. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { sql } from "kysely";
import { Approval } from "../../core/src/signed/approval.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { decode, encode, idOf, Signed } from "../../core/src/signed/object.ts";
import { findIn } from "../../server/src/integrity/store.ts";
import { inState, PAYEE, say, settled, until } from "../world/house.ts";
import { device } from "../world/keys.ts";
import { sign } from "../world/world.ts";
import { attacks, fails } from "./attack.ts";
import { openRecords, type Records } from "./records.ts";

let records: Records;
before(async () => {
  records = await openRecords({ stop: false });
  await run("create schema kept", "alter table token drop constraint token_user_name_fkey");
});
after(() => records?.close());

const NAMES = ["request", "decision", "execution", "book_entry", "address", "app_user", "token", "wallet", "chain_watch"];
const run = async (...statements: string[]) => {
  for (const statement of statements) await sql.raw(statement).execute(records.owner);
};
const hex = (bytes: Uint8Array) => `'\\x${Buffer.from(bytes).toString("hex")}'`;

/** Puts the tables back as they were. */
async function restoring(work: () => Promise<void>): Promise<void> {
  const { owner } = records;
  for (const name of NAMES) await run(`create table kept.${name} as table public.${name}`);
  try {
    await work();
  } finally {
    await owner.transaction().execute(async (tx) => {
      for (const name of NAMES) {
        await sql.raw(`delete from public.${name}`).execute(tx);
        await sql.raw(`insert into public.${name} table kept.${name}`).execute(tx);
      }
    });
    for (const name of NAMES) await run(`drop table kept.${name}`);
  }
}

/** Has the server carry a request out, and waits until it has tried. */
async function carryOut(request: string): Promise<void> {
  await run(`delete from job where subject = '${request}'`);
  await run(`insert into job (id, kind, subject) values (gen_random_uuid(), 'carry-out', '${request}')`);
  await until("the job was tried", async () => {
    const { rows } = await sql<{ state: string; attempts: number }>`select state, attempts from job
      where subject = ${request}`.execute(records.owner);
    return rows.every(({ state, attempts }) => state === "done" || state === "failed" || (state === "waiting" && attempts > 0));
  });
  await run(`delete from job where subject = '${request}'`);
}

const signedYet = async () => (await records.owner.selectFrom("chain_tx").select("id").execute()).length;

/** Forges, has the server act on it, and sees that nothing was signed and the forgery is named. */
async function forge(how: string, request: string, statements: readonly string[], noun: string): Promise<void> {
  await fails(() =>
    restoring(async () => {
      const before = await signedYet();
      await run(...statements);
      const found = await records.owner.transaction().execute((tx) => findIn(tx, records.view));
      assert.ok(
        found.findings.some((one) => one.noun === noun),
        `${how} is not found: ${JSON.stringify(found.findings)}`,
      );
      await carryOut(request);
      assert.equal(await signedYet(), before, `${how} had something signed`);
      const shown = await records.vault.ask({ command: "show", what: "execution", name: request });
      assert.notEqual(shown.code, "OK", how);
    }),
  );
}

test("health names what was forged, once the server looks", async () => {
  const { house } = records;
  const look = async () => {
    const { checks } = await house.as("admin").call("health.get", {});
    return checks.find(({ name }) => name === "integrity:records");
  };
  assert.equal((await until("the records were looked at", look)).ok, true);
  await run("update client set state = 'active' where name = 'ben'");
  await house.servers.shift()?.stop();
  await run("update lease set until = '-infinity'");
  await house.serve();
  const found = await until("the records were looked at again", async () => {
    const found = await look();
    return found?.ok === false && found;
  });
  assert.match(found.detail, /client ben is edited: state/);
  await run("update client set state = 'closed' where name = 'ben'");
});

/** A row of a decision on a request, with columns that fit what is in the envelope. */
function decision(request: string, envelope: Uint8Array, { key, person }: { key: string; person: string }): string {
  const id = idOf(Approval, decode(Signed, envelope).body);
  return `insert into decision values ('${id}', '${request}', '${key}', '${person}', 'approve', ${hex(envelope)}, now())`;
}

attacks("decisions on a request are forged", async () => {
  const { owner, requests } = records;
  const { open, rejected, paid } = requests;
  const rows = await owner.selectFrom("decision").selectAll().execute();
  const amys = rows.find(({ request, person }) => request === open && person === "amy");
  const bobs = rows.find(({ request, person }) => request === paid && person === "bob");
  assert.ok(amys !== undefined && bobs !== undefined);
  const said = decode(Approval, decode(Signed, amys.approval).body);
  const bob = device("bob");
  const body = encode(Approval, { ...said, key: bob.id });
  const signatures = decode(Signed, amys.approval).signatures;
  const by = { key: bob.id, person: "bob" };
  const unsigned = encode(Signed, { body, signatures: signatures.map((it) => ({ ...it, key: bob.id })) });
  await forge("an unsigned decision", open, [decision(open, unsigned, by)], "decision");
  const foreign = sign(Approval, body, {
    ...bob,
    sign: (challenge) => ({ ...device("mallory").sign(challenge), key: bob.id }),
  });
  await forge("a decision under another's name", open, [decision(open, foreign, by)], "decision");
  const stranger = device("mallory");
  const own = sign(Approval, encode(Approval, { ...said, key: stranger.id }), stranger);
  await forge("a stranger's decision", open, [decision(open, own, { key: stranger.id, person: "bob" })], "decision");
  const moved = `insert into decision select repeat('cd', 32), '${open}', key, person, decision, approval, created_at
    from decision where id = '${bobs.id}'`;
  await forge("another request's approval", open, [moved], "decision");
  const retold = `update decision set person = 'bob' where id = '${amys.id}'`;
  await forge("one person's decision as another's", open, [retold], "decision");
  const revived = [`delete from decision where request = '${rejected}' and decision = 'reject'`, reopen(rejected)];
  await forge("a rejection is deleted", rejected, revived, "decision");
});

const reopen = (id: string) => `update request set state = 'open' where id = '${id}'`;

attacks("requests and what they name are forged", async () => {
  const { owner, requests } = records;
  const { open, rejected, paid } = requests;
  await forge("a state", open, [`update request set state = 'approved' where id = '${open}'`], "request");
  await forge("a state after a rejection", rejected, [reopen(rejected)], "request");
  await forge(
    "an intent",
    open,
    [`update request set intent = (select intent from request where id = '${paid}') where id = '${open}'`],
    "request",
  );
  const row = await owner.selectFrom("request").selectAll().where("id", "=", open).executeTakeFirstOrThrow();
  const intent = decode(Intent, row.intent);
  assert.ok(intent.kind === "pay");
  const { destination } = intent;
  const mine = encode(Intent, {
    ...intent,
    destination: { ...destination, address: "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955" },
  });
  const id = idOf(Intent, mine);
  const renamed = [
    `update request set intent = ${hex(mine)}, id = '${id}' where id = '${open}'`,
    `update decision set request = '${id}' where request = '${open}'`,
  ];
  await forge("another destination with all decisions on the old one", id, renamed, "request");
  const begun = `insert into execution select gen_random_uuid(), '${open}', unit, client, 'reserved', chain, native,
    asset, wallet, amount, total_fee, held_amount, held_fee, null, null, created_at, updated_at
    from execution where request = '${paid}'`;
  await forge("an execution", open, [begun], "execution");
  await forge(
    "an execution's receipt",
    open,
    [`${begun.replace("null, null", "slot, receipt").replace("'reserved'", "'signed'")}`],
    "execution",
  );
  await forge("an index", open, [`update request set index = 1 where id = '${open}'`], "request");
});

attacks("an address of the attacker is put into the records", async () => {
  const admin = records.house.as("admin");
  const tampered = { code: "RECORD_TAMPERED" };
  const theirs = "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955";
  const wallet = { wallet: "treasury" };
  const all = [
    [
      "update address set address = $1 where index = 0",
      () => admin.call("addresses.get", { params: { ...wallet, index: "0" } }),
    ],
    ["update address set address = $1 where index = 0", () => admin.call("addresses.list", { params: wallet })],
    [
      "update address set address = $1 where index = 0",
      () => admin.call("addresses.create", { params: wallet, body: { index: 0 } }),
    ],
    [
      "update address a set attestation = o.attestation from address o where o.index = 1 and a.index = 0",
      () => admin.call("addresses.get", { params: { ...wallet, index: "0" } }),
    ],
    [
      "update book_entry set address = $1 where name = 'kraken'",
      () => admin.call("entries.get", { params: { name: "kraken" } }),
    ],
    [
      "update book_entry e set entry = o.entry from book_entry o where o.name = 'bitfin' and e.name = 'kraken'",
      () => admin.call("entries.list", {}),
    ],
    [
      "update wallet set client = 'ann' where name = 'treasury'",
      () => admin.call("wallets.get", { params: { name: "treasury" } }),
    ],
  ] as const;
  for (const [edit, ask] of all) {
    await fails(() =>
      restoring(async () => {
        await run(edit.replace("$1", `'${theirs}'`));
        await assert.rejects(ask(), tampered);
      }),
    );
  }
});

attacks("a user, a role and a token of the attacker's own move no value", async () => {
  const { open } = records.requests;
  const hash = createHash("sha256").update("sr_mine").digest("hex");
  const life = "3600, now(), now() + interval '1 hour'";
  const token = (user: string) => `insert into token values (gen_random_uuid(), '${user}', 'mine', '${hash}', ${life}, null)`;
  const mallory = "insert into app_user values ('mallory', 'mallory', 'bank', null, 'administrator', 'bob', false, now())";
  const raised =
    "update app_user set role = 'administrator', disabled = false, client = null, unit = 'bank' where name = 'viewer'";
  await forge("a role", open, [raised], "user");
  await forge("a token", open, [token("admin")], "token");
  await forge("a user with a token", open, [mallory, token("mallory")], "user");
});

test("the same requests, untouched, go on as people decide", async () => {
  const { house, requests } = records;
  const before = BigInt(await house.chain.rpc<string>("eth_getBalance", PAYEE, "latest"));
  await say(house, requests.open, { by: "bob" });
  await settled(house, requests.open);
  await inState(house, requests.open, "consumed");
  assert.ok(BigInt(await house.chain.rpc<string>("eth_getBalance", PAYEE, "latest")) > before);
});
