/** Every noun of the server, one line each per thing that it brings: handlers of the API, workers and keepers, and looks of health. */
import { addresses } from "../addresses/http.ts";
import { clients } from "../clients/http.ts";
import { entries } from "../entries/http.ts";
import { executions } from "../executions/http.ts";
import { executionWorkers } from "../executions/jobs.ts";
import { facts } from "../facts/http.ts";
import { factWorkers } from "../facts/jobs.ts";
import { BASIC, type Check, healthHandlers } from "../health/http.ts";
import type { AllHandlers } from "../http/call.ts";
import { jobs } from "../jobs/http.ts";
import { type Keeper, lookAtJobs, type Workers } from "../jobs/jobs.ts";
import { requests } from "../requests/http.ts";
import { requestWorkers } from "../requests/jobs.ts";
import { rulebooks } from "../rulebooks/http.ts";
import { rulebookWorkers } from "../rulebooks/jobs.ts";
import { units } from "../units/http.ts";
import { users } from "../users/http.ts";
import { vault } from "../vault/http.ts";
import { wallets } from "../wallets/http.ts";

export const CHECKS: readonly Check[] = [...BASIC, lookAtJobs];

export const HANDLERS: AllHandlers = {
  ...addresses,
  ...clients,
  ...entries,
  ...executions,
  ...facts,
  ...healthHandlers(CHECKS),
  ...jobs,
  ...requests,
  ...rulebooks,
  ...units,
  ...users,
  ...vault,
  ...wallets,
};

export const WORKERS: Workers = { ...executionWorkers, ...factWorkers, ...requestWorkers, ...rulebookWorkers };

export const KEEPERS: readonly Keeper[] = [];
