/** The production judgement in memory, with a key store beside it: `decide` and `apply` as the vault runs them, without disk,
 *  socket and process. For tests of what is decided; what the host adds is tested against the real process. */

import { secp256k1 } from "../../core/node_modules/@noble/curves/secp256k1.js";
import { type Hash, toHex } from "../../core/src/bytes.ts";
import { chainOf } from "../../core/src/chain/table.ts";
import { openRecord } from "../../core/src/journal/record.ts";
import { derivePrivateKey, derivePublicNode } from "../../core/src/keys/hd.ts";
import { Command, ExecutionBody } from "../../core/src/protocol/command.ts";
import type { Book } from "../../core/src/rulebook/book.ts";
import type { Entry } from "../../core/src/signed/entry.ts";
import type { Start, Suspicion } from "../../core/src/signed/head.ts";
import type { Intent } from "../../core/src/signed/intent.ts";
import { decode, encode } from "../../core/src/signed/object.ts";
import { decide } from "../../vault/src/decide/decide.ts";
import { apply } from "../../vault/src/state/apply.ts";
import { entries } from "../../vault/src/state/map.ts";
import { encodeState, StateReader } from "../../vault/src/state/snapshot.ts";
import { emptyState, type Founded, type State, startOf } from "../../vault/src/state/state.ts";
import type { AccountKey, Answer, Effect, Input, Job, KeySpec, Now, Outcome } from "../../vault/src/types.ts";
import { demandTold } from "./explain.ts";
import type { Device } from "./keys.ts";
import { someHash } from "./keys.ts";
import * as world from "./world.ts";

const SEED = new Uint8Array(64).fill(7);

/** Account key of a spec from the test seed. */
export function createKey({ path }: Pick<KeySpec, "path">): AccountKey {
  const { publicKey, chainCode } = derivePublicNode(SEED, path);
  return { publicKey: toHex(publicKey), chainCode: toHex(chainCode) };
}

/** Signatures of a job from the test seed: r ‖ s ‖ recovery id. */
export function signJob(job: Job): Uint8Array[] {
  return job.parts.map(({ path, family, bytes }) => {
    const digest = chainOf(family).digest(bytes);
    const made = secp256k1.sign(digest, derivePrivateKey(SEED, path), { prehash: false, format: "recovered" });
    const signature = new Uint8Array(65);
    signature.set(made.subarray(1));
    signature[64] = made[0] as number;
    return signature;
  });
}

/** The state as a start finds it in a snapshot. */
export function throughSnapshot(state: State): State {
  const reader = new StateReader();
  for (const chunk of encodeState(state)) reader.add(chunk);
  return reader.done();
}

/** A vault in memory. `hold` keeps effects back until `release`, as a slow key store would. */
export class MemoryVault {
  state: State;
  now: Now = { lo: world.NOW, hi: world.NOW };
  readonly journal: Uint8Array[] = [];
  readonly held: Effect[] = [];
  hold = false;
  #boots = 0;

  constructor(state: State = emptyState(toHex(world.KEYS.vault.publicKey)), now?: Now) {
    this.state = state;
    this.now = now ?? this.now;
    this.boot();
  }

  /** One input, decided and applied, with its explanation compared (`explain.ts`); signing and creating are done at once
   *  unless held. The answers, in order. */
  feed(input: Input): Answer[] {
    const outcome: Outcome = decide(this.state, input);
    demandTold(this.state, input, outcome);
    for (const record of outcome.records) {
      this.journal.push(record.bytes);
      this.state = apply(this.state, record);
    }
    return outcome.effects.flatMap((effect) => this.#perform(effect));
  }

  #perform(effect: Effect): Answer[] {
    if ("reply" in effect) return "wait" in effect.reply ? [] : [effect.reply];
    if (this.hold) {
      this.held.push(effect);
      return [];
    }
    if ("create" in effect) return this.feed({ now: this.now, created: effect.create.id, result: createKey(effect.create) });
    return this.feed({ now: this.now, signed: effect.sign.id, result: signJob(effect.sign) });
  }

  /** Performs what was held. */
  release(): Answer[] {
    this.hold = false;
    return this.held.splice(0).flatMap((effect) => this.#perform(effect));
  }

  /** The answer to a command; when it waits for a held effect, a pending answer without a code. */
  send(command: Command | Uint8Array): Answer {
    const bytes = command instanceof Uint8Array ? command : encode(Command, command);
    const [answer] = this.feed({ now: this.now, command: bytes });
    return answer ?? { to: null, code: "OVERLOADED", field: "", detail: "waiting", body: new Uint8Array() };
  }

  /** A start: a fresh boot nonce; committed work is given out again. */
  boot(suspicion?: Suspicion): Answer[] {
    this.#boots += 1;
    return this.feed({ now: this.now, booted: someHash(`boot ${this.#boots} ${this.state.seq}`), suspicion });
  }

  /** A restart from the journal alone. */
  restart(suspicion?: Suspicion): Answer[] {
    this.state = this.journal.map(openRecord).reduce(apply, emptyState(this.state.vaultKey));
    return this.boot(suspicion);
  }

  /** The start as administrators are shown it. */
  start(): Start {
    return startOf(this.state as Founded);
  }

  /** Confirms the start as these administrators. */
  confirm(by: readonly Device[] = [world.KEYS.ada, world.KEYS.ben]): Answer {
    const ground = this.ground();
    const approvals = by.map((key) => world.approveStart(ground, this.start(), { key }));
    return this.send(world.command({ command: "confirm", approvals }));
  }

  /** Moves both bounds of the time. */
  wait(ms: number): void {
    this.now = { lo: this.now.lo + ms, hi: this.now.hi + ms };
  }

  /** What approvals are given on at this moment. */
  ground(change: Partial<world.Ground> = {}): world.Ground {
    const { seq, head: hash, boot, book } = this.state;
    const notAfter = this.now.hi + world.HOUR;
    return { book: book as Book, head: { seq, hash }, boot: boot as Hash, notAfter, ...change };
  }

  /** Executes one intent with the approvals of these people, all honest. */
  run(intent: Intent, approvers: readonly Device[], more: Parameters<typeof world.execute>[2] = {}): Answer {
    return this.send(world.execute([intent], world.approveAll(this.ground(), intent, approvers), more));
  }
}

/** A vault that is founded and has the wallet `treasury` with its address 0 attested and the entries of `entries`. */
export function foundedVault(
  parts: Parameters<typeof world.makeWorld>[0] & { entries?: (book: Book) => readonly Entry[] } = {},
): {
  vault: MemoryVault;
  made: world.World;
} {
  const { KEYS } = world;
  const made = world.makeWorld(parts);
  const vault = new MemoryVault(emptyState(made.genesis.vaultKey));
  must(vault.send(world.command({ command: "found", genesis: made.signedGenesis, rulebook: made.signedRulebook })));
  must(vault.run(world.wallet(made.book), [KEYS.carl]));
  must(vault.send(world.command({ command: "address", wallet: "treasury", index: 0 })));
  const list = parts.entries?.(made.book) ?? [world.acme(made.book), world.zoe(made.book)];
  for (const entry of list) must(vault.run(world.enter(made.book, entry), [KEYS.carl]));
  return { vault, made };
}

/** What is used of a limit, everything that it is counted for together. */
export function usedOf({ state }: MemoryVault, limit: string): bigint {
  const all = [...entries(state.usage)].flatMap(([, limits]) => [...limits]);
  const buckets = all.filter(([name]) => name.startsWith(`${limit}|`)).flatMap(([, usage]) => usage.buckets);
  return buckets.reduce((sum, [, amount]) => sum + amount, 0n);
}

/** Fails the test unless the answer is OK. */
export function must(answer: Answer): Answer {
  if (answer.code !== "OK") throw new Error(`${answer.code} at ${answer.field}: ${answer.detail}`);
  return answer;
}

/** The execution in an answer. */
export function execution(answer: Answer): ExecutionBody {
  return decode(ExecutionBody, must(answer).body);
}
