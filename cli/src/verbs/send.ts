/** `strongroom send` and `strongroom requests`: has the vault judge and carry out a request, brings it to the chain and waits;
 *  lists what is on this device. Sending again never pays twice. */
import type { Json } from "@strongroom/core/signed/codec";
import { formatTime } from "@strongroom/core/text/render";
import type { Config } from "../config.ts";
import { closeRequest, closingOf, listRequests, loadRequest, type Request, shortId } from "../device/requests.ts";
import { fault } from "../faults.ts";
import { columns, duration } from "../screen.ts";
import { bringToChain, endOfDelay, execute, executeOnChain, register, waitUntil } from "../vault/execute.ts";
import { type Session, VaultRefused } from "../vault/session.ts";
import { type Answer, type Context, named, nodeFor, type Verb, withSession } from "../verb.ts";

export const send: Verb = {
  name: "send",
  takes: "REQUEST",
  what: "have the vault judge and sign a request, broadcast it and wait until it is mined",
  options: {
    index: { value: "N", what: "index of the paying address in the wallet (default 0)" },
    wait: { what: "when a delay of the rulebook runs, wait until it is over" },
  },
  examples: ["send 3f2a9c01", "send 3f2a9c01 --wait"],
  async run(context) {
    const [name = ""] = named(context, "REQUEST");
    return withSession(context, async (session, config) => {
      const request = await loadRequest(context.home, name);
      return sendOne(context, session, { request, config });
    });
  },
};

async function sendOne(
  context: Context,
  session: Session,
  { request, config }: { request: Request; config: Config },
): Promise<Answer> {
  const { intent, id } = request;
  const onChain = intent.kind === "pay";
  const node = onChain ? await nodeFor(config, intent.chain) : null;
  const index = Number(context.text("index") ?? "0");
  const carryOut = (): Promise<Request | Uint8Array> =>
    node === null ? execute(session, request, {}) : executeOnChain(session, request, node, index);
  const done = await afterDelay(context, session, { request, carryOut });
  if (node === null || done instanceof Uint8Array) {
    await closeRequest(request, "carried out");
    return { text: `carried out\nrequest  ${id}`, json: { request: id, carriedOut: true } };
  }
  const say = (ms: number) => (ms > 1_000 ? context.say(`waiting for the chain (${duration(ms)})`) : undefined);
  const mined = await bringToChain(done, node, say);
  await closeRequest(request, `mined in block ${mined.block}`);
  const facts = [
    ["mined", `block ${mined.block}, gas ${mined.gasUsed}`],
    ["transaction", mined.id],
    ["request", id],
  ];
  return {
    text: columns(facts),
    json: { request: id, transaction: mined.id, block: mined.block, gasUsed: mined.gasUsed.toString() },
  };
}

type Attempt = { readonly request: Request; readonly carryOut: () => Promise<Request | Uint8Array> };

/** Carries out; where a delay applies, registers first and, with --wait, waits. Fails: `VaultRefused`, DELAY. */
async function afterDelay(context: Context, session: Session, it: Attempt): Promise<Request | Uint8Array> {
  try {
    return await it.carryOut();
  } catch (error) {
    if (error instanceof VaultRefused && error.receipt.code === "NOT_REGISTERED") {
      await register(session, it.request);
      return afterDelay(context, session, it);
    }
    const until = endOfDelay(error);
    if (until === null) throw error;
    if (!context.on("wait")) fault("DELAY", "delay", `it ends at ${formatTime(until)} by the vault's time`);
    await waitUntil(session, until, context.say);
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
    const rows: { id: string; state: string; what: string; approvals: number }[] = [];
    for (const request of await listRequests(context.home)) {
      const state = (await closingOf(request)) ?? (request.execution === null ? "open" : "signed, not seen mined");
      rows.push({ id: request.id, state, what: wordsOf(request), approvals: request.approvals.length });
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

function wordsOf({ intent }: Request): string {
  return intent.kind === "pay" ? `pay ${intent.asset} to ${intent.destination.entry}` : intent.kind;
}
