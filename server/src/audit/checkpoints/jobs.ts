/** Checkpoints: has the vault sign how far the log goes, and stores what it signed once that was verified in both forms.
 *
 *  The vault signs only what continues its last checkpoint, so everything here may fail, run twice or run in several
 *  processes. */
import { formatCheckpoint, formatNote, openCheckpoint } from "@strongroom/core/audit/note";
import { planConsistency } from "@strongroom/core/audit/tree";
import { ascii, type Hash, toHex } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { CheckpointBody } from "@strongroom/core/protocol/command";
import { Checkpoint } from "@strongroom/core/signed/checkpoint";
import { decode } from "@strongroom/core/signed/object";
import type { Receipt } from "@strongroom/core/signed/receipt";
import type { Reader } from "../../db/tables.ts";
import { look, transact } from "../../db/transact.ts";
import { countEvents } from "../../events/store.ts";
import { Problem, problem } from "../../http/call.ts";
import type { VaultLink, View } from "../../vault/link.ts";
import { isSigned, openSigned } from "../../vault/signed.ts";
import * as store from "../store.ts";

/** The log's name: one log for a deployment. */
export function originOf(deployment: Hash): string {
  return `strongroom/${deployment}`;
}

type Signer = { readonly db: Reader; readonly vault: VaultLink };
type Extent = { readonly origin: string; readonly size: number; readonly root: Hash };

/** Has all leaves signed that are there, and gives the newest checkpoint; null while there are none.
 *  Fails: VAULT_UNREACHABLE; RECORD_TAMPERED with the vault's LOG_FORKED when the log does not continue what it signed. */
export async function signCheckpoint({ db, vault }: Signer): Promise<store.CheckpointRow | null> {
  const view = await vault.view();
  const known = await store.newestCheckpoint(db);
  const size = await countEvents(db);
  if (known !== null && known.size > size) tampered(`The vault has signed ${known.size} leaves; there are ${size}.`);
  if (size === 0 || known?.size === size) return known;
  const open = await transact(db, (tx) => store.noteAsking(tx, size));
  const extent = { origin: originOf(view.deployment), size, root: await look(db, (tx) => store.readRoot(tx, size)) };
  const receipt = await ask({ db, vault }, { extent, bases: [...open, known?.size ?? 0] });
  if (receipt === null) return demandLarger(db, size);
  const row = verified(receipt.body, { extent, view });
  await transact(db, (tx) => store.insertCheckpoint(tx, row));
  return row;
}

function tampered(detail: string, vaultCode?: string): never {
  throw new Problem("RECORD_TAMPERED", { field: "log", detail, ...(vaultCode === undefined ? {} : { vaultCode }) });
}

/** The vault has signed more leaves than this process saw: because another one was quicker, or because leaves are gone. */
async function demandLarger(db: Reader, size: number): Promise<store.CheckpointRow | null> {
  const [isAsked, newest] = [await store.isAsked(db, size), await store.newestCheckpoint(db)];
  if (!isAsked && (newest === null || newest.size <= size))
    tampered(`The vault has signed more than ${size} leaves.`, "LOG_SHRUNK");
  return newest;
}

/** Asks with a proof from each size that the vault may have signed last: normally the newest checkpoint that is stored, and
 *  where an answer was lost one that was asked for. Null when the vault has signed more leaves already. */
async function ask(
  { db, vault }: Signer,
  { extent, bases }: { extent: Extent; bases: readonly number[] },
): Promise<Receipt | null> {
  let last: Receipt | null = null;
  // The same size once more needs no proof: the vault may have signed just this.
  for (const first of [...bases, extent.size]) {
    const plan = planConsistency({ first, size: extent.size });
    const proof = (await look(db, (tx) => store.readPlan(tx, plan))).map((hash) => toHex(hash) as Hash);
    last = await vault.ask({ command: "checkpoint", ...extent, proof });
    if (last.code === "OK") return last;
    if (last.code === "LOG_SHRUNK") return null;
    if (last.code !== "LOG_FORKED") break;
  }
  return tampered(`The vault does not sign the log: ${last?.detail}`, last?.code);
}

/** What the vault answered, when both signatures hold and say what was asked. Fails: VAULT_UNREACHABLE. */
function verified(body: Uint8Array, { extent, view }: { extent: Extent; view: View }): store.CheckpointRow {
  const opened = attempt(() => decode(CheckpointBody, body));
  if (!opened.ok) problem("VAULT_UNREACHABLE", opened.field, "the vault's answer is no checkpoint");
  const { checkpoint, note: signature } = opened.value;
  const text = formatCheckpoint(extent);
  const object = openSigned(Checkpoint, checkpoint, [view.vaultKey]);
  const fits =
    object?.deployment === view.deployment &&
    object.vault === view.vault &&
    object.origin === extent.origin &&
    object.size === extent.size &&
    object.root === extent.root;
  if (!fits) problem("VAULT_UNREACHABLE", "checkpoint", "the signed checkpoint is not the one that was asked for");
  if (!isSigned(view.vaultKey, ascii(text), signature))
    problem("VAULT_UNREACHABLE", "note", "the note's signature does not hold");
  const note = formatNote(text, { key: { name: extent.origin, publicKey: view.vaultKey }, signature });
  return { size: extent.size, root: extent.root, at: new Date(object.at), checkpoint, note };
}

/** What of a stored checkpoint does not hold, or null. */
export function wrongInCheckpoint(row: store.CheckpointRow, view: Pick<View, "deployment" | "line">): string | null {
  const object = openSigned(Checkpoint, row.checkpoint, view.line);
  const origin = originOf(view.deployment);
  if (object === null || object.deployment !== view.deployment || object.origin !== origin) return "checkpoint";
  if (object.size !== row.size) return "size";
  if (object.root !== row.root) return "root";
  if (object.at !== row.at.getTime()) return "at";
  const holds = view.line.some((publicKey) => {
    const note = attempt(() => openCheckpoint(row.note, { name: origin, publicKey }, isSigned));
    return note.ok && note.value.size === row.size && note.value.root === row.root;
  });
  return holds ? null : "note";
}
