/** `strongroom approve` and `strongroom reject`: a person's decision on a request, signed after its text was shown. */

import type { Hash } from "@strongroom/core/bytes";
import { demandEnrolled, signDecision } from "@strongroom/sdk/device/decision";
import { textOf } from "@strongroom/sdk/device/show";
import { asDeployment } from "@strongroom/sdk/verify/rulebook";
import { type Desk, formerWords, openDesk, type Request } from "../../desk/desk.ts";
import { reachFrom } from "../../desk/reach.ts";
import { openKey } from "../../device/keyFile.ts";
import { frame } from "../../screen.ts";
import { askOrKeep, BY_HAND, CARRY, isSilence, noteQuietly } from "../../vault/outbox.ts";
import { keptOf, type Session } from "../../vault/session.ts";
import { type Answer, type Context, confirmText, lineFor, named, needed, SIGNING, type Verb, withSession } from "../../verb.ts";
import { nextOf, OUT, wordsAfter, writeBody } from "./request.ts";

export const approve: Verb = {
  name: "approve",
  takes: "REQUEST",
  what: "read a request as this device renders it, and sign it; by its initiator it renews his signature",
  options: { ...OUT, ...SIGNING },
  examples: ["approve 3f2a9c01 --key amy", "approve 3f2a9c01 --key amy --out approval.json"],
  async run(context) {
    const [name = ""] = named(context, "REQUEST");
    return withSession(context, async (session, { desk }) => {
      const request = await desk.load(name);
      const { id, intent } = request;
      const key = await openKey(context.home, needed(context, "key"), context.text("passphrase-file"));
      demandEnrolled(session, key);
      const text = textOf(session, intent);
      const decision = intent.initiator === key.id ? "initiate" : "approve";
      const former = await formerWords(desk, intent, session.book());
      await confirmText(
        context,
        `${frame(text)}${former === null ? "" : `\n${former}`}`,
        `${decision === "initiate" ? "Sign" : "Approve"} as ${key.name}?`,
      );
      const approval = await signDecision(session, key, {
        ...{ subject: id, text, decision },
        ...{ notAfter: intent.notAfter, kind: intent.kind },
      });
      const out = context.text("out");
      if (out !== undefined) {
        const renews = decision === "initiate";
        await writeBody(out, renews ? { intent: request.bytes, approval, index: request.index } : { approval });
        const call = renews ? "api requests.create" : `api requests.decide id=${id}`;
        const next = `next     ${lineFor(context.home, `${call} --body ${out}`)}`;
        return { text: `request  ${id}\nwritten  ${out}\n${next}`, json: { request: id, decision, written: out } };
      }
      const { bytes, index } = request;
      const signed = await (decision === "initiate"
        ? desk.create({ bytes, approval, index })
        : desk.approve(request, approval));
      const persons = personsOf(session, signed);
      const after = await nextOf(session, desk, signed);
      return {
        text: [`signed by ${persons.join(", ")}`, ...wordsAfter(context, after, 10)].join("\n"),
        json: { request: id, decision, signedBy: persons, ...after },
      };
    });
  },
};

/** Who has signed a request, by name. */
export function personsOf(session: Session, { approvals }: Pick<Request, "approvals">): string[] {
  return approvals.map(({ approval }) => session.book().holders.get(approval.key)?.person ?? "an unknown key");
}

export const reject: Verb = {
  name: "reject",
  takes: "REQUEST",
  what: "end a request for good: the vault will never carry it out. A full id need not be on this device",
  options: { ...BY_HAND, ...SIGNING },
  examples: ["reject 3f2a9c01 --key bob"],
  async run(context) {
    const [name = ""] = named(context, "REQUEST");
    return rejectOne(context, name);
  },
};

/** Signs with what this device has kept, so that nobody's silence can keep a person from saying no to a full id. */
async function rejectOne(context: Context, name: string): Promise<Answer> {
  const known = await keptOf(context.home);
  const full = asDeployment(name);
  const desk = async () => openDesk({ ...known, home: context.home }, (await reachFrom(context)).client);
  const request = full === null ? await (await desk()).load(name) : await findQuietly(desk, full);
  const id = request?.id ?? (name as Hash);
  const text = request === null ? `REJECTION OF INTENT\n${id}` : textOf(known, request.intent);
  const key = await openKey(context.home, needed(context, "key"), context.text("passphrase-file"));
  await confirmText(context, frame(text), `Reject as ${key.name}?`);
  const approval = await signDecision(known, key, { subject: id, text, decision: "reject", notAfter: Number.MAX_SAFE_INTEGER });
  const body = await askOrKeep(context, { command: "object", approval }, `reject-${id.slice(0, 12)}`);
  if (body === null) return { text: `request   ${id}\nwritten; ${CARRY}`, json: { request: id, sent: false } };
  await noteQuietly(context, async () => (await desk()).noteRejection(id, { approval, by: key.name }));
  return { text: `rejected; the vault's receipt is checked\nrequest   ${id}`, json: { request: id, sent: true } };
}

async function findQuietly(desk: () => Promise<Desk>, id: Hash): Promise<Request | null> {
  try {
    return await (await desk()).find(id);
  } catch (error) {
    if (isSilence(error)) return null;
    throw error;
  }
}
