/** What the vault is told without being asked to move anything: that its transactions are final, heads that it has signed, and
 *  how far the audit log goes. */
import { isOrigin } from "@strongroom/core/audit/note";
import { emptyRoot, isConsistent } from "@strongroom/core/audit/tree";
import { fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import { demand } from "@strongroom/core/errors";
import type { Sealed } from "@strongroom/core/journal/record";
import { keyId } from "@strongroom/core/keys/id";
import { type CommandOf, GivenUpBody } from "@strongroom/core/protocol/command";
import { Checkpoint } from "@strongroom/core/signed/checkpoint";
import { Head, type Lost, Start } from "@strongroom/core/signed/head";
import { challengeOf, decode, encode, Signed } from "@strongroom/core/signed/object";
import { CHECKPOINT_WINDOW_MS, MAX_CHECKPOINTS } from "../limits.ts";
import { hashAt } from "../state/positions.ts";
import { type Founded, isSuspect, type State } from "../state/state.ts";
import { rollingSpan, used } from "../state/usage.ts";
import type { Now, Outcome } from "../types.ts";
import { ok, recordAt, refusal } from "./draft.ts";
import { liveTransaction, type Stated } from "./evidence/facts.ts";
import { isPlainlySigned } from "./evidence/verify.ts";

/** Finality facts by enough sources end transactions. Fails: FACT_ADVERSE when the sources disagree. */
export function settle(state: Founded, now: Now, stated: readonly Stated[]): Outcome {
  const subjects = new Set(stated.filter(({ fact }) => fact.type === "finality").map(({ fact }) => fact.subject));
  const ended = new Set<string>();
  const records: Sealed[] = [];
  for (const subject of subjects) records.push(...settleOne(state, now, { subject, stated, ended }));
  return { records, effects: [ok()] };
}

/** `ended`: slots that an earlier subject of the same command has ended; two versions never both end one. */
type Claim = { readonly subject: string; readonly stated: readonly Stated[]; readonly ended: Set<string> };

function settleOne(state: Founded, now: Now, { subject, stated, ended }: Claim): readonly Sealed[] {
  const live = liveTransaction(state, subject);
  if (live === undefined) return [];
  const { name, part } = live;
  const chain = state.book.chains.get(part.chain);
  if (chain === undefined) return [];
  const mine = stated.filter(({ fact }) => fact.subject === subject && chain.finality.includes(fact.source));
  const outcomes = new Set(mine.map(({ fact }) => fact.type === "finality" && fact.outcome));
  demand(outcomes.size < 2, "FACT_ADVERSE", "facts", `sources disagree on ${subject}`);
  if (mine.length < chain.finalityAtLeast) return [];
  const twice = part.slots.some((slot) => ended.has(slot));
  demand(!twice, "FACT_ADVERSE", "facts", `${subject} and another version are both said to be final`);
  for (const slot of part.slots) ended.add(slot);
  return [recordAt(now, { kind: "settled", transaction: name, facts: mine.map(({ bytes }) => bytes) })];
}

/** Is shown a head. One that this vault signed and does not have proves that its disk was rolled back: it stops, founded or
 *  not. After a repair it only notes what is lost, for the administrators to see; what they have given up is answered with
 *  their own word. A head of a vault before this one stops nothing: that one may have written it after it handed over.
 *  Fails: WRONG_VAULT, SIGNATURE_INVALID, HEAD_UNKNOWN, ROLLED_BACK, HEAD_LOST, codes of `decode`. */
export function witness(state: State, now: Now, { head: bytes }: CommandOf<"witness">): Outcome {
  const { body, signatures } = decode(Signed, bytes);
  const shown = decode(Head, body);
  const [signature, ...more] = signatures;
  const key = [state.vaultKey, ...state.line].find((one) => keyId("ed25519", fromHex(one)) === shown.vault);
  const mine = key !== undefined && signature?.key === shown.vault && more.length === 0;
  demand(mine, "WRONG_VAULT", "head", "another vault signed it");
  const good = isPlainlySigned(fromHex(key), challengeOf(Head, body), signature);
  demand(good, "SIGNATURE_INVALID", "head", "it is not signed by that vault's identity key");
  const { seq, hash } = shown.head;
  if (hashAt(state.positions, seq) === hash) return { records: [], effects: [ok()] };
  const own = shown.vault === state.vault;
  demand(own, "HEAD_UNKNOWN", "head", `the vault before signed position ${seq}, and this journal does not have it`);
  if (state.givenUp !== null && covers(givenUpIn(state.givenUp), shown))
    return { records: [], effects: [ok(encode(GivenUpBody, state.givenUp))] };
  if (isSuspect(state) && state.start?.suspicion === "repaired")
    return miss(now, { evidence: bytes, known: covers(state.lost, shown), seq });
  const detail = `it signed position ${seq} and does not have it; from now on it refuses everything`;
  return {
    records: [recordAt(now, { kind: "halted", evidence: bytes })],
    effects: [refusal("ROLLED_BACK", { field: "head", detail })],
  };
}

function covers(lost: readonly Lost[], { boot, head }: Head): boolean {
  return lost.some((one) => one.boot === boot && head.seq <= one.seq);
}

function givenUpIn({ start }: GivenUpBody): readonly Lost[] {
  return decode(Start, start).lost as readonly Lost[];
}

/** Whoever confirms the start after a repair is shown what it has lost. */
function miss(now: Now, { evidence, known, seq }: { evidence: Uint8Array; known: boolean; seq: number }): Outcome {
  const records = known ? [] : [recordAt(now, { kind: "missed", evidence })];
  return { records, effects: [refusal("HEAD_LOST", { field: "head", detail: `record ${seq} was lost to the repair` })] };
}

/** Has the audit log's size and root signed, once a proof shows that it continues the log that was signed last. There is one
 *  log, named by the first checkpoint. The same size and root again write nothing.
 *  Fails: BAD_VALUE, LOG_FOREIGN, LOG_SHRUNK, LOG_FORKED, TABLE_FULL. */
export function checkpoint(state: Founded, now: Now, { origin, size, root, proof }: CommandOf<"checkpoint">): Outcome {
  demand(isOrigin(origin), "BAD_VALUE", "origin", "visible ASCII without plus and white space is expected");
  const { log, deployment, vault, seq, head: hash } = state;
  const last = log?.head ?? { origin, size: 0, root: toHex(emptyRoot()) as Hash };
  demand(origin === last.origin, "LOG_FOREIGN", "origin", `the log's name is ${last.origin}`);
  demand(size >= last.size, "LOG_SHRUNK", "size", `${last.size} leaves were signed`);
  const before = { size: last.size, root: fromHex(last.root) };
  const continues = isConsistent(
    before,
    { size, root: fromHex(root) },
    proof.map((item) => fromHex(item)),
  );
  demand(continues, "LOG_FORKED", "proof", `it does not show that the log continues its first ${last.size} leaves`);
  const value = { version: 1, deployment, vault, origin, size, root, at: now.lo, head: { seq, hash } } as const;
  const answer = ok(encode(Checkpoint, value), "checkpoint");
  if (log !== null && size === last.size) return { records: [], effects: [answer] };
  const fits = log === null || used(log.written, rollingSpan(CHECKPOINT_WINDOW_MS, now.lo)) < MAX_CHECKPOINTS;
  demand(fits, "TABLE_FULL", "checkpoints", `${MAX_CHECKPOINTS} were written down within a day`);
  return { records: [recordAt(now, { kind: "checkpointed", origin, size, root })], effects: [answer] };
}
