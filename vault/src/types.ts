/** What goes into the vault's judgement and what comes out. Source: DESIGN §5.
 *
 *  `decide(state, input) → { records, effects }` and `apply(state, record) → state` are pure: no entropy, no secrets, no clock.
 *  The host makes the records durable before it performs the effects; each outcome of an effect is an input again. */
import type { Hash, Time } from "@strongroom/core/bytes";
import type { RefusalCode } from "@strongroom/core/errors";
import type { Sealed } from "@strongroom/core/journal/record";
import type { Suspicion } from "@strongroom/core/signed/head";

/** What the vault knows of the time: it is at least `lo` and at most `hi`. What unlocks uses `lo`, what expires uses `hi`. */
export type Now = { readonly lo: Time; readonly hi: Time };

/** Id of a signing job, or of a key creation (the intent's id). */
export type JobId = Hash;

/** Why a key store did not answer. `next` says whether the same job may be tried again at once, on request, or never. */
export type KeyFault = {
  readonly fault: true;
  readonly code: string;
  readonly next: "retry" | "ask" | "stop";
  readonly culprits: readonly string[];
};

/** An account key's public half, lower-case hex. */
export type AccountKey = { readonly publicKey: string; readonly chainCode: string };

/** Commands come from outside as bytes; all other inputs come from the host only and have no wire encoding. */
export type Input = { readonly now: Now } & (
  | { readonly command: Uint8Array }
  | { readonly signed: JobId; readonly result: readonly Uint8Array[] | KeyFault }
  | { readonly created: JobId; readonly result: AccountKey | KeyFault }
  | { readonly booted: Hash; readonly suspicion?: Suspicion | undefined }
  | { readonly tick: true }
);

/** One signature: full unsigned bytes, never a bare digest. */
export type SigningPart = {
  readonly path: string;
  readonly family: "evm";
  readonly scheme: "secp256k1";
  readonly bytes: Uint8Array;
};
export type Job = { readonly id: JobId; readonly parts: readonly SigningPart[] };
export type KeySpec = { readonly id: JobId; readonly path: string; readonly scheme: "secp256k1" };

/** An answer. `to` is null for the command that is being decided, else the job whose askers are waiting. With `object` the
 *  host signs `body` with the identity key and answers with the signed object; a checkpoint also under its text. `wait`: the
 *  asker waits for that job. */
export type Answer = {
  readonly to: JobId | null;
  readonly code: "OK" | RefusalCode;
  readonly field: string;
  readonly detail: string;
  readonly body: Uint8Array;
  readonly object?: "head" | "attestation" | "checkpoint";
};
export type Reply = Answer | { readonly wait: JobId };

export type Effect = { readonly reply: Reply } | { readonly create: KeySpec } | { readonly sign: Job };

export type Outcome = { readonly records: readonly Sealed[]; readonly effects: readonly Effect[] };
