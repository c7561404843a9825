/** The text of a start of the vault, which administrators read before they confirm it. Source: docs/spec/text.md. */
import type { Book } from "../rulebook/book.ts";
import type { Start, Suspicion } from "../signed/head.ts";
import { formatTime, type Line, layout } from "./render.ts";

const SUSPICIONS: { readonly [S in Suspicion]: string } = {
  behind: "the journal is older than the file beside it says",
  unmarked: "the file beside the journal is missing or another one's",
  repaired: "the journal was repaired by hand or brought back",
};

/** The text of confirming `start` under the rulebook in force. */
export function renderStart(start: Start, book: Book): string {
  const { number, at, head, boot, suspicion, lost = [] } = start;
  const lines: Line[] = [
    ["start", `number ${number}, ${formatTime(at)} by the vault's own time`],
    ["goes on from", `record ${head.seq}`],
    ["its hash", head.hash],
    ["nonce", boot],
    ["suspected", suspicion === undefined ? "no" : SUSPICIONS[suspicion]],
    ...lost.flatMap((one): Line[] => [
      ["given up", `what the vault wrote elsewhere up to record ${one.seq}, in its start`],
      ["", one.boot],
    ]),
    ["confirm only", "if no device and no log has seen a newer record than these"],
    ["by this", suspicion === undefined ? "approvals from before the start count again" : "the vault signs again"],
    ["vault", start.vault],
    ["deployment", start.deployment],
    ["rulebook", `epoch ${book.document.epoch}`],
  ];
  return layout("START OF THE VAULT", lines, book.document.demonstration);
}
