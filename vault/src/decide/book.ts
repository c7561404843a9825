/** Intents that change what the vault knows rather than what it owns: wallets and address-book entries. */
import { chainOf } from "@strongroom/core/chain/table";
import { demand, refuse } from "@strongroom/core/errors";
import { accountPath } from "@strongroom/core/keys/hd";
import type { Subject } from "@strongroom/core/rulebook/book";
import { Entry } from "@strongroom/core/signed/entry";
import type { Intent, IntentOf } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import { findChain } from "@strongroom/core/text/render";
import { MAX_ENTRIES, MAX_WALLETS } from "../limits.ts";
import { entries, get, has } from "../state/map.ts";
import type { Now, Outcome } from "../types.ts";
import type { Founded, Given } from "./approvals.ts";
import { ok, recordAt } from "./draft.ts";
import type { Stated } from "./facts.ts";
import { demandThawed } from "./freeze.ts";
import type { Order } from "./resolve.ts";
import { demandRules } from "./rules.ts";

export type Change = {
  readonly order: Order<Intent>;
  readonly person: string;
  readonly approvers: readonly Given[];
  readonly stated: readonly Stated[];
  readonly approvals: readonly Uint8Array[];
};

/** Fails: those of rules and freeze, CHAIN_UNKNOWN, WALLET_EXISTS, WALLET_UNKNOWN, ENTRY_EXISTS, ENTRY_UNKNOWN, ENTRY_MISMATCH,
 *  ADDRESS_INVALID, WRONG_DEPLOYMENT, TABLE_FULL, codes of `decode`. */
export function carryOut(state: Founded, now: Now, it: Change): Outcome {
  const { intent } = it.order;
  if (intent.kind === "wallet") return openWallet(state, now, it, intent);
  if (intent.kind === "entry") return enter(state, now, it, intent);
  return retire(state, now, it, intent as IntentOf<"retire">);
}

type Reach = { readonly subject: Omit<Subject, "kind" | "initiator">; readonly screened: string };

function judged(state: Founded, now: Now, it: Change, { subject, screened }: Reach): void {
  const { id, intent } = it.order;
  const persons = it.approvers.map((approver) => approver.person);
  const { chain, wallet, destination } = subject;
  demandThawed(state, { persons, ...(chain && { chain }), ...(wallet && { wallet }), ...(destination && { destination }) });
  const whole: Subject = { kind: intent.kind, initiator: it.person, ...subject };
  demandRules(state, now, { id, subject: whole, approvers: it.approvers, stated: it.stated, screened });
}

function openWallet(state: Founded, now: Now, it: Change, intent: IntentOf<"wallet">): Outcome {
  const chain = findChain(state.book, intent.chain);
  const opening = [...entries(state.openings)].some(([, item]) => item.intent.wallet === intent.wallet);
  demand(
    !opening && !has(state.wallets, intent.wallet),
    "WALLET_EXISTS",
    "intent.wallet",
    `there is a wallet ${intent.wallet}`,
  );
  judged(state, now, it, { subject: { chain: chain.id, wallet: intent.wallet }, screened: "" });
  demand(state.wallets.size < MAX_WALLETS, "TABLE_FULL", "wallets", `${MAX_WALLETS} wallets are open`);
  const path = accountPath(chain.family, state.accounts);
  const { id, bytes } = it.order;
  const record = recordAt(now, { kind: "creating", intent: bytes, approvals: it.approvals, path });
  return { records: [record], effects: [{ reply: { wait: id } }, { create: { id, path, scheme: "secp256k1" } }] };
}

function enter(state: Founded, now: Now, it: Change, intent: IntentOf<"entry">): Outcome {
  const entry = decode(Entry, intent.entry);
  demand(entry.deployment === state.deployment, "WRONG_DEPLOYMENT", "intent.entry", "the entry is for another deployment");
  const chain = findChain(state.book, entry.chain);
  chainOf(chain.family).parseAddress(entry.address, "intent.entry.address");
  demand(!has(state.entries, entry.name), "ENTRY_EXISTS", "intent.entry.name", `there is an entry ${entry.name} in force`);
  const token = [...state.book.assets.values()].some(
    (asset) => asset.chain === entry.chain && asset.contract === entry.address,
  );
  demand(!token, "ENTRY_MISMATCH", "intent.entry.address", "this is a token's contract; what is sent there is lost");
  demandOwn(state, entry);
  const subject = { chain: chain.id, destination: entry.name, class: entry.class };
  judged(state, now, it, { subject, screened: `address:${chain.id}:${entry.address}` });
  demand(state.entries.size < MAX_ENTRIES, "TABLE_FULL", "entries", `${MAX_ENTRIES} entries are in force`);
  return { records: [recordAt(now, { kind: "entered", intent: it.order.bytes, approvals: it.approvals })], effects: [ok()] };
}

/** An entry says "own" exactly when the vault has derived the address itself, in the wallet that the entry names. */
function demandOwn(state: Founded, { class: declared, own, chain, address }: Entry): void {
  const ours = get(state.owned, `${chain}:${address}`);
  const says = declared === "own" && own !== undefined && ours?.wallet === own.wallet && ours.index === own.index;
  const silent = declared !== "own" && own === undefined && ours === undefined;
  demand(
    says || silent,
    "ENTRY_MISMATCH",
    "intent.entry.own",
    "own addresses, and only they, are entered as own with wallet and index",
  );
}

function retire(state: Founded, now: Now, it: Change, intent: IntentOf<"retire">): Outcome {
  const current = get(state.entries, intent.name);
  if (current === undefined) refuse("ENTRY_UNKNOWN", "intent.name", `there is no entry ${intent.name} in force`);
  demand(current.hash === intent.hash, "ENTRY_MISMATCH", "intent.hash", `the entry ${intent.name} in force is another one`);
  const { entry } = current;
  const subject = { chain: entry.chain, destination: entry.name, class: entry.class };
  judged(state, now, it, { subject, screened: `address:${entry.chain}:${entry.address}` });
  return { records: [recordAt(now, { kind: "retired", intent: it.order.bytes, approvals: it.approvals })], effects: [ok()] };
}
