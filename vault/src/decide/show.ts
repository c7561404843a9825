/** Answers that only read: status, heads, rulebook, wallets, entries, executions. */

import type { Hash } from "@strongroom/core/bytes";
import { refuse } from "@strongroom/core/errors";
import { type CommandOf, ExecutionBody, StatusBody, WalletBody } from "@strongroom/core/protocol/command";
import { Entry } from "@strongroom/core/signed/entry";
import { Head } from "@strongroom/core/signed/head";
import { encode } from "@strongroom/core/signed/object";
import { entries, get } from "../state/map.ts";
import type { JobState, State, Wallet } from "../state/state.ts";
import type { Now, Outcome } from "../types.ts";
import type { Founded } from "./approvals.ts";
import { ok } from "./draft.ts";

const ZERO = "00".repeat(32) as Hash;

/** What the vault is: genesis, waiting rulebook, freezes. */
export function status(state: State): Outcome {
  const { genesis, waiting } = state;
  const body = encode(StatusBody, {
    ...(genesis && { genesis: genesis.signed }),
    ...(waiting && { waiting: waiting.book.id, waitingUntil: waiting.until }),
    freezes: [...entries(state.freezes)].map(([, freeze]) => freeze),
    live: [...entries(state.outstanding)].reduce((sum, [, count]) => sum + count, 0),
  });
  return { records: [], effects: [ok(body)] };
}

/** The journal's position, for the host to sign. */
export function head(state: State, now: Now): Outcome {
  const body = encode(Head, {
    version: 1,
    deployment: state.deployment ?? ZERO,
    vault: state.vault,
    rulebook: state.book?.id ?? ZERO,
    epoch: state.book?.document.epoch ?? 0,
    head: { seq: state.seq, hash: state.head },
    boot: state.boot ?? ZERO,
    at: now.lo,
    halted: state.halted,
  });
  return { records: [], effects: [ok(body, "head")] };
}

/** Fails: WALLET_UNKNOWN, ENTRY_UNKNOWN, INTENT_UNKNOWN. */
export function show(state: Founded, { what, name }: CommandOf<"show">): Outcome {
  const bodies = { rulebook, execution, entry, wallet };
  return { records: [], effects: [ok(bodies[what](state, name))] };
}

function rulebook(state: Founded): Uint8Array {
  return state.signedBook as Uint8Array;
}

function wallet(state: Founded, name: string): Uint8Array {
  const found = get(state.wallets, name);
  if (found === undefined) refuse("WALLET_UNKNOWN", "name", `there is no wallet ${name}`);
  return walletBody(found);
}

/** A wallet as outsiders see it. */
export function walletBody(found: Wallet): Uint8Array {
  const { name, chain, class: walletClass, client, path, publicKey, chainCode } = found;
  const named = client === undefined ? {} : { client };
  return encode(WalletBody, { wallet: name, chain, walletClass, ...named, path, publicKey, chainCode });
}

function entry(state: Founded, name: string): Uint8Array {
  const found = get(state.entries, name);
  if (found === undefined) refuse("ENTRY_UNKNOWN", "name", `there is no entry ${name} in force`);
  return encode(Entry, found.entry);
}

function execution(state: Founded, name: string): Uint8Array {
  const used = get(state.intents, name);
  const job = used !== undefined && "job" in used ? get(state.jobs, used.job) : undefined;
  if (job === undefined) refuse("INTENT_UNKNOWN", "name", "the vault has no transaction for this intent");
  return executionBody(job);
}

/** The outcome of a job; a withheld or unsigned one shows no transaction. */
export function executionBody(job: JobState): Uint8Array {
  const transactions = job.parts.flatMap(({ id: intent, transaction, from, slots }) =>
    transaction === undefined ? [] : [{ intent, id: transaction.id, raw: transaction.raw, from, slots }],
  );
  return encode(ExecutionBody, { job: job.id, state: job.status, transactions });
}
