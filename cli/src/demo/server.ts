/** The demonstration's database and server, each a process of its own, with the first administrator's token; and the
 *  sources. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Hash } from "@strongroom/core/bytes";
import { ROOT } from "../config.ts";
import { readToken, tokenPath } from "../desk/reach.ts";
import { makeFolder, writeWhole } from "../device/files.ts";
import { makeToken } from "../verbs/server/user.ts";
import { CHAIN } from "./anvil.ts";
import { type Child, runChild, startReady } from "./child.ts";
import { pricesPath } from "./funding.ts";
import type { SOURCES } from "./rulebook.ts";

/** The programs, in the same repository. They are started, never imported. */
const SERVER = join(ROOT, "server", "src", "main.ts");
const COMMAND = join(ROOT, "cli", "src", "main.ts");
/** What is stripped of its types once is kept, so that a start is quick. */
const ENV = { NODE_COMPILE_CACHE: join(ROOT, ".cache", "compile") };

/** The unit at the root, and the first user. */
export const UNIT = "bank";
export const ADMINISTRATOR = "admin";
/** Blocks after which something is final: by the server's policy, and by that of each source. */
export const CONFIRMATIONS = 2;
/** How many of the newest blocks may still be exchanged. */
const REORG_DEPTH = 32;
const NODE_POLL_MS = 100;

const serverFolder = (home: string): string => join(home, "server");
const configPath = (home: string): string => join(serverFolder(home), "config.json");
const urlsPath = (home: string): string => join(serverFolder(home), "postgres", "urls.json");

export type Database = { readonly child: Child; readonly version: string; readonly applied: number };

/** Starts PostgreSQL and brings it to the newest state. It is put into `children` at once. Fails: CHILD_FAILED. */
export async function startDatabase(home: string, children: Child[]): Promise<Database> {
  const folder = serverFolder(home);
  await makeFolder(folder);
  const { child, ready } = await startReady({
    name: "PostgreSQL",
    args: [SERVER, "postgres", "--home", folder, "--tether"],
    log: join(home, "postgres.log"),
    env: ENV,
    watchesInput: true,
  });
  children.push(child);
  const config = join(folder, "migrate.json");
  const database = { file: urlsPath(home) };
  const nobody = { socket: "none" };
  await writeWhole(config, JSON.stringify({ home: ".", http: {}, database, vault: nobody, genesis: "00".repeat(32) }));
  const args = [SERVER, "migrate", "--config", config];
  const said = await runChild({ name: "migrate", command: process.execPath, args, env: ENV });
  const { applied } = JSON.parse(said.trim().split("\n").at(-1) ?? "{}") as { applied: readonly number[] };
  return { child, version: String(ready["version"]), applied: applied.length };
}

export type ServerParts = {
  readonly home: string;
  readonly deployment: Hash;
  readonly socket: string;
  readonly node: string;
  readonly port: number;
};

/** Writes the server's configuration, enters the first administrator, and starts the server. Fails: CHILD_FAILED. */
export async function startServer(
  parts: ServerParts,
): Promise<{ readonly child: Child; readonly url: string; readonly token: string }> {
  const { home } = parts;
  await writeWhole(configPath(home), `${JSON.stringify(configOf(parts), null, 2)}\n`);
  const token = (await readToken(adminToken(home))) ?? makeToken().token;
  await writeWhole(adminToken(home), `${token}\n`);
  const [, { child, ready }] = await Promise.all([
    enterAdministrator(home, token),
    startReady({
      name: "server",
      args: [SERVER, "serve", "--config", configPath(home), "--tether"],
      log: join(home, "server.log"),
      env: ENV,
      watchesInput: true,
    }),
  ]);
  return { child, url: String(ready["url"]), token };
}

/** The folder's own token, with which everything is done that no person signs. */
export const adminToken = (home: string): string => join(home, "server.token");

async function enterAdministrator(home: string, token: string): Promise<void> {
  const hash = createHash("sha256").update(token).digest("hex");
  const who = ["--unit", UNIT, "--user", ADMINISTRATOR, "--token-hash", hash];
  const args = [SERVER, "administrator", "--config", configPath(home), ...who];
  await runChild({ name: "administrator", command: process.execPath, args, env: ENV });
}

function configOf({ home, deployment, socket, node, port }: ServerParts): object {
  const chain = {
    nodes: [{ name: "anvil", url: node }],
    quorum: 1,
    confirmations: [{ blocks: CONFIRMATIONS }],
    reorgDepth: REORG_DEPTH,
    trace: true,
    pollMs: NODE_POLL_MS,
    start: 0,
  };
  return {
    home: ".",
    http: { port },
    database: { file: urlsPath(home) },
    vault: { socket },
    genesis: deployment,
    chains: { [CHAIN]: chain },
    log: "info",
  };
}

/** What a source looks at. */
function waysOf(home: string, name: (typeof SOURCES)[number], node: string): readonly string[] {
  if (name === "prices") return ["--prices", pricesPath(home)];
  return name === "clock" ? [] : ["--node", node, "--policy", String(CONFIRMATIONS)];
}

/** Starts a source with its own key and token. Fails: CHILD_FAILED. */
export async function startSource(home: string, name: (typeof SOURCES)[number], node: string): Promise<Child> {
  await makeFolder(join(home, "sources"));
  const own = ["--name", name, ...waysOf(home, name, node)];
  const { child } = await startReady({
    name,
    args: [COMMAND, "source", ...own, "--home", home, "--token-file", tokenPath(home, name), "--json", "--tether"],
    log: join(home, "sources", `${name}.log`),
    env: ENV,
    watchesInput: true,
  });
  return child;
}
