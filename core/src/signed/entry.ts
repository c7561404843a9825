/** Address-book entry: a destination that may be paid, put into force by an approved intent. */
import { anyOr, field, flag, list, type Of, optional, slug, text, uint } from "./codec.ts";
import { addressText, chainId, destinationClass, hash32, method, version } from "./fields.ts";
import { kind } from "./object.ts";
import { record } from "./table.ts";

const Owner = record({
  wallet: field(0, slug, "the vault's own wallet"),
  index: field(1, uint(2_147_483_647), "index of the attested address"),
});

const Method = record({
  method: field(0, method, "signature, like deposit(uint256)"),
  value: field(1, flag, "whether native value may go along with a call"),
});

/** Size limit of an entry. */
export const MAX_ENTRY_BYTES = 4_096;

export const Entry = kind(
  "entry",
  record({
    version,
    deployment: field(1, hash32, "id of the deployment"),
    name: field(2, slug, "how people call it; unique among the entries in force"),
    party: field(3, text(64, 1), "who is behind the address"),
    chain: field(4, chainId, "chain id"),
    address: field(5, addressText, "address in the chain's canonical form"),
    class: field(6, destinationClass, "what kind of destination it is"),
    own: optional(7, Owner, "for class own: where the vault derives the address"),
    assets: field(8, anyOr(slug, 64), "assets that may be paid to it"),
    methods: optional(9, list(Method, 24, 1), "for class contract: methods that may be called"),
    codeHash: optional(10, hash32, "for class contract: Keccak-256 of its code, which facts of type code must state"),
  }),
  MAX_ENTRY_BYTES,
);
export type Entry = Of<(typeof Entry)["shape"]>;
