/** A start of the vault, and what its administrators say of it.
 *
 *  A start voids the approvals that name earlier ones, because a disk that was rolled back has forgotten what they were used
 *  for. Enough administrators who know of no newer record bring them back. A start of which the host suspects that it went on
 *  from an older journal does nothing until they have confirmed it, and then brings back nothing.
 *  Source: docs/decisions/succession.md. */
import type { Hash } from "@strongroom/core/bytes";
import { demand } from "@strongroom/core/errors";
import type { RecordOf, Sealed } from "@strongroom/core/journal/record";
import type { Command, CommandOf } from "@strongroom/core/protocol/command";
import { Start, type Suspicion } from "@strongroom/core/signed/head";
import { encode } from "@strongroom/core/signed/object";
import { textHash } from "@strongroom/core/text/render";
import { renderStart } from "@strongroom/core/text/start";
import { hash, idOf } from "../../state/hash.ts";
import { readIntent } from "../../state/intent.ts";
import { entries, get } from "../../state/map.ts";
import {
  type Founded,
  isHeir,
  isRetired,
  isSuspect,
  type JobState,
  type Started,
  type State,
  startOf,
  waitsUntil,
} from "../../state/state.ts";
import type { Effect, Input, JobId, Now, Outcome } from "../../types.ts";
import { ok, recordAt } from "../draft.ts";
import { readApprovals } from "../evidence/approvals.ts";
import { signingJob } from "../payment/transaction.ts";
import { personsOf } from "../rules.ts";
import { keySpec } from "../wallet.ts";
import { administrators } from "./rulebook.ts";
import { successions } from "./succession.ts";

/** A start: older approvals are void from here on. What was committed and not signed is given out again, unless the vault has
 *  stopped or is suspected; a suspicion stays until the administrators have confirmed a start. */
export function booted(state: State, { now, booted: boot, suspicion }: Extract<Input, { booted: unknown }>): Outcome {
  const why = isSuspect(state) ? ((state.start as Started).suspicion as Suspicion) : suspicion;
  const record = recordAt(now, { kind: "booted", boot, ...(why !== undefined && { suspicion: why }) });
  const records = [...successions(state, now), record];
  const stands = state.halted || why !== undefined || isRetired(state);
  if (stands) return { records, effects: [] };
  const waits = isHeir(state) || waitsUntil(state, now.lo) !== null;
  return { records, effects: waits ? creations(state) : [...creations(state), ...signings(state)] };
}

function creations(state: State): readonly Effect[] {
  return [...entries(state.openings)].map(([id, opening]) => ({ create: keySpec(id as JobId, opening) }));
}

function signings(state: State): readonly Effect[] {
  return [...entries(state.pending)].map(([id]) => ({ sign: signingJob(get(state.jobs, id) as JobState) }));
}

/** Takes the administrators' word that this start goes on from the newest record. The same word again writes nothing. What a
 *  suspected vault had committed is withheld: whatever came between may be lost. Fails: those of approvals,
 *  GOVERNANCE_MISSING. */
export function confirm(state: Founded, now: Now, { approvals }: CommandOf<"confirm">): Outcome {
  const start = startOf(state);
  const id = idOf(Start, encode(Start, start));
  const shown = textHash(renderStart(start, state.book), hash);
  const text = (subject: Hash) => (subject === id ? shown : undefined);
  const given = readApprovals(state, now, approvals, { decisions: ["confirm"], text });
  const names = administrators(state.book);
  const persons = personsOf(given.filter(({ key }) => names.has(key)));
  const { threshold } = state.book.document.governance;
  const met = persons.length >= threshold;
  demand(met, "GOVERNANCE_MISSING", "approvals", `${persons.length} of ${threshold} administrators have confirmed`);
  if ((state.start as Started).confirmed) return { records: [], effects: [ok()] };
  const record = recordAt(now, { kind: "confirmed", approvals });
  if (!isSuspect(state)) return { records: [record], effects: [ok()] };
  const withheld = [...entries(state.pending)].map(([job]) => recordAt(now, { kind: "withheld", job: job as JobId }));
  return { records: [record, ...withheld], effects: [ok(), ...creations(state)] };
}

/** Refuses what changes more than it stops, as long as the start is suspected. Fails: START_UNCONFIRMED. */
export function demandConfirmed(state: State, command: Command): void {
  const passes = !isSuspect(state) || stopsOnly(command);
  demand(passes, "START_UNCONFIRMED", "vault", `its start is suspected: ${state.start?.suspicion}`);
}

function stopsOnly(command: Command): boolean {
  if (command.command === "execute" || command.command === "explain")
    return command.orders.every((order) => readIntent(order.intent).intent.kind === "freeze");
  return command.command === "confirm" || command.command === "witness" || command.command === "object";
}

/** The record of a repair by hand, made by whoever held the ceremony at the vault's own console. */
export function repaired(now: Now, tail: Pick<RecordOf<"repaired">, "why" | "segments" | "bytes" | "tail">): Sealed {
  return recordAt(now, { kind: "repaired", ...tail });
}
