/** `strongroom send` and `strongroom requests`: has the vault judge and carry out a request, brings it to the chain and waits;
 *  lists what is on this device. Sending again never pays twice. */

import { attempt } from "@strongroom/core/errors";
import { WalletBody } from "@strongroom/core/protocol/command";
import type { Json } from "@strongroom/core/signed/codec";
import { Fact } from "@strongroom/core/signed/fact";
import { decode, Signed } from "@strongroom/core/signed/object";
import { formatTime } from "@strongroom/core/text/render";
import { shortId, wordsOf } from "@strongroom/sdk/device/show";
import { keptBook, VaultRefused } from "@strongroom/sdk/vault/session";
import { type Config, readConfig } from "../config.ts";
import { readWhole } from "../device/files.ts";
import { closeRequest, closingOf, listRequests, loadRequest, type Request } from "../device/requests.ts";
import { fileMemory } from "../device/trust.ts";
import { fault } from "../faults.ts";
import { columns, duration } from "../screen.ts";
import { bringToChain, currentApprovals, endOfDelay, execute, executeOnChain, register, waitUntil } from "../vault/execute.ts";
import type { Session } from "../vault/session.ts";
import { type Answer, type Context, lineFor, named, nodeFor, parseLife, type Verb, withSession } from "../verb.ts";
import { describeWallet } from "./wallet.ts";

export const send: Verb = {
  name: "send",
  takes: "REQUEST",
  what: "have the vault judge a request and carry it out; a payment is then broadcast and waited for until it is mined",
  options: {
    fact: { value: "FILE", many: true, what: "signed fact that a rule demands; once for each file" },
    wait: { what: "when a delay of the rulebook runs, wait until it is over" },
    within: { value: "TIME", what: "how long to wait until it is mined: 5s, 10m (default 60s)" },
  },
  examples: ["send 3f2a9c01", "send 3f2a9c01 --wait", "send 3f2a9c01 --fact kyt-a.fact --fact kyt-b.fact"],
  async run(context) {
    const [name = ""] = named(context, "REQUEST");
    const within = context.text("within");
    const withinMs = within === undefined ? {} : { withinMs: parseLife(within, "within") };
    const facts: Uint8Array[] = [];
    for (const path of context.texts("fact")) facts.push(await readFact(path));
    return withSession(context, async (session, config) => {
      const request = await loadRequest(context.home, name);
      return sendOne(context, session, { request, config, facts, ...withinMs });
    });
  },
};

/** The bytes of a file that holds a signed fact; whether it counts is for the vault to say. Fails: FILE_UNFIT. */
async function readFact(path: string): Promise<Uint8Array> {
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
  if (intent.kind !== "pay" && intent.kind !== "cancel") {
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
  const wallet = describeWallet(decode(WalletBody, body));
  const next = lineFor(context.home, `address ${intent.wallet}`);
  return { text: `opened\n${wallet.text}\nnext        ${next}`, json: { ...json, ...wallet.json } };
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
  takes: "",
  what: "the requests on this device",
  options: {},
  async run(context) {
    named(context);
    await readConfig(context.home);
    const book = await keptBook(fileMemory(context.home));
    const rows: { id: string; state: string; what: string; approvals: number }[] = [];
    for (const request of await listRequests(context.home)) {
      const { id, intent, approvals } = request;
      rows.push({ id, state: await stateOf(request), what: wordsOf(intent, book), approvals: approvals.length });
    }
    const lines = rows.map((row) => [
      shortId(row.id),
      row.what,
      `${row.approvals} signature${row.approvals === 1 ? "" : "s"}`,
      row.state,
    ]);
    return { text: lines.length === 0 ? "no requests" : columns(lines), json: { requests: rows as Json } };
  },
};

/** What has become of a request, as far as this device knows. */
async function stateOf(request: Request): Promise<string> {
  const closed = await closingOf(request);
  if (closed !== null) return closed;
  if (request.execution !== null) return "signed, not seen mined";
  return request.intent.notAfter < Date.now() ? "expired" : "open";
}
