/** Whether an address is the vault's own: attested for client, wallet and chain, and derived here once more from the wallet's
 *  public key. */
import { fromHex, toHex } from "@strongroom/core/bytes";
import { evm } from "@strongroom/core/chain/evm/evm";
import { attempt } from "@strongroom/core/errors";
import { deriveAddressKey } from "@strongroom/core/keys/hd";
import { WalletBody } from "@strongroom/core/protocol/command";
import { Attestation } from "@strongroom/core/signed/attestation";
import { decode } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { raise } from "../faults.ts";
import { type Expected, openObject } from "./receipt.ts";

/** The wallet that a vault's receipt shows, when it is the one of that name. Fails: RECEIPT_FORGED. */
export function openWallet(receipt: Uint8Array, name: string, expected: Expected): WalletBody {
  const { code, body } = openObject(Receipt, receipt, expected);
  if (code !== "OK") raise("RECEIPT_FORGED", "receipt.code", `it shows no wallet but ${code}`);
  return readWallet(body, name);
}

/** The wallet in a receipt's body, when it is the one of that name. Fails: RECEIPT_FORGED. */
export function readWallet(body: Uint8Array, name: string): WalletBody {
  const wallet = attempt(() => decode(WalletBody, body));
  const fits = wallet.ok && wallet.value.wallet === name;
  return fits ? wallet.value : raise("RECEIPT_FORGED", "wallet", "it is not the wallet that was asked for");
}

/** The attestation in a signed envelope, when it is the vault's and for this index of `wallet`.
 *  Fails: RECEIPT_FORGED, ATTESTATION_WRONG. */
export function openAttestation(
  signed: Uint8Array,
  it: { readonly wallet: WalletBody; readonly index: number; readonly expected: Expected },
): Attestation {
  const attestation = openObject(Attestation, signed, it.expected);
  checkAttestation(attestation, it.wallet, it.index);
  return attestation;
}

/** Fails: ATTESTATION_WRONG unless client, wallet, chain, index, path, key and address are those of `wallet`. */
export function checkAttestation(attestation: Attestation, wallet: WalletBody, index: number): void {
  const wrong = (field: string, detail: string) => raise("ATTESTATION_WRONG", `attestation.${field}`, detail);
  if (attestation.wallet !== wallet.wallet) wrong("wallet", `it is for wallet ${attestation.wallet}`);
  if (attestation.client !== wallet.client) wrong("client", `it is for client ${attestation.client ?? "none"}`);
  if (attestation.chain !== wallet.chain) wrong("chain", `it is for chain ${attestation.chain}`);
  if (attestation.index !== index) wrong("index", `it is for index ${attestation.index}`);
  if (attestation.path !== `${wallet.path}/0/${index}`) wrong("path", `it is for path ${attestation.path}`);
  const account = { publicKey: fromHex(wallet.publicKey), chainCode: fromHex(wallet.chainCode) };
  const derived = attempt(() => deriveAddressKey(account, index));
  if (!derived.ok) wrong("publicKey", "the wallet's own key cannot be derived from");
  else if (toHex(derived.value) !== attestation.publicKey) wrong("publicKey", "it is not the wallet's key at this index");
  const parsed = attempt(() => evm.parseAddress(attestation.address, "attestation.address"));
  const own = evm.address(fromHex(attestation.publicKey));
  if (!parsed.ok || parsed.value !== own) wrong("address", "it is not the address of its public key");
}
