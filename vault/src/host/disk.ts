/** Durable files: whole writes, replaced atomically, with the folder synced too. Knows nothing of what is in them.
 *
 *  `FileHandle.datasync` is used throughout because `fs.fsync` is refused under `--permission`. */
import { randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode } from "./fault.ts";

/** The calls that reach the disk; tests hand in ones that fail. */
export type Files = Pick<typeof fs, "open" | "rename" | "readdir" | "stat" | "lstat" | "statfs" | "unlink" | "link" | "mkdir">;
export const realFiles: Files = fs;

export type Disk = ReturnType<typeof diskOf>;

export function diskOf(files: Files) {
  /** Makes created, renamed and removed names of a folder durable. */
  async function syncFolder(folder: string): Promise<void> {
    const handle = await files.open(folder, "r");
    try {
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }

  /** Writes a new file beside `path`, which nobody else has open, and syncs it; `name` then gives it its name. Mode 0600. */
  async function write(path: string, fill: Fill, name: (fresh: string) => Promise<void>): Promise<void> {
    const fresh = `${path}.${randomBytes(8).toString("hex")}${FRESH}`;
    const handle = await files.open(fresh, "wx", 0o600);
    try {
      await fill(handle);
      await handle.datasync();
    } catch (error) {
      // It may have filled the disk. What cannot be removed now is swept away at the next start.
      await files.unlink(fresh).catch(() => undefined);
      throw error;
    } finally {
      await handle.close();
    }
    await name(fresh);
    await syncFolder(dirname(path));
  }

  /** Puts what `fill` writes in the place of `path` in one step: afterwards there is the old file or the new one, whole. Who
   *  has the old one open keeps it. */
  const refill = (path: string, fill: Fill) => write(path, fill, (fresh) => files.rename(fresh, path));

  /** The same with these bytes. */
  const replace = (path: string, bytes: Uint8Array) => refill(path, (handle) => writeAll(handle, bytes, 0));

  /** The same, but fails with EEXIST when there is a file already. */
  const place = (path: string, bytes: Uint8Array) =>
    write(
      path,
      (handle) => writeAll(handle, bytes, 0),
      async (fresh) => {
        await files.link(fresh, path);
        await files.unlink(fresh);
      },
    );

  /** The bytes of a regular file of at most `max` bytes with its stat; "other" when it is longer or something else. No
   *  symbolic link is followed (ELOOP), and a pipe does not block. */
  async function readSmall(path: string, max: number): Promise<{ bytes: Buffer; stat: Stats } | "other"> {
    const handle = await files.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile() || stat.size > max) return "other";
      const bytes = Buffer.alloc(max + 1);
      let size = 0;
      for (;;) {
        const { bytesRead } = await handle.read(bytes, size, bytes.length - size, size);
        size += bytesRead;
        if (bytesRead === 0 || size > max) break;
      }
      return size > max ? "other" : { bytes: bytes.subarray(0, size), stat };
    } finally {
      await handle.close();
    }
  }

  return { syncFolder, refill, replace, place, readSmall };
}

/** Writes the content of a file that is empty. */
export type Fill = (handle: fs.FileHandle) => Promise<void>;

/** How the name of a file ends that has not got its own yet. */
export const FRESH = ".new";

/** Removes what a crash left of files that have not got their names. A process that has lost the folder may still name one
 *  meanwhile. */
export async function sweep(folder: string, files: Files): Promise<void> {
  const unlessGone = (error: unknown): string[] => {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  };
  for (const name of await files.readdir(folder).catch(unlessGone)) {
    if (name.endsWith(FRESH)) await files.unlink(join(folder, name)).catch(unlessGone);
  }
}

/** Writes all of `bytes` at `position`, however many calls that takes. */
export async function writeAll(handle: fs.FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    if (bytesWritten === 0) throw new Error("the disk took no bytes");
    done += bytesWritten;
  }
}
