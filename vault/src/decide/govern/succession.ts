/** The hand-over of a key tree from one vault to the next: the rulebook names one active vault, so there is never more than one
 *  whose signatures count.
 *
 *  The vault that hands over is retired by the rulebook that it adopts, and signs nothing any more. Its successor goes on with
 *  the same journal under an identity of its own. It signs no transaction before every approval for the vault before has ended,
 *  so that whoever keeps that one from adopting the rulebook cannot have both sign. Source: docs/decisions/succession.md. */
import { demand } from "@strongroom/core/errors";
import type { Sealed } from "@strongroom/core/journal/record";
import type { Command } from "@strongroom/core/protocol/command";
import { readIntent } from "../../state/intent.ts";
import { type Founded, isHeir, isRetired, type State, waitsUntil } from "../../state/state.ts";
import type { Now } from "../../types.ts";
import { recordAt } from "../draft.ts";
import { isOnChain } from "../payment/resolve.ts";

/** What a successor writes at its first start. */
export function successions(state: State, now: Now): readonly Sealed[] {
  if (!isHeir(state)) return [];
  const { book, vaultKey } = state as Founded;
  return [recordAt(now, { kind: "succeeded", rulebookId: book.id, vaultKey })];
}

/** Refuses everything but showing a head once another vault is the active one, and transactions as long as approvals for the
 *  one before may live. Fails: VAULT_RETIRED, SUCCESSION_WAITS. */
export function demandActive(state: State, now: Now, command: Command): void {
  const retired = isRetired(state) && command.command !== "witness";
  demand(!retired, "VAULT_RETIRED", "vault", `vault ${state.book?.document.vault} is the active one`);
  const until = waitsUntil(state, now.lo);
  const waits = until !== null && transacts(command);
  demand(!waits, "SUCCESSION_WAITS", "vault", `it ends at ${until}, the vault's time is at least ${now.lo}`);
}

function transacts(command: Command): boolean {
  if (command.command !== "execute" && command.command !== "explain") return command.command === "reprice";
  return command.orders.some(({ intent }) => isOnChain(readIntent(intent).intent));
}
