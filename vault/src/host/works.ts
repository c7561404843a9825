/** Keystore calls under way: a few at once, each job once, faults turned into inputs. Not for deciding whether to try again:
 *  that is `decide`; here a job that fails again and again only waits longer each time. */
import type { Input, Job, KeyFault, KeySpec } from "../types.ts";
import { KeyFaultError } from "./keys/fault.ts";
import type { Keystore } from "./keys/software.ts";
import { limits } from "./limits.ts";

/** An input without the time, which the loop adds. */
export type Bare<T> = T extends unknown ? Omit<T, "now"> : never;
export type Outcomes = Extract<Bare<Input>, { signed: unknown } | { created: unknown }>;

type Sinks = {
  /** Takes what came of a call. */
  readonly done: (outcome: Outcomes) => void;
  /** Takes whatever is thrown that is no `KeyFaultError`: a bug. */
  readonly fail: (error: unknown) => void;
};

export class Works {
  readonly #keystore: Keystore;
  readonly #sinks: Sinks;
  readonly #given = new Map<string, AbortController>();
  readonly #faults = new Map<string, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #queue: (() => Promise<void>)[] = [];
  #calls = 0;
  #open = true;

  constructor(keystore: Keystore, sinks: Sinks) {
    this.#keystore = keystore;
    this.#sinks = sinks;
  }

  /** Has a job signed. Nothing happens when the same job is under way. */
  sign(job: Job): void {
    this.#give(`sign ${job.id}`, async (abort) => {
      const result = await settle(this.#keystore.sign(job, abort));
      return { outcome: { signed: job.id, result }, result };
    });
  }

  /** Has a key made. */
  create(spec: KeySpec): void {
    this.#give(`create ${spec.id}`, async () => {
      const result = await settle(this.#keystore.create(spec));
      return { outcome: { created: spec.id, result }, result };
    });
  }

  /** Gives up every call; what still comes of one is dropped. */
  close(): void {
    this.#open = false;
    this.#queue.length = 0;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const abort of this.#given.values()) abort.abort();
  }

  #give(name: string, call: (abort: AbortSignal) => Promise<{ outcome: Outcomes; result: object }>): void {
    if (!this.#open || this.#given.has(name)) return;
    const abort = new AbortController();
    this.#given.set(name, abort);
    const run = async () => {
      const { outcome, result } = await call(abort.signal);
      this.#given.delete(name);
      const again = "fault" in result && (result as KeyFault).next === "retry";
      if (again) this.#faults.set(name, (this.#faults.get(name) ?? 0) + 1);
      else this.#faults.delete(name);
      if (this.#open) this.#sinks.done(outcome);
    };
    const faults = this.#faults.get(name) ?? 0;
    if (faults === 0) {
      this.#enter(run);
      return;
    }
    const waitMs = Math.min(limits.retryMsMax, limits.retryMs * 2 ** Math.min(faults - 1, 20));
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#enter(run);
    }, waitMs);
    this.#timers.add(timer);
  }

  #enter(run: () => Promise<void>): void {
    this.#queue.push(run);
    this.#pump();
  }

  #pump(): void {
    while (this.#open && this.#calls < limits.keystoreCalls) {
      const run = this.#queue.shift();
      if (run === undefined) return;
      this.#calls += 1;
      run()
        .catch(this.#sinks.fail)
        .finally(() => {
          this.#calls -= 1;
          this.#pump();
        });
    }
  }
}

/** The result of a call, or its fault as a value. */
async function settle<T extends object>(call: Promise<T>): Promise<T | KeyFault> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof KeyFaultError) return error.fault;
    throw error;
  }
}
