/** The run loop: drains inputs, has each decided and applied, makes all records durable with one sync, then acts.
 *
 *  Nothing leaves before the sync: no answer, no key, no signature, and nobody is told of a head or a deployment that is not
 *  durable. Each outcome of an effect is an input again. Whatever goes wrong on the way to the disk, or contradicts itself,
 *  ends the loop, and nothing is answered after it. What comes by console or file is decided before all that waits, so that
 *  no flood at the socket keeps a freeze out. The loop decides nothing; how questions arrive is in `serve/`. */
import type { Hash } from "@strongroom/core/bytes";
import type { Sealed } from "@strongroom/core/journal/record";
import type { Suspicion } from "@strongroom/core/signed/head";
import type { Answer, Effect, Input, JobId, Now, Outcome } from "../types.ts";
import { Fault } from "./fault.ts";
import type { Fence } from "./journal/fence.ts";
import type { Keeper } from "./journal/keeper.ts";
import type { Head, Journal } from "./journal/write.ts";
import type { Keystore } from "./keys/software.ts";
import { limits } from "./limits.ts";
import { type Receipts, type Reply, refusal, requestHash, type Stand } from "./receipts.ts";
import { type Bare, Works } from "./works.ts";

/** The pure side. What an earlier boot left to be signed or made, `decide` gives out again when it hears of the boot. */
export type Mind<State> = {
  decide(state: State, input: Input): Outcome;
  apply(state: State, record: Sealed): State;
  deployment(state: State): Hash | null;
};

/** What the loop works with. `boot`: 32 fresh bytes. `suspicion`: why the journal may be an older one. `mark`: notes beside the
 *  journal how far it goes. */
export type Parts<State> = {
  readonly mind: Mind<State>;
  readonly state: State;
  readonly boot: Hash;
  readonly suspicion?: Suspicion | undefined;
  readonly journal: Journal;
  readonly mark: (head: Head) => Promise<void>;
  readonly keeper: Pick<Keeper<State>, "isDue" | "begin">;
  readonly fence: Pick<Fence, "held">;
  readonly keystore: Keystore;
  readonly receipts: Receipts;
  readonly clock: () => Now;
};

/** Takes the bytes of the signed receipt. Called at most once. */
export type Asker = (receipt: Uint8Array) => void;

type Question = { readonly request: Hash; readonly asker: Asker };
type Entry = { readonly input: Bare<Input>; readonly question?: Question };
type Decided = { readonly entry: Entry; readonly effects: readonly Effect[]; readonly at: number };

/** One boot of the vault. The first input is the boot itself. */
export class Loop<State> {
  /** Settles when the loop has ended; rejects with what ended it. */
  readonly ended: Promise<void>;
  readonly #parts: Parts<State>;
  readonly #works: Works;
  readonly #end: PromiseWithResolvers<void>;
  readonly #tick: NodeJS.Timeout;
  /** What goes before the queue: the boot, and what comes by console or file. */
  readonly #first: Entry[] = [];
  readonly #queue: Entry[] = [];
  readonly #waiting = new Map<JobId, Question[]>();
  #state: State;
  /** What of the state is durable and may be told. */
  #stand: Omit<Stand, "at">;
  #queuedBytes = 0;
  #waiters = 0;
  #draining: Promise<void> | null = null;
  #open = true;
  #failed = false;
  /** How many records the mark names; null until this start is durable. */
  #marked: number | null = null;

  constructor(parts: Parts<State>) {
    this.#parts = parts;
    this.#state = parts.state;
    this.#stand = this.#standAt(parts.journal.head());
    this.#end = Promise.withResolvers<void>();
    this.ended = this.#end.promise;
    this.#works = new Works(parts.keystore, {
      done: (input) => this.#enqueue({ input }),
      fail: (error) => this.fail(error),
    });
    this.#tick = setInterval(() => this.#ticked(), limits.tickMs);
    this.#enqueue({ input: { booted: parts.boot, suspicion: parts.suspicion } }, this.#first);
  }

  get state(): State {
    return this.#state;
  }

  /** Puts a command in the queue; when it is full the asker hears OVERLOADED at once. */
  ask(request: Uint8Array, asker: Asker): void {
    const isFull = this.#queue.length >= limits.queue || this.#queuedBytes + request.length > limits.queueBytes;
    if (isFull) {
      this.answer(request, refusal("OVERLOADED", "command", "the queue is full"), asker);
      return;
    }
    this.#queuedBytes += request.length;
    this.#enqueue({ input: { command: request }, question: { request: requestHash(request), asker } });
  }

  /** The same for what must not be kept waiting by others. Whoever calls this waits for one answer before he asks again, so
   *  there is no limit to refuse by. */
  askFirst(request: Uint8Array, asker: Asker): void {
    this.#enqueue({ input: { command: request }, question: { request: requestHash(request), asker } }, this.#first);
  }

  /** Gives the host's own answer, without deciding. Nothing once the loop has ended. */
  answer(request: Uint8Array, reply: Reply, asker: Asker): void {
    if (this.#open) this.#tell({ request: requestHash(request), asker }, reply, this.#parts.clock().lo);
  }

  /** Ends after the batch that is under way. Whoever still waits hears nothing. A mark that cannot be made fails `ended`. */
  async stop(): Promise<void> {
    this.#shut();
    await this.#draining;
    if (this.#marked !== null && !this.#failed) await this.#mark().catch((error: unknown) => this.fail(error));
    this.#end.resolve();
  }

  /** Notes how far the journal goes. The start itself is durable by then, so no suspicion about it is lost. */
  async #mark(): Promise<void> {
    const head = this.#parts.journal.head();
    if (head.sequence === this.#marked) return;
    await this.#parts.mark(head);
    this.#marked = head.sequence;
  }

  /** Ends the loop because of `error`; nothing is answered after it. */
  fail(error: unknown): void {
    this.#shut();
    this.#failed = true;
    this.#end.reject(error);
  }

  #shut(): void {
    this.#open = false;
    this.#first.length = 0;
    this.#queue.length = 0;
    clearInterval(this.#tick);
    this.#works.close();
  }

  #ticked(): void {
    if (!this.#queue.some(({ input }) => "tick" in input)) this.#enqueue({ input: { tick: true } });
  }

  #enqueue(entry: Entry, queue = this.#queue): void {
    if (!this.#open) return;
    queue.push(entry);
    this.#draining ??= this.#drain().catch((error: unknown) => this.fail(error));
  }

  async #drain(): Promise<void> {
    const { journal, fence, keeper } = this.#parts;
    while (this.#first.length + this.#queue.length > 0) {
      // One turn of the event loop first: what arrives together is decided and synced together, and what comes first gets in.
      await new Promise((next) => setImmediate(next));
      const { decided, records } = this.#decideSome();
      const head = await journal.append(records);
      if (!fence.held()) throw new Fault("DATA_FENCED", "");
      // The first records are those of the start; before them a suspicion would be forgotten.
      if (this.#marked === null && records.length > 0) await this.#mark();
      if (this.#failed) return;
      this.#stand = this.#standAt(head);
      for (const one of decided) this.#perform(one);
      // Nothing is decided meanwhile, so this is the state after exactly the records before the cut.
      if (keeper.isDue(head.sequence)) keeper.begin(this.#state, await journal.cut());
    }
    // In the same turn in which the queue was seen empty, so that no input is left lying.
    this.#draining = null;
  }

  /** The next input; what came by the socket leaves room for others of its kind. */
  #next(): Entry | undefined {
    const first = this.#first.shift();
    if (first !== undefined) return first;
    const entry = this.#queue.shift();
    if (entry !== undefined && "command" in entry.input) this.#queuedBytes -= entry.input.command.length;
    return entry;
  }

  /** Decides and applies until nothing waits, what is to be written is enough for one sync, or others want their turn. */
  #decideSome(): { decided: Decided[]; records: Uint8Array[] } {
    const { mind, clock } = this.#parts;
    const decided: Decided[] = [];
    const records: Uint8Array[] = [];
    let bytes = 0;
    const until = performance.now() + limits.batchMs;
    while (decided.length < limits.batch && bytes < limits.appendBytes / 2 && performance.now() < until) {
      const entry = this.#next();
      if (entry === undefined) break;
      const now = clock();
      const { records: made, effects } = mind.decide(this.#state, { ...entry.input, now });
      for (const record of made) {
        this.#state = mind.apply(this.#state, record);
        records.push(record.bytes);
        bytes += record.bytes.length;
      }
      decided.push({ entry, effects, at: now.lo });
    }
    return { decided, records };
  }

  #perform({ entry, effects, at }: Decided): void {
    for (const effect of effects) {
      if ("sign" in effect) this.#works.sign(effect.sign);
      else if ("create" in effect) this.#works.create(effect.create);
      else if ("wait" in effect.reply) this.#wait(effect.reply.wait, entry, at);
      else this.#reply(effect.reply, entry, at);
    }
  }

  #wait(job: JobId, { question }: Entry, at: number): void {
    if (question === undefined) return;
    if (this.#waiters >= limits.waiting) {
      const reply = refusal("OVERLOADED", "command", "it is carried out, but too many wait for answers; ask again later");
      this.#tell(question, reply, at);
      return;
    }
    this.#waiters += 1;
    const others = this.#waiting.get(job);
    if (others === undefined) this.#waiting.set(job, [question]);
    else others.push(question);
  }

  #reply(reply: Answer, { question }: Entry, at: number): void {
    if (reply.to === null) {
      if (question !== undefined) this.#tell(question, reply, at);
      return;
    }
    const questions = this.#waiting.get(reply.to) ?? [];
    this.#waiting.delete(reply.to);
    this.#waiters -= questions.length;
    for (const one of questions) this.#tell(one, reply, at);
  }

  #tell({ request, asker }: Question, reply: Reply, at: number): void {
    asker(this.#parts.receipts(request, reply, { ...this.#stand, at }));
  }

  /** Only to be asked when all of the state is durable. */
  #standAt({ sequence, chain }: Head): Omit<Stand, "at"> {
    return { deployment: this.#parts.mind.deployment(this.#state), seq: sequence, chain };
  }
}
