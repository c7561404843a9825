/** Every noun of the server, one line each per thing that it brings: handlers of the API, workers and keepers, and looks of
 *  health. */
import { addresses } from "../addresses/http.ts";
import { audit } from "../audit/http.ts";
import { auditor, checkpointer, lookAtLog } from "../audit/jobs.ts";
import { chains, deposits, lookAtChains } from "../chain/http.ts";
import { chainKeepers } from "../chain/jobs.ts";
import { clients } from "../clients/http.ts";
import { entries } from "../entries/http.ts";
import { events } from "../events/http.ts";
import { lookAtEvents, sequencer } from "../events/jobs.ts";
import { executions } from "../executions/http.ts";
import { executionWorkers } from "../executions/jobs.ts";
import { explanations } from "../explanations/http.ts";
import { facts } from "../facts/http.ts";
import { factWorkers } from "../facts/jobs.ts";
import { BASIC, type Check, healthHandlers } from "../health/http.ts";
import type { AllHandlers } from "../http/call.ts";
import { recordsKeeper } from "../integrity/jobs.ts";
import { jobs } from "../jobs/http.ts";
import { type Keeper, lookAtJobs, type Workers } from "../jobs/jobs.ts";
import { accounts, ledger } from "../ledger/http.ts";
import { ledgerHealth, ledgerKeeper } from "../ledger/jobs.ts";
import { lookAtOutflows } from "../outflows/jobs.ts";
import { requests } from "../requests/http.ts";
import { expiryKeeper, requestWorkers } from "../requests/jobs.ts";
import { rulebooks } from "../rulebooks/http.ts";
import { rulebookWorkers } from "../rulebooks/jobs.ts";
import { units } from "../units/http.ts";
import { users } from "../users/http.ts";
import { vault } from "../vault/http.ts";
import { starts } from "../vault/starts/http.ts";
import { startWorkers } from "../vault/starts/jobs.ts";
import { wallets } from "../wallets/http.ts";
import type { House } from "./context.ts";
import { observers } from "./observers.ts";

export const CHECKS: readonly Check[] = [
  ...BASIC,
  ...[ledgerHealth, lookAtChains, lookAtOutflows, lookAtEvents, lookAtJobs, lookAtLog],
];

export const HANDLERS: AllHandlers = {
  ...accounts,
  ...addresses,
  ...audit,
  ...chains,
  ...clients,
  ...deposits,
  ...entries,
  ...events,
  ...executions,
  ...explanations,
  ...facts,
  ...healthHandlers(CHECKS),
  ...jobs,
  ...ledger,
  ...requests,
  ...rulebooks,
  ...starts,
  ...units,
  ...users,
  ...vault,
  ...wallets,
};

export const WORKERS: Workers = {
  ...executionWorkers,
  ...factWorkers,
  ...requestWorkers,
  ...rulebookWorkers,
  ...startWorkers,
};

export function keepersOf(house: House): readonly Keeper[] {
  const chains = chainKeepers([...house.config.chains.keys()], observers(house));
  return [sequencer, checkpointer, auditor, ledgerKeeper, recordsKeeper, expiryKeeper, ...chains];
}
