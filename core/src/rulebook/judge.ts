/** The judgement: what the rules say of a subject, and whether a requirement is met. Deny overrides, every matching
 *  requirement binds, no matching allow refuses, order never matters. Source: DESIGN §4, docs/spec/rulebook.md. */
import type { Requirement } from "../signed/rulebook.ts";
import { type Book, matching, type Subject } from "./book.ts";
import { fillsQuorum, groupsIn, spansGroups } from "./quorum.ts";

/** Names of the rules that decided, and the requirements that bind. */
export type Judgement = {
  readonly denies: readonly string[];
  readonly allows: readonly string[];
  readonly requirements: readonly Requirement[];
};

/** What the rules of `book` say of `subject`. */
export function judge(book: Book, subject: Subject): Judgement {
  const denies: string[] = [];
  const allows: string[] = [];
  const requirements: Requirement[] = [];
  for (const rule of matching(book, subject)) {
    if (rule.effect === "require") requirements.push(rule);
    else (rule.effect === "deny" ? denies : allows).push(rule.id);
  }
  return { denies, allows, requirements };
}

/** Who has approved: the persons, and by which class of key. */
export type Approver = { readonly person: string; readonly class: "device" | "served" };

/** Whether the approvers meet the quorum of `requirement`. */
export function quorumMet(
  book: Book,
  requirement: Requirement,
  given: { initiator: string; approvers: readonly Approver[] },
): boolean {
  const persons = new Set<string>();
  for (const approver of given.approvers) {
    const classCounts = requirement.servedCounts || approver.class === "device";
    if (classCounts && (requirement.initiatorCounts || approver.person !== given.initiator)) persons.add(approver.person);
  }
  const { quorum, distinctGroups } = requirement;
  if (quorum === undefined) return distinctGroups === 0;
  return fillsQuorum(quorum, book.groups, persons) && spansGroups(distinctGroups, groupsIn(quorum), book.groups, persons);
}
