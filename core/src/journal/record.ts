/** What the vault's journal says: one record for each thing that the vault has taken as decided. A restart is a fold over
 *  these records, so each carries all that the fold needs, and the signed bytes that justified it.
 *  Source: docs/spec/journal.md. */
import { MAX_ORIGIN } from "../audit/note.ts";
import { Refused, refuse } from "../errors.ts";
import { amount, blob, choice, field, flag, hex, list, type Of, optional, slug, text, uint } from "../signed/codec.ts";
import { addressText, chainId, hash32, time, version } from "../signed/fields.ts";
import { suspicion } from "../signed/head.ts";
import { decode, encode, kind, MAX_OBJECT_BYTES } from "../signed/object.ts";
import { MAX_RULEBOOK_BYTES } from "../signed/rulebook.ts";
import { record, variant } from "../signed/table.ts";

const intent = field(10, blob(MAX_OBJECT_BYTES, 1), "bytes of the intent");
const intentId = field(11, hash32, "intent id");
const approvals = field(12, list(blob(4096, 1), 256), "signed approvals");
const rulebook = field(13, blob(MAX_RULEBOOK_BYTES + 65_536, 1), "signed rulebook");
const rulebookId = field(14, hash32, "rulebook id");
const approval = field(15, blob(4096, 1), "signed approval");
const job = field(16, hash32, "job id");

const Share = record({
  limit: field(0, text(100, 1), "limit, what it measures and its window"),
  amount: field(1, amount, "how much"),
  back: field(2, amount, "what of it is given back when nothing is paid"),
  bucket: field(3, uint(), "number of the part of the window in which it counts"),
  rolls: field(4, flag, "whether the window rolls"),
});

const Counted = record({
  of: field(0, text(120, 1), "level and what is counted at it"),
  shares: field(1, list(Share, 256, 1), "what each limit there counts"),
});

const Price = record({
  numerator: field(0, amount, "base units of the reference currency"),
  denominator: field(1, amount, "base units of the asset"),
});

/** One transaction of a commitment. */
const Part = record({
  intent: field(0, blob(MAX_OBJECT_BYTES, 1), "bytes of the intent"),
  wallet: field(1, slug, "wallet"),
  chain: field(2, chainId, "chain id"),
  family: field(10, choice({ evm: 1 }), "which code builds and reads its transactions"),
  from: field(3, addressText, "paying address"),
  path: field(4, text(64, 1), "derivation path of its key"),
  unsigned: field(5, blob(MAX_OBJECT_BYTES, 1), "unsigned bytes"),
  slots: field(6, list(text(120, 1), 64, 1), "what makes it exclusive on the chain"),
  nonce: field(7, uint(), "the chain's own exclusive number"),
  rates: field(8, list(amount, 4), "fee rates, which a replacement must exceed"),
  counted: field(9, list(Counted, 64), "what it adds to the limits"),
  keys: field(
    11,
    list(hash32, 256, 1),
    "who initiated and approved it; taking one away, or freezing its person, holds it back",
  ),
  prices: field(
    12,
    list(record({ asset: field(0, slug, "asset"), price: field(1, Price, "its price") }), 2),
    "prices at which it was valued",
  ),
});
export type Part = Of<typeof Part>;

const Transaction = record({
  id: field(0, text(90, 1), "transaction id on the chain"),
  raw: field(1, blob(MAX_OBJECT_BYTES, 1), "signed transaction"),
});

const Noticed = record({
  source: field(0, slug, "source"),
  subject: field(1, text(160, 1), "subject"),
  at: field(2, time, "its date"),
  id: field(3, hash32, "id of the fact"),
  adverse: field(4, flag, "whether it speaks against its subject"),
  price: optional(5, Price, "what it states as price"),
  codeHash: optional(6, hash32, "what it states as code"),
  next: optional(7, uint(), "what it states as number of the next transaction"),
});

export const Record = kind(
  "record",
  variant(
    { name: "kind", key: 1, doc: "what happened" },
    { version, at: field(2, time, "the vault's lower bound of the time") },
    {
      booted: {
        number: 1,
        table: {
          boot: field(20, hash32, "boot nonce"),
          suspicion: optional(21, suspicion, "why it does nothing until administrators have confirmed the start"),
        },
      },
      founded: { number: 2, table: { genesis: field(20, blob(MAX_OBJECT_BYTES, 1), "signed genesis"), rulebook } },
      proposed: { number: 3, table: { rulebook, until: field(20, time, "end of the delay") } },
      adopted: { number: 4, table: { rulebook, approvals } },
      vetoed: { number: 5, table: { rulebookId, approval } },
      registered: { number: 6, table: { intent, approvals } },
      rejected: { number: 7, table: { intentId, approval } },
      creating: { number: 8, table: { intent, approvals, path: field(20, text(64, 1), "account path") } },
      opened: {
        number: 9,
        table: {
          intentId,
          publicKey: field(20, hex(33), "account public key"),
          chainCode: field(21, hex(32), "account chain code"),
        },
      },
      addressed: {
        number: 10,
        table: {
          wallet: field(20, slug, "wallet"),
          index: field(21, uint(2_147_483_647), "index"),
          publicKey: field(22, hex(33), "public key"),
          address: field(23, addressText, "address"),
        },
      },
      entered: { number: 11, table: { intent, approvals } },
      retired: { number: 12, table: { intent, approvals } },
      froze: { number: 13, table: { intent, approvals, officer: field(20, slug, "who froze") } },
      unfroze: { number: 14, table: { intent, approvals } },
      committed: { number: 15, table: { job, parts: field(20, list(Part, 64, 1), "transactions"), approvals } },
      signed: {
        number: 16,
        table: { job, transactions: field(20, list(Transaction, 64, 1), "signed transactions, one per part") },
      },
      withheld: { number: 17, table: { job } },
      resumed: { number: 18, table: { job, approvals } },
      noticed: { number: 19, table: { facts: field(20, list(Noticed, 256, 1), "newest dates seen") } },
      settled: {
        number: 20,
        table: {
          transaction: field(20, text(120, 1), "chain id and transaction id"),
          facts: field(21, list(blob(4096, 1), 256, 1), "signed facts"),
        },
      },
      halted: { number: 21, table: { evidence: field(20, blob(MAX_OBJECT_BYTES, 1), "signed head that this journal lacks") } },
      ticked: { number: 22, table: {} },
      repriced: { number: 24, table: { job, part: field(20, Part, "dearer version of a transaction that is signed") } },
      checkpointed: {
        number: 23,
        table: {
          origin: field(20, text(MAX_ORIGIN, 1), "name of the audit log"),
          size: field(21, uint(), "number of its leaves"),
          root: field(22, hash32, "Merkle tree hash of these leaves"),
        },
      },
      confirmed: { number: 25, table: { approvals } },
      repaired: {
        number: 26,
        table: {
          why: field(20, text(32), "refusal code with which reading the journal ended; empty when all of it could be read"),
          segments: field(21, uint(), "number of its highest segment then"),
          bytes: field(22, uint(), "how many bytes were set aside after the newest record that could be read"),
          tail: field(23, hash32, "SHA-256 of these bytes"),
        },
      },
      succeeded: {
        number: 28,
        table: {
          rulebookId,
          vaultKey: field(20, hex(32), "identity key of the vault that goes on with this journal"),
        },
      },
      missed: {
        number: 27,
        table: { evidence: field(20, blob(MAX_OBJECT_BYTES, 1), "signed head that was lost to the repair") },
      },
    },
  ),
  1 << 20,
);
export type Record = Of<(typeof Record)["shape"]>;
export type RecordOf<K extends Record["kind"]> = Extract<Record, { readonly kind: K }>;

/** A record with its one encoding: the host writes the bytes, the fold reads the value. */
export type Sealed = { readonly value: Record; readonly bytes: Uint8Array };

/** Fails: the codes of `encode`. */
export function sealRecord(value: Record): Sealed {
  return { value, bytes: encode(Record, value) };
}

/** Fails: the codes of `decode`; JOURNAL_VERSION for a record that only another version of the program understands. */
export function openRecord(bytes: Uint8Array): Sealed {
  try {
    return { value: decode(Record, bytes), bytes };
  } catch (error) {
    const isOther = error instanceof Refused && ["record.version", "record.kind"].includes(error.field);
    if (!isOther) throw error;
    return refuse("JOURNAL_VERSION", error.field, error.detail);
  }
}
