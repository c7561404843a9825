/** `strongroom status`: which vault this is, how far it stands, what is frozen, and what protects it. */

import process from "node:process";
import { ProtectionsBody, StatusBody } from "@strongroom/core/protocol/command";
import type { Json } from "@strongroom/core/signed/codec";
import { Start } from "@strongroom/core/signed/head";
import { decode } from "@strongroom/core/signed/object";
import { formatTime } from "@strongroom/core/text/render";
import { asDeployment } from "@strongroom/sdk/verify/rulebook";
import { showStart } from "@strongroom/sdk/verify/start";
import { reachFrom } from "../desk/reach.ts";
import { fault } from "../faults.ts";
import { columns, paintsFor } from "../screen.ts";
import type { Session } from "../vault/session.ts";
import { pinDeployment } from "../vault/session.ts";
import { type Answer, type Context, named, type Verb, withSession } from "../verb.ts";

export const status: Verb = {
  name: "status",
  takes: "",
  what: "the vault's deployment, head, freezes and protections, all checked against the pinned genesis",
  options: { pin: { value: "ID", what: "pin this deployment id first; the vault must be of it, and no other may be pinned" } },
  examples: ["status", "status --json"],
  async run(context) {
    named(context);
    const pin = context.text("pin");
    if (pin !== undefined) await pinFirst(context, pin);
    return withSession(context, describe);
  },
};

async function pinFirst(context: Context, text: string): Promise<void> {
  const deployment = asDeployment(text) ?? fault("USAGE", "pin", "64 hex digits are expected");
  const { wire } = await reachFrom(context);
  await pinDeployment(context.home, await wire(), deployment);
}

/** What the host says of its protections. */
export async function fetchProtections(session: Session): Promise<ProtectionsBody["protections"]> {
  return decode(ProtectionsBody, await session.demand({ command: "protections" })).protections;
}

async function describe(session: Session): Promise<Answer> {
  const body = decode(StatusBody, await session.demand({ command: "status" }));
  const protections = await fetchProtections(session);
  const head = session.head();
  const { document, id } = session.book();
  const { good, bad, bold, dim } = paintsFor(process.stdout);
  const missing = protections.filter((item) => !item.on);
  const facts = columns([
    ["institution", session.genesis.institution],
    ...(session.genesis.demonstration ? [["", "DEMONSTRATION - no real value"]] : []),
    ["deployment", session.deployment],
    ["vault", session.vault],
    ["rulebook", `epoch ${document.epoch}, ${id}`],
    ["head", `record ${head.head.seq}, ${head.head.hash}`],
    ["vault's time", `at least ${formatTime(head.at)}`],
    ["live", `${body.live} signed transaction${body.live === 1 ? " is" : "s are"} not final`],
    ["start", startWords(body, session)],
    ...(body.succession === undefined ? [] : [["succession", `no transaction before ${formatTime(body.succession)}`]]),
    ["rule change", waitingOf(body)],
    ...(body.freezes.length === 0 ? [["freezes", "none"]] : body.freezes.map((item) => ["freeze", freezeWords(item)])),
  ]);
  const guards = columns(protections.map((item) => [item.on ? good("✓") : bad("✗"), item.name, dim(item.detail)]));
  const title = `${protections.length - missing.length} of ${protections.length} protections hold`;
  return {
    text: `${facts}\n\n${bold(title)}\n${guards}`,
    json: {
      deployment: session.deployment,
      institution: session.genesis.institution,
      demonstration: session.genesis.demonstration,
      vault: session.vault,
      rulebook: id,
      epoch: document.epoch,
      head: { ...head.head },
      boot: head.boot,
      halted: head.halted,
      ...startJson(body),
      ...(body.succession === undefined ? {} : { succession: body.succession }),
      live: body.live,
      freezes: body.freezes.map((item) => ({ ...item })),
      ...(body.waiting === undefined ? {} : { waiting: body.waiting }),
      ...(body.waitingUntil === undefined ? {} : { waitingUntil: body.waitingUntil }),
      protections: protections.map((item) => ({ ...item })),
    },
  };
}

/** The start, and whether it is confirmed or suspected. */
function startWords({ start: bytes, confirmed }: StatusBody, session: Session): string {
  if (bytes === undefined) return "none";
  const { deployment, vault } = session;
  const { number, head, suspicion } = showStart(bytes, { deployment, vault, book: session.book() }).start;
  const words = `number ${number}, on record ${head.seq}`;
  if (confirmed === true) return `${words}, confirmed`;
  return suspicion === undefined ? words : `${words}, SUSPECTED (${suspicion}): nothing is done until: vault confirm`;
}

function startJson({ start: bytes, confirmed = false }: StatusBody): { readonly [name: string]: Json } {
  if (bytes === undefined) return {};
  const { number, head, suspicion } = decode(Start, bytes);
  return { start: { number, head: { ...head }, ...(suspicion !== undefined && { suspicion }), confirmed } };
}

function waitingOf({ waiting, waitingUntil }: StatusBody): string {
  return waiting === undefined ? "none waits" : `${waiting} waits until ${formatTime(waitingUntil ?? 0)}`;
}

function freezeWords({ level, subject, officer, intent }: StatusBody["freezes"][number]): string {
  return `${level === "institution" ? "everything" : `${level} ${subject}`}, by ${officer}, ${intent}`;
}
