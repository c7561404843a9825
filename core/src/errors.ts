/** Every refusal of the product: one code, what it means, what to do next.
 *
 *  A refusal is an expected answer. Code below a boundary throws `Refused`; a boundary (a command of the vault, a CLI verb,
 *  a public verifier) turns it into a value with `attempt`. Anything else that is thrown is a bug and is never caught. */

export const REFUSALS = {
  // bytes and objects
  MALFORMED: { what: "The bytes are not the encoding that is expected.", next: "Encode the object again with the product's own encoder." },
  NOT_CANONICAL: { what: "The bytes have a shorter or differently ordered encoding.", next: "Send the one canonical encoding." },
  UNKNOWN_FIELD: { what: "The object carries a field that its kind does not have.", next: "Remove the field or use the version of the product that knows it." },
  MISSING_FIELD: { what: "The object lacks a field that its kind demands.", next: "Add the field." },
  BAD_VALUE: { what: "A field has the wrong type or lies outside its range.", next: "Correct the field that is named." },
  TOO_LARGE: { what: "The message, list or text is larger than its limit.", next: "Send less at once." },
  TOO_DEEP: { what: "The message is nested deeper than its limit.", next: "Flatten the message." },
  // chains
  ADDRESS_INVALID: {
    what: "The text is not exactly one canonical address of the chain.",
    next: "Copy the address again with its checksum; for EVM chains 0x and the mixed case of EIP-55.",
  },
  CONTEXT_INVALID: {
    what: "The chain context or a number of the transaction lies outside the chain's own limits.",
    next: "Fetch fees and gas again and correct the field that is named.",
  },
  GAS_TOO_LOW: {
    what: "The gas limit is below what the transaction's bytes cost alone.",
    next: "Estimate the gas again.",
  },
  EFFECT_UNREADABLE: {
    what: "The bytes are not one canonical unsigned transaction.",
    next: "Have the transaction built again; never sign bytes that cannot be read back.",
  },
  // keys
  WEBAUTHN_INVALID: {
    what: "The passkey's answer is not an assertion over this challenge by the enrolled credential.",
    next: "Approve again with the enrolled passkey on the enrolled site.",
  },
  // journal
  JOURNAL_MISSING: {
    what: "The journal lacks segments that it is known to have had.",
    next: "Bring back all files of the journal; the vault never starts a new history by itself.",
  },
  JOURNAL_TRUNCATED: {
    what: "A segment ends early although another one follows it.",
    next: "Bring the whole segment back from a copy.",
  },
  JOURNAL_CORRUPT: {
    what: "A segment or record of the journal fails its authentication or is not of this format.",
    next: "Bring the file back from a copy and find out who or what changed it.",
  },
  JOURNAL_FOREIGN: {
    what: "A segment belongs to another journal or to another vault.",
    next: "Put the files of one vault into one data folder only.",
  },
  JOURNAL_GAP: {
    what: "A segment or record is missing or out of order.",
    next: "Bring back all segments in their order.",
  },
  JOURNAL_CHAIN: {
    what: "A part of the journal continues another history.",
    next: "Do not use this copy; find the one whose head the approvers' devices have seen.",
  },
  JOURNAL_KEY: {
    what: "The journal key of this keystore does not open the segment.",
    next: "Start with the keystore that the journal was made with.",
  },
} as const satisfies Record<string, { what: string; next: string }>;

export type RefusalCode = keyof typeof REFUSALS;

/** What a boundary answers. */
export type Refusal = { readonly ok: false; readonly code: RefusalCode; readonly field: string; readonly detail: string };
export type Result<T> = { readonly ok: true; readonly value: T } | Refusal;

/** Thrown below a boundary. `field` is a dotted path, `detail` one sentence; neither ever holds a secret. */
export class Refused extends Error {
  readonly code: RefusalCode;
  readonly field: string;
  readonly detail: string;
  constructor(code: RefusalCode, field: string, detail: string) {
    super(`${code} at ${field}: ${detail}`);
    this.name = "Refused";
    this.code = code;
    this.field = field;
    this.detail = detail;
  }
}

/** Refuses. */
export function refuse(code: RefusalCode, field: string, detail: string): never {
  throw new Refused(code, field, detail);
}

/** Refuses unless `condition` holds. */
export function demand(condition: boolean, code: RefusalCode, field: string, detail: string): asserts condition {
  if (!condition) throw new Refused(code, field, detail);
}

/** Runs `work` and returns a refusal as a value; a bug goes on upwards. */
export function attempt<T>(work: () => T): Result<T> {
  try {
    return { ok: true, value: work() };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, code: error.code, field: error.field, detail: error.detail };
    throw error;
  }
}
