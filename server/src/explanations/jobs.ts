/** Having the vault explain a request, before it is asked to decide, and keeping what it said. */
import type { EvmContext } from "@strongroom/core/protocol/command";
import type { ExplanationBody } from "@strongroom/core/protocol/explanation";
import type { Receipt } from "@strongroom/core/signed/receipt";
import type { Tx } from "../db/tables.ts";
import type { House } from "../host/context.ts";
import type { RequestRow } from "../requests/store.ts";
import { bodyOf, demandsIn, explanationIn, receiptId } from "./rules.ts";
import { explanationsOf, insertExplanation } from "./store.ts";

/** What `execute` would be asked. */
export type Content = {
  readonly request: Pick<RequestRow, "id" | "intent" | "index">;
  readonly approvals: readonly Uint8Array[];
  readonly facts: readonly Uint8Array[];
  readonly context?: EvmContext;
};

/** The vault's word on a request. `verdict`: what `execute` would answer. `body`: null when the vault does not explain. */
export type Explanation = {
  readonly request: string;
  readonly receipt: Uint8Array;
  readonly verdict: Pick<Receipt, "code" | "field" | "detail">;
  readonly body: ExplanationBody | null;
};

/** Asks the vault. Nothing can come of it. Fails: VAULT_UNREACHABLE. */
export async function explain(house: House, { request, approvals, facts, context }: Content): Promise<Explanation> {
  const { id, intent, index } = request;
  const orders = [{ intent, ...(context === undefined ? { index } : { context }) }];
  const receipt = await house.vault.ask({ command: "explain", orders, approvals, facts });
  const body = explanationIn(receipt);
  return { request: id, receipt: receipt.bytes, verdict: body ?? receipt, body };
}

/** The same with the approvals that the vault takes: one that counts no more, because a signature was withheld after it, has
 *  the vault refuse all that come with it. Without any of them nothing is left to say, so then all go along.
 *  Fails: VAULT_UNREACHABLE. */
export async function explainFit(
  house: House,
  content: Content,
): Promise<{ readonly explained: Explanation; readonly approvals: readonly Uint8Array[] }> {
  const { approvals } = content;
  const explained = await explain(house, content);
  const unfit = new Set(explained.body?.unfit.map(({ at }) => at));
  const fit = approvals.filter((_, at) => !unfit.has(`approvals.${at}`));
  if (fit.length === 0 || fit.length === approvals.length) return { explained, approvals };
  return explainFit(house, { ...content, approvals: fit });
}

/** Keeps an explanation, in the transaction of the decision that it explains, and gives its id for the event that tells of it;
 *  nothing where the vault did not explain. */
export async function keep(tx: Tx, { request, receipt, body }: Explanation, at: Date): Promise<{ explanation?: string }> {
  if (body === null) return {};
  const id = receiptId(receipt);
  await insertExplanation(tx, { id, request, receipt, at });
  return { explanation: id };
}

/** Whether it says anything that the one before does not. */
export async function isNews(tx: Tx, { request, body }: Explanation): Promise<boolean> {
  if (body === null) return false;
  const [newest] = await explanationsOf(tx, request, 1);
  const before = newest && bodyOf(newest);
  return before === undefined || before === null || demandsIn(before) !== demandsIn(body);
}
