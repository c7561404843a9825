/** What requirements demand, and which of two demands is harder: exactly, by trying who could approve, where the persons fall
 *  into few kinds, and otherwise not at all. */
import type { Needed, Quorum, Requirement } from "../../signed/rulebook.ts";
import { approvalWords, EVERYBODY, factWords, TIME_WORDS } from "../../text/demand.ts";
import type { Book } from "../book.ts";
import { type Approver, quorumMet } from "../judge.ts";
import { alternatives, groupsIn } from "../quorum.ts";

/** A book that also knows the group of everybody, and of each person the class of key with which he counts most. */
export type Voters = Book & { readonly bestKey: ReadonlyMap<string, Approver["class"]> };

export function votersOf(book: Book): Voters {
  const { persons } = book.document;
  const best = (keys: (typeof persons)[number]["keys"]) => (keys.some((key) => key.class === "device") ? "device" : "served");
  return {
    ...book,
    groups: new Map([...book.groups, [EVERYBODY, new Set(persons.map((person) => person.id))]]),
    bestKey: new Map(persons.map(({ id, keys }) => [id, best(keys)])),
  };
}

/** Most combinations of approvers that are tried for one comparison. */
export const MAX_TRIES = 2_000;

/** A requirement that asks for approvals. */
export type Quorate = Requirement & { readonly quorum: Quorum };
/** One thing that a requirement demands. `life`: how long approvals may still be valid; `age`: of the address-book entry. */
export type Asked =
  | { readonly aspect: "approvals"; readonly rule: Quorate }
  | { readonly aspect: "facts"; readonly need: Needed }
  | { readonly aspect: "delay" | "life" | "age"; readonly ms: number };
export type Aspect = Asked["aspect"];
export type InTime = Extract<Asked, { readonly ms: number }>;

/** Everything that a requirement demands, one by one. */
export function askedBy(rule: Requirement): readonly Asked[] {
  const { quorum, facts, delayMs, approvalLifeMs, entryAgeMs } = rule;
  return [
    ...(quorum === undefined ? [] : [{ aspect: "approvals", rule: { ...rule, quorum } } as const]),
    ...facts.map((need) => ({ aspect: "facts", need }) as const),
    ...(delayMs > 0 ? [{ aspect: "delay", ms: delayMs } as const] : []),
    ...(approvalLifeMs === undefined ? [] : [{ aspect: "life", ms: approvalLifeMs } as const]),
    ...(entryAgeMs > 0 ? [{ aspect: "age", ms: entryAgeMs } as const] : []),
  ];
}

/** How strict a demand in time is: the greater, the stricter. */
export function strictnessOf({ aspect, ms }: InTime): number {
  return aspect === "life" ? -ms : ms;
}

/** One text for all that demands the same of the same persons. */
export function keyOf(book: Voters, asked: Asked): string {
  if (asked.aspect === "approvals") return approvalKey(book, asked.rule);
  return JSON.stringify(asked);
}

function approvalKey(book: Voters, rule: Quorate): string {
  const { quorum, initiatorCounts, servedCounts, distinctGroups } = rule;
  const members = namesOf(rule).map((group) => [group, counting(book, rule, group)]);
  return JSON.stringify([quorum, members, initiatorCounts, servedCounts, distinctGroups]);
}

export function wordsOf(asked: Asked): string {
  if (asked.aspect === "approvals") return approvalWords(asked.rule);
  return asked.aspect === "facts" ? factWords(asked.need) : TIME_WORDS[asked.aspect](asked.ms);
}

/** Members of a group whose approvals count for the requirement. */
function counting(book: Voters, requirement: Quorate, group: string): readonly string[] {
  return [...(book.groups.get(group) as ReadonlySet<string>)].filter((person) => counts(book, requirement, person)).sort();
}

function counts(book: Voters, { servedCounts }: Quorate, person: string): boolean {
  return servedCounts || book.bestKey.get(person) === "device";
}

/** Whether approvals by all of `persons`, each with the key that counts most, meet the quorum. */
export function isMetBy(book: Voters, requirement: Quorate, initiator: string, persons: readonly string[]): boolean {
  const approvers = persons.flatMap((person) => {
    const best = book.bestKey.get(person);
    return best === undefined ? [] : [{ person, class: best }];
  });
  return quorumMet(book, requirement, { initiator, approvers });
}

/** Whether everybody together can meet the quorum when this person initiates. */
export function canBeMet(book: Voters, rule: Quorate, initiator: string): boolean {
  return isMetBy(book, rule, initiator, [...new Set(namesOf(rule).flatMap((group) => counting(book, rule, group)))]);
}

/** Whether a fact that is needed follows from another, with at least the same sources whose adverse word refuses. */
export function implies(one: Needed, other: Needed): boolean {
  const hasAll = other.sources.every((source) => one.sources.includes(source));
  const strangers = one.sources.length - other.sources.length;
  return one.type === other.type && hasAll && one.atLeast - strangers >= other.atLeast && one.maxAgeMs <= other.maxAgeMs;
}

/** The approvals that one book asks of an action. */
export type Asking = { readonly book: Voters; readonly rules: readonly Quorate[] };

/** Every person whose approval may count. */
export function votersIn({ book, rules }: Asking): readonly string[] {
  return rules.flatMap((rule) => namesOf(rule).flatMap((group) => counting(book, rule, group)));
}

/** How the approvals that are asked for change. `enough`: persons who are enough now and were not; `short`: who were enough and
 *  are not now. `unknown`: there are too many ways to approve to compare them all. */
export type Change = {
  readonly verdict: "same" | "weaker" | "stronger" | "differs";
  readonly enough?: readonly string[];
  readonly short?: readonly string[];
  readonly unknown?: true;
};

/** Compares the approvals that were asked of an initiator's action with those that are asked now. */
export function compareApprovals(before: Asking, after: Asking, initiator: string): Change {
  const keys = ({ book, rules }: Asking) => [...new Set(rules.map((rule) => approvalKey(book, rule)))].sort().join();
  if (keys(before) === keys(after)) return { verdict: "same" };
  const crowds = crowdsOf([before, after], initiator);
  const tries = crowds.reduce((product, crowd) => product * (crowd.length + 1), 1);
  if (tries > MAX_TRIES) return { verdict: "differs", unknown: true };
  const met = ({ book, rules }: Asking, persons: readonly string[]) =>
    rules.every((rule) => isMetBy(book, rule, initiator, persons));
  let enough: readonly string[] | undefined;
  let short: readonly string[] | undefined;
  for (const persons of choices(crowds)) {
    const [was, is] = [met(before, persons), met(after, persons)];
    if (is && !was) enough ??= persons;
    if (was && !is) short ??= persons;
    if (enough !== undefined && short !== undefined) break;
  }
  if (enough === undefined) return short === undefined ? { verdict: "same" } : { verdict: "stronger", short };
  return short === undefined ? { verdict: "weaker", enough } : { verdict: "differs", enough, short };
}

/** The persons who can approve, in crowds that nothing tells apart, of each crowd no more than can have a seat. */
function crowdsOf(asking: readonly Asking[], initiator: string): readonly (readonly string[])[] {
  const asked = asking.flatMap(({ book, rules }) => rules.map((rule) => ({ book, rule, groups: namesOf(rule) })));
  const seats = Math.max(...asked.map(({ rule }) => seatsOf(rule)));
  const persons = new Set(
    asked.flatMap(({ book, groups }) => groups.flatMap((group) => [...(book.groups.get(group) as ReadonlySet<string>)])),
  );
  const crowds = new Map<string, string[]>();
  for (const person of persons) {
    const key = asked.flatMap(({ book, rule, groups }) => {
      const heard = counts(book, rule, person) && (rule.initiatorCounts || person !== initiator);
      return groups.map((group) => (heard && book.groups.get(group)?.has(person) ? 1 : 0));
    });
    if (!key.includes(1)) continue;
    const crowd = crowds.get(key.join("")) ?? [];
    if (crowd.length < seats) crowds.set(key.join(""), [...crowd, person]);
  }
  return [...crowds.values()];
}

function namesOf({ quorum }: Quorate): readonly string[] {
  return [...new Set(groupsIn(quorum))];
}

/** Most persons who can matter to a quorum at once. */
function seatsOf({ quorum, distinctGroups }: Quorate): number {
  const seats = alternatives(quorum).map((demands) => demands.reduce((sum, { count }) => sum + count, 0));
  return Math.max(distinctGroups, ...seats);
}

/** Every number of persons of every crowd, the smallest choices first. */
function choices(crowds: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const all = crowds.reduce<readonly (readonly string[])[]>(
    (made, crowd) =>
      made.flatMap((persons) => Array.from({ length: crowd.length + 1 }, (_, count) => [...persons, ...crowd.slice(0, count)])),
    [[]],
  );
  return all.toSorted((a, b) => a.length - b.length);
}
