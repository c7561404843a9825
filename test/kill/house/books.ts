/** What must hold of a house whatever was killed: each payment is one, on the chain, in the vault and in the books; the books
 *  are what the chain says; and the log tells everything once. */
import assert from "node:assert/strict";
import { type Hash, toHex } from "../../../core/src/bytes.ts";
import { ExecutionBody } from "../../../core/src/protocol/command.ts";
import { decode } from "../../../core/src/signed/object.ts";
import { checkLog } from "../../../server/src/audit/integrity/jobs.ts";
import { verifyRecords } from "../../../server/src/integrity/store.ts";
import { openVaultLink } from "../../../server/src/vault/link.ts";
import { calls, hex } from "../../world/chain.ts";
import { PAYEE, type TestHouse } from "../../world/house.ts";
import { TOKEN } from "../../world/rulebook.ts";
import type { Stage } from "./stage.ts";
import type { Paid } from "./story.ts";

/** All of it. `paid`: every payment that was ever asked for. */
export async function demandWhole(stage: Stage, paid: readonly Paid[]): Promise<void> {
  await demandQuiet(stage);
  await demandOnce(stage, paid);
  await demandScanned(stage, paid);
  await demandBalanced(stage);
  await demandTold(stage.house);
  await demandLogged(stage);
}

/** Nothing is left to do, and nothing was given up. */
async function demandQuiet(stage: Stage): Promise<void> {
  const { db } = stage.house.database;
  await stage.passTime();
  await stage.patiently("all jobs are done", async () => {
    const left = await db.selectFrom("job").select("kind").where("state", "in", ["waiting", "running"]).execute();
    return left.length > 0 ? null : true;
  });
  const failed = await db.selectFrom("job").selectAll().where("state", "=", "failed").execute();
  assert.deepEqual(failed, []);
  const outbox = await db.selectFrom("event_outbox").select("type").execute();
  assert.deepEqual(outbox, []);
}

/** Each request has one execution that counts and one transaction, which is the only one that the vault ever signed for it. */
export async function demandOnce({ house }: Stage, paid: readonly Paid[]): Promise<void> {
  const { db } = house.database;
  for (const { request, amount } of paid) {
    const executions = await db.selectFrom("execution").selectAll().where("request", "=", request).execute();
    const counting = executions.filter(({ state }) => state !== "aborted");
    assert.deepEqual(
      counting.map(({ state }) => state),
      ["settled"],
    );
    const ids = executions.map(({ id }) => id);
    const sent = await db.selectFrom("chain_tx").selectAll().where("execution", "in", ids).execute();
    const shown = await house.vault.ask({ command: "show", what: "execution", name: request as Hash });
    assert.equal(shown.code, "OK");
    const signed = decode(ExecutionBody, shown.body).transactions.map(({ id, raw }) => ({ id, raw: toHex(raw) }));
    assert.deepEqual(
      sent.map(({ id, raw }) => ({ id, raw: toHex(raw) })),
      signed,
    );
    assert.deepEqual(
      sent.map(({ state, moved }) => ({ state, moved })),
      [{ state: "final", moved: amount }],
    );
  }
}

type Mined = {
  readonly hash: string;
  readonly from: string;
  readonly to: string | null;
  readonly input: string;
  readonly value: string;
};

/** Goes over the whole chain: what left our address is what was asked for, each once, in the order of nonces; what came to it
 *  is what was booked. */
async function demandScanned({ house, address }: Stage, paid: readonly Paid[]): Promise<void> {
  const own = address.toLowerCase();
  const [left, came]: [Mined[], string[]] = [[], []];
  for (let number = (await house.chain.head()).number; number > 0; number--) {
    const { transactions } = await house.chain.rpc<{ transactions: Mined[] }>("eth_getBlockByNumber", hex(number), true);
    for (const one of transactions) {
      if (one.from.toLowerCase() === own) left.push(one);
      const toUs = calls.transfer(address, 0n).slice(0, 74);
      if (one.to?.toLowerCase() === own || one.input.startsWith(toUs)) came.push(one.hash.slice(2));
    }
  }
  const { db } = house.database;
  const sent = await db.selectFrom("chain_tx").select("id").execute();
  assert.deepEqual(left.map(({ hash }) => hash.slice(2)).sort(), sent.map(({ id }) => id.replace(/^0x/, "")).sort());
  assert.deepEqual(left.map(meaningOf).sort(), paid.map(({ asset, amount }) => `${asset} ${amount}`).sort());
  assert.equal(Number(await house.chain.rpc<string>("eth_getTransactionCount", address, "latest")), paid.length);
  const deposits = await db.selectFrom("deposit").select(["tx", "state"]).where("state", "<>", "reorged").execute();
  assert.deepEqual(deposits.map(({ tx }) => tx.replace(/^0x/, "")).sort(), came.sort());
  assert.deepEqual([...new Set(deposits.map(({ state }) => state))], ["final"]);
}

/** Asset and amount of a payment to the exchange, as the chain has it. */
function meaningOf({ to, value, input }: Mined): string {
  if (to?.toLowerCase() === PAYEE.toLowerCase()) return `eth ${BigInt(value)}`;
  assert.equal(to?.toLowerCase(), TOKEN.toLowerCase());
  assert.equal(input.slice(0, 74), calls.transfer(PAYEE, 0n).slice(0, 74));
  return `usdx ${BigInt(`0x${input.slice(74)}`)}`;
}

/** Debits are credits, nothing is held, and the wallet has what the chain says. */
async function demandBalanced(stage: Stage): Promise<void> {
  const { house, address } = stage;
  const admin = house.as("admin");
  const { assets } = await stage.patiently("the books are checked", () => admin.call("ledger.check", {}));
  assert.ok(assets.length >= 1 && assets.every(({ balanced, backed }) => balanced && backed));
  const { items } = await stage.patiently("accounts are listed", () => admin.call("accounts.list", {}));
  for (const { held, incoming } of items) assert.deepEqual([held, incoming], [0n, 0n]);
  const eth = BigInt(await house.chain.rpc<string>("eth_getBalance", address, "latest"));
  const data = `0x70a08231${address.slice(2).toLowerCase().padStart(64, "0")}`;
  const usdx = BigInt(await house.chain.rpc<string>("eth_call", { to: TOKEN, data }, "latest"));
  for (const [asset, balance] of Object.entries({ eth, usdx })) {
    for (const type of ["wallet", "house"]) {
      const found = items.filter((item) => item.type === type && item.asset === asset);
      const posted = found.map((item) => item.posted);
      assert.deepEqual(posted, found.length === 0 && balance === 0n ? [] : [balance], `${type} ${asset}`);
    }
  }
}

const named = (noun: string, all: readonly { id: string }[]) => all.map(({ id }) => `${noun}:${id}`);

/** Every kind of event is there as often as what it tells of. */
async function demandTold({ database: { db } }: TestHouse): Promise<void> {
  const events = await db.selectFrom("event").select(["number", "type", "subject"]).orderBy("number").execute();
  assert.deepEqual(
    events.map(({ number }) => number),
    events.map((_, at) => at),
  );
  const told = new Map<string, string[]>();
  for (const { type, subject } of events) told.set(type, [...(told.get(type) ?? []), subject]);
  const demand = (type: string, subjects: readonly string[]) =>
    assert.deepEqual((told.get(type) ?? []).sort(), [...subjects].sort(), type);
  const requests = (await db.selectFrom("request").select("id").execute()).map(({ id }) => `request:${id}`);
  demand("request.created", requests);
  const decisions = await db.selectFrom("decision").select(["request", "decision"]).execute();
  const approvals = decisions.filter(({ decision }) => decision === "approve");
  demand(
    "request.approved",
    approvals.map(({ request }) => `request:${request}`),
  );
  // An initiator signs once with his request; what he signs later renews it.
  const initiated = decisions.length - approvals.length;
  assert.equal((told.get("request.renewed") ?? []).length, initiated - requests.length);
  const executions = await db.selectFrom("execution").select(["id", "state"]).execute();
  const settled = named(
    "execution",
    executions.filter(({ state }) => state === "settled"),
  );
  demand("execution.reserved", named("execution", executions));
  demand("execution.signed", settled);
  demand("execution.settled", settled);
  demand(
    "execution.aborted",
    named(
      "execution",
      executions.filter(({ state }) => state === "aborted"),
    ),
  );
  const deposits = await db.selectFrom("deposit").select(["id", "state"]).execute();
  const lost = deposits.filter(({ state }) => state === "reorged");
  const kept = deposits.filter(({ state }) => state === "final");
  demand("deposit.seen", named("deposit", deposits));
  demand("deposit.reorged", named("deposit", lost));
  demand("deposit.booked", named("deposit", kept));
  const facts = (await db.selectFrom("fact").select("id").execute()).length;
  assert.equal((told.get("fact.stated") ?? []).length, facts);
}

/** Leaves, tiles and every checkpoint fit each other and what the vault has signed; all records are as they were signed and
 *  told, and no server has found anything else. */
async function demandLogged({ house }: Stage): Promise<void> {
  const link = openVaultLink({ socket: house.vault.socket, pin: house.vault.made.deployment });
  try {
    const [{ db }, view] = [house.database, await link.view()];
    // A vault that dies all the time may not have come to sign one by itself.
    const { size: signed } = await house.as("admin").call("audit.sign", { body: {} });
    const { size, checkpoints, wrong } = await checkLog({ db, view });
    assert.equal(wrong, null);
    assert.ok(checkpoints > 0 && size >= signed);
    assert.deepEqual((await verifyRecords(db, view)).findings, []);
    const alarms = await db.selectFrom("audit_look").select(["name", "detail"]).where("ok", "=", false).execute();
    // That the vault was away is no alarm.
    const left = alarms.filter(({ detail }) => !detail.startsWith("VAULT_UNREACHABLE"));
    assert.deepEqual(left, []);
  } finally {
    link.close();
  }
}
