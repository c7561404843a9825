/** `strongroom health` and `strongroom events`: how a server is, and what happens on it. */
import process from "node:process";
import type { Json } from "@strongroom/core/signed/codec";
import type { Event } from "@strongroom/sdk/contract/log";
import { clientFrom } from "../../desk/reach.ts";
import { EXIT, fault } from "../../faults.ts";
import { columns, paintsFor, plain } from "../../screen.ts";
import { type Context, named, type Verb } from "../../verb.ts";

export const health: Verb = {
  name: "health",
  takes: "",
  what: "vault, database, chains with nodes that lag or lie, books, records, log, jobs; exit code 1 when one is not well",
  options: {},
  examples: ["health", "health --json"],
  async run(context) {
    named(context);
    const { ok, checks } = await (await clientFrom(context)).call("health.get");
    const { good, bad, dim } = paintsFor(process.stdout);
    const lines = checks.map((check) => [check.ok ? good("✓") : bad("✗"), check.name, dim(plain(check.detail))]);
    return { text: columns(lines), json: { well: ok, checks }, ...(ok ? {} : { exit: EXIT.refused }) };
  },
};

export const events: Verb = {
  name: "events",
  takes: "",
  what: "the ordered stream of events, which is the audit log: event n is leaf n",
  options: {
    follow: { what: "go on with what happens, one line each, until Ctrl-C" },
    after: { value: "NUMBER", what: "only what comes after this number (default: the last 50, with --follow what is new)" },
    type: { value: "TYPE", what: "only of this type, such as deposit.booked" },
  },
  examples: ["events", "events --follow --type deposit.booked", "events --after 120 --json"],
  async run(context) {
    named(context);
    const client = await clientFrom(context);
    const after = numberFrom(context);
    const type = context.text("type");
    const only = type === undefined ? {} : { type };
    const end = after ?? (await endOf(() => client.call("audit.checkpoint")));
    if (!context.on("follow")) {
      const from = after ?? end - LAST;
      const query = { ...only, ...(from < 0 ? {} : { after: String(from) }), limit: "200" };
      const { items } = await client.call("events.list", { query });
      return { text: items.length === 0 ? "no events" : columns(items.map(lineOf)), json: { events: items.map(viewOf) } };
    }
    const stop = new AbortController();
    const ended = () => stop.abort();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, ended);
    try {
      for await (const event of client.events({ ...only, after: end, signal: stop.signal })) {
        process.stdout.write(`${context.json ? JSON.stringify(viewOf(event)) : columns([lineOf(event)])}\n`);
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
    return null;
  },
};

const LAST = 50;

/** About the last number that there is: what the newest checkpoint covers. */
async function endOf(checkpoint: () => Promise<{ readonly size: number }>): Promise<number> {
  return (await checkpoint()).size - 1;
}

function numberFrom(context: Context): number | undefined {
  const text = context.text("after");
  if (text === undefined) return undefined;
  return /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : fault("USAGE", "after", "a number is expected");
}

function lineOf({ number, at, type, subject, actor }: Event): string[] {
  return [String(number), at, type, subject, `by ${actor}`];
}

function viewOf({ leaf, ...event }: Event): { [name: string]: Json } {
  return { ...event, leaf: Buffer.from(leaf).toString("base64") } as { [name: string]: Json };
}
