/** The vault's own console: one line in, base64 of a command; one line out, base64 of its receipt. It takes what intake takes:
 *  freezes, rejections and vetoes. The first line of a stream may be the passphrase instead, which never becomes a text. */
import { limits } from "../limits.ts";
import { askAt, type Door } from "./intake.ts";

export type Lines = {
  /** The next line without its end, or null when the stream has ended. A line that is too long ends it too. */
  next(): Promise<Buffer | null>;
};

/** Lines of a byte stream. Bytes that were handed out are cleared here, since one of them may be the passphrase. */
export function linesOf(stream: AsyncIterable<Buffer>): Lines {
  const chunks = stream[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  return {
    async next() {
      for (;;) {
        const end = rest.indexOf(10);
        if (end >= 0) {
          const line = Buffer.from(rest.subarray(0, end > 0 && rest[end - 1] === 13 ? end - 1 : end));
          const left = Buffer.from(rest.subarray(end + 1));
          rest.fill(0);
          rest = left;
          return line;
        }
        const { value, done } = rest.length > limits.lineBytes ? { value: undefined, done: true } : await chunks.next();
        if (done === true || value === undefined) return null;
        const joined = Buffer.concat([rest, value]);
        rest.fill(0);
        value.fill(0);
        rest = joined;
      }
    },
  };
}

/** Answers line by line until the stream ends. A line that is no base64 is answered with an empty one. */
export async function serveConsole(lines: Lines, door: Door, write: (line: string) => void): Promise<void> {
  for (let line = await lines.next(); line !== null; line = await lines.next()) {
    const text = line.toString("latin1").trim();
    const isBase64 = text.length > 0 && text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
    write(isBase64 ? `${Buffer.from(await askAt(door, Buffer.from(text, "base64"))).toString("base64")}\n` : "\n");
  }
}
