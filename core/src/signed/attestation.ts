/** Attestation: the vault's statement that an address is its own, for one client and one wallet. */
import { field, hex, type Of, optional, slug, text, uint } from "./codec.ts";
import { addressText, chainId, hash32, version } from "./fields.ts";
import { kind } from "./object.ts";
import { record } from "./table.ts";

export const Attestation = kind(
  "attestation",
  record({
    version,
    deployment: field(1, hash32, "id of the deployment"),
    vault: field(2, hash32, "hash of the vault's identity key"),
    client: optional(3, slug, "the client of a segregated wallet"),
    wallet: field(4, slug, "wallet"),
    chain: field(5, chainId, "chain id"),
    index: field(6, uint(2_147_483_647), "index of the address in the wallet"),
    path: field(7, text(64, 1), "derivation path (BIP-32)"),
    publicKey: field(8, hex(33), "compressed public key"),
    address: field(9, addressText, "the address"),
  }),
  1024,
);
export type Attestation = Of<(typeof Attestation)["shape"]>;
