/** `strongroom explain`: everything that stands between a request and its execution, as the vault says it, or a dry run of an
 *  intent, also by a rulebook that is not in force. Nothing can come of it. */
import process from "node:process";
import { attempt } from "@strongroom/core/errors";
import { ExplanationBody } from "@strongroom/core/protocol/explanation";
import { type Book, openBook } from "@strongroom/core/rulebook/book";
import { Approval } from "@strongroom/core/signed/approval";
import { Intent } from "@strongroom/core/signed/intent";
import { decode, encode, idOf, Signed, toJson } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { shortId, wordsOf } from "@strongroom/sdk/device/show";
import type { Request } from "../../desk/desk.ts";
import { parseJson, readIfThere } from "../../device/files.ts";
import { fault } from "../../faults.ts";
import { paintsFor } from "../../screen.ts";
import { type Draft, describe, explain } from "../../vault/explain.ts";
import { named, type Verb, withSession } from "../../verb.ts";
import { readDocument } from "../rulebook/analyse.ts";
import { readFact } from "./send.ts";

export const explainVerb: Verb = {
  name: "explain",
  takes: "REQUEST|FILE",
  what: "what the vault says of a request, or of an intent in a file: each demand, what is met, who and what is missing",
  options: {
    draft: { value: "FILE", what: "judge by this rulebook in JSON, as if it were in force; its base must be the one that is" },
    fact: { value: "FILE", many: true, what: "straight to the vault: signed fact to judge with; once for each file" },
  },
  examples: ["explain 3f2a9c01", "explain pay.json --draft next.json", "explain 3f2a9c01 --json"],
  async run(context) {
    const [name = ""] = named(context, "REQUEST|FILE");
    const path = context.text("draft");
    const next = path === undefined ? undefined : draftOf(await readDocument(path));
    const facts: Uint8Array[] = [];
    for (const file of context.texts("fact")) facts.push(await readFact(file));
    return withSession(context, async (session, { desk }) => {
      if (desk.server !== null && facts.length > 0) fault("USAGE", "fact", "the server has its own; name facts with --direct");
      const request = (await fromFile(name)) ?? (await desk.load(name));
      const told = await explain(session, desk.server, request, { draft: next?.draft, facts });
      const book = next?.book ?? session.book();
      const title = `request    ${shortId(request.id)}  ${wordsOf(request.intent, book)}`;
      const { at, limits, ...body } = told;
      const narrowed = limits === undefined ? {} : { limits: limits.map((limit) => ({ ...limit })) };
      const json = { request: request.id, at, explanation: toJson(ExplanationBody, body), ...narrowed };
      return { text: `${title}\n${describe(told, book, paintsFor(process.stdout))}`, json };
    });
  },
};

type Drafted = { readonly draft: Draft; readonly book: Book };

function draftOf(document: Rulebook): Drafted {
  const bytes = encode(Rulebook, document);
  return { draft: { id: idOf(Rulebook, bytes), bytes }, book: openBook(document) };
}

/** The intent in a file: its bytes, or the body that `--out` writes. Null when there is no such file. Fails: FILE_UNFIT. */
async function fromFile(path: string): Promise<Request | null> {
  const found = await readIfThere(path);
  if (found === null) return null;
  const body = found[0] === "{".charCodeAt(0) ? parseJson(found, path) : null;
  const field = (name: string) =>
    body !== null && typeof body === "object" && name in body ? (body as never)[name] : undefined;
  const read = attempt(() => {
    const bytes = body === null ? new Uint8Array(found) : new Uint8Array(Buffer.from(String(field("intent")), "base64"));
    const signed = field("approval");
    const approval = signed === undefined ? [] : [new Uint8Array(Buffer.from(String(signed), "base64"))];
    const approvals = approval.map((one) => ({ bytes: one, approval: decode(Approval, decode(Signed, one).body) }));
    const id = idOf(Intent, bytes);
    return { id, intent: decode(Intent, bytes), bytes, approvals, index: Number(field("index") ?? 0) };
  });
  return read.ok ? read.value : fault("FILE_UNFIT", path, `it holds no intent: ${read.code} at ${read.field}`);
}
