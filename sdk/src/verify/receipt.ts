/** What the pinned vault has signed: receipts for the very command that was sent, heads, and its other objects.
 *
 *  Everything between this device and the vault is assumed hostile, so nothing of a reply is used before this has passed. */
import { fromHex, type Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { verifyEd25519 } from "@strongroom/core/keys/ed25519";
import { keyId } from "@strongroom/core/keys/id";
import { requestId } from "@strongroom/core/protocol/command";
import type { Head } from "@strongroom/core/signed/head";
import { challengeOf, decode, type Kind, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { raise } from "../faults.ts";

/** Whose objects count: the vault's identity key as hex. `deployment` is null as long as the vault is not founded, `boot` is
 *  absent as long as none was heard. */
export type Expected = { readonly vaultKey: string; readonly deployment: Hash | null; readonly boot?: Hash };

/** What a vault names as its deployment before it is founded. */
export const NO_DEPLOYMENT = "00".repeat(32) as Hash;

/** Opens a reply without trusting it: only to learn the genesis, which names the key. Fails: RECEIPT_FORGED. */
export function peek(reply: Uint8Array): Receipt {
  const opened = attempt(() => decode(Receipt, decode(Signed, reply).body));
  return opened.ok ? opened.value : raise("RECEIPT_FORGED", "receipt", `it cannot be read: ${opened.code} at ${opened.field}`);
}

/** The receipt in `reply` for `command`. Fails: RECEIPT_FORGED, GENESIS_FOREIGN. */
export function checkReceipt(reply: Uint8Array, command: Uint8Array, expected: Expected): Receipt {
  const opened = attempt(() => openSigned(Receipt, reply, expected.vaultKey));
  if (!opened.ok) raise("RECEIPT_FORGED", opened.field, opened.detail);
  const receipt = opened.value;
  if (receipt === null) raise("RECEIPT_FORGED", "receipt.signature", "it is not signed by the pinned vault's key");
  if (receipt.request !== requestId(command)) raise("RECEIPT_FORGED", "receipt.request", "it answers another command");
  if (receipt.vault !== vaultOf(expected.vaultKey)) raise("RECEIPT_FORGED", "receipt.vault", "it names another vault");
  const { boot = receipt.boot } = expected;
  if (receipt.boot !== boot) raise("RECEIPT_FORGED", "receipt.boot", "it is of another boot than this conversation");
  const deployment = expected.deployment ?? receipt.deployment;
  if (receipt.deployment !== deployment)
    raise("GENESIS_FOREIGN", "receipt.deployment", `the vault states ${receipt.deployment}`);
  return receipt;
}

/** The object in a signed envelope that carries exactly one signature, by `publicKey` (hex); null when it does not verify.
 *  Fails: the codes of `decode`. */
export function openSigned<T>(kind: Kind<T>, bytes: Uint8Array, publicKey: string): T | null {
  const { body, signatures } = decode(Signed, bytes);
  const [signature] = signatures;
  const fits = signatures.length === 1 && signature?.key === vaultOf(publicKey) && signature.clientData === undefined;
  if (!fits || signature === undefined) return null;
  const key = fromHex(publicKey);
  return verifyEd25519(key, challengeOf(kind as Kind<unknown>, body), signature.signature) ? decode(kind, body) : null;
}

/** An object that the vault has signed for this deployment. Fails: RECEIPT_FORGED. */
export function openObject<T extends { readonly deployment: Hash; readonly vault: Hash }>(
  kind: Kind<T>,
  bytes: Uint8Array,
  { vaultKey, deployment }: Expected,
): T {
  const opened = attempt(() => openSigned(kind, bytes, vaultKey));
  const object = opened.ok ? opened.value : null;
  const fits = object !== null && object.deployment === deployment && object.vault === vaultOf(vaultKey);
  return fits ? object : raise("RECEIPT_FORGED", kind.name, "it is not an object of the pinned vault");
}

/** The hash by which objects name the vault with this identity key (hex). */
export function vaultOf(publicKey: string): Hash {
  return keyId("ed25519", fromHex(publicKey));
}

/** Fails: VAULT_ROLLED_BACK when `next` is older than what this device has seen, or says something else of the same place. */
export function checkHead(seen: Head, next: Head): void {
  const [old, now] = [seen.head, next.head];
  if (now.seq < old.seq)
    raise("VAULT_ROLLED_BACK", "head.seq", `it stands at record ${now.seq}; this device has seen ${old.seq}`);
  if (now.seq === old.seq && now.hash !== old.hash) raise("VAULT_ROLLED_BACK", "head.hash", `record ${now.seq} is another one`);
  if (next.epoch < seen.epoch) raise("VAULT_ROLLED_BACK", "head.epoch", `this device has seen rulebook epoch ${seen.epoch}`);
}
