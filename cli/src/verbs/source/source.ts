/** `strongroom source`: a process of its own with a key of its own that states, signed, what it sees for itself: which
 *  transactions are final, and what things cost. The vault counts sources; that is worth as much as they are independent.
 *  */
import { join } from "node:path";
import process from "node:process";
import type { Hash } from "@strongroom/core/bytes";
import { Fact } from "@strongroom/core/signed/fact";
import { encode, type Kind } from "@strongroom/core/signed/object";
import type { Client } from "@strongroom/sdk/client";
import type { Execution } from "@strongroom/sdk/contract/requests";
import { signObject } from "@strongroom/sdk/device/signer";
import { HERE } from "@strongroom/sdk/here";
import { openGenesis, openRulebook } from "@strongroom/sdk/verify/rulebook";
import { clientFrom } from "../../desk/reach.ts";
import { type DeviceKey, openKey } from "../../device/keyFile.ts";
import { readPin } from "../../device/trust.ts";
import { EXIT, failureOf, fault } from "../../faults.ts";
import { limits } from "../../limits.ts";
import { asName, type Context, named, needed, SIGNING, type Verb } from "../../verb.ts";
import { type Judge, openJudge } from "./judge.ts";
import { readPrices } from "./prices.ts";
import { openStatements, type Statements } from "./statements.ts";

export const source: Verb = {
  name: "source",
  takes: "",
  what: "run a source of the rulebook: state finality as its own nodes show it, or prices out of a file, until it is ended",
  options: {
    name: { value: "NAME", what: "the source, as the rulebook names it" },
    key: { value: "NAME", what: "its key: a name in the folder keys, or a .pem file (default: the source's name)" },
    node: { value: "URL", many: true, what: "a node of its own; once for each, and all of them must agree" },
    policy: { value: "BLOCKS", what: "blocks after which a transaction is final, its own counted (default 12)" },
    prices: { value: "FILE", what: "prices to state, read again whenever the file is written" },
    tether: { what: "end when the standard input does" },
    "passphrase-file": SIGNING["passphrase-file"] as Verb["options"][string],
  },
  examples: [
    "source --name finality-a --node http://127.0.0.1:8545 --policy 12",
    "source --name desk-prices --prices ./prices.json --json",
  ],
  async run(context) {
    named(context);
    const name = asName(needed(context, "name"), "name");
    const [urls, prices] = [context.texts("node"), context.text("prices")];
    if (urls.length === 0 && prices === undefined) fault("USAGE", "node", "--node or --prices is missing");
    const blocks = blocksFrom(context);
    const ending = endOf(context.on("tether"));
    const key = await openKey(context.home, context.text("key") ?? name, context.text("passphrase-file"));
    const client = await clientFrom({ ...context, text: (option) => (option === "key" ? name : context.text(option)) });
    const deployment = await demandSource(context, client, { name, key });
    const statements = await openStatements(join(context.home, "sources", `${name}.jsonl`));
    const source: Source = { name, key, client, deployment, statements, tell: teller(context) };
    source.tell({ event: "ready", source: name, pid: process.pid });
    await run(context, source, { ending, urls, blocks, prices });
    await statements.close();
    return null;
  },
};

type Source = {
  readonly name: string;
  readonly key: DeviceKey;
  readonly client: Client;
  readonly deployment: Hash;
  readonly statements: Statements;
  readonly tell: (line: { readonly [name: string]: string | number }) => void;
};

type Work = {
  readonly ending: AbortSignal;
  readonly urls: readonly string[];
  readonly blocks: number;
  readonly prices: string | undefined;
};

/** Looks again and again; what does not answer is told and tried again, everything else ends the process. */
async function run(context: Context, source: Source, { ending, urls, blocks, prices }: Work): Promise<void> {
  let judge: Judge | null = null;
  let turns = 0;
  let pause: number = limits.sourceMs;
  while (!ending.aborted) {
    try {
      await sendAll(source);
      if (urls.length > 0) {
        judge ??= await openJudge(urls, blocks);
        await stateFinality(source, judge, turns % limits.sourceSweep === 0);
      }
      if (prices !== undefined) await statePrices(source, prices);
      turns += 1;
      pause = limits.sourceMs;
    } catch (error) {
      const { code, detail, exit } = failureOf(error);
      if (exit !== EXIT.operational) throw error;
      context.say(`${code}  ${detail}`);
      pause = Math.min(pause * 2, limits.sourceMostMs);
    }
    await HERE.pause(pause, ending).catch((reason: unknown) => {
      if (!ending.aborted) throw reason;
    });
  }
}

/** States what is final and was not stated yet. All that there ever was is looked at in a sweep, else what is recent. */
async function stateFinality(source: Source, judge: Judge, sweep: boolean): Promise<void> {
  const { client, deployment, name, statements } = source;
  let quiet = 0;
  for await (const execution of client.each("executions.list", { query: { limit: String(limits.page) } })) {
    const open = openIn(execution, judge.chain, statements);
    quiet = open.length === 0 ? quiet + 1 : 0;
    if (!sweep && quiet >= limits.page) return;
    for (const { id, subject } of open) {
      const verdict = await judge.verdictOn(id);
      if (verdict === null) continue;
      const { outcome } = verdict;
      const common = { version: 1, deployment, source: name, subject, at: Date.now() };
      await state(source, { ...common, type: "finality", outcome }, outcome);
    }
  }
}

/** Transactions that the server says are in a block and on which nothing was stated. */
function openIn({ transactions }: Execution, chain: number, statements: Statements) {
  return transactions.flatMap((one) => {
    const subject = `transaction:${one.chain}:${one.id}`;
    return one.chain === chain && one.block !== null && statements.saidOn(subject) === null ? [{ id: one.id, subject }] : [];
  });
}

/** States each price of the file, once for each time that it was written. */
async function statePrices(source: Source, path: string): Promise<void> {
  const { writtenMs, prices } = await readPrices(path);
  for (const { subject, numerator, denominator } of prices) {
    const says = `${numerator}/${denominator} written ${writtenMs}`;
    if (source.statements.saidOn(subject) === says) continue;
    const common = { version: 1, deployment: source.deployment, source: source.name, subject, at: Date.now() };
    await state(source, { ...common, type: "price", numerator, denominator }, says);
  }
}

/** Signs a fact, writes it down, and sends it. */
async function state(source: Source, fact: Fact, says: string): Promise<void> {
  const signed = await signObject(Fact as Kind<unknown>, encode(Fact, fact), [source.key]);
  await source.statements.add({ subject: fact.subject, says, fact: signed });
  await sendAll(source);
}

async function sendAll({ client, name, statements, tell }: Source): Promise<void> {
  for (const statement of statements.unsent()) {
    const { id } = await client.call("facts.create", { body: { fact: statement.fact } });
    await statements.sent(statement);
    tell({ event: "stated", source: name, subject: statement.subject, says: statement.says, fact: id });
  }
}

/** The pinned deployment, when the rulebook in force names this source with this key. Fails: NO_PIN, USAGE, the alarms. */
async function demandSource(context: Context, client: Client, { name, key }: Pick<Source, "name" | "key">): Promise<Hash> {
  const pin = (await readPin(context.home)) ?? fault("NO_PIN", context.home, "there is no file genesis.pin");
  const { genesis, rulebook } = await client.call("vault.get");
  const { sources } = openRulebook(rulebook, openGenesis(genesis, pin), null);
  const known = sources.get(name) ?? fault("USAGE", "name", `the rulebook names no source ${name}`);
  const same = Buffer.from(known.publicKey).equals(key.publicKey);
  return same ? pin : fault("USAGE", "key", `the rulebook knows another key of ${name}`);
}

function blocksFrom(context: Context): number {
  const text = context.text("policy") ?? "12";
  return /^[1-9]\d{0,5}$/.test(text) ? Number(text) : fault("USAGE", "policy", "a number of blocks is expected");
}

/** One line for each thing that happens. */
function teller(context: Context): Source["tell"] {
  return (line) => {
    const { event, subject = "", says = "" } = line;
    process.stdout.write(`${context.json ? JSON.stringify(line) : `${event} ${subject} ${says}`.trimEnd()}\n`);
  };
}

/** Aborts when this process is asked to end. */
function endOf(isTethered: boolean): AbortSignal {
  const ending = new AbortController();
  const end = () => ending.abort();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
  if (isTethered) {
    for (const event of ["end", "close", "error"] as const) process.stdin.once(event, end);
    process.stdin.resume();
  }
  return ending.signal;
}
