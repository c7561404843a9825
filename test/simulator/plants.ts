/** Bugs planted around the production functions, to see that the simulator finds them: each wraps what the vault decides or
 *  folds, what the server does with a block, or what the disk promises, and leaves the source alone. */
import type { Observers } from "../../server/src/chain/types.ts";
import { emptyMap, entries, set } from "../../vault/src/state/map.ts";
import type { State } from "../../vault/src/state/state.ts";
import { forgetUnsigned, keysForgotten, tabletAsPerson } from "../world/plants.ts";
import type { Promise_ } from "./ghost.ts";
import { type Mind, PRODUCTION } from "./house/vault.ts";
import { TABLET } from "./stage.ts";

/** What a run is made of. `isDiskLazy`: the disk says that it has written what it will write a little later. */
export type Made = {
  readonly mind: Mind;
  readonly observe: (observers: Observers) => Observers;
  readonly isDiskLazy: boolean;
};
export const SOUND: Made = { mind: PRODUCTION, observe: (observers) => observers, isDiskLazy: false };

/** `families`: kinds of deeds that bring it out. `promises`: which one it breaks, whichever is seen first. */
export type Plant = {
  readonly name: string;
  readonly families: readonly string[];
  readonly promises: readonly Promise_[];
  readonly made: Made;
};

const judging = (decide: Mind["decide"]): Made => ({ ...SOUND, mind: { ...PRODUCTION, decide } });
const folding = (apply: Mind["apply"]): Made => ({ ...SOUND, mind: { ...PRODUCTION, apply } });
/** The judgement over a state that is seen otherwise. */
const seeing = (change: (state: State) => State) => judging((state, input) => PRODUCTION.decide(change(state), input));
/** The fold with one more thing done after a restart. */
const afterRestart = (change: (state: State) => State) =>
  folding((state, record) => {
    const next = PRODUCTION.apply(state, record);
    return record.value.kind === "booted" ? change(next) : next;
  });
const watching = (change: Partial<Observers>): Made => ({ ...SOUND, observe: (observers) => ({ ...observers, ...change }) });

/** One source is enough. */
function credulous(state: State): State {
  const { book } = state;
  if (book === null) return state;
  const chains = new Map([...book.chains].map(([id, chain]) => [id, { ...chain, finalityAtLeast: 1 }]));
  return { ...state, book: { ...book, chains } };
}

/** Whatever was registered was registered long ago. */
function impatient(state: State): State {
  let { registered } = state;
  for (const [id, one] of entries(registered)) registered = set(registered, id, { ...one, at: 0 });
  return { ...state, registered, waiting: state.waiting === null ? null : { ...state.waiting, until: 0 } };
}

export const PLANTS: readonly Plant[] = [
  {
    name: "keys are counted instead of persons",
    families: [],
    promises: ["no signature without quorum"],
    made: seeing((state) => tabletAsPerson(state, TABLET.id)),
  },
  {
    name: "limits forget what was used",
    families: [],
    promises: ["limits hold"],
    made: seeing((state) => ({ ...state, usage: emptyMap() })),
  },
  {
    name: "a restart forgets the freezes",
    families: ["freezes", "kills of the vault"],
    promises: ["freeze is final", "an answer is true"],
    made: afterRestart((state) => ({ ...state, freezes: emptyMap() })),
  },
  {
    name: "a rejection is not remembered",
    families: ["objections"],
    promises: ["a rejection binds"],
    made: folding((state, record) => ({ ...PRODUCTION.apply(state, record), rejected: emptyMap() })),
  },
  {
    name: "a key that was removed still stands for what is not signed yet",
    families: ["rulebooks"],
    promises: ["a removal binds"],
    made: seeing(keysForgotten),
  },
  {
    name: "delays are over at once",
    families: ["rulebooks", "freezes"],
    promises: ["delays run", "lowering waits"],
    made: seeing(impatient),
  },
  {
    name: "a retired entry is paid",
    families: ["the address book"],
    promises: ["a retired entry is not paid"],
    made: folding((state, record) => {
      const next = PRODUCTION.apply(state, record);
      return record.value.kind === "retired" ? { ...next, entries: state.entries } : next;
    }),
  },
  {
    name: "one source ends a transaction",
    families: ["sources", "fees"],
    promises: ["only finality ends a transaction"],
    made: seeing(credulous),
  },
  {
    name: "a restart forgets nonces and slots of what is not signed yet",
    families: ["kills of the vault", "messages"],
    promises: ["commitments are exclusive", "everything comes to an end"],
    made: afterRestart(forgetUnsigned),
  },
  {
    name: "intents are not remembered",
    families: ["messages", "attacks"],
    promises: ["an approval is consumed once", "one payment on the chain"],
    made: seeing((state) => ({ ...state, intents: emptyMap(), references: emptyMap() })),
  },
  {
    name: "a rolled-back vault goes on",
    families: ["copies of the disk"],
    promises: ["a rolled-back vault is stopped"],
    made: folding((state, record) => ({ ...PRODUCTION.apply(state, record), halted: false })),
  },
  {
    name: "the disk answers before it has written",
    families: ["kills of the vault"],
    promises: ["a restart loses nothing", "no signature without quorum", "an answer is true", "a rolled-back vault is stopped"],
    made: { ...SOUND, isDiskLazy: true },
  },
  {
    name: "a deposit whose block is gone stays in the books",
    families: ["deposits", "reorganisations"],
    promises: ["the books follow the chain", "nothing is thrown", "everything comes to an end"],
    made: watching({ depositReorged: async () => undefined }),
  },
  {
    name: "a payment that is final is not booked",
    families: [],
    promises: ["everything comes to an end"],
    made: watching({ transactionFinal: async () => undefined }),
  },
];
