/** What requirements demand, in words for people: quorums, facts, times. Nothing is signed over these words. */
import type { Needed, Quorum, Requirement } from "../signed/rulebook.ts";

/** A group that no rulebook can name: all its persons. */
export const EVERYBODY = "*";

const LONG = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** `2 h`: in the largest unit that leaves no rest. */
export function spanWords(ms: number): string {
  const whole = LONG.find(([, unit]) => ms >= unit && ms % unit === 0);
  return whole === undefined ? `${ms} ms` : `${ms / whole[1]} ${whole[0]}`;
}

export function quorumWords(quorum: Quorum): string {
  if (quorum.type !== "group") return `${quorum.type}(${quorum.of.map(quorumWords).join("; ")})`;
  return quorum.group === EVERYBODY ? `${quorum.count} persons` : `${quorum.count} of ${quorum.group}`;
}

/** Who must approve, of a requirement with a quorum. */
export function approvalWords(rule: Requirement & { readonly quorum: Quorum }): string {
  const { quorum, initiatorCounts, servedCounts, distinctGroups } = rule;
  return [
    quorumWords(quorum),
    initiatorCounts ? "initiator counts" : "initiator excluded",
    ...(servedCounts ? ["served keys count"] : []),
    ...(distinctGroups > 0 ? [`${distinctGroups} distinct groups`] : []),
  ].join(", ");
}

export function factWords({ atLeast, sources, type, maxAgeMs }: Needed): string {
  return `${atLeast} of ${sources.join(", ")} on ${type}, at most ${spanWords(maxAgeMs)} old`;
}

/** What is demanded in time. */
export const TIME_WORDS = {
  delay: (ms: number) => `after ${spanWords(ms)}`,
  life: (ms: number) => `approvals valid for at most ${spanWords(ms)}`,
  age: (ms: number) => `destination in the book for ${spanWords(ms)}`,
} as const;

/** What a requirement demands. */
export function demandWords(rule: Requirement): string {
  const { quorum, facts, delayMs, approvalLifeMs, entryAgeMs } = rule;
  const parts = [
    ...(quorum === undefined ? [] : [approvalWords({ ...rule, quorum })]),
    ...facts.map(factWords),
    ...(delayMs > 0 ? [TIME_WORDS.delay(delayMs)] : []),
    ...(approvalLifeMs === undefined ? [] : [TIME_WORDS.life(approvalLifeMs)]),
    ...(entryAgeMs > 0 ? [TIME_WORDS.age(entryAgeMs)] : []),
  ];
  return parts.join(", ");
}
