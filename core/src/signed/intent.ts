/** Intent: the canonical, immutable content of one privileged action. It is what approvers read and what the vault obeys.
 *
 *  The initiator signs it by an approval with the decision `initiate`. One union serves approvals, checks, log and screens. */
import { MAX_ARGUMENTS } from "../chain/evm/abi.ts";
import { amount, blob, field, type Of, optional, slug, text } from "./codec.ts";
import { MAX_ENTRY_BYTES } from "./entry.ts";
import {
  addressText,
  chainId,
  freezeLevel,
  hash32,
  method,
  nonce16,
  note,
  reference,
  time,
  version,
  walletClass,
} from "./fields.ts";
import { kind } from "./object.ts";
import { record, variant } from "./table.ts";

const common = {
  version,
  deployment: field(2, hash32, "id of the deployment"),
  initiator: field(3, hash32, "id of the initiator's key"),
  purpose: field(4, note, "why, in the initiator's words"),
  reference: field(5, reference, "the client's own reference; the same one never names two actions"),
  notAfter: field(6, time, "when the intent expires"),
  nonce: field(7, nonce16, "makes two equal actions differ"),
};

const Destination = record({
  entry: optional(0, slug, "address-book entry; absent for an address that is paid once and not in the book"),
  hash: optional(1, hash32, "id of the entry's bytes; there exactly when the entry is"),
  address: field(2, addressText, "the address itself; a name is not enough"),
});

/** A contract is always one of the address book. */
const Contract = record({
  entry: field(0, slug, "address-book entry"),
  hash: field(1, hash32, "id of the entry's bytes"),
  address: field(2, addressText, "the address itself; a name is not enough"),
});

const onChain = {
  chain: field(10, chainId, "chain id"),
  wallet: field(11, slug, "wallet"),
};
const totalFee = field(15, amount, "most that all versions together may cost, in base units of the native asset");
const replaces = optional(16, hash32, "intent whose transaction this one replaces on chain");

export const Intent = kind(
  "intent",
  variant({ name: "kind", key: 1, doc: "what is to be done" }, common, {
    pay: {
      number: 1,
      table: {
        ...onChain,
        destination: field(12, Destination, "who is paid"),
        asset: field(13, slug, "asset of the rulebook"),
        amount: field(14, amount, "base units of the asset"),
        totalFee,
        replaces,
      },
    },
    cancel: {
      number: 2,
      table: {
        ...onChain,
        totalFee,
        replaces: field(16, hash32, "intent whose transaction is cancelled by paying nothing to ourselves"),
      },
    },
    wallet: {
      number: 3,
      table: {
        ...onChain,
        client: optional(17, slug, "the one client of a segregated wallet; absent for an omnibus wallet"),
        walletClass: field(18, walletClass, "how exposed the wallet is"),
        unit: optional(25, slug, "unit of the rulebook that the wallet belongs to"),
      },
    },
    entry: {
      number: 4,
      table: { entry: field(19, blob(MAX_ENTRY_BYTES, 1), "bytes of the address-book entry to put into force") },
    },
    retire: {
      number: 5,
      table: { name: field(20, slug, "address-book entry to end"), hash: field(21, hash32, "id of the entry's bytes") },
    },
    freeze: {
      number: 6,
      table: {
        level: field(22, freezeLevel, "what is frozen"),
        subject: field(23, text(90), "which one; a destination by entry or address; empty for the institution"),
      },
    },
    unfreeze: { number: 7, table: { freeze: field(24, hash32, "intent id of the freeze to lift") } },
    call: {
      number: 8,
      table: {
        ...onChain,
        destination: field(12, Contract, "which contract is called"),
        method: field(26, method, "which of the entry's methods, by its signature"),
        arguments: field(27, blob(MAX_ARGUMENTS), "its arguments as the contract's interface encodes them, strictly"),
        amount: field(14, amount, "base units of the native asset that go along"),
        totalFee,
        replaces,
      },
    },
  }),
);
export type Intent = Of<(typeof Intent)["shape"]>;
export type IntentKind = Intent["kind"];
/** The intent of one kind. */
export type IntentOf<K extends IntentKind> = Extract<Intent, { readonly kind: K }>;

/** Kinds in the order of their numbers. */
export const INTENT_KINDS = { pay: 1, cancel: 2, wallet: 3, entry: 4, retire: 5, freeze: 6, unfreeze: 7, call: 8 } as const;
