/** Wallets, their attested addresses, and the address book. */
import { z } from "zod";
import { endpoint } from "./endpoint.ts";
import { AddressText, Bytes, ChainId, Count, Hash, Index, Label, page, paging, Slug, Text, Time } from "./fields.ts";

/** A wallet as the vault knows it. `receipt`: the vault's signed receipt that shows it. `client` null: an omnibus wallet.
 *  `unit`: whose users see it. `ruledAs`: the unit of the rulebook that its rules and limits read, null without one. */
export const Wallet = z.strictObject({
  name: Slug,
  chain: ChainId,
  walletClass: z.enum(["hot", "warm", "cold"]),
  client: Slug.nullable(),
  unit: Slug,
  ruledAs: Slug.nullable(),
  label: Label.nullable(),
  receipt: Bytes,
  createdAt: Time,
  version: Count,
});
export type Wallet = z.output<typeof Wallet>;

/** A receiving address. `attestation`: the vault's signed statement, checked by the server before it is shown and to be checked
 *  again by whoever uses the address. `client`: whose deposits these are; for a segregated wallet that of the attestation. */
export const Address = z.strictObject({
  wallet: Slug,
  index: Index,
  chain: ChainId,
  address: AddressText,
  client: Slug.nullable(),
  attestation: Bytes,
  createdAt: Time,
});
export type Address = z.output<typeof Address>;

/** A destination that may be paid, as it stands in the vault. `entry`: bytes of the signed kind `entry`. */
export const BookEntry = z.strictObject({
  name: Slug,
  hash: Hash,
  party: Text,
  chain: ChainId,
  address: AddressText,
  /** `denied`: on the deny list; its address is never paid. */
  class: z.enum(["own", "exchange", "vasp", "self-hosted", "contract", "denied"]),
  /** Which assets may be paid to it. */
  assets: z.union([z.literal("any"), z.array(Slug).max(64)]),
  state: z.enum(["current", "retired"]),
  entry: Bytes,
  /** The request that put it into force. */
  request: Hash,
  createdAt: Time,
});
export type BookEntry = z.output<typeof BookEntry>;

const byName = z.strictObject({ name: Slug });
const byWallet = z.strictObject({ wallet: Slug });

export const CUSTODY = {
  "wallets.list": endpoint({
    method: "GET",
    path: "/v1/wallets",
    summary: "The visible wallets, by name. A wallet is opened by a request of the kind `wallet`.",
    permission: "wallets:read",
    query: z.strictObject({ ...paging, client: Slug.optional(), unit: Slug.optional() }),
    returns: page(Wallet),
    status: 200,
  }),
  "wallets.get": endpoint({
    method: "GET",
    path: "/v1/wallets/:name",
    summary: "One wallet.",
    permission: "wallets:read",
    params: byName,
    returns: Wallet,
    status: 200,
  }),
  "wallets.change": endpoint({
    method: "PATCH",
    path: "/v1/wallets/:name",
    summary: "Changes the label of a wallet, or the unit that sees it.",
    permission: "wallets:write",
    params: byName,
    body: z.strictObject({ label: Label.optional(), unit: Slug.optional() }),
    returns: Wallet,
    status: 200,
    problems: ["STALE"],
  }),
  "addresses.create": endpoint({
    method: "POST",
    path: "/v1/wallets/:wallet/addresses",
    summary: "Has the vault derive and attest an address. Without an index the next free one.",
    permission: "addresses:write",
    params: byWallet,
    body: z.strictObject({ index: Index.optional(), client: Slug.optional() }),
    returns: Address,
    status: 201,
    problems: ["CONFLICT", "VAULT_UNREACHABLE"],
  }),
  "addresses.list": endpoint({
    method: "GET",
    path: "/v1/wallets/:wallet/addresses",
    summary: "The addresses of a wallet, by index.",
    permission: "addresses:read",
    params: byWallet,
    query: z.strictObject({ ...paging, client: Slug.optional() }),
    returns: page(Address),
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "addresses.get": endpoint({
    method: "GET",
    path: "/v1/wallets/:wallet/addresses/:index",
    summary: "One address.",
    permission: "addresses:read",
    params: z.strictObject({ wallet: Slug, index: z.string().regex(/^(?:0|[1-9]\d{0,9})$/) }),
    returns: Address,
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "entries.list": endpoint({
    method: "GET",
    path: "/v1/entries",
    summary: "The address book, by name. An entry comes and goes by requests of the kinds `entry` and `retire`.",
    permission: "entries:read",
    query: z.strictObject({ ...paging, state: z.enum(["current", "retired"]).optional() }),
    returns: page(BookEntry),
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "entries.get": endpoint({
    method: "GET",
    path: "/v1/entries/:name",
    summary: "The entry of this name that is in force.",
    permission: "entries:read",
    params: byName,
    returns: BookEntry,
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
};
