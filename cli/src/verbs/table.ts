/** Every verb, one line each, in the order in which help shows them. */
import type { Verb } from "../verb.ts";
import { auditExport, auditVerify } from "./audit.ts";
import { completionVerb } from "./completion.ts";
import { approve, reject } from "./decide.ts";
import { entryNew, entryRetire } from "./entry.ts";
import { freeze, unfreeze } from "./freeze.ts";
import { helpVerb } from "./help.ts";
import { journalVerify } from "./journal.ts";
import { keyNew, keyShow } from "./key.ts";
import { cancel, pay } from "./pay.ts";
import { rulebookLint, rulebookPropose, rulebookShow } from "./rulebook.ts";
import { requests, send } from "./send.ts";
import { status } from "./status.ts";
import { ceremonyDemo, up } from "./up.ts";
import { address, walletNew, walletShow } from "./wallet.ts";

export const VERBS: readonly Verb[] = [
  up,
  status,
  pay,
  cancel,
  approve,
  reject,
  send,
  requests,
  address,
  walletNew,
  walletShow,
  entryNew,
  entryRetire,
  freeze,
  unfreeze,
  rulebookShow,
  rulebookLint,
  rulebookPropose,
  keyNew,
  keyShow,
  ceremonyDemo,
  journalVerify,
  auditVerify,
  auditExport,
  completionVerb(() => VERBS),
  helpVerb(() => VERBS),
];
