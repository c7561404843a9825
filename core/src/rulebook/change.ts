/** Whether a change of the rulebook is on the short syntactic list of tightenings, which hold at once. Everything else waits.
 *
 *  The list: a deny or a require is added; a limit is added or its amount lowered; a key of a person is removed, with the person
 *  where it was the last, unless he is an administrator (removing one would also remove his veto). Nothing is inferred. */
import { equal } from "../bytes.ts";
import type { Limit, Rulebook } from "../signed/rulebook.ts";
import { Rulebook as RulebookKind } from "../signed/rulebook.ts";

/** Whether `next` changes `current` only by tightenings. Both passed `checkRulebook`. */
export function onlyTightens(current: Rulebook, next: Rulebook): boolean {
  return (
    same(frame(current), frame({ ...next, epoch: current.epoch, base: current.base, createdAt: current.createdAt })) &&
    rulesTighten(current, next) &&
    limitsTighten(current, next) &&
    personsTighten(current, next)
  );
}

/** Everything that no tightening touches. */
function frame(book: Rulebook): Rulebook {
  return { ...book, persons: [], groups: [], rules: [], limits: [] };
}

function same(a: Rulebook, b: Rulebook): boolean {
  return JSON.stringify(RulebookKind.shape.toJson(a)) === JSON.stringify(RulebookKind.shape.toJson(b));
}

function rulesTighten(current: Rulebook, next: Rulebook): boolean {
  const before = new Set(current.rules.map((rule) => rule.id));
  const kept = next.rules.filter((rule) => before.has(rule.id));
  const added = next.rules.filter((rule) => !before.has(rule.id));
  return sameRules(current, kept) && added.every((rule) => rule.effect !== "allow");
}

function limitsTighten(current: Rulebook, next: Rulebook): boolean {
  return current.limits.every((limit) => {
    const now = next.limits.find((item) => item.id === limit.id);
    return now !== undefined && now.amount <= limit.amount && sameLimit(now, limit);
  });
}

function sameLimit(a: Limit, b: Limit): boolean {
  return a.level === b.level && a.asset === b.asset && a.windowMs === b.windowMs;
}

function personsTighten(current: Rulebook, next: Rulebook): boolean {
  const gone = new Set(
    current.persons.map((person) => person.id).filter((id) => !next.persons.some((person) => person.id === id)),
  );
  if (current.governance.administrators.some((id) => gone.has(id))) return false;
  const nobodyNew = next.persons.every((person) => {
    const before = current.persons.find((item) => item.id === person.id);
    const keys = before?.keys.filter((key) => person.keys.some((kept) => equal(key.publicKey, kept.publicKey))) ?? [];
    return before !== undefined && samePersons(current, { ...before, keys }, person);
  });
  const groups = current.groups.map((group) => ({ ...group, members: group.members.filter((member) => !gone.has(member)) }));
  return nobodyNew && same({ ...frame(current), groups }, { ...frame(current), groups: next.groups });
}

function samePersons(frameOf: Rulebook, a: Rulebook["persons"][number], b: Rulebook["persons"][number]): boolean {
  return same({ ...frame(frameOf), persons: [a] }, { ...frame(frameOf), persons: [b] });
}

/** Whether `kept` are the rules of `current`, unchanged; their order means nothing. */
function sameRules(current: Rulebook, kept: Rulebook["rules"]): boolean {
  const sorted = (rules: Rulebook["rules"]) => [...rules].sort((a, b) => (a.id < b.id ? -1 : 1));
  return same({ ...frame(current), rules: sorted(current.rules) }, { ...frame(current), rules: sorted(kept) });
}
