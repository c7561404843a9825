/** Sessions of this device with the vault: over its Unix socket, with what the folder has kept. The conversation itself, with
 *  all its checks, is the library's. */
import type { Hash } from "@strongroom/core/bytes";
import type { Receipt } from "@strongroom/core/signed/receipt";
import * as sdk from "@strongroom/sdk/vault/session";
import { fileMemory, readPin, writePin } from "../device/trust.ts";
import { fault } from "../faults.ts";
import { openWire } from "./wire.ts";

/** A session, and the folder that it is of. */
export type Session = sdk.Session & { readonly home: string };

/** Opens a session with the vault on `socket`. Fails: VAULT_UNREACHABLE, NO_PIN, the alarms. */
export async function openSession(home: string, socket: string): Promise<Session> {
  const pin = await pinOf(home);
  const session = await sdk.openSession({ wire: await openWire(socket), memory: fileMemory(home), pin });
  return { ...session, home };
}

/** What this device has kept of its last session, for what must be signed while the vault cannot be reached: a freeze, a
 *  rejection, a veto. Fails: NO_PIN, MEMORY_UNFIT. */
export async function keptOf(home: string): Promise<sdk.Known> {
  return sdk.keptOf(fileMemory(home), await pinOf(home));
}

async function pinOf(home: string): Promise<Hash> {
  return (await readPin(home)) ?? fault("NO_PIN", home, "there is no file genesis.pin");
}

/** Pins the deployment of the vault on `socket` when it is `pin`. */
export async function pinDeployment(home: string, socket: string, pin: Hash): Promise<void> {
  const wire = await openWire(socket);
  try {
    await sdk.fetchGenesis(wire, pin);
    await writePin(home, pin);
  } finally {
    wire.close();
  }
}

/** Asks a vault that is not founded yet, or whose founding is about to be checked by `openSession`. */
export async function askUnfounded(socket: string, vaultKey: string, ask: sdk.Ask): Promise<Receipt> {
  const wire = await openWire(socket);
  try {
    return await sdk.askUnfounded(wire, vaultKey, ask);
  } finally {
    wire.close();
  }
}
