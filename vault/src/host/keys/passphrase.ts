/** The passphrase as it arrives: from a file that only its owner reads, from a descriptor, or first on the standard input.
 *  Always as a buffer that the caller clears, never as a text. */
import { accessSync, closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { Fault, systemCode } from "../fault.ts";
import { limits } from "../limits.ts";
import type { Lines } from "../serve/console.ts";

/** One end of line is not part of the passphrase. Fails: PASSPHRASE when others may read the file, or it is too long. */
export function passphraseFromFile(path: string): Buffer {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOCTTY);
  } catch (error) {
    throw new Fault("PASSPHRASE", `${path} cannot be read: ${systemCode(error)}.`);
  }
  return passphraseFromDescriptor(descriptor);
}

/** Fails: PASSPHRASE when the file cannot be read. */
export function demandReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new Fault("PASSPHRASE", `${path} cannot be read: ${systemCode(error)}.`);
  }
}

/** Reads to the end and closes. Fails: as `passphraseFromFile`. */
export function passphraseFromDescriptor(descriptor: number): Buffer {
  const bytes = Buffer.alloc(limits.passphraseBytes + 3);
  try {
    const stat = fstatSync(descriptor);
    if (stat.isFile() && (stat.mode & 0o077) !== 0)
      throw new Fault("PASSPHRASE", "Others may read its file; give it the mode 0600.");
    let size = 0;
    while (size < bytes.length) {
      const read = readSync(descriptor, bytes, size, bytes.length - size, null);
      if (read === 0) break;
      size += read;
    }
    return withoutEnd(bytes, size);
  } catch (error) {
    bytes.fill(0);
    if (error instanceof Fault) throw error;
    throw new Fault("PASSPHRASE", `Descriptor ${descriptor} cannot be read: ${systemCode(error)}.`);
  } finally {
    closeQuietly(descriptor);
  }
}

function withoutEnd(bytes: Buffer, size: number): Buffer {
  let end = size;
  if (end > 0 && bytes[end - 1] === 10) end -= 1;
  if (end > 0 && end < size && bytes[end - 1] === 13) end -= 1;
  const passphrase = Buffer.from(bytes.subarray(0, end));
  bytes.fill(0);
  return passphrase;
}

function closeQuietly(descriptor: number): void {
  try {
    closeSync(descriptor);
  } catch (error) {
    if (systemCode(error) !== "EBADF") throw error;
  }
}

/** The first line. Fails: PASSPHRASE when there is none. */
export async function passphraseFromLines(lines: Lines): Promise<Buffer> {
  const line = await lines.next();
  if (line === null) throw new Fault("PASSPHRASE", "The standard input ended before it.");
  return line;
}
