/** Has seeds run by threads, and shows how far they are. */
import { Worker } from "node:worker_threads";
import type { Failure, Small, Told, Wish } from "./worker.ts";

export type Ran = {
  readonly seeds: number;
  readonly events: number;
  readonly goals: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
  readonly small: Small | null;
  /** By the number of the seed within the run of one thread. */
  readonly traces: readonly (readonly string[])[];
  readonly perSecond: string;
};

const THREADS = 2;
/** Room for what is soon forgotten: a seed makes some 70 MB of it. */
const resourceLimits = { maxYoungGenerationSizeMb: 192 };
const TELL_MS = 5_000;

/** Runs `count` seeds from `from` on. `say` hears of the progress. */
export async function runSeeds(
  wish: Pick<Wish, "from" | "count"> & { readonly plant?: string; readonly threads?: number },
  say: (line: string) => void,
): Promise<Ran> {
  const { from, count, plant = null } = wish;
  const threads = Math.min(wish.threads ?? THREADS, count);
  const since = performance.now();
  const state = Array.from({ length: threads }, () => ({ seeds: 0, failures: 0 }));
  let toldAt = since;
  const hear = (at: number, { seeds, failures }: { seeds: number; failures: number }): void => {
    state[at] = { seeds, failures };
    if (performance.now() - toldAt < TELL_MS) return;
    toldAt = performance.now();
    const sum = (of: (one: { seeds: number; failures: number }) => number) => state.reduce((total, one) => total + of(one), 0);
    const done = sum((one) => one.seeds);
    say(`${done} of ${count} seeds, ${sum((one) => one.failures)} failed, ${rate(done, toldAt - since)} seeds/s`);
  };
  const all = await Promise.all(
    state.map((_, at) => {
      const share = Math.floor(count / threads) + (at < count % threads ? 1 : 0);
      const own = { from: from + at, step: threads, count: share, plant, isFirstEnough: plant !== null };
      return runThread(own, (told) => hear(at, told));
    }),
  );
  const goals = new Map<string, number>();
  for (const one of all) for (const [goal, times] of one.goals) goals.set(goal, (goals.get(goal) ?? 0) + times);
  const seeds = all.reduce((sum, one) => sum + one.seeds, 0);
  const events = all.reduce((sum, one) => sum + one.events, 0);
  const failures = all.flatMap((one) => one.failures).sort((a, b) => a.seed - b.seed);
  const small = all.map((one) => one.small).find((one) => one !== null) ?? null;
  const traces = all.map((one) => one.traces);
  return { seeds, events, goals, failures, small, traces, perSecond: rate(seeds, performance.now() - since) };
}

const rate = (count: number, ms: number): string => `${Math.round((count / ms) * 10_000) / 10}`;

type Done = Extract<Told, { is: "done" }>;

function runThread(wish: Wish, hear: (told: { seeds: number; failures: number }) => void): Promise<Done> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: wish, resourceLimits });
    worker.on("message", (told: Told) => {
      if (told.is === "progress") hear(told);
      else resolve(told);
    });
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`a thread ended with ${code}`)));
  });
}

/** What is printed of failures: each seed, the first one made small, and how it is played again. */
export function reportOf({ failures, small }: Pick<Ran, "failures" | "small">): string {
  const [first] = failures;
  if (first === undefined) return "";
  const list = failures.slice(0, 50).map(({ seed, why }) => `seed ${seed}: ${why.slice(0, 300)}`);
  const deeds =
    small === null
      ? []
      : [`\nseed ${small.seed} with as little as possible: ${small.why}`, ...small.deeds.map((deed) => `  * ${deed}`)];
  const lines = small === null ? [] : ["\nits last steps:", ...small.lines.slice(-60).map((line) => `  ${line}`)];
  const again = `\nagain: npm test -- --only simulator --seed ${small?.seed ?? first.seed}`;
  return [...list, ...deeds, ...lines, again].join("\n");
}
