/** Commands by file, for when the server withholds them: a freeze, a rejection or a veto, and nothing else.
 *
 *  `<data>/intake/<name>.cbor` is read, decided, and its receipt put into `<data>/outtake/<name>.receipt`; only then is the
 *  file removed. After a crash in between it is decided once more, which changes nothing, because the vault knows what it has
 *  done. Links, pipes and files that are too large are answered without being read, folders are left alone. */
import { join } from "node:path";
import { diskOf, type Files, realFiles } from "../disk.ts";
import { systemCode } from "../fault.ts";
import { limits } from "../limits.ts";
import { type Reply, refusal } from "../receipts.ts";
import type { Asker } from "../run.ts";

/** How intake and console reach the loop. `ask` puts a command before all that waits; `tightens`: whether a command is one that
 *  they may take. */
export type Door = {
  readonly ask: (request: Uint8Array, asker: Asker) => void;
  readonly answer: (request: Uint8Array, reply: Reply, asker: Asker) => void;
  readonly tightens: (request: Uint8Array) => boolean;
};

const NAME = /^([A-Za-z0-9][A-Za-z0-9._-]{0,99})\.cbor$/;

/** Asks at the door: a command that does not tighten is refused without being decided. */
export function askAt(door: Door, request: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve) => {
    if (door.tightens(request)) return door.ask(request, resolve);
    return door.answer(request, refusal("NOT_TIGHTENING", "command", "console and file accept only what tightens"), resolve);
  });
}

/** Where files are taken, by what door, and what was seen of those that were left at the last look, by name. */
export type Intake = { readonly data: string; readonly door: Door; readonly seen: Map<string, string>; readonly files?: Files };

/** Takes the files that lie in the intake folder, in the order of their names, at most `limits.intakeFiles`. What tightens is
 *  taken at once; whatever else lies there may be a freeze that is still being copied, so it is refused only when it is the
 *  same at two looks. Gives the names that were answered. A file that somebody takes away meanwhile is left out. */
export async function takeFiles({ data, door, seen, files = realFiles }: Intake): Promise<string[]> {
  const disk = diskOf(files);
  const entries = await files.readdir(join(data, "intake"), { withFileTypes: true });
  const names = entries.flatMap((entry) => (entry.isDirectory() ? [] : (NAME.exec(entry.name)?.[1] ?? []))).sort();
  const before = new Map(seen);
  seen.clear();
  const answered: string[] = [];
  for (const name of names.slice(0, limits.intakeFiles)) {
    const path = join(data, "intake", `${name}.cbor`);
    const mark = await markOf(path, files);
    const found = await disk.readSmall(path, limits.frameBytes).catch(unreadable);
    if (found === "gone" || mark === null) continue;
    const isWhole = found !== "other" && door.tightens(found.bytes);
    if (!isWhole && before.get(name) !== mark) {
      seen.set(name, mark);
      continue;
    }
    const receipt = found === "other" ? await unread(door) : await askAt(door, found.bytes);
    await disk.replace(join(data, "outtake", `${name}.receipt`), receipt);
    // What somebody has put in its place meanwhile is another command.
    if ((await markOf(path, files)) === mark) await files.unlink(path).catch(unreadable);
    answered.push(name);
  }
  return answered;
}

/** What shows that a file is another one or was changed; null when there is none. */
async function markOf(path: string, files: Files): Promise<string | null> {
  try {
    const { ino, size, mtimeMs } = await files.lstat(path);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** The receipt for a file that is not read; its request is the empty one. */
function unread(door: Door): Promise<Uint8Array> {
  const reply = refusal(
    "TOO_LARGE",
    "file",
    `only a regular file that the vault may read, of at most ${limits.frameBytes} bytes, is taken`,
  );
  return new Promise((resolve) => door.answer(new Uint8Array(0), reply, resolve));
}

function unreadable(error: unknown): "gone" | "other" {
  const code = systemCode(error);
  if (code === "ENOENT") return "gone";
  if (["ELOOP", "EISDIR", "ENXIO", "EACCES", "EPERM"].includes(code)) return "other";
  throw error;
}

/** Looks into the intake folder again and again until `stop`. `failed` hears what ends it. */
export function watchIntake(data: string, door: Door, failed: (error: unknown) => void): { stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let open = true;
  const seen = new Map<string, string>();
  const look = async () => {
    await takeFiles({ data, door, seen });
    if (open) timer = setTimeout(begin, limits.intakeMs);
  };
  const begin = () => {
    look().catch(failed);
  };
  begin();
  return {
    stop() {
      open = false;
      clearTimeout(timer);
    },
  };
}
