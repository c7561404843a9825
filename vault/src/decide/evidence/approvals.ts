/** Who has decided what: every signed approval is checked against everything that it names, and one key speaks once.
 *
 *  Order: layout → deployment, vault → subject → rulebook → boot and head → times → key → decision → signature → text. */
import type { Hash, Time } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import type { Holder } from "@strongroom/core/rulebook/book";
import { Approval, type Decision } from "@strongroom/core/signed/approval";
import { decode, Signed } from "@strongroom/core/signed/object";
import { challengeOf } from "../../state/hash.ts";
import { hashAt } from "../../state/positions.ts";
import type { Founded } from "../../state/state.ts";
import type { Now } from "../../types.ts";
import { demandSignature } from "./verify.ts";

/** A decision that counts: by whom, with which class of key, on what. */
export type Given = {
  readonly subject: Hash;
  readonly decision: Decision;
  readonly person: string;
  readonly key: Hash;
  readonly class: "device" | "served";
  readonly notAfter: Time;
};

/** What an approval has to fit. `text` gives the text hash of a subject that is decided on, undefined for any other.
 *  `late`: it tightens, so it binds whatever head, boot, rulebook or text it was made under. `since`: number of the record
 *  that it must have been made after, because older ones are spent. */
export type Expected = {
  readonly decisions: readonly Decision[];
  readonly text: (subject: Hash) => Hash | undefined;
  readonly late?: boolean;
  readonly since?: number;
};

/** The decisions of all `approvals`. Fails: those of `approvalReader`. */
export function readApprovals(
  state: Founded,
  now: Now,
  approvals: readonly Uint8Array[],
  expected: Expected,
): readonly Given[] {
  return approvals.map(approvalReader(state, now, expected));
}

/** Reads the approvals of one command, one after the other. It fails: the codes of `decode`, APPROVAL_TWICE and those of
 *  `readApproval`. */
export function approvalReader(state: Founded, now: Now, expected: Expected): (bytes: Uint8Array, at: number) => Given {
  const seen = new Set<string>();
  return (bytes, at) => {
    const given = readApproval(state, now, bytes, { ...expected, at: `approvals.${at}` });
    const once = `${given.subject} ${given.key}`;
    demand(!seen.has(once), "APPROVAL_TWICE", `approvals.${at}`, "this key has decided on this subject already");
    seen.add(once);
    return given;
  };
}

type Checked = { readonly approval: Approval; readonly at: string };

/** One decision. Fails: the codes of `decode`, BAD_VALUE, KEY_UNKNOWN, WRONG_DEPLOYMENT, WRONG_VAULT, APPROVAL_FOREIGN,
 *  WRONG_RULEBOOK, BOOT_STALE, HEAD_UNKNOWN, APPROVAL_SPENT, EXPIRED, NOT_AFTER_TOO_FAR, DECISION_WRONG, SIGNATURE_INVALID,
 *  WEBAUTHN_INVALID, TEXT_MISMATCH. */
export function readApproval(state: Founded, now: Now, bytes: Uint8Array, expected: Expected & { readonly at: string }): Given {
  const { at } = expected;
  const { body, signatures } = decode(Signed, bytes);
  const [signature, ...more] = signatures;
  demand(signature !== undefined && more.length === 0, "BAD_VALUE", at, "an approval carries exactly one signature");
  const approval = decode(Approval, body);
  demand(signature.key === approval.key, "KEY_UNKNOWN", at, "the signature is by another key than the approval says");
  demand(approval.deployment === state.deployment, "WRONG_DEPLOYMENT", at, "it is for another deployment");
  demand(approval.vault === state.vault, "WRONG_VAULT", at, "it is for another vault");
  const wanted = expected.text(approval.subject);
  if (wanted === undefined) refuse("APPROVAL_FOREIGN", at, "its subject is not what is sent");
  if (!expected.late) demandCurrent(state, { approval, at });
  demand(approval.head.seq >= (expected.since ?? 0), "APPROVAL_SPENT", at, "a signature was withheld after it was given");
  demandTime(state, now, { approval, at });
  const holder = holderOf(state, approval.key, at);
  demand(expected.decisions.includes(approval.decision), "DECISION_WRONG", at, `${approval.decision} does not belong here`);
  demandSignature(holder.key, challengeOf(Approval, body), signature);
  const sameText = expected.late || approval.textHash === wanted;
  demand(sameText, "TEXT_MISMATCH", at, "the text that was shown is not the text of this subject");
  const { subject, decision, key, notAfter } = approval;
  return { subject, decision, person: holder.person, key, class: holder.key.class, notAfter };
}

function demandCurrent(state: Founded, { approval, at }: Checked): void {
  const current = approval.rulebook === state.book.id && approval.epoch === state.book.document.epoch;
  demand(current, "WRONG_RULEBOOK", at, `the rulebook in force is epoch ${state.book.document.epoch}`);
  demand(state.boots.includes(approval.boot), "BOOT_STALE", at, "the vault was started since");
  const known = hashAt(state.positions, approval.head.seq) === approval.head.hash;
  demand(known, "HEAD_UNKNOWN", at, `this journal has no such position ${approval.head.seq}`);
}

function demandTime(state: Founded, now: Now, { approval, at }: Checked): void {
  demand(approval.notAfter > now.hi, "EXPIRED", at, "the approval has expired");
  const latest = now.hi + state.book.document.approvalLifeMs;
  demand(approval.notAfter <= latest, "NOT_AFTER_TOO_FAR", at, "it would live longer than the rulebook allows");
}

/** The person who holds an enrolled key. Fails: KEY_UNKNOWN. */
export function holderOf(state: Founded, key: Hash, at: string): Holder {
  const holder = state.book.holders.get(key);
  if (holder === undefined) refuse("KEY_UNKNOWN", at, "this key is not enrolled in the rulebook in force");
  return holder;
}

/** The decisions on one intent: those of its approvers, and one by its initiator.
 *  Fails: INITIATOR_MISSING, DECISION_WRONG when someone else claims to have initiated it. */
export function approversOf(given: readonly Given[], { id, initiator }: { id: Hash; initiator: Hash }): readonly Given[] {
  const mine = given.filter((item) => item.subject === id);
  const claims = mine.filter((item) => item.decision === "initiate");
  demand(claims.length > 0, "INITIATOR_MISSING", "approvals", "nobody has signed this intent with the decision initiate");
  const honest = claims.every((item) => item.key === initiator);
  demand(honest, "DECISION_WRONG", "approvals", "only the key that the intent names initiates it");
  return mine;
}
