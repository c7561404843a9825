/** Addresses of our wallets: what the vault attests is checked against the wallet's own public key. */
import { fromHex, toHex } from "@strongroom/core/bytes";
import { evm } from "@strongroom/core/chain/evm/evm";
import { attempt } from "@strongroom/core/errors";
import { deriveAddressKey } from "@strongroom/core/keys/hd";
import { WalletBody } from "@strongroom/core/protocol/command";
import { Attestation } from "@strongroom/core/signed/attestation";
import { decode } from "@strongroom/core/signed/object";
import { fault } from "../faults.ts";
import { openObject, type Session } from "./session.ts";

/** A wallet as the vault knows it. Fails: `VaultRefused`, RECEIPT_FORGED. */
export async function fetchWallet(session: Session, name: string): Promise<WalletBody> {
  const body = await session.demand({ command: "show", what: "wallet", name });
  const wallet = attempt(() => decode(WalletBody, body));
  const fits = wallet.ok && wallet.value.wallet === name;
  return fits ? wallet.value : fault("RECEIPT_FORGED", "wallet", "it is not the wallet that was asked for");
}

/** The attested address of a wallet, derived here once more. Fails: `VaultRefused`, ATTESTATION_WRONG, RECEIPT_FORGED. */
export async function attestedAddress(session: Session, name: string, index: number): Promise<Attestation> {
  const wallet = await fetchWallet(session, name);
  const body = await session.demand({ command: "address", wallet: name, index });
  const attestation = openObject(Attestation, body, session);
  checkAttestation(attestation, wallet, index);
  return attestation;
}

/** Fails: ATTESTATION_WRONG unless client, wallet, chain, index, path, key and address are those of `wallet`. */
export function checkAttestation(attestation: Attestation, wallet: WalletBody, index: number): void {
  const wrong = (field: string, detail: string) => fault("ATTESTATION_WRONG", `attestation.${field}`, detail);
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
