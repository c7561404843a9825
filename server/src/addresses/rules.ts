/** What a stored address must be: the columns say what the vault's attestation says. Pure. */
import type { Hash } from "@strongroom/core/bytes";
import { Attestation } from "@strongroom/core/signed/attestation";
import { openSigned } from "../vault/signed.ts";
import type { AddressRow } from "./store.ts";

/** Columns that only index the attestation. */
export type AddressColumns = {
  readonly wallet: string;
  readonly index: number;
  readonly chain: number;
  readonly address: string;
  readonly client: string | null;
  readonly attestation: Uint8Array;
};

/** The attestation, or null when it is not the vault's for this deployment, or says something else than the columns. The
 *  client of an omnibus address is the server's own note; that of a segregated one is attested. */
export function attestationOf(
  row: AddressColumns,
  { line, deployment }: { readonly line: readonly Uint8Array[]; readonly deployment: Hash },
): Attestation | null {
  const it = openSigned(Attestation, row.attestation, line);
  if (it === null || it.deployment !== deployment) return null;
  const placed = it.wallet === row.wallet && it.index === row.index && it.chain === row.chain && it.address === row.address;
  const owned = it.client === undefined || it.client === row.client;
  return placed && owned ? it : null;
}

/** What the event about an address says of its row. */
export const addressRecord = ({ client, created_at }: AddressRow) => ({ client, created_at: created_at.toISOString() });
