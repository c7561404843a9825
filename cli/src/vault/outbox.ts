/** Commands that must not get lost: a freeze, a rejection, a veto. The file is written before anything is sent and removed once
 *  the vault's receipt is there; until then a person can carry it to the vault's own intake folder or console. */

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Ask, commandBytes, VaultRefused } from "@strongroom/sdk/vault/session";
import { readConfig } from "../config.ts";
import { writeWhole } from "../device/files.ts";
import { fault } from "../faults.ts";
import type { Context, Verb } from "../verb.ts";
import { openSession } from "./session.ts";

export const BY_HAND: Verb["options"] = {
  file: { value: "FILE", what: "write the command to this file instead of sending it" },
};
export const CARRY = "put the file into the folder intake of the vault's data; its receipt comes into outtake";

/** Sends a command that tightens and gives the body of its receipt; null when it is only to be written (--file).
 *  Fails: NO_RECEIPT for everything that is no answer of the vault, `VaultRefused`. */
export async function askOrKeep(context: Context, asked: Ask, name: string): Promise<Uint8Array | null> {
  const named = context.text("file");
  const file = named ?? join(context.home, "outbox", `${name}.cbor`);
  // It holds no secret, and the vault, which may run as a user of its own, has to read it where it is carried to.
  await writeWhole(file, commandBytes(asked), 0o644);
  if (named !== undefined) return null;
  const config = await readConfig(context.home);
  try {
    const session = await openSession(context.home, config.socket);
    try {
      const body = await session.demand(asked);
      await rm(file, { force: true });
      return body;
    } finally {
      session.close();
    }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (error instanceof VaultRefused) await rm(file, { force: true });
    if (code !== "VAULT_UNREACHABLE" && code !== "NO_RECEIPT") throw error;
    const intake = join(context.home, "vault", "data", "intake");
    const where = existsSync(join(intake, "..")) ? `intake folder, ${intake}` : "intake folder or console";
    fault("NO_RECEIPT", file, `the command lies in this file; carry it to the vault's ${where}`, error);
  }
}
