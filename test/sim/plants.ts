/** Bugs planted around the production judgement, to see that the search finds them: each wraps `decide` or `apply` and leaves
 *  their source alone. */
import { decide } from "../../vault/src/decide/decide.ts";
import { apply } from "../../vault/src/state/apply.ts";
import { emptyMap, entries, set } from "../../vault/src/state/map.ts";
import { jobAt, openJob, type State } from "../../vault/src/state/state.ts";
import { forgetUnsigned, keysForgotten, tabletAsPerson } from "../world/plants.ts";
import type { Promise_ } from "./ghost.ts";
import type { Mind } from "./node.ts";
import { TABLET } from "./stage.ts";

export const PRODUCTION: Mind = { decide, apply };

/** `world`: where it shows. `promise`: which one it breaks. */
export type Plant = { readonly name: string; readonly world: string; readonly promise: Promise_; readonly mind: Mind };

/** The judgement over a state that is seen otherwise. */
function seeing(change: (state: State) => State): Mind {
  return { apply, decide: (state, input) => decide(change(state), input) };
}

/** The fold with one more thing done after a restart. */
function afterRestart(change: (state: State) => State): Mind {
  return {
    decide,
    apply: (state, record) => (record.value.kind === "booted" ? change(apply(state, record)) : apply(state, record)),
  };
}

/** What was withheld passes for committed. */
function withheldAsCommitted(state: State): State {
  let { jobs } = state;
  for (const [id, kept] of entries(jobs)) {
    const job = openJob(kept);
    if (job.status === "withheld") jobs = set(jobs, id, { ...job, status: "committed" });
  }
  return { ...state, jobs };
}

/** Every delay of a rulebook is over. */
function impatient(state: State): State {
  return state.waiting === null ? state : { ...state, waiting: { ...state.waiting, until: 0 } };
}

/** Every registration is older than any delay. */
function registeredLongAgo(state: State): State {
  let { registered } = state;
  for (const [id, one] of entries(registered)) registered = set(registered, id, { ...one, at: 0 });
  return { ...state, registered };
}

/** What was approved before a start or under another rulebook passes for approved now. */
function approvedForEver(state: State): State {
  let { jobs } = state;
  const ground = { boot: state.boot, rulebook: state.book?.id };
  for (const [id, job] of entries(jobs)) jobs = set(jobs, id, { ...openJob(job), ...ground });
  return { ...state, jobs };
}

/** Whatever was carried out holds its place on the chain again, even when something else has taken it. */
function placesGivenBack(state: State): State {
  let { live } = state;
  for (const [, used] of entries(state.intents)) {
    if (!("job" in used)) continue;
    const part = jobAt(state, used.job)?.parts[used.part];
    if (part?.pay.kind === "pay") for (const slot of part.slots) live = set(live, slot, used);
  }
  return { ...state, live };
}

/** Every start passes for confirmed. */
function trusting(state: State): State {
  return { ...state, boots: [...state.boots, ...(state.start?.before ?? [])] };
}

/** Whatever vault it is passes for the active one. */
function active(state: State): State {
  const { book, vault } = state;
  return book === null ? state : { ...state, book: { ...book, document: { ...book.document, vault } } };
}

/** A suspicion is forgotten at the next start. */
function forgetful(state: State): State {
  return state.start === null ? state : { ...state, start: { ...state.start, suspicion: null } };
}

export const PLANTS: readonly Plant[] = [
  {
    name: "a vault that has handed over signs what comes late",
    world: "a hand-over",
    promise: "one vault signs",
    mind: { apply, decide: (state, input) => decide("signed" in input ? active(state) : state, input) },
  },
  {
    name: "a successor does not wait",
    world: "a hand-over",
    promise: "one vault signs",
    mind: seeing((state) => ({ ...state, succession: null })),
  },
  {
    name: "a start brings approvals back that nobody has confirmed",
    world: "starts that are confirmed",
    promise: "no signature without quorum",
    mind: seeing(trusting),
  },
  {
    name: "a start that is suspected goes on by itself",
    world: "starts that are confirmed",
    promise: "a start counts once it is confirmed",
    mind: seeing(forgetful),
  },
  {
    name: "a payment is made dearer on approvals that a start has voided",
    world: "a dearer version",
    promise: "a dearer version stays within its approvals",
    mind: seeing(approvedForEver),
  },
  {
    name: "a payment is made dearer after it was cancelled",
    world: "a dearer version",
    promise: "commitments are exclusive",
    mind: {
      apply,
      decide: (state, input) => decide("command" in input ? placesGivenBack(state) : state, input),
    },
  },
  {
    name: "the freeze is not looked at again after signing",
    world: "a freeze",
    promise: "freeze is final",
    mind: {
      apply,
      decide: (state, input) => decide("signed" in input ? { ...state, freezes: emptyMap() } : state, input),
    },
  },
  {
    name: "keys are counted instead of persons",
    world: "one payment",
    promise: "no signature without quorum",
    mind: seeing((state) => tabletAsPerson(state, TABLET.id)),
  },
  {
    name: "a restart forgets nonces and slots of what is not signed yet",
    world: "two payments at once",
    promise: "commitments are exclusive",
    mind: afterRestart(forgetUnsigned),
  },
  {
    name: "limits forget what was used",
    world: "a limit",
    promise: "limits hold",
    mind: seeing((state) => ({ ...state, usage: emptyMap() })),
  },
  {
    name: "what was withheld is signed when it is asked for again",
    world: "a freeze",
    promise: "what was withheld needs fresh approvals",
    mind: seeing(withheldAsCommitted),
  },
  {
    name: "a restart forgets the freezes",
    world: "a freeze",
    promise: "freeze is final",
    mind: afterRestart((state) => ({ ...state, freezes: emptyMap() })),
  },
  {
    name: "a rejection is not remembered",
    world: "one payment",
    promise: "a rejection binds",
    mind: {
      decide,
      apply: (state, record) => ({ ...apply(state, record), rejected: emptyMap() }),
    },
  },
  {
    name: "a key that was removed still stands for what is not signed yet",
    world: "a tightening and a weakening",
    promise: "a removal binds",
    mind: seeing(keysForgotten),
  },
  {
    name: "a weakening does not wait",
    world: "a tightening and a weakening",
    promise: "lowering waits",
    mind: seeing(impatient),
  },
  {
    name: "a payment does not wait for its delay",
    world: "a delayed payment",
    promise: "delays run",
    mind: seeing(registeredLongAgo),
  },
  {
    name: "intents are not remembered",
    world: "one payment",
    promise: "an approval is consumed once",
    mind: seeing((state) => ({ ...state, intents: emptyMap(), references: emptyMap() })),
  },
];
