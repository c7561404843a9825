/** Where this device keeps things and whom it talks to: one folder, one strict file. */
import { join, resolve } from "node:path";
import process from "node:process";
import { parseJson, readIfThere, writeWhole } from "./device/files.ts";
import { fault } from "./faults.ts";

/** `server`: address of the server's API, through which everything goes when there is one. `socket`: the vault's Unix
 *  socket, for whoever sits beside it. `chains`: a node's address by chain id, for whoever goes straight to the vault. */
export type Config = {
  readonly server: string | null;
  readonly socket: string | null;
  readonly chains: Readonly<Record<string, string>>;
};

/** The folder of the repository that this command runs from. */
export const ROOT = resolve(import.meta.dirname, "..", "..");

/** The folder with everything of one deployment: --home, STRONGROOM_HOME, or `.strongroom` in the repository. */
export function homeOf(named: string | undefined): string {
  return resolve(named ?? (process.env["STRONGROOM_HOME"] || join(ROOT, ".strongroom")));
}

/** The folder's config.json. Fails: NO_HOME, FILE_UNFIT. */
export async function readConfig(home: string): Promise<Config> {
  const found = await findConfig(home);
  return found ?? fault("NO_HOME", home, "there is no config.json");
}

/** The folder's config.json, or null. Fails: FILE_UNFIT. */
export async function findConfig(home: string): Promise<Config | null> {
  const path = join(home, "config.json");
  const found = await readIfThere(path);
  if (found === null) return null;
  const json = parseJson(found, path);
  const isObject = typeof json === "object" && json !== null && !Array.isArray(json);
  const { server = null, socket = null, chains = {}, ...others } = (isObject ? json : {}) as { [name: string]: unknown };
  const [stranger] = Object.keys(others);
  if (stranger !== undefined) fault("FILE_UNFIT", path, `there is no setting ${stranger}`);
  if (server !== null && !isUrl(server)) fault("FILE_UNFIT", path, "server: an address is expected");
  if (socket !== null && typeof socket !== "string") fault("FILE_UNFIT", path, "socket: a path is expected");
  if (server === null && socket === null) fault("FILE_UNFIT", path, "a server or a socket is expected");
  if (!isAddresses(chains)) fault("FILE_UNFIT", path, "chains: node addresses by chain id are expected");
  return Object.freeze({ server, socket: socket === null ? null : resolve(home, socket), chains });
}

function isAddresses(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([id, url]) => /^[1-9]\d{0,9}$/.test(id) && isUrl(url));
}

function isUrl(value: unknown): value is string {
  return typeof value === "string" && URL.canParse(value);
}

export async function writeConfig(home: string, { server, ...config }: Partial<Config>): Promise<void> {
  const said = { ...(server == null ? {} : { server }), ...config };
  await writeWhole(join(home, "config.json"), `${JSON.stringify(said, null, 2)}\n`);
}

/** The node of a chain. Fails: CHAIN_UNREACHABLE when none is named. */
export function nodeUrl(config: Config, chain: number): string {
  return config.chains[String(chain)] ?? fault("CHAIN_UNREACHABLE", "config.json", `no node is named for chain ${chain}`);
}
