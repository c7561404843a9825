/** Every refusal of the product: one code, what it means, what to do next.
 *
 *  A refusal is an expected answer. Code below a boundary throws `Refused`; a boundary (a command of the vault, a CLI verb,
 *  a public verifier) turns it into a value with `attempt`. Anything else that is thrown is a bug and is never caught. */

export const REFUSALS = {
  // bytes and objects
  MALFORMED: {
    what: "The bytes are not the encoding that is expected.",
    next: "Encode the object again with the product's own encoder.",
  },
  NOT_CANONICAL: {
    what: "The bytes have a shorter or differently ordered encoding.",
    next: "Send the one canonical encoding.",
  },
  UNKNOWN_FIELD: {
    what: "The object carries a field that its kind does not have.",
    next: "Remove the field or use the version of the product that knows it.",
  },
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
  CALL_INVALID: {
    what: "The method is not one canonical signature that may be called, or its arguments are not their one encoding.",
    next: "Write the signature as the contract's interface has it and have the arguments encoded by the product.",
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
  JOURNAL_VERSION: {
    what: "A segment or record of the journal is of a version that this program does not know.",
    next: "Start the version of the product that has written the journal, or a newer one.",
  },
  // snapshots
  SNAPSHOT_CORRUPT: {
    what: "A snapshot of the vault's state fails its authentication or is not of this format; it is not used.",
    next: "Find out who or what changed the file; the vault reads the journal instead and writes a new snapshot.",
  },
  SNAPSHOT_FOREIGN: {
    what: "A snapshot belongs to another journal or to another vault; it is not used.",
    next: "Put the files of one vault into one data folder only, and find out how it came there.",
  },
  SNAPSHOT_AHEAD: {
    what: "A snapshot holds more records than the journal: the journal has lost what this vault had.",
    next: "Bring back the newest journal; if it is nowhere, hold the ceremony of a repair.",
  },
  SNAPSHOT_CHAIN: {
    what: "A snapshot continues another history than the journal: one of them was rolled back.",
    next: "Find the copy whose head the approvers' devices have seen; if it is nowhere, hold the ceremony of a repair.",
  },
  // who and where
  NOT_FOUNDED: { what: "The vault has no deployment yet.", next: "Hold the ceremony first." },
  ALREADY_FOUNDED: { what: "The vault belongs to a deployment already.", next: "Use a vault with an empty journal." },
  WRONG_DEPLOYMENT: {
    what: "The object belongs to another deployment.",
    next: "Make it for the deployment that the vault states.",
  },
  WRONG_VAULT: {
    what: "The object names another vault.",
    next: "Fetch the head of the vault that is to act and make the object again.",
  },
  WRONG_RULEBOOK: {
    what: "The approval was given under a rulebook that is not in force.",
    next: "Read the text again under the rulebook in force and approve again.",
  },
  BOOT_STALE: {
    what: "The approval was given before the vault's last start.",
    next: "Fetch the vault's head and approve again.",
  },
  HEAD_UNKNOWN: {
    what: "The approval names a journal position that this vault does not have.",
    next: "Fetch the vault's head; if it is older than the one you have seen, show yours as a witness and raise the alarm.",
  },
  ROLLED_BACK: {
    what: "The vault was shown a head that it signed and no longer has; it has stopped.",
    next: "Do not use this vault; bring back its newest journal, or repair it by the ceremony.",
  },
  START_UNCONFIRMED: {
    what: "The vault may have started on an older journal than it had; it waits for its administrators.",
    next: "Compare the head with what devices and log have seen; then enough administrators type: strongroom vault confirm.",
  },
  HEAD_LOST: {
    what: "The journal was repaired and lacks this head, which the vault has signed.",
    next: "Find out what was lost; what the administrators confirm with: strongroom vault confirm, is given up for good.",
  },
  VAULT_RETIRED: {
    what: "The rulebook in force makes another vault the active one.",
    next: "Ask the vault that the rulebook names; this one only shows what it has.",
  },
  SUCCESSION_WAITS: {
    what: "The vault has taken over from another one, and approvals for that one may still live.",
    next: "Wait; the detail says until when. Everything but transactions is done already.",
  },
  // time
  EXPIRED: { what: "The object has expired.", next: "Make it again with a later expiry." },
  NOT_AFTER_TOO_FAR: {
    what: "The approval outlives the longest life that the rulebook allows.",
    next: "Sign it with an earlier expiry.",
  },
  // signatures
  KEY_UNKNOWN: { what: "The key is not enrolled in the rulebook in force.", next: "Use an enrolled key." },
  KEY_CLASS: { what: "A key of this class does not count here.", next: "Sign with a device key." },
  KEY_REJECTED: {
    what: "The public key is not accepted.",
    next: "Make a new key; this one has a weak or non-canonical encoding.",
  },
  SIGNATURE_INVALID: { what: "A signature does not verify.", next: "Sign exactly the bytes that are sent." },
  TEXT_MISMATCH: {
    what: "The person was shown another text than the vault renders.",
    next: "Render the text from the intent and the rulebook in force; if it differs, treat the device as compromised.",
  },
  DECISION_WRONG: {
    what: "The approval states a decision that does not belong here.",
    next: "Send approvals with the decision that the command expects.",
  },
  INITIATOR_MISSING: {
    what: "The initiator has not signed.",
    next: "Add the approval with the decision initiate by the key that the intent names.",
  },
  APPROVAL_FOREIGN: {
    what: "An approval is for something else than what is sent.",
    next: "Send only approvals of these intents.",
  },
  APPROVAL_SPENT: {
    what: "The approval was given before the signature of its intent was withheld.",
    next: "Fetch the vault's head and approve again.",
  },
  APPROVAL_TWICE: { what: "One key's approval of one subject is sent twice.", next: "Send each approval once." },
  // intents
  INTENT_REJECTED: { what: "An enrolled person has rejected this intent.", next: "Make a new intent." },
  INTENT_USED: {
    what: "The intent was carried out already.",
    next: "Look up its outcome; make a new intent for another action.",
  },
  INTENT_UNKNOWN: {
    what: "The vault has not carried out this intent.",
    next: "Check the id; execute the intent first.",
  },
  REFERENCE_USED: { what: "The reference names another action already.", next: "Use a reference of its own." },
  BATCH_MIXED: { what: "These intents cannot be carried out together.", next: "Send them one by one." },
  REPLACES_UNKNOWN: {
    what: "The intent to be replaced has no live transaction.",
    next: "Name an intent that was signed and is not final.",
  },
  REPLACES_MISMATCH: {
    what: "The replacement does not do what it replaces.",
    next: "Pay the same or cancel, from the same wallet on the same chain.",
  },
  FEE_TOO_LOW: {
    what: "Nodes would not accept the replacement.",
    next: "Raise both fee rates by at least an eighth over the version before.",
  },
  REPRICE_NOT_LIVE: {
    what: "The intent has no transaction of its own that is signed and not final.",
    next: "Look up its execution; replace or cancel by an approved intent what stands in its place.",
  },
  TOO_MANY_VERSIONS: {
    what: "The intent's transaction has as many versions as it may have.",
    next: "Have a replacement or a cancellation approved.",
  },
  // things
  CHAIN_UNKNOWN: { what: "The rulebook does not know this chain.", next: "Use a chain of the rulebook." },
  ASSET_UNKNOWN: { what: "The rulebook does not know this asset on this chain.", next: "Use an asset of the rulebook." },
  WALLET_UNKNOWN: { what: "The vault has no such wallet.", next: "Open the wallet first." },
  WALLET_EXISTS: { what: "A wallet with this name exists.", next: "Choose another name." },
  ADDRESS_UNKNOWN: { what: "The vault has not attested this address.", next: "Ask for its attestation first." },
  ENTRY_UNKNOWN: { what: "The destination is not a current address-book entry.", next: "Enter it and have it approved." },
  ENTRY_MISMATCH: {
    what: "Entry, hash, chain and address do not belong together.",
    next: "Build the intent from the current entry.",
  },
  METHOD_UNKNOWN: {
    what: "The address-book entry does not name this method.",
    next: "Call a method of the entry, or have an entry approved that names it.",
  },
  ENTRY_EXISTS: { what: "An entry with this name is in force.", next: "Retire it first or choose another name." },
  ENTRY_TOO_YOUNG: {
    what: "The destination is not in the address book for as long as a rule demands.",
    next: "Wait until its cooling-off time is over; a destination outside the book has to be entered first.",
  },
  UNIT_UNKNOWN: { what: "The rulebook does not know this unit.", next: "Use a unit of the rulebook." },
  AMOUNT_ZERO: { what: "The amount is zero.", next: "Name an amount." },
  // facts
  FACT_MISSING: {
    what: "A fact that a rule demands is not there.",
    next: "Send the fact from enough of the sources that the rule names.",
  },
  FACT_STALE: { what: "A fact is too old.", next: "Fetch a new one." },
  FACT_FUTURE: { what: "A fact is dated in the future.", next: "Correct the clock of its source." },
  FACT_SUPERSEDED: { what: "The vault has seen a newer fact of this source on this subject.", next: "Send the newest." },
  FACT_ADVERSE: {
    what: "A fact speaks against the action, or facts contradict each other.",
    next: "Clarify the case; the vault does not act on an adverse or contradictory statement.",
  },
  FACT_MOVED: {
    what: "A price moves faster than the rulebook allows.",
    next: "Find out whether the price is real; when it is, wait until the time that the rulebook sets has passed.",
  },
  SOURCE_UNKNOWN: { what: "The rulebook names no such source for this kind of fact.", next: "Use a source of the rulebook." },
  // rules
  FROZEN: { what: "A freeze covers this action.", next: "Lift the freeze first." },
  OFFICER_UNKNOWN: { what: "This person may not freeze.", next: "Let a member of the officers' group do it." },
  OFFICER_SPENT: {
    what: "This officer's right to freeze is spent.",
    next: "Let another officer act; lifting his freeze gives the right back.",
  },
  ALREADY_FROZEN: { what: "This is frozen already.", next: "Nothing needs to be done." },
  NOT_FROZEN: { what: "There is no such freeze.", next: "Name the intent of a freeze in force." },
  DENIED: { what: "A rule denies this action.", next: "The field names the rule; change the action or the rulebook." },
  NOT_ALLOWED: { what: "No rule allows this action.", next: "Have a rule added that allows it." },
  QUORUM_MISSING: {
    what: "The approvals do not meet what a rule demands.",
    next: "The field names the rule; collect the missing approvals.",
  },
  NOT_REGISTERED: {
    what: "A delay applies and the intent was not registered.",
    next: "Register it first; the delay starts then.",
  },
  DELAY_RUNNING: { what: "The delay that a rule demands is not over.", next: "Wait; the detail says until when." },
  LIMIT_EXCEEDED: {
    what: "A limit would be exceeded.",
    next: "The field names the limit; wait until its window has rolled on.",
  },
  // chain
  FEE_TOO_HIGH: {
    what: "The fee could exceed what the intent or the rulebook allows.",
    next: "Lower the fee rates or raise the intent's total fee.",
  },
  EFFECT_MISMATCH: {
    what: "The built transaction does something else than the intent says.",
    next: "Report this; nothing was signed.",
  },
  SLOT_TAKEN: {
    what: "Another transaction holds this place on the chain.",
    next: "Replace or cancel that transaction instead.",
  },
  TOO_MANY_OUTSTANDING: {
    what: "Too many signed transactions of this address are not final.",
    next: "Report finality facts of the older ones first.",
  },
  // audit log
  LOG_FOREIGN: {
    what: "This is about another log than the one that is known.",
    next: "Keep one log under one name; look for who asks under another one.",
  },
  LOG_SHRUNK: {
    what: "The log is shorter than the one that was signed last.",
    next: "Find out where the leaves went; what was signed is never taken back.",
  },
  LOG_FORKED: {
    what: "Nothing shows that the log continues the one that was signed last.",
    next: "Send the consistency proof from the last checkpoint; if there is none, the log was rewritten: raise the alarm.",
  },
  // rulebook
  RULEBOOK_INVALID: { what: "The rulebook contradicts itself.", next: "Correct the field that is named." },
  RULEBOOK_BASE: {
    what: "The rulebook does not continue the one in force.",
    next: "Write the change again on the rulebook in force.",
  },
  GOVERNANCE_MISSING: { what: "Fewer administrators than necessary have signed.", next: "Collect the missing signatures." },
  GOVERNANCE_UNSATISFIABLE: {
    what: "Nobody could change this rulebook again.",
    next: "Keep enough administrators with device keys.",
  },
  RULEBOOK_VETOED: { what: "An administrator has vetoed this rulebook.", next: "Write another one." },
  SEEN_MISSING: {
    what: "No administrator who did not sign has confirmed to have seen this weakening.",
    next: "Let one send an approval with the decision seen, or confirm it at the vault's console.",
  },
  // limits and faults
  TABLE_FULL: { what: "A table of the vault is full.", next: "The field names it; wait until entries expire or remove some." },
  OVERLOADED: { what: "Too much is waiting.", next: "Try again in a moment." },
  KEYSTORE_FAULT: {
    what: "The key store could not answer.",
    next: "The detail says why; send the same command again once it is mended.",
  },
  SIGNATURE_WRONG: { what: "The key store returned a signature that does not verify.", next: "Stop using this key store." },
  NOT_TIGHTENING: {
    what: "Console and file accept only freezes, rejections and vetoes.",
    next: "Send other commands through the socket.",
  },
  INTERNAL: { what: "The vault met a state that it does not know; it refused.", next: "Report this with the receipt." },
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
