/** Tells apart how the database fails: another transaction was in the way, the connection is gone, or the statement is
 *  wrong. */
import { codeOf } from "../host/fault.ts";

/** `contended`: it was rolled back, and the same again may succeed. `lost`: there is no answer; what was under way may have
 *  happened if it was a commit. Null for everything else. */
export type Trouble = "contended" | "lost" | null;

/** Source: PostgreSQL, appendix A; 40003 is CockroachDB's word for a commit of unknown outcome. */
const CONTENDED = new Set(["40001", "40P01"]);
const LOST = new Set(["40003", "53300", "57P01", "57P02", "57P03"]);
const UNREACHABLE = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND"]);
/** How the errors begin that the driver throws without a code. */
const SAID = [
  ...["Connection terminated", "Client has encountered a connection error", "Client was closed"],
  ...["timeout exceeded when trying to connect", "timeout expired"],
];

export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof Error)) return null;
  const code = codeOf(error);
  if (CONTENDED.has(code)) return "contended";
  // A Unix socket that is not there is a database that is not there.
  const isDown = UNREACHABLE.has(code) || (code === "ENOENT" && "syscall" in error && error.syscall === "connect");
  return isDown || LOST.has(code) || code.startsWith("08") || SAID.some((words) => error.message.startsWith(words))
    ? "lost"
    : null;
}

/** Whether a unique key was there already. `constraint`: which one. */
export function isTaken(error: unknown, constraint?: string): boolean {
  if (codeOf(error) !== "23505") return false;
  return constraint === undefined || (error instanceof Error && "constraint" in error && error.constraint === constraint);
}
