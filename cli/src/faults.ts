/** What the command can say when something is not as it should be, and the exit codes that scripts see.
 *
 *  Refusals of the vault keep their own code and words (core's REFUSALS); alarms, which are evidence that somebody lies to this
 *  device, are those of the library (sdk's FAULTS). Here are the faults of this side: a wrong command line, something that does
 *  not answer. */
import { REFUSALS, type RefusalCode, Refused } from "@strongroom/core/errors";
import type { Json } from "@strongroom/core/signed/codec";
import { ApiProblem } from "@strongroom/sdk/client/problem";
import { PROBLEMS, type ProblemCode } from "@strongroom/sdk/contract/problems";
import { FAULTS as SDK_FAULTS, SdkFault, type SdkFaultCode } from "@strongroom/sdk/faults";
import { VaultRefused } from "@strongroom/sdk/vault/session";

/** Exit codes. */
export const EXIT = {
  ok: 0,
  /** The vault, or this device's own check of an object, has refused. */
  refused: 1,
  /** The command line is wrong. */
  usage: 2,
  /** Something did not answer, or a file is missing or unfit. */
  operational: 3,
  /** Evidence of a lie: a foreign deployment, a rolled-back vault, a forged or missing receipt. */
  alarm: 4,
  /** A bug of this program. */
  bug: 70,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const;

const OWN = {
  USAGE: { exit: EXIT.usage, what: "The command line is incomplete or wrong.", next: "See what it takes: strongroom help" },
  // this device
  NO_HOME: {
    exit: EXIT.operational,
    what: "This folder holds no deployment.",
    next: "Start one with `npm start`, or name the folder with --home.",
  },
  NO_PIN: {
    exit: EXIT.operational,
    what: "No deployment is pinned on this device.",
    next: "Compare the deployment id with the institution's, then type: strongroom status --pin ID",
  },
  HOME_UNFIT: {
    exit: EXIT.operational,
    what: "The folder cannot be used.",
    next: "Mend what is said, or name another folder with --home.",
  },
  FILE_UNFIT: {
    exit: EXIT.operational,
    what: "A file is missing, damaged or not of this kind.",
    next: "Mend the file that is named.",
  },
  KEY_MISSING: {
    exit: EXIT.operational,
    what: "There is no such key on this device.",
    next: "Name one that is there, or make one: strongroom key new NAME",
  },
  KEY_EXISTS: {
    exit: EXIT.operational,
    what: "A key with this name exists; nothing was changed.",
    next: "Choose another name.",
  },
  KEY_MODE: {
    exit: EXIT.operational,
    what: "A secret file may be read or changed by others than its owner.",
    next: "Find out who could read it; then type: chmod 600 FILE",
  },
  KEY_LOCKED: { exit: EXIT.operational, what: "The passphrase does not open the key.", next: "Try again with its passphrase." },
  PASSPHRASE_MISSING: {
    exit: EXIT.operational,
    what: "A passphrase is needed and none can be asked for.",
    next: "Type it at a terminal, or name a file with --passphrase-file.",
  },
  PASSPHRASE_UNFIT: {
    exit: EXIT.operational,
    what: "The passphrase cannot be used.",
    next: "Use 8 to 1024 bytes, the same both times.",
  },
  REQUEST_MISSING: {
    exit: EXIT.operational,
    what: "There is no such request on this device or server.",
    next: "See which there are: strongroom requests",
  },
  NOT_CONFIRMED: {
    exit: EXIT.operational,
    what: "Nobody said yes; nothing was signed.",
    next: "Type y, or add --yes in scripts.",
  },
  // the server
  NO_TOKEN: {
    exit: EXIT.operational,
    what: "There is no token for the server on this device.",
    next: "Put yours into the file server.token of the folder (mode 600), or name its file with --token-file.",
  },
  NOT_CARRIED_OUT: {
    exit: EXIT.operational,
    what: "The server has not carried it out yet.",
    next: "Type the same again to wait on; see what hinders it: strongroom health",
  },
  // the vault
  VAULT_UNREACHABLE: {
    exit: EXIT.operational,
    what: "The vault does not answer on its socket.",
    next: "Start it with `npm start`, or name a server or the socket in the folder's config.json.",
  },
  VAULT_FAILED: { exit: EXIT.operational, what: "The vault's process ended.", next: "Read the vault's log that is named." },
  // the chain
  CHAIN_UNREACHABLE: {
    exit: EXIT.operational,
    what: "The chain's node does not answer.",
    next: "Start it, or name another in config.json.",
  },
  CHAIN_WRONG: { exit: EXIT.operational, what: "The node serves another chain.", next: "Correct the address in config.json." },
  CHAIN_ERROR: { exit: EXIT.operational, what: "The node refused a call.", next: "The detail is the node's own answer." },
  FUNDS_SHORT: {
    exit: EXIT.operational,
    what: "The payer does not have enough; nothing was signed.",
    next: "Deposit first: strongroom address WALLET --balance",
  },
  FEES_RISEN: {
    exit: EXIT.operational,
    what: "The fee that may be paid does not reach what blocks take today; nothing was signed.",
    next: "Wait until fees have fallen, or request it anew with a higher --fee.",
  },
  TRANSACTION_FAILED: {
    exit: EXIT.operational,
    what: "The transaction was mined and failed.",
    next: "Its fee is spent; find out why before paying again.",
  },
  NOT_MINED: {
    exit: EXIT.operational,
    what: "The transaction is not mined yet.",
    next: "Send it again to wait on. Or take its place: strongroom pay --replaces REQUEST; strongroom cancel REQUEST",
  },
  OTHER_MINED: {
    exit: EXIT.operational,
    what: "Another version of this transaction was mined; this one never will be.",
    next: "Look at the request that is named; nothing was paid twice.",
  },
  NOT_REPLACEABLE: {
    exit: EXIT.refused,
    what: "There is no transaction on its way that could be replaced or cancelled.",
    next: "What the vault has not signed is ended with: strongroom reject REQUEST",
  },
  DELAY: { exit: EXIT.operational, what: "A delay of the rulebook is running.", next: "Send it again then, or with --wait." },
  // running a demonstration
  ALREADY_RUNNING: {
    exit: EXIT.operational,
    what: "A deployment is running in this folder already.",
    next: "Use it from another terminal, or name another folder with --home.",
  },
  CHILD_FAILED: {
    exit: EXIT.operational,
    what: "A program that is needed did not start, or ended by itself.",
    next: "Read the log that is named; the next start goes on from what was kept.",
  },
  STEP_FAILED: { exit: EXIT.operational, what: "A step did not have its expected outcome.", next: "Read the step's line." },
  INTERRUPTED: {
    exit: EXIT.interrupted,
    what: "Ended by Ctrl-C or a signal.",
    next: "Start again when you like; what was done is kept.",
  },
} as const satisfies Record<string, Failing>;

type Failing = { readonly exit: number; readonly what: string; readonly next: string };
export type FaultCode = keyof typeof OWN | SdkFaultCode;

/** Every fault: this command's own, and those of the library beneath it. */
export const FAULTS: Readonly<Record<FaultCode, Failing>> = { ...OWN, ...fromSdk() };

function fromSdk(): Record<SdkFaultCode, Failing> {
  const all = Object.entries(SDK_FAULTS).map(([code, { alarm, what, next }]) => {
    return [code, { exit: alarm ? EXIT.alarm : EXIT.operational, what, next }];
  });
  return Object.fromEntries(all) as Record<SdkFaultCode, Failing>;
}

/** Thrown by this side. `field` says what, `detail` is one sentence; neither holds a secret. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly field: string;
  readonly detail: string;
  constructor(code: FaultCode, field: string, detail: string, cause?: unknown) {
    super(`${code} at ${field}: ${detail}`, cause === undefined ? {} : { cause });
    this.name = "Fault";
    this.code = code;
    this.field = field;
    this.detail = detail;
  }
}

export function fault(code: FaultCode, field: string, detail: string, cause?: unknown): never {
  throw new Fault(code, field, detail, cause);
}

/** A refusal of the vault as a server tells it: without the receipt that would prove it. */
export class Told extends Error {
  readonly code: string;
  readonly field: string;
  readonly detail: string;
  constructor({ code, field, detail }: { readonly code: string; readonly field: string; readonly detail: string }) {
    super(`${code} at ${field}: ${detail}`);
    this.name = "Told";
    this.code = code;
    this.field = field;
    this.detail = detail;
  }
}

/** A failure as people and programs get it. */
export type Failure = {
  readonly code: string;
  readonly what: string;
  readonly field: string;
  readonly detail: string;
  readonly next: string;
  readonly exit: number;
};

/** What to say of `error`; a bug keeps its stack. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Fault || error instanceof SdkFault) {
    const { code, field, detail } = error;
    return { code, field, detail, ...FAULTS[code] };
  }
  if (error instanceof VaultRefused) return refusal(error.receipt.code, error.receipt.field, error.receipt.detail);
  if (error instanceof Refused || error instanceof Told) return refusal(error.code, error.field, error.detail);
  if (error instanceof ApiProblem) return problemFailure(error);
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "BUG", what: "The program contradicts itself.", field: "", detail, next: "Report this.", exit: EXIT.bug };
}

/** What the server answers: a refusal of the vault in the vault's words, else in those of the contract. */
function problemFailure({ code, vaultCode, status, field, detail, next, requestId }: ApiProblem): Failure {
  if (vaultCode !== null) return refusal(vaultCode, field, detail);
  const what = Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code as ProblemCode].what : "The server refused.";
  const isRefusal = status < 500 && status !== 401 && status !== 429;
  const words = status === 500 ? `${detail} (request id ${requestId})` : detail;
  return { code, what, field, detail: words, next, exit: isRefusal ? EXIT.refused : EXIT.operational };
}

/** A refusal in its own words; a code that this version does not know keeps its name. */
export function refusal(code: string, field: string, detail: string): Failure {
  const known = Object.hasOwn(REFUSALS, code) ? REFUSALS[code as RefusalCode] : undefined;
  const { what, next } = known ?? { what: "The vault refused.", next: "Use the version of the product that the vault has." };
  return { code, what, field, detail, next, exit: EXIT.refused };
}

/** The view for programs. */
export function failureJson({ exit, ...words }: Failure): Json {
  return { ok: false, ...words, exit };
}

const SYSTEM: Readonly<Record<string, string>> = {
  EACCES: "this user may not",
  EPERM: "it is not permitted",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the quota is used up",
  ENOENT: "there is no such file or folder",
  EEXIST: "something else is there",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is no folder",
  ENAMETOOLONG: "its name is too long",
  ECONNREFUSED: "nobody listens there",
};

/** Why a call of the system failed, in words. */
export function systemWords(error: unknown): string {
  const code = systemCode(error);
  const words = SYSTEM[code];
  return words === undefined ? code || String(error) : `${words} (${code})`;
}

/** The system's code of a failed call (`ENOENT`), or an empty text. */
export function systemCode(error: unknown): string {
  const isSystem =
    error instanceof Error && ![Fault, SdkFault, Refused, ApiProblem, Told].some((type) => error instanceof type);
  return isSystem && "code" in error && typeof error.code === "string" ? error.code : "";
}
