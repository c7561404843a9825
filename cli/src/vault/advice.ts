/** The rulebook in words: when a rule applies, what it demands, what a limit bounds, and which of them a refusal names.
 *
 *  Words only: whether anything is met the vault says (`explain.ts`). */

import { formatAmount } from "@strongroom/core/money/amount";
import type { Book } from "@strongroom/core/rulebook/book";
import type { Limit, Rule, Times } from "@strongroom/core/signed/rulebook";
import { demandWords } from "@strongroom/core/text/demand";
import { formatTime } from "@strongroom/core/text/render";
import { duration } from "../screen.ts";

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
  return `${measureWords(limit.most, limit, book)} per ${level} ${time}`;
}

/** A number in the measure of a limit. */
export function measureWords(most: bigint, { measure, assets }: Limit, book: Book): string {
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

/** The limit of this name. */
export function limitOf(name: string, { document }: Book): Limit | undefined {
  return document.limits.find(({ id }) => id === name);
}

/** A refusal's detail for people: times as dates, and the base units of a limit as amounts of its asset. */
export function detailWords(field: string, detail: string, book: Book | null): string {
  const limit = book === null ? undefined : limitOf(field.replace(/^limits\./, ""), book);
  if (limit !== undefined && book !== null && field.startsWith("limits.")) {
    return detail.replace(/\b\d{1,78}\b/g, (digits) => measureWords(BigInt(digits), limit, book));
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
