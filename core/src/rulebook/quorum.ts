/** Whether a set of persons fills a quorum tree. One person fills one place, however many groups or keys he has. */
import type { Quorum } from "../signed/rulebook.ts";

export type Groups = ReadonlyMap<string, ReadonlySet<string>>;
/** So many persons of a group. */
export type Demand = { readonly group: string; readonly count: number };

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

/** From how many more of these groups persons must come, so that they come from `least` different ones, one person a group. */
export function groupsLeft(least: number, names: readonly string[], groups: Groups, persons: ReadonlySet<string>): number {
  if (least === 0) return 0;
  const demands = [...new Set(names)].map((group) => ({ group, count: 1 }));
  return Math.max(0, least - (demands.length - empty(demands, groups, persons).length));
}

/** What each alternative of the tree still takes beside these persons, the least first, none twice. Whoever fills these seats,
 *  and has none yet, fills the tree. */
export function seatsLeft(quorum: Quorum, groups: Groups, persons: ReadonlySet<string>): readonly (readonly Demand[])[] {
  const ways = new Map<string, readonly Demand[]>();
  for (const demands of alternatives(quorum)) {
    const left = counted(empty(demands, groups, persons));
    ways.set(left.map(({ group, count }) => `${count} ${group}`).join(), left);
  }
  const size = (way: readonly Demand[]) => way.reduce((sum, { count }) => sum + count, 0);
  return [...ways.values()].sort((a, b) => size(a) - size(b));
}

function counted(names: readonly string[]): readonly Demand[] {
  const groups = [...new Set(names)].sort();
  return groups.map((group) => ({ group, count: names.filter((name) => name === group).length }));
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
  return wanted <= persons.size && empty(demands, groups, persons).length === 0;
}

type Seat = { readonly group: string; readonly fitting: readonly string[] };

/** Groups of the seats that stay empty when as many as can be are filled: maximum bipartite matching by augmenting paths. A
 *  free person is taken before anyone moves, so that persons who fit everywhere cost nothing. */
function empty(demands: readonly Demand[], groups: Groups, persons: ReadonlySet<string>): readonly string[] {
  const seats = demands.flatMap(({ group, count }): Seat[] => {
    const members = groups.get(group) as ReadonlySet<string>;
    const fitting = [...persons].filter((person) => members.has(person));
    return Array.from({ length: count }, () => ({ group, fitting }));
  });
  const seatOf = new Map<string, Seat>();
  const place = ({ group, fitting }: Seat, tried: Set<string>): boolean => {
    const free = fitting.find((person) => !seatOf.has(person));
    const chosen = free ?? fitting.find((person) => !tried.has(person) && place(seatOf.get(person) as Seat, tried.add(person)));
    if (chosen === undefined) return false;
    seatOf.set(chosen, { group, fitting });
    return true;
  };
  return seats.filter((seat) => !place(seat, new Set())).map(({ group }) => group);
}
