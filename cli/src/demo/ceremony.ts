/** The demonstration's ceremony: keys for everybody, a genesis signed by every administrator and marked as a demonstration, a
 *  first rulebook signed by two of them. Both lie on the disk before the vault hears of them, so it can be held again after a
 *  crash. A real ceremony takes place on the administrators' own devices. */

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { StatusBody } from "@strongroom/core/protocol/command";
import type { Nonce } from "@strongroom/core/signed/fields";
import { Genesis } from "@strongroom/core/signed/genesis";
import { decode, encode, type Kind, Signed } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { signObject } from "@strongroom/sdk/device/signer";
import { VaultRefused } from "@strongroom/sdk/vault/session";
import { readIfThere, readSecret, writeWhole } from "../device/files.ts";
import { createKey, type DeviceKey, keyPath, openKey } from "../device/keyFile.ts";
import { DEMONSTRATION_PASSPHRASE } from "../device/passphrase.ts";
import { readPin, writePin } from "../device/trust.ts";
import { fault } from "../faults.ts";
import { askUnfounded } from "../vault/session.ts";
import { demoRulebook, deploymentOf, GROUPS, PERSONS, SOURCES } from "./rulebook.ts";

const THRESHOLD = 2;

/** Keys of persons and sources by name, opened when they are needed and kept. */
export type Keys = (name: string) => Promise<DeviceKey>;

/** The keys of a demonstration's folder; `made` are open already. */
export function openKeys(home: string, made: ReadonlyMap<string, DeviceKey> = new Map()): Keys {
  const opened = new Map([...made].map(([name, key]) => [name, Promise.resolve(key)]));
  return (name) => {
    const known = opened.get(name) ?? openKey(home, name);
    opened.set(name, known);
    return known;
  };
}

/** Whether this folder has its deployment. */
export async function isFounded(home: string): Promise<boolean> {
  return (await readPin(home)) !== null;
}

/** Makes the keys that are missing, and gives them. */
export async function ensureKeys(home: string): Promise<ReadonlyMap<string, DeviceKey>> {
  const passphrase = join(home, "keys", DEMONSTRATION_PASSPHRASE);
  if ((await readSecret(passphrase)) === null) await writeWhole(passphrase, `${randomBytes(24).toString("base64url")}\n`);
  const made = new Map<string, DeviceKey>();
  for (const name of [...PERSONS, ...SOURCES]) {
    if ((await readIfThere(keyPath(home, name))) !== null) continue;
    made.set(name, await createKey(home, name));
  }
  return made;
}

/** Founds the vault that answers on `socket` and has `vaultKey`, and pins the deployment. Fails: `VaultRefused`. */
export async function holdCeremony(home: string, keys: Keys, vault: { socket: string; vaultKey: string }): Promise<Hash> {
  const papers = (await readPapers(home)) ?? (await writePapers(home, keys, vault.vaultKey));
  const deployment = deploymentOf(decode(Signed, papers.genesis).body);
  const receipt = await askUnfounded(vault.socket, vault.vaultKey, { command: "found", ...papers });
  if (receipt.code === "ALREADY_FOUNDED") await demandSame(vault, papers.genesis);
  else if (receipt.code !== "OK") throw new VaultRefused(receipt);
  await writePin(home, deployment);
  return deployment;
}

/** An earlier ceremony that ended before the pin was written must have been this one. */
async function demandSame(vault: { socket: string; vaultKey: string }, genesis: Uint8Array): Promise<void> {
  const { body } = await askUnfounded(vault.socket, vault.vaultKey, { command: "status" });
  const shown = decode(StatusBody, body).genesis;
  const same = shown !== undefined && toHex(shown) === toHex(genesis);
  if (!same) fault("GENESIS_FOREIGN", "genesis", "the vault was founded by another ceremony");
}

type Papers = { readonly genesis: Uint8Array; readonly rulebook: Uint8Array };

async function readPapers(home: string): Promise<Papers | null> {
  const [genesis, rulebook] = [await readIfThere(papersPath(home, "genesis")), await readIfThere(papersPath(home, "rulebook"))];
  if (genesis === null || rulebook === null) return null;
  return { genesis: new Uint8Array(genesis), rulebook: new Uint8Array(rulebook) };
}

async function writePapers(home: string, keys: Keys, vaultKey: string): Promise<Papers> {
  const administrators: DeviceKey[] = [];
  for (const name of GROUPS.administrators) administrators.push(await keys(name));
  const genesis: Genesis = {
    version: 1,
    institution: "Demonstration Bank",
    demonstration: true,
    createdAt: Date.now(),
    vaultKey,
    administrators: administrators.map((key) => ({ person: key.name, scheme: "ed25519", publicKey: toHex(key.publicKey) })),
    threshold: THRESHOLD,
    nonce: randomBytes(16).toString("hex") as Nonce,
  };
  const publicKeys = new Map<string, Uint8Array>();
  for (const name of [...PERSONS, ...SOURCES]) publicKeys.set(name, (await keys(name)).publicKey);
  const rulebook = encode(Rulebook, demoRulebook(genesis, publicKeys));
  const papers = {
    genesis: await signObject(Genesis as Kind<unknown>, encode(Genesis, genesis), administrators),
    rulebook: await signObject(Rulebook as Kind<unknown>, rulebook, administrators.slice(0, THRESHOLD)),
  };
  await writeWhole(papersPath(home, "genesis"), papers.genesis);
  await writeWhole(papersPath(home, "rulebook"), papers.rulebook);
  return papers;
}

const papersPath = (home: string, name: "genesis" | "rulebook") => join(home, "ceremony", `${name}.cbor`);
