/** Every limit of the server, named once. Sizes in bytes, times in milliseconds. */
export const limits = {
  /** Tries of one transaction, and the pause after the first and the longest pause; each pause is a random part of it. */
  tries: 10,
  retryMs: 8,
  retryMsMax: 1_000,
  /** Connections of one process to the database, and how long one is waited for. */
  connections: 16,
  connectMs: 5_000,
  /** After so long without a word from whoever holds it the database ends a transaction. */
  idleTransactionMs: 60_000,
  /** How long it is remembered that a transaction was committed, for whoever does not know. */
  commitMarkMs: 3_600_000,
  /** A job or a lease is taken from whoever was silent for so long; he says that he lives three times as often. */
  leaseMs: 10_000,
  /** Jobs of one process at once; from one look for due jobs, or for a free lease, to the next. */
  jobsAtOnce: 8,
  jobPollMs: 500,
  leasePollMs: 1_000,
  /** Tries of a job, and its pauses; while something else is down they do not count and are all the same. */
  jobBackoff: { attempts: 12, firstMs: 200, mostMs: 60_000, outageMs: 1_000 },
  jobErrorLength: 400,
  /** How long a job that is done can be looked at, and how often what is old is swept. */
  jobKeptMs: 86_400_000,
  sweepMs: 300_000,
  /** From the wish to stop until work that is under way is told to break off, and until it is left behind. */
  drainMs: 10_000,
  abandonMs: 3_000,
  /** From that wish until the process ends regardless. */
  stopMs: 30_000,
  /** How long the last lines of the log may take. */
  flushMs: 1_000,
  /** One look of health at one thing; how long the most overdue job may wait before that counts as trouble. */
  lookMs: 5_000,
  overdueMs: 60_000,
  /** Size of one migration, and how many there may be. */
  migrationBytes: 1024 * 1024,
  migrations: 9_999,
  /** Embedded PostgreSQL: until it is ready, until it has stopped, and what is kept of its last words. */
  postgresReadyMs: 60_000,
  postgresStopMs: 15_000,
  postgresLines: 20,
  /** It is started again when it dies, unless it has died more often than that within that time. */
  postgresDeaths: 5,
  postgresWindowMs: 60_000,
  /** Longest path of a Unix socket: 107 bytes and a zero. */
  socketPathBytes: 107,
  /** The vault's socket. The protocol takes 16 commands on their way on a connection. */
  vaultWire: {
    connections: 4,
    inFlight: 16,
    waiting: 1_024,
    replyMs: 30_000,
    connectMs: 5_000,
    retryMs: 50,
    retryMsMax: 2_000,
  },
  /** How old what is known of the vault may be where nothing has shown that it changed. */
  vaultViewMs: 1_000,
  /** One node of a chain: one answer, connections, calls of one batch, and what is kept of its words. */
  nodeMs: 10_000,
  nodeIdleMs: 60_000,
  /** How long the nodes' heads are waited for; who is slower is seen later. */
  nodePatienceMs: 1_000,
  nodeAnswerBytes: 64 * 1024 * 1024,
  nodeSockets: 8,
  nodeBatch: 100,
  nodeWords: 200,
  /** Chains, and nodes of one chain. */
  chains: 64,
  nodes: 16,
  /** Agreeing answers after which a node that was set aside counts again; for one that lied they are to the same question. */
  nodeReturns: 3,
  nodeReturnsAfterLie: 20,
  /** How a chain is followed where its configuration does not say. */
  lagBlocks: 3,
  stuckMs: 120_000,
  resendMs: 30_000,
  /** Blocks that are remembered beyond the depth of reorganisations. */
  blocksKept: 64,
  /** Most that is believed of fees, in wei per gas. */
  gasTipMax: 500_000_000_000n,
  gasPriceMax: 10_000_000_000_000n,
  /** Calls with value that the trace of a block may show, and how deep calls go in it (EIP-150 allows 1024). */
  traceMoves: 100_000,
  traceDepth: 1_025,
  /** Deposits of unknown tokens that one block may record; anybody can make more. */
  unknownPerBlock: 256,
  /** Our transactions that wait, looked at together. */
  outgoing: 1_000,
  /** Blocks followed before our own transactions are looked after again. */
  blocksPerTurn: 64,
  /** Longest reason that is shown or stored. */
  reason: 400,
  /** Watched addresses loaded at once. */
  watchedPage: 50_000,
  /** HTTP: largest body of a call, and of one that carries signed objects; largest head of a request. */
  bodyBytes: 64 * 1024,
  signedBodyBytes: 4 * 1024 * 1024,
  headBytes: 16 * 1024,
  /** JSON of a call: nesting, values, and digits of one number. */
  jsonDepth: 8,
  jsonValues: 10_000,
  jsonDigits: 20,
  /** Sockets of one process; how long a head, a whole request and an idle socket may take. */
  sockets: 1_024,
  headMs: 10_000,
  requestMs: 30_000,
  idleMs: 75_000,
  keepAliveMs: 10_000,
  /** From one look whether calls still run to the next while the server closes. */
  idleSweepMs: 50,
  /** Calls at once and per second of a user, of a remote address, and how many of either are remembered. */
  userBurst: 2_000,
  userPerSecond: 1_000,
  addressBurst: 10_000,
  addressPerSecond: 5_000,
  buckets: 20_000,
  /** Long-polls and event streams that are open: of one user, of all; from one look to the next, and how long one lives. */
  followsEach: 8,
  follows: 512,
  followLookMs: 250,
  followBeatMs: 15_000,
  followMs: 900_000,
  /** Units of the institution, how deep their tree may be, and tokens of a user that are in force. */
  units: 1_000,
  unitDepth: 16,
  tokensEach: 64,
  ledger: {
    /** Transfers of one posting. */
    transfers: 1_000,
    /** The check of the books: accounts and rows of each that are read at once, and findings after which it stops. */
    checkAccounts: 64,
    checkRows: 256,
    findings: 100,
    /** Transfers up to which health goes over all of them each time. */
    checkAtOnce: 2_000,
    /** How often what is new is checked, and how often everything. */
    checkMs: 60_000,
    checkAllMs: 3_600_000,
  },
  /** Public keys that are kept ready for use. */
  keysReady: 4_096,
  /** Signatures of people, and signed transactions of ours, that are remembered as checked. */
  signaturesKnown: 32_768,
  transactionsKnown: 4_096,
  /** Decisions on one request, and of one key on it, so that all can be shown. A rejection is always taken: it ends the
   *  request. */
  decisions: 511,
  decisionsEach: 32,
  /** Explanations of one request that are shown; the newest come first. */
  explanations: 16,
  /** When the vault is asked again about what may change by itself, when it is told again what it refused to hear, and how
   *  often what has expired is looked for. */
  askAgainMs: 15_000,
  informAgainMs: 60_000,
  expireMs: 10_000,
  /** How far a source's clock may be ahead; the vault takes as much. */
  factAheadMs: 5_000,
  /** For how long health shows what left without a payment of ours. */
  outflowAlarmMs: 7 * 86_400_000,
  /** When a transaction that is stuck and could not be repriced is looked at again. */
  repriceAgainMs: 60_000,
  log: {
    /** Events that are numbered at once, and from one look for new ones to the next. */
    batch: 500,
    pollMs: 100,
    /** How long an event may wait for its number until health says so. */
    overdueMs: 30_000,
    /** From one checkpoint to the next; the vault writes down 10,000 in a day. From one look for anything new to the next. */
    checkpointMs: 10_000,
    checkpointPollMs: 1_000,
    /** Checkpoints of a day after which nobody may ask for one more. */
    checkpointsADay: 9_000,
    /** Leaves that are checked at once; the pause after all were, which is never less than ten times as long as that took. */
    checkRows: 1_000,
    checkMs: 60_000,
  },
  integrity: {
    /** Rows of the check of all records that are read at once, and findings after which it stops. */
    rows: 64,
    findings: 100,
    /** The pause after one check, which is never less than ten times as long as that took. */
    checkMs: 60_000,
  },
  /** Things that a job looks at in one go. */
  batch: 200,
} as const;
