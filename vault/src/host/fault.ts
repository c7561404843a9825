/** What goes wrong around the vault: operational errors of the host, and the exit codes of the process.
 *
 *  Not for answers to commands (those are refusals of core) and not for keystore calls (`KeyFault`). */
import { Refused } from "@strongroom/core/errors";

/** Exit codes; those above 63 follow sysexits(3). */
export const EXIT = {
  ok: 0,
  /** The command line is wrong. */
  usage: 64,
  /** Journal or keystore is damaged, foreign, or not of this format. */
  data: 65,
  /** There is no vault in the folder. */
  missing: 66,
  /** Another process answers on the socket or holds the folder. */
  busy: 69,
  /** A write or sync failed, or the program has a bug: nothing was answered after it. */
  fatal: 70,
  /** There is something where `init` would write. */
  exists: 73,
  /** Wrong passphrase, or a file that others may read or own. */
  denied: 77,
} as const;

/** `exit`: what the process ends with. `next`: whether trying again may help, somebody has to look, or nothing helps. */
export const FAULTS = {
  USAGE: { exit: EXIT.usage, next: "ask", what: "The command line is not understood." },
  DATA_MISSING: { exit: EXIT.missing, next: "ask", what: "There is no vault in this folder; make one with `init`." },
  DATA_EXISTS: { exit: EXIT.exists, next: "stop", what: "There is already something in this folder; nothing was changed." },
  DATA_OWNER: {
    exit: EXIT.denied,
    next: "ask",
    what: "The data folder, or something in it, is another user's, or others may write there; nothing was changed.",
  },
  DATA_FENCED: {
    exit: EXIT.busy,
    next: "stop",
    what: "Another vault process has taken over this folder; this one has stopped.",
  },
  SOCKET_LIVE: { exit: EXIT.busy, next: "retry", what: "Another process answers on this socket." },
  SOCKET_FAILED: { exit: EXIT.busy, next: "ask", what: "The socket cannot be opened." },
  JOURNAL_WRITE: { exit: EXIT.fatal, next: "stop", what: "The journal could not be written or synced; the vault has stopped." },
  BUG: { exit: EXIT.fatal, next: "stop", what: "The program contradicts itself; the vault has stopped." },
  KEYSTORE_MODE: { exit: EXIT.denied, next: "ask", what: "The keystore may be read or changed by others than its owner." },
  KEYSTORE_CORRUPT: { exit: EXIT.data, next: "ask", what: "The keystore is damaged or not of this format." },
  KEYSTORE_LOCKED: { exit: EXIT.denied, next: "ask", what: "The passphrase does not open the keystore." },
  REPAIR_HOPELESS: {
    exit: EXIT.data,
    next: "stop",
    what: "Too little of this journal can be read: without its deployment nobody could confirm it. Nothing was changed.",
  },
  SUCCESSION_UNFIT: { exit: EXIT.data, next: "ask", what: "This vault cannot succeed that one; nothing was changed." },
  NOT_CONFIRMED: { exit: EXIT.usage, next: "ask", what: "The line that was asked for was not typed; nothing was changed." },
  UNPROTECTED: { exit: EXIT.denied, next: "ask", what: "The process can do what it must not be able to do." },
  PASSPHRASE: { exit: EXIT.denied, next: "ask", what: "The passphrase is missing, too short, too long or readable by others." },
} as const satisfies Record<string, { exit: number; next: "retry" | "ask" | "stop"; what: string }>;

export type FaultCode = keyof typeof FAULTS;

/** Thrown by the host. `detail` never holds a secret. */
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

/** The system's code of a failed call (`ENOENT`), or an empty text. */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Takes a failed call for null when what it was about is not there. */
export function absent(error: unknown): null {
  if (systemCode(error) === "ENOENT") return null;
  throw error;
}
