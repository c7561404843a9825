/** What comes back from the host: keys that were created, signatures that were made. Nothing leaves before it is verified, and
 *  whatever may have come between is looked at once more. */
import { fromHex } from "@strongroom/core/bytes";
import { chainOf } from "@strongroom/core/chain/table";
import { attempt, type RefusalCode } from "@strongroom/core/errors";
import { isPublicKey } from "@strongroom/core/keys/secp256k1";
import { openedWallet, signedJob } from "../state/apply.ts";
import { get, has } from "../state/map.ts";
import { type Founded, isRetired, isSuspect, type JobPart, type JobState, jobAt, type State } from "../state/state.ts";
import type { AccountKey, Effect, Input, JobId, KeyFault, Outcome } from "../types.ts";
import { recordAt, refusal } from "./draft.ts";
import { restsOn } from "./payment/resolve.ts";
import { holdsSlots, signingJob } from "./payment/transaction.ts";
import { freezesOf } from "./rules.ts";
import { signedBody, walletBody } from "./show/show.ts";
import { keySpec } from "./wallet.ts";

const NOTHING: Outcome = { records: [], effects: [] };

/** A key store's answer to a signing job. A job that waits for no signature is ignored: answers may come twice. A suspected
 *  vault gives nothing out to be signed, so it takes no answer. */
export function signed(state: State, { now, signed: id, result }: Extract<Input, { signed: JobId }>): Outcome {
  const job = jobAt(state, id);
  if (job === undefined || job.status !== "committed" || isSuspect(state)) return NOTHING;
  const why = hindrance(state, job);
  if (why !== undefined) {
    const detail = "it came before the signature, which was not given out";
    const record = recordAt(now, { kind: "withheld", job: id });
    return { records: [record], effects: [refusal(why.code, { to: id, field: why.field, detail })] };
  }
  if (isFault(result)) return signingFault(now, job, result);
  const wrong = result.length !== job.parts.length || job.parts.some((part, at) => !isSigned(part, result[at] as Uint8Array));
  if (wrong) {
    const detail = "a signature does not verify for its paying address";
    return { records: [], effects: [refusal("SIGNATURE_WRONG", { to: id, field: "signature", detail })] };
  }
  const transactions = job.parts.map(({ family, unsigned }, at) => {
    return chainOf(family).assemble(unsigned, result[at] as Uint8Array);
  });
  const record = recordAt(now, { kind: "signed", job: id, transactions });
  return { records: [record], effects: [answer(id, signedBody(state, signedJob(job, transactions)))] };
}

/** What came after the commitment and holds its signature back: a halt, another version, a rejection or a freeze. */
function hindrance(state: State, job: JobState): { code: RefusalCode; field: string } | undefined {
  const { parts } = job;
  if (state.halted) return { code: "ROLLED_BACK", field: "vault" };
  if (isRetired(state)) return { code: "VAULT_RETIRED", field: "vault" };
  if (!parts.every((part) => holdsSlots(state, job, part))) return { code: "SLOT_TAKEN", field: "orders" };
  if (parts.some((part) => has(state.rejected, part.id))) return { code: "INTENT_REJECTED", field: "intent" };
  const touched = parts.map((part) => restsOn(state as Founded, part));
  const [freeze] = freezesOf(state, touched);
  return freeze && { code: "FROZEN", field: `freeze.${freeze.level}` };
}

function isSigned({ family, unsigned, from }: JobPart, signature: Uint8Array): boolean {
  return chainOf(family).verify(unsigned, signature, from);
}

/** A key store's answer to the creation of an account key. */
export function created(state: State, { now, created: id, result }: Extract<Input, { created: JobId }>): Outcome {
  const opening = get(state.openings, id);
  if (opening === undefined || isSuspect(state) || isRetired(state)) return NOTHING;
  if (state.halted) {
    return { records: [], effects: [refusal("ROLLED_BACK", { to: id, field: "vault", detail: "it has stopped for good" })] };
  }
  if (isFault(result)) return fault(id, result, { create: keySpec(id, opening) });
  const { publicKey, chainCode } = result;
  const key = attempt(() => fromHex(publicKey));
  const usable = key.ok && isPublicKey(key.value) && /^[0-9a-f]{64}$/.test(chainCode);
  if (!usable) {
    const detail = "the key store returned no public key";
    return { records: [], effects: [refusal("KEYSTORE_FAULT", { to: id, field: "publicKey", detail })] };
  }
  const record = recordAt(now, { kind: "opened", intentId: id, publicKey, chainCode });
  return { records: [record], effects: [answer(id, walletBody(openedWallet(opening, result)))] };
}

function isFault(result: readonly Uint8Array[] | AccountKey | KeyFault): result is KeyFault {
  return "fault" in result;
}

/** What can never be signed is withheld, so that its nonce can be taken by something else. */
function signingFault(now: Input["now"], job: JobState, result: KeyFault): Outcome {
  const { effects } = fault(job.id, result, { sign: signingJob(job) });
  return { records: result.next === "stop" ? [recordAt(now, { kind: "withheld", job: job.id })] : [], effects };
}

/** What may be tried again at once is; those who wait go on waiting. Otherwise they are told, and whoever asks again tries
 *  again. */
function fault(id: JobId, { code, next }: KeyFault, again: Effect): Outcome {
  const told = refusal("KEYSTORE_FAULT", { to: id, field: "keystore", detail: `${code}; next: ${next}` });
  return { records: [], effects: [next === "retry" ? again : told] };
}

function answer(id: JobId, body: Uint8Array): Effect {
  return { reply: { to: id, code: "OK", field: "", detail: "", body } };
}
