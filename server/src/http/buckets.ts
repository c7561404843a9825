/** Limits of how much one asks for: token buckets by key, and slots that are held while something is open. In memory and of
 *  this process only: behind several processes each grants its own. */

export type Rate = { readonly burst: number; readonly perSecond: number };
/** What is left, and in how many seconds there is one more (`wait`, 0 when there is one) and all (`reset`). */
export type Taken = { readonly ok: boolean; readonly left: number; readonly wait: number; readonly reset: number };

type Bucket = { milli: number; at: number };

/** Buckets of one rate. At most `most` keys are remembered; who has been silent longest is forgotten, so starts afresh. */
export class Buckets {
  readonly rate: Rate;
  readonly #most: number;
  readonly #buckets = new Map<string, Bucket>();
  constructor(rate: Rate, most: number) {
    this.rate = rate;
    this.#most = most;
  }
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one. `now` in milliseconds; counted in thousandths, so that whole numbers suffice. */
  take(key: string, now: number): Taken {
    const full = this.rate.burst * 1_000;
    const { milli, at } = this.#buckets.get(key) ?? { milli: full, at: now };
    const filled = Math.min(full, milli + Math.max(0, now - at) * this.rate.perSecond);
    const ok = filled >= 1_000;
    const left = ok ? filled - 1_000 : filled;
    this.#buckets.delete(key);
    this.#buckets.set(key, { milli: left, at: now });
    const oldest = this.#buckets.size > this.#most ? this.#buckets.keys().next().value : undefined;
    if (oldest !== undefined) this.#buckets.delete(oldest);
    const seconds = (missing: number) => Math.ceil(Math.max(0, missing) / (this.rate.perSecond * 1_000));
    return { ok, left: Math.floor(left / 1_000), wait: ok ? 0 : seconds(1_000 - left), reset: seconds(full - left) };
  }
}

/** Slots that are held for a while: so many of one key, so many of all. */
export class Slots {
  readonly #each: number;
  readonly #most: number;
  readonly #held = new Map<string, number>();
  #all = 0;
  constructor(each: number, most: number) {
    this.#each = each;
    this.#most = most;
  }
  get held(): number {
    return this.#all;
  }

  /** A slot, to be given back by calling it, or null when there is none. */
  hold(key: string): (() => void) | null {
    const own = this.#held.get(key) ?? 0;
    if (own >= this.#each || this.#all >= this.#most) return null;
    this.#held.set(key, own + 1);
    this.#all++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#all--;
      const left = (this.#held.get(key) ?? 1) - 1;
      if (left === 0) this.#held.delete(key);
      else this.#held.set(key, left);
    };
  }
}

/** The key of a remote address: of IPv6 its first 64 bits, since whoever has one address has them all. */
export function addressKey(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const all = tail === undefined ? groups : [...groups, ...Array<string>(8 - groups.length - rest.length).fill("0"), ...rest];
  return `${all.slice(0, 4).join(":")}::/64`;
}
