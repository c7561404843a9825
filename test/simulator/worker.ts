/** Runs seeds in a thread of its own, whose time is virtual: `from`, and every `step`-th after it, `count` of them. */
import { parentPort, workerData } from "node:worker_threads";
import "./machine/hooks.ts";

/** One seed that broke a promise. */
export type Failure = { readonly seed: number; readonly promise: string; readonly why: string };
export type Small = Failure & { readonly deeds: readonly string[]; readonly lines: readonly string[] };
export type Wish = {
  readonly from: number;
  readonly step: number;
  readonly count: number;
  /** By name; null is the code as it is. */
  readonly plant: string | null;
  /** Ends with the first failure. */
  readonly isFirstEnough: boolean;
};
export type Told =
  | { readonly is: "progress"; readonly seeds: number; readonly failures: number }
  | {
      readonly is: "done";
      readonly seeds: number;
      readonly events: number;
      readonly goals: ReadonlyMap<string, number>;
      readonly traces: readonly string[];
      readonly failures: readonly Failure[];
      /** The first failure with what is needed of it. */
      readonly small: Small | null;
    };

const PROGRESS_MS = 1_000;
/** Traces that are kept, and failures. */
const MOST_KEPT = 1_000;

const { run, shrink } = await import("./run.ts");
const { PLANTS, SOUND } = await import("./plants.ts");
const { realNow } = await import("./machine/time.ts");

async function work({ from, step, count, plant, isFirstEnough }: Wish): Promise<Told> {
  const planted = PLANTS.find(({ name }) => name === plant);
  const options = { made: planted?.made ?? SOUND, families: planted?.families ?? null };
  const goals = new Map<string, number>();
  const traces: string[] = [];
  const failures: Failure[] = [];
  let [seeds, events, toldAt, small] = [0, 0, realNow(), null as Small | null];
  for (; seeds < count && !(isFirstEnough && failures.length > 0); seeds++) {
    const result = await run(from + seeds * step, options);
    events += result.events;
    for (const [goal, times] of result.goals) goals.set(goal, (goals.get(goal) ?? 0) + times);
    if (traces.length < MOST_KEPT) traces.push(result.trace);
    if (result.broken !== null && failures.length < MOST_KEPT) {
      failures.push({ seed: result.seed, ...result.broken });
      if (small === null && planted === undefined) {
        const { seed, broken, deeds, lines } = await shrink(result, options);
        small = { seed, ...(broken ?? result.broken), deeds: deeds.map(({ at, name }) => `${at / 1_000} ${name}`), lines };
      }
    }
    if (realNow() - toldAt < PROGRESS_MS) continue;
    toldAt = realNow();
    parentPort?.postMessage({ is: "progress", seeds: seeds + 1, failures: failures.length } satisfies Told);
  }
  return { is: "done", seeds, events, goals, traces, failures, small };
}

parentPort?.postMessage(await work(workerData as Wish));
