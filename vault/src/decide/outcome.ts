/** What comes back from the host: keys that were created, signatures that were made. Nothing leaves before it is verified, and
 *  the freeze is looked at once more. */

import { fromHex } from "@strongroom/core/bytes";
import { chainOf } from "@strongroom/core/chain/table";
import { isPublicKey } from "@strongroom/core/keys/secp256k1";
import { apply } from "../state/apply.ts";
import { entries, get } from "../state/map.ts";
import type { JobPart, JobState, State, Wallet } from "../state/state.ts";
import type { AccountKey, Input, JobId, KeyFault, Outcome } from "../types.ts";
import type { Founded } from "./approvals.ts";
import { recordAt, refusal } from "./draft.ts";
import { signingJob, touchedByJob } from "./execute.ts";
import { covers } from "./freeze.ts";
import { executionBody, walletBody } from "./show.ts";

const NOTHING: Outcome = { records: [], effects: [] };

/** A key store's answer to a signing job. A job that waits for no signature is ignored: answers may come twice. */
export function signed(state: Founded, { now, signed: id, result }: Extract<Input, { signed: JobId }>): Outcome {
  const job = get(state.jobs, id);
  if (job === undefined || job.status !== "committed") return NOTHING;
  if (isFault(result)) return fault(id, result);
  const freezes = [...entries(state.freezes)].map(([, freeze]) => freeze);
  const frozen = touchedByJob(state, job).some((touched) => freezes.some((freeze) => covers(freeze, touched)));
  if (frozen || state.halted) {
    const detail = "a freeze or a halt came before the signature; it was not given out";
    return {
      records: [recordAt(now, { kind: "withheld", job: id })],
      effects: [refusal("FROZEN", { to: id, field: "freeze", detail })],
    };
  }
  const wrong = result.length !== job.parts.length || job.parts.some((part, at) => !isSigned(part, result[at]));
  if (wrong) {
    const detail = "a signature does not verify for its paying address";
    return { records: [], effects: [refusal("SIGNATURE_WRONG", { to: id, field: "signature", detail })] };
  }
  const transactions = job.parts.map((part, at) => {
    return chainOf(part.family).assemble(part.unsigned, result[at] as Uint8Array);
  });
  const record = recordAt(now, { kind: "signed", job: id, transactions });
  const done = get(apply(state, record).jobs, id) as JobState;
  return { records: [record], effects: [answer(id, executionBody(done))] };
}

function isSigned({ family, unsigned, from }: JobPart, signature: Uint8Array | undefined): boolean {
  return signature !== undefined && chainOf(family).verify(unsigned, signature, from);
}

/** A key store's answer to the creation of an account key. */
export function created(state: Founded, { now, created: id, result }: Extract<Input, { created: JobId }>): Outcome {
  const opening = get(state.openings, id);
  if (opening === undefined) return NOTHING;
  if (isFault(result)) return fault(id, result);
  const usable = isPublicKey(fromHex(result.publicKey)) && result.chainCode.length === 64;
  if (!usable) {
    const detail = "the key store returned no public key";
    return { records: [], effects: [refusal("KEYSTORE_FAULT", { to: id, field: "publicKey", detail })] };
  }
  const record = recordAt(now, { kind: "opened", intentId: id, publicKey: result.publicKey, chainCode: result.chainCode });
  const wallet = get(apply(state, record).wallets, opening.intent.wallet) as Wallet;
  return { records: [record], effects: [answer(id, walletBody(wallet))] };
}

function isFault(result: readonly Uint8Array[] | AccountKey | KeyFault): result is KeyFault {
  return "fault" in result;
}

function fault(id: JobId, { code, next }: KeyFault): Outcome {
  return { records: [], effects: [refusal("KEYSTORE_FAULT", { to: id, field: "keystore", detail: `${code}; next: ${next}` })] };
}

function answer(id: JobId, body: Uint8Array) {
  return { reply: { to: id, code: "OK", field: "", detail: "", body } } as const;
}

/** A start: older approvals are void from here on; what was committed and not signed is given out again. */
export function booted(state: State, { now, booted: boot }: Extract<Input, { booted: unknown }>): Outcome {
  const jobs = [...entries(state.pending)].map(([id]) => get(state.jobs, id) as JobState);
  const creates = [...entries(state.openings)];
  return {
    records: [recordAt(now, { kind: "booted", boot })],
    effects: [
      ...creates.map(([id, { path }]) => ({ create: { id: id as JobId, path, scheme: "secp256k1" } }) as const),
      ...jobs.map((job) => ({ sign: signingJob(job) })),
    ],
  };
}
