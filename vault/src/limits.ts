/** Every limit of the judgement; those of files, queues and connections are the host's.
 *
 *  The greatest size of every table of the vault's state that outsiders can make grow. What is full refuses with TABLE_FULL. */
export const MAX_REGISTERED = 10_000;
export const MAX_REJECTED = 1_000_000;
/** Shares of one key, so that nobody fills these tables alone. */
export const MAX_REGISTERED_EACH = 250;
export const MAX_REJECTED_EACH = 10_000;
/** Vetoes of rulebooks that are not there yet; that of the one that waits is always taken. */
export const MAX_VETOED = 10_000;
export const MAX_WALLETS = 1_000_000;
export const MAX_ENTRIES = 1_000_000;
export const MAX_FREEZES = 1_024;
export const MAX_ADDRESSES = 1_000_000;
/** Newest facts, one of each source on each subject. */
export const MAX_FACTS_KNOWN = 1_000_000;
/** Signed transactions that the answer to a freeze lists; the newest come first. */
export const MAX_LIVE_LISTED = 4_096;
/** Checkpoints of the audit log that are written down in this time, so that asking does not fill the disk. */
export const MAX_CHECKPOINTS = 10_000;
export const CHECKPOINT_WINDOW_MS = 86_400_000;
/** How many buckets a limit's window is counted in. */
export const WINDOW_BUCKETS = 64;
/** How far a fact may be dated after the vault's upper bound of the time. */
export const FACT_AHEAD_MS = 5_000;
/** Time passes in the journal about this often while a delay runs. */
export const TICK_MS = 60_000;
/** Versions of one intent's transaction, the first included. */
export const MAX_VERSIONS = 32;
/** A replacement's fee rates rise at least by this fraction: 1/8, as nodes demand at least 10 %. */
export const BUMP_NUMERATOR = 9n;
export const BUMP_DENOMINATOR = 8n;
