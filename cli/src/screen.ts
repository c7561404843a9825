/** How things look to people: columns, frames, ticks; colours only on a terminal that wants them, lines no wider than it is. */
import process from "node:process";

type Stream = NodeJS.WriteStream;
export type Paint = (text: string) => string;
export type Paints = Readonly<Record<"good" | "bad" | "dim" | "bold" | "accent", Paint>>;

/** Colours for a stream, or none.   Source: no-color.org. */
export function paintsFor(stream: Pick<Stream, "isTTY">): Paints {
  const wants = stream.isTTY === true && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
  const paint = (code: number): Paint => (wants ? (text) => `\u001b[${code}m${text}\u001b[0m` : (text) => text);
  return { good: paint(32), bad: paint(31), dim: paint(2), bold: paint(1), accent: paint(36) };
}

/** Characters on a line of a stream; no bound where nobody looks at it. */
export function wideOf(stream: Pick<Stream, "isTTY" | "columns">): number {
  return stream.isTTY === true && stream.columns > 0 ? stream.columns : Number.POSITIVE_INFINITY;
}

/** Least characters beside the other columns in which a last column goes on; with fewer it goes on below them. */
const NARROW = 28;

/** Rows as columns, each as wide as its widest cell. The last cell is not padded, and its words go on below one another where
 *  the line ends; a word is never cut, so that it can be copied. */
export function columns(rows: readonly (readonly string[])[], wide = wideOf(process.stdout), gap = 2): string {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, at) => Math.max(...rows.map((row) => width(row[at] ?? ""))));
  const line = (row: readonly string[]): string => {
    const cells = row.slice(0, -1);
    const head = cells.map((cell, at) => cell + " ".repeat((widths[at] ?? 0) - width(cell) + gap)).join("");
    const last = row.at(-1) ?? "";
    if (width(head) + width(last) <= wide) return `${head}${last}`.trimEnd();
    const below = wide - width(head) < NARROW;
    const edge = below ? 4 : width(head);
    const parts = wrap(last, wide - edge).join(`\n${" ".repeat(edge)}`);
    return below ? `${head.trimEnd()}\n${" ".repeat(edge)}${parts}` : `${head}${parts}`;
  };
  return rows.map(line).join("\n");
}

/** Lines of whole words. */
export function wrap(text: string, wide: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (width(longer) <= wide || line === "") line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

/** Characters that a text takes on the screen, colours left out. All our texts are of single width. */
export function width(text: string): number {
  return [...text.replace(/\u001b\[\d+m/g, "")].length;
}

/** A text in a frame. Where it does not fit, the frame is open to the right and what continues a line stands behind a broken
 *  bar, so that no part of a value can pass for a line of its own. */
export function frame(text: string, paint: Paint = (line) => line, wide = wideOf(process.stderr)): string {
  const lines = text.split("\n");
  const needed = Math.max(...lines.map(width));
  if (needed + 4 > wide) return openFrame(lines, paint, wide);
  const body = lines.map((line) => `${paint("│")} ${line}${" ".repeat(needed - width(line))} ${paint("│")}`);
  const bar = "─".repeat(needed + 2);
  return [paint(`╭${bar}╮`), ...body, paint(`╰${bar}╯`)].join("\n");
}

function openFrame(lines: readonly string[], paint: Paint, wide: number): string {
  const room = Math.max(8, wide - 2);
  const body = lines.flatMap((line) => {
    const parts = line.match(new RegExp(`.{1,${room}}`, "gu")) ?? [""];
    return parts.map((part, at) => `${paint(at === 0 ? "│" : "┆")} ${part}`);
  });
  const bar = "─".repeat(room);
  return [paint(`╭${bar}`), ...body, paint(`╰${bar}`)].join("\n");
}

/** A text moved to the right. */
export function indent(text: string, by: number): string {
  return text.replace(/^(?=.)/gm, " ".repeat(by));
}

/** A text of somebody else, with everything written out that would steer a terminal or hide. Line ends stay. */
export function plain(text: string): string {
  return text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, (sign) => `\\u{${sign.codePointAt(0)?.toString(16)}}`);
}

const LONG = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
] as const;

/** `12 ms`, `1.2 s`; whole seconds, minutes, hours and days as such. */
export function duration(ms: number): string {
  const whole = LONG.find(([, unit]) => ms >= unit && ms % unit === 0);
  if (whole !== undefined) return `${ms / whole[1]} ${whole[0]}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${ms % 1000 === 0 ? ms / 1000 : (ms / 1000).toFixed(1)} s`;
}
