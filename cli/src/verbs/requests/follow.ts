/** Following a request that a server carries out by itself: what the vault said, what is on the chain, until it is done or
 *  cannot be.
 *
 *  What the server tells here is not proven; that money has moved shows in the chain, that a wallet is there the vault
 *  shows itself. */
import { setTimeout as sleep } from "node:timers/promises";
import type { WalletBody } from "@strongroom/core/protocol/command";
import { formatTime } from "@strongroom/core/text/render";
import type { Client } from "@strongroom/sdk/client";
import type { Execution, Request as Shown } from "@strongroom/sdk/contract/requests";
import { fetchWallet } from "@strongroom/sdk/vault/show";
import type { Request } from "../../desk/desk.ts";
import { getRequest } from "../../desk/server.ts";
import { Fault, fault, Told } from "../../faults.ts";
import { limits } from "../../limits.ts";
import { columns } from "../../screen.ts";
import { endIn } from "../../vault/execute.ts";
import { isOnChain } from "../../vault/fees.ts";
import type { Session } from "../../vault/session.ts";
import { type Answer, type Context, lineFor } from "../../verb.ts";
import { describeWallet } from "./wallet.ts";

export type Following = {
  readonly client: Client;
  readonly request: Request;
  readonly facts?: readonly Uint8Array[];
  readonly withinMs?: number;
};

/** Waits until a request is carried out and its transaction final by the server's policy.
 *  Fails: the vault's refusal, DELAY, NOT_MINED, NOT_CARRIED_OUT, TRANSACTION_FAILED, OTHER_MINED. */
export async function follow(context: Context, session: Session, it: Following): Promise<Answer> {
  for (const fact of it.facts ?? []) await it.client.call("facts.create", { body: { fact } });
  const { client, request, withinMs = limits.carriedOutMs } = it;
  const look = watcher(client, request);
  const since = performance.now();
  let told = "";
  for (let pause: number = limits.pollFirstMs; ; pause = Math.min(pause * 2, limits.pollMostMs / 2)) {
    const seen = await look();
    const words = stateOf(seen);
    if (words !== told) context.say(words);
    told = words;
    const verdict = verdictOf(seen, { waits: context.on("wait") });
    if (verdict === "done") return carriedOut(context, session, seen);
    if (typeof verdict === "object") throw verdict.error;
    if (performance.now() - since > withinMs) return tooLate(seen);
    await sleep(pause);
  }
}

/** One look: the request, its execution if there is one, and how long its refusal stands. */
export type Seen = {
  readonly request: Request;
  readonly shown: Shown;
  readonly execution: Execution | null;
  readonly refusedMs: number;
};

/** Looks again each time it is called. Fails: REQUEST_MISSING, `ApiProblem`. */
export function watcher(client: Client, request: Request): () => Promise<Seen> {
  let refusal = "";
  let since = performance.now();
  return async () => {
    const shown = (await getRequest(client, request.id)) ?? fault("REQUEST_MISSING", request.id, "the server has lost it");
    const { execution: id, answer, decisions } = shown;
    const newest = Math.max(0, ...decisions.map(({ createdAt }) => Date.parse(createdAt)));
    const isOld = answer === null || Date.parse(answer.at) < newest;
    const now = isOld ? "" : `${answer.code} ${answer.field}`;
    if (now !== refusal) since = performance.now();
    refusal = now;
    const execution = id === null ? null : await client.call("executions.get", { params: { id } });
    return { request, shown, execution, refusedMs: isOld ? 0 : performance.now() - since };
  };
}

/** The transaction that is on the chain, or the newest one. */
export function transactionIn({ execution }: Pick<Seen, "execution">): Execution["transactions"][number] | null {
  const all = execution?.transactions ?? [];
  return all.find(({ block }) => block !== null) ?? all.at(-1) ?? null;
}

/** What to wait for next, in words. */
function stateOf({ shown, execution }: Seen): string {
  const mined = transactionIn({ execution });
  if (mined !== null && mined.block !== null) return `in block ${mined.block}, ${mined.confirmations} confirmations`;
  if (execution !== null) return `${execution.state}${mined === null ? "" : `, transaction ${mined.state}`}`;
  return shown.answer === null ? shown.state : `${shown.state}; the vault said ${shown.answer.code}`;
}

type Verdict = "wait" | "done" | { readonly error: Error };

/** Whether it is done, or can never be as things stand. */
function verdictOf(seen: Seen, { waits }: { waits: boolean }): Verdict {
  const { shown, execution, request } = seen;
  if (execution !== null && isOnChain(request.intent)) return verdictOfExecution(execution, request);
  if (shown.state === "consumed") return "done";
  const { answer } = shown;
  const told = answer ?? { code: shown.state.toUpperCase(), field: "request", detail: `it is ${shown.state}` };
  if (shown.state === "rejected")
    return { error: new Told({ ...told, code: "INTENT_REJECTED", field: "request", detail: "somebody rejected it" }) };
  if (shown.state === "expired") return { error: new Told({ ...told, code: "EXPIRED" }) };
  if (shown.state === "voided" || shown.state === "withdrawn") return { error: new Told(told) };
  if (answer === null || seen.refusedMs < limits.settledMs || answer.code === "NOT_REGISTERED") return "wait";
  const until = endIn(answer);
  if (waits && (until !== null || COMES.has(answer.code))) return "wait";
  if (until === null) return { error: new Told(answer) };
  return { error: new Fault("DELAY", "delay", `it ends at ${formatTime(until)} by the vault's own time`) };
}

/** What the server goes on with by itself as soon as a source has stated it. */
const COMES = new Set(["FACT_MISSING", "FACT_STALE", "FACT_MOVED"]);

function verdictOfExecution(execution: Execution, { id }: Request): Verdict {
  const failed = execution.transactions.find(({ state, succeeded }) => state === "failed" || succeeded === false);
  if (failed !== undefined && execution.state === "settled")
    return { error: new Fault("TRANSACTION_FAILED", failed.id, `in block ${failed.block}`) };
  if (execution.state === "settled") return "done";
  if (execution.state === "aborted")
    return { error: new Fault("OTHER_MINED", id, "another version of it is final, or nothing came of it") };
  return "wait";
}

function tooLate(seen: Seen): never {
  const transaction = transactionIn(seen);
  if (transaction !== null && transaction.block === null) fault("NOT_MINED", transaction.id, "it is on its way");
  return fault("NOT_CARRIED_OUT", seen.request.id, stateOf(seen));
}

async function carriedOut(context: Context, session: Session, seen: Seen): Promise<Answer> {
  const { request, execution } = seen;
  const { id, intent } = request;
  const json = { request: id, carriedOut: true };
  if (intent.kind === "wallet") {
    const { text, json: wallet } = openedWallet(context, await fetchWallet(session, intent.wallet));
    return { text, json: { ...json, ...wallet } };
  }
  const mined = transactionIn(seen);
  if (execution === null || mined === null) return { text: `carried out\nrequest  ${id}`, json };
  const facts = [
    ["mined", `block ${mined.block}, ${mined.confirmations} confirmations`],
    ["transaction", mined.id],
    ["request", id],
  ];
  return { text: columns(facts), json: { request: id, transaction: mined.id, block: mined.block ?? 0, settled: true } };
}

/** A wallet that has just been opened. */
export function openedWallet(context: Context, wallet: WalletBody): Answer {
  const { text, json } = describeWallet(wallet);
  return { text: `opened\n${text}\nnext        ${lineFor(context.home, `address ${wallet.wallet}`)}`, json };
}
