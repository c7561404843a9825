/** Answers that only read: status, heads, rulebook, wallets, entries, executions. */
import type { Hash } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import { type CommandOf, ExecutionBody, StatusBody, WalletBody } from "@strongroom/core/protocol/command";
import { Entry } from "@strongroom/core/signed/entry";
import { Head, Start } from "@strongroom/core/signed/head";
import { encode } from "@strongroom/core/signed/object";
import { get, values } from "../../state/map.ts";
import {
  type Founded,
  isFounded,
  isRetired,
  type JobPart,
  type JobState,
  jobAt,
  type Place,
  partAt,
  type State,
  startOf,
  versionsOf,
  type Wallet,
  waitsUntil,
} from "../../state/state.ts";
import type { Now, Outcome } from "../../types.ts";
import { ok } from "../draft.ts";

const ZERO = "00".repeat(32) as Hash;

/** What the vault is: genesis, waiting rulebook, freezes. */
export function status(state: State, now: Now): Outcome {
  const { genesis, waiting } = state;
  const until = waitsUntil(state, now.lo);
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
    ...(isFounded(state) && { start: encode(Start, startOf(state)), confirmed: state.start?.confirmed === true }),
    ...(state.line.length > 0 && { line: state.line }),
    ...(until !== null && { succession: until }),
    ...(isRetired(state) && { retired: state.book?.document.vault as Hash }),
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
    ...(state.boots.length > 1 && { earlier: state.boots.slice(1) }),
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
  const { name, chain, class: walletClass, client, unit, path, publicKey, chainCode } = found;
  const named = { ...(client !== undefined && { client }), ...(unit !== undefined && { unit }) };
  return encode(WalletBody, { wallet: name, chain, walletClass, ...named, path, publicKey, chainCode });
}

function entry(state: Founded, name: string): Uint8Array {
  const found = get(state.entries, name);
  if (found === undefined) refuse("ENTRY_UNKNOWN", "name", `there is no entry ${name} in force`);
  return encode(Entry, found.entry);
}

function execution(state: Founded, name: string): Uint8Array {
  const used = get(state.intents, name);
  const job = used !== undefined && "job" in used ? jobAt(state, used.job) : undefined;
  if (job === undefined) refuse("INTENT_UNKNOWN", "name", "the vault has no transaction for this intent");
  return executionBody(state, job);
}

/** The outcome of a job, each intent in its newest signed version; what is withheld or unsigned shows no transaction. */
export function executionBody(state: State, job: JobState): Uint8Array {
  return bodyOf(
    state,
    job,
    job.parts.map((part) => signedVersions(state, part)),
  );
}

/** The same for a job whose signatures the state does not hold yet. */
export function signedBody(state: State, job: JobState): Uint8Array {
  return bodyOf(
    state,
    job,
    job.parts.map((part) => [part as SignedPart, ...signedVersions(state, part)]),
  );
}

/** `versions`: those of each part, the newest first. */
function bodyOf(state: State, job: JobState, versions: readonly (readonly SignedPart[])[]): Uint8Array {
  const transactions = versions.flatMap((all) =>
    all.slice(0, 1).map(({ id: intent, transaction, from, slots }) => ({ intent, ...transaction, from, slots })),
  );
  const earlier = versions.flatMap((all) => all.slice(1).map(({ id: intent, transaction: { id } }) => ({ intent, id })));
  return encode(ExecutionBody, {
    job: job.id,
    state: progress(state, job),
    transactions,
    ...(earlier.length > 0 && { earlier }),
  });
}

type SignedPart = JobPart & { readonly transaction: NonNullable<JobPart["transaction"]> };

/** The signed versions of a part's intent in its place on the chain, the newest first. */
function signedVersions(state: State, { id, slots }: JobPart): readonly SignedPart[] {
  const holder = get(state.slots, slots[0] as string);
  const mine = (version: JobPart): version is SignedPart => version.id === id && version.transaction !== undefined;
  return [...versionsOf(state, holder && partAt(state, holder))].filter(mine);
}

/** `settled` when finality facts ended every intent's transaction, in whichever version, `replaced` when they ended that of
 *  another intent instead. */
function progress(state: State, { status, parts }: JobState): string {
  if (status !== "signed") return status;
  const owners = parts.map(({ slots }) => {
    const end = get(state.final, slots[0] as string);
    return end === undefined ? undefined : partAt(state, get(state.transactions, end) as Place).id;
  });
  if (owners.includes(undefined)) return status;
  return parts.every(({ id }, at) => owners[at] === id) ? "settled" : "replaced";
}
