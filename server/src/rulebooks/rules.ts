/** What of a signed rulebook the server reads before it brings it to the vault, and what the vault's answers make of it.
 *  Pure. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { checkRulebook } from "@strongroom/core/rulebook/check";
import { decode, idOf, Signed } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
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

/** What a refusal makes of a rulebook: some answers only say that it has to wait or to be seen. */
export function stateAfter(code: string): "waiting" | "vetoed" | "void" | "refused" {
  if (code === "DELAY_RUNNING" || code === "SEEN_MISSING") return "waiting";
  if (code === "RULEBOOK_VETOED") return "vetoed";
  return code === "RULEBOOK_BASE" ? "void" : "refused";
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
