/** Whether a set of persons fills a quorum tree. One person fills one place, however many groups or keys he has. */
import type { Quorum } from "../signed/rulebook.ts";

export type Groups = ReadonlyMap<string, ReadonlySet<string>>;
type Demand = { readonly group: string; readonly count: number };

/** Whether `persons` (each counted once) can be seated so that every demand of the tree is met. */
export function fillsQuorum(quorum: Quorum, groups: Groups, persons: ReadonlySet<string>): boolean {
  if (quorum.type === "group") return countIn(groups.get(quorum.group) as ReadonlySet<string>, persons) >= quorum.count;
  return alternatives(quorum).some((demands) => canSeat(demands, groups, persons));
}

function countIn(members: ReadonlySet<string>, persons: ReadonlySet<string>): number {
  let count = 0;
  for (const person of persons) if (members.has(person)) count += 1;
  return count;
}

/** Whether `persons` can be seated in at least `least` different groups, one person a group. */
export function spansGroups(least: number, names: readonly string[], groups: Groups, persons: ReadonlySet<string>): boolean {
  if (least === 0) return true;
  const demands = [...new Set(names)].map((group) => ({ group, count: 1 }));
  return seated(demands, groups, persons) >= least;
}

/** Groups that a tree names. */
export function groupsIn(quorum: Quorum): readonly string[] {
  return quorum.type === "group" ? [quorum.group] : quorum.of.flatMap(groupsIn);
}

/** The tree as a list of alternatives, each a list of demands that must all be met. Their number is bounded by
 *  `checkRulebook`, which no tree passes that unfolds further. */
export function alternatives(quorum: Quorum): readonly (readonly Demand[])[] {
  if (quorum.type === "group") return [[{ group: quorum.group, count: quorum.count }]];
  if (quorum.type === "anyOf") return quorum.of.flatMap(alternatives);
  return quorum.of
    .map(alternatives)
    .reduce((left, right) => left.flatMap((a) => right.map((b) => [...a, ...b])), [[]] as readonly Demand[][]);
}

function canSeat(demands: readonly Demand[], groups: Groups, persons: ReadonlySet<string>): boolean {
  const wanted = demands.reduce((sum, demand) => sum + demand.count, 0);
  return wanted <= persons.size && seated(demands, groups, persons) === wanted;
}

/** Most seats that can be filled: maximum bipartite matching by augmenting paths. A free person is taken before anyone moves,
 *  so that persons who fit everywhere cost nothing. */
function seated(demands: readonly Demand[], groups: Groups, persons: ReadonlySet<string>): number {
  const seats = demands.flatMap(({ group, count }) => {
    const members = groups.get(group) as ReadonlySet<string>;
    const fitting = [...persons].filter((person) => members.has(person));
    return Array.from({ length: count }, () => fitting);
  });
  const seatOf = new Map<string, readonly string[]>();
  const place = (seat: readonly string[], tried: Set<string>): boolean => {
    const free = seat.find((person) => !seatOf.has(person));
    const chosen =
      free ?? seat.find((person) => !tried.has(person) && place(seatOf.get(person) as readonly string[], tried.add(person)));
    if (chosen === undefined) return false;
    seatOf.set(chosen, seat);
    return true;
  };
  return seats.filter((seat) => place(seat, new Set())).length;
}
