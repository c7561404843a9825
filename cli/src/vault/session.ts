/** Sessions of this device with the vault, with what the folder has kept. The conversation itself, with all its checks, is the
 *  library's. */
import type { Hash } from "@strongroom/core/bytes";
import type { Receipt } from "@strongroom/core/signed/receipt";
import * as sdk from "@strongroom/sdk/vault/session";
import { fileMemory, readPin, writePin } from "../device/trust.ts";
import { fault } from "../faults.ts";
import { openWire } from "./wire.ts";

/** A session, and the folder that it is of. */
export type Session = sdk.Session & { readonly home: string };

/** Opens a session with the vault at the end of the wire that `connect` opens. `lossy`: as in the library. Fails: NO_PIN, what
 *  the wire fails with, the alarms. */
export async function openSession(home: string, connect: () => Promise<sdk.Wire>, lossy = false): Promise<Session> {
  const pin = await pinOf(home);
  return { ...(await sdk.openSession({ wire: await connect(), memory: fileMemory(home), pin, lossy })), home };
}

/** What this device has kept of its last session, for what must be signed while the vault cannot be reached: a freeze, a
 *  rejection, a veto. Fails: NO_PIN, MEMORY_UNFIT. */
export async function keptOf(home: string): Promise<sdk.Known> {
  return sdk.keptOf(fileMemory(home), await pinOf(home));
}

async function pinOf(home: string): Promise<Hash> {
  return (await readPin(home)) ?? fault("NO_PIN", home, "there is no file genesis.pin");
}

/** Pins the deployment of the vault at the end of `wire` when it is `pin`. */
export async function pinDeployment(home: string, wire: sdk.Wire, pin: Hash): Promise<void> {
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
