/** Where passphrases come from: a file that is named, the demonstration's file, or the terminal without echo. */
import { basename, dirname, join } from "node:path";
import process from "node:process";
import type { ReadStream } from "node:tty";
import { fault } from "../faults.ts";
import { limits } from "../limits.ts";
import { readSecret } from "./files.ts";

/** Beside the keys of a demonstration: opens all of them, so that a newcomer needs no passphrase. */
export const DEMONSTRATION_PASSPHRASE = "demonstration.passphrase";

/** The passphrase for a key file. `twice` asks for it again, for a new key. The caller clears the buffer.
 *  Fails: KEY_MODE, PASSPHRASE_MISSING, PASSPHRASE_UNFIT. */
export async function passphraseFor(keyPath: string, named: string | undefined, twice = false): Promise<Buffer> {
  const path = named ?? join(dirname(keyPath), DEMONSTRATION_PASSPHRASE);
  const found = await readSecret(path);
  if (found !== null) return checked(firstLine(found), path);
  if (named !== undefined) fault("PASSPHRASE_MISSING", named, "there is no such file");
  if (!process.stdin.isTTY) fault("PASSPHRASE_MISSING", keyPath, "standard input is no terminal");
  const name = basename(keyPath, ".pem");
  const first = checked(await askHidden(`Passphrase of key ${name}: `), keyPath);
  if (!twice) return first;
  const again = await askHidden("Again: ");
  const same = first.equals(again);
  again.fill(0);
  if (!same) fault("PASSPHRASE_UNFIT", keyPath, "the two differ");
  return first;
}

function firstLine(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0x0a);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function checked(passphrase: Buffer, at: string): Buffer {
  const fits = passphrase.length >= limits.passphraseBytesMin && passphrase.length <= limits.passphraseBytes;
  if (!fits) fault("PASSPHRASE_UNFIT", at, `it has ${passphrase.length} bytes`);
  return passphrase;
}

const ENTER = new Set([0x0a, 0x0d, 0x04]);
const INTERRUPT = 0x03;
const BACKSPACE = new Set([0x7f, 0x08]);

/** One line from the terminal, not echoed. */
async function askHidden(question: string): Promise<Buffer> {
  const terminal = process.stdin as ReadStream;
  process.stderr.write(question);
  terminal.setRawMode(true);
  const typed: number[] = [];
  try {
    for await (const chunk of terminal.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (const byte of chunk) {
        if (byte === INTERRUPT) fault("INTERRUPTED", "terminal", "Ctrl-C");
        if (ENTER.has(byte)) return Buffer.from(typed);
        if (BACKSPACE.has(byte)) typed.pop();
        else typed.push(byte);
      }
    }
    return Buffer.from(typed);
  } finally {
    terminal.setRawMode(false);
    terminal.pause();
    process.stderr.write("\n");
  }
}
