/** Whether an approval is what it seems: signed by an enrolled key, of this deployment, on this very intent and text.
 *
 *  Whether it still counts (current boot, not expired, quorum met) is for the vault to say. */
import { type Hash, toHex } from "@strongroom/core/bytes";
import { attempt, demand, refuse } from "@strongroom/core/errors";
import { verifyEd25519 } from "@strongroom/core/keys/ed25519";
import { checkAssertion } from "@strongroom/core/keys/webauthn";
import type { Book, Holder } from "@strongroom/core/rulebook/book";
import { Approval } from "@strongroom/core/signed/approval";
import { Intent } from "@strongroom/core/signed/intent";
import { challengeOf, decode, idOf, type Kind, type Signature, Signed } from "@strongroom/core/signed/object";
import type { Key } from "@strongroom/core/signed/rulebook";
import { RENDERER, render, textHash } from "@strongroom/core/text/render";
import { raise } from "../faults.ts";

/** An approval, and whose it is. */
export type Given = { readonly approval: Approval; readonly person: string; readonly class: Key["class"] };

/** The approval in a signed envelope, when a key that `book` enrols has signed it for the book's deployment and vault.
 *  Fails: APPROVAL_FORGED. */
export function openApproval(signed: Uint8Array, book: Book): Given {
  const opened = attempt(() => {
    const { body, signatures } = decode(Signed, signed);
    const approval = decode(Approval, body);
    const holder = book.holders.get(approval.key) ?? refuse("KEY_UNKNOWN", "approval.key", "it is not enrolled");
    const [signature, ...others] = signatures;
    const one = signature !== undefined && others.length === 0 && signature.key === holder.id;
    if (!one) return refuse("SIGNATURE_INVALID", "approval.signature", "exactly one, by the key that it names, is expected");
    demandSigned(holder, challengeOf(Approval as Kind<unknown>, body), signature);
    return { approval, holder };
  });
  if (!opened.ok) raise("APPROVAL_FORGED", opened.field, `${opened.code}: ${opened.detail}`);
  const { approval, holder } = opened.value;
  const { deployment, vault } = book.document;
  if (approval.deployment !== deployment) raise("APPROVAL_FORGED", "approval.deployment", "it is of another deployment");
  if (approval.vault !== vault) raise("APPROVAL_FORGED", "approval.vault", "it is for another vault");
  return { approval, person: holder.person, class: holder.key.class };
}

/** As `openApproval`, for an approval of this intent under this rulebook: it names the intent, the rulebook and the text that
 *  is rendered here. Fails: APPROVAL_FORGED. */
export function openDecision(signed: Uint8Array, intent: Uint8Array, book: Book): Given {
  const given = openApproval(signed, book);
  const { subject, rulebook, epoch, renderer, textHash: shown, decision, key } = given.approval;
  const read = attempt(() => decode(Intent, intent));
  const text = attempt(() => render(decode(Intent, intent), book));
  const wrong = (field: string, detail: string) => raise("APPROVAL_FORGED", `approval.${field}`, detail);
  if (!read.ok || subject !== idOf(Intent, intent)) return wrong("subject", "it is on another intent");
  if (rulebook !== book.id || epoch !== book.document.epoch) wrong("rulebook", "it was given under another rulebook");
  if (!text.ok || renderer !== RENDERER || shown !== textHash(text.value)) wrong("textHash", "another text was shown");
  if (["veto", "seen", "confirm"].includes(decision)) wrong("decision", `${decision} is no decision on an intent`);
  if (decision === "initiate" && key !== read.value.initiator) wrong("decision", "another key initiates this intent");
  return given;
}

/** Fails: SIGNATURE_INVALID, WEBAUTHN_INVALID. */
function demandSigned({ key }: Holder, challenge: Uint8Array, it: Signature): void {
  const { clientData, authenticatorData, signature } = it;
  if (key.scheme === "ed25519") {
    const plain = clientData === undefined && authenticatorData === undefined;
    const good = plain && verifyEd25519(key.publicKey, challenge, signature);
    demand(good, "SIGNATURE_INVALID", "approval.signature", "it does not verify under the enrolled key");
    return;
  }
  const whole = clientData !== undefined && authenticatorData !== undefined;
  if (!whole) refuse("WEBAUTHN_INVALID", "approval.signature", "client data and authenticator data are expected");
  const { rpIdHash, origin, synced, publicKey } = key as Required<Key>;
  const assertion = { challenge: toHex(challenge) as Hash, clientData, authenticatorData, signature };
  checkAssertion(assertion, { publicKey, rpIdHash, origin, synced });
}
