/** Commands that must not get lost: a freeze, a rejection, a veto. The file is written before anything is sent and removed once
 *  the vault's receipt is there; until then a person can carry it to the vault's own intake folder or console. */

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Ask, commandBytes, VaultRefused } from "@strongroom/sdk/vault/session";
import { reachFrom } from "../desk/reach.ts";
import { writeWhole } from "../device/files.ts";
import { failureOf, fault } from "../faults.ts";
import type { Context, Verb } from "../verb.ts";
import { openSession } from "./session.ts";

export const BY_HAND: Verb["options"] = {
  file: { value: "FILE", what: "write the command to this file instead of sending it" },
};
export const CARRY = "put the file into the folder intake of the vault's data; its receipt comes into outtake";

/** What means that the vault may not have heard it, from the vault's socket or from a server. */
const SILENCE = [
  "VAULT_UNREACHABLE",
  "NO_RECEIPT",
  "SERVER_UNREACHABLE",
  "ANSWER_UNFIT",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "RATE_LIMITED",
  "INTERNAL",
  "DATABASE_UNREACHABLE",
  "NO_TOKEN",
];

/** Whether it is no answer of the vault. */
export function isSilence(error: unknown): boolean {
  return error instanceof Error && "code" in error && SILENCE.includes(String(error.code));
}

/** Has the server note what the vault has confirmed already. That it does not is told, and changes nothing. */
export async function noteQuietly(context: Context, note: () => Promise<void>): Promise<void> {
  try {
    await note();
  } catch (error) {
    const { code, detail } = failureOf(error);
    if (code === "BUG") throw error;
    context.say(`the vault has it; the server has not noted it: ${code} ${detail}`);
  }
}

/** Sends a command that tightens and gives the body of its receipt; null when it is only to be written (--file).
 *  Fails: NO_RECEIPT for everything that is no answer of the vault, `VaultRefused`. */
export async function askOrKeep(context: Context, asked: Ask, name: string): Promise<Uint8Array | null> {
  const named = context.text("file");
  const file = named ?? join(context.home, "outbox", `${name}.cbor`);
  // It holds no secret, and the vault, which may run as a user of its own, has to read it where it is carried to.
  await writeWhole(file, commandBytes(asked), 0o644);
  if (named !== undefined) return null;
  const { wire } = await reachFrom(context);
  try {
    const session = await openSession(context.home, wire);
    try {
      const body = await session.demand(asked);
      await rm(file, { force: true });
      return body;
    } finally {
      session.close();
    }
  } catch (error) {
    if (error instanceof VaultRefused) await rm(file, { force: true });
    if (!isSilence(error)) throw error;
    const intake = join(context.home, "vault", "data", "intake");
    const where = existsSync(join(intake, "..")) ? `intake folder, ${intake}` : "intake folder or console";
    fault("NO_RECEIPT", file, `the command lies in this file; carry it to the vault's ${where}`, error);
  }
}
