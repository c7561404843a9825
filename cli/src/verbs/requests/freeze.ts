/** `strongroom freeze` and `strongroom unfreeze`: one officer stops, at once; a quorum and a delay start again.
 *
 *  A freeze that gets no receipt must be assumed not to have arrived: its file is kept for the vault's intake folder. */

import type { Hash } from "@strongroom/core/bytes";
import { refuse } from "@strongroom/core/errors";
import { FreezeBody, StatusBody } from "@strongroom/core/protocol/command";
import { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf } from "@strongroom/core/signed/object";
import { makeIntent, signDecision } from "@strongroom/sdk/device/decision";
import { shortId, textOf } from "@strongroom/sdk/device/show";
import type { Ask } from "@strongroom/sdk/vault/session";
import { openDesk } from "../../desk/desk.ts";
import { reachFrom } from "../../desk/reach.ts";
import { openKey } from "../../device/keyFile.ts";
import { fault } from "../../faults.ts";
import { frame } from "../../screen.ts";
import { askOrKeep, BY_HAND, CARRY, noteQuietly } from "../../vault/outbox.ts";
import { keptOf, type Session } from "../../vault/session.ts";
import { type Answer, type Context, confirmText, lineFor, named, needed, SIGNING, type Verb, withSession } from "../../verb.ts";
import { OUT, requestIntent, WORDS, wordsFrom } from "./request.ts";

const LEVELS = ["institution", "unit", "chain", "asset", "wallet", "destination", "person"] as const;
type Level = (typeof LEVELS)[number];

export const freeze: Verb = {
  name: "freeze",
  takes: "LEVEL [SUBJECT]",
  what: `stop payments at once, as an officer; LEVEL is ${LEVELS.join(", ")}`,
  options: { purpose: { value: "TEXT", what: "why, in your words" }, ...BY_HAND, ...SIGNING },
  examples: ["freeze institution --key olga", "freeze unit desk --key otto --purpose 'odd payment'"],
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
  const approval = await signDecision(known, key, { subject: id, text, decision: "initiate", notAfter: intent.notAfter });
  const asked: Ask = { command: "execute", orders: [{ intent: bytes }], approvals: [approval], facts: [] };
  const body = await askOrKeep(context, asked, `freeze-${shortId(id)}`);
  if (body === null) return { text: `freeze   ${id}\nwritten; ${CARRY}`, json: { freeze: id, sent: false } };
  await noteQuietly(context, async () => {
    const { client } = await reachFrom(context);
    await openDesk({ ...known, home: context.home }, client).noteFreeze({ bytes, approval });
  });
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
  options: { ...WORDS, ...OUT, ...SIGNING },
  examples: ["unfreeze 8ac01b22 --key ada"],
  async run(context) {
    const [name = ""] = named(context, "FREEZE");
    const [signer, words] = [needed(context, "key"), wordsFrom(context)];
    return withSession(context, async (session, { desk }) => {
      const freeze = await findFreeze(session, name);
      const key = await openKey(context.home, signer, context.text("passphrase-file"));
      const bytes = makeIntent(session, key, { kind: "unfreeze", freeze }, words);
      return requestIntent(context, session, { desk, key, bytes });
    });
  },
};

/** The freeze in force with this id, or with the only id that begins so. Fails: NOT_FROZEN, `VaultRefused`. */
async function findFreeze(session: Session, name: string): Promise<Hash> {
  const { freezes } = decode(StatusBody, await session.demand({ command: "status" }));
  const [found, ...others] = /^[0-9a-f]{6,64}$/.test(name) ? freezes.filter((item) => item.intent.startsWith(name)) : [];
  if (found !== undefined && others.length === 0) return found.intent;
  const there = freezes.map(({ intent, officer }) => `${shortId(intent)} by ${officer}`).join(", ");
  return refuse(
    "NOT_FROZEN",
    "FREEZE",
    there === "" ? "nothing is frozen" : `there is ${there}; name its id or first 6 digits`,
  );
}
