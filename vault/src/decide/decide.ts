/** The vault's judgement: `decide(state, input) → { records, effects }`. Pure: no entropy, no secrets, no clock, no I/O.
 *
 *  Everything that is not understood is refused. A refusal changes nothing, except that facts which were proven are remembered. */

import { fromHex } from "@strongroom/core/bytes";
import { demand, Refused } from "@strongroom/core/errors";
import type { Sealed } from "@strongroom/core/journal/record";
import { Command, type CommandOf } from "@strongroom/core/protocol/command";
import { Head } from "@strongroom/core/signed/head";
import { challengeOf, decode, Signed } from "@strongroom/core/signed/object";
import { TICK_MS } from "../limits.ts";
import { apply } from "../state/apply.ts";
import { get, has } from "../state/map.ts";
import { hashAt } from "../state/positions.ts";
import type { State } from "../state/state.ts";
import type { Input, Now, Outcome } from "../types.ts";
import { attest } from "./address.ts";
import type { Founded } from "./approvals.ts";
import { ok, recordAt, refusal } from "./draft.ts";
import { execute, recall } from "./execute.ts";
import { noticesOf, readFacts, type Stated } from "./facts.ts";
import { object, register } from "./objection.ts";
import { booted, created, signed } from "./outcome.ts";
import { changeRulebook, found } from "./rulebook.ts";
import { head, show, status } from "./show.ts";
import { signedByEd25519 } from "./verify.ts";

/** What an input leads to. */
export function decide(state: State, input: Input): Outcome {
  if ("command" in input) return answerCommand(state, input);
  if ("booted" in input) return booted(state, input);
  if ("tick" in input) return tick(state, input.now);
  if (!isFounded(state)) return { records: [], effects: [] };
  return "signed" in input ? signed(state, input) : created(state, input);
}

function isFounded(state: State): state is Founded {
  return state.deployment !== null && state.book !== null;
}

/** Time moves on in the journal while something waits for it, so that a restart does not lose all of a delay. */
function tick(state: State, now: Now): Outcome {
  const waits = state.waiting !== null || state.registered.size > 0;
  const due = waits && now.lo >= state.at + TICK_MS;
  return { records: due ? [recordAt(now, { kind: "ticked" })] : [], effects: [] };
}

function answerCommand(state: State, { command: bytes, now }: Extract<Input, { command: Uint8Array }>): Outcome {
  const kept: Sealed[] = [];
  try {
    return obey(state, now, { command: decode(Command, bytes), kept });
  } catch (error) {
    if (error instanceof Refused) {
      return { records: kept, effects: [refusal(error.code, { field: error.field, detail: error.detail })] };
    }
    const detail = error instanceof Error ? error.message : "unknown";
    return { records: [], effects: [refusal("INTERNAL", { field: "", detail })] };
  }
}

type Asked = { readonly command: Command; readonly kept: Sealed[] };

function obey(state: State, now: Now, { command, kept }: Asked): Outcome {
  if (command.command === "status") return status(state);
  if (command.command === "head") return head(state, now);
  demand(!state.halted, "ROLLED_BACK", "vault", "this vault was shown a head that it signed and does not have");
  if (command.command === "found") return found(state, now, command);
  demand(isFounded(state), "NOT_FOUNDED", "vault", "hold the ceremony first");
  switch (command.command) {
    case "execute":
      return (
        recall(state, command) ??
        withFacts(state, now, { facts: command.facts, kept }, (known, stated) => execute(known, now, command, stated))
      );
    case "inform":
      return withFacts(state, now, { facts: command.facts, kept }, (known, stated) => settle(known, now, stated));
    case "register":
      return register(state, now, command);
    case "object":
      return object(state, now, command);
    case "rulebook":
      return changeRulebook(state, now, command);
    case "address":
      return attest(state, now, command);
    case "witness":
      return witness(state, now, command);
    case "show":
      return show(state, command);
    case "protections":
      demand(false, "BAD_VALUE", "command", "the host answers this, it does not reach the judgement");
  }
}

type Facts = { readonly facts: readonly Uint8Array[]; readonly kept: Sealed[] };

/** Facts that are proven are remembered even when the command is refused: an adverse verdict is not forgotten. */
function withFacts(
  state: Founded,
  now: Now,
  { facts, kept }: Facts,
  work: (state: Founded, stated: readonly Stated[]) => Outcome,
): Outcome {
  const stated = readFacts(state, now, facts);
  const notices = noticesOf(state, stated);
  if (notices.length > 0) kept.push(recordAt(now, { kind: "noticed", facts: notices }));
  const outcome = work(kept.reduce(apply, state as State) as Founded, stated);
  return { records: [...kept, ...outcome.records], effects: outcome.effects };
}

/** Finality facts by enough sources end transactions. */
function settle(state: Founded, now: Now, stated: readonly Stated[]): Outcome {
  const subjects = new Set(stated.filter(({ fact }) => fact.type === "finality").map(({ fact }) => fact.subject));
  const records = [...subjects].flatMap((subject) => settleOne(state, now, { subject, stated }));
  return { records, effects: [ok()] };
}

function settleOne(
  state: Founded,
  now: Now,
  { subject, stated }: { subject: string; stated: readonly Stated[] },
): readonly Sealed[] {
  const transaction = subject.replace(/^transaction:/, "");
  const place = get(state.transactions, transaction);
  const part = place === undefined ? undefined : get(state.jobs, place.job)?.parts[place.part];
  if (part === undefined || part.slots.some((slot) => has(state.final, slot))) return [];
  const chain = state.book.chains.get(part.chain);
  if (chain === undefined) return [];
  const mine = stated.filter(({ fact }) => fact.subject === subject && chain.finality.includes(fact.source));
  const outcomes = new Set(mine.map(({ fact }) => (fact.type === "finality" ? fact.outcome : "")));
  demand(outcomes.size < 2, "FACT_ADVERSE", "facts", `sources disagree on ${subject}`);
  if (mine.length < chain.finalityAtLeast) return [];
  return [recordAt(now, { kind: "settled", transaction, facts: mine.map(({ bytes }) => bytes) })];
}

/** Is shown a head. One that this vault signed and does not have proves that its disk was rolled back: it stops for good.
 *  Fails: WRONG_VAULT, SIGNATURE_INVALID, ROLLED_BACK, codes of `decode`. */
function witness(state: Founded, now: Now, { head: bytes }: CommandOf<"witness">): Outcome {
  const { body, signatures } = decode(Signed, bytes);
  const shown = decode(Head, body);
  const [signature, ...more] = signatures;
  const mine = shown.vault === state.vault && signature?.key === state.vault && more.length === 0;
  demand(mine, "WRONG_VAULT", "head", "another vault signed it");
  const plain = signature.clientData === undefined && signature.authenticatorData === undefined;
  const good = plain && signedByEd25519(fromHex(state.vaultKey), challengeOf(Head, body), signature.signature);
  demand(good, "SIGNATURE_INVALID", "head", "it is not signed by this vault's identity key");
  if (hashAt(state.positions, shown.head.seq) === shown.head.hash) return { records: [], effects: [ok()] };
  const detail = `it signed position ${shown.head.seq} and does not have it; from now on it refuses everything`;
  return {
    records: [recordAt(now, { kind: "halted", evidence: bytes })],
    effects: [refusal("ROLLED_BACK", { field: "head", detail })],
  };
}
