/** Virtual time, and chance from one seed: whatever happens in a run happens in an event of this queue, one after another.
 *
 *  `install` puts timers and `performance.now` of this process on that time while a run lasts, because the production code asks
 *  the process for them. Between two events everything that waits only for promises has come to rest. */
import { createHash, type Hash } from "node:crypto";

/** Whose events these are: those of one that is dead never come, those of one that stands still come when that is over. */
export type Owner = { isDead: boolean; frozenUntil?: number };
export const WORLD: Owner = { isDead: false };

type Event = { at: number; order: number; readonly owner: Owner; readonly run: () => void; isOff: boolean };

/** Chance from a seed.   Source: sfc32 of PractRand, seeded by splitmix32. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #count = 1;

  constructor(seed: number, stream = 0) {
    let state = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0;
    const next = () => {
      state = (state + 0x9e3779b9) >>> 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    };
    [this.#a, this.#b, this.#c] = [next(), next(), next()];
    for (let at = 0; at < 12; at++) this.#word();
  }

  #word(): number {
    const sum = (this.#a + this.#b + this.#count) >>> 0;
    this.#count = (this.#count + 1) >>> 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0;
    return sum;
  }

  /** From 0 up to, but not, 1. */
  part(): number {
    return this.#word() / 2 ** 32;
  }
  /** From 0 up to, but not, `below`. */
  below(below: number): number {
    return Math.floor(this.part() * below);
  }
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }
  happens(chance: number): boolean {
    return this.part() < chance;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}

const own = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  now: performance.now,
};
/** The real time of this machine, for progress. */
export const realNow = (): number => own.now.call(performance);

/** Turns that are asked for at once: Node comes to them one after another, and between any two of them to rest. One turn of the
 *  whole event loop takes longer than most events. */
const TURNS = 64;
let turns = 0;
let waiting: (() => void) | null = null;
function turn(): void {
  turns -= 1;
  const go = waiting;
  waiting = null;
  go?.();
}
/** Until everything that waits only for promises has come to rest. One waits at a time. */
const rest = () =>
  new Promise<void>((resolve) => {
    waiting = resolve;
    if (turns > 0) return;
    for (; turns < TURNS; turns++) own.setImmediate(turn);
  });

/** Ticks of the vault come this often at most; in between nothing waits for them. */
const TICK_MS = 60_000;

export class Time {
  now: number;
  readonly start: number;
  readonly chance: Chance;
  events = 0;
  /** What went wrong where nobody waits for it; ends the run. */
  fault: unknown = null;
  /** Whose code runs at this moment, so that timers belong to him. */
  owner: Owner = WORLD;
  readonly lines: string[] = [];
  readonly #hash: Hash = createHash("sha256");
  readonly #keep: boolean;
  readonly #heap: Event[] = [];
  readonly #soon: (() => void)[] = [];
  #order = 0;

  constructor(start: number, seed: number, keep: boolean) {
    [this.now, this.start, this.#keep] = [start, start, keep];
    this.chance = new Chance(seed);
  }

  /** Notes what happens; the hash over all notes is what two runs of one seed have alike. */
  tell(text: string): void {
    const line = `${((this.now - this.start) / 1_000).toFixed(3)} ${text}`;
    this.#hash.update(`${line}\n`);
    if (this.#keep) this.lines.push(line);
  }
  digest(): string {
    return this.#hash.copy().digest("hex");
  }

  /** Runs something later. Gives what calls it off. */
  after(ms: number, owner: Owner, run: () => void): () => void {
    const event = { at: this.now + Math.max(0, Math.round(ms)), order: this.#order++, owner, run, isOff: false };
    push(this.#heap, event);
    return () => {
      event.isOff = true;
    };
  }
  /** Waits; for ever when its owner dies. */
  pause(ms: number, owner: Owner): Promise<void> {
    return new Promise((resolve) => this.after(ms, owner, resolve));
  }

  /** Runs what happens until then; `look` is called after each event. */
  async run(until: number, look: () => void): Promise<void> {
    for (let event = this.#heap[0]; event !== undefined && event.at <= until; event = this.#heap[0]) {
      pop(this.#heap);
      if (event.isOff || event.owner.isDead) continue;
      this.now = event.at;
      const { frozenUntil = 0 } = event.owner;
      if (frozenUntil > event.at) {
        [event.at, event.order] = [frozenUntil, this.#order++];
        push(this.#heap, event);
        continue;
      }
      this.events += 1;
      this.owner = event.owner;
      event.run();
      await rest();
      while (this.#soon.length > 0) {
        for (const next of this.#soon.splice(0)) next();
        await rest();
      }
      if (this.fault !== null) throw this.fault;
      look();
    }
    this.now = until;
  }

  /** Puts the process on this time. */
  install(): void {
    const timer = (run: () => void, ms = 0) => ({ off: this.after(ms, this.owner, run), unref: () => undefined });
    const again = (run: () => void, ms: number) => {
      const owner = this.owner;
      const made: { off: () => void; unref: () => void } = { off: () => undefined, unref: () => undefined };
      const next = () => {
        made.off = this.after(Math.max(ms, TICK_MS), owner, () => {
          next();
          run();
        });
      };
      next();
      return made;
    };
    const clear = (made?: { off(): void }) => made?.off();
    Object.assign(globalThis, { setTimeout: timer, setInterval: again, clearTimeout: clear, clearInterval: clear });
    Object.assign(globalThis, { setImmediate: (run: () => void) => void this.#soon.push(run) });
    performance.now = () => this.now - this.start;
    // Refusals are errors with a stack that nobody reads; taking one takes longer than refusing. A replay has it.
    Error.stackTraceLimit = this.#keep ? 10 : 0;
  }
  uninstall(): void {
    const { now, ...timers } = own;
    Object.assign(globalThis, timers);
    performance.now = now;
    Error.stackTraceLimit = 10;
  }
}

const before = (a: Event, b: Event) => a.at < b.at || (a.at === b.at && a.order < b.order);

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const up = (at - 1) >> 1;
    if (!before(event, heap[up] as Event)) break;
    heap[at] = heap[up] as Event;
    at = up;
  }
  heap[at] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop() as Event;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let down = 2 * at + 1;
    if (down >= heap.length) break;
    if (down + 1 < heap.length && before(heap[down + 1] as Event, heap[down] as Event)) down += 1;
    if (!before(heap[down] as Event, last)) break;
    heap[at] = heap[down] as Event;
    at = down;
  }
  heap[at] = last;
}
