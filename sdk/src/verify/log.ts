/** The audit log, verified offline: checkpoints that the vault has signed, proofs that a leaf is in the log and that one
 *  checkpoint continues another, and the whole log from its leaves.
 *
 *  Whoever has kept an earlier checkpoint finds out when anything before it is rewritten. */
import { Leaf } from "@strongroom/core/audit/leaf";
import { type LogHead, openNote, parseCheckpoint, parseNote } from "@strongroom/core/audit/note";
import { append, isConsistent, isIncluded, leafHash, NO_LEAVES, rootOf } from "@strongroom/core/audit/tree";
import { fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { Checkpoint } from "@strongroom/core/signed/checkpoint";
import { decode } from "@strongroom/core/signed/object";
import type { Event } from "../contract/log.ts";
import { raise } from "../faults.ts";
import { type Expected, openSigned, vaultOf } from "./receipt.ts";

/** Whose log it is. `origin`: the log's name; without it the one that the checkpoint states. */
export type LogOf = Pick<Expected, "vaultKey" | "deployment"> & { readonly origin?: string };

/** The checkpoint in a signed envelope, when the pinned vault has signed it for this deployment. Fails: LOG_FORGED. */
export function openCheckpoint(signed: Uint8Array, { vaultKey, deployment, origin }: LogOf): Checkpoint {
  const opened = attempt(() => openSigned(Checkpoint, signed, vaultKey));
  if (!opened.ok || opened.value === null) raise("LOG_FORGED", "checkpoint", "it is not signed by the pinned vault");
  const checkpoint = opened.value;
  const ours = checkpoint.deployment === deployment && checkpoint.vault === vaultOf(vaultKey);
  if (!ours) raise("LOG_FORGED", "checkpoint.deployment", "it is of another deployment or vault");
  if (origin !== undefined && checkpoint.origin !== origin) raise("LOG_FORGED", "checkpoint.origin", "it is of another log");
  return checkpoint;
}

/** The checkpoint in a C2SP signed note, when the pinned vault has signed it. Fails: LOG_FORGED. */
export function openLogNote(note: string, { vaultKey, origin }: Pick<LogOf, "vaultKey" | "origin">): LogHead {
  const opened = attempt(() => {
    const head = parseCheckpoint(parseNote(note).text);
    openNote(note, [{ name: origin ?? head.origin, publicKey: fromHex(vaultKey) }]);
    return head;
  });
  if (!opened.ok) raise("LOG_FORGED", "note", `it is not signed by the pinned vault: ${opened.code}`);
  const head = opened.value;
  return origin === undefined || head.origin === origin ? head : raise("LOG_FORGED", "note", "it is of another log");
}

/** Size and root: of a checkpoint, a note, or what an outsider has written down. */
export type Extent = { readonly size: number; readonly root: Hash };

/** The leaf with these bytes, when it is leaf number `number` of the log. Fails: LOG_FORGED. */
export function checkInclusion(
  it: { readonly leaf: Uint8Array; readonly number: number; readonly proof: readonly string[] },
  head: Extent,
): Leaf {
  const opened = attempt(() => ({ leaf: decode(Leaf, it.leaf), proof: it.proof.map((hash) => fromHex(hash)) }));
  if (!opened.ok) raise("LOG_FORGED", opened.field, `it cannot be read: ${opened.code}`);
  const { leaf, proof } = opened.value;
  if (leaf.number !== it.number) raise("LOG_FORGED", "leaf.number", `it says that it is leaf ${leaf.number}`);
  const place = { leaf: it.number, hash: leafHash(it.leaf) };
  const isIn = isIncluded(place, { size: head.size, root: fromHex(head.root) }, proof);
  return isIn ? leaf : raise("LOG_FORGED", "proof", `leaf ${it.number} is not in the log of ${head.size}`);
}

/** The leaf of an event as the API shows it, when the event says what its leaf says. `data` is not covered: the leaf commits to
 *  it under a salt. That the leaf is in the log is for `checkInclusion` to say. Fails: LOG_FORGED. */
export function openEvent(event: Omit<Event, "data">, deployment: Hash): Leaf {
  const opened = attempt(() => decode(Leaf, event.leaf));
  if (!opened.ok) raise("LOG_FORGED", opened.field, `it cannot be read: ${opened.code}`);
  const leaf = opened.value;
  if (leaf.deployment !== deployment) raise("LOG_FORGED", "leaf.deployment", "it is of another deployment");
  const said = { ...event, at: Date.parse(event.at), unit: event.unit ?? undefined, client: event.client ?? undefined };
  const wrong = (["number", "type", "actor", "subject", "at", "unit", "client"] as const).find(
    (name) => said[name] !== leaf[name],
  );
  return wrong === undefined ? leaf : raise("LOG_FORGED", `event.${wrong}`, "its leaf says something else");
}

/** Fails: LOG_FORGED unless the log of `after` is that of `before` with leaves appended, or none. */
export function checkConsistency(
  { before, after }: { readonly before: Extent; readonly after: Extent },
  proof: readonly string[],
): void {
  const read = attempt(() => proof.map((hash) => fromHex(hash)));
  const [one, two] = [before, after].map(({ size, root }) => ({ size, root: fromHex(root) })) as [Bytes, Bytes];
  const good = read.ok && isConsistent(one, two, read.value);
  if (!good) raise("LOG_FORGED", "proof", `the log of ${after.size} does not continue that of ${before.size}`);
}
type Bytes = { readonly size: number; readonly root: Uint8Array };

/** All leaves of a log, when they are the first ones in their order of this deployment and their root is that of `head`.
 *  Fails: LOG_FORGED. */
export function checkLeaves(leaves: readonly Uint8Array[], head: Extent, deployment: Hash): readonly Leaf[] {
  const read = leaves.map((bytes, number) => {
    const leaf = attempt(() => decode(Leaf, bytes));
    if (!leaf.ok) return raise("LOG_FORGED", `leaves.${number}`, `it cannot be read: ${leaf.code} at ${leaf.field}`);
    const ours = leaf.value.number === number && leaf.value.deployment === deployment;
    return ours ? leaf.value : raise("LOG_FORGED", `leaves.${number}`, "it is another leaf, or of another deployment");
  });
  if (leaves.length !== head.size) raise("LOG_FORGED", "leaves", `there are ${leaves.length}, signed are ${head.size}`);
  const { tree } = append(NO_LEAVES, leaves.map(leafHash));
  if (toHex(rootOf(tree)) !== head.root) raise("LOG_FORGED", "leaves", "their root is another than the one that was signed");
  return read;
}
