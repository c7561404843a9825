/** Where time and randomness come from. Functions that need them take them as their last argument, so that a test, or a device
 *  with a source of its own, can say what they are. */

export type Here = {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: (size: number) => Uint8Array;
  /** Waits; fails with the reason of `signal` once that is aborted. */
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<void>;
};

/** This machine's clock, and its generator of random numbers. */
export const HERE: Here = {
  now: () => Date.now(),
  random: (size) => crypto.getRandomValues(new Uint8Array(size)),
  pause,
};

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
