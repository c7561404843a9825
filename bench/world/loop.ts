/** The vault's loop in memory: production `decide` and `apply`, fed as the host feeds them (a batch is decided and applied,
 *  then its effects are performed, and what comes of them is input again), with a stopwatch on each stage. No disk, no
 *  socket. */
import { chainOf } from "../../core/src/chain/table.ts";
import type { Record } from "../../core/src/journal/record.ts";
import { decide } from "../../vault/src/decide/decide.ts";
import { apply } from "../../vault/src/state/apply.ts";
import type { State } from "../../vault/src/state/state.ts";
import type { Effect, Input, Job, Now } from "../../vault/src/types.ts";
import { cpuMs } from "../stats.ts";
import type { secpPair } from "./bare.ts";
import type { Payment } from "./payments.ts";

/** Milliseconds of processor time spent in each stage, over all payments. */
export type Stages = { command: number; sign: number; outcome: number };

/** One round: `callers` send, wait for their answer and send again until all payments are made. */
export type Round = {
  readonly state: State;
  readonly ms: number;
  readonly cpuMs: number;
  readonly latencies: readonly number[];
  readonly stages: Stages;
};

const BATCH = 512;

type Entry = { readonly input: Input; readonly since: number };

/** 65 bytes per part, as the key store gives them. */
export function signJob(job: Job, pair: ReturnType<typeof secpPair>): Uint8Array[] {
  return job.parts.map(({ family, bytes }) => {
    const made = pair.make(chainOf(family).digest(bytes));
    const signature = new Uint8Array(65);
    signature.set(made.subarray(1));
    signature[64] = made[0] as number;
    return signature;
  });
}

/** Makes all payments; `seen` hears of every record; stages are timed only with `watch`, because a look at the clock costs a
 *  few microseconds. Fails unless every payment is signed. */
export function makePayments(
  start: { state: State; now: Now; pair: ReturnType<typeof secpPair> },
  payments: readonly Payment[],
  { callers, seen, watch = false }: { callers: number; seen?: (record: Record) => void; watch?: boolean },
): Round {
  const clock = watch ? cpuMs : () => 0;
  const { now, pair } = start;
  let { state } = start;
  const stages: Stages = { command: 0, sign: 0, outcome: 0 };
  const latencies: number[] = [];
  const queue: Entry[] = [];
  let sent = 0;
  const send = () => {
    const payment = payments[sent];
    if (payment === undefined) return;
    sent += 1;
    queue.push({ input: { now, command: payment.bytes }, since: performance.now() });
  };
  const perform = (effect: Effect, since: number) => {
    if ("sign" in effect) {
      const begun = clock();
      const result = signJob(effect.sign, pair);
      stages.sign += clock() - begun;
      queue.push({ input: { now, signed: effect.sign.id, result }, since });
    } else if ("reply" in effect && !("wait" in effect.reply)) {
      const { code, field, detail } = effect.reply;
      if (code !== "OK") throw new Error(`a payment was refused: ${code} at ${field}: ${detail}`);
      latencies.push(performance.now() - since);
      send();
    }
  };
  const begun = { ms: performance.now(), cpu: cpuMs() };
  for (let caller = 0; caller < callers; caller++) send();
  while (queue.length > 0) {
    const batch = queue.splice(0, BATCH);
    const effects = batch.map(({ input }) => {
      const since = clock();
      const outcome = decide(state, input);
      for (const record of outcome.records) {
        state = apply(state, record);
        seen?.(record.value);
      }
      stages["command" in input ? "command" : "outcome"] += clock() - since;
      return outcome.effects;
    });
    for (const [at, { since }] of batch.entries()) for (const effect of effects[at] ?? []) perform(effect, since);
  }
  const spent = { ms: performance.now() - begun.ms, cpuMs: cpuMs() - begun.cpu };
  if (latencies.length !== payments.length) throw new Error(`${latencies.length} of ${payments.length} payments were answered`);
  return { state, ...spent, latencies, stages };
}
