/** Addresses that a server watches. What it says of one is checked like the vault's own answer. */
import type { Attestation } from "@strongroom/core/signed/attestation";
import type { Client } from "@strongroom/sdk/client";
import { ApiProblem } from "@strongroom/sdk/client/problem";
import type { Address } from "@strongroom/sdk/contract/custody";
import { fetchWallet } from "@strongroom/sdk/vault/show";
import { openAttestation } from "@strongroom/sdk/verify/attestation";
import { fault } from "../faults.ts";
import type { Session } from "../vault/session.ts";

/** `client`: whose deposits come there, as the server says; the attestation names him only for a wallet of his own. */
export type Watched = { readonly attestation: Attestation; readonly client: string | null };

/** The address as the server has it, made where it is missing.
 *  Fails: ATTESTATION_WRONG, RECEIPT_FORGED, `ApiProblem`. */
export async function watchedAddress(
  session: Session,
  server: Client,
  { wallet, index, client }: { wallet: string; index: number; client?: string | undefined },
): Promise<Watched> {
  const found = await findAddress(server, { wallet, index });
  const body = { index, ...(client === undefined ? {} : { client }) };
  const shown = found ?? (await server.call("addresses.create", { params: { wallet }, body }));
  const signed = { wallet: await fetchWallet(session, wallet), index, expected: session };
  const attestation = openAttestation(shown.attestation, signed);
  const same = shown.address === attestation.address && shown.wallet === wallet && shown.index === index;
  if (!same) fault("ATTESTATION_WRONG", "address", `the server shows ${shown.address}, attested is ${attestation.address}`);
  const owned = client === undefined || shown.client === client;
  return owned
    ? { attestation, client: shown.client }
    : fault("USAGE", "client", `address ${index} of ${wallet} is not that client's`);
}

async function findAddress(server: Client, { wallet, index }: { wallet: string; index: number }): Promise<Address | null> {
  try {
    return await server.call("addresses.get", { params: { wallet, index: String(index) } });
  } catch (error) {
    if (error instanceof ApiProblem && error.code === "NOT_FOUND") return null;
    throw error;
  }
}
