/** Brings a demonstration up in a folder: chain, token, vault, ceremony or resumption, session; and takes it down again. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { shortId } from "@strongroom/sdk/device/show";
import { minedOf, type Node } from "../chain/evm.ts";
import { findConfig, writeConfig } from "../config.ts";
import { writeWhole } from "../device/files.ts";
import { listRequests, type Request, type Version, versionOf } from "../device/requests.ts";
import { fileMemory } from "../device/trust.ts";
import { byOffer } from "../vault/fees.ts";
import { openSession, type Session } from "../vault/session.ts";
import { fetchProtections } from "../verbs/status.ts";
import { type Anvil, CHAIN, startAnvil } from "./anvil.ts";
import { ensureKeys, holdCeremony, isFounded, type Keys, openKeys } from "./ceremony.ts";
import type { Child } from "./child.ts";
import { ensureToken } from "./funding.ts";
import { GROUPS, TOKEN } from "./rulebook.ts";
import type { Stage, Steps } from "./stage.ts";
import { playAgain, playMainJob, setTheStage } from "./story.ts";
import { ensureVault, launchVault, type Running, socketPath, verifyJournal } from "./vault.ts";
import { outcomeOf } from "./watch.ts";

export type Protections = Awaited<ReturnType<typeof fetchProtections>>;

/** A demonstration that runs. `resumed`: whether the deployment was there before. */
export type Up = { readonly stage: Stage; readonly resumed: boolean; readonly protections: Protections };

/** Starts everything and plays what a first or a later start plays. What it starts is put into `children` at once, so that the
 *  caller can end it whatever happens. */
export async function bringUp(home: string, steps: Steps, children: Child[]): Promise<Up> {
  const resumed = await isFounded(home);
  const seen = await fileMemory(home).read("head");
  const { node } = await startChain(home, steps, children);
  if (resumed) await steps.take("journal", "journal verified", () => describeJournal(home));
  const running = await startVault(home, steps, children);
  await writeConfig(home, { socket: socketPath(home), chains: { [CHAIN]: node.url } });
  let keys = openKeys(home);
  if (!resumed) {
    await steps.take("ceremony", "ceremony held", async () => {
      keys = openKeys(home, await ensureKeys(home));
      return describeCeremony(home, keys, running);
    });
  }
  const session = await connect(home, steps, seen !== null);
  const stage: Stage = { home, session, node, keys, steps };
  await setTheStage(stage);
  const played = join(home, "played");
  if (existsSync(played)) await playAgain(stage, await unsentRequests(home, node));
  else {
    await playMainJob(stage);
    await writeWhole(played, "the main job\n");
  }
  return { stage, resumed, protections: await describeProtections(session, steps) };
}

async function startChain(home: string, steps: Steps, children: Child[]): Promise<Anvil> {
  const known = (await findConfig(home))?.chains[String(CHAIN)];
  const port = known === undefined ? null : Number(new URL(known).port);
  let anvil: Anvil | null = null;
  await steps.take("chain", "chain node up", async () => {
    anvil = await startAnvil(home, port);
    children.push(anvil.child);
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

async function connect(home: string, steps: Steps, seen: boolean): Promise<Session> {
  let session: Session | null = null;
  await steps.take("session", "genesis, head and rulebook checked", async () => {
    session = await openSession(home, socketPath(home));
    const { epoch, head } = session.head();
    const words = seen ? "continues the head seen last" : "first head kept";
    return { detail: `epoch ${epoch}, record ${head.seq}, ${words}`, hash: session.deployment };
  });
  return session as unknown as Session;
}

/** Requests that the vault has signed and whose transaction the chain does not have, the oldest first: this side was killed
 *  before it was sent, or the node before it had written its state. Of several versions of one transaction, the dearest; none
 *  when one of them is mined or was stated to be final. */
async function unsentRequests(home: string, node: Node): Promise<readonly Request[]> {
  const slots = new Map<string, Version[]>();
  for (const request of await listRequests(home)) {
    const version = versionOf(request);
    if (version === null || (await outcomeOf(request)) === "another") continue;
    const slot = version.transaction.slots.join();
    slots.set(slot, [...(slots.get(slot) ?? []), version]);
  }
  const unsent: Request[] = [];
  for (const versions of slots.values()) {
    const mined = await Promise.all(versions.map(({ transaction }) => minedOf(node, transaction.id)));
    const [dearest] = byOffer(versions);
    if (dearest !== undefined && mined.every((one) => one === null)) unsent.unshift(dearest.request);
  }
  return unsent;
}

async function describeProtections(session: Session, steps: Steps): Promise<Protections> {
  let protections: Protections = [];
  await steps.take("protections", "protections measured", async () => {
    await session.refresh();
    protections = await fetchProtections(session);
    const off = protections.filter((item) => !item.on).map((item) => item.name);
    const words = off.length === 0 ? "" : `; off: ${off.join(", ")}`;
    return { detail: `${protections.length - off.length} of ${protections.length} on${words}` };
  });
  return protections;
}

/** Ends the children, the last that was started first. */
export async function takeDown(children: readonly Child[]): Promise<void> {
  for (const child of [...children].reverse()) await child.stop();
}
