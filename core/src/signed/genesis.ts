/** Genesis: the one record that founds a deployment. Its hash is the deployment id. Signed by every administrator. */
import { field, flag, hex, list, type Of, slug, text, uint } from "./codec.ts";
import { nonce16, scheme, time, version } from "./fields.ts";
import { kind } from "./object.ts";
import { record } from "./table.ts";

const Administrator = record({
  person: field(0, slug, "the administrator's name in the rulebook"),
  scheme: field(1, scheme, "kind of key"),
  publicKey: field(2, hex(32), "Ed25519 public key"),
});

export const Genesis = kind(
  "genesis",
  record({
    version,
    institution: field(1, text(64, 1), "name of the institution"),
    demonstration: field(2, flag, "marks a deployment without real value; shown in every text"),
    createdAt: field(3, time, "when the ceremony was held"),
    vaultKey: field(4, hex(32), "Ed25519 identity key of the first vault"),
    administrators: field(5, list(Administrator, 16, 1), "the first administrators"),
    threshold: field(6, uint(16, 1), "how many of them make a rulebook valid"),
    nonce: field(7, nonce16, "makes two ceremonies differ"),
  }),
);
export type Genesis = Of<(typeof Genesis)["shape"]>;
