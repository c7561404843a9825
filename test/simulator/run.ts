/** Runs one seed: its deeds, then calm, then what must be so. Two runs of one seed are the same to the last event. */
import { MINUTE } from "../world/world.ts";
import { type Deed, deedsOf, QUIET_AT } from "./deeds.ts";
import { Broken, type Promise_ } from "./ghost.ts";
import { World } from "./house/world.ts";
import { WORLD } from "./machine/time.ts";
import { type Made, SOUND } from "./plants.ts";
import { sentIn } from "./store/chain.ts";
import { executionTable } from "./store/executions.ts";
import { requestsIn } from "./store/requests.ts";

/** How long everything may take to come to an end once faults have stopped. */
const PATIENCE_MS = 180 * MINUTE;

export type Result = {
  readonly seed: number;
  /** Hash over everything that was told. */
  readonly trace: string;
  readonly events: number;
  readonly goals: ReadonlyMap<string, number>;
  readonly broken: { readonly promise: Promise_; readonly why: string } | null;
  readonly lines: readonly string[];
};
/** `without`: deeds that are left out, by their numbers. `families`: kinds of deeds, instead of those that the seed draws.
 *  `keep`: whether the lines of the trace are wanted. */
export type Options = {
  readonly made?: Made;
  readonly families?: readonly string[] | null;
  readonly without?: ReadonlySet<number>;
  readonly keep?: boolean;
};

export async function run(seed: number, options: Options = {}): Promise<Result> {
  const { made = SOUND, families = null, without = new Set(), keep = false } = options;
  const it = new World(seed, made, keep);
  const { time, onlooker } = it;
  time.install();
  let broken: Result["broken"] = null;
  try {
    await play(
      it,
      deedsOf(seed, families).filter((_, at) => !without.has(at)),
    );
  } catch (error) {
    const promise = error instanceof Broken ? error.promise : "nothing is thrown";
    broken = { promise, why: error instanceof Broken ? error.message : `${(error as Error).stack}` };
    time.tell(`BROKEN ${error instanceof Broken ? error.message : error}`);
  } finally {
    time.uninstall();
  }
  return { seed, trace: time.digest(), events: time.events, goals: onlooker.goals, broken, lines: time.lines };
}

async function play(it: World, deeds: readonly Deed[]): Promise<void> {
  const { time, onlooker } = it;
  const look = () => undefined;
  await it.start();
  for (const { at, name, act } of deeds) {
    time.after(at, WORLD, () => {
      time.tell(`* ${name}`);
      act(it);
    });
  }
  await time.run(time.start + QUIET_AT, look);
  it.calm();
  for (let left = PATIENCE_MS; left > 0; left -= 4 * MINUTE) {
    await time.run(time.now + 4 * MINUTE, look);
    if (isOver(it)) break;
  }
  if (onlooker.isForked) return;
  onlooker.quiet(it.vault);
}

/** Whether nothing is under way any more. */
function isOver({ base, onlooker, vault, chain }: World): boolean {
  const open = requestsIn(base).where(({ state }) => state === "open" || state === "approved");
  const begun = executionTable(base).where(({ state }) => state !== "settled" && state !== "aborted");
  // A version that is tracked after its place is taken is looked after until that is beyond every reorganisation.
  const sent = sentIn(base).where(({ state }) => !["final", "failed", "replaced"].includes(state));
  const { versions, ended } = onlooker.ghostOf(vault);
  const left = versions.filter(({ nonce }) => !ended.has(nonce));
  return open.length + begun.length + sent.length + left.length + chain.pool.size === 0;
}

/** Most runs that making one failure small takes. */
const MOST_RUNS = 120;

/** A failure with as few deeds as still lead to the same broken promise, and its trace. */
export async function shrink(found: Result, options: Options = {}): Promise<Result & { readonly deeds: readonly Deed[] }> {
  const all = deedsOf(found.seed, options.families ?? null);
  const without = new Set<number>();
  let runs = 0;
  for (let size = Math.ceil(all.length / 2); ; size = Math.ceil(size / 2)) {
    for (let from = 0; from < all.length && runs < MOST_RUNS; from += size) {
      const chunk = Array.from({ length: size }, (_, at) => from + at).filter((at) => at < all.length && !without.has(at));
      if (chunk.length === 0) continue;
      runs += 1;
      const tried = await run(found.seed, { ...options, without: new Set([...without, ...chunk]) });
      if (tried.broken?.promise === found.broken?.promise) for (const at of chunk) without.add(at);
    }
    if (size === 1) break;
  }
  const least = await run(found.seed, { ...options, without, keep: true });
  return { ...least, deeds: all.filter((_, at) => !without.has(at)) };
}
