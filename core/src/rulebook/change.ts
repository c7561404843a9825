/** Whether a change of the rulebook is on the short syntactic list of tightenings, which hold at once. Everything else waits.
 *
 *  The list: a deny or a require is added; a limit is added or lowered; a key of a person is removed, with the
 *  person and his places in groups where it was the last. Administrators and officers keep a key that they can act with,
 *  because taking the last one would take a veto or a freeze away. Nothing is inferred. Source: docs/spec/rulebook.md. */
import { toHex } from "../bytes.ts";
import { type Key, Rulebook } from "../signed/rulebook.ts";
import { governs } from "./check.ts";

/** Whether `next` changes `current` only by tightenings. Both passed `checkRulebook`. */
export function onlyTightens(current: Rulebook, next: Rulebook): boolean {
  const expected = tightened(current, next);
  return keepsGuardians(current, expected) && text(expected) === text(next);
}

/** What the tightenings in `next` make of `current`: when this is `next` itself, there is nothing else in it. */
function tightened(current: Rulebook, next: Rulebook): Rulebook {
  const persons = keptPersons(current, next);
  const kept = new Set(persons.map((person) => person.id));
  const { epoch, base, createdAt } = next;
  // A hand-over is said once, by the rulebook that makes it.
  const { handover: _, ...lasting } = current;
  return {
    ...lasting,
    epoch,
    base,
    createdAt,
    persons,
    groups: current.groups.map((group) => ({ ...group, members: group.members.filter((member) => kept.has(member)) })),
    rules: tighterRules(current, next),
    limits: tighterLimits(current, next),
  };
}

function keptPersons(current: Rulebook, next: Rulebook): Rulebook["persons"] {
  const keysOf = new Map(next.persons.map((person) => [person.id, new Set(person.keys.map((key) => toHex(key.publicKey)))]));
  return current.persons
    .map((person) => ({ ...person, keys: person.keys.filter((key) => keysOf.get(person.id)?.has(toHex(key.publicKey))) }))
    .filter((person) => person.keys.length > 0);
}

function tighterRules(current: Rulebook, next: Rulebook): Rulebook["rules"] {
  const before = new Set(current.rules.map((rule) => rule.id));
  return [...current.rules, ...next.rules.filter((rule) => !before.has(rule.id) && rule.effect !== "allow")];
}

function tighterLimits(current: Rulebook, next: Rulebook): Rulebook["limits"] {
  const before = new Set(current.limits.map((limit) => limit.id));
  const amounts = new Map(next.limits.map((limit) => [limit.id, limit.most]));
  const lowered = current.limits.map((limit) => {
    const most = amounts.get(limit.id) ?? limit.most;
    return most < limit.most ? { ...limit, most } : limit;
  });
  return [...lowered, ...next.limits.filter((limit) => !before.has(limit.id))];
}

/** Whether every administrator can still sign and veto, and every officer still freeze, as far as they could before. */
function keepsGuardians(current: Rulebook, next: Rulebook): boolean {
  const { administrators, officers } = current.governance;
  const officersNow = current.groups.find((group) => group.id === officers)?.members ?? [];
  const able = (book: Rulebook, id: string, can: (key: Key) => boolean) =>
    book.persons.some((person) => person.id === id && person.keys.some(can));
  const keeps = (ids: readonly string[], can: (key: Key) => boolean) =>
    ids.every((id) => able(next, id, can) || !able(current, id, can));
  return keeps(administrators, governs) && keeps(officersNow, (key) => key.class === "device");
}

/** One text for all rulebooks that differ only in the order of persons, rules and limits, which means nothing. */
function text(book: Rulebook): string {
  const sorted = <T extends { readonly id: string }>(items: readonly T[]) => [...items].sort((a, b) => (a.id < b.id ? -1 : 1));
  const { persons, rules, limits } = book;
  const ordered = { ...book, persons: sorted(persons), rules: sorted(rules), limits: sorted(limits) };
  return JSON.stringify(Rulebook.shape.toJson(ordered));
}
