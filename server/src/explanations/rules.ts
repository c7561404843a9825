/** What a stored explanation must be: the vault's own, about its request alone, under the rulebook in force then. Pure. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { type ExplainedStep, ExplanationBody } from "@strongroom/core/protocol/explanation";
import { decode, idOf, type Kind, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { openSigned } from "../vault/signed.ts";
import type { ExplanationRow } from "./store.ts";

type Known = { readonly line: readonly Uint8Array[]; readonly deployment: Hash };

/** Id of a signed receipt, as leaves of the log name what is signed. */
export const receiptId = (signed: Uint8Array): Hash => idOf(Signed as Kind<unknown>, signed);

/** The explanation in a receipt, or null when the vault did not explain. */
export function explanationIn({ code, body }: Pick<Receipt, "code" | "body">): ExplanationBody | null {
  const read = attempt(() => decode(ExplanationBody, body));
  return code === "OK" && read.ok ? read.value : null;
}

/** What a stored row says, whoever signed it. */
export function bodyOf({ receipt }: Pick<ExplanationRow, "receipt">): ExplanationBody | null {
  const read = attempt(() => decode(Receipt, decode(Signed, receipt).body));
  return read.ok ? explanationIn(read.value) : null;
}

/** What is demanded and not there. As long as it stays the same, an explanation says nothing new. */
export function demandsIn({ code, field, orders, unfit }: ExplanationBody): string {
  const open = orders.map(({ steps, lacking, missing }) => [steps.filter(({ met }) => !met).map(nameOf), lacking, missing]);
  return JSON.stringify([code, field, open, unfit.map(({ at, code: why }) => [at, why])]);
}

const nameOf = ({ rule, words, code }: ExplainedStep) => [rule, words, code];

/** The explanation of a stored row, or null when the vault has not signed it, or it is about something else. */
export function explanationOf(
  row: Pick<ExplanationRow, "id" | "request" | "receipt">,
  { line, deployment }: Known,
): ExplanationBody | null {
  const receipt = openSigned(Receipt, row.receipt, line);
  if (receipt === null || receipt.deployment !== deployment || receiptId(row.receipt) !== row.id) return null;
  const body = explanationIn(receipt);
  const [only, ...others] = body?.orders ?? [];
  return body?.draft === false && only?.intent === row.request && others.length === 0 ? body : null;
}
