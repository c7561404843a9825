/** What the process is told about its surroundings: one JSON file and a few variables of the environment.
 *
 *  The file is strict: whatever is not known, missing or of another kind is refused with its place. Paths in it are relative to
 *  its folder. What is secret may stand in the environment, or in a file that only this user reads. */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Hash } from "@strongroom/core/bytes";
import type { ChainConfig, Confirmation } from "../chain/types.ts";
import { codeOf, Fault } from "./fault.ts";
import { limits } from "./limits.ts";
import * as read from "./read.ts";

export type Config = {
  /** The folder for what the server itself keeps: an embedded database. */
  readonly home: string;
  /** `host`: the address to listen on. `port` 0: any free one. */
  readonly http: { readonly host: string; readonly port: number };
  /** Null: one is started under `home`. `ownerUrl`: only `migrate` needs it. */
  readonly database: { readonly url: string; readonly ownerUrl: string | null } | null;
  /** Which PostgreSQL is started; null: Debian's, else the packaged one. */
  readonly postgres: "system" | "packaged" | null;
  readonly vault: { readonly socket: string };
  /** Hash of the genesis record that the vault must show: the id of the deployment. */
  readonly genesis: Hash;
  readonly chains: ReadonlyMap<number, ChainConfig>;
  /** Whether this process does jobs, or only answers calls. */
  readonly workers: boolean;
  readonly log: (typeof LOG_LEVELS)[number];
};

const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** The variables that are looked at. */
export type Environment = {
  readonly STRONGROOM_CONFIG?: string | undefined;
  readonly STRONGROOM_DATABASE_URL?: string | undefined;
  readonly STRONGROOM_DATABASE_OWNER_URL?: string | undefined;
  readonly STRONGROOM_POSTGRES?: string | undefined;
  readonly STRONGROOM_LOG?: string | undefined;
};

/** Reads the file that the command line names, or else the environment. Fails: CONFIG, with the field and what it must be. */
export function readConfig({ file, env }: { file: string | undefined; env: Environment }): Config {
  const path = file ?? env.STRONGROOM_CONFIG;
  if (path === undefined) throw new Fault("CONFIG", "Say where it is: --config FILE, or STRONGROOM_CONFIG.");
  return parseConfig(readText(path), { folder: dirname(resolve(path)), env });
}

export function parseConfig(text: string, { folder, env }: { folder: string; env: Environment }): Config {
  const from = (path: string) => resolve(folder, path);
  const top = read.object(read.json(text), {
    home: read.optional(read.text, ".strongroom"),
    http: read.fields({ host: read.optional(read.text, "127.0.0.1"), port: read.optional(read.whole(0, 65_535), 0) }),
    database: read.optional(
      read.fields({
        url: read.optional(read.text, ""),
        ownerUrl: read.optional(read.text, ""),
        file: read.optional(read.text, ""),
      }),
      null,
    ),
    postgres: read.optional(read.oneOf(["system", "packaged"]), null),
    vault: read.fields({ socket: read.text }),
    genesis: hash,
    chains: read.optional(read.map(chainId, chain, limits.chains), new Map<number, ChainConfig>()),
    workers: read.optional(read.flag, true),
    log: read.optional(read.oneOf(LOG_LEVELS), "info"),
  });
  return deepFreeze({
    ...top,
    home: from(top.home),
    vault: { socket: from(top.vault.socket) },
    database: databaseOf(top.database, { from, env }),
    postgres: fromEnvironment("STRONGROOM_POSTGRES", read.oneOf(["system", "packaged"]), env) ?? top.postgres,
    log: fromEnvironment("STRONGROOM_LOG", read.oneOf(LOG_LEVELS), env) ?? top.log,
  });
}

function fromEnvironment<T>(name: keyof Environment, part: read.Part<T>, env: Environment): T | null {
  const value = env[name];
  return value === undefined ? null : part(value, name);
}

type Where = { readonly from: (path: string) => string; readonly env: Environment };

/** The environment goes before the file, and a file of URLs fills in what neither says. */
function databaseOf(said: { url: string; ownerUrl: string; file: string } | null, { from, env }: Where): Config["database"] {
  const urls = said === null || said.file === "" ? { url: "", ownerUrl: "" } : readUrls(from(said.file));
  const url = env.STRONGROOM_DATABASE_URL ?? (said?.url || urls.url);
  const ownerUrl = env.STRONGROOM_DATABASE_OWNER_URL ?? (said?.ownerUrl || urls.ownerUrl);
  if (url === "" && said !== null) return read.refuse("database.url", "a URL, here or in STRONGROOM_DATABASE_URL");
  if (url === "") return null;
  const at = { url: "database.url", ownerUrl: "database.ownerUrl" };
  return { url: postgresUrl(url, at.url), ownerUrl: ownerUrl === "" ? null : postgresUrl(ownerUrl, at.ownerUrl) };
}

/** What `postgres` writes when it is ready. */
function readUrls(path: string): { url: string; ownerUrl: string } {
  const open = readText(path);
  if ((statSync(path).mode & 0o077) !== 0) read.refuse("database.file", "a file that nobody else may read (mode 0600)");
  return read.object(read.json(open), { url: read.text, ownerUrl: read.text });
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Fault("CONFIG", `${path} cannot be read: ${codeOf(error)}`, error);
  }
}

const postgresUrl: read.Part<string> = (value, at) => {
  const text = read.text(value, at);
  return /^postgres(?:ql)?:\/\/./.test(text) ? text : read.refuse(at, "a URL that begins with postgres://");
};

const nodeUrl: read.Part<string> = (value, at) => {
  const text = read.text(value, at);
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
    ? text
    : read.refuse(at, "a URL that begins with http:// or https://");
};

const hash: read.Part<Hash> = (value, at) => {
  const text = read.text(value, at);
  return /^[0-9a-f]{64}$/.test(text) ? (text as Hash) : read.refuse(at, "a hash of 64 lower-case hex digits");
};

const slug: read.Part<string> = (value, at) => {
  const text = read.text(value, at);
  return /^[a-z0-9][a-z0-9-]{0,31}$/.test(text) ? text : read.refuse(at, "a name of a-z, 0-9 and hyphens, at most 32");
};

const chainId: read.Part<number> = (value, at) => {
  const text = read.text(value, at);
  const id = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  return id >= 1 && id <= 4_294_967_295 ? id : read.refuse(at, "the number of a chain");
};

const confirmation: read.Part<Confirmation> = (value, at) => {
  const { asset, below, blocks } = read.object(
    value,
    {
      asset: read.optional(slug, null),
      below: read.optional(read.amount, null),
      blocks: read.whole(1, 100_000),
    },
    at,
  );
  return { blocks, ...(asset === null ? {} : { asset }), ...(below === null ? {} : { below }) };
};

/** A quorum is more than half of the nodes: less could be two quorums that say different things. */
const chain: read.Part<ChainConfig> = (value, at) => {
  const { family, lagBlocks, stuckMs, resendMs, dust, start, ...must } = read.object(
    value,
    {
      family: read.optional(read.oneOf(["evm"]), null),
      nodes: read.list(read.fields({ name: slug, url: nodeUrl }), { least: 1, most: limits.nodes }),
      quorum: read.whole(1, limits.nodes),
      confirmations: read.list(confirmation, { least: 1, most: 64 }),
      reorgDepth: read.whole(1, 10_000),
      trace: read.optional(read.flag, false),
      pollMs: read.optional(read.whole(10, 60_000), 1_000),
      lagBlocks: read.optional(read.whole(1, 10_000), null),
      stuckMs: read.optional(read.whole(1, 86_400_000), null),
      resendMs: read.optional(read.whole(1, 86_400_000), null),
      dust: read.optional(read.list(read.fields({ asset: slug, below: read.amount }), { least: 0, most: 64 }), null),
      start: read.optional(read.whole(0, Number.MAX_SAFE_INTEGER), null),
    },
    at,
  );
  const isQuorum = must.quorum <= must.nodes.length && must.quorum * 2 > must.nodes.length;
  if (!isQuorum) read.refuse(`${at}.quorum`, `more than half of the ${must.nodes.length} nodes`);
  const last = must.confirmations.at(-1);
  if (last?.asset !== undefined || last?.below !== undefined) {
    read.refuse(`${at}.confirmations`, "a list whose last entry has neither asset nor below, so that one fits always");
  }
  const names = new Set(must.nodes.map(({ name }) => name));
  if (names.size !== must.nodes.length) read.refuse(`${at}.nodes`, "nodes of different names");
  const may = Object.entries({ family, lagBlocks, stuckMs, resendMs, dust, start }).filter(([, said]) => said !== null);
  return { ...must, ...Object.fromEntries(may) };
};

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    for (const part of value instanceof Map ? value.values() : Object.values(value)) deepFreeze(part);
    Object.freeze(value);
  }
  return value;
}

/** The configuration as it may be shown and logged: of URLs only where they lead, since keys and passwords stand in them. */
export function describe(config: Config): object {
  const { database, chains, ...open } = config;
  const nodesOf = ({ nodes, ...rest }: ChainConfig) => ({
    ...rest,
    nodes: nodes.map(({ name, url }) => ({ name, url: place(url) })),
  });
  const shown = [...chains].map(([id, one]) => [id, nodesOf(one)]);
  return { ...open, database: database === null ? "embedded" : place(database.url), chains: Object.fromEntries(shown) };
}

function place(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
