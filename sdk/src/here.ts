/** Where time and randomness come from. Functions that need them take them as their last argument, so that a test, or a device
 *  with a source of its own, can say what they are. */

export type Here = {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: (size: number) => Uint8Array;
};

/** This machine's clock, and its generator of random numbers. */
export const HERE: Here = {
  now: () => Date.now(),
  random: (size) => crypto.getRandomValues(new Uint8Array(size)),
};
