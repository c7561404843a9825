/** Freezing: one officer, at once, at any level; lifting it takes the unfreeze quorum and a delay. */
import type { Hash } from "@strongroom/core/bytes";
import { chainOf } from "@strongroom/core/chain/table";
import { attempt, demand } from "@strongroom/core/errors";
import { FreezeBody } from "@strongroom/core/protocol/command";
import { NOTHING, OPEN } from "@strongroom/core/rulebook/open";
import { fillsQuorum } from "@strongroom/core/rulebook/quorum";
import type { IntentOf } from "@strongroom/core/signed/intent";
import { encode } from "@strongroom/core/signed/object";
import { approvalWords } from "@strongroom/core/text/demand";
import { MAX_FREEZES, MAX_LIVE_LISTED } from "../limits.ts";
import { type PackedJob, seqOf } from "../state/job.ts";
import { entries, get, has, values } from "../state/map.ts";
import { type Founded, type JobState, partAt, type State, versionsOf } from "../state/state.ts";
import type { Now, Outcome } from "../types.ts";
import { ok, recordAt } from "./draft.ts";
import { approversOf, type Given, readApprovals } from "./evidence/approvals.ts";
import type { Order } from "./payment/resolve.ts";
import { demandDelay, personsOf, type Step } from "./rules.ts";

/** Freezes. Binds under any head, boot and rulebook, so that it works however long it was withheld.
 *  Fails: those of approvals, KEY_CLASS, OFFICER_UNKNOWN, OFFICER_SPENT, ALREADY_FROZEN, BAD_VALUE, TABLE_FULL. */
export function freeze(
  state: Founded,
  now: Now,
  { id, intent, bytes }: Order<IntentOf<"freeze">>,
  approvals: readonly Uint8Array[],
): Outcome {
  const text = (subject: Hash) => (subject === id ? subject : undefined);
  const given = readApprovals(state, now, approvals, { decisions: ["initiate"], text, late: true });
  const [officer] = approversOf(given, { id, initiator: intent.initiator }) as readonly [Given];
  const { person } = officer;
  demand(officer.class === "device", "KEY_CLASS", "approvals", "a freeze is signed with a device key");
  const { groups, document } = state.book;
  const isOfficer = groups.get(document.governance.officers)?.has(person) === true;
  demand(isOfficer, "OFFICER_UNKNOWN", "intent.initiator", `${person} is not an officer`);
  const mine = values(state.freezes, (item) => item.officer === person);
  demand(mine.length === 0, "OFFICER_SPENT", "intent.initiator", `a freeze by ${person} is in force`);
  const same = values(state.freezes, ({ level, subject }) => level === intent.level && subject === intent.subject);
  demand(same.length === 0, "ALREADY_FROZEN", "intent.subject", "the same freeze is in force");
  demand(isThere(state, intent), "BAD_VALUE", "intent.subject", `there is no ${intent.level} ${intent.subject}`);
  demand(state.freezes.size < MAX_FREEZES, "TABLE_FULL", "freezes", `${MAX_FREEZES} freezes are in force`);
  const record = recordAt(now, { kind: "froze", intent: bytes, approvals, officer: person });
  return { records: [record], effects: [ok(freezeBody(state, id))] };
}

/** Whether there is such a thing to freeze; a misspelt freeze would stop nothing. */
function isThere(state: Founded, { level, subject }: IntentOf<"freeze">): boolean {
  switch (level) {
    case "institution":
      return subject === "";
    case "chain":
      return [...state.book.chains.keys()].some((id) => String(id) === subject);
    case "asset":
      return state.book.assets.has(subject);
    case "wallet":
      return has(state.wallets, subject);
    case "destination":
      return has(state.entries, subject) || isAddress(state, subject);
    case "unit":
      return state.book.unitsOf.has(subject);
    case "person":
      return state.book.document.persons.some((person) => person.id === subject);
  }
}

/** Whether some chain has such an address, in its canonical form, so that a misspelt one is noticed. */
function isAddress({ book }: Founded, subject: string): boolean {
  return [...book.chains.values()].some(({ family }) => attempt(() => chainOf(family).parseAddress(subject, "")).ok);
}

/** The live signed transactions, all their versions: what the vault can no longer stop. The newest come first, and one version
 *  of each before a second one of any, so that no number of versions keeps another payment out of the list. */
export function freezeBody(state: State, intent: Hash): Uint8Array {
  const open = [...entries(state.live)].map(([, place]) => ({
    place,
    seq: seqOf(get(state.jobs, place.job) as JobState | PackedJob),
  }));
  open.sort((a, b) => b.seq - a.seq || a.place.part - b.place.part);
  const first: FreezeBody["live"][number][] = [];
  const others: typeof first = [];
  for (let at = 0; at < open.length && first.length < MAX_LIVE_LISTED; at++) {
    const { place } = open[at] as (typeof open)[number];
    const versions = [...versionsOf(state, partAt(state, place))].flatMap(({ id, transaction }) => {
      return transaction === undefined ? [] : [{ intent: id, id: transaction.id }];
    });
    first.push(...versions.slice(0, 1));
    others.push(...versions.slice(1));
  }
  return encode(FreezeBody, { intent, live: [...first, ...others].slice(0, MAX_LIVE_LISTED) });
}

/** Lifts a freeze. Fails: those of `unfreezeSteps`. */
export function unfreeze(
  state: Founded,
  now: Now,
  order: Order<IntentOf<"unfreeze">>,
  { approvers, approvals }: { approvers: readonly Given[]; approvals: readonly Uint8Array[] },
): Outcome {
  for (const step of unfreezeSteps(state, now, order, approvers)) step.test();
  return { records: [recordAt(now, { kind: "unfroze", intent: order.bytes, approvals })], effects: [ok()] };
}

/** Everything that lifting a freeze takes; only device keys count. Fails: NOT_FROZEN, QUORUM_MISSING, NOT_REGISTERED,
 *  DELAY_RUNNING. */
export function unfreezeSteps(
  state: Founded,
  now: Now,
  { id, intent }: Pick<Order<IntentOf<"unfreeze">>, "id" | "intent">,
  approvers: readonly Given[],
): readonly Step[] {
  const { unfreeze: quorum, unfreezeDelayMs: delayMs } = state.book.document.governance;
  const rule = "governance.unfreeze";
  const inForce = () => demand(has(state.freezes, intent.freeze), "NOT_FROZEN", "intent.freeze", "this freeze is not in force");
  const agreed = () => {
    const persons = personsOf(approvers.filter((approver) => approver.class === "device"));
    const met = fillsQuorum(quorum, state.book.groups, new Set(persons));
    demand(met, "QUORUM_MISSING", rule, "the approvals do not meet the unfreeze quorum");
  };
  const needs = { quorum: { ...OPEN, ...NOTHING, id: "unfreeze", quorum, initiatorCounts: true } };
  const words = `${delayMs} ms since the registration`;
  return [
    { rule: "freezes", words: "the freeze is in force", test: inForce },
    { rule, words: approvalWords(needs.quorum), test: agreed, needs },
    { rule, words, test: () => demandDelay(state, now, { id, delayMs }) },
  ];
}
