/** `strongroom freeze` and `strongroom unfreeze`: one officer stops, at once; a quorum and a delay start again.
 *
 *  A freeze that gets no receipt must be assumed not to have arrived: its file is kept for the vault's intake folder. */
import { FreezeBody, StatusBody } from "@strongroom/core/protocol/command";
import { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf } from "@strongroom/core/signed/object";
import { openKey } from "../device/keyFile.ts";
import { shortId } from "../device/requests.ts";
import { asDeployment } from "../device/trust.ts";
import { fault } from "../faults.ts";
import { frame } from "../screen.ts";
import { makeIntent, signDecision, textOf } from "../vault/intents.ts";
import { askOrKeep, BY_HAND, CARRY } from "../vault/outbox.ts";
import { type Asked, keptOf, type Session } from "../vault/session.ts";
import { type Answer, type Context, confirmText, lineFor, named, needed, SIGNING, type Verb, withSession } from "../verb.ts";
import { requestIntent } from "./pay.ts";

const LEVELS = ["institution", "chain", "asset", "wallet", "destination", "person"] as const;
type Level = (typeof LEVELS)[number];

export const freeze: Verb = {
  name: "freeze",
  takes: "LEVEL [SUBJECT]",
  what: `stop payments at once, as an officer; LEVEL is ${LEVELS.join(", ")}`,
  options: { purpose: { value: "TEXT", what: "why, in your words" }, ...BY_HAND, ...SIGNING },
  examples: ["freeze institution --key olga", "freeze wallet treasury --key otto --purpose 'odd payment'"],
  async run(context) {
    const [word = "", subject = ""] = named(context, "LEVEL", "SUBJECT?");
    const level = LEVELS.find((name) => name === word) ?? fault("USAGE", "LEVEL", `one of ${LEVELS.join(", ")} is expected`);
    if ((level === "institution") !== (subject === ""))
      fault("USAGE", "SUBJECT", "every level but institution names one thing");
    return freezeOne(context, { level, subject });
  },
};

/** Signs with what this device has kept, so that nobody's silence can keep an officer from freezing. */
async function freezeOne(context: Context, it: { level: Level; subject: string }): Promise<Answer> {
  const known = await keptOf(context.home);
  const key = await openKey(context.home, needed(context, "key"), context.text("passphrase-file"));
  const bytes = makeIntent(known, key, { kind: "freeze", ...it }, { purpose: context.text("purpose") ?? "" });
  const intent = decode(Intent, bytes);
  const id = idOf(Intent, bytes);
  const text = textOf(known, intent);
  await confirmText(context, frame(text), `Freeze as ${key.name}?`);
  const approval = signDecision(known, key, { subject: id, text, decision: "initiate", notAfter: intent.notAfter });
  const asked: Asked = { command: "execute", orders: [{ intent: bytes }], approvals: [approval], facts: [] };
  const body = await askOrKeep(context, asked, `freeze-${shortId(id)}`);
  if (body === null) return { text: `freeze   ${id}\nwritten; ${CARRY}`, json: { freeze: id, sent: false } };
  const { live } = decode(FreezeBody, body);
  const lines = live.map((item) => `  ${item.id}  of request ${shortId(item.intent)}`);
  const rest = lines.length === 0 ? "no signed transaction is live" : `signed before and still live:\n${lines.join("\n")}`;
  const next = lineFor(context.home, `unfreeze ${shortId(id)} --key NAME`);
  return {
    text: `frozen; the vault's receipt is checked\nfreeze   ${id}\n${rest}\nnext     ${next}`,
    json: { freeze: id, sent: true, live: live.map((item) => ({ ...item })) },
  };
}

export const unfreeze: Verb = {
  name: "unfreeze",
  takes: "FREEZE",
  what: "request the end of a freeze; it needs the unfreeze quorum and the delay, then: send REQUEST",
  options: { purpose: { value: "TEXT", what: "why, in your words" }, ...SIGNING },
  examples: ["unfreeze 8ac01b22 --key ada"],
  async run(context) {
    const [name = ""] = named(context, "FREEZE");
    return withSession(context, (session) => unfreezeOne(context, session, name));
  },
};

async function unfreezeOne(context: Context, session: Session, name: string): Promise<Answer> {
  const { freezes } = decode(StatusBody, await session.demand({ command: "status" }));
  const found = freezes.filter((item) => item.intent.startsWith(name));
  const id = asDeployment(name) ?? (found.length === 1 ? found[0]?.intent : undefined);
  if (id === undefined) fault("USAGE", "FREEZE", "the id of one freeze in force is expected; see: strongroom status");
  const key = await openKey(context.home, needed(context, "key"), context.text("passphrase-file"));
  const bytes = makeIntent(session, key, { kind: "unfreeze", freeze: id }, { purpose: context.text("purpose") ?? "" });
  return requestIntent(context, session, { key, bytes });
}
