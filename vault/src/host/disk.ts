/** Durable files: whole writes, replaced atomically, with the folder synced too. Knows nothing of what is in them.
 *
 *  `FileHandle.datasync` is used throughout because `fs.fsync` is refused under `--permission`. */
import { constants, type Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname } from "node:path";

/** The calls that reach the disk; tests hand in ones that fail. */
export type Files = Pick<typeof fs, "open" | "rename" | "readdir" | "stat" | "lstat" | "unlink" | "link" | "mkdir">;
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

  /** Writes a new file beside `path` and syncs it; `name` then gives it its name. Mode 0600. */
  async function write(path: string, bytes: Uint8Array, name: (fresh: string) => Promise<void>): Promise<void> {
    const fresh = `${path}.new`;
    const handle = await files.open(fresh, "w", 0o600);
    try {
      await writeAll(handle, bytes, 0);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await name(fresh);
    await syncFolder(dirname(path));
  }

  /** Puts a file in the place of `path` in one step: afterwards there is the old one or the new one, whole. */
  const replace = (path: string, bytes: Uint8Array) => write(path, bytes, (fresh) => files.rename(fresh, path));

  /** The same, but fails with EEXIST when there is a file already. */
  const place = (path: string, bytes: Uint8Array) =>
    write(path, bytes, async (fresh) => {
      await files.link(fresh, path);
      await files.unlink(fresh);
    });

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

  return { syncFolder, replace, place, readSmall };
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
