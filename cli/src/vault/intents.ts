/** Making intents and approvals: what is signed here is shown here first, by the text that this device renders itself. */
import { randomBytes } from "node:crypto";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { evm } from "@strongroom/core/chain/evm/evm";
import { attempt, demand } from "@strongroom/core/errors";
import { formatAmount } from "@strongroom/core/money/amount";
import type { Book } from "@strongroom/core/rulebook/book";
import { Approval, type Decision } from "@strongroom/core/signed/approval";
import { Entry } from "@strongroom/core/signed/entry";
import type { Nonce } from "@strongroom/core/signed/fields";
import { Intent, type IntentOf } from "@strongroom/core/signed/intent";
import { challengeOf, decode, encode, idOf, type Kind, Signed } from "@strongroom/core/signed/object";
import { RENDERER, render, textHash } from "@strongroom/core/text/render";
import type { DeviceKey } from "../device/keyFile.ts";
import { findRequest, shortId } from "../device/requests.ts";
import { fault } from "../faults.ts";
import { limits } from "../limits.ts";
import type { Session } from "./session.ts";

/** What signing needs to know: a session, or what this device has kept of the last one. */
export type Known = Pick<Session, "deployment" | "vault" | "head" | "book">;

/** What the initiator says of any intent. */
export type Words = {
  readonly purpose: string;
  /** The client's own reference; one is made up when there is none. */
  readonly reference?: string | undefined;
  /** Life of the intent in milliseconds. */
  readonly lifeMs?: number | undefined;
};

type Own = "version" | "deployment" | "initiator" | "purpose" | "reference" | "notAfter" | "nonce";
type Content = Intent extends infer I ? (I extends Intent ? Omit<I, Own> : never) : never;

/** The bytes of an intent. Fails: the codes of `encode`. */
export function makeIntent(known: Known, key: DeviceKey, content: Content, words: Words): Uint8Array {
  const own = {
    version: 1,
    deployment: known.deployment,
    initiator: key.id,
    purpose: words.purpose,
    reference: words.reference ?? `cli-${randomBytes(8).toString("hex")}`,
    notAfter: Date.now() + (words.lifeMs ?? limits.intentMs),
    nonce: randomBytes(16).toString("hex") as Nonce,
  };
  return encode(Intent, { ...own, ...content } as Intent);
}

/** The destination of a payment: the entry in force, as the vault shows it. Fails: `VaultRefused`, RECEIPT_FORGED. */
export async function destinationOf(session: Session, name: string): Promise<IntentOf<"pay">["destination"]> {
  const { hash, entry } = await fetchEntry(session, name);
  return { entry: entry.name, hash, address: entry.address };
}

/** An entry in force, and the hash of its bytes. Fails: `VaultRefused`, RECEIPT_FORGED. */
export async function fetchEntry(session: Session, name: string): Promise<{ hash: Hash; entry: Entry }> {
  const bytes = await session.demand({ command: "show", what: "entry", name });
  const opened = attempt(() => {
    const entry = decode(Entry, bytes);
    evm.parseAddress(entry.address, "entry.address");
    return entry;
  });
  const fits = opened.ok && opened.value.name === name && opened.value.deployment === session.deployment;
  return fits
    ? { hash: idOf(Entry, bytes), entry: opened.value }
    : fault("RECEIPT_FORGED", "entry", "it is not the entry that was asked for");
}

/** The text of an intent under the rulebook that this device has verified. Fails: the codes of `render`. */
export function textOf(known: Known, intent: Intent): string {
  return render(intent, known.book());
}

/** An intent in a few words, for lists; nobody signs these. */
export function wordsOf(intent: Intent, book: Book | null): string {
  switch (intent.kind) {
    case "pay": {
      const decimals = book?.assets.get(intent.asset)?.decimals;
      const amount = decimals === undefined ? "" : `${formatAmount(intent.amount, decimals)} `;
      const again = intent.replaces === undefined ? "" : `, in place of ${shortId(intent.replaces)}`;
      return `pay ${amount}${intent.asset} to ${intent.destination.entry}${again}`;
    }
    case "cancel":
      return `cancel ${shortId(intent.replaces)}`;
    case "wallet":
      return `open ${intent.walletClass} wallet ${intent.wallet}`;
    case "entry": {
      const entry = attempt(() => decode(Entry, intent.entry));
      return entry.ok ? `enter ${entry.value.name} (${entry.value.class})` : "enter a destination that cannot be read";
    }
    case "retire":
      return `retire ${intent.name}`;
    case "freeze":
      return `freeze ${intent.level} ${intent.subject}`.trimEnd();
    case "unfreeze":
      return `lift freeze ${shortId(intent.freeze)}`;
  }
}

/** For an intent that replaces another one: which, in words; its signed text names it by its id only. */
export async function formerWords(home: string, intent: Intent, book: Book): Promise<string | null> {
  if ((intent.kind !== "pay" && intent.kind !== "cancel") || intent.replaces === undefined) return null;
  const former = await findRequest(home, intent.replaces);
  const words = former === null ? "a request that is not on this device" : wordsOf(former.intent, book);
  return `${intent.kind === "cancel" ? "cancels" : "replaces"} ${shortId(intent.replaces)}: ${words}`;
}

/** Refuses a key with which nobody can decide anything: its signature would spoil the request. Fails: KEY_UNKNOWN. */
export function demandEnrolled(known: Known, key: DeviceKey): void {
  const enrolled = known.book().holders.has(key.id);
  demand(enrolled, "KEY_UNKNOWN", "key", `${key.name} is not enrolled in the rulebook of epoch ${known.book().document.epoch}`);
}

/** A signed decision on an intent, or on a rulebook with `text` as it was shown. */
export function signDecision(
  known: Known,
  key: DeviceKey,
  it: { subject: Hash; text: string; decision: Decision; notAfter: number },
): Uint8Array {
  const { head, boot, at } = known.head();
  const book = known.book();
  // Half of the longest life leaves room for clocks that differ.
  const latest = Math.max(Date.now(), at) + Math.ceil(book.document.approvalLifeMs / 2);
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
    key: key.id,
    notAfter: Math.min(it.notAfter, latest),
    head,
    boot,
  });
  return signObject(Approval as Kind<unknown>, body, [key]);
}

/** The envelope of an object that these keys sign. */
export function signObject(kind: Kind<unknown>, body: Uint8Array, keys: readonly DeviceKey[]): Uint8Array {
  const challenge = challengeOf(kind, body);
  return encode(Signed, { body, signatures: keys.map((key) => ({ key: key.id, signature: key.sign(challenge) })) });
}

/** `0x` and the hex of bytes, as chain nodes write them. */
export const prefixed = (bytes: Uint8Array): string => `0x${toHex(bytes)}`;
