/** Where a log lies: a folder, or any web server that hands out such a folder. Nothing in it is trusted. */
import { join } from "node:path";
import { readIfThere } from "../device/files.ts";
import { fault, systemWords } from "../faults.ts";
import { limits } from "../limits.ts";

export type Place = {
  readonly name: string;
  /** The bytes at a path, or null when there is nothing. */
  read(path: string): Promise<Uint8Array | null>;
};

/** A folder, or the address of one on the web. Fails: USAGE. */
export function placeOf(text: string): Place {
  return /^https?:\/\//.test(text) ? onWeb(text) : inFolder(text);
}

function inFolder(folder: string): Place {
  return {
    name: folder,
    async read(path) {
      const found = await readIfThere(join(folder, path));
      return found === null ? null : new Uint8Array(found);
    },
  };
}

function onWeb(text: string): Place {
  if (!URL.canParse(text)) fault("USAGE", "DIR", `${text} is no address`);
  const base = text.endsWith("/") ? text : `${text}/`;
  return {
    name: text,
    async read(path) {
      const url = new URL(path, base);
      const answer = await fetch(url, { signal: AbortSignal.timeout(limits.callMs) }).catch((error: unknown) =>
        fault("SERVER_UNREACHABLE", url.href, systemWords(error instanceof Error ? (error.cause ?? error) : error), error),
      );
      if (answer.status === 404) return null;
      if (!answer.ok) fault("SERVER_UNREACHABLE", url.href, `it answers ${answer.status}`);
      return bounded(answer, url.href);
    },
  };
}

/** The body, as long as it is no larger than any file of a log. */
async function bounded(answer: Response, name: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer.body ?? []) {
    size += part.length;
    if (size > limits.logFileBytes) fault("FILE_UNFIT", name, `it is larger than ${limits.logFileBytes} bytes`);
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** The bytes at a path. Fails: FILE_UNFIT. */
export async function demandFile(place: Place, path: string): Promise<Uint8Array> {
  return (await place.read(path)) ?? fault("FILE_UNFIT", `${place.name}/${path}`, "it is missing");
}
