/** Every limit of the library, named once. Sizes in bytes, times in milliseconds. */
export const limits = {
  /** Life of an intent unless told otherwise. */
  intentMs: 24 * 3_600_000,
  /** Largest answer of a server. */
  answerBytes: 16 * 1024 * 1024,
  /** One attempt of a call, and how many there are at most. */
  callMs: 30_000,
  attempts: 4,
  /** Wait before the second attempt unless the server names one; it doubles each time. Longest wait that a server may name. */
  retryMs: 250,
  retryMostMs: 30_000,
  /** How long the server holds a poll for events open, in seconds, and the pause after one that it did not hold open. */
  pollSeconds: 25,
  pollPauseMs: 1_000,
} as const;
