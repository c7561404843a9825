/** The server's verbs: serve, migrate, postgres, administrator, openapi. Nothing but the command line and the exit code.
 *
 *  Standard output carries one line of JSON per event (`ready`, `migrated`, `ended`), standard error the log and words for
 *  people. Exit codes: 0 done or asked to stop; 64 command line; 65 the database is of another program; 69 database, PostgreSQL
 *  or port not to be had; 70 a bug; 78 configuration. */
import { renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { migrate } from "../db/migrate.ts";
import { openDatabase } from "../db/open.ts";
import { keepPostgres } from "../db/postgres/keep.ts";
import { transact } from "../db/transact.ts";
import { describe as describeApi } from "../http/openapi.ts";
import { ensureFirst } from "../users/store.ts";
import { Bell } from "./bell.ts";
import { describe, readConfig } from "./config.ts";
import { EXIT, Fault, lastWords } from "./fault.ts";
import { limits } from "./limits.ts";
import { openLog } from "./log.ts";
import { startServer } from "./start.ts";

const USAGE = `server serve [--config FILE] [--tether]
server migrate [--config FILE]
server postgres --home DIR [--tether]
server administrator [--config FILE] --unit NAME --user NAME --token-hash HEX
server openapi
FILE may also be named by STRONGROOM_CONFIG. --tether: ends when the standard input does.`;

const OPTIONS = {
  config: { type: "string" },
  home: { type: "string" },
  tether: { type: "boolean", default: false },
  unit: { type: "string" },
  user: { type: "string" },
  "token-hash": { type: "string" },
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
const configOf = ({ config: file }: Values) => readConfig({ file, env: process.env });

/** Resolves when this process is asked to end: by SIGTERM, SIGINT, SIGHUP, or by the end of its standard input where it is
 *  tethered. The input is let go of then, since an open one would keep the process. */
function wishToEnd(isTethered: boolean): Promise<null> {
  return new Promise((resolve) => {
    const done = () => {
      if (isTethered) process.stdin.destroy();
      resolve(null);
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, done);
    if (!isTethered) return;
    for (const end of ["end", "close", "error"] as const) process.stdin.once(end, done);
    process.stdin.resume();
  });
}

async function serve(values: Values): Promise<void> {
  const config = configOf(values);
  const ending = wishToEnd(values.tether);
  const log = openLog(config.log);
  log.log.info({ config: describe(config) }, "starting");
  try {
    const server = await startServer(config, log);
    say({ event: "ready", url: server.url, pid: process.pid });
    const fault = await Promise.race([ending, server.broken]);
    log.log.info("stopping");
    // What does not end by then is left behind: nothing is lost by that, as by no kill.
    const left = new Bell();
    void server.stop().then(() => left.ring());
    await left.wait(limits.stopMs);
    if (fault !== null) throw fault;
  } finally {
    await log.flush();
  }
}

async function migrateNow(values: Values): Promise<void> {
  const ownerUrl = process.env.STRONGROOM_DATABASE_OWNER_URL ?? configOf(values).database?.ownerUrl ?? null;
  if (ownerUrl === null)
    throw new Fault("CONFIG", "At database.ownerUrl, or in STRONGROOM_DATABASE_OWNER_URL: the owner's URL is needed.");
  say({ event: "migrated", applied: await migrate({ ownerUrl }) });
}

/** Runs PostgreSQL and nothing else. The URLs hold passwords, so they go into a file that only this user reads. */
async function postgres({ home, tether }: Values): Promise<void> {
  if (home === undefined) throw new Fault("USAGE", USAGE);
  const ending = wishToEnd(tether);
  const kind = ([null, "system", "packaged"] as const).find((one) => one === (process.env.STRONGROOM_POSTGRES ?? null));
  if (kind === undefined) throw new Fault("CONFIG", "STRONGROOM_POSTGRES is system or packaged.");
  const tell = (line: string) => process.stderr.write(`${line}\n`);
  const kept = await keepPostgres({ home: resolve(home), kind, say: tell });
  const urls = join(resolve(home), "postgres", "urls.json");
  writeFileSync(`${urls}.draft`, JSON.stringify({ url: kept.url, ownerUrl: kept.ownerUrl }), { mode: 0o600 });
  renameSync(`${urls}.draft`, urls);
  say({ event: "ready", urls, pid: process.pid, postgres: kept.pid(), version: kept.version });
  const fault = await Promise.race([ending, kept.ended]);
  await kept.stop();
  if (fault !== null) throw fault;
}

/** The first user, who adds all others. Once there is any user, nothing is done. */
async function administrator(values: Values): Promise<void> {
  const { unit, user, "token-hash": tokenHash } = values;
  if (unit === undefined || user === undefined || tokenHash === undefined) throw new Fault("USAGE", USAGE);
  const url = configOf(values).database?.url;
  if (url === undefined) throw new Fault("CONFIG", "At database: the URL of a database is needed.");
  const { db, close } = openDatabase({ url, connections: 1 });
  try {
    const done = await transact(db, (tx) => ensureFirst(tx, { unit, user, tokenHash }, Date.now()));
    say({ event: "administrator", user, unit, done });
  } finally {
    await close();
  }
}

async function openapi(): Promise<void> {
  process.stdout.write(`${JSON.stringify(describeApi(), null, 2)}\n`);
}

const VERBS = { serve, migrate: migrateNow, postgres, administrator, openapi } as const;

/** Carries out one command line and gives the exit code. */
export async function program(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    const [verb = "", ...rest] = positionals;
    if (rest.length > 0 || !Object.hasOwn(VERBS, verb)) throw new Fault("USAGE", USAGE);
    await VERBS[verb as keyof typeof VERBS](values);
    return EXIT.ok;
  } catch (error) {
    const { exit, code, text } = lastWords(error);
    process.stderr.write(`${text}\n`);
    say({ event: "ended", code });
    return exit;
  }
}
