/** What `explain` says, beside what `execute` does: every `execute` that a test sends to a vault in memory is explained first,
 *  and the explanation has to say what the vault then does. */
import assert from "node:assert/strict";
import { attempt } from "../../core/src/errors.ts";
import { Command, type CommandOf } from "../../core/src/protocol/command.ts";
import { ExplanationBody } from "../../core/src/protocol/explanation.ts";
import { decode, encode } from "../../core/src/signed/object.ts";
import { decide } from "../../vault/src/decide/decide.ts";
import type { State } from "../../vault/src/state/state.ts";
import type { Answer, Input, Now, Outcome } from "../../vault/src/types.ts";

type Execute = CommandOf<"execute">;

/** The same content, asked about. */
export function explainOf({ version, nonce, orders, approvals, facts }: Omit<Execute, "command">): CommandOf<"explain"> {
  return { version, nonce, command: "explain", orders, approvals, facts };
}

/** The one answer of an outcome that must hold nothing else: no record, no work for the key store. */
export function onlyAnswer({ records, effects }: Outcome): Answer {
  const [effect, ...more] = effects;
  assert.deepEqual([records, more], [[], []]);
  assert.ok(effect !== undefined && "reply" in effect && "code" in effect.reply && effect.reply.to === null);
  return effect.reply;
}

/** Asks the judgement to explain. */
export function explained(state: State, now: Now, command: CommandOf<"explain">): ExplanationBody {
  const { code, field, detail, body } = onlyAnswer(decide(state, { now, command: encode(Command, command) }));
  assert.equal(code, "OK", `${code} at ${field}: ${detail}`);
  return decode(ExplanationBody, body);
}

/** Asserts, for an `execute`, that its explanation told the outcome, and that each intent's own steps agree with it. */
export function demandTold(state: State, input: Input, outcome: Outcome): void {
  const read = "command" in input ? attempt(() => decode(Command, input.command)) : undefined;
  if (!("command" in input) || read?.ok !== true || read.value.command !== "execute") return;
  const reply = outcome.effects.flatMap((effect) => ("reply" in effect && "code" in effect.reply ? [effect.reply] : []))[0];
  const { code, field, detail } = reply ?? { code: "OK", field: "", detail: "" };
  // Only `execute` needs a context.
  if (code === "CONTEXT_INVALID" && field === "orders.context") return;
  const command = encode(Command, explainOf(read.value));
  const answer = onlyAnswer(decide(state, { now: input.now, command }));
  const isTold = answer.code === "OK";
  const body = isTold ? decode(ExplanationBody, answer.body) : undefined;
  const { code: told, field: at, detail: words } = body ?? answer;
  assert.deepEqual([told, at, words], [code, field, detail]);
  if (body === undefined) return;
  for (const order of body.orders) demandAgrees(order);
  const [only, ...others] = body.orders;
  // A full table of facts refuses the command, not the intent.
  if (field === "facts") return;
  if (others.length === 0 && body.unfit.length === 0) assert.deepEqual([only?.code, only?.field], [code, field]);
}

/** An intent is refused exactly when a step is not met, with the code of the first one. */
function demandAgrees({ code, steps, done, more }: ExplanationBody["orders"][number]): void {
  const first = steps.find(({ met }) => !met);
  assert.equal(first?.code ?? "OK", code);
  assert.ok(done || more || steps.length > 1);
}
