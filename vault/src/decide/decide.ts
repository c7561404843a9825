/** The vault's judgement: `decide(state, input) → { records, effects }`. Pure: no entropy, no secrets, no clock, no I/O.
 *
 *  Everything that is not understood is refused. A refusal changes nothing, except that proven facts are remembered. */
import { demand, Refused, refuse } from "@strongroom/core/errors";
import type { Sealed } from "@strongroom/core/journal/record";
import { Command } from "@strongroom/core/protocol/command";
import { decode } from "@strongroom/core/signed/object";
import { TICK_MS } from "../limits.ts";
import { notice } from "../state/apply.ts";
import { type Founded, isFounded, type State, waitsUntil } from "../state/state.ts";
import type { Input, Now, Outcome } from "../types.ts";
import { recordAt, refusal } from "./draft.ts";
import { noticesOf, readFacts, type Stated } from "./evidence/facts.ts";
import { execute, readExecute, recall } from "./execute.ts";
import { changeRulebook, found } from "./govern/rulebook.ts";
import { booted, confirm, demandConfirmed } from "./govern/start.ts";
import { demandActive } from "./govern/succession.ts";
import { checkpoint, settle, witness } from "./inform.ts";
import { object, register } from "./objection.ts";
import { created, signed } from "./outcome.ts";
import { reprice } from "./payment/reprice.ts";
import { explain } from "./show/explain.ts";
import { head, show, status } from "./show/show.ts";
import { attest } from "./wallet.ts";

/** What an input leads to. */
export function decide(state: State, input: Input): Outcome {
  if ("command" in input) return answerCommand(state, input);
  if ("booted" in input) return booted(state, input);
  if ("tick" in input) return tick(state, input.now);
  return "signed" in input ? signed(state, input) : created(state, input);
}

/** Time moves on in the journal while something waits for it, so that a restart does not lose all of a delay. */
function tick(state: State, now: Now): Outcome {
  const delayed = state.registered.size > 0 || (state.waiting !== null && state.at < state.waiting.until);
  const waits = delayed || waitsUntil(state, state.at) !== null;
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
    return { records: [], effects: [refusal("INTERNAL", { field: "", detail: String(error) })] };
  }
}

type Asked = { readonly command: Command; readonly kept: Sealed[] };

function obey(state: State, now: Now, { command, kept }: Asked): Outcome {
  if (command.command === "status") return status(state, now);
  if (command.command === "head") return head(state, now);
  if (command.command === "show") return show(founded(state), command);
  demand(!state.halted, "ROLLED_BACK", "vault", "this vault was shown a head that it signed and does not have");
  demandActive(state, now, command);
  demandConfirmed(state, command);
  if (command.command === "found") return found(state, now, command);
  if (command.command === "witness") return witness(state, now, command);
  const known = founded(state);
  switch (command.command) {
    case "execute": {
      const asked = readExecute(known, command);
      const before = recall(known, asked);
      return before ?? withFacts(known, now, command.facts, kept, (told, stated) => execute(told, now, asked, stated));
    }
    case "explain":
      return explain(known, now, command);
    case "inform":
      return withFacts(known, now, command.facts, kept, (told, stated) => settle(told, now, stated));
    case "register":
      return register(known, now, command);
    case "object":
      return object(known, now, command);
    case "rulebook":
      return changeRulebook(known, now, command);
    case "address":
      return attest(known, now, command);
    case "reprice":
      return reprice(known, now, command);
    case "confirm":
      return confirm(known, now, command);
    case "checkpoint":
      return checkpoint(known, now, command);
    case "protections":
      refuse("BAD_VALUE", "command", "the host answers this, it does not reach the judgement");
  }
}

function founded(state: State): Founded {
  demand(isFounded(state), "NOT_FOUNDED", "vault", "hold the ceremony first");
  return state;
}

/** Facts that are proven are remembered, in `kept`, even when the command is refused: an adverse verdict is not forgotten. */
function withFacts(
  state: Founded,
  now: Now,
  facts: readonly Uint8Array[],
  kept: Sealed[],
  work: (told: Founded, stated: readonly Stated[]) => Outcome,
): Outcome {
  const stated = readFacts(state, now, facts);
  const notices = noticesOf(state, stated);
  if (notices.length === 0) return work(state, stated);
  kept.push(recordAt(now, { kind: "noticed", facts: notices }));
  const outcome = work(notice(state, notices), stated);
  return { records: [...kept, ...outcome.records], effects: outcome.effects };
}
