/** Where the time goes: the sampling profiler of V8 around some work, summed up in two ways. Figures that are compared with a
 *  limit are never measured while it runs. */
import { type Profiler, Session } from "node:inspector/promises";

/** One row: what, and its share of the work's time in microseconds per operation. */
export type Part = { readonly what: string; readonly us: number };

/** The samples as stacks: each from the innermost frame outwards, with the microseconds that it stands for. */
export type Stacks = readonly { readonly frames: readonly string[]; readonly us: number }[];

const INTERVAL_US = 100;

/** Runs `work` under the profiler. A frame is `function file`, where the file is named from the repository or package on. */
export async function profileOf(work: () => unknown): Promise<Stacks> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: INTERVAL_US });
  await session.post("Profiler.start");
  await work();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  return stacksOf(profile);
}

/** A stretch of the monotonic clock that `process.hrtime` shows, in microseconds. */
export type Window = { readonly from: number; readonly to: number };

export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Stacks of a profile as V8 writes it, also of a file that `--cpu-prof` has left; with `window` only what lies in it. */
export function stacksOf({ nodes, samples = [], timeDeltas = [], startTime }: Profiler.Profile, window?: Window): Stacks {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)));
  const framesOf = (id: number): string[] => {
    const frames: string[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = byId.get(at)?.callFrame;
      if (frame !== undefined) frames.push(`${frame.functionName || "(anonymous)"} ${shortened(frame.url)}`);
    }
    return frames;
  };
  const known = new Map<number, string[]>();
  let time = startTime;
  return samples.flatMap((id, at) => {
    const us = timeDeltas[at] ?? 0;
    time += us;
    if (window !== undefined && (time < window.from || time > window.to)) return [];
    const frames = known.get(id) ?? framesOf(id);
    known.set(id, frames);
    return [{ frames, us }];
  });
}

function shortened(url: string): string {
  return url.replace(/^.*\/node_modules\//, "").replace(/^.*\/((?:core|vault|bench|test)\/)/, "$1");
}

/** Sums stacks by the first rule that fits any frame, innermost frame first; rules see `function file`. */
export function partsOf(stacks: Stacks, operations: number, rules: readonly (readonly [string, RegExp])[]): readonly Part[] {
  const sums = new Map<string, number>();
  for (const { frames, us } of stacks) {
    const found = rules.find(([, pattern]) => frames.some((frame) => pattern.test(frame)));
    const what = found?.[0] ?? "everything else";
    sums.set(what, (sums.get(what) ?? 0) + us);
  }
  return sorted(sums, operations);
}

/** The functions in which most time was spent themselves. */
export function hottest(stacks: Stacks, operations: number, count: number): readonly Part[] {
  const sums = new Map<string, number>();
  for (const { frames, us } of stacks) {
    const what = frames[0] ?? "(none)";
    sums.set(what, (sums.get(what) ?? 0) + us);
  }
  return sorted(sums, operations).slice(0, count);
}

function sorted(sums: ReadonlyMap<string, number>, operations: number): readonly Part[] {
  return [...sums].map(([what, us]) => ({ what, us: us / operations })).sort((a, b) => b.us - a.us);
}
