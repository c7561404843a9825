/** A vault: the production run loop, clock and receipts over a disk and a key store in memory. It is killed at any moment,
 *  loses what was not durable, and starts again from the bytes of its journal. */
import { secp256k1 } from "../../../core/node_modules/@noble/curves/secp256k1.js";
import { type Hash, toHex } from "../../../core/src/bytes.ts";
import { chainOf } from "../../../core/src/chain/table.ts";
import { openRecord, type Sealed } from "../../../core/src/journal/record.ts";
import { derivePrivateKey } from "../../../core/src/keys/hd.ts";
import { Command, ExecutionBody } from "../../../core/src/protocol/command.ts";
import { decode, encode, Signed } from "../../../core/src/signed/object.ts";
import { Receipt } from "../../../core/src/signed/receipt.ts";
import { clockFrom } from "../../../vault/src/host/clock.ts";
import type { WholeMind } from "../../../vault/src/host/journal/replay.ts";
import type { Journal } from "../../../vault/src/host/journal/write.ts";
import { KeyFaultError } from "../../../vault/src/host/keys/fault.ts";
import type { Keystore } from "../../../vault/src/host/keys/software.ts";
import { receiptsOf } from "../../../vault/src/host/receipts.ts";
import { Loop } from "../../../vault/src/host/run.ts";
import { mind as production } from "../../../vault/src/mind.ts";
import type { State } from "../../../vault/src/state/state.ts";
import type { Job } from "../../../vault/src/types.ts";
import { someHash } from "../../world/keys.ts";
import { createKey } from "../../world/vault.ts";
import * as world from "../../world/world.ts";
import { sealing } from "../machine/signatures.ts";
import type { Owner, Time } from "../machine/time.ts";
import { START } from "../stage.ts";

export type Mind = WholeMind<State>;
export const PRODUCTION: Mind = production;

/** What a disk holds: records, batch by batch. */
export type Disk = (readonly Uint8Array[])[];
/** Who watches a vault: each durable record, each start and each answer that leaves. */
export type Watcher = {
  recorded(vault: VaultProcess, record: Sealed): void;
  started(vault: VaultProcess, kept: number): void;
  answered(vault: VaultProcess, command: Uint8Array, receipt: Receipt): void;
};
/** How ill it fares. `syncMs`: longest time of a sync. Chances that the key store gives up a call, and that it takes long. */
export type Weather = { syncMs: number; faults: number; slow: number };
export const CALM: Readonly<Weather> = { syncMs: 5, faults: 0, slow: 0.1 };

const identity = {
  id: world.KEYS.vault.id,
  publicKey: world.KEYS.vault.publicKey,
  sign: sealing(world.KEYS.vault.publicKey),
  signCheckpoint: () => {
    throw new Error("nobody asks for checkpoints here");
  },
};

const never = (): never => {
  throw new Error("no snapshot is written here");
};
/** A vault starts from its records alone. */
const NO_KEEPER = { isDue: () => false, begin: never };

const LAZY_MS = 400;

let boots = 0;
/** Boot nonces follow from how many there were. */
export function beginBoots(): void {
  boots = 0;
}

const SEED = new Uint8Array(64).fill(7);
const secrets = new Map<string, Uint8Array>();
const signatures = new Map<string, Uint8Array>();

/** Signatures are deterministic (RFC 6979), so each is made once. */
function signed({ path, family, bytes }: Job["parts"][number]): Uint8Array {
  const name = `${path} ${toHex(bytes)}`;
  const known = signatures.get(name);
  if (known !== undefined) return known;
  const secret = secrets.get(path) ?? derivePrivateKey(SEED, path);
  secrets.set(path, secret);
  const made = secp256k1.sign(chainOf(family).digest(bytes), secret, { prehash: false, format: "recovered" });
  const signature = Uint8Array.of(...made.subarray(1), made[0] as number);
  signatures.set(name, signature);
  return signature;
}

const founded = new WeakMap<Mind, State>();
function foundedState(mind: Mind): State {
  const known = founded.get(mind) ?? START.journal.map(openRecord).reduce(mind.apply, mind.empty(START.vaultKey));
  founded.set(mind, known);
  return known;
}

type Parts = {
  readonly time: Time;
  readonly mind: Mind;
  readonly watcher: Watcher;
  readonly weather: Weather;
  readonly isDiskLazy: boolean;
};

export class VaultProcess {
  readonly name: string;
  readonly disk: Disk;
  readonly weather: Weather;
  owner: Owner = { isDead: true };
  boot: Hash = world.ZERO;
  /** Where its journal ends, as far as it is durable. */
  head = { sequence: 0, chain: world.ZERO };
  /** Off the true time by so much. */
  wallMs = 0;
  onDeath: (() => void)[] = [];
  /** Told once, when something was committed and is not signed yet. */
  onCommitted: (() => void) | null = null;
  /** True time at which the newest records were decided. */
  decidedAt = 0;
  readonly #time: Time;
  readonly #mind: Mind;
  readonly #watcher: Watcher;
  readonly #isDiskLazy: boolean;
  #loop: Loop<State> | null = null;
  #unsynced: readonly Uint8Array[] = [];
  #atSync: { left: number; readonly then: () => void } | null = null;

  constructor(name: string, disk: Disk, parts: Parts) {
    [this.name, this.disk, this.weather] = [name, disk, parts.weather];
    [this.#time, this.#mind, this.#watcher] = [parts.time, parts.mind, parts.watcher];
    this.#isDiskLazy = parts.isDiskLazy;
  }

  get isUp(): boolean {
    return !this.owner.isDead;
  }
  get state(): State | null {
    return this.#loop?.state ?? null;
  }

  /** From the bytes of the disk alone. */
  start(): void {
    const { mind, time } = { mind: this.#mind, time: this.#time };
    this.owner = { isDead: false };
    boots += 1;
    this.boot = someHash(`boot ${boots} of the simulator`);
    const state = this.disk.flat().map(openRecord).reduce(mind.apply, foundedState(mind));
    this.head = { sequence: state.seq, chain: mind.head(state) };
    const source = { monotonicMs: () => time.now, wallMs: () => time.now + this.wallMs };
    const clock = clockFrom(mind.journaledAt(state), source);
    const receipts = receiptsOf(identity, this.boot);
    const before = time.owner;
    time.owner = this.owner;
    const parts = { state, boot: this.boot, journal: this.#journal(), keystore: this.#keystore(), receipts, clock };
    // No journal is put back here, so nothing looks at a mark.
    const mark = () => Promise.resolve();
    this.#loop = new Loop({ mind, ...parts, mark, keeper: NO_KEEPER, fence: { held: () => true } });
    this.#loop.ended.catch((error: unknown) => {
      time.fault = error;
    });
    time.owner = before;
    this.#watcher.started(this, this.disk.length);
    time.tell(`${this.name} starts at ${state.seq}`);
  }

  /** SIGKILL. `survives`: what was on its way to the disk is there all the same. */
  kill(survives: boolean): void {
    if (!this.isUp) return;
    this.#time.tell(
      `${this.name} is killed${this.#unsynced.length > 0 ? `, its last batch ${survives ? "kept" : "lost"}` : ""}`,
    );
    this.owner.isDead = true;
    this.#loop = null;
    if (survives) this.#keep(this.#unsynced);
    this.#unsynced = [];
    for (const tell of this.onDeath.splice(0)) tell();
  }

  /** Has something done in the middle of a sync, after so many others. */
  killAtSync(others: number, then: () => void): void {
    this.#atSync = { left: others, then };
  }

  /** The disk is put back to what it was after so many batches. */
  rollBack(kept: number): void {
    this.disk.splice(kept);
  }

  /** The transactions that it would show of an intent, without its being asked. */
  show(intent: Hash): readonly string[] {
    const { state } = this;
    if (state === null) return [];
    const command = encode(Command, world.command({ command: "show", what: "execution", name: intent }));
    const { effects } = this.#mind.decide(state, { now: { lo: state.at, hi: state.at }, command });
    const [answer] = effects.flatMap((effect) => ("reply" in effect && "code" in effect.reply ? [effect.reply] : []));
    if (answer?.code !== "OK") return [];
    const { transactions, earlier = [] } = decode(ExecutionBody, answer.body);
    return [...transactions, ...earlier].map(({ id }) => id);
  }

  /** One command. The answer leaves when what it rests on is durable. */
  ask(command: Uint8Array, reply: (receipt: Uint8Array) => void): void {
    const { owner } = this;
    this.#loop?.ask(command, (receipt) => {
      if (owner.isDead) return;
      const value = decode(Receipt, decode(Signed, receipt).body);
      this.#watcher.answered(this, command, value);
      reply(receipt);
    });
  }

  #keep(records: readonly Uint8Array[]): void {
    if (records.length === 0) return;
    this.disk.push(records);
    for (const bytes of records) {
      const record = openRecord(bytes);
      this.#watcher.recorded(this, record);
      if (record.value.kind !== "committed") continue;
      this.onCommitted?.();
      this.onCommitted = null;
    }
  }

  /** What a disk does that does not keep its word. */
  #keepLater(records: readonly Uint8Array[]): void {
    this.decidedAt = this.#time.now;
    this.#time.after(LAZY_MS, this.owner, () => this.#keep(records));
  }

  #journal(): Journal {
    const { owner } = this;
    return {
      append: async (records) => {
        if (records.length > 0 && this.#isDiskLazy) this.#keepLater(records);
        else if (records.length > 0) {
          this.#unsynced = records;
          this.decidedAt = this.#time.now;
          const plan = this.#atSync;
          if (plan !== null && plan.left-- === 0) {
            this.#atSync = null;
            plan.then();
          }
          await this.#time.pause(this.#time.chance.between(0, this.weather.syncMs), owner);
          this.#unsynced = [];
          this.#keep(records);
        }
        const state = this.#loop?.state as State;
        this.head = { sequence: state.seq, chain: this.#mind.head(state) };
        return this.head;
      },
      head: () => this.head,
      cut: never,
      close: async () => undefined,
    };
  }

  #keystore(): Keystore {
    const { owner, weather } = this;
    const { chance } = this.#time;
    const wait = async () => {
      await this.#time.pause(chance.happens(weather.slow) ? chance.between(1_000, 60_000) : chance.between(1, 50), owner);
      if (chance.happens(weather.faults)) throw new KeyFaultError("KEY_ABORTED");
    };
    return {
      async create(spec) {
        await wait();
        return createKey(spec);
      },
      async sign(job) {
        await wait();
        return job.parts.map(signed);
      },
    };
  }
}
