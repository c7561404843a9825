/** What the vault says of intents before it decides: an explanation that somebody shows counts only when the pinned vault has
 *  signed it, about these very intents and by the rulebook that was asked for.
 *
 *  The vault judges what it was sent: whoever asked it may have left approvals or facts out. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { ExplanationBody } from "@strongroom/core/protocol/explanation";
import { decode } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import type { Explanation, Narrowed } from "../contract/requests.ts";
import { raise } from "../faults.ts";
import { type Expected, openObject } from "./receipt.ts";

/** What an explanation has to be about. `draft`: id of the rulebook that was to be judged by, where it is none in force. */
export type Wanted = { readonly intents: readonly Hash[]; readonly draft?: Hash };

/** An explanation, and when the vault gave it by its own lower bound of the time. `limits`: where the server has narrowed it,
 *  the names of all limits and whether they hold. */
export type Told = ExplanationBody & { readonly at: number; readonly limits?: Narrowed["limits"] };

/** What a server tells of an explanation. A user bound to a client gets it narrowed: that is the server's word, and no more.
 *  Fails: RECEIPT_FORGED. */
export function readTold({ receipt, narrowed }: ToldByServer, wanted: Wanted, expected: Expected): Told {
  if (receipt !== null) return openExplanation(receipt, wanted, expected);
  if (narrowed === null) return raise("RECEIPT_FORGED", "explanation", "the server tells nothing");
  const { explanation, at, limits } = narrowed;
  return { ...readExplanation(explanation, wanted), at: Date.parse(at), limits };
}
type ToldByServer = Pick<Explanation, "receipt" | "narrowed">;

/** The explanation in a receipt that somebody shows. Fails: RECEIPT_FORGED. */
export function openExplanation(signed: Uint8Array, wanted: Wanted, expected: Expected): Told {
  const receipt = openObject(Receipt, signed, expected);
  if (expected.boot !== undefined && receipt.boot !== expected.boot)
    raise("RECEIPT_FORGED", "receipt.boot", "it is of another start of the vault");
  if (receipt.code !== "OK") raise("RECEIPT_FORGED", "receipt.code", `it explains nothing and says ${receipt.code}`);
  return { ...readExplanation(receipt.body, wanted), at: receipt.at };
}

/** The explanation in the body of a receipt. Fails: RECEIPT_FORGED. */
export function readExplanation(body: Uint8Array, { intents, draft }: Wanted): ExplanationBody {
  const read = attempt(() => decode(ExplanationBody, body));
  if (!read.ok) raise("RECEIPT_FORGED", read.field, `it is no explanation: ${read.code}`);
  const { orders, rulebook, draft: isDraft } = read.value;
  const same = orders.length === intents.length && orders.every(({ intent }, at) => intent === intents[at]);
  if (!same) raise("RECEIPT_FORGED", "explanation.orders", "it is about other intents");
  if (isDraft !== (draft !== undefined)) raise("RECEIPT_FORGED", "explanation.draft", "it is by another kind of rulebook");
  if (draft !== undefined && rulebook !== draft) raise("RECEIPT_FORGED", "explanation.rulebook", "it is by another rulebook");
  return read.value;
}
