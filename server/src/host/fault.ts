/** What goes wrong around the server: operational errors, and the exit codes of its process.
 *
 *  Not for what a caller is told (those are problems, `http/call.ts`) and not for what the vault refuses. */
import { Refused } from "@strongroom/core/errors";

/** Exit codes; those above 63 follow sysexits(3). */
export const EXIT = {
  ok: 0,
  /** The command line is wrong. */
  usage: 64,
  /** The database is of another program, or damaged. */
  data: 65,
  /** The database, or what is needed to start one, is not there. */
  unavailable: 69,
  /** The program has a bug. */
  fatal: 70,
  /** The configuration is wrong. */
  config: 78,
} as const;

/** `exit`: what the process ends with. `next`: whether trying again may help, somebody has to look, or nothing helps. */
export const FAULTS = {
  USAGE: { exit: EXIT.usage, next: "ask", what: "The command line is not understood." },
  CONFIG: { exit: EXIT.config, next: "ask", what: "The configuration is wrong." },
  PORT_TAKEN: { exit: EXIT.unavailable, next: "ask", what: "The address to listen on cannot be used." },
  DATABASE_UNREACHABLE: { exit: EXIT.unavailable, next: "retry", what: "The database does not answer." },
  DATABASE_BUSY: { exit: EXIT.unavailable, next: "retry", what: "Too many transactions want the same rows." },
  OUTCOME_UNKNOWN: {
    exit: EXIT.unavailable,
    next: "retry",
    what: "The database went away during a commit; it is not known whether that was done.",
  },
  LEASE_LOST: { exit: EXIT.unavailable, next: "stop", what: "Somebody else has taken this over; nothing of it was written." },
  MIGRATION_CHANGED: { exit: EXIT.data, next: "stop", what: "A migration that was applied is not the one that is here." },
  MIGRATION_ORDER: { exit: EXIT.data, next: "stop", what: "Migrations are applied in the order of their numbers." },
  MIGRATION_AHEAD: { exit: EXIT.data, next: "ask", what: "The database is of a newer program than this one." },
  MIGRATION_BEHIND: { exit: EXIT.data, next: "ask", what: "The database is of an older program; migrate it first." },
  MIGRATION_FAILED: { exit: EXIT.data, next: "ask", what: "A migration failed; nothing of it is left behind." },
  MIGRATION_ROLE: { exit: EXIT.unavailable, next: "ask", what: "The role of the application is not there." },
  POSTGRES_MISSING: { exit: EXIT.unavailable, next: "ask", what: "There is no PostgreSQL that this program could start." },
  POSTGRES_VERSION: { exit: EXIT.data, next: "ask", what: "The data folder is of another version of PostgreSQL." },
  POSTGRES_BUSY: { exit: EXIT.unavailable, next: "retry", what: "Another process has PostgreSQL running on this folder." },
  POSTGRES_FAILED: { exit: EXIT.unavailable, next: "ask", what: "PostgreSQL does not start." },
} as const satisfies Record<string, { exit: number; next: "retry" | "ask" | "stop"; what: string }>;

export type FaultCode = keyof typeof FAULTS;

/** Thrown by the server's host and database. `detail` never holds a secret. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly next: "retry" | "ask" | "stop";
  readonly detail: string;
  constructor(code: FaultCode, detail: string, cause?: unknown) {
    super(`${code}: ${FAULTS[code].what} ${detail}`, cause === undefined ? {} : { cause });
    this.name = "Fault";
    this.code = code;
    this.next = FAULTS[code].next;
    this.detail = detail;
  }
}

/** What the process says and ends with when `error` reaches the top. */
export function lastWords(error: unknown): { exit: number; code: string; text: string } {
  if (error instanceof Fault) return { exit: FAULTS[error.code].exit, code: error.code, text: error.message };
  if (error instanceof Refused) return { exit: EXIT.data, code: error.code, text: error.message };
  return { exit: EXIT.fatal, code: "BUG", text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** The system's or the database's code of a failed call (`ENOENT`, `40001`), or an empty text. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
