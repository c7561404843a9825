/** `strongroom vault confirm`: administrators state that a start of the vault goes on from the newest record that they know. */
import { StatusBody } from "@strongroom/core/protocol/command";
import { decode } from "@strongroom/core/signed/object";
import type { Client } from "@strongroom/sdk/client";
import type { StartView } from "@strongroom/sdk/contract/governance";
import { demandEnrolled, signDecision } from "@strongroom/sdk/device/decision";
import { type ShownStart, showStart } from "@strongroom/sdk/verify/start";
import { reachFrom } from "../desk/reach.ts";
import { readWhole, writeWhole } from "../device/files.ts";
import { openKey } from "../device/keyFile.ts";
import { fault } from "../faults.ts";
import { frame } from "../screen.ts";
import { openSession, type Session } from "../vault/session.ts";
import { type Answer, type Context, confirmText, lineFor, named, SIGNING, type Verb } from "../verb.ts";

export const vaultConfirm: Verb = {
  name: "vault confirm",
  takes: "",
  what: "as an administrator, confirm that the vault's start goes on from the newest record; enough of you make it count",
  options: {
    ...SIGNING,
    key: { value: "NAME", many: true, what: "an administrator's device key; once for each who signs here" },
    with: { value: "FILE", many: true, what: "what another administrator has signed elsewhere, as --out has written it" },
    out: { value: "FILE", what: "write what is signed to this file instead of sending it" },
    lost: { what: "after a repair: go on although this device has seen records that the vault has lost" },
  },
  examples: [
    "vault confirm --key ada",
    "vault confirm --key ada --out ada.confirm",
    "vault confirm --key ben --with ada.confirm",
    "vault confirm --key ada --key ben --lost",
  ],
  async run(context) {
    named(context);
    const { wire, client } = await reachFrom(context);
    const session = await openSession(context.home, wire, context.on("lost"));
    try {
      return await confirm(context, session, client);
    } finally {
      session.close();
    }
  },
};

async function confirm(context: Context, session: Session, client: Client | null): Promise<Answer> {
  const [names, files, out] = [context.texts("key"), context.texts("with"), context.text("out")];
  if (names.length === 0) fault("USAGE", "key", "--key is missing");
  if (out !== undefined && (names.length > 1 || files.length > 0))
    fault("USAGE", "out", "one administrator's word is written by itself");
  const { start: bytes } = decode(StatusBody, await session.demand({ command: "status" }));
  if (bytes === undefined) return fault("USAGE", "vault", "the vault is not founded");
  const shown = showStart(bytes, { deployment: session.deployment, vault: session.vault, book: session.book() });
  await confirmText(context, frame(shown.text), `Confirm as ${names.join(", ")}?`);
  const approvals: Uint8Array[] = [];
  for (const name of names) approvals.push(await signStart(context, session, shown, name));
  const { start, id } = shown;
  const json = { start: id, number: start.number, head: { ...start.head } };
  if (out !== undefined) {
    await writeWhole(out, approvals[0] as Uint8Array);
    const next = lineFor(context.home, `vault confirm --key NAME --with ${out}`);
    return { text: `written  ${out}\nnext     ${next}`, json: { ...json, written: out } };
  }
  for (const file of files) approvals.push(new Uint8Array(await readWhole(file)));
  if (client === null) await session.demand({ command: "confirm", approvals });
  else {
    const { confirmed, missing, threshold } = await sendEach(client, approvals);
    const text = `start ${start.number} waits for ${missing} more of ${threshold} administrators: vault confirm --key NAME`;
    if (!confirmed) return { text, json: { ...json, confirmed, missing } };
  }
  await session.refresh();
  const suspected = start.suspicion !== undefined;
  const what = suspected ? "the vault acts again" : "what was approved before it counts again";
  return { text: `start ${start.number} is confirmed: ${what}`, json: { ...json, confirmed: true, suspected } };
}

/** The server keeps each word, and has the vault asked when they are enough. */
async function sendEach(client: Client, approvals: readonly Uint8Array[]): Promise<StartView> {
  let view: StartView | undefined;
  for (const approval of approvals) view = await client.call("starts.confirm", { body: { approval } });
  return view as StartView;
}

async function signStart(context: Context, session: Session, { id, text }: ShownStart, name: string): Promise<Uint8Array> {
  const key = await openKey(context.home, name, context.text("passphrase-file"));
  demandEnrolled(session, key);
  return signDecision(session, key, { subject: id, text, decision: "confirm", notAfter: Number.MAX_SAFE_INTEGER });
}
