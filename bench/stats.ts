/** Numbers from repeated runs: percentiles of measured times, and a loop that measures short work. Not for the time of day.
 *
 *  What work costs is the processor time of its thread, so that whatever else the machine does does not count; how long
 *  somebody waits is by the clock, and measured elsewhere. */
import process from "node:process";

/** Processor time of this thread so far, milliseconds. What the collector does on threads of its own is not in it. */
export function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** The value below which `share` (0 to 1) of the values lie: nearest rank. NaN without values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Microseconds of processor time per call of several kinds of work that are to be compared: the median over rounds of about
 *  `roundMs` each. Rounds of all kinds alternate, so that what else the machine does falls on all of them alike. A work gets
 *  the number of the call and returns something, so that it cannot be optimised away. */
export function timeSideBySide<Name extends string>(
  works: Readonly<Record<Name, (call: number) => unknown>>,
  { rounds = 15, roundMs = 100 }: { rounds?: number; roundMs?: number } = {},
): Record<Name, number> {
  const lanes = Object.entries<(call: number) => unknown>(works).map(([name, work]) => {
    return { name, work, calls: callsFor(work, roundMs), times: [] as number[] };
  });
  for (let round = 0; round < rounds; round++) {
    for (const lane of lanes) lane.times.push(timeRound(lane.work, lane.calls) / lane.calls);
  }
  return Object.fromEntries(lanes.map(({ name, times }) => [name, median(times) * 1000])) as Record<Name, number>;
}

/** How many calls fill a round, found by doubling; this also warms the code up. */
function callsFor(work: (call: number) => unknown, roundMs: number): number {
  for (let calls = 1; ; calls *= 2) {
    const ms = timeRound(work, calls);
    if (ms >= roundMs) return Math.max(1, Math.round((calls * roundMs) / ms));
  }
}

/** The same for one kind of work that may be asynchronous, a few calls long enough for the clock. */
export async function timeAwaited(work: (call: number) => unknown, { calls = 50, rounds = 5 } = {}): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const since = cpuMs();
    for (let call = 0; call < calls; call++) await work(call);
    if (round > 0) times.push((cpuMs() - since) / calls);
  }
  return median(times) * 1000;
}

let sink: unknown = null;

function timeRound(work: (call: number) => unknown, calls: number): number {
  const since = cpuMs();
  for (let call = 0; call < calls; call++) sink = work(call);
  const ms = cpuMs() - since;
  if (sink === timeRound) throw new Error("unreachable, but it keeps every result alive");
  return ms;
}
