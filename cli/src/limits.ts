/** Every limit of the command, named once. Sizes in bytes, times in milliseconds. */
export const limits = {
  /** Largest reply of the vault. */
  replyBytes: 1_310_720,
  /** From connecting to the vault, and from sending a command to its receipt. */
  connectMs: 5_000,
  receiptMs: 30_000,
  /** One call of the chain's node, and the wait for a transaction to be mined. */
  callMs: 10_000,
  minedMs: 60_000,
  /** From one look at the chain to the next. */
  pollFirstMs: 20,
  pollMostMs: 1_000,
  /** Largest answer of a node. */
  answerBytes: 4 * 1024 * 1024,
  /** Start of anvil and of the vault, and their end before they are killed. */
  startMs: 20_000,
  stopMs: 6_000,
  /** Any file of this device that is read whole. */
  fileBytes: 2 * 1024 * 1024,
  /** Any file of an audit log: 256 leaves with their lengths. */
  logFileBytes: 1024 * 1024,
  passphraseBytesMin: 8,
  passphraseBytes: 1024,
  /** Requests that are listed. */
  requests: 10_000,
  /** From one look of the watcher of a running demonstration to the next. */
  watchMs: 1_000,
} as const;
