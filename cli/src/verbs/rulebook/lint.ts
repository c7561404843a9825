/** Warnings about a rulebook that is sound but rarely what people mean, from reading it line by line; what its rules mean
 *  together is in core's analysis. They advise; nothing is refused because of them. */
import { groupsIn } from "@strongroom/core/rulebook/quorum";
import type { Rulebook } from "@strongroom/core/signed/rulebook";

export type Warning = { readonly at: string; readonly what: string };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Everything that looks odd in a rulebook that `checkRulebook` accepts. */
export function warningsOf(book: Rulebook): readonly Warning[] {
  return [
    ...ruleWarnings(book),
    ...groupWarnings(book),
    ...limitWarnings(book),
    ...governanceWarnings(book),
    ...chainWarnings(book),
  ];
}

function ruleWarnings({ rules, groups }: Rulebook): readonly Warning[] {
  const found: Warning[] = [];
  for (const rule of rules) {
    const at = `rules.${rule.id}`;
    if (rule.effect === "allow") {
      if (rule.initiators === "any" && rule.persons === "any") found.push({ at, what: "any enrolled person may initiate it" });
      const pays = rule.kinds === "any" || rule.kinds.includes("pay");
      if (pays && rule.destinations === "any" && rule.classes === "any")
        found.push({ at, what: "allows every class of destination" });
    }
    if (rule.effect === "require") {
      if (rule.servedCounts) found.push({ at, what: "counts keys that a page of the server uses" });
      if (rule.quorum !== undefined && rule.initiatorCounts) {
        const small = groupsIn(rule.quorum).some(
          (name) => (groups.find((group) => group.id === name)?.members.length ?? 0) < 2,
        );
        if (small) found.push({ at, what: "the initiator counts, and a group of the quorum has one member" });
      }
    }
  }
  return found;
}

function groupWarnings({ groups, governance, persons }: Rulebook): readonly Warning[] {
  const found: Warning[] = [];
  for (const { id, members } of groups) {
    if (members.length === 1)
      found.push({ at: `groups.${id}`, what: "has one member: who is ill stops it, who is bribed is all of it" });
  }
  const officers = groups.find((group) => group.id === governance.officers)?.members ?? [];
  const both = officers.filter((person) => governance.administrators.includes(person));
  if (both.length > 0) found.push({ at: "governance.officers", what: `${both.join(", ")} are officers and administrators` });
  if (officers.length < 2) found.push({ at: "governance.officers", what: "one officer only: his one freeze is soon spent" });
  for (const person of persons) {
    const idle = !governance.administrators.includes(person.id) && !groups.some((group) => group.members.includes(person.id));
    if (idle) found.push({ at: `persons.${person.id}`, what: "is in no group: may reject, and nothing else" });
  }
  return found;
}

function limitWarnings({ assets, limits }: Rulebook): readonly Warning[] {
  const found: Warning[] = [];
  for (const { id } of assets) {
    const mine = limits.filter(
      ({ assets: counted, measure }) => measure !== "count" && (counted === "any" || counted.includes(id)),
    );
    if (mine.length > 0 && !mine.some((limit) => limit.level === "institution"))
      found.push({ at: `assets.${id}`, what: "has no limit for the whole institution: many small ones add up" });
  }
  for (const { id, window } of limits) {
    if (window.type === "rolling" && window.ms < HOUR_MS)
      found.push({ at: `limits.${id}`, what: "its window is shorter than an hour" });
  }
  return found;
}

function governanceWarnings({ governance, demonstration }: Rulebook): readonly Warning[] {
  const found: Warning[] = [];
  const at = "governance";
  if (governance.threshold < 2) found.push({ at: `${at}.threshold`, what: "one administrator alone can change every rule" });
  if (!demonstration && governance.delayMs < DAY_MS)
    found.push({ at: `${at}.delayMs`, what: "a weakening waits less than a day" });
  if (!demonstration && governance.unfreezeDelayMs < HOUR_MS)
    found.push({ at: `${at}.unfreezeDelayMs`, what: "less than an hour" });
  return found;
}

function chainWarnings({ chains }: Rulebook): readonly Warning[] {
  const found: Warning[] = [];
  for (const chain of chains) {
    const at = `chains.${chain.name}`;
    if (chain.finality.length < 2) found.push({ at: `${at}.finality`, what: "fewer than two sources state finality" });
    if (chain.finalityAtLeast < 2) found.push({ at: `${at}.finalityAtLeast`, what: "one source alone gives limits back" });
    if (chain.finality.length < chain.finalityAtLeast)
      found.push({ at: `${at}.finality`, what: "more must agree than there are" });
  }
  return found;
}
