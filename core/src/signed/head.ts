/** Head: the vault's signed statement how far its journal goes. Devices keep the newest one they have seen.
 *  Start: what a start of the vault went on from, for administrators to confirm. */
import type { Hash } from "../bytes.ts";
import { choice, field, flag, list, type Of, optional, uint } from "./codec.ts";
import { hash32, head, time, version } from "./fields.ts";
import { kind } from "./object.ts";
import { record } from "./table.ts";

/** Most earlier starts whose approvals count, and most starts of which records are known to be lost. */
export const MAX_EARLIER_STARTS = 64;
export const MAX_LOST = 64;

export const Head = kind(
  "head",
  record({
    version,
    deployment: field(1, hash32, "id of the deployment; zero before it is founded"),
    vault: field(2, hash32, "hash of the vault's identity key"),
    rulebook: field(3, hash32, "id of the rulebook in force; zero before the first"),
    epoch: field(4, uint(), "its epoch"),
    head: field(5, head, "journal position"),
    boot: field(6, hash32, "boot nonce"),
    at: field(7, time, "the vault's lower bound of the time"),
    halted: field(8, flag, "whether the vault has stopped because it was rolled back"),
    earlier: optional(
      9,
      list(hash32, MAX_EARLIER_STARTS, 1),
      "boot nonces of earlier starts whose approvals count, because administrators have confirmed the start since",
    ),
  }),
);
export type Head = Of<(typeof Head)["shape"]>;

/** The starts that approvals may name. */
export type Starts = { readonly boot: Hash; readonly earlier?: Head["earlier"] };

/** Whether approvals that name the boot nonce `named` count where this head is the newest. */
export function countsAt({ boot, earlier = [] }: Starts, named: Hash): boolean {
  return named === boot || earlier.includes(named);
}

/** Why a start may go on from an older journal than there was. `behind`: the journal lacks the record that the file beside it
 *  names. `unmarked`: that file is missing or not of this vault. `repaired`: the journal was repaired by hand. */
export const suspicion = choice({ behind: 1, unmarked: 2, repaired: 3 });
export type Suspicion = Of<typeof suspicion>;

/** Records of one start that the vault has signed for and does not have any more. */
const Lost = record({
  boot: field(0, hash32, "boot nonce of that start"),
  seq: field(1, uint(), "number of its newest record that is known to be lost"),
});
export type Lost = Of<typeof Lost>;

export const Start = kind(
  "start",
  record({
    version,
    deployment: field(1, hash32, "id of the deployment"),
    vault: field(2, hash32, "hash of the vault's identity key"),
    number: field(3, uint(), "which start it is; the first is 1"),
    boot: field(4, hash32, "boot nonce"),
    head: field(5, head, "journal position that it went on from"),
    at: field(6, time, "the vault's lower bound of the time at the start"),
    suspicion: optional(7, suspicion, "why the vault does nothing until the start is confirmed; absent when it does"),
    lost: optional(8, list(Lost, MAX_LOST, 1), "what whoever confirms gives up; absent when nothing is known to be lost"),
  }),
);
export type Start = Of<(typeof Start)["shape"]>;
