/** Bugs that more than one search plants: states of the vault, seen otherwise than they are. */
import type { Hash } from "../../core/src/bytes.ts";
import { entries, remove, set } from "../../vault/src/state/map.ts";
import { type JobState, jobAt, type State } from "../../vault/src/state/state.ts";

/** Amy's second device passes for a second person. */
export function tabletAsPerson(state: State, tablet: Hash): State {
  const { book } = state;
  const holder = book?.holders.get(tablet);
  if (book === null || holder === undefined) return state;
  const approvers = new Set([...(book.groups.get("approvers") ?? []), "amy-tablet"]);
  const holders = new Map([...book.holders, [tablet, { ...holder, person: "amy-tablet" }]]);
  return { ...state, book: { ...book, holders, groups: new Map([...book.groups, ["approvers", approvers]]) } };
}

/** Nonces and slots are known only of what is signed. */
export function forgetUnsigned(state: State): State {
  let { nonces, slots } = state;
  for (const [id] of entries(state.pending)) {
    for (const part of jobAt(state, id)?.parts ?? []) {
      nonces = set(nonces, `${part.chain}:${part.from}`, part.nonce);
      slots = part.slots.reduce(remove, slots);
    }
  }
  return { ...state, nonces, slots };
}

/** What is committed rests on nobody's key, so that the removal of one is not noticed. */
export function keysForgotten(state: State): State {
  let { jobs } = state;
  for (const [id] of entries(state.pending)) {
    const job = jobAt(state, id) as JobState;
    jobs = set(jobs, id, { ...job, parts: job.parts.map((part) => ({ ...part, keys: [] })) });
  }
  return { ...state, jobs };
}
