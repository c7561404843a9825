/** The vault's verbs: init, run, verify, repair, heir, inherit, launch,
 *  selfcheck. Nothing but the command line and the exit code.
 *
 *  Standard output carries one line of JSON per event and the console's answers, standard error words for people.
 *  Exit codes: 0 done or asked to stop; 64 command line; 65 damaged or foreign data; 66 no vault there; 69 somebody else has
 *  the socket or the folder; 70 a write failed or a bug, nothing was answered after it; 73 something is there already;
 *  77 passphrase or file rights. */
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { fromHex, toHex } from "@strongroom/core/bytes";
import { keyId } from "@strongroom/core/keys/id";
import { tightens } from "@strongroom/core/protocol/command";
import { bootVault, demandVault, initialise, verifyData } from "./boot.ts";
import { type HeirMind, inherit, makeHeir, type Opened } from "./ceremony/inherit.ts";
import { type RepairMind, repairData, type Salvage } from "./ceremony/repair.ts";
import { realFiles } from "./disk.ts";
import { EXIT, Fault, lastWords } from "./fault.ts";
import type { Replayed } from "./journal/replay.ts";
import { demandReadable, passphraseFromDescriptor, passphraseFromFile, passphraseFromLines } from "./keys/passphrase.ts";
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
vault repair --data DIR PASSPHRASE
vault heir --data DIR --from DIR --from-passphrase-file FILE PASSPHRASE
vault inherit --data DIR --from DIR --from-passphrase-file FILE PASSPHRASE
vault selfcheck --data DIR
PASSPHRASE is --stdin (its first line), --passphrase-file FILE (mode 0600) or --passphrase-fd N.`;

const OPTIONS = {
  data: { type: "string" },
  socket: { type: "string" },
  stdin: { type: "boolean", default: false },
  check: { type: "boolean", default: false },
  from: { type: "string" },
  "from-passphrase-file": { type: "string" },
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

/** The standard streams. */
export type Streams = {
  readonly input: AsyncIterable<Buffer>;
  readonly out: (line: string) => void;
  readonly error: (text: string) => void;
};

const STANDARD: Streams = {
  get input() {
    return process.stdin;
  },
  out: (line) => process.stdout.write(line),
  error: (text) => process.stderr.write(text),
};

/** One command line with what it needs. */
type Call<State> = {
  readonly data: string;
  readonly values: Values;
  readonly mind: ProgramMind<State>;
  readonly streams: Streams;
};

const say = ({ out }: Streams, event: object) => out(`${JSON.stringify(event)}\n`);

/** The passphrase, and the lines that follow it where it came on the standard input. */
async function passphraseOf({
  values,
  streams,
}: Pick<Call<never>, "values" | "streams">): Promise<{ passphrase: Buffer; lines: Lines | null }> {
  const { "passphrase-file": file, "passphrase-fd": descriptor } = values;
  if (file !== undefined) return { passphrase: passphraseFromFile(file), lines: null };
  if (descriptor !== undefined) return { passphrase: passphraseFromDescriptor(Number(descriptor)), lines: null };
  if (!values.stdin) throw new Fault("USAGE", `Say where the passphrase comes from.\n${USAGE}`);
  const lines = linesOf(streams.input);
  return { passphrase: await passphraseFromLines(lines), lines };
}

async function init<State>(call: Call<State>): Promise<void> {
  const { passphrase } = await passphraseOf(call);
  const identityKey = await initialise(call.data, passphrase).finally(() => passphrase.fill(0));
  say(call.streams, { event: "made", identityKey });
}

async function verify<State>(call: Call<State>): Promise<void> {
  await demandVault(call.data);
  const { passphrase } = await passphraseOf(call);
  const { last, suspicion, ms } = await verifyData(call.data, passphrase, call.mind).finally(() => passphrase.fill(0));
  const { segment, sequence, chain } = last.end;
  say(call.streams, { event: "verified", segments: segment, records: sequence, head: chain, torn: last.torn, suspicion, ms });
}

/** The ceremony of a repair: shows what can be read, and goes on once the line that it asks for was typed. Root takes on the
 *  folder's owner, so that the vault can read what is made. Fails: as `repairData`. */
async function repair<State>(call: Call<State>): Promise<void> {
  const { data, mind, streams } = call;
  await demandVault(data);
  const { passphrase, lines } = await passphraseOf(call);
  await actAsOwner(data);
  const typed = lines ?? linesOf(streams.input);
  const agreed = async (found: Salvage<State>) => {
    const { last, why, segments, bytes } = found;
    const { segment, sequence, chain } = last.end;
    const halted = mind.isHalted(found.state);
    say(streams, { event: "found", records: sequence, head: chain, segment, why, halted, segments, bytes });
    streams.error(wordsOf(found, halted));
    const line = await typed.next();
    return line?.toString("latin1").trim() === phraseOf(chain);
  };
  const aside = await repairData(data, passphrase, mind, agreed).finally(() => passphrase.fill(0));
  say(streams, { event: "repaired", aside });
}

/** The two vaults of a succession with their passphrases; `work` clears neither, this does. */
async function withBoth<T>(call: Call<never>, work: (to: Opened, from: Opened) => Promise<T>): Promise<T> {
  const { from, "from-passphrase-file": file } = call.values;
  if (from === undefined || file === undefined) throw new Fault("USAGE", USAGE);
  const other = { data: resolve(from), passphrase: passphraseFromFile(file) };
  const { passphrase } = await passphraseOf(call);
  try {
    return await work({ data: call.data, passphrase }, other);
  } finally {
    other.passphrase.fill(0);
    passphrase.fill(0);
  }
}

/** Makes a vault that can succeed another one. */
async function heir<State>(call: Call<State>): Promise<void> {
  const identityKey = await withBoth(call as Call<never>, (to, from) => makeHeir(to, from));
  say(call.streams, { event: "made", identityKey, vault: keyId("ed25519", fromHex(identityKey)) });
}

/** Has it take over the other one's journal. */
async function takeOver<State>(call: Call<State>): Promise<void> {
  await demandVault(call.data);
  const head = await withBoth(call as Call<never>, (to, from) => inherit(to, from, call.mind));
  say(call.streams, { event: "inherited", records: head.sequence, head: head.chain });
}

const phraseOf = (head: string) => `repair ${head.slice(0, 12)}`;

function wordsOf<State>({ last, why, segments, bytes }: Salvage<State>, halted: boolean): string {
  const { sequence, chain, segment } = last.end;
  return [
    `Readable: ${sequence} records in ${segment} of ${segments} segments, up to the head`,
    `  ${chain}`,
    why === "" ? "Everything could be read." : `Reading ended there with ${why}.`,
    `${bytes} bytes follow it; they are set aside and will not be part of the journal.`,
    ...(halted ? ["The vault was halted, because it was shown a head that it lacks; this lifts the halt."] : []),
    "Afterwards the vault does nothing until its administrators have confirmed the start.",
    `To go on, type: ${phraseOf(chain)}`,
    "",
  ].join("\n");
}

async function actAsOwner(data: string): Promise<void> {
  const { uid, gid } = await realFiles.stat(data);
  if (process.geteuid?.() !== 0 || uid === 0) return;
  process.setgroups?.([]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

async function run<State>(call: Call<State>): Promise<void> {
  const { data, values, mind, streams } = call;
  await demandVault(data);
  if (values.socket !== undefined) await clearPath(values.socket);
  const { passphrase, lines } = await passphraseOf(call);
  const vault = await bootVault(data, passphrase, mind, (line) => streams.error(`${line}\n`)).finally(() => passphrase.fill(0));
  const { loop, keystore, replayed } = vault;
  const mode = values["socket-group"] ? 0o660 : 0o600;
  const openings = {
    loop,
    tightens,
    data,
    measure: () => {
      const { failure } = vault.keeper;
      const snapshots = failure === null ? replayed.refused : [...replayed.refused, failure];
      return measure({ ...subjectOf(call, mind.isDemonstration(loop.state)), snapshots });
    },
    socket: values.socket === undefined ? null : ({ path: values.socket, mode } as const),
    lines,
    write: streams.out,
  };
  const identityKey = toHex(keystore.identity.publicKey);
  const ready = { event: "ready", vault: keystore.identity.id, identityKey, ...replayOf(replayed) };
  try {
    await serveUntilEnd(openings, () => say(streams, ready));
  } finally {
    await vault.close();
  }
}

/** How the state was come by: `records` of the journal, `fromSnapshot` of them not read again. */
function replayOf({ records, from, ms }: Replayed<unknown>) {
  return { records, fromSnapshot: from.end.sequence, replayMs: ms };
}

/** What holds, and what was tried and must not have worked. Fails: UNPROTECTED when something went through. */
async function selfcheck<State>(call: Call<State>): Promise<void> {
  const attempts = await tryForbidden(call.data);
  say(call.streams, { event: "selfcheck", attempts, protections: await measure(subjectOf(call, false)) });
  const open = attempts.filter(({ refused }) => refused === null).map(({ what }) => what);
  if (open.length > 0) throw new Fault("UNPROTECTED", `This went through: ${open.join(", ")}.`);
}

async function launch<State>({ data, values }: Call<State>): Promise<void> {
  await demandVault(data);
  const passphraseFile = values.stdin ? null : (values["passphrase-file"] ?? null);
  if (!values.check && !values.stdin && passphraseFile === null) throw new Fault("USAGE", USAGE);
  // The next link opens it, and could only say that it cannot.
  if (passphraseFile !== null) demandReadable(passphraseFile);
  becomeVault({ data, socket: values.socket ?? null, passphraseFile, verb: values.check ? "selfcheck" : "run" });
}

function subjectOf<State>({ data, values }: Call<State>, demonstration: boolean): Subject {
  const reasons = values.reason.map((text) => [text.slice(0, text.indexOf(": ")), text.slice(text.indexOf(": ") + 2)] as const);
  return {
    data,
    code: [...codeRead(values), "/proc/self/exe"],
    starter: values.starter === undefined ? null : Number(values.starter),
    keystore: "software",
    snapshots: null,
    demonstration,
    reasons: new Map(reasons),
  };
}

/** What the program runs from: the runtime's own list, or without one what the list would be. */
function codeRead({ data = "", socket }: Values): string[] {
  if (process.permission === undefined) return readList();
  const flag = "--allow-fs-read=";
  const listed = process.execArgv.flatMap((arg) => (arg.startsWith(flag) ? [arg.slice(flag.length)] : []));
  const others = [`${data}/`, `${socket === undefined ? data : dirname(socket)}/`];
  return listed.filter((path) => !path.startsWith("/proc/") && !others.includes(path));
}

/** `isDemonstration`: false as long as the deployment is not founded. */
export type ProgramMind<State> = RepairMind<State> &
  HeirMind<State> & {
    isDemonstration(state: State): boolean;
    /** Whether the vault was shown a head that it lacks. */
    isHalted(state: State): boolean;
  };

const VERBS = { init, run, verify, repair, heir, inherit: takeOver, selfcheck, launch } as const;

/** Carries out one command line and gives the exit code. */
export async function program<State>(args: string[], mind: ProgramMind<State>, streams: Streams = STANDARD): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    const [verb = "", ...rest] = positionals;
    if (values.data === undefined || rest.length > 0 || !Object.hasOwn(VERBS, verb)) throw new Fault("USAGE", USAGE);
    await VERBS[verb as keyof typeof VERBS]({ data: resolve(values.data), values, mind, streams });
    return EXIT.ok;
  } catch (error) {
    const { exit, code, text } = lastWords(error);
    streams.error(`${text}\n`);
    say(streams, { event: "ended", code });
    return exit;
  }
}
