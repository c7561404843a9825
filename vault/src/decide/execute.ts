/** Carrying out intents, all of a command or none, in one fixed order with a refusal at the first failure (DESIGN §4). */
import { demand, refuse } from "@strongroom/core/errors";
import type { CommandOf, EvmContext } from "@strongroom/core/protocol/command";
import type { Intent, IntentOf } from "@strongroom/core/signed/intent";
import { render, textHash } from "@strongroom/core/text/render";
import { hash } from "../state/hash.ts";
import { readIntent } from "../state/intent.ts";
import { get, has } from "../state/map.ts";
import { type Founded, type JobPart, type JobState, jobAt, type Opening } from "../state/state.ts";
import type { Now, Outcome } from "../types.ts";
import { ok, recordAt } from "./draft.ts";
import { enter, retire } from "./entry.ts";
import { approversOf, type Expected, type Given, holderOf, readApprovals } from "./evidence/approvals.ts";
import type { Stated } from "./evidence/facts.ts";
import { quotesOf } from "./evidence/prices.ts";
import { freeze, freezeBody, unfreeze } from "./freeze.ts";
import {
  aboutOf,
  isOnChain,
  type Named,
  type OnChain,
  type Order,
  type Resolved,
  resolve,
  resolveAgain,
  subjectOf,
  touchedBy,
} from "./payment/resolve.ts";
import { demandStillRight, emptyDraft, jobId, prepare, signingJob } from "./payment/transaction.ts";
import { demandOpen, demandRules, type Judged } from "./rules.ts";
import { executionBody, walletBody } from "./show/show.ts";
import { createKey, openWallet } from "./wallet.ts";

/** An `execute` that was read. `orders` are all on a chain, or it is one. `job`: the one that has these very intents. */
export type Asked = {
  readonly first: Order<Intent>;
  readonly orders: readonly Order<Intent>[];
  readonly approvals: readonly Uint8Array[];
  readonly job: JobState | undefined;
};

/** Fails: codes of `decode`, BATCH_MIXED, INTENT_USED. */
export function readExecute(
  state: Founded,
  { orders: sent, approvals }: Pick<CommandOf<"execute">, "orders" | "approvals">,
): Asked {
  const orders = sent.map(({ intent, context }): Order<Intent> => {
    return { ...readIntent(intent), bytes: intent, context: context as EvmContext | undefined };
  });
  const together = orders.length === 1 || orders.every(isTransaction);
  demand(together, "BATCH_MIXED", "orders", "only payments, calls and cancellations are carried out together");
  demand(new Set(orders.map((order) => order.id)).size === orders.length, "BATCH_MIXED", "orders", "an intent comes twice");
  return { first: orders[0] as Order<Intent>, orders, approvals, job: knownJob(state, orders) };
}

export function isTransaction(order: Order<Intent>): order is Order<OnChain> {
  return isOnChain(order.intent);
}

/** The job that carried out exactly these intents, if there is one. Fails: INTENT_USED when they were carried out otherwise. */
function knownJob(state: Founded, orders: readonly Order<Intent>[]): JobState | undefined {
  const known = orders.map((order) => get(state.intents, order.id));
  const [used] = known;
  if (known.every((one) => one === undefined)) return undefined;
  if (used !== undefined && "done" in used) return undefined;
  const job = used && jobAt(state, used.job);
  const same = job?.parts.length === orders.length && orders.every((order, at) => order.id === job.parts[at]?.id);
  if (!same) refuse("INTENT_USED", "orders", "an intent was carried out already, alone or with others");
  return job;
}

/** The answer to intents that were carried out already, or undefined when they are new (or were withheld): the same intents
 *  get their one execution, whatever approvals, facts and context come with them. Fails: INTENT_USED for a lifted freeze. */
export function recall(state: Founded, { first, job }: Asked): Outcome | undefined {
  if (has(state.intents, first.id) && job === undefined) return doneBefore(state, first);
  if (job === undefined || job.status === "withheld") return undefined;
  if (job.status === "signed") return { records: [], effects: [ok(executionBody(state, job))] };
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
  return { records: [], effects: createKey(id, get(state.openings, id) as Opening) };
}

/** What the orders of a command share once its approvals are read. */
export type Case = {
  readonly given: readonly Given[];
  readonly stated: readonly Stated[];
  readonly approvals: readonly Uint8Array[];
};

/** Fails: those of `demandOpen`, approvals, resolve, rules, freeze, transaction, wallet and entry. */
export function execute(state: Founded, now: Now, asked: Asked, stated: readonly Stated[]): Outcome {
  const { first, orders, approvals, job } = asked;
  for (const order of orders) demandOpen(state, now, order, job !== undefined);
  if (first.intent.kind === "freeze") return freeze(state, now, { ...first, intent: first.intent }, approvals);
  const given = readApprovals(state, now, approvals, expectedOf(state, asked));
  return carryOut(state, now, asked, { given, stated, approvals });
}

/** What the approvals of a command have to fit. Fails: those of `render`. */
export function expectedOf({ book }: Founded, { orders, job }: Asked): Expected {
  const texts = new Map(orders.map(({ id, intent }) => [id, textHash(render(intent, book), hash)]));
  return { decisions: ["initiate", "approve"], text: (subject) => texts.get(subject), since: job?.withheldSeq ?? 0 };
}

/** Decides once the approvals are read. Not for freezes. Fails: as `execute`. */
export function carryOut(state: Founded, now: Now, { first, orders, job }: Asked, it: Case): Outcome {
  const onChain = orders.filter(isTransaction);
  if (onChain.length === 0) return offChain(state, now, it, first);
  return job === undefined ? commit(state, now, it, onChain) : resume(state, now, it, { orders: onChain, job });
}

function commit(state: Founded, now: Now, it: Case, orders: readonly Order<OnChain>[]): Outcome {
  const judged = orders.map((order) => judgeOnChain(state, now, it, valued(state, now, resolve(state, order))));
  const references = new Set(orders.map((order) => order.intent.reference));
  demand(references.size === orders.length, "REFERENCE_USED", "orders", "two intents carry one reference");
  const draft = emptyDraft();
  const parts = judged.map(({ named, keys }) => prepare(state, now, draft, named, keys));
  const ids = orders.map((order) => order.id);
  const id = jobId(parts, ids);
  const record = recordAt(now, { kind: "committed", job: id, parts, approvals: it.approvals });
  return { records: [record], effects: [{ reply: { wait: id } }, { sign: signingJob({ id, parts }) }] };
}

/** A commitment whose signature was withheld: fresh approvals, everything judged anew, the same bytes. */
function resume(
  state: Founded,
  now: Now,
  it: Case,
  { orders, job }: { orders: readonly Order<OnChain>[]; job: JobState },
): Outcome {
  orders.forEach((order, at) => {
    const part = job.parts[at] as JobPart;
    const again = { ...resolveAgain(state, order, part), replaced: part };
    const { named } = judgeOnChain(state, now, it, valued(state, now, again));
    demandStillRight(state, now, named, { job, part });
  });
  const record = recordAt(now, { kind: "resumed", job: job.id, approvals: it.approvals });
  return { records: [record], effects: [{ reply: { wait: job.id } }, { sign: signingJob(job) }] };
}

/** Judges a payment, call or cancellation in everything but limits, nonce and bytes. */
function judgeOnChain<N extends Named & Pick<Resolved, "quotes" | "replaced">>(state: Founded, now: Now, it: Case, named: N) {
  const { id, intent } = named.order;
  const approvers = approversOf(it.given, { id, initiator: intent.initiator });
  demandRules(state, now, judgedOf(state, now, named, { approvers, stated: it.stated }));
  return { named, keys: approvers.map(({ key }) => key) };
}

/** A payment, call or cancellation as the rules are asked about it. */
export function judgedOf(
  state: Founded,
  now: Now,
  named: Named & Pick<Resolved, "quotes" | "replaced">,
  given: Pick<Judged, "approvers" | "stated">,
): Judged {
  const { order, chain, from, replaced, quotes } = named;
  const nonce = replaced?.nonce ?? get(state.nonces, `${chain.id}:${from.address}`) ?? 0;
  const touched = touchedBy(state, order.intent);
  const subject = subjectOf(state, now, named, quotes);
  return { ...given, id: order.id, subject, touched, about: aboutOf(state, named, nonce), quotes };
}

/** The same with the prices of what it moves. */
export function valued<N extends Named>(state: Founded, now: Now, named: N) {
  return { ...named, quotes: quotesOf(state, now, [...new Set([named.asset.id, named.chain.native])]) };
}

function offChain(state: Founded, now: Now, it: Case, order: Order<Intent>): Outcome {
  const { intent } = order;
  const { approvals, stated } = it;
  const approvers = approversOf(it.given, { id: order.id, initiator: intent.initiator });
  const { person } = holderOf(state, intent.initiator, "intent.initiator");
  const change = { person, approvers, stated, approvals };
  switch (intent.kind) {
    case "wallet":
      return openWallet(state, now, { ...order, intent }, change);
    case "entry":
      return enter(state, now, { ...order, intent }, change);
    case "retire":
      return retire(state, now, { ...order, intent }, change);
    default:
      return unfreeze(state, now, { ...order, intent: intent as IntentOf<"unfreeze"> }, change);
  }
}
