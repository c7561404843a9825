/** What the vault is asked and what it answers. Source: docs/spec/vault-protocol.md.
 *
 *  One command is one CBOR map; on a stream it is preceded by its length as u32 big-endian. The answer to every command is a
 *  `Receipt` signed by the vault's identity key, whose `request` is the hash of the command's bytes. */
import { MAX_ORIGIN } from "../audit/note.ts";
import { MAX_PROOF } from "../audit/tree.ts";
import { type Hash, hash } from "../bytes.ts";
import { attempt } from "../errors.ts";
import { amount, blob, choice, field, flag, hex, list, type Of, optional, slug, text, uint } from "../signed/codec.ts";
import { freezeLevel, hash32, nonce16, time, version, walletClass } from "../signed/fields.ts";
import { Intent } from "../signed/intent.ts";
import { decode, kind, MAX_OBJECT_BYTES } from "../signed/object.ts";
import { MAX_RULEBOOK_BYTES } from "../signed/rulebook.ts";
import { record, variant } from "../signed/table.ts";

/** Largest command. */
export const MAX_COMMAND_BYTES = 1_310_720;
export const MAX_INTENTS = 64;
export const MAX_APPROVALS = 256;
export const MAX_FACTS = 256;
/** Size of one signed approval or fact. */
const MAX_SIGNED_BYTES = 4096;

/** Unsigned chain context of one intent. Whatever it says is harmless: it is bounded by what was approved. */
const EvmContext = record({
  index: field(0, uint(2_147_483_647), "index of the paying address in the wallet; must be attested"),
  gasLimit: field(1, uint(100_000_000), "gas limit"),
  maxFeePerGas: field(2, amount, "wei per gas, priority included"),
  maxPriorityFeePerGas: field(3, amount, "wei per gas for the block's producer"),
});
export type EvmContext = Of<typeof EvmContext>;

/** Versions of one intent's transaction before the newest that an answer lists; the vault makes no more. */
const MAX_EARLIER = 31;

const Order = record({
  intent: field(0, blob(MAX_OBJECT_BYTES, 1), "bytes of the intent"),
  context: optional(1, EvmContext, "chain context, for kinds that sign a transaction"),
});

const Rehearsed = record({
  intent: field(0, blob(MAX_OBJECT_BYTES, 1), "bytes of the intent"),
  context: optional(1, EvmContext, "chain context; without it that of the dearest transaction which the total fee allows"),
  index: optional(2, uint(2_147_483_647), "without a context: index of the paying address; 0 where it is left out"),
});

const approvals = field(
  21,
  list(blob(MAX_SIGNED_BYTES, 1), MAX_APPROVALS),
  "signed approvals of any of the intents, of the rulebook or the start",
);
const facts = field(22, list(blob(MAX_SIGNED_BYTES, 1), MAX_FACTS), "signed facts");
const signedRulebook = field(20, blob(MAX_RULEBOOK_BYTES + 65_536, 1), "rulebook signed by administrators");

/** Vaults that one journal may have had. */
export const MAX_LINE = 64;

export const Command = kind(
  "request",
  variant(
    { name: "command", key: 1, doc: "what is asked" },
    { version, nonce: field(2, nonce16, "makes two equal commands differ, and so their receipts") },
    {
      status: { number: 1, table: {} },
      found: {
        number: 2,
        table: {
          genesis: field(19, blob(MAX_OBJECT_BYTES, 1), "genesis signed by all administrators"),
          rulebook: signedRulebook,
        },
      },
      execute: {
        number: 3,
        table: { orders: field(20, list(Order, MAX_INTENTS, 1), "what is to be done, all or nothing"), approvals, facts },
      },
      register: { number: 4, table: { intent: field(20, blob(MAX_OBJECT_BYTES, 1), "bytes of the intent"), approvals } },
      object: {
        number: 5,
        table: { approval: field(20, blob(MAX_SIGNED_BYTES, 1), "signed approval with the decision reject or veto") },
      },
      rulebook: { number: 6, table: { rulebook: signedRulebook, approvals } },
      address: {
        number: 7,
        table: { wallet: field(20, slug, "wallet"), index: field(21, uint(2_147_483_647), "index of the address") },
      },
      witness: { number: 8, table: { head: field(20, blob(MAX_OBJECT_BYTES, 1), "head that a vault signed") } },
      inform: { number: 9, table: { facts } },
      protections: { number: 12, table: {} },
      head: { number: 10, table: {} },
      show: {
        number: 11,
        table: {
          what: field(20, choice({ rulebook: 1, execution: 2, entry: 3, wallet: 4 }), "kind of thing"),
          name: field(21, text(64), "its name; for an execution the intent id; empty for the rulebook"),
        },
      },
      reprice: {
        number: 14,
        table: {
          intent: field(20, hash32, "intent id of a payment or cancellation that is signed and not final"),
          context: field(21, EvmContext, "chain context with higher fee rates"),
        },
      },
      confirm: { number: 15, table: { approvals } },
      explain: {
        number: 16,
        table: {
          orders: field(20, list(Rehearsed, MAX_INTENTS, 1), "what is asked about"),
          approvals,
          facts,
          draft: optional(
            23,
            blob(MAX_RULEBOOK_BYTES + 65_536, 1),
            "a rulebook to judge by as if it were in force, signed or not, whose base is the one in force",
          ),
        },
      },
      checkpoint: {
        number: 13,
        table: {
          origin: field(20, text(MAX_ORIGIN, 1), "name of the audit log"),
          size: field(21, uint(), "number of its leaves"),
          root: field(22, hash32, "Merkle tree hash of these leaves"),
          proof: field(23, list(hash32, MAX_PROOF), "that it continues the log that was signed last (RFC 6962, section 2.1.2)"),
        },
      },
    },
  ),
  MAX_COMMAND_BYTES,
);
export type Command = Of<(typeof Command)["shape"]>;
/** The command of one name. */
export type CommandOf<K extends Command["command"]> = Extract<Command, { readonly command: K }>;

/** What a receipt's `request` names. */
export function requestId(bytes: Uint8Array): Hash {
  return hash(Command.tag, bytes);
}

/** Whether console and file may take the command: a rejection, a veto, or a freeze and nothing else. */
export function tightens(bytes: Uint8Array): boolean {
  const parsed = attempt(() => {
    const command = decode(Command, bytes);
    if (command.command === "object") return true;
    return command.command === "execute" && command.orders.every((order) => decode(Intent, order.intent).kind === "freeze");
  });
  return parsed.ok && parsed.value;
}

/** Answers to commands: the body of a receipt whose code is OK. */
export const StatusBody = kind(
  "status",
  record({
    genesis: optional(2, blob(MAX_OBJECT_BYTES, 1), "signed genesis"),
    waiting: optional(4, hash32, "rulebook that waits"),
    waitingUntil: optional(5, time, "when its delay is over, by the vault's lower bound"),
    freezes: field(
      6,
      list(
        record({
          intent: field(0, hash32, "intent id of the freeze"),
          level: field(1, freezeLevel, "what"),
          subject: field(2, text(90), "which one"),
          officer: field(3, slug, "who"),
        }),
        1024,
      ),
      "freezes in force",
    ),
    live: field(7, uint(), "signed transactions that are not final"),
    start: optional(8, blob(MAX_OBJECT_BYTES, 1), "bytes of this start, whose id administrators confirm"),
    confirmed: optional(9, flag, "whether they have"),
    line: optional(10, list(hex(32), MAX_LINE, 1), "identity keys of all vaults that this journal has had, the newest last"),
    succession: optional(11, time, "for a successor: until when it signs no transaction, by its lower bound of the time"),
    retired: optional(12, hash32, "hash of the identity key of the vault that has taken over"),
  }),
  262_144,
);
export type StatusBody = Of<(typeof StatusBody)["shape"]>;

/** Outcome of one on-chain execution. */
export const ExecutionBody = kind(
  "execution",
  record({
    job: field(0, hash32, "id of the signing job"),
    state: field(1, text(12, 1), "committed, signed, withheld, settled or replaced"),
    transactions: field(
      2,
      list(
        record({
          intent: field(0, hash32, "intent id"),
          id: field(1, text(90, 1), "transaction id on the chain"),
          raw: field(2, blob(MAX_OBJECT_BYTES), "signed transaction, ready to be broadcast"),
          from: field(3, text(90, 1), "paying address"),
          slots: field(4, list(text(120, 1), 64), "what makes it exclusive on the chain"),
        }),
        MAX_INTENTS,
      ),
      "one per intent, in the order of the command; its newest version",
    ),
    earlier: optional(
      3,
      list(
        record({ intent: field(0, hash32, "intent id"), id: field(1, text(90, 1), "transaction id on the chain") }),
        MAX_INTENTS * MAX_EARLIER,
        1,
      ),
      "older signed versions of the same intents, any of which may still be mined instead",
    ),
  }),
  MAX_COMMAND_BYTES,
);
export type ExecutionBody = Of<(typeof ExecutionBody)["shape"]>;

/** Answer to a freeze: what was signed and can no longer be stopped by the vault. */
export const FreezeBody = kind(
  "frozen",
  record({
    intent: field(0, hash32, "intent id of the freeze"),
    live: field(
      1,
      list(record({ intent: field(0, hash32, "intent"), id: field(1, text(90, 1), "transaction id") }), 4096),
      "live signed transactions",
    ),
  }),
  MAX_COMMAND_BYTES,
);
export type FreezeBody = Of<(typeof FreezeBody)["shape"]>;

/** Answer to register and to a rulebook that waits. */
export const DelayBody = kind(
  "delay",
  record({
    subject: field(0, hash32, "intent or rulebook id"),
    since: field(1, time, "when the delay began, by the vault's lower bound"),
    until: optional(2, time, "for a rulebook: when it is over, by the vault's lower bound"),
  }),
);
export type DelayBody = Of<(typeof DelayBody)["shape"]>;

/** Answer to `witness` of a head that was given up: the start at which it was, and by whom. */
export const GivenUpBody = kind(
  "givenup",
  record({
    start: field(0, blob(MAX_OBJECT_BYTES, 1), "bytes of the start"),
    approvals,
  }),
  MAX_COMMAND_BYTES,
);
export type GivenUpBody = Of<(typeof GivenUpBody)["shape"]>;

/** A wallet as the vault knows it. */
export const WalletBody = kind(
  "wallet",
  record({
    wallet: field(0, slug, "name"),
    chain: field(1, uint(4_294_967_295, 1), "chain id"),
    walletClass: field(2, walletClass, "how exposed"),
    client: optional(3, slug, "the one client"),
    path: field(4, text(64, 1), "account path"),
    publicKey: field(5, hex(33), "account public key"),
    chainCode: field(6, hex(32), "account chain code"),
    unit: optional(7, slug, "unit of the rulebook that it belongs to"),
  }),
);
export type WalletBody = Of<(typeof WalletBody)["shape"]>;

/** Answer to a checkpoint. */
export const CheckpointBody = kind(
  "checkpointed",
  record({
    checkpoint: field(0, blob(4096, 1), "signed checkpoint"),
    note: field(1, blob(64, 64), "Ed25519 signature of the same key over the checkpoint's text (audit-log.md)"),
  }),
);
export type CheckpointBody = Of<(typeof CheckpointBody)["shape"]>;

/** What protects this vault on this machine, as the host has measured it. Answered by the host, not by `decide`. */
export const ProtectionsBody = kind(
  "protections",
  record({
    protections: field(
      0,
      list(
        record({
          name: field(0, text(64, 1), "protection"),
          on: field(1, flag, "whether it holds"),
          detail: field(2, text(300), "how it was measured, or why it does not hold"),
        }),
        64,
      ),
      "protections",
    ),
  }),
);
export type ProtectionsBody = Of<(typeof ProtectionsBody)["shape"]>;
