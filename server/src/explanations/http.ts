/** Explanations over the API: what the vault said of a request, as it signed it, and dry runs of intents, also by a rulebook
 *  that is not in force. */
import { decode, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import type { Explanation } from "@strongroom/sdk/contract/requests";
import { isOnChain } from "../executions/rules.ts";
import { factsFor } from "../facts/jobs.ts";
import { limits } from "../host/limits.ts";
import { type Call, type Handlers, Problem, problem } from "../http/call.ts";
import { currentApprovals } from "../requests/jobs.ts";
import { readIntent } from "../requests/rules.ts";
import { visibleRequest } from "../requests/store.ts";
import { findRulebook } from "../rulebooks/store.ts";
import type { Caller } from "../users/rules.ts";
import type { View } from "../vault/link.ts";
import { demandWallet } from "../wallets/http.ts";
import { detailFor, explanationOf, toldTo } from "./rules.ts";
import { type ExplanationRow, explanationsOf } from "./store.ts";

/** An explanation as a user is shown it. Fails: RECORD_TAMPERED. */
function show(row: ExplanationRow, view: View, caller: Caller): Explanation {
  const body = explanationOf(row, view);
  if (body === null) problem("RECORD_TAMPERED", "explanation", `explanation ${row.id} is not what the vault signed`);
  const { id, request, receipt: bytes, at } = row;
  const { code, field } = body;
  const told = toldTo(caller, { ...decode(Receipt, decode(Signed, bytes).body), bytes }, view);
  return { id, request, code, field, detail: detailFor(caller, body), ...told, at: at.toISOString() };
}

/** The rulebook to judge by: the bytes that are sent, one that was brought here, or the one in force. Fails: NOT_FOUND. */
async function draftOf(
  { tx }: Call,
  { draft, rulebook }: { draft?: Uint8Array | undefined; rulebook?: string | undefined },
): Promise<{ readonly draft?: Uint8Array }> {
  if (draft !== undefined) return { draft };
  if (rulebook === undefined) return {};
  const row = (await findRulebook(tx, rulebook)) ?? problem("NOT_FOUND", "body.rulebook", `there is no rulebook ${rulebook}`);
  return { draft: row.rulebook };
}

export const explanations: Handlers<"explanations"> = {
  async "explanations.list"({ house, tx, caller }, { params }) {
    const request = await visibleRequest(tx, caller, params.id);
    if (request === undefined) problem("NOT_FOUND", "params.id", "there is no such request that you may see");
    const view = await house.vault.view();
    const rows = await explanationsOf(tx, request.id, limits.explanations);
    return { items: rows.map((row) => show(row, view, caller)) };
  },
  async "explanations.create"(call, { body }) {
    const { house, tx, caller } = call;
    const view = await house.vault.view();
    const { deployment, head } = view;
    const read = readIntent(body.intent, { deployment, at: head.at });
    if (!read.ok) problem("SIGNED_WRONG", read.field, read.detail);
    const { id, intent } = read;
    if (isOnChain(intent)) await demandWallet(call, intent.wallet, "body.intent.wallet");
    const known = await visibleRequest(tx, caller, id);
    const approvals = known === undefined ? [] : await currentApprovals(house, known);
    const index = body.index ?? known?.index ?? 0;
    const facts = await factsFor(house, { id, index }, intent);
    const orders = [{ intent: body.intent, index }];
    const asked = { command: "explain", orders, approvals, facts, ...(await draftOf(call, body)) } as const;
    const receipt = await house.vault.ask(asked);
    const { code, field, detail } = receipt;
    if (code !== "OK") throw new Problem("SIGNED_WRONG", { field, detail, vaultCode: code });
    return toldTo(caller, receipt, view);
  },
};
