/** What an intent on a chain is about: every name in it is looked up in the rulebook in force and in the vault's own state,
 *  and everything that rules read of it comes from there. */
import type { Hash } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import type { EvmContext } from "@strongroom/core/protocol/command";
import type { Asset, ChainEntry, Subject } from "@strongroom/core/rulebook/book";
import type { Entry } from "@strongroom/core/signed/entry";
import type { IntentOf } from "@strongroom/core/signed/intent";
import { findAsset, findChain } from "@strongroom/core/text/render";
import type { Read } from "../../state/intent.ts";
import { get } from "../../state/map.ts";
import { type Address, type Founded, type JobPart, type JobState, partAt, type State, type Wallet } from "../../state/state.ts";
import { holderOf } from "../evidence/approvals.ts";
import type { Touched } from "../rules.ts";

export type OnChain = IntentOf<"pay"> | IntentOf<"cancel">;
/** An intent with its bytes and what the chain is said to be like. */
export type Order<I> = Read<I> & { readonly bytes: Uint8Array; readonly context: EvmContext | undefined };

/** A payment or cancellation with all that it names. */
export type Named = {
  readonly order: Order<OnChain>;
  readonly chain: ChainEntry;
  readonly asset: Asset;
  readonly wallet: Wallet;
  readonly from: Address;
  readonly person: string;
  readonly transfer: { readonly asset: string; readonly to: string; readonly amount: bigint };
  readonly subject: Subject;
};
/** One that is to be built. `replaced`: the newest version that holds the nonce. */
export type Resolved = Named & { readonly context: EvmContext; readonly replaced: JobPart | undefined };

/** For a new transaction. Fails: CONTEXT_INVALID, ADDRESS_UNKNOWN, REPLACES_UNKNOWN, REPLACES_MISMATCH, those of `nameAll`. */
export function resolve(state: Founded, order: Order<OnChain>): Resolved {
  const { intent, context } = order;
  if (context === undefined) refuse("CONTEXT_INVALID", "orders.context", "fees and gas are expected for a transaction");
  const wallet = walletOf(state, intent);
  const from = get(state.addresses, `${wallet.name}/${context.index}`);
  if (from === undefined) refuse("ADDRESS_UNKNOWN", "orders.context.index", "the vault has not attested this paying address");
  const { replaces } = intent;
  const replaced = replaces === undefined ? undefined : replacedBy(state, { intent, replaces, from });
  return { ...nameAll(state, order, from), context, replaced };
}

/** For a commitment whose signature was withheld: it is about the same address, whatever context comes. Fails: `nameAll`. */
export function resolveAgain(state: Founded, order: Order<OnChain>, { chain, from }: JobPart): Named {
  return nameAll(state, order, get(state.owned, `${chain}:${from}`) as Address);
}

/** Fails: WALLET_UNKNOWN, CHAIN_UNKNOWN, KEY_UNKNOWN, ASSET_UNKNOWN, AMOUNT_ZERO, ENTRY_UNKNOWN, ENTRY_MISMATCH. */
function nameAll(state: Founded, order: Order<OnChain>, from: Address): Named {
  const { intent } = order;
  const wallet = walletOf(state, intent);
  const chain = findChain(state.book, intent.chain);
  const { person } = holderOf(state, intent.initiator, "intent.initiator");
  const common = { order, chain, wallet, from, person };
  if (intent.kind === "cancel") return { ...common, ...cancellation(state, intent, common) };
  return { ...common, ...payment(state, intent, common) };
}

function walletOf(state: Founded, intent: OnChain): Wallet {
  const wallet = get(state.wallets, intent.wallet);
  const fits = wallet !== undefined && wallet.chain === intent.chain;
  if (!fits) refuse("WALLET_UNKNOWN", "intent.wallet", `there is no wallet ${intent.wallet} on chain ${intent.chain}`);
  return wallet;
}

type Common = Pick<Named, "chain" | "wallet" | "from" | "person">;

function cancellation(state: Founded, intent: IntentOf<"cancel">, { chain, wallet, from, person }: Common) {
  const asset = state.book.assets.get(chain.native) as Asset;
  const transfer = { asset: "native", to: from.address, amount: 0n };
  const subject: Subject = {
    kind: "cancel",
    initiator: person,
    chain: intent.chain,
    asset: asset.id,
    wallet: wallet.name,
    class: "own",
  };
  return { asset, transfer, subject };
}

function payment(state: Founded, intent: IntentOf<"pay">, { wallet, person }: Common) {
  const asset = findAsset(state.book, intent);
  demand(intent.amount > 0n, "AMOUNT_ZERO", "intent.amount", "a payment moves something");
  const entry = entryOf(state, intent);
  const transfer = { asset: asset.contract ?? "native", to: entry.address, amount: intent.amount };
  const subject: Subject = {
    kind: "pay",
    initiator: person,
    chain: intent.chain,
    asset: asset.id,
    wallet: wallet.name,
    destination: entry.name,
    class: classOf(state, entry, wallet),
    amount: intent.amount,
  };
  return { asset, transfer, subject };
}

/** The current entry that the intent names by name, hash and address. Fails: ENTRY_UNKNOWN, ENTRY_MISMATCH. */
function entryOf(state: Founded, { destination, chain }: IntentOf<"pay">): Entry {
  const current = get(state.entries, destination.entry);
  if (current === undefined) refuse("ENTRY_UNKNOWN", "intent.destination.entry", `${destination.entry} is not in force`);
  const fits =
    current.hash === destination.hash && current.entry.address === destination.address && current.entry.chain === chain;
  demand(fits, "ENTRY_MISMATCH", "intent.destination", `hash, address or chain are not those of ${destination.entry} in force`);
  return current.entry;
}

/** The class that rules see. Any address of ours is "own" only for its own client; for all others it is "client-owned",
 *  whatever the entry says. */
function classOf(state: State, entry: Entry, payer: Wallet): Subject["class"] & string {
  const ours = get(state.owned, `${entry.chain}:${entry.address}`);
  if (ours === undefined) return entry.class;
  const payee = get(state.wallets, ours.wallet) as Wallet;
  return payee.client === payer.client ? "own" : "client-owned";
}

/** The newest version of the transaction that is to be replaced: one that is signed and not final, or whose signature was
 *  withheld, so that its nonce does not stay open. Fails: REPLACES_UNKNOWN, REPLACES_MISMATCH. */
function replacedBy(state: Founded, { intent, replaces, from }: { intent: OnChain; replaces: Hash; from: Address }): JobPart {
  const used = get(state.intents, replaces);
  if (used === undefined || !("job" in used)) {
    refuse("REPLACES_UNKNOWN", "intent.replaces", "no transaction was made for this intent");
  }
  const [slot] = partAt(state, used).slots as readonly [string];
  const holder = get(state.live, slot);
  if (holder === undefined) refuse("REPLACES_UNKNOWN", "intent.replaces", "its transaction is final");
  const { status } = get(state.jobs, holder.job) as JobState;
  demand(status !== "committed", "REPLACES_UNKNOWN", "intent.replaces", "its transaction is being signed");
  const newest = partAt(state, holder);
  const { from: payer, chain, wallet, pay } = newest;
  const same = payer === from.address && chain === intent.chain && wallet === intent.wallet && paysTheSame(intent, pay);
  demand(same, "REPLACES_MISMATCH", "intent.replaces", "chain, wallet, address or payment differ");
  return newest;
}

/** A cancelled payment may only be cancelled again; a payment may be paid again the same way. */
function paysTheSame(intent: OnChain, before: OnChain): boolean {
  if (intent.kind === "cancel") return true;
  if (before.kind === "cancel") return false;
  const { destination: to, asset, amount } = intent;
  const { destination: old } = before;
  const sameEntry = to.entry === old.entry && to.hash === old.hash && to.address === old.address;
  return sameEntry && asset === before.asset && amount === before.amount;
}

/** What it touches, apart from the persons. */
export function touchedBy(intent: OnChain): Omit<Touched, "persons"> {
  if (intent.kind === "cancel") return { cancels: true };
  const { chain, asset, wallet, destination } = intent;
  return { chain, asset, wallet, destination: destination.entry, address: destination.address };
}
