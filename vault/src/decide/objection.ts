/** Saying no, and starting a delay: rejection of an intent, veto of a waiting rulebook, registration of an intent. */
import type { Hash } from "@strongroom/core/bytes";
import { demand } from "@strongroom/core/errors";
import { type CommandOf, DelayBody } from "@strongroom/core/protocol/command";
import { encode } from "@strongroom/core/signed/object";
import { render, textHash } from "@strongroom/core/text/render";
import { MAX_REGISTERED, MAX_REGISTERED_EACH, MAX_REJECTED, MAX_REJECTED_EACH, MAX_VETOED } from "../limits.ts";
import { hash } from "../state/hash.ts";
import { readIntent } from "../state/intent.ts";
import { get, has, values } from "../state/map.ts";
import { type Founded, jobAt } from "../state/state.ts";
import type { Now, Outcome } from "../types.ts";
import { ok, recordAt } from "./draft.ts";
import { approversOf, type Given, readApproval, readApprovals } from "./evidence/approvals.ts";
import { demandOpen } from "./rules.ts";

/** Rejects an intent or vetoes a waiting rulebook. Both bind under any head, boot, rulebook and text.
 *  Fails: those of approvals, KEY_CLASS, INTENT_USED, KEY_UNKNOWN, TABLE_FULL. */
export function object(state: Founded, now: Now, { approval }: CommandOf<"object">): Outcome {
  const text = (subject: Hash) => subject;
  const expected = { decisions: ["reject", "veto"], text, late: true, at: "approval" } as const;
  const given = readApproval(state, now, approval, expected);
  demand(given.class === "device", "KEY_CLASS", "approval", "an objection is signed with a device key");
  return given.decision === "reject" ? reject(state, now, { ...given, approval }) : veto(state, now, { ...given, approval });
}

type Objected = Given & { readonly approval: Uint8Array };

function reject(state: Founded, now: Now, { subject, key, approval }: Objected): Outcome {
  demand(!isOut(state, subject), "INTENT_USED", "approval.subject", "this intent was carried out already");
  if (has(state.rejected, subject)) return { records: [], effects: [ok()] };
  const fits = state.rejected.size < MAX_REJECTED && (get(state.rejections, key) ?? 0) < MAX_REJECTED_EACH;
  demand(fits, "TABLE_FULL", "rejected", `${MAX_REJECTED} intents, or ${MAX_REJECTED_EACH} by this key, are rejected`);
  return { records: [recordAt(now, { kind: "rejected", intentId: subject, approval })], effects: [ok()] };
}

/** Whether an intent can no longer be stopped: a signature that was not given out yet still can. */
function isOut(state: Founded, id: Hash): boolean {
  const used = get(state.intents, id);
  if (used === undefined) return false;
  return "done" in used || jobAt(state, used.job)?.status === "signed";
}

function veto(state: Founded, now: Now, { subject, person, approval }: Objected): Outcome {
  const administrator = state.book.document.governance.administrators.includes(person);
  demand(administrator, "KEY_UNKNOWN", "approval", "only an administrator vetoes");
  if (has(state.vetoed, subject)) return { records: [], effects: [ok()] };
  const fits = state.vetoed.size < MAX_VETOED || state.waiting?.book.id === subject;
  demand(fits, "TABLE_FULL", "vetoed", `${MAX_VETOED} rulebooks are vetoed`);
  return { records: [recordAt(now, { kind: "vetoed", rulebookId: subject, approval })], effects: [ok()] };
}

/** Starts the delays of an intent. Fails: those of `demandOpen` and approvals, INITIATOR_MISSING, INTENT_USED, TABLE_FULL. */
export function register(state: Founded, now: Now, { intent: bytes, approvals }: CommandOf<"register">): Outcome {
  const { id, intent } = readIntent(bytes);
  demand(!has(state.intents, id), "INTENT_USED", "intent", "this intent was carried out already");
  demandOpen(state, now, { id, intent });
  const wanted = textHash(render(intent, state.book), hash);
  const text = (subject: Hash) => (subject === id ? wanted : undefined);
  const given = readApprovals(state, now, approvals, { decisions: ["initiate", "approve"], text });
  approversOf(given, { id, initiator: intent.initiator });
  const before = get(state.registered, id);
  if (before !== undefined) return { records: [], effects: [ok(encode(DelayBody, { subject: id, since: before.at }))] };
  demandRoom(state, now, intent.initiator);
  const record = recordAt(now, { kind: "registered", intent: bytes, approvals });
  return { records: [record], effects: [ok(encode(DelayBody, { subject: id, since: now.lo }))] };
}

/** Registrations that have expired make room; the fold drops them when it has to. */
function demandRoom({ registered }: Founded, now: Now, initiator: Hash): void {
  const open = values(registered, ({ notAfter }) => notAfter >= now.lo);
  demand(open.length < MAX_REGISTERED, "TABLE_FULL", "registered", `${MAX_REGISTERED} intents are registered`);
  const mine = open.filter((item) => item.initiator === initiator);
  const each = `${MAX_REGISTERED_EACH} intents of this initiator are registered`;
  demand(mine.length < MAX_REGISTERED_EACH, "TABLE_FULL", "registered", each);
}
