/** What is remembered of pure functions: by an array of bytes itself, which is never changed, and by a text. */

/** Answers that are kept: so many of the newest, and as many of those before them. */
const MOST_KEPT = 5_000;

/** Answers by text. Those that nobody has asked for in a while are forgotten. */
export class Kept<T> {
  #newest = new Map<string, T>();
  #before = new Map<string, T>();

  of(name: string, ask: () => T): T {
    const fresh = this.#newest.get(name);
    if (fresh !== undefined) return fresh;
    const answer = this.#before.get(name) ?? ask();
    if (this.#newest.size >= MOST_KEPT) [this.#before, this.#newest] = [this.#newest, new Map()];
    this.#newest.set(name, answer);
    return answer;
  }
}

const NOTE: unique symbol = Symbol("what is known of these bytes");
type Noted<N> = Uint8Array & { [NOTE]?: N };

/** The note beside an array of bytes. Where the bytes are one of many kinds, `of` says which. */
export function noteOf<N extends { readonly of: unknown }>(bytes: Uint8Array, of: N["of"]): N | undefined {
  const note = (bytes as Noted<N>)[NOTE];
  return note?.of === of ? note : undefined;
}
export function note<N extends { readonly of: unknown }>(bytes: Uint8Array, content: N): N {
  (bytes as Noted<N>)[NOTE] = content;
  return content;
}
