/** Which code of core and vault no test has run, from the raw coverage that V8 wrote, one file per process.
 *
 *  A character is covered when any process ran it, so files are merged exactly; merging finished reports would not be, because
 *  V8 leaves out branches whose count equals that of the code around them. What remains uncovered counts unless it is white
 *  space, comment or bare punctuation. `vault/src/host` is out: it is measured by the tests end to end. */

import fs from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

type Range = { readonly startOffset: number; readonly endOffset: number; readonly count: number };
type Script = {
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly Range[] }[];
};

/** One stretch of code that never ran. Lines and columns count from 1. */
export type Gap = { readonly line: number; readonly column: number; readonly endLine: number; readonly text: string };

export type Coverage = {
  readonly files: number;
  readonly lines: { readonly covered: number; readonly total: number };
  readonly branches: { readonly covered: number; readonly total: number };
  readonly gaps: ReadonlyMap<string, readonly Gap[]>;
};

const MEASURED = /^(core|vault)\/src\/(?!host\/).*(?<!\.test)\.ts$/;
const SIGNIFICANT = /[^\s{}()[\];,]/;

/** `raw`: the folder that NODE_V8_COVERAGE named while the tests ran. */
export function measure(root: string, raw: string): Coverage {
  const seen = readRaw(root, raw);
  const gaps = new Map<string, readonly Gap[]>();
  const lines = { covered: 0, total: 0 };
  const branches = { covered: 0, total: 0 };
  const files = listMeasured(root);
  for (const file of files) {
    const result = measureFile(fs.readFileSync(path.join(root, file), "utf8"), seen.get(file) ?? []);
    if (result.gaps.length > 0) gaps.set(file, result.gaps);
    for (const side of ["covered", "total"] as const) {
      lines[side] += result.lines[side];
      branches[side] += result.branches[side];
    }
  }
  return { files: files.length, lines, branches, gaps };
}

/** Measures one source against what each process ran of it. A source that no process loaded is one gap, unless it holds types
 *  only. */
export function measureFile(
  source: string,
  runs: readonly Script[],
): Omit<Coverage, "files" | "gaps"> & { readonly gaps: readonly Gap[] } {
  const code = stripTypeScriptTypes(source);
  const ran = new Uint8Array(code.length);
  for (const run of runs) mark(ran, run);
  const gaps = findGaps({ source, code, ran });
  const allLines = withoutComments(code)
    .split("\n")
    .map((text, index) => ({ text, number: index + 1 }));
  const codeLines = allLines.filter(({ text }) => SIGNIFICANT.test(text));
  const bare = codeLines.filter(({ number }) => gaps.some((gap) => gap.line <= number && number <= gap.endLine));
  const spans = new Map(runs.flatMap(spansOf).map((span) => [`${span.startOffset}:${span.endOffset}`, span]));
  const branches = [...spans.values()].filter((span) =>
    SIGNIFICANT.test(withoutComments(code.slice(span.startOffset, span.endOffset))),
  );
  const taken = branches.filter((span) => ran.subarray(span.startOffset, span.endOffset).includes(1));
  return {
    lines: { covered: codeLines.length - bare.length, total: codeLines.length },
    branches: { covered: taken.length, total: branches.length },
    gaps: runs.length === 0 ? gaps.map((gap) => ({ ...gap, text: "no test loads this file" })) : gaps,
  };
}

function spansOf(run: Script): Range[] {
  return run.functions.flatMap((piece) => piece.ranges);
}

/** Ranges nest, and an inner one overrides the one around it. */
function mark(ran: Uint8Array, script: Script): void {
  const ranges = spansOf(script).toSorted((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  const own = new Uint8Array(ran.length);
  for (const { startOffset, endOffset, count } of ranges) own.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  for (const [index, value] of own.entries()) if (value === 1) ran[index] = 1;
}

function findGaps({ source, code, ran }: { readonly source: string; readonly code: string; readonly ran: Uint8Array }): Gap[] {
  const gaps: Gap[] = [];
  for (let start = ran.indexOf(0); start !== -1; ) {
    const next = ran.indexOf(1, start);
    const end = next === -1 ? code.length : next;
    const text = withoutComments(code.slice(start, end));
    const lead = text.search(SIGNIFICANT);
    if (lead !== -1) gaps.push(gapAt(source, { start: start + lead, end: start + text.trimEnd().length }));
    start = next === -1 ? -1 : ran.indexOf(0, next);
  }
  return gaps;
}

/** Comments become blanks of the same length, so that positions stay; so do exports without names, which do nothing. */
function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\/|\/\/.*|^\s*export \{\s*\};?/gm, (comment) => comment.replace(/[^\n]/g, " "));
}

function gapAt(source: string, { start, end }: { readonly start: number; readonly end: number }): Gap {
  const before = source.slice(0, start);
  const line = before.split("\n").length;
  const text = source.slice(start, end).split("\n")[0] ?? "";
  return {
    line,
    column: start - before.lastIndexOf("\n"),
    endLine: line + source.slice(start, end).split("\n").length - 1,
    text,
  };
}

function readRaw(root: string, raw: string): Map<string, Script[]> {
  const seen = new Map<string, Script[]>();
  const names = fs.existsSync(raw) ? fs.readdirSync(raw).filter((name) => name.endsWith(".json")) : [];
  for (const name of names) {
    const report: { readonly result: readonly Script[] } = JSON.parse(fs.readFileSync(path.join(raw, name), "utf8"));
    for (const script of report.result) {
      if (!script.url.startsWith("file:")) continue;
      const file = path.relative(root, fileURLToPath(script.url));
      if (MEASURED.test(file)) seen.set(file, [...(seen.get(file) ?? []), script]);
    }
  }
  return seen;
}

function listMeasured(root: string): string[] {
  return ["core/src", "vault/src"]
    .flatMap((folder) =>
      fs.readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
    )
    .filter((file) => MEASURED.test(file))
    .toSorted();
}
