/** What all verbs share that make a request: the initiator's words, the text that he reads before he signs, and what to
 *  type next. */

import { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf } from "@strongroom/core/signed/object";
import { demandEnrolled, signDecision, type Words } from "@strongroom/sdk/device/decision";
import { shortId, textOf } from "@strongroom/sdk/device/show";
import { type Desk, formerWords, type Request } from "../../desk/desk.ts";
import { writeWhole } from "../../device/files.ts";
import type { DeviceKey } from "../../device/keyFile.ts";
import { frame } from "../../screen.ts";
import { type Advice, adviceOn } from "../../vault/explain.ts";
import type { Session } from "../../vault/session.ts";
import { type Answer, type At, type Context, confirmText, lineFor, parseLife, type Verb } from "../../verb.ts";

/** What the initiator says of any request. */
export const WORDS: Verb["options"] = {
  purpose: { value: "TEXT", what: "why, in your words; approvers read it" },
  reference: { value: "TEXT", what: "your own reference; the same one never names two actions" },
  valid: { value: "TIME", what: "how long the request lives: 90s, 15m, 24h, 7d (default 24h)" },
};
/** For whoever calls the server with a program of his own. */
export const OUT: Verb["options"] = {
  out: { value: "FILE", what: "write what was signed to this file, as the body that the server's API takes, and send nothing" },
};

/** Writes the body of a call. */
export async function writeBody(path: string, body: { readonly [name: string]: Uint8Array | string | number | undefined }) {
  const said = Object.entries(body).filter(([, value]) => value !== undefined);
  const json = said.map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value]);
  await writeWhole(path, `${JSON.stringify(Object.fromEntries(json))}\n`);
}

/** The words that a command line says of a request. Fails: USAGE. */
export function wordsFrom(context: Context): Words {
  const valid = context.text("valid");
  return {
    purpose: context.text("purpose") ?? "",
    reference: context.text("reference"),
    lifeMs: valid === undefined ? undefined : parseLife(valid, "valid"),
  };
}

/** An intent that is to be signed. `index`: that of the paying address. `client`: whose position pays out of an omnibus
 *  wallet. */
type Made = {
  readonly key: DeviceKey;
  readonly bytes: Uint8Array;
  readonly index?: number;
  readonly client?: string | undefined;
};

/** Shows an intent, signs it as its initiator, and lays it on the desk. */
export async function requestIntent(
  context: Context,
  session: Session,
  { desk, key, bytes, index, client }: Made & Pick<At, "desk">,
): Promise<Answer> {
  demandEnrolled(session, key);
  const intent = decode(Intent, bytes);
  const text = textOf(session, intent);
  const former = await formerWords(desk, intent, session.book());
  await confirmText(context, `${frame(text)}${former === null ? "" : `\n${former}`}`, `Sign as ${key.name}?`);
  const { kind, notAfter } = intent;
  const it = { subject: idOf(Intent, bytes), text, decision: "initiate", notAfter, kind } as const;
  const approval = await signDecision(session, key, it);
  const out = context.text("out");
  if (out !== undefined) {
    await writeBody(out, { intent: bytes, approval, index, client });
    const line = `api requests.create --body ${out}`;
    const next = `next     ${lineFor(context.home, line)}`;
    return { text: `request  ${it.subject}\nwritten  ${out}\n${next}`, json: { request: it.subject, text, written: out } };
  }
  const made = await desk.create({ bytes, approval, index, client });
  const after = await nextOf(session, desk, made);
  return {
    text: [`request ${made.id}`, ...wordsAfter(context, after, 8)].join("\n"),
    json: { request: made.id, text, ...after },
  };
}

/** What a request still lacks, and what to type next. */
export async function nextOf(
  session: Session,
  { server }: Pick<Desk, "server">,
  request: Request,
): Promise<Advice & { readonly next: string[] }> {
  const advice = await adviceOn(session, server, request);
  const { missing } = advice;
  const id = shortId(request.id);
  const send = `send ${id}${request.intent.kind === "unfreeze" ? " --wait" : ""}`;
  return { ...advice, next: [...(missing.length > 0 ? [`approve ${id} --key NAME`] : []), send] };
}

/** The same as lines, each with its label in `wide` columns. */
export function wordsAfter(
  context: Context,
  { against, missing, next }: Advice & { next: readonly string[] },
  wide: number,
): string[] {
  const pad = (label: string) => label.padEnd(wide);
  if (against !== undefined) return [`${pad("but")}${against}; the vault will refuse it`];
  return [
    ...missing.map((words, at) => `${pad(at === 0 ? "needs" : "")}${words}`),
    ...next.map((words, at) => `${pad(at === 0 ? "next" : "")}${lineFor(context.home, words)}`),
  ];
}
