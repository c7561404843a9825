/** A chain of blocks as nodes show it: reorganisations, fees that rise, broadcasts that are lost, and what it means for the
 *  balance. `openEvm` stands for the server's own online half, whose ballot over many nodes is tested against real ones: here
 *  what enough nodes agree on lags behind, or is not to be had. */
import { createHash } from "node:crypto";
import { feesFor } from "../../../server/src/chain/evm/fees.ts";
import { addressKey, readSigned } from "../../../server/src/chain/evm/signed.ts";
import type { BlockRef, Head, Mined, Online, Sent, SignedTransaction } from "../../../server/src/chain/types.ts";
import { Problem } from "../../../server/src/http/call.ts";
import type { Owner, Time } from "../machine/time.ts";

const GAS = 21_000n;
const GWEI = 10n ** 9n;
export const TIP = GWEI;
export const BLOCK_MS = 60_000;
/** Deepest reorganisation that this chain makes, and that the server follows. */
export const DEPTH = 3;

type Entry = {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly amount: bigint;
  readonly nonce: number;
};
/** `fee`: what it cost. */
type Done = Entry & { readonly fee: bigint; readonly raw: Uint8Array | null };
export type Block = BlockRef & {
  readonly baseFee: bigint;
  readonly done: readonly Done[];
  /** By address key, after it. */
  readonly balances: ReadonlyMap<string, bigint>;
  readonly nonces: ReadonlyMap<string, number>;
};

export class Chain {
  readonly blocks: Block[] = [];
  /** Blocks by hash, those of abandoned branches too. */
  readonly known = new Map<string, Block>();
  readonly pool = new Map<string, SignedTransaction>();
  /** Everything of ours that any block ever had, by id. */
  readonly seen = new Map<string, Uint8Array>();
  baseFee = 10n * GWEI;
  /** Towards what the base fee moves. */
  target = 10n * GWEI;
  /** Chance that a block leaves out a transaction that it could have. */
  censors = 0;
  readonly #time: Time;
  #branch = 0;

  constructor(time: Time) {
    this.#time = time;
    this.#append({ done: [], balances: new Map(), nonces: new Map() });
  }

  get head(): Block {
    return this.blocks.at(-1) as Block;
  }
  balance(address: string): bigint {
    return this.head.balances.get(addressKey(address)) ?? 0n;
  }
  nonce(address: string): number {
    return this.head.nonces.get(addressKey(address)) ?? 0;
  }
  isCanonical({ number, hash }: { readonly number: number; readonly hash: string }): boolean {
    return this.blocks[number]?.hash === hash;
  }

  #append(content: Pick<Block, "done" | "balances" | "nonces">): void {
    const number = this.blocks.length;
    const parent = this.blocks.at(-1)?.hash ?? "00".repeat(32);
    const ids = content.done.map(({ id }) => id).join(" ");
    const hash = createHash("sha256").update(`${number} ${parent} ${this.#branch} ${ids}`).digest("hex");
    const block = { number, hash, parent, at: new Date(this.#time.now), baseFee: this.baseFee, ...content };
    this.blocks.push(block);
    this.known.set(hash, block);
  }

  /** One more block. `deposits`: what strangers pay to an address. */
  mine(deposits: readonly { readonly to: string; readonly amount: bigint }[] = []): void {
    const { chance } = this.#time;
    const step = (this.target - this.baseFee) / 2n;
    this.baseFee += step === 0n ? this.target - this.baseFee : step;
    const balances = new Map(this.head.balances);
    const nonces = new Map(this.head.nonces);
    const done: Done[] = [];
    for (const { to, amount } of deposits) {
      const name = `deposit ${this.blocks.length} ${this.#branch} ${done.length}`;
      const id = `0x${createHash("sha256").update(name).digest("hex")}`;
      const from = `0x${"de".repeat(20)}`;
      done.push({ id, from, to: addressKey(to), amount, nonce: this.blocks.length * 100 + done.length, fee: 0n, raw: null });
      balances.set(addressKey(to), (balances.get(addressKey(to)) ?? 0n) + amount);
    }
    const waiting = [...this.pool.values()].sort((a, b) => a.nonce - b.nonce || (a.maxFeePerGas < b.maxFeePerGas ? 1 : -1));
    for (const one of waiting) {
      if (one.maxFeePerGas < this.baseFee || chance.happens(this.censors)) continue;
      this.#include(one, { balances, nonces, done });
    }
    this.#append({ done, balances, nonces });
    for (const { id, raw } of done) if (raw !== null) this.seen.set(id, raw);
    for (const [id, { from, nonce }] of this.pool) if (nonce < this.nonce(from)) this.pool.delete(id);
    if (done.length > 0) this.#time.tell(`block ${this.head.number}: ${done.map(({ id }) => id.slice(0, 10)).join(" ")}`);
  }

  #include(one: SignedTransaction, into: { balances: Map<string, bigint>; nonces: Map<string, number>; done: Done[] }): void {
    const [from, to] = [addressKey(one.from), addressKey(one.to)];
    const tip = this.baseFee + one.maxPriorityFeePerGas;
    const price = one.maxFeePerGas < tip ? one.maxFeePerGas : tip;
    const fee = GAS * price;
    const balance = into.balances.get(from) ?? 0n;
    if ((into.nonces.get(from) ?? 0) !== one.nonce || balance < one.amount + GAS * one.maxFeePerGas) return;
    into.balances.set(from, balance - one.amount - fee);
    into.balances.set(to, (into.balances.get(to) ?? 0n) + one.amount);
    into.nonces.set(from, one.nonce + 1);
    const { id, amount, nonce, raw } = one;
    into.done.push({ id, from, to, amount, nonce, fee, raw });
  }

  /** The newest blocks are not of the chain any more; what they held waits again, or is lost with them. */
  reorganise(depth: number, losing: number): void {
    const gone = this.blocks.splice(Math.max(1, this.blocks.length - depth));
    this.#branch += 1;
    for (const { raw } of gone.flatMap(({ done }) => done)) {
      if (raw === null || this.#time.chance.happens(losing)) continue;
      const read = readSigned(raw);
      this.pool.set(read.id, read);
    }
    this.#time.tell(`reorganised ${gone.length} blocks down to ${this.head.number}`);
    // What strangers had paid comes again in the first of the new ones.
    const deposits = gone.flatMap(({ done }) => done).filter(({ raw }) => raw === null);
    for (let at = 0; at <= gone.length; at++) this.mine(at === 0 ? deposits : []);
  }

  /** What a node says to a broadcast. */
  take(raw: Uint8Array): Sent {
    const one = readSigned(raw);
    const known = this.pool.has(one.id) || this.head.done.some(({ id }) => id === one.id);
    if (known) return { outcome: "known", accepted: 0, detail: "" };
    if (one.nonce < this.nonce(one.from)) return { outcome: "nonce-too-low", accepted: 0, detail: "" };
    if (this.balance(one.from) < one.amount + GAS * one.maxFeePerGas)
      return { outcome: "insufficient-funds", accepted: 0, detail: "" };
    const rivals = [...this.pool.values()].filter((other) => other.from === one.from && other.nonce === one.nonce);
    const isCheap = rivals.some(
      (other) =>
        one.maxFeePerGas * 10n < other.maxFeePerGas * 11n || one.maxPriorityFeePerGas * 10n < other.maxPriorityFeePerGas * 11n,
    );
    if (isCheap) return { outcome: "underpriced", accepted: 0, detail: "" };
    for (const { id } of rivals) this.pool.delete(id);
    this.pool.set(one.id, one);
    return { outcome: "accepted", accepted: 1, detail: "" };
  }
}

/** How one process sees the chain. `lag`: blocks that its nodes are behind. */
export type Sight = {
  readonly chain: Chain;
  readonly owner: Owner;
  readonly time: Time;
  lag: number;
  isBlind: boolean;
  /** Chance that a broadcast is lost, or arrives twice or late. */
  loss: number;
};

let opening: Sight | null = null;
/** The next `openEvm` looks through these eyes. */
export function openThrough(sight: Sight): void {
  opening = sight;
}

/** Stands for the server's own. */
export function openEvm(): Online {
  const sight = opening as Sight;
  const { chain, owner, time } = sight;
  const ask = async () => {
    if (time.chance.happens(0.3)) await time.pause(time.chance.between(1, 200), owner);
    if (sight.isBlind) throw new Problem("CHAIN_UNREACHABLE", { field: "chain", detail: "no quorum of nodes" });
  };
  const tip = () => chain.blocks[Math.max(0, chain.blocks.length - 1 - sight.lag)] as Block;
  const at = (number: number) => {
    const block = number > tip().number ? undefined : chain.blocks[number];
    if (block === undefined) throw new Problem("CHAIN_UNREACHABLE", { field: "chain", detail: `no block ${number}` });
    return block;
  };
  const asHead = ({ number, hash, parent, at: date, baseFee }: Block): Head => ({ number, hash, parent, at: date, baseFee });
  const whole = ({ hash }: BlockRef) => chain.known.get(hash) as Block;
  return {
    poll: async () => undefined,
    trouble: () => (sight.isBlind ? "blind" : ""),
    health: () => [],
    close: async () => undefined,
    addressText: (key) => key,
    addressKey,
    head: () => (sight.isBlind ? null : asHead(tip())),
    async header(number) {
      await ask();
      return asHead(at(number));
    },
    async content(block) {
      await ask();
      const { done } = whole(block);
      const movements = done.filter(({ amount }) => amount > 0n);
      return {
        listed: done.map(({ id, from, nonce, amount }) => ({ id, slot: `evm:31337:${from}:${nonce}`, from, value: amount })),
        movements: movements.map(({ id, from, to, amount }) => ({ tx: id, place: "value", contract: null, from, to, amount })),
      };
    },
    async outcomes(block, ids) {
      await ask();
      return ids.map((id) => minedIn(whole(block), id) as Mined);
    },
    changes: async (_block, holdings) => holdings.map(() => null),
    async mined(id) {
      await ask();
      const block = chain.blocks.slice(0, tip().number + 1).find(({ done }) => done.some((one) => one.id === id));
      return block === undefined ? null : minedIn(block, id);
    },
    async balance(address) {
      await ask();
      const { number, hash, balances } = tip();
      return { amount: balances.get(addressKey(address)) ?? 0n, block: number, blockHash: hash };
    },
    async sentBy(address, block) {
      await ask();
      return whole(block).nonces.get(addressKey(address)) ?? 0;
    },
    async quote() {
      await ask();
      const fees = feesFor(tip().baseFee, TIP);
      const fee = GAS * fees.maxFeePerGas;
      return { gasLimit: Number(GAS), ...fees, fee, totalFee: fee * 2n };
    },
    broadcast: (raw) => broadcast(sight, raw),
    async raw(id) {
      await ask();
      return chain.pool.get(id)?.raw ?? chain.seen.get(id) ?? null;
    },
  };
}

function minedIn({ number, hash, done }: Block, id: string): Mined | null {
  const one = done.find((item) => item.id === id);
  if (one === undefined) return null;
  return { id, block: number, blockHash: hash, succeeded: true, gasUsed: GAS, fee: one.fee, movements: [] };
}

async function broadcast({ chain, owner, time, loss, isBlind }: Sight, raw: Uint8Array): Promise<Sent> {
  const { chance } = time;
  await time.pause(chance.between(1, 100), owner);
  if (isBlind) return { outcome: "unreachable", accepted: 0, detail: "" };
  if (chance.happens(loss)) return { outcome: "accepted", accepted: 1, detail: "lost" };
  // It may come once more, long after everybody has forgotten it.
  if (chance.happens(loss)) time.after(chance.between(1_000, 1_200_000), { isDead: false }, () => void chain.take(raw));
  return chain.take(raw);
}
