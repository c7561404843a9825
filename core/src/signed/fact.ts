/** Fact: a signed, dated statement from outside the vault. The rulebook names the sources whose facts count. */
import type { Hash } from "../bytes.ts";
import { amount, choice, field, type Of, slug, text, uint } from "./codec.ts";
import { hash32, time, version } from "./fields.ts";
import { kind } from "./object.ts";
import { variant } from "./table.ts";

/** What facts speak of: subject texts by what stands in them. */
export const SUBJECT = {
  /** Screening: an address that is paid. */
  address: (chain: number, address: string) => `address:${chain}:${address}`,
  /** Price: an asset in the reference currency. */
  price: (asset: string, currency: string) => `price:${asset}:${currency}`,
  /** Finality: a transaction by its id on the chain. */
  transaction: (chain: number, id: string) => `transaction:${chain}:${id}`,
  /** Code: a token's contract. */
  code: (chain: number, contract: string) => `code:${chain}:${contract}`,
  /** Nonce: an address that pays. */
  nonce: (chain: number, address: string) => `nonce:${chain}:${address}`,
  /** Travel rule and simulation: an intent by its id. */
  intent: (id: Hash) => `intent:${id}`,
  /** Clock: nothing but the time. */
  clock: () => "clock",
} as const;

const common = {
  version,
  deployment: field(2, hash32, "id of the deployment"),
  source: field(3, slug, "source of the rulebook"),
  subject: field(4, text(160, 1), "what the statement is about"),
  at: field(5, time, "when it was true"),
};

/** Types of facts and their numbers. */
export const FACT_TYPES = {
  screening: 1,
  price: 2,
  finality: 3,
  code: 4,
  "travel-rule": 5,
  simulation: 6,
  nonce: 7,
  clock: 8,
} as const;

export const Fact = kind(
  "fact",
  variant({ name: "type", key: 1, doc: "kind of statement" }, common, {
    screening: { number: 1, table: { verdict: field(6, choice({ clean: 1, adverse: 2 }), "result of the screening") } },
    price: {
      number: 2,
      table: {
        numerator: field(7, amount, "base units of the reference currency"),
        denominator: field(8, amount, "base units of the asset"),
      },
    },
    finality: { number: 3, table: { outcome: field(9, choice({ succeeded: 1, failed: 2 }), "how the transaction ended") } },
    code: { number: 4, table: { codeHash: field(10, hash32, "Keccak-256 of the contract's code") } },
    "travel-rule": {
      number: 5,
      table: { exchange: field(11, choice({ complete: 1, refused: 2 }), "what became of the exchange with the other side") },
    },
    simulation: {
      number: 6,
      table: {
        effect: field(12, choice({ "as-stated": 1, differs: 2 }), "whether it does what the intent says and nothing else"),
      },
    },
    nonce: { number: 7, table: { next: field(13, uint(), "the address's transactions on the chain so far") } },
    clock: { number: 8, table: {} },
  }),
  1024,
);
export type Fact = Of<(typeof Fact)["shape"]>;
export type FactType = Fact["type"];
