/** Freezing: one officer, at once, at any level; lifting it takes the unfreeze quorum and a delay. */
import type { Hash } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import { type FreezeBody, FreezeBody as FreezeKind } from "@strongroom/core/protocol/command";
import { fillsQuorum } from "@strongroom/core/rulebook/quorum";
import type { IntentOf } from "@strongroom/core/signed/intent";
import { encode } from "@strongroom/core/signed/object";
import { MAX_FREEZES, MAX_LIVE_LISTED } from "../limits.ts";
import { entries, get, has } from "../state/map.ts";
import type { Freeze, JobPart, State } from "../state/state.ts";
import type { Now, Outcome } from "../types.ts";
import { approversOf, type Founded, readApprovals } from "./approvals.ts";
import { ok, recordAt } from "./draft.ts";
import type { Order } from "./resolve.ts";
import { demandDelay } from "./rules.ts";

/** What an action touches; each is a thing that can be frozen. A cancellation pays nobody, so only a freeze of one of its
 *  persons stops it. */
export type Touched = {
  readonly cancels?: true;
  readonly chain?: number;
  readonly asset?: string;
  readonly wallet?: string;
  readonly destination?: string;
  readonly address?: string;
  readonly persons: readonly string[];
};

/** Fails: FROZEN at the level of the freeze that covers it. */
export function demandThawed(state: State, touched: Touched): void {
  for (const [, freeze] of entries(state.freezes)) {
    demand(
      !covers(freeze, touched),
      "FROZEN",
      `freeze.${freeze.level}`,
      `${freeze.officer} froze ${freeze.level} ${freeze.subject}`,
    );
  }
}

/** Whether any freeze covers it. */
export function covers(freeze: Freeze, touched: Touched): boolean {
  if (touched.cancels && freeze.level !== "person") return false;
  switch (freeze.level) {
    case "institution":
      return true;
    case "chain":
      return String(touched.chain) === freeze.subject;
    case "person":
      return touched.persons.includes(freeze.subject);
    case "destination":
      return touched.destination === freeze.subject || touched.address === freeze.subject;
    default:
      return touched[freeze.level] === freeze.subject;
  }
}

/** Freezes. Binds under any head, boot and rulebook, so that it works however long it was withheld.
 *  Fails: those of approvals, OFFICER_UNKNOWN, OFFICER_SPENT, ALREADY_FROZEN, BAD_VALUE, TABLE_FULL. */
export function freeze(
  state: Founded,
  now: Now,
  it: { order: Order<IntentOf<"freeze">>; approvals: readonly Uint8Array[] },
): Outcome {
  const { id, intent, bytes } = it.order;
  const text = (subject: Hash) => (subject === id ? subject : undefined);
  const given = readApprovals(state, now, it.approvals, { decisions: ["initiate"], text, late: true });
  const [officer] = approversOf(given, { id, initiator: intent.initiator });
  if (officer === undefined || officer.class !== "device")
    refuse("KEY_CLASS", "approvals", "a freeze is signed with a device key");
  const { person } = officer;
  const active = [...entries(state.freezes)].map(([, item]) => item);
  demand(
    state.book.groups.get(state.book.document.governance.officers)?.has(person) === true,
    "OFFICER_UNKNOWN",
    "intent.initiator",
    `${person} is not an officer`,
  );
  demand(
    !active.some((item) => item.officer === person),
    "OFFICER_SPENT",
    "intent.initiator",
    `a freeze by ${person} is in force`,
  );
  const same = active.some((item) => item.level === intent.level && item.subject === intent.subject);
  demand(!same, "ALREADY_FROZEN", "intent.subject", "the same freeze is in force");
  demand(isThere(state, intent), "BAD_VALUE", "intent.subject", `there is no ${intent.level} ${intent.subject}`);
  demand(active.length < MAX_FREEZES, "TABLE_FULL", "freezes", `${MAX_FREEZES} freezes are in force`);
  const record = recordAt(now, { kind: "froze", intent: bytes, approvals: it.approvals, officer: person });
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
      return has(state.entries, subject) || [...entries(state.entries)].some(([, { entry }]) => entry.address === subject);
    case "person":
      return state.book.document.persons.some((person) => person.id === subject);
  }
}

/** The live signed transactions: what the vault can no longer stop. */
export function freezeBody(state: State, intent: Hash): Uint8Array {
  const live: FreezeBody["live"][number][] = [];
  for (const [slot, place] of entries(state.slots)) {
    if (live.length === MAX_LIVE_LISTED || has(state.final, slot)) continue;
    const part = get(state.jobs, place.job)?.parts[place.part] as JobPart;
    if (part.transaction !== undefined) live.push({ intent: part.id, id: part.transaction.id });
  }
  return encode(FreezeKind, { intent, live });
}

/** Lifts a freeze. `givers`: the persons who approved, the initiator among them.
 *  Fails: NOT_FROZEN, QUORUM_MISSING, NOT_REGISTERED, DELAY_RUNNING. */
export function unfreeze(
  state: Founded,
  now: Now,
  it: { order: Order<IntentOf<"unfreeze">>; approvals: readonly Uint8Array[]; persons: readonly string[] },
): Outcome {
  const { id, intent, bytes } = it.order;
  const { governance } = state.book.document;
  demand(has(state.freezes, intent.freeze), "NOT_FROZEN", "intent.freeze", "this freeze is not in force");
  const met = fillsQuorum(governance.unfreeze, state.book.groups, new Set(it.persons));
  demand(met, "QUORUM_MISSING", "governance.unfreeze", "the approvals do not meet the unfreeze quorum");
  demandDelay(state, now, { id, delayMs: governance.unfreezeDelayMs });
  return { records: [recordAt(now, { kind: "unfroze", intent: bytes, approvals: it.approvals })], effects: [ok()] };
}
