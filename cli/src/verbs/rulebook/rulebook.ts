/** `strongroom rulebook`: the rulebook in force, and proposing the next one. */

import process from "node:process";
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { DelayBody } from "@strongroom/core/protocol/command";
import type { Book } from "@strongroom/core/rulebook/book";
import { onlyTightens } from "@strongroom/core/rulebook/change";
import { checkRulebook } from "@strongroom/core/rulebook/check";
import { decode, encode, idOf, type Kind, toJson } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { renderChange } from "@strongroom/core/text/change";
import { quorumWords } from "@strongroom/core/text/demand";
import { formatTime } from "@strongroom/core/text/render";
import type { Client } from "@strongroom/sdk/client";
import { signDecision } from "@strongroom/sdk/device/decision";
import { signObject } from "@strongroom/sdk/device/signer";
import { type DeviceKey, openKey } from "../../device/keyFile.ts";
import { fault, Told } from "../../faults.ts";
import { columns, duration, frame, paintsFor } from "../../screen.ts";
import { limitWords, ruleWords, scopeWords } from "../../vault/advice.ts";
import type { Session } from "../../vault/session.ts";
import { type Answer, type Context, confirmText, named, SIGNING, type Verb, withSession } from "../../verb.ts";
import { readDocument } from "./analyse.ts";

export const rulebookShow: Verb = {
  name: "rulebook show",
  takes: "",
  what: "the rulebook in force, its signatures checked against the administrators that this device knows",
  options: {},
  examples: ["rulebook show", "rulebook show --json > next.json"],
  async run(context) {
    named(context);
    return withSession(context, async (session) => {
      const { document, id } = session.book();
      return { text: describe(session.book()), json: { id, rulebook: toJson(Rulebook, document) } };
    });
  },
};

export const rulebookPropose: Verb = {
  name: "rulebook propose",
  takes: "FILE",
  what: "sign the next rulebook as administrators and hand it to the vault; a weakening waits, then propose it with --seen",
  options: {
    ...SIGNING,
    key: { value: "NAME", many: true, what: "an administrator's device key; once for each who signs" },
    seen: { value: "NAME", what: "device key of an administrator who did not sign and has read the change" },
  },
  examples: ["rulebook propose next.json --key ada --key ben", "rulebook propose next.json --key ada --key ben --seen cleo"],
  async run(context) {
    const [path = ""] = named(context, "FILE");
    return propose(context, path);
  },
};

async function propose(context: Context, path: string): Promise<Answer> {
  const next = await readDocument(path);
  checkRulebook(next);
  if (context.texts("key").length === 0) fault("USAGE", "key", "--key is missing");
  return withSession(context, async (session, at) => {
    const book = session.book();
    const text = renderChange(book, next);
    await confirmText(context, frame(text), "Sign this change?");
    const keys: DeviceKey[] = [];
    for (const name of context.texts("key")) keys.push(await openKey(context.home, name, context.text("passphrase-file")));
    const body = encode(Rulebook, next);
    const id = idOf(Rulebook, body);
    const seen = context.text("seen");
    const rulebook = await signObject(Rulebook as Kind<unknown>, body, keys);
    const approval = seen === undefined ? null : await seenBy(context, session, { name: seen, id, text });
    const until = await hand(session, at.client, { id, rulebook, approval });
    if (until !== null) {
      const wait = `it waits until ${formatTime(until)} by the vault's own time`;
      const words = `${wait}; then propose it again with --seen NAME, by an administrator who did not sign`;
      return { text: `${words}\nid ${id}`, json: { id, adopted: false, until } };
    }
    await session.refresh();
    const tightens = onlyTightens(book.document, next);
    return { text: `in force as epoch ${next.epoch}\nid ${id}`, json: { id, adopted: true, epoch: next.epoch, tightens } };
  });
}

type Seen = { readonly name: string; readonly id: Hash; readonly text: string };

/** What an administrator says who has read the change. */
async function seenBy(context: Context, session: Session, { name, id, text }: Seen): Promise<Uint8Array> {
  const key = await openKey(context.home, name, context.text("passphrase-file"));
  return signDecision(session, key, { subject: id, text, decision: "seen", notAfter: Number.MAX_SAFE_INTEGER });
}

type Proposal = { readonly id: Hash; readonly rulebook: Uint8Array; readonly approval: Uint8Array | null };

/** Hands it to the vault, or to the server that does; null when it is in force, else when its delay ends.
 *  Fails: `VaultRefused`, `ApiProblem`, what the vault told the server. */
async function hand(session: Session, server: Client | null, { id, rulebook, approval }: Proposal): Promise<number | null> {
  if (server === null) {
    const answer = await session.demand({ command: "rulebook", rulebook, approvals: approval === null ? [] : [approval] });
    const delay = attempt(() => decode(DelayBody, answer));
    return answer.length > 0 && delay.ok ? (delay.value.until ?? delay.value.since) : null;
  }
  const made = await server.call("rulebooks.create", { body: { rulebook } });
  const decided = approval !== null && made.state === "waiting";
  const said = decided ? await server.call("rulebooks.decide", { params: { id }, body: { approval } }) : made;
  if (said.state === "adopted") return null;
  if (said.state === "waiting") return Date.parse(said.until ?? said.createdAt);
  const { code, field, detail } = said.answer ?? { code: "REFUSED", field: "rulebook", detail: `it is ${said.state}` };
  throw new Told({ code, field, detail });
}

/** The rulebook for people. */
function describe(book: Book): string {
  const { bold } = paintsFor(process.stdout);
  const section = (title: string, rows: readonly (readonly string[])[]) =>
    `${bold(title)}\n${columns(rows.map((row) => ["", ...row]))}`;
  const { document, id } = book;
  const { governance } = document;
  return [
    columns([
      ["epoch", String(document.epoch)],
      ["id", id],
      ["written", formatTime(document.createdAt)],
      ["approvals", `live ${duration(document.approvalLifeMs)} at most`],
      ...(document.demonstration ? [["", "DEMONSTRATION - no real value"]] : []),
    ]),
    section(
      "persons",
      document.persons.map((person) => [person.id, groupsOf(book, person.id), keysOf(person)]),
    ),
    section(
      "assets",
      document.assets.map(({ id: name, chain, contract, decimals }) => {
        return [name, `chain ${chain}`, contract ?? "native", `${decimals} decimals`];
      }),
    ),
    section(
      "rules",
      document.rules.map((rule) => {
        const scope = scopeWords(rule, book);
        return [rule.effect, rule.id, rule.effect === "require" ? `${ruleWords(rule, book)}  (${scope})` : scope];
      }),
    ),
    section(
      "limits",
      document.limits.map((limit) => [limit.id, limitWords(limit, book)]),
    ),
    section("governance", [
      ["administrators", `${governance.threshold} of ${governance.administrators.join(", ")}`],
      ["a weakening", `waits ${duration(governance.delayMs)}`],
      ["officers", `group ${governance.officers}`],
      ["unfreeze", `${quorumWords(governance.unfreeze)}, after ${duration(governance.unfreezeDelayMs)}`],
    ]),
  ].join("\n\n");
}

function groupsOf(book: Book, person: string): string {
  return book.groupsOf.get(person)?.join(", ") ?? "no group";
}

function keysOf(person: Rulebook["persons"][number]): string {
  const classes = [...new Set(person.keys.map((key) => key.class))].join(", ");
  return `${person.keys.length} key${person.keys.length === 1 ? "" : "s"} (${classes})`;
}
