/** What this device believes, kept in files: the pinned deployment, the newest head that it has seen, and the newest rulebook
 *  that it has verified. Nobody but this device writes them, and a vault that contradicts them raises the alarm. */
import { join } from "node:path";
import type { Hash } from "@strongroom/core/bytes";
import type { Memory } from "@strongroom/sdk/vault/session";
import { asDeployment } from "@strongroom/sdk/verify/rulebook";
import { fault } from "../faults.ts";
import { readIfThere, writeWhole } from "./files.ts";

/** The pinned deployment id, or null. Fails: FILE_UNFIT. */
export async function readPin(home: string): Promise<Hash | null> {
  const path = join(home, "genesis.pin");
  const found = await readIfThere(path);
  if (found === null) return null;
  return asDeployment(found.toString("latin1").trim()) ?? fault("FILE_UNFIT", path, "64 hex digits are expected");
}

/** Pins a deployment. Fails: GENESIS_FOREIGN when another one is pinned. */
export async function writePin(home: string, deployment: Hash): Promise<void> {
  const known = await readPin(home);
  if (known !== null && known !== deployment) fault("GENESIS_FOREIGN", "genesis.pin", `this device has pinned ${known}`);
  if (known === null) await writeWhole(join(home, "genesis.pin"), `${deployment}\n`);
}

/** The newest head and rulebook, in their envelopes. Fails: FILE_UNFIT, HOME_UNFIT. */
export function fileMemory(home: string): Memory {
  const path = (what: string) => join(home, `${what}.cbor`);
  return {
    async read(what) {
      const found = await readIfThere(path(what));
      return found === null ? null : new Uint8Array(found);
    },
    write: (what, signed) => writeWhole(path(what), signed),
  };
}
