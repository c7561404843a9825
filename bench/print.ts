/** Tables for people: right-aligned numbers with as many digits as mean something. */
import type { Row, Table } from "./figure.ts";

/** Three significant digits or whole numbers, with thousands apart. */
export function formatNumber(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function cells(row: Row): string[] {
  return [row.what, ...row.values.map(formatNumber), row.unit, limits(row), verdict(row)];
}

function limits({ least, most }: Row): string {
  const words = [least === undefined ? "" : `≥ ${formatNumber(least)}`, most === undefined ? "" : `≤ ${formatNumber(most)}`];
  return words.filter((word) => word !== "").join(" ");
}

function verdict({ least, most, values }: Row): string {
  if (least === undefined && most === undefined) return "";
  const isKept = (value: number) => value >= (least ?? value) && value <= (most ?? value);
  return values.every((value) => value !== null && isKept(value)) ? "met" : "NOT MET";
}

function isEmpty(lines: readonly (readonly string[])[], at: number): boolean {
  return lines.every((line) => (line[at] ?? "") === "");
}

function linesOf(table: Table): { lines: string[][]; last: number } {
  const head = ["", ...table.columns, "", "", ""];
  return { lines: [head, ...table.rows.map(cells)], last: table.columns.length };
}

/** The table as plain text. */
export function textOf(table: Table): string {
  const { lines, last } = linesOf(table);
  const widths = (lines[0] ?? []).map((_, at) => Math.max(...lines.map((line) => [...(line[at] ?? "")].length)));
  const shown = isEmpty(lines.slice(0, 1), 1) && last === 1 ? lines.slice(1) : lines;
  const body = shown.map((line) => {
    const padded = line.map((cell, at) => {
      const width = widths[at] ?? 0;
      return at > 0 && at <= last ? cell.padStart(width) : cell.padEnd(width);
    });
    return `  ${padded.join("  ")}`.trimEnd();
  });
  return [table.title, ...body, ...table.notes.map((note) => `  · ${note}`)].join("\n");
}

/** The table as Markdown. */
export function markdownOf(table: Table): string {
  const { lines, last } = linesOf(table);
  const kept = (lines[0] ?? []).map((_, at) => at).filter((at) => at <= last || !isEmpty(lines, at));
  const rowOf = (line: readonly string[]) => `| ${kept.map((at) => line[at] ?? "").join(" | ")} |`;
  const rule = `|${kept.map((at) => (at > 0 && at <= last ? "---:" : "---")).join("|")}|`;
  const [head = [], ...rest] = lines;
  const notes = table.notes.map((note) => `- ${note}`);
  return [`### ${table.title}`, "", rowOf(head), rule, ...rest.map(rowOf), ...(notes.length > 0 ? ["", ...notes] : [])].join(
    "\n",
  );
}
