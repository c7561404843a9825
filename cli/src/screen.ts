/** How things look to people: columns, frames, ticks; colours only on a terminal that wants them. */
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

/** Rows as columns, each as wide as its widest cell; the last one is not padded. */
export function columns(rows: readonly (readonly string[])[], gap = 2): string {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, at) => Math.max(...rows.map((row) => width(row[at] ?? ""))));
  const line = (row: readonly string[]) =>
    row.map((cell, at) => (at === row.length - 1 ? cell : cell + " ".repeat((widths[at] ?? 0) - width(cell) + gap))).join("");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}

/** Characters that a text takes on the screen, colours left out. All our texts are of single width. */
export function width(text: string): number {
  return [...text.replace(/\u001b\[\d+m/g, "")].length;
}

/** A text in a frame. */
export function frame(text: string, paint: Paint = (line) => line): string {
  const lines = text.split("\n");
  const wide = Math.max(...lines.map(width));
  const body = lines.map((line) => `${paint("│")} ${line}${" ".repeat(wide - width(line))} ${paint("│")}`);
  const bar = "─".repeat(wide + 2);
  return [paint(`╭${bar}╮`), ...body, paint(`╰${bar}╯`)].join("\n");
}

/** A text moved to the right. */
export function indent(text: string, by: number): string {
  return text.replace(/^(?=.)/gm, " ".repeat(by));
}

const LONG = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
] as const;

/** `12 ms`, `1.2 s`; whole minutes, hours and days as such. */
export function duration(ms: number): string {
  const whole = LONG.find(([, unit]) => ms >= unit && ms % unit === 0);
  if (whole !== undefined) return `${ms / whole[1]} ${whole[0]}`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
