/** What a device shows before anything is signed: an intent by its text, made here from the bytes themselves. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { formatAmount } from "@strongroom/core/money/amount";
import type { Book } from "@strongroom/core/rulebook/book";
import { Entry } from "@strongroom/core/signed/entry";
import { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf } from "@strongroom/core/signed/object";
import { render } from "@strongroom/core/text/render";
import { raise } from "../faults.ts";
import type { Known } from "../vault/session.ts";

/** An intent with the text that a person reads before he signs. */
export type Shown = { readonly id: Hash; readonly intent: Intent; readonly bytes: Uint8Array; readonly text: string };

/** The text of an intent under the rulebook that this device has verified. Fails: CHAIN_UNKNOWN, ASSET_UNKNOWN, and the codes
 *  of `decode` for an entry. */
export function textOf(known: Pick<Known, "book">, intent: Intent): string {
  return render(intent, known.book());
}

/** Makes an intent's bytes readable. Fails: the codes of `decode`, as `textOf`. */
export function showIntent(known: Pick<Known, "book">, bytes: Uint8Array): Shown {
  const intent = decode(Intent, bytes);
  return { id: idOf(Intent, bytes), intent, bytes, text: textOf(known, intent) };
}

/** Makes readable what a server calls a request, when its bytes are the intent that its id names, of this deployment. The
 *  server's own words about it (kind, reference, state) are not used. Fails: REQUEST_FORGED, as `textOf`. */
export function openRequest(known: Known, request: { readonly id: string; readonly intent: Uint8Array }): Shown {
  if (idOf(Intent, request.intent) !== request.id) raise("REQUEST_FORGED", "request.intent", "its id names other bytes");
  const read = attempt(() => decode(Intent, request.intent));
  if (!read.ok) raise("REQUEST_FORGED", read.field, `it cannot be read: ${read.code}`);
  if (read.value.deployment !== known.deployment)
    raise("REQUEST_FORGED", "request.intent.deployment", `it is of deployment ${read.value.deployment}`);
  return showIntent(known, request.intent);
}

/** The first digits of an id, enough for people. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

function again({ replaces }: { readonly replaces?: Hash }): string {
  return replaces === undefined ? "" : `, in place of ${shortId(replaces)}`;
}

/** An intent in a few words, for lists; nobody signs these. */
export function wordsOf(intent: Intent, book: Book | null): string {
  switch (intent.kind) {
    case "pay": {
      const decimals = book?.assets.get(intent.asset)?.decimals;
      const amount = decimals === undefined ? "" : `${formatAmount(intent.amount, decimals)} `;
      const { entry, address } = intent.destination;
      return `pay ${amount}${intent.asset} to ${entry ?? address}${again(intent)}`;
    }
    case "call":
      return `call ${intent.method} of ${intent.destination.entry}${again(intent)}`;
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
