/** What stands between intents and their execution, without carrying anything out: the very steps of `execute`, each of them
 *  tried and noted.
 *
 *  Whatever is asked, the outcome is the answer and nothing else: no record, nothing for the key store. Facts that hold are
 *  judged with, and not remembered. */
import { chainOf } from "@strongroom/core/chain/table";
import { attempt, demand, type Refusal, type Result } from "@strongroom/core/errors";
import { type CommandOf, MAX_FACTS } from "@strongroom/core/protocol/command";
import { ExplanationBody, MAX_UNFIT } from "@strongroom/core/protocol/explanation";
import type { Intent } from "@strongroom/core/signed/intent";
import { encode } from "@strongroom/core/signed/object";
import { render } from "@strongroom/core/text/render";
import { notice } from "../../state/apply.ts";
import { get } from "../../state/map.ts";
import { type Founded, type JobPart, type JobState, versionsOf } from "../../state/state.ts";
import type { Now, Outcome } from "../../types.ts";
import { ok, plain } from "../draft.ts";
import { enteringOf, demandRoom as entryRoom, retiringOf } from "../entry.ts";
import { approvalReader, approversOf, type Expected, type Given, holderOf } from "../evidence/approvals.ts";
import { factReader, noticesOf } from "../evidence/facts.ts";
import { priceSubject } from "../evidence/prices.ts";
import {
  type Asked,
  type Case,
  carryOut,
  execute,
  expectedOf,
  isTransaction,
  judgedOf,
  readExecute,
  recall,
  valued,
} from "../execute.ts";
import { freeze, unfreezeSteps } from "../freeze.ts";
import { readDraft } from "../govern/rulebook.ts";
import { countLimits, standingsOf } from "../payment/limits.ts";
import { type Named, type OnChain, type Order, type Resolved, resolve, resolveAgain } from "../payment/resolve.ts";
import { build, type Draft, demandStillRight, emptyDraft, orderOf, takePlace } from "../payment/transaction.ts";
import { demandOpen, type Judged } from "../rules.ts";
import { openingOf, demandRoom as walletRoom } from "../wallet.ts";
import { Trail } from "./trail.ts";

type Explain = CommandOf<"explain">;

/** Fails: those of `readExecute`, `recall` and `readDraft`; everything else is told in the answer. */
export function explain(state: Founded, now: Now, command: Explain): Outcome {
  const read = readExecute(state, command);
  const isDone = recall(state, read) !== undefined;
  const book = command.draft === undefined ? state.book : readDraft(state, command.draft);
  const by = { rulebook: book.id, draft: command.draft !== undefined };
  if (isDone) {
    const orders = read.orders.map(({ id }) => new Trail(id, 1).explained({ done: true }));
    return answer({ ...by, ...GOOD, orders, facts: [], unfit: [] });
  }
  const drafted = { ...state, book };
  const asked = withContexts(drafted, command, read);
  const { refusal, it, told, unfit } = readEvidence(state, now, { drafted, asked, facts: command.facts });
  const trails = explainOrders(told, now, asked, it);
  const isFreeze = asked.first.intent.kind === "freeze";
  const whole = attempt(() => (isFreeze ? execute(told, now, asked, it.stated) : carryOut(told, now, asked, it)));
  const { code, field, detail } = refusal ?? refusalOf(whole) ?? GOOD;
  const orders = trails.map((trail) => trail.explained());
  const facts = factsIn(told, it, new Set(trails.flatMap((trail) => [...trail.valued])));
  return answer({ ...by, code, field: plain(field, 96), detail: plain(detail, 400), orders, facts, unfit });
}

const GOOD = { code: "OK", field: "", detail: "" } as const;

function refusalOf(result: Result<unknown>): Refusal | undefined {
  return result.ok ? undefined : result;
}

function answer(body: ExplanationBody): Outcome {
  return { records: [], effects: [ok(encode(ExplanationBody, body))] };
}

/** Where no context comes along it is that of the dearest transaction which the intent's total fee allows. */
function withContexts(state: Founded, { orders: sent }: Explain, asked: Asked): Asked {
  const orders = asked.orders.map((order, at) => {
    if (order.context !== undefined || !isTransaction(order)) return order;
    const index = sent[at]?.index ?? 0;
    const blank = { index, gasLimit: 0, maxFeePerGas: 0n, maxPriorityFeePerGas: 0n };
    const named = attempt(() => resolve(state, { ...order, context: blank }));
    if (!named.ok) return { ...order, context: blank };
    const dearest = chainOf(named.value.chain.family).dearest(orderOf(named.value, 0), order.intent.totalFee);
    return { ...order, context: { index, ...dearest } };
  });
  return { ...asked, first: orders[0] as Order<Intent>, orders };
}

/** The facts that all is judged with: those that came along, and the newest prices from before. */
function factsIn(state: Founded, { stated }: Case, assets: ReadonlySet<string>): ExplanationBody["facts"] {
  const brought = stated.map(({ id, fact: { source, subject, type, at } }) => ({ source, subject, type, at, id }));
  const ids = new Set(brought.map(({ id }) => id));
  const known = (state.book.document.valuation?.sources ?? []).flatMap((source) =>
    [...assets].flatMap((asset) => {
      const subject = priceSubject(state, asset) as string;
      const newest = get(state.facts, `${source}|${subject}`);
      return newest === undefined || ids.has(newest.id)
        ? []
        : [{ source, subject, type: "price" as const, at: newest.at, id: newest.id }];
    }),
  );
  return [...brought, ...known].slice(0, MAX_FACTS);
}

// what comes along

/** `refusal`: what `execute` says of it first, if it refuses. `told`: the state in which the facts are known. */
type Evidence = {
  readonly refusal: Refusal | undefined;
  readonly it: Case;
  readonly told: Founded;
  readonly unfit: ExplanationBody["unfit"];
};

type Brought = { readonly drafted: Founded; readonly asked: Asked; readonly facts: readonly Uint8Array[] };

/** Reads facts and approvals; what does not count is left out and told. */
function readEvidence(state: Founded, now: Now, { drafted, asked, facts: brought }: Brought): Evidence {
  const facts = sorted("facts", brought, factReader(drafted, now));
  const notices = attempt(() => noticesOf(drafted, facts.good));
  const told = notices.ok ? notice(drafted, notices.value) : drafted;
  const opens = asked.orders.map((order) => attempt(() => demandOpen(told, now, order, asked.job !== undefined)));
  const given = asked.first.intent.kind === "freeze" ? UNREAD : readGiven(state, now, { drafted, asked });
  const refusals = [facts.bad[0], notices, ...opens, given.shown, given.bad[0]].map((one) => one && refusalOf(one));
  const unfit = [...facts.bad, ...given.bad].map(({ at, code, detail }) => ({ at, code, detail: plain(detail, 200) }));
  const it = { given: given.good, stated: facts.good, approvals: asked.approvals };
  return { refusal: refusals.find((one) => one !== undefined), it, told, unfit: unfit.slice(0, MAX_UNFIT) };
}

type Sorted<T> = { readonly good: readonly T[]; readonly bad: readonly (Refusal & { readonly at: string })[] };

function sorted<T>(name: string, all: readonly Uint8Array[], read: (bytes: Uint8Array, at: number) => T): Sorted<T> {
  const results = all.map((bytes, at) => ({ at: `${name}.${at}`, ...attempt(() => read(bytes, at)) }));
  return {
    good: results.flatMap((result) => (result.ok ? [result.value] : [])),
    bad: results.flatMap((result) => (result.ok ? [] : [result])),
  };
}

/** `shown`: whether the intents have a text. */
type Read = Sorted<Given> & { readonly shown: Result<Expected> | undefined };
const UNREAD: Read = { good: [], bad: [], shown: undefined };

/** Approvals name the rulebook in force and its text; for a draft they are taken as what their persons say to it. A freeze is
 *  read by itself. */
function readGiven(state: Founded, now: Now, { drafted, asked }: Omit<Brought, "facts">): Read {
  const shown = attempt(() => expectedOf(drafted, asked));
  const expected = drafted.book === state.book ? shown : attempt(() => expectedOf(state, asked));
  if (!expected.ok) return { ...UNREAD, shown };
  const read = approvalReader(state, now, expected.value);
  const given = sorted("approvals", asked.approvals, (bytes, at) => {
    const one = read(bytes, at);
    const { person, key } = holderOf(drafted, one.key, `approvals.${at}`);
    return { ...one, person, class: key.class };
  });
  return { ...given, shown };
}

// the steps of each intent

/** What intents that come together share. */
type Together = { readonly draft: Draft; readonly references: Set<string> };

/** One intent on its way. `it`: with the decisions on this one. */
type Course = { readonly state: Founded; readonly now: Now; readonly trail: Trail; readonly it: Case };

const OPEN_WORDS = "for this deployment, not expired, not rejected, its reference unused";
const NAME_WORDS = "everything that it names is there and as it says";
const FREEZE_WORDS = "one officer, with a device key, who has no freeze in force";

function explainOrders(state: Founded, now: Now, asked: Asked, it: Case): readonly Trail[] {
  const together = { draft: emptyDraft(), references: new Set<string>() };
  return asked.orders.map((order, at) => {
    const trail = new Trail(order.id, asked.orders.length);
    const { intent } = order;
    const course = { state, now, trail, it: { ...it, given: it.given.filter(({ subject }) => subject === order.id) } };
    trail.take("intent", OPEN_WORDS, () => demandOpen(state, now, order, asked.job !== undefined));
    if (intent.kind === "freeze") {
      trail.take("governance.officers", FREEZE_WORDS, () => freeze(state, now, { ...order, intent }, it.approvals));
      return trail;
    }
    trail.take("intent", "people can read what it says", () => render(intent, state.book));
    if (!isTransaction(order)) offChain(course, order);
    else if (asked.job === undefined) onChain(course, together, order);
    else again(course, { order, job: asked.job, at });
    return trail;
  });
}

function takeInitiator({ trail, it }: Course, { id, intent: { initiator } }: Order<Intent>): void {
  trail.take("approvals", "signed by its initiator", () => approversOf(it.given, { id, initiator }));
}

/** Its names, its initiator and its rules; gives what the names stand for. */
function judge<N extends Named & Pick<Resolved, "replaced">>(course: Course, order: Order<OnChain>, resolved: () => N) {
  const { state, now, trail, it } = course;
  const named = trail.take("intent", NAME_WORDS, () => valued(state, now, resolved()));
  takeInitiator(course, order);
  if (!named.ok) return undefined;
  trail.judge(state, now, judgedOf(state, now, named.value, { approvers: it.given, stated: it.stated }));
  return named.value;
}

function onChain(course: Course, { draft, references }: Together, order: Order<OnChain>): void {
  const { state, now, trail } = course;
  const named = judge(course, order, () => resolve(state, order));
  if (named === undefined) return;
  const { reference } = order.intent;
  trail.take("orders", "no other intent here has its reference", () => {
    demand(!references.has(reference), "REFERENCE_USED", "orders", "two intents carry one reference");
    references.add(reference);
  });
  const built = trail.take("transaction", "does just this, within its total fee", () => build(state, draft, named));
  if (!built.ok) return;
  const { effect } = built.value;
  const before = [...versionsOf(state, named.replaced)];
  const costed = { it: named, feeMax: effect.feeMax, before, quotes: named.quotes };
  trail.count(state, now, named, standingsOf(state, now, draft.spent, costed));
  trail.take("limits", "within every limit", () => countLimits(state, now, draft.spent, costed));
  trail.take("transaction", "its place on the chain is free", () => takePlace(state, draft, named, effect));
}

type Again = { readonly order: Order<OnChain>; readonly job: JobState; readonly at: number };

/** One whose signature was withheld; the limits have counted it. */
function again(course: Course, { order, job, at }: Again): void {
  const { state, now, trail } = course;
  const part = job.parts[at] as JobPart;
  const named = judge(course, order, () => ({ ...resolveAgain(state, order, part), replaced: part }));
  if (named === undefined) return;
  trail.take("transaction", "still does just this, within every limit, its place its own", () => {
    demandStillRight(state, now, named, { job, part });
  });
}

function offChain(course: Course, order: Order<Intent>): void {
  const { state, now, trail, it } = course;
  const { intent } = order;
  takeInitiator(course, order);
  const holder = trail.take("intent", "its initiator is enrolled", () => holderOf(state, intent.initiator, "intent.initiator"));
  if (!holder.ok) return;
  const change = { ...it, approvers: it.given, person: holder.value.person };
  if (intent.kind === "unfreeze") {
    const asking = { about: { subjects: {} }, stated: it.stated, approvers: it.given, initiator: holder.value.person };
    trail.takeAll(state, now, unfreezeSteps(state, now, { ...order, intent }, it.given), asking);
  }
  if (intent.kind === "wallet") {
    const opening = () => openingOf(state, now, { ...order, intent }, change);
    known(course, opening, () => walletRoom(state));
  }
  if (intent.kind === "entry") {
    const entering = () => enteringOf(state, now, { ...order, intent }, change);
    known(course, entering, () => entryRoom(state));
  }
  if (intent.kind === "retire") known(course, () => retiringOf(state, now, { ...order, intent }, change));
}

/** A change of what the vault knows: its names, its rules, and room for it. */
function known({ state, now, trail }: Course, judged: () => Judged, room?: () => void): void {
  const named = trail.take("intent", NAME_WORDS, judged);
  if (!named.ok) return;
  trail.judge(state, now, named.value);
  if (room !== undefined) trail.take("tables", "there is room for it", room);
}
