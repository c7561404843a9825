/** What the server checks of a request before it keeps it, and what it makes of the vault's answers. Pure. None of it moves
 *  value: the vault judges all of it again. */
import { equal, type Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import type { Book } from "@strongroom/core/rulebook/book";
import { nextTurn } from "@strongroom/core/rulebook/calendar";
import { Approval } from "@strongroom/core/signed/approval";
import { countsAt, type Starts } from "@strongroom/core/signed/head";
import { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf, Signed } from "@strongroom/core/signed/object";
import type { Calendar } from "@strongroom/core/signed/rulebook";
import { render, textHash } from "@strongroom/core/text/render";
import { digestOf, openByPerson } from "../vault/signed.ts";
import type { DecisionRow, RequestRow } from "./store.ts";

/** What the vault is at: what approvals must name to count there. */
export type Standing = {
  readonly deployment: Hash;
  readonly vault: Hash;
  readonly starts: Starts;
  readonly book: Book;
  readonly at: number;
};

export type Wrong = { readonly ok: false; readonly field: string; readonly detail: string };
const wrong = (field: string, detail: string): Wrong => ({ ok: false, field, detail });

export type ReadIntent = { readonly ok: true; readonly id: Hash; readonly intent: Intent };

/** An intent of this deployment that has not expired. */
export function readIntent(bytes: Uint8Array, { deployment, at }: Pick<Standing, "deployment" | "at">): ReadIntent | Wrong {
  const opened = attempt(() => ({ id: idOf(Intent, bytes), intent: decode(Intent, bytes) }));
  if (!opened.ok) return wrong("body.intent", `${opened.code} at ${opened.field}: ${opened.detail}`);
  const { id, intent } = opened.value;
  if (intent.deployment !== deployment) return wrong("body.intent", "it is for another deployment");
  return intent.notAfter > at ? { ok: true, id, intent } : wrong("body.intent", "it has expired");
}

export type ReadDecision = {
  readonly ok: true;
  readonly id: Hash;
  readonly approval: Approval;
  readonly person: string;
  readonly key: Hash;
};

/** A signed decision by an enrolled key on this intent, which the vault would count as things stand. A rejection counts
 *  whatever head, boot and rulebook it names, as in the vault. */
export function readDecision(
  envelope: Uint8Array,
  about: { readonly id: Hash; readonly intent: Intent },
  standing: Standing,
): ReadDecision | Wrong {
  const field = "body.approval";
  const read = attempt(() => decode(Signed, envelope).body);
  if (!read.ok) return wrong(field, `${read.code} at ${read.field}: ${read.detail}`);
  const opened = openByPerson(Approval, envelope, standing.book);
  if (opened === null) return wrong(field, "it is not signed by a key that is enrolled");
  const { object: approval, person, key } = opened;
  if (approval.key !== key) return wrong(field, "it names another key than the one that signed it");
  if (approval.deployment !== standing.deployment || approval.vault !== standing.vault)
    return wrong(field, "it is for another deployment or vault");
  if (approval.subject !== about.id) return wrong(field, "it is about something else");
  const id = idOf(Approval, read.value);
  if (approval.decision === "reject" || about.intent.kind === "freeze") return { ok: true, id, approval, person, key };
  const stale = staleness(approval, standing);
  if (stale !== null) return wrong(field, stale);
  const text = attempt(() => textHash(render(about.intent, standing.book)));
  if (!text.ok) return wrong("body.intent", `${text.code} at ${text.field}: ${text.detail}`);
  return approval.textHash === text.value ? { ok: true, id, approval, person, key } : wrong(field, "another text was shown");
}

/** Why an approval can no longer count, or null. */
export function staleness(approval: Approval, { book, starts, at }: Pick<Standing, "book" | "starts" | "at">): string | null {
  if (approval.rulebook !== book.id) return "it was given under a rulebook that is not in force";
  if (!countsAt(starts, approval.boot)) return "it was given before the vault's last start";
  return approval.notAfter > at ? null : "it has expired";
}

/** Columns that only index an intent. */
export type RequestColumns = {
  readonly id: string;
  readonly kind: string;
  readonly reference: string;
  readonly intent: Uint8Array;
  readonly not_after: Date;
};

/** The intent of a stored request, or null when the columns say something else. */
export function intentOf(row: RequestColumns): Intent | null {
  const opened = attempt(() => decode(Intent, row.intent));
  if (!opened.ok || idOf(Intent, row.intent) !== row.id) return null;
  const { kind, reference, notAfter } = opened.value;
  return kind === row.kind && reference === row.reference && notAfter === row.not_after.getTime() ? opened.value : null;
}

/** Columns that only index a decision. */
export type DecisionColumns = {
  readonly id: string;
  readonly request: string;
  readonly key: string;
  readonly person: string;
  readonly decision: string;
  readonly approval: Uint8Array;
};

/** The approval of a stored decision, or null when it is not signed, is about another request, or the columns say something
 *  else. A key that was removed since cannot be checked any more, and one that is another person's by now was his under an
 *  earlier rulebook; what they signed does not count. */
export function approvalOf(
  row: DecisionColumns,
  book: Book,
): { readonly approval: Approval; readonly enrolled: boolean } | null {
  const opened = attempt(() => {
    const { body, signatures } = decode(Signed, row.approval);
    return { id: idOf(Approval, body), approval: decode(Approval, body), signatures };
  });
  if (!opened.ok) return null;
  const { id, approval, signatures } = opened.value;
  const same =
    id === row.id && approval.subject === row.request && approval.key === row.key && approval.decision === row.decision;
  if (!same || signatures[0]?.key !== approval.key) return null;
  const holder = book.holders.get(approval.key);
  if (holder === undefined) return { approval, enrolled: false };
  const isHis = holder.person === row.person;
  const signed = (isHis || approval.rulebook !== book.id) && openByPerson(Approval, row.approval, book) !== null;
  return signed ? { approval, enrolled: isHis } : null;
}

/** Whether two submissions of one intent are the same request. */
export function isSameRequest(
  row: { readonly intent: Uint8Array; readonly index: number; readonly client: string | null },
  asked: { readonly intent: Uint8Array; readonly index: number; readonly client: string | null },
): boolean {
  return equal(row.intent, asked.intent) && row.index === asked.index && row.client === asked.client;
}

/** What a refusal of the vault means for a request. `open`: more approvals may change it. `wait`: time or others may change it.
 *  Everything else is a state that no later answer leaves. */
export type Meaning = "open" | "wait" | "expired" | "rejected" | "voided";

const MEANINGS: { readonly [code: string]: Meaning } = {
  QUORUM_MISSING: "open",
  INITIATOR_MISSING: "open",
  BOOT_STALE: "open",
  WRONG_RULEBOOK: "open",
  HEAD_UNKNOWN: "open",
  APPROVAL_SPENT: "open",
  KEY_UNKNOWN: "open",
  NOT_ALLOWED: "open",
  DENIED: "open",
  FACT_MISSING: "wait",
  FACT_STALE: "wait",
  FACT_ADVERSE: "open",
  FACT_MOVED: "wait",
  FACT_SUPERSEDED: "wait",
  FACT_FUTURE: "wait",
  ENTRY_TOO_YOUNG: "wait",
  NOT_REGISTERED: "wait",
  DELAY_RUNNING: "wait",
  FROZEN: "wait",
  LIMIT_EXCEEDED: "wait",
  TOO_MANY_OUTSTANDING: "wait",
  FEE_TOO_LOW: "wait",
  FEE_TOO_HIGH: "wait",
  TABLE_FULL: "wait",
  OVERLOADED: "wait",
  START_UNCONFIRMED: "wait",
  SUCCESSION_WAITS: "wait",
  KEYSTORE_FAULT: "wait",
  EXPIRED: "expired",
  INTENT_REJECTED: "rejected",
  INTENT_USED: "voided",
  REFERENCE_USED: "voided",
  WALLET_EXISTS: "voided",
  ENTRY_EXISTS: "voided",
  ALREADY_FROZEN: "voided",
  OFFICER_SPENT: "voided",
  OFFICER_UNKNOWN: "voided",
  NOT_FROZEN: "voided",
  REPLACES_UNKNOWN: "voided",
  REPLACES_MISMATCH: "voided",
};

/** An unknown refusal leaves the request open, with the answer beside it; so does an approval that has expired. */
export function meaningOf(code: string, field: string): Meaning {
  return isOver(code, field) || code !== "EXPIRED" ? (MEANINGS[code] ?? "open") : "open";
}

/** Whether the vault will never carry an intent out: it has expired itself, or somebody has rejected it. */
export function isOver(code: string, field: string): boolean {
  return code === "INTENT_REJECTED" || (code === "EXPIRED" && field === "intent.notAfter");
}

/** How long a delay or a cooling-off time still runs, by the vault's own words and its own time, which may lag behind ours. */
export function restOfDelay(detail: string): number | null {
  const [, until, time] = /ends at (\d{1,15}), the vault's time is at least (\d{1,15})/.exec(detail) ?? [];
  return until === undefined ? null : Math.max(0, Number(until) - Number(time));
}

/** When rules that read the time may next say something else of an intent: at the turn of one of their times, by our clock and
 *  by the vault's lower bound, `lagMs` behind it. Null when no rule about this kind reads the time. */
export function nextTurnOf(
  { document, calendars }: Pick<Book, "document" | "calendars">,
  kind: Intent["kind"],
  { at, lagMs }: { readonly at: number; readonly lagMs: number },
): number | null {
  const rules = document.rules.filter(({ kinds }) => kinds === "any" || kinds.includes(kind));
  const times = rules.flatMap((rule) => (rule.times === "any" ? [] : rule.times));
  const turns = times.flatMap((time) => {
    const turn = (since: number) => nextTurn(calendars.get(time.calendar) as Calendar, time, since);
    const [ours, vaults] = [turn(at), turn(at - lagMs)];
    return [ours === undefined ? [] : [ours], vaults === undefined ? [] : [vaults + lagMs]].flat();
  });
  return turns.length === 0 ? null : Math.min(...turns);
}

/** Whether anything may still come of a request. */
export const isAlive = ({ state }: Pick<RequestRow, "state">): boolean => state === "open" || state === "approved";

/** What the events about a request say of its row. */
export const requestRecord = ({ unit, client, state, index, creator, created_at, ...row }: Omit<RequestRow, "version">) => ({
  ...{ unit, client, state, index, creator, answer_code: row.answer_code, answer_field: row.answer_field },
  created_at: created_at.toISOString(),
});

/** What the event about a decision says of its row. */
export const decisionRecord = ({ id, person, approval, created_at }: DecisionRow) => ({
  ...{ id, person, approval: digestOf(approval) },
  created_at: created_at.toISOString(),
});
