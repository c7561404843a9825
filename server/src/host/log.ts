/** The log of the process: JSON lines on the standard error, from which secrets and names of people are taken out.
 *
 *  Two sieves. Fields are judged by their names, at any depth; and the finished line is searched for what looks like a token or
 *  a password, wherever it comes from. */
import { destination, type Logger, pino } from "pino";
import { Bell } from "./bell.ts";
import { codeOf } from "./fault.ts";
import { limits } from "./limits.ts";

export type { Logger };

const SECRET = /authorization|cookie|token|passw|passphrase|secret|private|seed|mnemonic|api-?key|^url$|ownerUrl/i;
/** Names that people chose for themselves or for others. */
const PERSONAL = /^label$|^email$|^memo$/i;
const DEPTH = 6;
const ITEMS = 64;
const TEXT = 4_000;

/** What may be logged of a value. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return value.length > TEXT ? `${value.slice(0, TEXT)}…` : value;
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (value instanceof Error) return ofError(value, depth);
  if (depth >= DEPTH) return "<deeper>";
  if (Array.isArray(value)) return value.slice(0, ITEMS).map((item) => redact(item, depth + 1));
  const entries =
    value instanceof Map ? [...value].map(([name, part]) => [String(name), part] as const) : Object.entries(value);
  return Object.fromEntries(entries.slice(0, ITEMS).map(([name, part]) => [name, fieldOf(name, part, depth)]));
}

function fieldOf(name: string, value: unknown, depth: number): unknown {
  return SECRET.test(name) || PERSONAL.test(name) ? "<withheld>" : redact(value, depth + 1);
}

/** The database's errors bear whole rows in `detail` and `where`; of an error only these parts are told. */
function ofError(error: Error, depth: number): unknown {
  const cause = error.cause === undefined || depth >= DEPTH ? {} : { cause: redact(error.cause, depth + 1) };
  return {
    name: error.name,
    code: codeOf(error),
    message: error.message.slice(0, TEXT),
    stack: error.stack?.slice(0, TEXT),
    ...cause,
  };
}

/** A finished line without tokens, without passwords in URLs, and without bearers. */
export function scrub(line: string): string {
  return line
    .replace(/\bsr_[0-9a-f]{8,}/g, "sr_<withheld>")
    .replace(/(\w:\/\/[^\s:@/"]*):[^\s@/"]+@/g, "$1:<withheld>@")
    .replace(/\b(Bearer|Basic) +[\w.~+/=-]{8,}/gi, "$1 <withheld>");
}

export type Log = {
  readonly log: Logger;
  /** Resolves when everything is written, or nobody reads it any more. */
  readonly flush: () => Promise<void>;
};

/** `write` gets each line; by default it goes to the standard error, some lines late. */
export function openLog(level: string, write?: (line: string) => void): Log {
  const sink = write === undefined ? destination({ dest: 2, sync: false }) : null;
  const unwritten = new Bell();
  let isIdle = true;
  const settled = () => {
    isIdle = true;
    unwritten.ring();
  };
  sink?.on("drain", settled).on("error", settled);
  const late = (line: string) => {
    isIdle = false;
    sink?.write(line);
  };
  const out = write ?? late;
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const log = pino(
    {
      ...options,
      formatters: { level: (label) => ({ level: label }), log: (fields) => redact(fields) as Record<string, unknown> },
    },
    { write: (line: string) => out(scrub(line)) },
  );
  // Not by its flushSync, which tries for ever to write into a pipe whose reader has gone.
  const flush = async () => {
    for (const since = performance.now(); !isIdle && performance.now() - since < limits.flushMs; )
      await unwritten.wait(limits.flushMs);
  };
  return { log, flush };
}
