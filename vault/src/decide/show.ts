/** Answers that only read: status, heads, rulebook, wallets, entries, executions. */
import type { Hash } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import { type CommandOf, ExecutionBody, StatusBody, WalletBody } from "@strongroom/core/protocol/command";
import { Entry } from "@strongroom/core/signed/entry";
import { Head } from "@strongroom/core/signed/head";
import { encode } from "@strongroom/core/signed/object";
import { get, values } from "../state/map.ts";
import type { Founded, JobState, State, Wallet } from "../state/state.ts";
import type { Now, Outcome } from "../types.ts";
import { ok } from "./draft.ts";

const ZERO = "00".repeat(32) as Hash;

/** What the vault is: genesis, waiting rulebook, freezes. */
export function status(state: State): Outcome {
  const { genesis, waiting } = state;
  const body = encode(StatusBody, {
    ...(genesis && { genesis: genesis.signed }),
    ...(waiting && { waiting: waiting.book.id, waitingUntil: waiting.until }),
    freezes: values(state.freezes, () => true).map(({ intent, level, subject, officer }) => ({
      intent,
      level,
      subject,
      officer,
    })),
    live: state.live.size,
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

/** A halted vault shows no signed transactions. Fails: ROLLED_BACK, WALLET_UNKNOWN, ENTRY_UNKNOWN, INTENT_UNKNOWN. */
export function show(state: Founded, { what, name }: CommandOf<"show">): Outcome {
  demand(!state.halted || what !== "execution", "ROLLED_BACK", "vault", "a vault that was rolled back gives out no signature");
  const bodies = { rulebook, execution, entry, wallet };
  return { records: [], effects: [ok(bodies[what](state, name))] };
}

function rulebook(state: Founded): Uint8Array {
  return state.signedBook;
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
  return executionBody(state, job);
}

/** The outcome of a job; a withheld or unsigned one shows no transaction. */
export function executionBody(state: Pick<State, "final">, job: JobState): Uint8Array {
  const transactions = job.parts.flatMap(({ id: intent, transaction, from, slots }) =>
    transaction === undefined ? [] : [{ intent, id: transaction.id, raw: transaction.raw, from, slots }],
  );
  return encode(ExecutionBody, { job: job.id, state: progress(state, job), transactions });
}

/** `settled` when finality facts ended every transaction, `replaced` when they ended another version of one instead. */
function progress({ final }: Pick<State, "final">, { status, parts }: JobState): string {
  const ends = parts.map((part) => get(final, part.slots[0] as string));
  if (status !== "signed" || ends.includes(undefined)) return status;
  const own = parts.every(({ chain, transaction }, at) => ends[at] === `${chain}:${transaction?.id}`);
  return own ? "settled" : "replaced";
}
