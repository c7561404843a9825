/** Signing: an intent's content by its initiator, and decisions on it by anybody who is enrolled. What is signed is what was
 *  shown: the approval holds the hash of the text, which is rendered anew and compared. */
import { type Hash, toHex } from "@strongroom/core/bytes";
import { demand } from "@strongroom/core/errors";
import { approvalLife } from "@strongroom/core/rulebook/judge";
import { Approval, type Decision } from "@strongroom/core/signed/approval";
import type { Nonce } from "@strongroom/core/signed/fields";
import { Intent, type IntentKind } from "@strongroom/core/signed/intent";
import { encode, type Kind } from "@strongroom/core/signed/object";
import { RENDERER, textHash } from "@strongroom/core/text/render";
import { raise } from "../faults.ts";
import { HERE, type Here } from "../here.ts";
import { limits } from "../limits.ts";
import type { Known } from "../vault/session.ts";
import { type Shown, showIntent } from "./show.ts";
import { type Signer, signObject } from "./signer.ts";

/** What the initiator says of any intent. */
export type Words = {
  readonly purpose: string;
  /** The client's own reference; one is made up when there is none. */
  readonly reference?: string | undefined;
  /** Life of the intent in milliseconds. */
  readonly lifeMs?: number | undefined;
};

type Own = "version" | "deployment" | "initiator" | "purpose" | "reference" | "notAfter" | "nonce";
/** An intent without what every intent has. */
export type Content = Intent extends infer I ? (I extends Intent ? Omit<I, Own> : never) : never;

/** The bytes of an intent. Fails: the codes of `encode`. */
export function makeIntent(
  known: Pick<Known, "deployment">,
  signer: Pick<Signer, "id">,
  content: Content,
  words: Words,
  here: Here = HERE,
): Uint8Array {
  const own = {
    version: 1,
    deployment: known.deployment,
    initiator: signer.id,
    purpose: words.purpose,
    reference: words.reference ?? `ref-${toHex(here.random(8))}`,
    notAfter: here.now() + (words.lifeMs ?? limits.intentMs),
    nonce: toHex(here.random(16)) as Nonce,
  };
  return encode(Intent, { ...own, ...content } as Intent);
}

/** Refuses a key with which nobody can decide anything: its signature would spoil the request. Fails: KEY_UNKNOWN. */
export function demandEnrolled(known: Pick<Known, "book">, signer: Pick<Signer, "id" | "name">): void {
  const { holders, document } = known.book();
  const enrolled = holders.has(signer.id);
  demand(enrolled, "KEY_UNKNOWN", "key", `${signer.name} is not enrolled in the rulebook of epoch ${document.epoch}`);
}

/** A signed decision on an intent, or on a rulebook with `text` as it was shown. `kind`: that of an intent which is to be
 *  carried out, so that the approval lives no longer than rules about it allow. Fails: what the signer fails with. */
export async function signDecision(
  known: Known,
  signer: Signer,
  it: {
    readonly subject: Hash;
    readonly text: string;
    readonly decision: Decision;
    readonly notAfter: number;
    readonly kind?: IntentKind | undefined;
  },
  here: Here = HERE,
): Promise<Uint8Array> {
  const { head, boot, at } = known.head();
  const book = known.book();
  // Half of the longest life leaves room for clocks that differ.
  const latest = Math.max(here.now(), at) + Math.ceil(approvalLife(book, it.kind) / 2);
  const body = encode(Approval, {
    version: 1,
    deployment: known.deployment,
    vault: known.vault,
    rulebook: book.id,
    epoch: book.document.epoch,
    subject: it.subject,
    renderer: RENDERER,
    textHash: textHash(it.text),
    decision: it.decision,
    key: signer.id,
    notAfter: Math.min(it.notAfter, latest),
    head,
    boot,
  });
  return signObject(Approval as Kind<unknown>, body, [signer]);
}

/** The intent that was shown, once more from its bytes. Fails: TEXT_CHANGED, when it would be shown otherwise now; as
 *  `showIntent`. */
function shownAgain(known: Known, shown: Shown): Shown {
  const again = showIntent(known, shown.bytes);
  const same = again.id === shown.id && again.text === shown.text;
  return same ? again : raise("TEXT_CHANGED", "text", "another text or intent was shown; a rulebook may have come into force");
}

/** The body of `requests.create`: an intent of one's own, signed after its text was shown.
 *  Fails: KEY_UNKNOWN, DECISION_WRONG for another one's intent, TEXT_CHANGED, what the signer fails with. */
export async function initiate(
  known: Known,
  signer: Signer,
  shown: Shown,
  here: Here = HERE,
): Promise<{ readonly intent: Uint8Array; readonly approval: Uint8Array }> {
  demandEnrolled(known, signer);
  const { id, intent, bytes, text } = shownAgain(known, shown);
  demand(intent.initiator === signer.id, "DECISION_WRONG", "intent.initiator", "another key initiates this intent");
  const it = { subject: id, text, decision: "initiate", notAfter: intent.notAfter, kind: intent.kind } as const;
  return { intent: bytes, approval: await signDecision(known, signer, it, here) };
}

/** The body of `requests.decide`: a decision on an intent whose text was shown. When its initiator approves, he renews his own
 *  signature. Fails: KEY_UNKNOWN, TEXT_CHANGED, what the signer fails with. */
export async function decide(
  known: Known,
  signer: Signer,
  it: { readonly shown: Shown; readonly decision: "approve" | "reject" },
  here: Here = HERE,
): Promise<{ readonly approval: Uint8Array }> {
  demandEnrolled(known, signer);
  const { id, intent, text } = shownAgain(known, it.shown);
  const decision = it.decision === "approve" && intent.initiator === signer.id ? "initiate" : it.decision;
  const life = decision === "reject" ? { notAfter: Number.MAX_SAFE_INTEGER } : { notAfter: intent.notAfter, kind: intent.kind };
  return { approval: await signDecision(known, signer, { subject: id, text, decision, ...life }, here) };
}
