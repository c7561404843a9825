/** A dearer version of a payment, call or cancellation that is out and stuck: the same intent in the same place on the chain,
 *  within the total fee that its approvers have read. Not for replacing one intent by another, which takes approvals of its
 *  own.
 *
 *  Nobody approves it anew, so it rests on the approvals of its commitment and ends with what they name: the start of the
 *  vault, the rulebook, the intent's expiry. Whatever else may have changed meanwhile is judged once more. */
import { equal } from "@strongroom/core/bytes";
import { chainOf } from "@strongroom/core/chain/table";
import type { Order, Transfer } from "@strongroom/core/chain/types";
import { demand, refuse } from "@strongroom/core/errors";
import type { CommandOf, EvmContext } from "@strongroom/core/protocol/command";
import { Intent, type IntentOf } from "@strongroom/core/signed/intent";
import { encode } from "@strongroom/core/signed/object";
import { MAX_VERSIONS } from "../../limits.ts";
import { get } from "../../state/map.ts";
import { type Founded, type JobPart, type JobState, jobAt, partAt, versionsOf } from "../../state/state.ts";
import type { Now, Outcome } from "../../types.ts";
import { ok, recordAt } from "../draft.ts";
import { demandNotAdverse } from "../evidence/facts.ts";
import type { Quotes } from "../evidence/prices.ts";
import { demandAllowed } from "../rules.ts";
import { executionBody } from "../show/show.ts";
import { aboutOf, type Named, resolveAgain, restsOn, subjectOf } from "./resolve.ts";
import { emptyDraft, jobId, prepare, quotesIn, signingJob } from "./transaction.ts";

/** What stands in the intent's place on the chain. `first`: the job that its approvals were given for. */
type Standing = { readonly first: JobState; readonly job: JobState; readonly newest: JobPart };

/** The same version again gives the same answer. Fails: INTENT_UNKNOWN, REPRICE_NOT_LIVE, BOOT_STALE, WRONG_RULEBOOK, EXPIRED,
 *  TOO_MANY_VERSIONS, CONTEXT_INVALID, those of `resolveAgain`, `demandAllowed` and `prepare`, FACT_ADVERSE. */
export function reprice(state: Founded, now: Now, { intent: id, context }: CommandOf<"reprice">): Outcome {
  const { first, job, newest } = standingOf(state, id);
  const known = isSame(newest, context);
  if (known && job.status === "signed") return { records: [], effects: [ok(executionBody(state, job))] };
  if (known && job.status === "committed") return sign(job);
  demand(job.status !== "committed", "REPRICE_NOT_LIVE", "intent", "another version is being signed");
  demandApproved(state, now, first, newest);
  const versions = [...versionsOf(state, newest)].filter((version) => version.id === id);
  demand(versions.length < MAX_VERSIONS, "TOO_MANY_VERSIONS", "intent", `it has ${MAX_VERSIONS} versions`);
  const order = { id, intent: newest.pay, bytes: encode(Intent, newest.pay), context };
  const named = resolveAgain(state, order, newest);
  demand(context.index === named.from.index, "CONTEXT_INVALID", "context.index", `${newest.from} pays`);
  const quotes = quotesIn(newest);
  demandHarmless(state, now, { ...named, quotes }, newest);
  const part = prepare(state, now, emptyDraft(), { ...named, context, replaced: newest, quotes }, newest.keys);
  const made = { id: jobId([part], [id]), parts: [part] };
  return { records: [recordAt(now, { kind: "repriced", job: made.id, part })], effects: sign(made).effects };
}

function sign(job: Parameters<typeof signingJob>[0]): Outcome {
  return { records: [], effects: [{ reply: { wait: job.id } }, { sign: signingJob(job) }] };
}

function standingOf(state: Founded, id: string): Standing {
  const used = get(state.intents, id);
  if (used === undefined || !("job" in used)) refuse("INTENT_UNKNOWN", "intent", "no transaction was made for this intent");
  const first = jobAt(state, used.job) as JobState;
  demand(first.status === "signed", "REPRICE_NOT_LIVE", "intent", `its transaction is ${first.status}; execute it`);
  const [slot] = partAt(state, used).slots as readonly [string];
  const holder = get(state.live, slot);
  if (holder === undefined) refuse("REPRICE_NOT_LIVE", "intent", "its place on the chain is final");
  const newest = partAt(state, holder);
  demand(newest.id === id, "REPRICE_NOT_LIVE", "intent", `intent ${newest.id} has taken its place`);
  return { first, newest, job: jobAt(state, holder.job) as JobState };
}

/** Whether the newest version is what would be built on this context. Fails: CONTEXT_INVALID, GAS_TOO_LOW. */
function isSame({ family, unsigned, pay }: JobPart, context: EvmContext): boolean {
  const chain = chainOf(family);
  const { chainId, nonce, transfers } = chain.read(unsigned);
  const made = pay.kind === "call" ? callOf(pay) : { transfer: transfers[0] as Transfer };
  return equal(chain.build({ chainId, nonce, ...made }, context), unsigned);
}

function callOf(intent: IntentOf<"call">): Pick<Order, "transfer" | "call"> {
  return { transfer: { asset: "native", to: intent.destination.address, amount: intent.amount }, call: intent };
}

/** Refuses once the approvals of the commitment would not count any more. */
function demandApproved(state: Founded, now: Now, { boot, rulebook }: JobState, { pay }: JobPart): void {
  demand(boot !== null && state.boots.includes(boot), "BOOT_STALE", "intent", "it was approved before this start of the vault");
  demand(rulebook === state.book.id, "WRONG_RULEBOOK", "intent", "it was approved under another rulebook");
  demand(pay.notAfter > now.hi, "EXPIRED", "intent.notAfter", "the intent has expired");
}

/** Refuses what a freeze, a rule or the newest word on its destination forbids by now. */
function demandHarmless(
  state: Founded,
  now: Now,
  { quotes, ...named }: Named & { readonly quotes: Quotes },
  part: JobPart,
): void {
  const touched = restsOn(state, part);
  const requirements = demandAllowed(state, { subject: subjectOf(state, now, named, quotes), touched, quotes });
  const about = aboutOf(state, named, part.nonce);
  for (const { id: rule, facts } of requirements) for (const need of facts) demandNotAdverse(state, need, { about, rule });
}
