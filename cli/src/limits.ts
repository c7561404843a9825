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
  /** Requests that a server is asked for at once. */
  page: 200,
  /** A refusal that a server tells is the vault's word on the newest approvals once it has stood for so long. */
  settledMs: 400,
  /** How long a request may take on a server until it is carried out, unless told otherwise. */
  carriedOutMs: 60_000,
  /** From one look of a source to the next, and the longest pause while something does not answer. */
  sourceMs: 500,
  sourceMostMs: 30_000,
  /** How often a source states once more what holds for a moment, as long as a request may want it. */
  restateMs: 20_000,
  /** Looks of a source after which it goes over everything once more. */
  sourceSweep: 1_000,
  /** From one look of a running demonstration at its programs to the next, and from one block to the next while there is
   *  something to confirm. */
  watchMs: 1_000,
  tickMs: 300,
  startPollMs: 5,
  /** How often the prices of a demonstration are written again; they may be an hour old. */
  pricesMs: 1_200_000,
  /** How long anything of a demonstration may take that happens by itself. */
  patienceMs: 30_000,
} as const;
