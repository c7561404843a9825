/** `strongroom send` and `strongroom requests`: has the vault judge and carry out a request, brings it to the chain and waits;
 *  lists what is on this device. Sending again never pays twice. */

import { attempt } from "@strongroom/core/errors";
import { WalletBody } from "@strongroom/core/protocol/command";
import { Fact } from "@strongroom/core/signed/fact";
import { decode, Signed } from "@strongroom/core/signed/object";
import { formatTime } from "@strongroom/core/text/render";
import { shortId, textOf, wordsOf } from "@strongroom/sdk/device/show";
import { VaultRefused } from "@strongroom/sdk/vault/session";
import type { Config } from "../../config.ts";
import { type Desk, formerWords } from "../../desk/desk.ts";
import { readWhole } from "../../device/files.ts";
import { closeRequest, loadRequest, type Request } from "../../device/requests.ts";
import { fault } from "../../faults.ts";
import { columns, duration, frame } from "../../screen.ts";
import {
  bringToChain,
  currentApprovals,
  endOfDelay,
  execute,
  executeOnChain,
  register,
  waitUntil,
} from "../../vault/execute.ts";
import { isOnChain } from "../../vault/fees.ts";
import type { Session } from "../../vault/session.ts";
import { type Answer, type Context, named, nodeFor, parseLife, type Verb, withSession } from "../../verb.ts";
import { personsOf } from "./decide.ts";
import { follow, openedWallet } from "./follow.ts";
import { nextOf, wordsAfter } from "./request.ts";

export const send: Verb = {
  name: "send",
  takes: "REQUEST",
  what: "have the vault judge a request and carry it out, and wait until that is done; a server does it by itself",
  options: {
    fact: { value: "FILE", many: true, what: "signed fact that a rule demands; once for each file" },
    wait: { what: "wait for the end of a delay or a cooling-off time, and through a server for facts that are missing" },
    within: { value: "TIME", what: "how long to wait until it is done: 5s, 10m (default 60s)" },
  },
  examples: ["send 3f2a9c01", "send 3f2a9c01 --wait", "send 3f2a9c01 --fact kyt-a.fact --fact kyt-b.fact"],
  async run(context) {
    const [name = ""] = named(context, "REQUEST");
    const within = context.text("within");
    const withinMs = within === undefined ? {} : { withinMs: parseLife(within, "within") };
    const facts: Uint8Array[] = [];
    for (const path of context.texts("fact")) facts.push(await readFact(path));
    return withSession(context, async (session, { config, client, desk }) => {
      if (client !== null) return follow(context, session, { client, request: await desk.load(name), facts, ...withinMs });
      return sendOne(context, session, { request: await loadRequest(context.home, name), config, facts, ...withinMs });
    });
  },
};

/** The bytes of a file that holds a signed fact; whether it counts is for the vault to say. Fails: FILE_UNFIT. */
export async function readFact(path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(await readWhole(path));
  const read = attempt(() => decode(Fact, decode(Signed, bytes).body));
  return read.ok ? bytes : fault("FILE_UNFIT", path, `it is no signed fact: ${read.code} at ${read.field}`);
}

type Sending = {
  readonly request: Request;
  readonly config: Config;
  readonly facts: readonly Uint8Array[];
  readonly withinMs?: number;
};

async function sendOne(context: Context, session: Session, { request, config, facts, ...patience }: Sending): Promise<Answer> {
  const { intent, id } = request;
  for (const words of currentApprovals(session, request).left) context.say(`left out: an approval, ${words}`);
  if (!isOnChain(intent)) {
    const body = await afterDelay(context, session, { request, carryOut: () => execute(session, request, { facts }) });
    await closeRequest(request, "carried out");
    return carriedOut(context, request, body);
  }
  const node = await nodeFor(config, intent.chain);
  const signed = await afterDelay(context, session, { request, carryOut: () => executeOnChain(session, request, node, facts) });
  let told = 1_000;
  const waiting = (ms: number) => {
    if (ms < told) return;
    told = ms * 2;
    context.say(`waiting for the chain (${duration(ms)})`);
  };
  const mined = await bringToChain(session, signed, node, { waiting, ...patience });
  const lines = [
    ["mined", `block ${mined.block}, gas ${mined.gasUsed}`],
    ["transaction", mined.id],
    ["request", id],
  ];
  return {
    text: columns(lines),
    json: { request: id, transaction: mined.id, block: mined.block, gasUsed: mined.gasUsed.toString() },
  };
}

function carriedOut(context: Context, { id, intent }: Request, body: Uint8Array): Answer {
  const json = { request: id, carriedOut: true };
  if (intent.kind !== "wallet") return { text: `carried out\nrequest  ${id}`, json };
  const { text, json: wallet } = openedWallet(context, decode(WalletBody, body));
  return { text, json: { ...json, ...wallet } };
}

type Attempt<T> = { readonly request: Request; readonly carryOut: () => Promise<T> };

/** Carries out; where a delay applies, registers first and, with --wait, waits. Fails: `VaultRefused`, DELAY. */
async function afterDelay<T>(context: Context, session: Session, it: Attempt<T>): Promise<T> {
  try {
    return await it.carryOut();
  } catch (error) {
    if (error instanceof VaultRefused && error.receipt.code === "NOT_REGISTERED") {
      await register(session, it.request);
      return afterDelay(context, session, it);
    }
    const end = endOfDelay(error);
    if (end === null) throw error;
    const words = `it ends in ${duration(end.leftMs)}, at ${formatTime(end.until)} by the vault's own time`;
    if (!context.on("wait")) fault("DELAY", "delay", words);
    await waitUntil(session, end.until, context.say);
    return it.carryOut();
  }
}

export const requests: Verb = {
  name: "requests",
  takes: "[REQUEST]",
  what: "the requests that there are, or one of them in full: its text as this device renders it, and who has signed",
  options: {},
  examples: ["requests", "requests 3f2a9c01"],
  async run(context) {
    const [name] = named(context, "REQUEST?");
    return withSession(context, (session, { desk }) =>
      name === undefined ? listAll(session, desk) : showOne(context, session, { desk, name }),
    );
  },
};

async function listAll(session: Session, desk: Desk): Promise<Answer> {
  const rows = (await desk.list()).map(({ request, state }) => {
    const { id, intent, approvals } = request;
    return { id, state, what: wordsOf(intent, session.book()), approvals: approvals.length };
  });
  const signatures = (count: number) => `${count} signature${count === 1 ? "" : "s"}`;
  const lines = rows.map(({ id, what, approvals, state }) => [shortId(id), what, signatures(approvals), state]);
  return { text: lines.length === 0 ? "no requests" : columns(lines), json: { requests: rows } };
}

async function showOne(context: Context, session: Session, { desk, name }: { desk: Desk; name: string }): Promise<Answer> {
  const request = await desk.load(name);
  const [text, persons] = [textOf(session, request.intent), personsOf(session, request)];
  const former = await formerWords(desk, request.intent, session.book());
  const state = await desk.stateOf(request);
  const after = state.startsWith("open") ? await nextOf(session, desk, request) : null;
  const lines = [
    frame(text),
    ...(former === null ? [] : [former]),
    `signed by ${persons.join(", ")}`,
    `state     ${state}`,
    ...(after === null ? [] : wordsAfter(context, after, 10)),
  ];
  return { text: lines.join("\n"), json: { request: request.id, state, text, signedBy: persons, ...after } };
}
