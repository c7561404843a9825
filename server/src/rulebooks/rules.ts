/** What of a signed rulebook the server reads before it brings it to the vault, and what the vault's answers make of it.
 *  Pure. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { checkRulebook } from "@strongroom/core/rulebook/check";
import type { Approval } from "@strongroom/core/signed/approval";
import { decode, idOf, Signed } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { renderChange } from "@strongroom/core/text/change";
import { textHash } from "@strongroom/core/text/render";
import { staleness } from "../requests/rules.ts";
import type { View } from "../vault/link.ts";
import { digestOf } from "../vault/signed.ts";
import type { RulebookDecisionRow, RulebookRow } from "./store.ts";

export type ReadRulebook =
  | { readonly ok: true; readonly id: Hash; readonly document: Rulebook }
  | { readonly ok: false; readonly detail: string };

/** A sound rulebook of this deployment. Whether enough administrators have signed it is the vault's to say. */
export function readRulebook(envelope: Uint8Array, deployment: Hash): ReadRulebook {
  const opened = attempt(() => {
    const { body } = decode(Signed, envelope);
    const document = decode(Rulebook, body);
    checkRulebook(document);
    return { id: idOf(Rulebook, body), document };
  });
  if (!opened.ok) return { ok: false, detail: `${opened.code} at ${opened.field}: ${opened.detail}` };
  const own = opened.value.document.deployment === deployment;
  return own ? { ok: true, ...opened.value } : { ok: false, detail: "it is for another deployment" };
}

/** Whether a stored rulebook is the one that its columns name. */
export function isRulebookWhole(row: { readonly id: string; readonly epoch: number; readonly rulebook: Uint8Array }): boolean {
  const opened = attempt(() => {
    const { body } = decode(Signed, row.rulebook);
    return { id: idOf(Rulebook, body), epoch: decode(Rulebook, body).epoch };
  });
  return opened.ok && opened.value.id === row.id && opened.value.epoch === row.epoch;
}

/** What an answer makes of a rulebook: some refusals only say that it has to wait or to be seen. Null: it says nothing of the
 *  rulebook, as long as the vault can do nothing. */
export function stateAfter(code: string, field: string): RulebookRow["state"] | null {
  if (code === "OK") return "adopted";
  if (["OVERLOADED", "START_UNCONFIRMED", "ROLLED_BACK"].includes(code)) return null;
  if (code === "DELAY_RUNNING" || field.startsWith("approvals")) return "waiting";
  if (code === "RULEBOOK_VETOED") return "vetoed";
  return code === "RULEBOOK_BASE" ? "void" : "refused";
}

/** Why a `seen` would not count as things stand, or null. */
export function whyUnseen(
  said: Approval,
  { rulebook }: Pick<RulebookRow, "rulebook">,
  { vault, book, head }: Pick<View, "vault" | "book" | "head">,
): string | null {
  if (said.vault !== vault) return "it is for another vault";
  const stale = staleness(said, { book, starts: head, at: head.at });
  if (stale !== null) return stale;
  const text = attempt(() => textHash(renderChange(book, decode(Rulebook, decode(Signed, rulebook).body))));
  return text.ok && text.value === said.textHash ? null : "another text was shown";
}

/** What the events about a rulebook say of its row. */
export const rulebookRecord = ({ rulebook, state, until, code, field, detail, created_at }: RulebookRow) => ({
  ...{ rulebook: digestOf(rulebook), state, until: until?.toISOString() ?? null, code, field, detail },
  created_at: created_at.toISOString(),
});

/** What the event about a decision on a rulebook says of its row. */
export const rulebookDecisionRecord = ({ id, approval, created_at }: RulebookDecisionRow) => ({
  id,
  approval: digestOf(approval),
  created_at: created_at.toISOString(),
});
