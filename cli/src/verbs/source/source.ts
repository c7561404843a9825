/** `strongroom source`: a process of its own with a key of its own that states, signed, what it sees for itself: which
 *  transactions are final, what things cost, what its nodes show of addresses, contracts and transfers, and the time. The vault
 *  counts sources; that is worth as much as they are independent. */
import { join } from "node:path";
import process from "node:process";
import { HERE } from "@strongroom/sdk/here";
import { EXIT, failureOf, fault } from "../../faults.ts";
import { limits } from "../../limits.ts";
import { type Context, named, parseLife, type Verb } from "../../verb.ts";
import { type Judge, openJudge } from "./judge.ts";
import { LASTING, ROUNDS, type Round } from "./rounds.ts";
import { openMoments, openStatements, type Statements } from "./statements.ts";
import { signFact, WHO, type Who, whoStates } from "./who.ts";

export const source: Verb = {
  name: "source",
  takes: "",
  what: "run a source until it is ended; the rulebook says what it states: finality, price, code, nonce, simulation or clock",
  options: {
    ...WHO,
    node: { value: "URL", many: true, what: "a node of its own; once for each, and all of them must agree" },
    policy: { value: "BLOCKS", what: "blocks after which a transaction is final, its own counted (default 12)" },
    prices: { value: "FILE", what: "prices to state, read again whenever the file is written" },
    every: { value: "TIME", what: "how often code, nonces, simulations and the time are stated again (default 20s)" },
    tether: { what: "end when the standard input does" },
  },
  examples: [
    "source --name finality-a --node http://127.0.0.1:8545 --policy 12",
    "source --name desk-prices --prices ./prices.json --json",
    "source --name simulator --node http://127.0.0.1:8545 --every 30s",
  ],
  async run(context) {
    named(context);
    const ending = endOf(context.on("tether"));
    const options = optionsOf(context);
    const who = await whoStates(context);
    const { type } = await who.source();
    const look = ROUNDS[type] ?? fault("USAGE", "name", `${who.name} states ${type} facts; see: strongroom help source state`);
    if (type === "price") options.prices();
    else if (type !== "clock") options.nodes();
    const path = join(context.home, "sources", `${who.name}.jsonl`);
    const statements = LASTING.includes(type) ? await openStatements(path) : openMoments();
    const tell = teller(context);
    tell({ event: "ready", source: who.name, type, pid: process.pid });
    await run(context, { who, statements, options, tell, look }, ending);
    await statements.close();
    return null;
  },
};

type Tell = (line: { readonly [name: string]: string | number }) => void;
type Options = ReturnType<typeof optionsOf>;
type Work = {
  readonly who: Who;
  readonly statements: Statements;
  readonly options: Options;
  readonly tell: Tell;
  readonly look: (round: Round) => Promise<void>;
};

/** What the command line says; what a type of source needs fails only where it is asked for. Fails: USAGE. */
function optionsOf(context: Context) {
  const urls = context.texts("node");
  const every = context.text("every");
  const path = context.text("prices");
  return {
    blocks: blocksFrom(context),
    everyMs: every === undefined ? limits.restateMs : parseLife(every, "every"),
    nodes: () => (urls.length > 0 ? urls : fault("USAGE", "node", "--node is missing; this source looks at the chain")),
    prices: () => path ?? fault("USAGE", "prices", "--prices is missing; this source states what a file says"),
  };
}

/** Looks again and again; what does not answer is told and tried again, everything else ends the process. */
async function run(context: Context, work: Work, ending: AbortSignal): Promise<void> {
  const { options, who, look } = work;
  let judge: Judge | null = null;
  const [statedAt, payers] = [new Map<string, number>(), new Map<string, string>()];
  let turns = 0;
  let pause: number = limits.sourceMs;
  while (!ending.aborted) {
    try {
      await sendAll(work);
      const { prices, nodes, blocks, everyMs } = options;
      await look({
        ...{ ...who, statements: work.statements, prices, everyMs, statedAt, payers },
        sweep: turns % limits.sourceSweep === 0,
        judge: async () => {
          judge ??= await openJudge(nodes(), blocks);
          return judge;
        },
        state: (make, says) => state(work, make, says),
        say: context.say,
      });
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

/** Signs a fact, writes it down, and sends it. */
async function state(work: Work, make: Parameters<Round["state"]>[0], says: string): Promise<void> {
  const { who, statements } = work;
  const fact = make({ version: 1, deployment: who.deployment, source: who.name, at: Date.now() });
  await statements.add({ subject: fact.subject, says, fact: await signFact(who, fact) });
  await sendAll(work);
}

async function sendAll({ who: { client, name }, statements, tell }: Work): Promise<void> {
  for (const statement of statements.unsent()) {
    const { id } = await client.call("facts.create", { body: { fact: statement.fact } });
    await statements.sent(statement);
    tell({ event: "stated", source: name, subject: statement.subject, says: statement.says, fact: id });
  }
}

function blocksFrom(context: Context): number {
  const text = context.text("policy") ?? "12";
  return /^[1-9]\d{0,5}$/.test(text) ? Number(text) : fault("USAGE", "policy", "a number of blocks is expected");
}

/** One line for each thing that happens. */
function teller(context: Context): Tell {
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
