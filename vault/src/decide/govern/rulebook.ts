/** Founding the vault, and changing its rulebook: tightenings hold at once, everything else waits under the old rulebook. */
import type { Hash } from "@strongroom/core/bytes";
import { equal, fromHex } from "@strongroom/core/bytes";
import { attempt, demand, refuse } from "@strongroom/core/errors";
import { isAcceptedKey } from "@strongroom/core/keys/ed25519";
import { keyId } from "@strongroom/core/keys/id";
import { type CommandOf, DelayBody } from "@strongroom/core/protocol/command";
import { type Book, openBook } from "@strongroom/core/rulebook/book";
import { onlyTightens } from "@strongroom/core/rulebook/change";
import { checkRulebook } from "@strongroom/core/rulebook/check";
import { Genesis } from "@strongroom/core/signed/genesis";
import { challengeOf, decode, encode, idOf, Signed } from "@strongroom/core/signed/object";
import { type Key, Rulebook } from "@strongroom/core/signed/rulebook";
import { renderChange } from "@strongroom/core/text/change";
import { textHash } from "@strongroom/core/text/render";
import { entries, get, has } from "../../state/map.ts";
import { hashAt } from "../../state/positions.ts";
import type { Founded, JobState, State, Waiting } from "../../state/state.ts";
import type { Now, Outcome } from "../../types.ts";
import { ok, recordAt, refusal } from "../draft.ts";
import { readApprovals } from "../evidence/approvals.ts";
import { demandSignature } from "../evidence/verify.ts";

/** A key that may sign, by its id. */
type Signers = ReadonlyMap<string, { readonly person: string; readonly key: Key }>;

/** The persons among `signers` who signed; every signature must be by one of them. Fails: KEY_UNKNOWN, APPROVAL_TWICE,
 *  SIGNATURE_INVALID. */
function personsWhoSigned(signers: Signers, signed: Signed, challenge: Uint8Array, at: string): ReadonlySet<string> {
  const persons = new Set<string>();
  for (const signature of signed.signatures) {
    const signer = signers.get(signature.key);
    if (signer === undefined) refuse("KEY_UNKNOWN", at, "a signature is by a key that may not sign this");
    demandSignature(signer.key, challenge, signature);
    demand(!persons.has(signer.person), "APPROVAL_TWICE", at, `${signer.person} has signed twice`);
    persons.add(signer.person);
  }
  return persons;
}

/** The ceremony: genesis signed by every administrator, first rulebook by a threshold of them. Fails: codes of `decode`,
 *  ALREADY_FOUNDED, WRONG_VAULT, KEY_CLASS, KEY_REJECTED, BAD_VALUE, KEY_UNKNOWN, SIGNATURE_INVALID, APPROVAL_TWICE,
 *  GOVERNANCE_MISSING, WRONG_DEPLOYMENT, RULEBOOK_BASE, RULEBOOK_INVALID, GOVERNANCE_UNSATISFIABLE. */
export function found(state: State, now: Now, command: CommandOf<"found">): Outcome {
  demand(state.deployment === null, "ALREADY_FOUNDED", "genesis", "the vault has a deployment");
  const signed = decode(Signed, command.genesis);
  const genesis = decode(Genesis, signed.body);
  demand(genesis.vaultKey === state.vaultKey, "WRONG_VAULT", "genesis.vaultKey", "it names another vault's identity key");
  demandAccepted(genesis.vaultKey, "genesis.vaultKey");
  const signers = genesisSigners(genesis);
  const persons = personsWhoSigned(signers, signed, challengeOf(Genesis, signed.body), "genesis");
  demand(
    persons.size === genesis.administrators.length,
    "GOVERNANCE_MISSING",
    "genesis",
    "every administrator signs the genesis",
  );
  const book = readBook(command.rulebook);
  const deployment = idOf(Genesis, signed.body);
  demandPlace(book, { deployment, base: deployment, epoch: 1, demonstration: genesis.demonstration });
  const own = book.value.vault === state.vault && book.value.handover === undefined;
  demand(own, "WRONG_VAULT", "rulebook.vault", "it makes another vault the active one");
  demandAgreed(signers, book, genesis.threshold);
  checkRulebook(book.value);
  demandSameGovernance(genesis, book.value);
  return {
    records: [recordAt(now, { kind: "founded", genesis: command.genesis, rulebook: command.rulebook })],
    effects: [ok()],
  };
}

function genesisSigners(genesis: Genesis): Signers {
  const signers = new Map(
    genesis.administrators.map(({ person, scheme, publicKey }) => {
      demand(scheme === "ed25519", "KEY_CLASS", "genesis.administrators", "governance takes Ed25519 device keys only");
      demandAccepted(publicKey, "genesis.administrators");
      const key: Key = { scheme, publicKey: fromHex(publicKey), class: "device" };
      return [keyId(scheme, key.publicKey), { person, key }] as const;
    }),
  );
  const persons = new Set(genesis.administrators.map((item) => item.person));
  const distinct = signers.size === genesis.administrators.length && persons.size === signers.size;
  demand(distinct, "BAD_VALUE", "genesis.administrators", "persons and keys are all different");
  return signers;
}

function demandAccepted(publicKey: string, at: string): void {
  demand(isAcceptedKey(fromHex(publicKey)), "KEY_REJECTED", at, "not an accepted Ed25519 key");
}

function demandSameGovernance(genesis: Genesis, book: Rulebook): void {
  const { administrators, threshold } = book.governance;
  const named = genesis.administrators.every(({ person, publicKey }) => {
    const holder = book.persons.find((item) => item.id === person && administrators.includes(person));
    return holder?.keys.some((key) => key.class === "device" && equal(key.publicKey, fromHex(publicKey))) === true;
  });
  const same = named && administrators.length === genesis.administrators.length && threshold === genesis.threshold;
  demand(
    same,
    "RULEBOOK_INVALID",
    "governance",
    "the first rulebook has the administrators, keys and threshold of the genesis",
  );
}

type Read = { readonly value: Rulebook; readonly id: Hash; readonly signed: Signed };

function readBook(bytes: Uint8Array): Read {
  const signed = decode(Signed, bytes);
  return { value: decode(Rulebook, signed.body), id: idOf(Rulebook, signed.body), signed };
}

type Place = {
  readonly deployment: Hash;
  readonly base: Hash;
  readonly epoch: number;
  readonly demonstration: boolean;
};

function demandPlace({ value }: Pick<Read, "value">, { deployment, base, epoch, demonstration }: Place): void {
  demand(value.deployment === deployment, "WRONG_DEPLOYMENT", "rulebook.deployment", "it is for another deployment");
  demand(value.demonstration === demonstration, "RULEBOOK_INVALID", "rulebook.demonstration", "it must be as in the genesis");
  demand(
    value.base === base && value.epoch === epoch,
    "RULEBOOK_BASE",
    "rulebook.base",
    `base ${base} and epoch ${epoch} are expected`,
  );
}

/** A rulebook names this vault, or hands over from it to another one at a position that this journal has. */
function demandVault({ vault, positions }: State, { vault: next, handover }: Rulebook): void {
  if (next === vault) {
    demand(handover === undefined, "RULEBOOK_INVALID", "rulebook.handover", "the vault stays the same");
    return;
  }
  const from = handover?.vault === vault;
  demand(from, "WRONG_VAULT", "rulebook.vault", "it makes another vault the active one and does not hand over from this one");
  const { seq, hash } = handover.head;
  demand(hashAt(positions, seq) === hash, "HEAD_UNKNOWN", "rulebook.handover.head", `this journal has no such position ${seq}`);
}

function demandAgreed(signers: Signers, { signed }: Read, threshold: number): ReadonlySet<string> {
  const persons = personsWhoSigned(signers, signed, challengeOf(Rulebook, signed.body), "rulebook");
  demand(
    persons.size >= threshold,
    "GOVERNANCE_MISSING",
    "rulebook",
    `${persons.size} of ${threshold} administrators have signed`,
  );
  return persons;
}

/** Keys by which administrators may sign: device keys, Ed25519. */
export function administrators(book: Book): Signers {
  const names = new Set(book.document.governance.administrators);
  return new Map(
    [...book.holders].filter(([, { person, key }]) => names.has(person) && key.class === "device" && key.scheme === "ed25519"),
  );
}

/** A rulebook that could follow the one in force, signed or not. Fails: codes of `decode`, WRONG_DEPLOYMENT, WRONG_VAULT,
 *  RULEBOOK_BASE, RULEBOOK_INVALID, GOVERNANCE_UNSATISFIABLE, ADDRESS_INVALID. */
export function readDraft(state: Founded, bytes: Uint8Array): Book {
  const signed = attempt(() => decode(Signed, bytes));
  const body = signed.ok ? signed.value.body : bytes;
  const value = decode(Rulebook, body);
  demandNext(state, value);
  checkRulebook(value);
  return openBook(value);
}

/** Fails: WRONG_DEPLOYMENT, WRONG_VAULT, HEAD_UNKNOWN, RULEBOOK_INVALID, RULEBOOK_BASE. */
function demandNext(state: Founded, next: Rulebook): void {
  const { book, deployment } = state;
  const { epoch, demonstration } = book.document;
  demandPlace({ value: next }, { deployment, base: book.id, epoch: epoch + 1, demonstration });
  demandVault(state, next);
}

/** Adopts a tightening, proposes any other change, or adopts one whose delay is over. Fails: codes of `decode`,
 *  WRONG_DEPLOYMENT, WRONG_VAULT, RULEBOOK_BASE, RULEBOOK_VETOED, KEY_UNKNOWN, SIGNATURE_INVALID, APPROVAL_TWICE,
 *  GOVERNANCE_MISSING, RULEBOOK_INVALID, GOVERNANCE_UNSATISFIABLE, DELAY_RUNNING, SEEN_MISSING, those of approvals. */
export function changeRulebook(state: Founded, now: Now, command: CommandOf<"rulebook">): Outcome {
  const next = readBook(command.rulebook);
  const { document } = state.book;
  demandNext(state, next.value);
  demand(!has(state.vetoed, next.id), "RULEBOOK_VETOED", "rulebook", "an administrator has vetoed it");
  const signers = demandAgreed(administrators(state.book), next, document.governance.threshold);
  checkRulebook(next.value);
  if (onlyTightens(document, next.value)) return adopt(state, now, next, { rulebook: command.rulebook, approvals: [] });
  if (state.waiting?.book.id !== next.id) return propose(now, { command, next, delayMs: document.governance.delayMs });
  demandWaited(state, now, { command, signers, waiting: state.waiting });
  return adopt(state, now, next, command);
}

/** `approvals`: those that were asked for and checked. What is committed and rests on a key that leaves its person is withheld
 *  in the same breath, so that no later rulebook brings its approval back. */
function adopt(
  state: Founded,
  now: Now,
  { value }: Read,
  { rulebook, approvals }: Pick<CommandOf<"rulebook">, "rulebook" | "approvals">,
): Outcome {
  const voided = voidedBy(state, openBook(value));
  const withheld = voided.map(({ job }) => recordAt(now, { kind: "withheld", job }));
  const told = voided.map(({ job, person }) => {
    const detail = `a key of ${person} that approved it was taken from him; all approve it anew, or it is cancelled`;
    return refusal("KEY_UNKNOWN", { to: job, field: "approvals", detail });
  });
  return { records: [recordAt(now, { kind: "adopted", rulebook, approvals }), ...withheld], effects: [ok(), ...told] };
}

/** The jobs to be signed that rest on a key which is not its person's any more in `next`. */
function voidedBy({ book, jobs, pending }: Founded, next: Book): readonly { readonly job: Hash; readonly person: string }[] {
  return [...entries(pending)].flatMap(([id]) => {
    const { id: job, parts } = get(jobs, id) as JobState;
    const persons = parts.flatMap(({ keys }) => keys.map((key) => [key, book.holders.get(key)?.person as string] as const));
    const gone = persons.find(([key, person]) => next.holders.get(key)?.person !== person);
    return gone === undefined ? [] : [{ job, person: gone[1] }];
  });
}

function propose(
  now: Now,
  { command, next, delayMs }: { command: CommandOf<"rulebook">; next: Read; delayMs: number },
): Outcome {
  const until = now.lo + delayMs;
  const record = recordAt(now, { kind: "proposed", rulebook: command.rulebook, until });
  return { records: [record], effects: [ok(encode(DelayBody, { subject: next.id, since: now.lo, until }))] };
}

type Step = { readonly command: CommandOf<"rulebook">; readonly signers: ReadonlySet<string>; readonly waiting: Waiting };

/** The delay is over, and an administrator who has not signed, neither now nor at first, states that he has seen it. */
function demandWaited(state: Founded, now: Now, { command, signers, waiting }: Step): void {
  const detail = `it ends at ${waiting.until}, the vault's time is at least ${now.lo}`;
  demand(now.lo >= waiting.until, "DELAY_RUNNING", "rulebook", detail);
  const shown = textHash(renderChange(state.book, waiting.book.document));
  const text = (subject: Hash) => (subject === waiting.book.id ? shown : undefined);
  const seen = readApprovals(state, now, command.approvals, { decisions: ["seen"], text });
  const names = administrators(state.book);
  const before = new Set(waiting.signers.map((key) => names.get(key)?.person));
  const other = seen.some(({ key, person }) => names.has(key) && !signers.has(person) && !before.has(person));
  demand(other, "SEEN_MISSING", "approvals", "an administrator who did not sign must state that he has seen it");
}
