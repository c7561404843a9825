/** Brings a demonstration up in a folder: chain, vault, ceremony or resumption, database, server, people, sources; plays;
 *  and takes it down again. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Client, openClient } from "@strongroom/sdk/client";
import { shortId } from "@strongroom/sdk/device/show";
import { openRelay } from "@strongroom/sdk/vault/relay";
import { findConfig, homeOf, writeConfig } from "../config.ts";
import { makeFolder, writeWhole } from "../device/files.ts";
import { fileMemory, readPin } from "../device/trust.ts";
import { fault } from "../faults.ts";
import { openSession, type Session } from "../vault/session.ts";
import { type Protections, showBalances, showHealth, showLog, showProtections } from "./accounts.ts";
import { type Anvil, CHAIN, portFor, startAnvil, startTicker } from "./anvil.ts";
import { ensureKeys, holdCeremony, isFounded, type Keys, openKeys } from "./ceremony.ts";
import type { Child } from "./child.ts";
import { ensureToken, startPrices } from "./funding.ts";
import { ensureUsers } from "./people.ts";
import { GROUPS, SOURCES, TOKEN } from "./rulebook.ts";
import { adminToken, CONFIRMATIONS, type Database, startDatabase, startServer, startSource } from "./server.ts";
import { setTheStage } from "./setting.ts";
import { openPeople, type Stage, type Steps } from "./stage.ts";
import { playAgain, playMainJob } from "./story.ts";
import { ensureVault, launchVault, type Running, socketPath, verifyJournal } from "./vault.ts";

/** A demonstration that runs. `resumed`: whether the deployment was there before. */
export type Up = {
  readonly stage: Stage;
  /** Where the server listens. */
  readonly url: string;
  readonly resumed: boolean;
  readonly protections: Protections;
};

/** What must end with a demonstration: programs, and whatever else runs here. */
export type Ending = { readonly children: Child[]; readonly others: (() => void)[] };

/** Starts everything and plays what a first or a later start plays. What it starts is put into `ending` at once, so that the
 *  caller can end it whatever happens. */
export async function bringUp(home: string, steps: Steps, ending: Ending): Promise<Up> {
  const { children } = ending;
  const resumed = await isFounded(home);
  const seen = await fileMemory(home).read("head");
  if (resumed && !existsSync(join(home, "server"))) fault("HOME_UNFIT", home, "what is here was made without a server");
  await makeFolder(home);
  // The database takes longest, so it starts beside the rest.
  const database = startDatabase(home, children);
  database.catch(() => undefined);
  const { node } = await startChain(home, steps, ending);
  if (resumed) await steps.take("journal", "journal verified", () => describeJournal(home));
  const running = await startVault(home, steps, children);
  let keys = openKeys(home);
  if (!resumed) {
    await steps.take("ceremony", "ceremony held", async () => {
      keys = openKeys(home, await ensureKeys(home));
      return describeCeremony(home, keys, running);
    });
  }
  await steps.take("database", "PostgreSQL up and migrated", async () => describeDatabase(await database));
  const { url, client } = await openServer({ home, steps, children, node: node.url });
  const session = await connect(home, { steps, server: client, seen: seen !== null });
  const stage: Stage = { home, session, node, keys, steps, server: client, as: openPeople(home, url) };
  await steps.take("users", "people have their tokens", async () => {
    const added = await ensureUsers(home, client);
    return { detail: added === 0 ? "all of them as before" : `${added} users, each with a token of his own` };
  });
  ending.others.push(await startPrices(home));
  // They start beside what is set up, most of which is waiting.
  const sources = Promise.all(SOURCES.map((name) => startSource(home, name, node.url)));
  sources.catch(() => undefined);
  await setTheStage(stage);
  await steps.take("sources", "sources of facts up", async () => {
    children.push(...(await sources));
    return { detail: `${SOURCES.join(", ")}, each with its own key and state` };
  });
  return { ...(await play(stage, resumed)), url };
}

async function play(stage: Stage, resumed: boolean): Promise<Omit<Up, "url">> {
  const played = join(stage.home, "played");
  if (existsSync(played)) await playAgain(stage);
  else {
    await playMainJob(stage);
    await writeWhole(played, "the main job\n");
  }
  await showBalances(stage);
  await showLog(stage);
  await showHealth(stage);
  return { stage, resumed, protections: await showProtections(stage) };
}

async function startChain(home: string, steps: Steps, { children, others }: Ending): Promise<Anvil> {
  const known = (await findConfig(home))?.chains[String(CHAIN)];
  const port = known === undefined ? null : Number(new URL(known).port);
  let anvil: Anvil | null = null;
  await steps.take("chain", "chain node up", async () => {
    anvil = await startAnvil(home, port);
    children.push(anvil.child);
    others.push(startTicker(anvil.node, CONFIRMATIONS));
    return { detail: `anvil, chain ${CHAIN}, ${anvil.node.url}` };
  });
  const { node, child } = anvil as unknown as Anvil;
  let hash: string | null = null;
  await steps.take("token", "ERC-20 contract deployed", async () => {
    hash = await ensureToken(node);
    return { detail: `usdx at ${TOKEN}`, ...(hash === null ? {} : { hash }) };
  });
  return { node, child };
}

async function startVault(home: string, steps: Steps, children: Child[]): Promise<Running> {
  if (!existsSync(join(home, "vault", "data", "keystore"))) {
    await steps.take("keystore", "vault made", async () => {
      await ensureVault(home);
      return { detail: "fresh seed under Argon2id and AES-256-GCM, empty journal" };
    });
  } else await ensureVault(home);
  let running: Running | null = null;
  await steps.take("vault", "vault up in its own process", async () => {
    running = await launchVault(home);
    children.push(running.child);
    return { detail: `process ${running.child.pid}, ${running.records} records replayed in ${running.replayMs} ms` };
  });
  return running as unknown as Running;
}

async function describeJournal(home: string) {
  const { records, head } = await verifyJournal(home);
  return { detail: `${records} records, head ${shortId(head)}` };
}

async function describeCeremony(home: string, keys: Keys, { identityKey }: Running) {
  const deployment = await holdCeremony(home, keys, { socket: socketPath(home), vaultKey: identityKey });
  return { detail: `${GROUPS.administrators.length} administrators, 2 of 3, marked as demonstration`, hash: deployment };
}

function describeDatabase({ version, applied, child }: Database) {
  const migrated = applied === 0 ? "nothing to migrate" : `${applied} migrations`;
  return { detail: `version ${version}, process ${child.pid}, ${migrated}` };
}

/** Where the server of the repository's own folder listens when that is free; those of other folders take any port. */
const SERVER_PORT = 7411;

type Opening = { readonly home: string; readonly steps: Steps; readonly children: Child[]; readonly node: string };

/** The server in its own process, under the same address as before where that is free. Gives it as the folder's own user. */
async function openServer({
  home,
  steps,
  children,
  node,
}: Opening): Promise<{ readonly url: string; readonly client: Client }> {
  const deployment = (await readPin(home)) ?? fault("NO_PIN", home, "there is no file genesis.pin");
  const before = (await findConfig(home))?.server ?? null;
  const usual = home === homeOf(undefined) ? SERVER_PORT : null;
  const port = await portFor(before === null ? usual : Number(new URL(before).port));
  const socket = socketPath(home);
  let opened: { url: string; client: Client } | null = null;
  await steps.take("server", "server up in its own process", async () => {
    const { child, url, token } = await startServer({ home, deployment, socket, node, port });
    children.push(child);
    await writeConfig(home, { server: url, socket, chains: { [CHAIN]: node } });
    opened = { url, client: openClient({ url, token }) };
    return { detail: `${url}, process ${child.pid}, token in ${adminToken(home)}` };
  });
  return opened ?? fault("CHILD_FAILED", "server", "it is not up");
}

type Connecting = { readonly steps: Steps; readonly server: Client; readonly seen: boolean };

async function connect(home: string, { steps, server, seen }: Connecting): Promise<Session> {
  let session: Session | null = null;
  await steps.take("session", "genesis, head and rulebook checked", async () => {
    session = await openSession(home, async () => openRelay(server));
    const { epoch, head } = session.head();
    const words = seen ? "continues the head seen last" : "first head kept";
    return { detail: `through the server: epoch ${epoch}, record ${head.seq}, ${words}`, hash: session.deployment };
  });
  return session ?? fault("VAULT_UNREACHABLE", home, "there is no session");
}

/** Ends everything, the program that was started last first. */
export async function takeDown({ children, others }: Ending): Promise<void> {
  for (const end of others) end();
  for (const child of [...children].reverse()) await child.stop();
}
