/** From a request with its approvals to a mined transaction. Every step may be taken again: the vault returns its one
 *  execution, the node knows the transaction, and the wait is a wait. */

import { setTimeout as sleep } from "node:timers/promises";
import { attempt } from "@strongroom/core/errors";
import { DelayBody, type EvmContext } from "@strongroom/core/protocol/command";
import { countsAt } from "@strongroom/core/signed/head";
import { decode } from "@strongroom/core/signed/object";
import { shortId } from "@strongroom/sdk/device/show";
import { VaultRefused } from "@strongroom/sdk/vault/session";
import { transactionOf } from "@strongroom/sdk/verify/transaction";
import { broadcast, isKnown, type Mined, type Node, type Patience, waitMined } from "../chain/evm.ts";
import { closeRequest, keepExecution, type Request, rivalsOf, type Version, versionOf } from "../device/requests.ts";
import { fault } from "../faults.ts";
import { duration } from "../screen.ts";
import { contextFor } from "./fees.ts";
import type { Session } from "./session.ts";

/** Starts the delay of an intent; gives its begin by the vault's time, and again the same. Fails: `VaultRefused`. */
export async function register(session: Session, request: Request): Promise<number> {
  const approvals = currentApprovals(session, request).sent;
  const body = await session.demand({ command: "register", intent: request.bytes, approvals });
  const delay = attempt(() => decode(DelayBody, body));
  const fits = delay.ok && delay.value.subject === request.id;
  return fits ? delay.value.since : fault("RECEIPT_FORGED", "delay", "it is not about what was registered");
}

/** Waits until the vault's own lower bound of the time has reached `until`. */
export async function waitUntil(session: Session, until: number, say: (line: string) => void): Promise<void> {
  for (;;) {
    const { at } = await session.ask({ command: "head" });
    if (at >= until) return;
    const left = until - at;
    if (left > 2_000) say(`a delay of the rulebook runs for another ${duration(left)}`);
    await sleep(Math.min(left + 20, 5_000));
  }
}

/** When a delay or a cooling-off time is over by the vault's time, and how long it still runs, from the refusal DELAY_RUNNING
 *  or ENTRY_TOO_YOUNG; null for any other, and for a destination that never comes of age. */
export function endOfDelay(error: unknown): { readonly until: number; readonly leftMs: number } | null {
  if (!(error instanceof VaultRefused)) return null;
  const { at, code, detail } = error.receipt;
  const until = endIn({ code, detail });
  return until === null ? null : { until, leftMs: Math.max(0, until - at) };
}

/** When what a refusal speaks of is over, by the vault's time; null for what no time alone ends. */
export function endIn({ code, detail }: { readonly code: string; readonly detail: string }): number | null {
  const [, until] = /ends at (\d{1,15})/.exec(detail) ?? [];
  return until === undefined || (code !== "DELAY_RUNNING" && code !== "ENTRY_TOO_YOUNG") ? null : Number(until);
}

/** The approvals that can still count, and for each of the others whose it is and why not: one that the vault must refuse would
 *  spoil all of them. Where the initiator's own is stale, all are sent, so that the vault says why. */
export function currentApprovals(
  session: Session,
  { approvals, intent }: Pick<Request, "approvals" | "intent">,
): { readonly sent: readonly Uint8Array[]; readonly left: readonly string[] } {
  const [book, head] = [session.book(), session.head()];
  const sent: Uint8Array[] = [];
  const left: string[] = [];
  for (const { approval, bytes } of approvals) {
    const person = book.holders.get(approval.key)?.person;
    if (person === undefined) left.push("that of a key that is not enrolled");
    else if (approval.rulebook !== book.id) left.push(`${person}'s, given under another rulebook`);
    else if (!countsAt(head, approval.boot)) left.push(`${person}'s, given before the vault's last start`);
    else if (approval.notAfter <= head.at) left.push(`${person}'s, which has expired`);
    else sent.push(bytes);
  }
  const initiated = approvals.some(({ approval, bytes }) => approval.key === intent.initiator && sent.includes(bytes));
  return initiated ? { sent, left } : { sent: approvals.map(({ bytes }) => bytes), left: [] };
}

/** Has the vault carry out an intent. Fails: `VaultRefused`. */
export async function execute(
  session: Session,
  request: Request,
  { context, facts = [] }: { context?: EvmContext; facts?: readonly Uint8Array[] },
): Promise<Uint8Array> {
  const order = context === undefined ? { intent: request.bytes } : { intent: request.bytes, context };
  const approvals = currentApprovals(session, request).sent;
  return session.demand({ command: "execute", orders: [order], approvals, facts });
}

/** Has the vault sign a payment or cancellation, and keeps what it returns.
 *  Fails: `VaultRefused`, EXECUTION_WRONG, as `contextFor`. */
export async function executeOnChain(
  session: Session,
  request: Request,
  node: Node,
  facts: readonly Uint8Array[] = [],
): Promise<Request> {
  const context = await contextFor(session, request, node);
  const body = await execute(session, request, { context, facts });
  transactionOf(session.book(), body, request);
  return keepExecution(request, body);
}

/** Hands the signed transaction of a request to the node and gives its id. Where the node has taken another version of it,
 *  that is no failure: one of them will be mined. Fails: REQUEST_MISSING, CHAIN_UNREACHABLE, CHAIN_ERROR. */
export async function sendSigned(request: Request, node: Node, rivals: readonly Version[] = []): Promise<string> {
  const { transaction } = versionOf(request) ?? fault("REQUEST_MISSING", request.id, "the vault has not signed it yet");
  try {
    await broadcast(node, transaction.raw, transaction.id);
  } catch (error) {
    const taken = await Promise.all(rivals.map((rival) => isKnown(node, rival.transaction.id)));
    if (!taken.includes(true)) throw error;
  }
  return transaction.id;
}

/** Broadcasts the signed transaction of a request and waits until it, or another version of it, is mined; then notes the end
 *  of all of them.
 *  Fails: as `sendSigned`, NOT_MINED, TRANSACTION_FAILED, OTHER_MINED. */
export async function bringToChain(
  session: Pick<Session, "home">,
  request: Request,
  node: Node,
  patience: Patience = {},
): Promise<Mined & { id: string }> {
  const rivals = await rivalsOf(session.home, request);
  const id = await sendSigned(request, node, rivals);
  const mined = await waitMined(node, [id, ...rivals.map(({ transaction }) => transaction.id)], patience);
  const winner = rivals.find(({ transaction }) => transaction.id === mined.id)?.request ?? request;
  const all = [request, ...rivals.map((rival) => rival.request)];
  await closeMined(winner, all, mined);
  if (winner !== request) fault("OTHER_MINED", request.id, `request ${winner.id} was mined in block ${mined.block}`);
  if (!mined.succeeded) fault("TRANSACTION_FAILED", id, `in block ${mined.block}`);
  return mined;
}

/** Notes that one version is mined and the others never will be. */
export async function closeMined(winner: Request, all: readonly Request[], { block, succeeded }: Mined): Promise<void> {
  const end = `${succeeded ? "mined" : "failed"} in block ${block}`;
  for (const request of all) {
    await closeRequest(request, request.id === winner.id ? end : `never mined: ${shortId(winner.id)} took its place`);
  }
}
