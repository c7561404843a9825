/** Carrying out intents, all of a command or none, in one fixed order with a refusal at the first failure (DESIGN §4). */
import { demand, refuse } from "@strongroom/core/errors";
import type { CommandOf, EvmContext } from "@strongroom/core/protocol/command";
import { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf } from "@strongroom/core/signed/object";
import { render, textHash } from "@strongroom/core/text/render";
import { get, has } from "../state/map.ts";
import type { JobState, Opening } from "../state/state.ts";
import type { Job, Now, Outcome } from "../types.ts";
import { approversOf, type Founded, type Given, holderOf, readApprovals } from "./approvals.ts";
import { carryOut } from "./book.ts";
import { ok, recordAt } from "./draft.ts";
import type { Stated } from "./facts.ts";
import { demandThawed, freeze, freezeBody, type Touched, unfreeze } from "./freeze.ts";
import { type OnChain, type Order, type Resolved, resolve } from "./resolve.ts";
import { demandRules } from "./rules.ts";
import { executionBody, walletBody } from "./show.ts";
import { emptyDraft, jobId, prepare, signingPart } from "./transaction.ts";

/** What all orders of a command share once it is read. */
type Case = {
  readonly orders: readonly Order<Intent>[];
  readonly given: readonly Given[];
  readonly stated: readonly Stated[];
  readonly approvals: readonly Uint8Array[];
};

/** The answer to intents that were carried out already, or undefined when they are new (or were withheld): the same intents
 *  get their one execution, whatever approvals, facts and context come with them. Fails: codes of `decode`, INTENT_USED. */
export function recall(state: Founded, command: CommandOf<"execute">): Outcome | undefined {
  const orders = readOrders(command);
  const [first] = orders;
  const used = first === undefined ? undefined : get(state.intents, first.id);
  if (first !== undefined && orders.length === 1 && used !== undefined && "done" in used) return doneBefore(state, first);
  const job = knownJob(state, orders);
  if (job === undefined || job.status === "withheld") return undefined;
  if (job.status === "signed") return { records: [], effects: [ok(executionBody(job))] };
  return { records: [], effects: [{ reply: { wait: job.id } }, { sign: signingJob(job) }] };
}

/** The answer that an intent without a transaction got. A freeze that was lifted is not answered as if it held. */
function doneBefore(state: Founded, { id, intent }: Order<Intent>): Outcome {
  if (intent.kind === "freeze") {
    demand(has(state.freezes, id), "INTENT_USED", "orders", "this freeze was lifted");
    return { records: [], effects: [ok(freezeBody(state, id))] };
  }
  if (intent.kind !== "wallet") return { records: [], effects: [ok()] };
  const wallet = get(state.wallets, intent.wallet);
  if (wallet !== undefined) return { records: [], effects: [ok(walletBody(wallet))] };
  const { path } = get(state.openings, id) as Opening;
  return { records: [], effects: [{ reply: { wait: id } }, { create: { id, path, scheme: "secp256k1" } }] };
}

/** Fails: codes of `decode`, INTENT_USED, BATCH_MIXED, WRONG_DEPLOYMENT, EXPIRED, INTENT_REJECTED, REFERENCE_USED, those of
 *  approvals, resolve, rules, freeze, transaction. */
export function execute(state: Founded, now: Now, command: CommandOf<"execute">, stated: readonly Stated[]): Outcome {
  const orders = readOrders(command);
  const job = knownJob(state, orders);
  for (const order of orders) demandOpen(state, now, order, job);
  const { approvals } = command;
  const [first] = orders as readonly [Order<Intent>, ...Order<Intent>[]];
  if (first.intent.kind === "freeze") return freeze(state, now, { order: { ...first, intent: first.intent }, approvals });
  const texts = new Map(orders.map(({ id, intent }) => [id, textHash(render(intent, state.book))]));
  const given = readApprovals(state, now, approvals, {
    decisions: ["initiate", "approve"],
    text: (subject) => texts.get(subject),
  });
  const it: Case = { orders, given, stated, approvals };
  if (isOnChain(first)) return job === undefined ? commit(state, now, it) : resume(state, now, it, job);
  return offChain(state, now, it, first);
}

function readOrders(command: CommandOf<"execute">): readonly Order<Intent>[] {
  const orders = command.orders.map(({ intent, context }) => {
    return {
      id: idOf(Intent, intent),
      bytes: intent,
      intent: decode(Intent, intent),
      context: context as EvmContext | undefined,
    };
  });
  const together = orders.length === 1 || orders.every(isOnChain);
  demand(together, "BATCH_MIXED", "orders", "only payments and cancellations are carried out together");
  demand(new Set(orders.map((order) => order.id)).size === orders.length, "BATCH_MIXED", "orders", "an intent comes twice");
  return orders;
}

function isOnChain(order: Order<Intent>): order is Order<OnChain> {
  return order.intent.kind === "pay" || order.intent.kind === "cancel";
}

/** The job that carried out exactly these intents, if there is one. Fails: INTENT_USED for anything else that is known. */
function knownJob(state: Founded, orders: readonly Order<Intent>[]): JobState | undefined {
  const known = orders.map((order) => get(state.intents, order.id));
  if (known.every((used) => used === undefined)) return undefined;
  const [first] = known;
  const job = first !== undefined && "job" in first ? get(state.jobs, first.job) : undefined;
  const same = job?.parts.length === orders.length && orders.every((order, at) => order.id === job.parts[at]?.id);
  if (!same) refuse("INTENT_USED", "orders", "an intent was carried out already, alone or with others");
  return job;
}

/** What the key store is asked for. */
export function signingJob(job: Pick<JobState, "id" | "parts">): Job {
  return { id: job.id, parts: job.parts.map(signingPart) };
}

function demandOpen(state: Founded, now: Now, { id, intent }: Order<Intent>, job: JobState | undefined): void {
  demand(intent.deployment === state.deployment, "WRONG_DEPLOYMENT", "intent.deployment", "it is for another deployment");
  demand(intent.notAfter > now.hi, "EXPIRED", "intent.notAfter", "the intent has expired");
  demand(!has(state.rejected, id), "INTENT_REJECTED", "intent", "it was rejected");
  const holder = get(state.references, intent.reference);
  demand(
    job !== undefined || holder === undefined,
    "REFERENCE_USED",
    "intent.reference",
    `${intent.reference} names intent ${holder}`,
  );
}

/** Judges payments; everything but limits, nonces and bytes. */
function judgeOnChain(state: Founded, now: Now, it: Case): readonly Resolved[] {
  return it.orders.map((order) => {
    const resolved = resolve(state, order as Order<OnChain>);
    const approvers = approversOf(it.given, { id: order.id, initiator: order.intent.initiator });
    demandThawed(state, touchedBy(resolved, approvers));
    const screened = `address:${resolved.chain.id}:${resolved.transfer.to}`;
    demandRules(state, now, { id: order.id, subject: resolved.subject, approvers, stated: it.stated, screened });
    return resolved;
  });
}

function touchedBy({ order, chain, asset, wallet, transfer, subject }: Resolved, approvers: readonly Given[]): Touched {
  const persons = approvers.map((approver) => approver.person);
  if (order.intent.kind === "cancel") return { persons, cancels: true };
  const destination = subject.destination as string;
  return { chain: chain.id, asset: asset.id, wallet: wallet.name, destination, address: transfer.to, persons };
}

function commit(state: Founded, now: Now, it: Case): Outcome {
  const resolved = judgeOnChain(state, now, it);
  const references = new Set(it.orders.map((order) => order.intent.reference));
  demand(references.size === it.orders.length, "REFERENCE_USED", "orders", "two intents carry one reference");
  const draft = emptyDraft();
  const parts = resolved.map((item) => prepare(state, now, draft, item));
  const id = jobId(
    parts,
    it.orders.map((order) => order.id),
  );
  const record = recordAt(now, { kind: "committed", job: id, parts, approvals: it.approvals });
  return { records: [record], effects: [{ reply: { wait: id } }, { sign: { id, parts: parts.map(signingPart) } }] };
}

/** A commitment whose signature was withheld by a freeze: fresh approvals, the same bytes. */
function resume(state: Founded, now: Now, it: Case, job: JobState): Outcome {
  judgeOnChain(state, now, it);
  const record = recordAt(now, { kind: "resumed", job: job.id, approvals: it.approvals });
  return { records: [record], effects: [{ reply: { wait: job.id } }, { sign: signingJob(job) }] };
}

function offChain(state: Founded, now: Now, it: Case, order: Order<Intent>): Outcome {
  const approvers = approversOf(it.given, { id: order.id, initiator: order.intent.initiator });
  const { intent } = order;
  const { approvals } = it;
  if (intent.kind === "unfreeze") {
    const persons = approvers.filter((approver) => approver.class === "device").map((approver) => approver.person);
    return unfreeze(state, now, { order: { ...order, intent }, approvals, persons });
  }
  const { person } = holderOf(state, intent.initiator, "intent.initiator");
  return carryOut(state, now, { order, person, approvers, stated: it.stated, approvals });
}

/** What a job touches, for the freeze that is checked again before a signature leaves. */
export function touchedByJob(state: Founded, job: JobState): readonly Touched[] {
  return job.parts.map(({ pay, chain }) => {
    const persons = [state.book.holders.get(pay.initiator)?.person ?? ""];
    if (pay.kind === "cancel") return { persons, cancels: true };
    return {
      chain,
      asset: pay.asset,
      wallet: pay.wallet,
      destination: pay.destination.entry,
      address: pay.destination.address,
      persons,
    };
  });
}
