/** What the rules say, before and after the vault says it: who is still missing, and which rule or limit a refusal names.
 *
 *  It only advises. It reads the rulebook that this device has verified; the vault alone judges. */

import { chainOf } from "@strongroom/core/chain/table";
import { formatAmount } from "@strongroom/core/money/amount";
import type { Book, Subject } from "@strongroom/core/rulebook/book";
import { judge, quorumMet } from "@strongroom/core/rulebook/judge";
import { fillsQuorum } from "@strongroom/core/rulebook/quorum";
import { Entry } from "@strongroom/core/signed/entry";
import type { Intent } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import type { Limit, Rule, Times } from "@strongroom/core/signed/rulebook";
import { demandWords, quorumWords } from "@strongroom/core/text/demand";
import { findChain, formatTime } from "@strongroom/core/text/render";
import { VaultRefused } from "@strongroom/sdk/vault/session";
import { fetchEntry } from "@strongroom/sdk/vault/show";
import type { Request } from "../desk/desk.ts";
import { duration } from "../screen.ts";
import type { Session } from "./session.ts";

/** Why the rules would refuse, and the quorums that are not met yet. */
export type Advice = { readonly against?: string; readonly missing: readonly string[] };

/** What the rulebook of this session says of a request and its approvals. */
export async function adviceOf(
  session: Session,
  { intent, approvals }: Pick<Request, "intent" | "approvals">,
): Promise<Advice> {
  const book = session.book();
  const given = approvals.flatMap(({ approval }) => {
    const holder = book.holders.get(approval.key);
    return holder === undefined ? [] : [{ person: holder.person, class: holder.key.class }];
  });
  const initiator = book.holders.get(intent.initiator)?.person;
  if (initiator === undefined) return { against: "the initiator's key is not enrolled", missing: [] };
  if (intent.kind === "freeze") return { missing: [] };
  if (intent.kind === "unfreeze") {
    const { unfreeze } = book.document.governance;
    const met = fillsQuorum(unfreeze, book.groups, new Set(given.map(({ person }) => person)));
    return { missing: met ? [] : [quorumWords(unfreeze)] };
  }
  const subject = await subjectOf(session, intent, initiator);
  if (subject === null) return { against: "its destination is not in the address book", missing: [] };
  const { denies, allows, requirements } = judge(book, subject);
  if (denies[0] !== undefined) return { against: `rule ${denies[0]} denies it`, missing: [] };
  if (allows.length === 0) return { against: "no rule allows it", missing: [] };
  const open = requirements.filter((rule) => !quorumMet(book, rule, { initiator, approvers: given }));
  return { missing: open.map((rule) => `${ruleWords(rule, book)}, by rule ${rule.id}`) };
}

type Ruled = Exclude<Intent, { readonly kind: "freeze" | "unfreeze" }>;

/** What rules read of an intent, as far as this device can know it; null when its destination is not in force. */
async function subjectOf(session: Session, intent: Ruled, initiator: string): Promise<Subject | null> {
  const { kind } = intent;
  const now = Date.now();
  const base = { kind, initiator, when: { lo: now, hi: now } };
  switch (kind) {
    case "pay": {
      const { chain, asset, wallet, destination, amount } = intent;
      if (destination.entry === undefined) return { ...base, chain, asset, wallet, class: "one-time", amount };
      const entry = await entryOf(session, destination.entry);
      return entry && { ...base, chain, asset, wallet, destination: entry.name, class: entry.class, amount };
    }
    case "call": {
      const { chain, wallet, destination, amount } = intent;
      const entry = await entryOf(session, destination.entry);
      const { family, native } = findChain(session.book(), chain);
      const call = chainOf(family).namesOf(intent);
      return entry && { ...base, chain, asset: native, wallet, destination: entry.name, class: entry.class, amount, call };
    }
    case "cancel": {
      const { chain, wallet } = intent;
      const native = session.book().chains.get(chain)?.native;
      return { ...base, chain, wallet, class: "own", ...(native === undefined ? {} : { asset: native }) };
    }
    case "wallet":
      return { ...base, chain: intent.chain, wallet: intent.wallet, walletClass: intent.walletClass };
    case "entry": {
      const { chain, name, class: type } = decode(Entry, intent.entry);
      return { ...base, chain, destination: name, class: type };
    }
    case "retire": {
      const entry = await entryOf(session, intent.name);
      return entry && { ...base, chain: entry.chain, destination: entry.name, class: entry.class };
    }
  }
}

async function entryOf(session: Session, name: string): Promise<Entry | null> {
  try {
    return (await fetchEntry(session, name)).entry;
  } catch (error) {
    if (error instanceof VaultRefused && error.receipt.code === "ENTRY_UNKNOWN") return null;
    throw error;
  }
}

const CONDITIONS = [
  "kinds",
  "chains",
  "assets",
  "wallets",
  "walletClasses",
  "clients",
  "units",
  "destinations",
  "classes",
  "initiators",
  "persons",
  "methods",
] as const;

/** When a rule applies. */
export function scopeWords(rule: Rule, book: Book): string {
  const scope = CONDITIONS.flatMap((name) => (rule[name] === "any" ? [] : [`${name} ${rule[name].join(", ")}`]));
  const asset = rule.assets === "any" ? "" : (rule.assets[0] ?? "");
  if (rule.amountFrom !== undefined) scope.push(`from ${amountWords(rule.amountFrom, asset, book)}`);
  if (rule.amountTo !== undefined) scope.push(`up to ${amountWords(rule.amountTo, asset, book)}`);
  const { valueFrom, valueTo, times } = rule;
  if (valueFrom !== undefined) scope.push(`worth from ${valueWords(valueFrom, book)}`);
  if (valueTo !== undefined) scope.push(`worth up to ${valueWords(valueTo, book)}`);
  if (times !== "any") scope.push(times.map(timesWords).join(" or "));
  return scope.join("; ") || "everything";
}

/** What a requirement asks for; for an allow or a deny, when it applies. */
export function ruleWords(rule: Rule, book: Book): string {
  return rule.effect === "require" ? demandWords(rule) : scopeWords(rule, book);
}

export function limitWords(limit: Limit, book: Book): string {
  const { level, window } = limit;
  const time = window.type === "rolling" ? `in ${duration(window.ms)}` : `a ${window.period} of ${window.calendar}`;
  return `${mostWords(limit.most, limit, book)} per ${level} ${time}`;
}

/** A number in the measure of a limit. */
function mostWords(most: bigint, { measure, assets }: Limit, book: Book): string {
  if (measure === "value") return valueWords(most, book);
  if (measure === "count") return `${most} payments`;
  return amountWords(most, assets[0] as string, book);
}

function valueWords(value: bigint, { document }: Book): string {
  const { decimals = 0, currency = "" } = document.valuation ?? {};
  return `${formatAmount(value, decimals)} ${currency}`;
}

function timesWords({ calendar, days, from, to }: Times): string {
  const clock = (minute: number) => `${Math.floor(minute / 60)}:${String(minute % 60).padStart(2, "0")}`;
  return `${days.join(", ")} ${clock(from)} to ${clock(to)} of ${calendar}`;
}

function amountWords(amount: bigint, asset: string, book: Book): string {
  return `${formatAmount(amount, book.assets.get(asset)?.decimals ?? 0)} ${asset}`;
}

/** A refusal's detail for people: times as dates, and the base units of a limit as amounts of its asset. */
export function detailWords(field: string, detail: string, book: Book | null): string {
  const limit = book?.document.limits.find(({ id }) => field === `limits.${id}`);
  if (limit !== undefined && book !== null) {
    return detail.replace(/\b\d{1,78}\b/g, (digits) => mostWords(BigInt(digits), limit, book));
  }
  return detail.replace(/\b1\d{12}\b/g, (digits) => formatTime(Number(digits)));
}

/** The rule or limit that a refusal names, in words, or null. */
export function namedIn(field: string, book: Book): string | null {
  const [section, id] = field.split(".");
  const rule = section === "rules" ? book.document.rules.find((item) => item.id === id) : undefined;
  if (rule !== undefined) return `${ruleWords(rule, book)}${rule.effect === "require" ? `  (${scopeWords(rule, book)})` : ""}`;
  const limit = section === "limits" ? book.document.limits.find((item) => item.id === id) : undefined;
  return limit === undefined ? null : limitWords(limit, book);
}
