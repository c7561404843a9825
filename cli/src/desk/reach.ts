/** How this folder reaches its vault: through a server, as one of its users, or straight on the vault's socket. */
import { join } from "node:path";
import { type Client, openClient } from "@strongroom/sdk/client";
import { openRelay } from "@strongroom/sdk/vault/relay";
import type { Wire } from "@strongroom/sdk/vault/session";
import { type Config, readConfig } from "../config.ts";
import { readSecret } from "../device/files.ts";
import { fault } from "../faults.ts";
import { openWire } from "../vault/wire.ts";

/** What a command line says of it. */
export type Wish = { readonly home: string; text(name: string): string | undefined; on(name: string): boolean };

/** `client`: null when the way is straight. */
export type Reach = {
  readonly config: Config;
  readonly client: Client | null;
  /** Fails: VAULT_UNREACHABLE. */
  wire(): Promise<Wire>;
};

/** Fails: NO_HOME, FILE_UNFIT, USAGE, NO_TOKEN, KEY_MODE, URL_UNFIT. */
export async function reachFrom(wish: Wish): Promise<Reach> {
  const config = await readConfig(wish.home);
  const { server, socket } = config;
  if (server !== null && !wish.on("direct")) {
    const client = openClient({ url: server, token: await tokenFor(wish) });
    return { config, client, wire: async () => openRelay(client) };
  }
  if (socket === null) fault("USAGE", "direct", "config.json names no socket of a vault");
  return { config, client: null, wire: () => openWire(socket) };
}

/** The server's client, for what only a server can answer. Fails: USAGE, as `reachFrom`. */
export async function clientFrom(wish: Wish): Promise<Client> {
  const { client } = await reachFrom(wish);
  return client ?? fault("USAGE", "server", "only a server answers this; name one in config.json and leave --direct out");
}

/** Where the token of a user of this folder lies. */
export const tokenPath = (home: string, user: string): string => join(home, "tokens", `${user}.token`);

/** The token of whoever acts: in the file that is named, of the user that is named, of the person whose key signs, or the
 *  folder's own. Fails: NO_TOKEN, KEY_MODE, FILE_UNFIT. */
async function tokenFor({ home, text }: Wish): Promise<string> {
  const [file, user, key] = [text("token-file"), text("as"), text("key")];
  if (file !== undefined) return demandToken(file);
  if (user !== undefined) return demandToken(tokenPath(home, user));
  const own = key === undefined || !/^[a-z0-9-]+$/.test(key) ? null : await readToken(tokenPath(home, key));
  return own ?? demandToken(join(home, "server.token"));
}

async function demandToken(path: string): Promise<string> {
  return (await readToken(path)) ?? fault("NO_TOKEN", path, "there is no such file");
}

/** The token in a file, or null when there is none. Fails: KEY_MODE, FILE_UNFIT. */
export async function readToken(path: string): Promise<string | null> {
  const found = await readSecret(path);
  if (found === null) return null;
  const token = found.toString("latin1").trim();
  return /^sr_[0-9a-f]{64}$/.test(token) ? token : fault("FILE_UNFIT", path, "a token begins with sr_ and has 64 hex digits");
}
