/** Carrying requests out: the vault is asked whenever something may have changed its mind, and what it answers is kept.
 *
 *  The vault alone decides. Here a request only moves between the states of DESIGN section 4, by the vault's signed answers. */
import { setTimeout as sleep } from "node:timers/promises";
import { Entry } from "@strongroom/core/signed/entry";
import type { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf } from "@strongroom/core/signed/object";
import type { Receipt } from "@strongroom/core/signed/receipt";
import type { Tx } from "../db/tables.ts";
import { transact } from "../db/transact.ts";
import { entryRecord } from "../entries/rules.ts";
import { insertEntry, retireEntry } from "../entries/store.ts";
import { emit } from "../events/store.ts";
import { type Acting, carryToChain, rehearse } from "../executions/jobs.ts";
import { isOnChain } from "../executions/rules.ts";
import { executionOf } from "../executions/store.ts";
import { type Explanation, explain, isNews, keep } from "../explanations/jobs.ts";
import { factsFor } from "../facts/jobs.ts";
import type { House } from "../host/context.ts";
import { limits } from "../host/limits.ts";
import { problem } from "../http/call.ts";
import type { Job, Keeper, Workers } from "../jobs/jobs.ts";
import { demandFence, enqueue, type Lease, transactHolding } from "../jobs/store.ts";
import { walletRecord } from "../wallets/rules.ts";
import { insertWallet } from "../wallets/store.ts";
import { approvalOf, intentOf, isAlive, meaningOf, nextTurnOf, requestRecord, restOfDelay, staleness } from "./rules.ts";
import {
  changeRequest,
  decisionsOn,
  findRequest,
  lockRequest,
  overdueRequests,
  type RequestChange,
  type RequestRow,
  refusedRequests,
} from "./store.ts";

type Done = "done" | { readonly again: Date };

/** How much later than the vault's own time it is asked again. */
const GRACE_MS = 50;

/** The approvals that can count now, one for each key, the newest. Fails: RECORD_TAMPERED. */
export async function currentApprovals(house: House, request: Pick<RequestRow, "id" | "kind">): Promise<readonly Uint8Array[]> {
  const { book, head } = await house.vault.view();
  // What expires does so by the later clock.
  const standing = { book, starts: head, at: Math.max(head.at, house.now()) };
  const newest = new Map<string, Uint8Array>();
  for (const row of await decisionsOn(house.db, [request.id])) {
    const read = approvalOf(row, book);
    if (read === null) problem("RECORD_TAMPERED", "decision", `decision ${row.id} is not what was signed`);
    const counts =
      read.enrolled && row.decision !== "reject" && (request.kind === "freeze" || staleness(read.approval, standing) === null);
    if (counts) newest.set(row.key, row.approval);
  }
  return [...newest.values()];
}

/** The intent of a stored request. Fails: RECORD_TAMPERED. */
export function demandIntent(request: RequestRow): Intent {
  return (
    intentOf(request) ?? problem("RECORD_TAMPERED", "request", `the record of request ${request.id} is not what was signed`)
  );
}

/** What became of a request that the vault carried out off the chain: the signed receipt that shows the new thing. */
export type Result = {
  readonly intent: Intent;
  readonly shown: (Receipt & { readonly bytes: Uint8Array }) | null;
  /** What the vault said of it before. */
  readonly explained?: Explanation;
};

/** Fetches what shows the result of an intent that was carried out. */
export async function resultOf(house: House, intent: Intent): Promise<Result> {
  if (intent.kind === "wallet") {
    const shown = await house.vault.ask({ command: "show", what: "wallet", name: intent.wallet });
    return { intent, shown: shown.code === "OK" ? shown : null };
  }
  if (intent.kind === "entry") {
    const { name } = decode(Entry, intent.entry);
    const shown = await house.vault.ask({ command: "show", what: "entry", name });
    return { intent, shown: shown.code === "OK" ? shown : null };
  }
  return { intent, shown: null };
}

/** Notes a result: the request is consumed, and what it made is entered. */
export async function consume(tx: Tx, house: House, request: RequestRow, result: Result): Promise<void> {
  const { intent, shown, explained } = result;
  const { id, unit, client } = request;
  const now = new Date(house.now());
  const answer = { answer_code: "OK", answer_field: "", answer_detail: "", answer_at: now };
  const record = requestRecord(await changeRequest(tx, id, { state: "consumed", ...answer }));
  const told = { actor: "vault", unit, client, ...(shown !== null && { signed: shown.bytes }) };
  const why = explained === undefined ? {} : await keep(tx, explained, now);
  const data = { kind: request.kind, ...why };
  await emit(tx, { type: "request.consumed", subject: `request:${id}`, ...told, data, record });
  if (intent.kind === "wallet" && shown !== null) await enterWallet(tx, { request, intent, shown, now });
  if (intent.kind === "entry" && shown !== null) await enterEntry(tx, { request, intent, shown, now });
  if (intent.kind === "retire") {
    const retired = await retireEntry(tx, intent.hash, now);
    const what = { data: { hash: intent.hash, request: id }, ...(retired !== undefined && { record: entryRecord(retired) }) };
    await emit(tx, { type: "entry.retired", subject: `entry:${intent.name}`, ...told, ...what });
  }
  if (intent.kind === "freeze")
    await emit(tx, {
      type: "freeze.set",
      subject: `freeze:${id}`,
      ...told,
      data: { level: intent.level, subject: intent.subject },
    });
  if (intent.kind === "unfreeze") {
    await emit(tx, { type: "freeze.lifted", subject: `freeze:${intent.freeze}`, ...told, data: { request: id } });
    await enqueue(tx, { kind: "retry-frozen", subject: "all" });
  }
}

type Made<K extends Intent["kind"]> = {
  readonly request: RequestRow;
  readonly intent: Extract<Intent, { readonly kind: K }>;
  readonly shown: Receipt & { readonly bytes: Uint8Array };
  readonly now: Date;
};

async function enterWallet(tx: Tx, { request, intent, shown, now }: Made<"wallet">): Promise<void> {
  const { wallet: name, chain, walletClass, client = null } = intent;
  const { unit } = request;
  const row = { name, chain, wallet_class: walletClass, client, unit, label: null, receipt: shown.bytes, created_at: now };
  await insertWallet(tx, row);
  const data = { chain, walletClass, request: request.id };
  const told = { actor: "vault", unit, client, data, signed: shown.bytes, record: walletRecord({ ...row, version: 1 }) };
  await emit(tx, { type: "wallet.opened", subject: `wallet:${name}`, ...told });
}

async function enterEntry(tx: Tx, { request, intent, shown, now }: Made<"entry">): Promise<void> {
  const { name, chain, address, class: kind, party } = decode(Entry, intent.entry);
  const hash = idOf(Entry, intent.entry);
  const columns = { hash, name, chain, address, class: kind, party, entry: intent.entry, receipt: shown.bytes };
  const draft = { ...columns, state: "current", request: request.id, created_at: now, retired_at: null } as const;
  const record = entryRecord(await insertEntry(tx, draft));
  const data = { hash, chain, address, class: kind, party, request: request.id };
  const told = { actor: "vault", unit: request.unit, data, signed: shown.bytes, record };
  await emit(tx, { type: "entry.entered", subject: `entry:${name}`, ...told });
}

/** Notes a refusal with its explanation, and says when the vault is to be asked again. */
async function noteRefusal(
  house: Acting,
  { id, kind }: Pick<RequestRow, "id" | "kind">,
  answer: Pick<Receipt, "code" | "field" | "detail">,
  explained?: Explanation,
): Promise<Done> {
  const { code, field, detail } = answer;
  const meaning = meaningOf(code, field);
  const state = meaning === "open" || meaning === "wait" ? null : meaning;
  const now = new Date(house.now());
  await transactHolding(house.db, house.fence, async (tx) => {
    const request = await lockRequest(tx, id);
    if (request === undefined || !isAlive(request)) return;
    const said: RequestChange = { answer_code: code, answer_field: field, answer_detail: detail, answer_at: now };
    const changed = await changeRequest(tx, id, state === null ? said : { ...said, state });
    const same = request.answer_code === code && request.answer_field === field && state === null;
    if (same && (explained === undefined || !(await isNews(tx, explained)))) return;
    const why = explained === undefined ? {} : await keep(tx, explained, now);
    const { unit, client } = request;
    await emit(tx, {
      type: `request.${state ?? "refused"}`,
      subject: `request:${id}`,
      actor: "vault",
      unit,
      client,
      data: { code, field, detail, ...why },
      ...(explained !== undefined && { signed: explained.receipt }),
      record: requestRecord(changed),
    });
  });
  if (meaning === "open") return askedAtTurn(house, kind);
  if (meaning !== "wait") return "done";
  const rest = restOfDelay(detail);
  return { again: new Date(house.now() + (rest === null ? limits.askAgainMs : rest + GRACE_MS)) };
}

/** What rules that read the time refuse now they may allow at another hour. */
async function askedAtTurn(house: House, kind: Intent["kind"]): Promise<Done> {
  const { book, head } = await house.vault.view();
  const at = house.now();
  const turn = nextTurnOf(book, kind, { at, lagMs: Math.max(0, at - head.at) });
  return turn === null ? "done" : { again: new Date(turn + GRACE_MS) };
}

/** Asks the vault about a request that is alive, or for which something is set aside that nobody has signed. */
async function carryOut(house: Acting, id: string): Promise<Done> {
  const request = await findRequest(house.db, id);
  const begun = await executionOf(house.db, id);
  const isOpen = request !== undefined && (isAlive(request) || begun?.receipt === null);
  if (!isOpen) return "done";
  const intent = demandIntent(request);
  const approvals = await currentApprovals(house, request);
  const facts = await factsFor(house, request, intent);
  if (isOnChain(intent)) {
    const payment = { request, intent, approvals, facts };
    const explained = begun === undefined ? await rehearse(house, payment) : undefined;
    if (explained !== undefined && explained.verdict.code !== "OK") return refused(house, { request, approvals, explained });
    const attempt = await carryToChain(house, payment, explained);
    if (attempt.is === "short") return noteShort(house, request, attempt.detail);
    if (attempt.is === "refused") return refused(house, { request, approvals, ...attempt });
    if (attempt.is !== "held") return "done";
    const { refusal } = attempt;
    // What is set aside ends with the vault's commitment, not with what it says of one attempt.
    const isPassing = refusal !== undefined && ["open", "wait"].includes(meaningOf(refusal.code, refusal.field));
    if (isPassing) await noteRefusal(house, request, refusal, attempt.explained);
    return { again: new Date(house.now() + limits.askAgainMs) };
  }
  const explained = await explain(house, { request, approvals, facts });
  const orders = [{ intent: request.intent }];
  const receipt = await house.vault.ask({ command: "execute", orders, approvals, facts });
  if (receipt.code !== "OK") return refused(house, { request, approvals, refusal: receipt, explained });
  const result = { ...(await resultOf(house, intent)), explained };
  await transactHolding(house.db, house.fence, async (tx) => {
    const row = await lockRequest(tx, id);
    // What the vault has done is there, even if the request was withdrawn meanwhile.
    if (row !== undefined && row.state !== "consumed") await consume(tx, house, row, result);
  });
  house.wake();
  return "done";
}

/** `refusal`: where it is another one than the explanation says. */
type Refusal = {
  readonly request: RequestRow;
  readonly approvals: readonly Uint8Array[];
  readonly explained: Explanation;
  readonly refusal?: Receipt;
};

/** A delay starts with its registration, which is made here as soon as the vault asks for it. */
async function refused(house: Acting, { request, approvals, explained, refusal }: Refusal): Promise<Done> {
  const answer = refusal ?? explained.verdict;
  if (answer.code !== "NOT_REGISTERED") return noteRefusal(house, request, answer, explained);
  const registered = await house.vault.ask({ command: "register", intent: request.intent, approvals });
  if (registered.code !== "OK") return noteRefusal(house, request, registered, explained);
  await noteRefusal(house, request, answer, explained);
  return { again: new Date(house.now()) };
}

async function noteShort(house: Acting, request: RequestRow, detail: string): Promise<Done> {
  await noteRefusal(house, request, { code: "POSITION_SHORT", field: "position", detail });
  return { again: new Date(house.now() + limits.askAgainMs) };
}

export const requestWorkers: Workers = {
  "carry-out": (house, { subject, fence }) => carryOut({ ...house, fence }, subject),
  /** What was frozen may go on. */
  "retry-frozen": (house, job) => carryOutAgain(house, job, ["FROZEN"]),
  /** A start is confirmed: what was approved before it may count again. */
  "retry-confirmed": (house, job) =>
    carryOutAgain(house, job, ["BOOT_STALE", "INITIATOR_MISSING", "QUORUM_MISSING", "START_UNCONFIRMED"]),
};

async function carryOutAgain(house: House, { fence }: Pick<Job, "fence">, codes: readonly string[]): Promise<Done> {
  for (let after: RequestRow | undefined, isLast = false; !isLast; ) {
    const waiting = await refusedRequests(house.db, { codes, limit: limits.batch, after });
    await transactHolding(house.db, fence, async (tx) => {
      for (const { id: subject } of waiting) await enqueue(tx, { kind: "carry-out", subject });
    });
    isLast = waiting.length < limits.batch;
    after = waiting.at(-1);
  }
  return "done";
}

/** Has requests whose life is over come to their end, again and again. */
export const expiryKeeper: Keeper = {
  name: "request-expiry",
  async run(house, { lease, signal }) {
    while (!signal.aborted) {
      await expireOverdue(house, lease);
      await sleep(limits.expireMs, undefined, { signal }).catch(() => null);
    }
  },
};

/** Only the vault says that an intent has expired: it may have committed itself to it, whoever asked for that. */
async function expireOverdue(house: House, lease: Lease): Promise<void> {
  const overdue = await overdueRequests(house.db, { at: new Date(house.now()), limit: limits.batch });
  if (overdue.length === 0) return;
  await transact(house.db, async (tx) => {
    await demandFence(tx, lease);
    for (const { id: subject } of overdue) await enqueue(tx, { kind: "carry-out", subject });
  });
}
