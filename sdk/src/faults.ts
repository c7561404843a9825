/** What this library raises, in one table: alarms, which are evidence that somebody lies to this device, and what keeps it from
 *  working. Refusals of core keep their own class and code (`Refused`); what the vault refuses is `VaultRefused`, what the
 *  server answers is `ApiProblem`. */

export const FAULTS = {
  // alarms
  RECEIPT_FORGED: {
    alarm: true,
    what: "The reply is not a receipt of the pinned vault for this very command.",
    next: "Somebody stands between this device and the vault: use another way to it and raise the alarm.",
  },
  NO_RECEIPT: {
    alarm: true,
    what: "No receipt came back: assume that the vault has not received the command.",
    next: "Send it again; a freeze, rejection or veto without receipt belongs to the vault's console or intake folder.",
  },
  GENESIS_FOREIGN: {
    alarm: true,
    what: "The vault belongs to another deployment than the one that is pinned here.",
    next: "Check which vault this is; never change the pin without meeting an administrator.",
  },
  RULEBOOK_UNTRUSTED: {
    alarm: true,
    what: "The vault's rulebook is not signed by the administrators that this device knows.",
    next: "Do not approve anything; compare the rulebook's id with an administrator in person.",
  },
  VAULT_ROLLED_BACK: {
    alarm: true,
    what: "The vault lacks a journal position that it signed and this device has seen.",
    next: "Stop using this vault and call the administrators: its disk was put back or it has a twin.",
  },
  VAULT_INACTIVE: {
    alarm: true,
    what: "This vault is not the active one: the rulebook that the administrators have signed names another.",
    next: "Reach the vault that the rulebook names; if nobody has handed over, call the administrators.",
  },
  ATTESTATION_WRONG: {
    alarm: true,
    what: "The vault's attestation does not fit what was asked.",
    next: "Do not use this address; call the administrators.",
  },
  EXECUTION_WRONG: {
    alarm: true,
    what: "What the vault returned is not the transaction that was approved.",
    next: "Do not broadcast it; call the administrators.",
  },
  REQUEST_FORGED: {
    alarm: true,
    what: "What the server calls a request is another intent than its id says, or of another deployment.",
    next: "Sign nothing; somebody has changed it on its way or in the database.",
  },
  APPROVAL_FORGED: {
    alarm: true,
    what: "The approval does not hold: its key, its signature or what it names is wrong.",
    next: "Do not count it; find out who put it there.",
  },
  LOG_FORGED: {
    alarm: true,
    what: "The audit log contradicts what the vault has signed.",
    next: "Keep both files as evidence; somebody has rewritten the log or shows you another one.",
  },
  // this device
  MEMORY_UNFIT: {
    alarm: false,
    what: "What this device has kept is missing, damaged or not of this kind.",
    next: "Bring it back, or begin anew with the pinned deployment id.",
  },
  TEXT_CHANGED: {
    alarm: false,
    what: "The text that was shown is not what it would say now.",
    next: "Show it again under the rulebook in force, and ask again.",
  },
  // the server
  URL_UNFIT: {
    alarm: false,
    what: "The server's address cannot be used.",
    next: "Name an https address; plain http is for this machine itself.",
  },
  ASKED_WRONG: { alarm: false, what: "The call does not fit the endpoint.", next: "Correct the field that is named." },
  SERVER_UNREACHABLE: {
    alarm: false,
    what: "The server does not answer.",
    next: "Try again; a change that was sent takes effect once, however often it is repeated with its key.",
  },
  ANSWER_UNFIT: {
    alarm: false,
    what: "The server's answer is not of the form that the endpoint has.",
    next: "Use the version of this library that the server has; else report it.",
  },
} as const satisfies Record<string, { alarm: boolean; what: string; next: string }>;

export type SdkFaultCode = keyof typeof FAULTS;

/** `field` says where, `detail` is one sentence; neither holds a secret. `cause` is kept where there is one. */
export class SdkFault extends Error {
  readonly code: SdkFaultCode;
  readonly field: string;
  readonly detail: string;
  constructor(code: SdkFaultCode, field: string, detail: string, cause?: unknown) {
    super(`${code} at ${field}: ${detail}`, cause === undefined ? {} : { cause });
    this.name = "SdkFault";
    this.code = code;
    this.field = field;
    this.detail = detail;
  }
  /** Whether this is evidence of a lie. */
  get alarm(): boolean {
    return FAULTS[this.code].alarm;
  }
}

export function raise(code: SdkFaultCode, field: string, detail: string, cause?: unknown): never {
  throw new SdkFault(code, field, detail, cause);
}
