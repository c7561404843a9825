/** At most one process acts on a data folder: the newest one. Not a lock that could stay behind after a crash.
 *
 *  A process puts its own `fence` file in place before it reads the journal, and looks whether it is still there after each
 *  sync and before any effect. Whoever finds another one stops. So if the older process still finds its own, the newer one
 *  has not begun to read and will see what was written; otherwise the older one answers and signs nothing, and what it has
 *  written meanwhile is not in the journal, because the newer one goes on with a copy (`mend`). The file stays open, because a
 *  file system may give a number of a file that is gone to the next one. Source: docs/spec/journal.md, "One process". */
import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { diskOf, type Files, FRESH } from "../disk.ts";

export type Fence = {
  /** Whether no other process has taken the folder since. Asked after every sync, so it does not wait for another thread. */
  held(): boolean;
  close(): Promise<void>;
};

/** Takes the folder; from now on an older process will stop. */
export async function takeFence(folder: string, files: Files): Promise<Fence> {
  const path = join(folder, "fence");
  const mine = `${path}.${randomBytes(8).toString("hex")}${FRESH}`;
  const handle = await files.open(mine, "wx", 0o600);
  const { ino, dev } = await handle.stat();
  await files.rename(mine, path);
  await diskOf(files).syncFolder(folder);
  return {
    held() {
      const found = statSync(path);
      return found.ino === ino && found.dev === dev;
    },
    close: () => handle.close(),
  };
}
