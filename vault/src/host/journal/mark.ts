/** The mark: a small file beside the journal that says how far the journal went, so that a journal that was put back alone, or
 *  cut at its end, is noticed at the next start.
 *
 *  It is written once a start is durable, and again when the vault is stopped in order; so after a crash it lags by what was
 *  written since the start. Whoever puts back the whole data folder puts back the mark too: against that stand the heads that
 *  devices have seen. Source: docs/spec/journal.md, "The mark". */
import type { Hash } from "@strongroom/core/bytes";
import type { Suspicion } from "@strongroom/core/signed/head";
import { diskOf, realFiles } from "../disk.ts";
import { systemCode } from "../fault.ts";
import { MARK_BYTES, openMark, sealMark } from "./seal.ts";
import { type Head, type Place, stopWriting } from "./write.ts";

export function markPath({ folder }: Pick<Place, "folder">): string {
  return `${folder}.mark`;
}

/** Fails: JOURNAL_WRITE. */
export async function writeMark(place: Place, head: Head): Promise<void> {
  await diskOf(place.files ?? realFiles)
    .replace(markPath(place), sealMark(place.owner, head))
    .catch(stopWriting);
}

/** The position that the mark names; null when there is no mark of this journal. */
export async function readMark(place: Place): Promise<Head | null> {
  const found = await diskOf(place.files ?? realFiles)
    .readSmall(markPath(place), MARK_BYTES)
    .catch(unlessAbsent);
  return found === null || found === "other" ? null : openMark(place.owner, found.bytes);
}

/** Why the journal may be older than it was, or null. `hashAt`: its chain hash after so many records. */
export function suspicionOf(mark: Head | null, hashAt: (seq: number) => Hash | undefined): Suspicion | null {
  if (mark === null) return "unmarked";
  return mark.sequence === 0 || hashAt(mark.sequence) === mark.chain ? null : "behind";
}

function unlessAbsent(error: unknown): null {
  if (["ENOENT", "ELOOP"].includes(systemCode(error))) return null;
  throw error;
}
