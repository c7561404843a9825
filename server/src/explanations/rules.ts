/** What a stored explanation must be: the vault's own, about its request alone, under the rulebook in force then; and what of
 *  one a user is told. Pure. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { type ExplainedLimit, type ExplainedStep, ExplanationBody } from "@strongroom/core/protocol/explanation";
import { decode, encode, idOf, type Kind, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import type { Narrowed } from "@strongroom/sdk/contract/requests";
import type { Caller } from "../users/rules.ts";
import type { View } from "../vault/link.ts";
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

type Refusal = { readonly code?: string | undefined; readonly detail?: string | undefined };
const NARROW = "it leaves too little; how far it is used is not told to users who are bound to a client";

/** The sentence of a refusal for a user: how far a limit is used says what others pay. */
export function detailFor<D extends string | undefined>({ client }: Bound, { code, detail }: Refusal & { readonly detail: D }) {
  return client !== null && code === "LIMIT_EXCEEDED" ? NARROW : detail;
}
type Bound = Pick<Caller, "client">;

/** A signed explanation as a user is told it. */
export function toldTo(
  { client }: Bound,
  signed: Pick<Receipt, "at" | "body"> & { readonly bytes: Uint8Array },
  { book }: Pick<View, "book">,
): { readonly receipt: Uint8Array | null; readonly narrowed: Narrowed | null } {
  if (client === null) return { receipt: signed.bytes, narrowed: null };
  const body = decode(ExplanationBody, signed.body);
  const levels = new Map(body.rulebook === book.id ? book.document.limits.map(({ id, level }) => [id, level]) : []);
  const isOwn = ({ limit, of }: ExplainedLimit) => levels.get(limit) === "client" && of === client;
  const told = <R extends Refusal>(refusal: R): R => {
    return refusal.detail === undefined
      ? refusal
      : { ...refusal, detail: detailFor({ client }, { ...refusal, detail: refusal.detail }) };
  };
  const orders = body.orders.map((order) => {
    return { ...told(order), steps: order.steps.map(told), limits: order.limits.filter(isOwn) };
  });
  const all = body.orders.flatMap((order) => order.limits);
  const names = [...new Set(all.map(({ limit }) => limit))];
  const limits = names.map((limit) => ({ limit, holds: all.every((one) => one.limit !== limit || holds(one)) }));
  const explanation = encode(ExplanationBody, { ...told(body), orders });
  return { receipt: null, narrowed: { explanation, at: new Date(signed.at).toISOString(), limits } };
}

const holds = ({ used, adding, most }: ExplainedLimit): boolean => used + adding <= most;
