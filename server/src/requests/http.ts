/** Requests over the API: intents come in as bytes with their initiator's approval, decisions come in signed. The server
 *  keeps them, checks what it can, and has the vault asked; what it answers here grants nothing. */
import type { Hash } from "@strongroom/core/bytes";
import type { Intent } from "@strongroom/core/signed/intent";
import { Hash as HashText, Time } from "@strongroom/sdk/contract/fields";
import type { Request } from "@strongroom/sdk/contract/requests";
import { findAddress } from "../addresses/store.ts";
import { findClient } from "../clients/store.ts";
import { emit } from "../events/store.ts";
import { isOnChain, movementOf } from "../executions/rules.ts";
import { detailFor } from "../explanations/rules.ts";
import { limits } from "../host/limits.ts";
import { type Call, type Handlers, Problem, problem } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import { enqueue } from "../jobs/store.ts";
import { payerOf, positionKey } from "../ledger/rules.ts";
import { balanceOf } from "../ledger/store.ts";
import type { Caller } from "../users/rules.ts";
import type { View } from "../vault/link.ts";
import { demandWallet } from "../wallets/http.ts";
import { consume, demandIntent, resultOf } from "./jobs.ts";
import {
  approvalOf,
  decisionRecord,
  isAlive,
  isSameRequest,
  type ReadDecision,
  readDecision,
  readIntent,
  requestRecord,
  type Standing,
  staleness,
} from "./rules.ts";
import {
  changeRequest,
  type DecisionRow,
  decisionsOn,
  findRequest,
  insertDecision,
  insertRequest,
  listRequests,
  lockVisibleRequest,
  type RequestRow,
  requestByReference,
  visibleRequest,
} from "./store.ts";

const standingOf = ({ deployment, vault, book, head }: View): Standing => ({
  deployment,
  vault,
  book,
  starts: head,
  at: head.at,
});

type Eyes = { readonly caller: Caller; readonly view: View };

/** A request as a user is shown it, with what was signed on it. Fails: RECORD_TAMPERED. */
function show(row: RequestRow, decisions: readonly DecisionRow[], { caller, view }: Eyes): Request {
  demandIntent(row);
  const { id, kind, reference, unit, client, state, intent, index, execution, version } = row;
  const answered = row.answer_code !== null && row.answer_at !== null;
  const answer = answered
    ? {
        code: row.answer_code ?? "",
        field: row.answer_field ?? "",
        detail: detailFor(caller, { code: row.answer_code ?? "", detail: row.answer_detail ?? "" }),
        at: row.answer_at?.toISOString() ?? "",
      }
    : null;
  const dates = { notAfter: row.not_after.toISOString(), createdAt: row.created_at.toISOString() };
  const shown = decisions.filter(({ request }) => request === id).map((decision) => showDecision(decision, view));
  return { id, kind, reference, unit, client, state, intent, index, decisions: shown, answer, execution, ...dates, version };
}

function showDecision(row: DecisionRow, view: View): Request["decisions"][number] {
  const read = approvalOf(row, view.book);
  if (read === null) problem("RECORD_TAMPERED", "decision", `decision ${row.id} is not what was signed`);
  const current = read.enrolled && (row.decision === "reject" || staleness(read.approval, standingOf(view)) === null);
  const { person, key, decision, approval } = row;
  return { person, key, decision, current, approval, createdAt: row.created_at.toISOString() };
}

async function showOne({ house, tx, caller }: Call, row: RequestRow): Promise<Request> {
  return show(row, await decisionsOn(tx, [row.id]), { caller, view: await house.vault.view() });
}

async function demandRequest({ tx, caller }: Call, id: string, find = visibleRequest): Promise<RequestRow> {
  const seen = await find(tx, caller, id);
  if (seen === undefined) problem("NOT_FOUND", "params.id", "there is no such request that you may see");
  return seen;
}

type Asked = { readonly intent: Uint8Array; readonly index: number; readonly client: string | null };
type Placed = { readonly unit: string; readonly client: string | null };

/** Which unit and client a request belongs to. Fails: NOT_FOUND, CONFLICT, STATE_CONFLICT, POSITION_SHORT. */
async function place(
  call: Call,
  intent: Intent,
  asked: { index: number; client?: string | undefined; unit?: string | undefined },
): Promise<Placed> {
  const { caller } = call;
  const unit = asked.unit ?? caller.unit;
  if (!caller.units.includes(unit)) problem("NOT_FOUND", "body.unit", `there is no unit ${unit} that you may see`);
  if (!isOnChain(intent)) {
    const client = intent.kind === "wallet" ? (intent.client ?? null) : (asked.client ?? caller.client);
    return { unit, client: await openClient(call, client) };
  }
  const wallet = await demandWallet(call, intent.wallet, "body.intent.wallet");
  const former = intent.replaces === undefined ? undefined : await findRequest(call.tx, intent.replaces);
  const named = asked.client ?? (former === undefined ? (wallet.client ?? caller.client) : former.client);
  if (wallet.client !== null && named !== wallet.client)
    problem("CONFLICT", "body.client", `wallet ${wallet.name} is ${wallet.client}'s alone`);
  const client = former === undefined ? await openClient(call, named) : payerOfAll(call, former, named);
  const address = await findAddress(call.tx, wallet.name, asked.index);
  if (address === undefined) problem("NOT_FOUND", "body.index", `wallet ${wallet.name} has no address ${asked.index}`);
  await demandCovered(call, intent, { wallet: wallet.name, walletClient: wallet.client, client });
  return { unit: wallet.unit, client };
}

/** Whoever pays for a transaction pays for all of its versions. Fails: NOT_FOUND, CONFLICT. */
function payerOfAll({ caller }: Call, { client }: RequestRow, named: string | null): string | null {
  if (caller.client !== null && caller.client !== client)
    problem("NOT_FOUND", "body.intent.replaces", "there is no such request that you may see");
  if (named !== client) problem("CONFLICT", "body.client", "the transaction that it replaces is paid by another one");
  return client;
}

async function openClient(call: Call, name: string | null): Promise<string | null> {
  if (name === null) return null;
  const client = await findClient(call.tx, call.caller, name);
  if (client === undefined) problem("NOT_FOUND", "body.client", `there is no client ${name} that you may see`);
  if (client.state === "closed") problem("STATE_CONFLICT", "body.client", `client ${name} is closed`);
  return name;
}

/** Tells at once what the ledger would refuse later. Only the hold that is taken before the vault is asked binds. */
async function demandCovered(
  { house, tx }: Call,
  intent: Intent,
  { wallet, walletClient, client }: { wallet: string; walletClient: string | null; client: string | null },
): Promise<void> {
  if (!isOnChain(intent) || intent.replaces !== undefined) return;
  const movement = movementOf(intent, (await house.vault.view()).book);
  if (movement === null) problem("SIGNED_WRONG", "body.intent", "the rulebook knows no such asset on this chain");
  const holding = { wallet, client: walletClient };
  const { available } = await balanceOf(tx, positionKey(payerOf(holding, client), holding, movement.asset));
  if (available >= movement.amount) return;
  problem(
    "POSITION_SHORT",
    "body.intent.amount",
    `${available} base units of ${movement.asset} are available, ${movement.amount} are to be paid`,
  );
}

/** The request that is there already under this id or reference. Fails: CONFLICT. */
async function knownRequest(call: Call, it: { id: Hash; intent: Intent; asked: Asked }): Promise<RequestRow | null> {
  const { tx } = call;
  const known = await findRequest(tx, it.id);
  if (known !== undefined) {
    if (!isSameRequest(known, { ...it.asked, client: it.asked.client ?? known.client }))
      problem("CONFLICT", "body", "this intent was sent before, with another index or client");
    return demandRequest(call, it.id);
  }
  const other = it.intent.kind === "freeze" ? undefined : await requestByReference(tx, it.intent.reference);
  if (other !== undefined) problem("CONFLICT", "body.intent.reference", "this reference names another request");
  return null;
}

/** Whoever signs without end keeps nobody else from it, and the request can still be shown. Fails: STATE_CONFLICT. */
function demandRoom(decisions: readonly DecisionRow[], { key }: Pick<ReadDecision, "key">): void {
  const own = decisions.filter((decision) => decision.key === key);
  if (decisions.length < limits.decisions && own.length < limits.decisionsEach) return;
  problem("STATE_CONFLICT", "body.approval", "this key has signed too many decisions on this request; make a new request");
}

function rowOf(decision: ReadDecision, approval: Uint8Array, at: Date): DecisionRow {
  const { id, person, key } = decision;
  const said = decision.approval.decision as DecisionRow["decision"];
  return { id, request: decision.approval.subject, key, person, decision: said, approval, created_at: at };
}

type Renewal = {
  readonly id: Hash;
  readonly intent: Intent;
  readonly approval: Uint8Array;
  readonly standing: Standing;
};

/** A request that is sent again with a fresh signature of its initiator: that one counts from then on. */
async function renew(call: Call, known: RequestRow, { id, intent, approval, standing }: Renewal): Promise<RequestRow> {
  const { house, tx, caller } = call;
  const said = readDecision(approval, { id, intent }, standing);
  const own = said.ok && said.approval.decision === "initiate" && said.key === intent.initiator;
  if (!said.ok || !own) return known;
  const row = await demandRequest(call, known.id, lockVisibleRequest);
  if (row.state !== "open" && row.state !== "approved") return row;
  const decisions = await decisionsOn(tx, [row.id]);
  if (decisions.some((decision) => decision.id === said.id)) return row;
  demandRoom(decisions, said);
  const entered = rowOf(said, approval, new Date(house.now()));
  await insertDecision(tx, entered);
  const { unit, client } = row;
  const what = {
    data: { person: said.person },
    signed: approval,
    decision: decisionRecord(entered),
    record: requestRecord(row),
  };
  await emit(tx, { type: "request.renewed", subject: `request:${row.id}`, actor: caller.name, unit, client, ...what });
  await enqueue(tx, { kind: "carry-out", subject: row.id });
  return row;
}

/** A freeze goes to the vault before it is kept: what matters is that it binds. */
async function freezeNow(call: Call, row: RequestRow, approval: Uint8Array): Promise<RequestRow> {
  const { house, tx } = call;
  const receipt = await house.vault.ask({
    command: "execute",
    orders: [{ intent: row.intent }],
    approvals: [approval],
    facts: [],
  });
  const { code, field, detail } = receipt;
  if (code !== "OK") throw new Problem("SIGNED_WRONG", { field, detail, vaultCode: code });
  await consume(tx, house, row, await resultOf(house, demandIntent(row)));
  return (await findRequest(tx, row.id)) ?? row;
}

export const requests: Handlers<"requests"> = {
  async "requests.create"(call, { body }) {
    const { house, tx, caller } = call;
    const view = await house.vault.view();
    const standing = standingOf(view);
    const read = readIntent(body.intent, standing);
    if (!read.ok) problem("SIGNED_WRONG", read.field, read.detail);
    const { id, intent } = read;
    const index = body.index ?? 0;
    const known = await knownRequest(call, { id, intent, asked: { intent: body.intent, index, client: body.client ?? null } });
    if (known !== null) return showOne(call, await renew(call, known, { id, intent, approval: body.approval, standing }));
    const initiated = readDecision(body.approval, { id, intent }, standing);
    if (!initiated.ok) problem("SIGNED_WRONG", initiated.field, initiated.detail);
    const own = initiated.approval.decision === "initiate" && initiated.key === intent.initiator;
    if (!own) problem("SIGNED_WRONG", "body.approval", "the initiator himself signs the decision to initiate");
    const { unit, client } = await place(call, intent, { ...body, index });
    const now = new Date(house.now());
    const { kind, reference } = intent;
    const content = { id, kind, reference, unit, client, intent: body.intent, index, creator: caller.name };
    const answer = { answer_code: null, answer_field: null, answer_detail: null, answer_at: null };
    const dates = { not_after: new Date(intent.notAfter), created_at: now };
    const row = { ...content, state: "open" as const, execution: null, ...answer, ...dates };
    if (!(await insertRequest(tx, row))) problem("CONFLICT", "body.intent", "it is being sent at the same time; send it again");
    const first = rowOf(initiated, body.approval, now);
    await insertDecision(tx, first);
    const data = { kind, reference, person: initiated.person };
    const told = { data, signed: body.intent, record: requestRecord(row), decision: decisionRecord(first) };
    await emit(tx, { type: "request.created", subject: `request:${id}`, actor: caller.name, unit, client, ...told });
    const entered = { ...row, version: 1 };
    if (kind === "freeze") return showOne(call, await freezeNow(call, entered, body.approval));
    await enqueue(tx, { kind: "carry-out", subject: id });
    return show(entered, [first], { caller, view });
  },
  async "requests.list"(call, { query }) {
    const { house, tx, caller } = call;
    const view = await house.vault.view();
    let decisions: readonly DecisionRow[] = [];
    return paged({
      list: "requests.list",
      query,
      key: [Time, HashText],
      keyOf: (row: RequestRow) => [row.created_at.toISOString(), row.id] as const,
      read: async ({ after, take }) => {
        const before = after === null ? null : { at: new Date(after[0]), id: after[1] };
        const { state, kind, client } = query;
        const rows = await listRequests(tx, caller, { before, limit: take, state, kind, client });
        decisions = await decisionsOn(
          tx,
          rows.map(({ id }) => id),
        );
        return rows;
      },
      show: (row) => show(row, decisions, { caller, view }),
    });
  },
  async "requests.get"(call, { params }) {
    return showOne(call, await demandRequest(call, params.id));
  },
  async "requests.decide"(call, { params, body }) {
    const { house, tx, caller } = call;
    const row = await demandRequest(call, params.id, lockVisibleRequest);
    const view = await house.vault.view();
    const said = readDecision(body.approval, { id: row.id as Hash, intent: demandIntent(row) }, standingOf(view));
    if (!said.ok) problem("SIGNED_WRONG", said.field, said.detail);
    const { decision } = said.approval;
    if (decision !== "approve" && decision !== "reject" && decision !== "initiate")
      problem("SIGNED_WRONG", "body.approval", `${decision} is no decision on a request`);
    const now = new Date(house.now());
    const decisions = await decisionsOn(tx, [row.id]);
    if (decisions.some(({ id }) => id === said.id)) return show(row, decisions, { caller, view });
    if (row.state !== "open" && row.state !== "approved")
      problem("STATE_CONFLICT", "params.id", `this request is ${row.state}`);
    const { unit, client } = row;
    const entered = rowOf(said, body.approval, now);
    const what = { data: { person: said.person }, signed: body.approval, decision: decisionRecord(entered) };
    const told = { subject: `request:${row.id}`, actor: caller.name, unit, client, ...what };
    if (decision === "reject") {
      const { code, field, detail } = await house.vault.ask({ command: "object", approval: body.approval });
      if (code !== "OK") throw new Problem("SIGNED_WRONG", { field, detail, vaultCode: code });
      await insertDecision(tx, entered);
      const rejected = await changeRequest(tx, row.id, { state: "rejected" });
      await emit(tx, { type: "request.rejected", ...told, record: requestRecord(rejected) });
      if (row.execution !== null) await enqueue(tx, { kind: "carry-out", subject: row.id });
      return showOne(call, rejected);
    }
    demandRoom(decisions, said);
    await insertDecision(tx, entered);
    const type = decision === "approve" ? "request.approved" : "request.renewed";
    await emit(tx, { type, ...told, record: requestRecord(row) });
    await enqueue(tx, { kind: "carry-out", subject: row.id });
    return show(row, [...decisions, entered], { caller, view });
  },
  async "requests.withdraw"(call, { params }) {
    const { tx, caller } = call;
    const row = await demandRequest(call, params.id, lockVisibleRequest);
    if (row.state === "withdrawn") return showOne(call, row);
    // One that is approved is free again once nothing came of its execution.
    const isFree = isAlive(row) && row.execution === null;
    if (!isFree) problem("STATE_CONFLICT", "params.id", `this request is ${row.state}`);
    const { unit, client } = row;
    const data = { kind: row.kind };
    const withdrawn = await changeRequest(tx, row.id, { state: "withdrawn" });
    const told = { actor: caller.name, unit, client, data, record: requestRecord(withdrawn) };
    await emit(tx, { type: "request.withdrawn", subject: `request:${row.id}`, ...told });
    return showOne(call, withdrawn);
  },
};
