/** The pure side as the host drives it. No decision is made here. */
import { decide } from "./decide/decide.ts";
import { repaired } from "./decide/govern/start.ts";
import { apply } from "./state/apply.ts";
import { hashAt } from "./state/positions.ts";
import { encodeState, StateReader } from "./state/snapshot.ts";
import { emptyState, isHeir, type State } from "./state/state.ts";

export const mind = {
  decide,
  apply,
  /** State of an empty journal. `identityKey`: lower-case hex. */
  empty: emptyState,
  /** Lower bound of the time in the newest record, null without one. */
  journaledAt: (state: State) => (state.seq === 0 ? null : state.at),
  /** Chain hash after the newest record. */
  head: (state: State) => state.head,
  /** Chain hash after so many records, undefined for more than there are. */
  hashAt: (state: State, seq: number) => hashAt(state.positions, seq),
  repaired,
  isHeir,
  isHalted: (state: State) => state.halted,
  /** The state in pieces, and what puts them together again. */
  encode: encodeState,
  decoder: () => new StateReader(),
  deployment: (state: State) => state.deployment,
  isDemonstration: (state: State) => state.genesis?.value.demonstration === true,
};
