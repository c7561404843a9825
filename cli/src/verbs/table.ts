/** Every verb, one line each, in the order in which help shows them. */
import type { Verb } from "../verb.ts";
import { auditExport, auditVerify } from "./audit.ts";
import { completionVerb } from "./completion.ts";
import { helpVerb } from "./help.ts";
import { journalVerify } from "./journal.ts";
import { keyNew, keyShow } from "./key.ts";
import { call } from "./requests/call.ts";
import { approve, reject } from "./requests/decide.ts";
import { entryNew, entryRetire } from "./requests/entry.ts";
import { explainVerb } from "./requests/explain.ts";
import { freeze, unfreeze } from "./requests/freeze.ts";
import { cancel, pay } from "./requests/pay.ts";
import { requests, send } from "./requests/send.ts";
import { address, walletNew, walletShow } from "./requests/wallet.ts";
import { rulebookDiff, rulebookLint, rulebookQuery } from "./rulebook/analyse.ts";
import { rulebookPropose, rulebookShow } from "./rulebook/rulebook.ts";
import { api } from "./server/api.ts";
import { balance, deposits } from "./server/books.ts";
import { events, health } from "./server/operations.ts";
import { userAdd } from "./server/user.ts";
import { source } from "./source/source.ts";
import { sourceState } from "./source/state.ts";
import { status } from "./status.ts";
import { ceremonyDemo, up } from "./up.ts";
import { vaultConfirm } from "./vault.ts";

export const VERBS: readonly Verb[] = [
  up,
  status,
  pay,
  call,
  cancel,
  approve,
  reject,
  send,
  requests,
  explainVerb,
  address,
  walletNew,
  walletShow,
  entryNew,
  entryRetire,
  freeze,
  unfreeze,
  rulebookShow,
  rulebookLint,
  rulebookDiff,
  rulebookQuery,
  rulebookPropose,
  keyNew,
  keyShow,
  ceremonyDemo,
  balance,
  deposits,
  events,
  health,
  userAdd,
  api,
  source,
  sourceState,
  vaultConfirm,
  journalVerify,
  auditVerify,
  auditExport,
  completionVerb(() => VERBS),
  helpVerb(() => VERBS),
];
