/** Every table of the database. The row types of a noun stand in its `store.ts`, beside the only code that reads and writes
 *  them. */
import type { Kysely, Transaction } from "kysely";
import type { AddressTables } from "../addresses/store.ts";
import type { AuditTables } from "../audit/store.ts";
import type { ChainTables } from "../chain/store.ts";
import type { ClientTables } from "../clients/store.ts";
import type { EntryTables } from "../entries/store.ts";
import type { EventTables } from "../events/store.ts";
import type { ExecutionTables } from "../executions/store.ts";
import type { ExplanationTables } from "../explanations/store.ts";
import type { FactTables } from "../facts/store.ts";
import type { IdempotencyTables } from "../http/store.ts";
import type { JobTables } from "../jobs/store.ts";
import type { LedgerTables } from "../ledger/store.ts";
import type { OutflowTables } from "../outflows/store.ts";
import type { RequestTables } from "../requests/store.ts";
import type { RulebookTables } from "../rulebooks/store.ts";
import type { UnitTables } from "../units/store.ts";
import type { UserTables } from "../users/store.ts";
import type { StartTables } from "../vault/starts/store.ts";
import type { WalletTables } from "../wallets/store.ts";
import type { CommitTables } from "./transact.ts";

export type Tables = CommitTables &
  JobTables &
  UserTables &
  UnitTables &
  IdempotencyTables &
  ChainTables &
  ClientTables &
  EventTables &
  AuditTables &
  LedgerTables &
  AddressTables &
  EntryTables &
  ExecutionTables &
  ExplanationTables &
  FactTables &
  OutflowTables &
  RequestTables &
  RulebookTables &
  StartTables &
  WalletTables;

/** Reads, in or outside of a transaction. */
export type Reader = Kysely<Tables>;
/** Writes happen in a transaction only. */
export type Tx = Transaction<Tables>;
