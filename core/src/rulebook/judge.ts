/** The judgement: what the rules say of a subject, and whether a requirement is met. Deny overrides, every matching
 *  requirement binds, no matching allow refuses, order never matters. Source: DESIGN §4, docs/spec/rulebook.md. */
import type { IntentKind } from "../signed/intent.ts";
import type { Quorum, Requirement, Rule } from "../signed/rulebook.ts";
import { type Book, eachCandidate, type Subject, withinValues } from "./book.ts";
import { type Demand, fillsQuorum, groupsIn, groupsLeft, seatsLeft } from "./quorum.ts";

/** Names of the rules that decided, and the requirements that bind. `unvalued`: a rule that nobody can judge before the value
 *  of the amount is stated; as long as there is one, nothing is allowed. */
export type Judgement = {
  readonly denies: readonly string[];
  readonly allows: readonly string[];
  readonly requirements: readonly Requirement[];
  readonly unvalued: string | undefined;
};

/** What the rules of `book` say of `subject`. An allow that asks for a value which nobody states only fails to allow, so that
 *  adding it takes nothing away. */
export function judge(book: Book, subject: Subject): Judgement {
  const denies: string[] = [];
  const allows: string[] = [];
  const requirements: Requirement[] = [];
  const unvalued: Rule[] = [];
  const isUnvalued = subject.value === undefined && subject.amount !== undefined;
  eachCandidate(book, subject, ({ rule, id, effect, isValued }) => {
    if (isValued && isUnvalued) unvalued.push(rule);
    else if (isValued && !withinValues(rule, subject.value)) return;
    else if (effect === "require") requirements.push(rule as Requirement);
    else (effect === "deny" ? denies : allows).push(id);
  });
  const open = unvalued.find((rule) => rule.effect !== "allow" || allows.length === 0);
  return { denies, allows, requirements, unvalued: open?.id };
}

/** Who has approved: the persons, and by which class of key. */
export type Approver = { readonly person: string; readonly class: "device" | "served" };

type Given = { readonly initiator: string; readonly approvers: readonly Approver[] };

/** Whether the approvers meet the quorum of `requirement`. */
export function quorumMet(book: Book, requirement: Requirement, given: Given): boolean {
  const persons = countingIn(requirement, given);
  const { quorum, distinctGroups } = requirement;
  if (quorum === undefined) return distinctGroups === 0;
  return fillsQuorum(quorum, book.groups, persons) && groupsLeft(distinctGroups, groupsIn(quorum), book.groups, persons) === 0;
}

/** The persons whose approval counts for a requirement. */
function countingIn({ servedCounts, initiatorCounts }: Requirement, given: Given): ReadonlySet<string> {
  const persons = new Set<string>();
  for (const approver of given.approvers) {
    const classCounts = servedCounts || approver.class === "device";
    if (classCounts && (initiatorCounts || approver.person !== given.initiator)) persons.add(approver.person);
  }
  return persons;
}

/** What a quorum lacks. `ways`: the seats that each alternative leaves empty, the fewest first; nothing when it is filled.
 *  `groups`: from how many more groups persons must come. `could`: who would count there and does not yet, by name. */
export type Lacking = {
  readonly ways: readonly (readonly Demand[])[];
  readonly groups: number;
  readonly could: readonly string[];
};

/** What the quorum of `requirement` lacks. */
export function lackingOf(book: Book, requirement: Requirement & { readonly quorum: Quorum }, given: Given): Lacking {
  const { quorum, distinctGroups, servedCounts, initiatorCounts } = requirement;
  const persons = countingIn(requirement, given);
  const isFilled = fillsQuorum(quorum, book.groups, persons);
  const ways = isFilled ? [] : seatsLeft(quorum, book.groups, persons);
  const groups = groupsLeft(distinctGroups, groupsIn(quorum), book.groups, persons);
  const asked = isFilled ? groupsIn(quorum) : ways.flatMap((way) => way.map(({ group }) => group));
  const members = new Set(asked.flatMap((group) => [...(book.groups.get(group) as ReadonlySet<string>)]));
  const able = new Set<string>();
  for (const { person, key } of book.holders.values()) if (servedCounts || key.class === "device") able.add(person);
  const isOpen = (person: string) => able.has(person) && !persons.has(person);
  const could = [...members].filter((person) => isOpen(person) && (initiatorCounts || person !== given.initiator)).sort();
  return { ways, groups, could };
}

/** How long an approval of an intent of this kind may be valid at most: as the rulebook says, and no longer than any
 *  requirement says that may bind it. Without a kind, for decisions that no rule is asked about, as the rulebook says.
 *  Milliseconds. */
export function approvalLife({ document }: Book, kind?: IntentKind): number {
  const isRuled = kind !== undefined && kind !== "freeze" && kind !== "unfreeze";
  const lives = document.rules.flatMap((rule) => {
    const binds = isRuled && (rule.kinds === "any" || rule.kinds.includes(kind));
    return binds && rule.effect === "require" && rule.approvalLifeMs !== undefined ? [rule.approvalLifeMs] : [];
  });
  return Math.min(document.approvalLifeMs, ...lives);
}
