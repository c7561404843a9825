/** The vault's verbs: init, run, verify, launch, selfcheck. Nothing but the command line and the exit code.
 *
 *  Standard output carries one line of JSON per event and the console's answers, standard error words for people.
 *  Exit codes: 0 done or asked to stop; 64 command line; 65 damaged or foreign data; 66 no vault there; 69 somebody else has
 *  the socket or the folder; 70 a write failed or a bug, nothing was answered after it; 73 something is there already;
 *  77 passphrase or file rights. */
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { toHex } from "@strongroom/core/bytes";
import { tightens } from "@strongroom/core/protocol/command";
import { bootVault, demandVault, initialise, verifyData, type WholeMind } from "./boot.ts";
import { EXIT, Fault, lastWords } from "./fault.ts";
import { passphraseFromDescriptor, passphraseFromFile, passphraseFromLines } from "./keys/passphrase.ts";
import { becomeVault } from "./launch/launch.ts";
import { measure, type Subject } from "./launch/protections.ts";
import { readList } from "./launch/readList.ts";
import { tryForbidden } from "./launch/selfcheck.ts";
import { type Lines, linesOf } from "./serve/console.ts";
import { serveUntilEnd } from "./serve/serve.ts";
import { clearPath } from "./serve/socket.ts";

const USAGE = `vault init --data DIR PASSPHRASE
vault launch --data DIR [--socket PATH] [--check] (--stdin | --passphrase-file FILE)
vault run --data DIR [--socket PATH] PASSPHRASE
vault verify --data DIR PASSPHRASE
vault selfcheck --data DIR
PASSPHRASE is --stdin (its first line), --passphrase-file FILE (mode 0600) or --passphrase-fd N.`;

const OPTIONS = {
  data: { type: "string" },
  socket: { type: "string" },
  stdin: { type: "boolean", default: false },
  check: { type: "boolean", default: false },
  "passphrase-file": { type: "string" },
  "passphrase-fd": { type: "string" },
  "socket-group": { type: "boolean", default: false },
  starter: { type: "string" },
  reason: { type: "string", multiple: true, default: [] as string[] },
} as const;

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new Fault("USAGE", `${error instanceof Error ? error.message : ""}\n${USAGE}`);
  }
}
type Values = ReturnType<typeof parse>["values"];

const say = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`);

/** The passphrase, and the lines that follow it where it came on the standard input. */
async function passphraseOf(values: Values): Promise<{ passphrase: Buffer; lines: Lines | null }> {
  const { "passphrase-file": file, "passphrase-fd": descriptor } = values;
  if (file !== undefined) return { passphrase: passphraseFromFile(file), lines: null };
  if (descriptor !== undefined) return { passphrase: passphraseFromDescriptor(Number(descriptor)), lines: null };
  if (!values.stdin) throw new Fault("USAGE", `Say where the passphrase comes from.\n${USAGE}`);
  const lines = linesOf(process.stdin);
  return { passphrase: await passphraseFromLines(lines), lines };
}

async function withPassphrase<T>(values: Values, work: (passphrase: Buffer, lines: Lines | null) => Promise<T>): Promise<T> {
  const { passphrase, lines } = await passphraseOf(values);
  try {
    return await work(passphrase, lines);
  } finally {
    passphrase.fill(0);
  }
}

async function init(data: string, values: Values): Promise<void> {
  const identityKey = await withPassphrase(values, (passphrase) => initialise(data, passphrase));
  say({ event: "made", identityKey });
}

async function verify<State>(data: string, values: Values, mind: ProgramMind<State>): Promise<void> {
  await demandVault(data);
  const { last, ms } = await withPassphrase(values, (passphrase) => verifyData(data, passphrase, mind));
  const { segment, sequence, chain } = last.end;
  say({ event: "verified", segments: segment, records: sequence, head: chain, torn: last.torn, ms });
}

/** What the program runs from: the runtime's own list, or without one what the list would be. */
function codeRead({ data = "", socket }: Values): string[] {
  if (process.permission === undefined) return readList();
  const flag = "--allow-fs-read=";
  const listed = process.execArgv.flatMap((arg) => (arg.startsWith(flag) ? [arg.slice(flag.length)] : []));
  const others = [`${data}/`, `${socket === undefined ? data : dirname(socket)}/`];
  return listed.filter((path) => !path.startsWith("/proc/") && !others.includes(path));
}

function subjectOf(data: string, values: Values, demonstration: boolean): Subject {
  const reasons = values.reason.map((text) => [text.slice(0, text.indexOf(": ")), text.slice(text.indexOf(": ") + 2)] as const);
  return {
    data,
    code: [...codeRead(values), "/proc/self/exe"],
    starter: values.starter === undefined ? null : Number(values.starter),
    keystore: "software",
    demonstration,
    reasons: new Map(reasons),
  };
}

async function run<State>(data: string, values: Values, mind: ProgramMind<State>): Promise<void> {
  await demandVault(data);
  if (values.socket !== undefined) await clearPath(values.socket);
  const { passphrase, lines } = await passphraseOf(values);
  const vault = await bootVault(data, passphrase, mind).finally(() => passphrase.fill(0));
  const { loop, keystore, replayed } = vault;
  const mode = values["socket-group"] ? 0o660 : 0o600;
  const openings = {
    loop,
    tightens,
    data,
    measure: () => measure(subjectOf(data, values, mind.isDemonstration(loop.state))),
    socket: values.socket === undefined ? null : ({ path: values.socket, mode } as const),
    lines,
    write: (line: string) => process.stdout.write(line),
  };
  const { records, ms } = replayed;
  const identityKey = toHex(keystore.identity.publicKey);
  try {
    await serveUntilEnd(openings, () =>
      say({ event: "ready", vault: keystore.identity.id, identityKey, records, replayMs: ms }),
    );
  } finally {
    await vault.close();
  }
}

/** What holds, and what was tried and must not have worked. Exit code 77 when something went through. */
async function selfcheck(data: string, values: Values): Promise<void> {
  const attempts = await tryForbidden(data);
  say({ event: "selfcheck", attempts, protections: await measure(subjectOf(data, values, false)) });
  const open = attempts.filter(({ refused }) => refused === null).map(({ what }) => what);
  if (open.length > 0) throw new Fault("UNPROTECTED", `This went through: ${open.join(", ")}.`);
}

/** Whether the deployment is a demonstration; false as long as it is not founded. */
export type ProgramMind<State> = WholeMind<State> & { isDemonstration(state: State): boolean };

/** Carries out one command line and gives the exit code. */
export async function program<State>(args: string[], mind: ProgramMind<State>): Promise<number> {
  try {
    await obey(args, mind);
    return EXIT.ok;
  } catch (error) {
    const { exit, code, text } = lastWords(error);
    process.stderr.write(`${text}\n`);
    say({ event: "ended", code });
    return exit;
  }
}

async function obey<State>(args: string[], mind: ProgramMind<State>): Promise<void> {
  const { values, positionals } = parse(args);
  const [verb, ...rest] = positionals;
  if (values.data === undefined || rest.length > 0) throw new Fault("USAGE", USAGE);
  const data = resolve(values.data);
  switch (verb) {
    case "init":
      return init(data, values);
    case "run":
      return run(data, values, mind);
    case "verify":
      return verify(data, values, mind);
    case "selfcheck":
      return selfcheck(data, values);
    case "launch": {
      await demandVault(data);
      const passphraseFile = values.stdin ? null : (values["passphrase-file"] ?? null);
      if (!values.check && !values.stdin && passphraseFile === null) throw new Fault("USAGE", USAGE);
      return becomeVault({ data, socket: values.socket ?? null, passphraseFile, verb: values.check ? "selfcheck" : "run" });
    }
    default:
      throw new Fault("USAGE", USAGE);
  }
}
