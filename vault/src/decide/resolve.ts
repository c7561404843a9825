/** What an intent on a chain is about: every name in it is looked up in the rulebook in force and in the vault's own state,
 *  and everything that rules read of it comes from there. */
import type { Hash } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import type { EvmContext } from "@strongroom/core/protocol/command";
import type { Asset, ChainEntry, Subject } from "@strongroom/core/rulebook/book";
import type { Entry } from "@strongroom/core/signed/entry";
import type { IntentOf } from "@strongroom/core/signed/intent";
import { findAsset, findChain } from "@strongroom/core/text/render";
import { get, has } from "../state/map.ts";
import type { Address, JobPart, State, Wallet } from "../state/state.ts";
import { type Founded, holderOf } from "./approvals.ts";

export type OnChain = IntentOf<"pay"> | IntentOf<"cancel">;
export type Order<I> = {
  readonly id: Hash;
  readonly bytes: Uint8Array;
  readonly intent: I;
  readonly context: EvmContext | undefined;
};

/** A payment or cancellation with all that it names. `replaced` is the newest version that holds the nonce. */
export type Resolved = {
  readonly order: Order<OnChain>;
  readonly context: EvmContext;
  readonly chain: ChainEntry;
  readonly asset: Asset;
  readonly wallet: Wallet;
  readonly from: Address;
  readonly person: string;
  readonly replaced: JobPart | undefined;
  readonly transfer: { readonly asset: string; readonly to: string; readonly amount: bigint };
  readonly subject: Subject;
};

/** Fails: CONTEXT_INVALID, CHAIN_UNKNOWN, WALLET_UNKNOWN, ADDRESS_UNKNOWN, ASSET_UNKNOWN, AMOUNT_ZERO, ENTRY_UNKNOWN,
 *  ENTRY_MISMATCH, REPLACES_UNKNOWN, REPLACES_MISMATCH. */
export function resolve(state: Founded, order: Order<OnChain>): Resolved {
  const { intent, context } = order;
  if (context === undefined) refuse("CONTEXT_INVALID", "orders.context", "fees and gas are expected for a transaction");
  const chain = findChain(state.book, intent.chain);
  const wallet = walletOf(state, intent);
  const from = get(state.addresses, `${wallet.name}/${context.index}`);
  if (from === undefined) refuse("ADDRESS_UNKNOWN", "orders.context.index", "the vault has not attested this paying address");
  const replaced = intent.replaces === undefined ? undefined : replacedBy(state, intent, from);
  const person = holderOf(state, intent.initiator, "intent.initiator").person;
  const common = { order, context, chain, wallet, from, person, replaced };
  if (intent.kind === "cancel") return { ...common, ...cancellation(state, intent, { chain, wallet, from, person }) };
  return { ...common, ...payment(state, intent, { wallet, person }) };
}

function walletOf(state: Founded, intent: OnChain): Wallet {
  const wallet = get(state.wallets, intent.wallet);
  const fits = wallet !== undefined && wallet.chain === intent.chain;
  if (!fits) refuse("WALLET_UNKNOWN", "intent.wallet", `there is no wallet ${intent.wallet} on chain ${intent.chain}`);
  return wallet;
}

type Named = Pick<Resolved, "chain" | "wallet" | "from" | "person">;

function cancellation(state: Founded, intent: IntentOf<"cancel">, { chain, wallet, from, person }: Named) {
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

function payment(state: Founded, intent: IntentOf<"pay">, { wallet, person }: Pick<Named, "wallet" | "person">) {
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

/** The newest version of the transaction that is to be replaced. Fails: REPLACES_UNKNOWN, REPLACES_MISMATCH. */
function replacedBy(state: Founded, intent: OnChain, from: Address): JobPart {
  const used = get(state.intents, intent.replaces as Hash);
  const named = used !== undefined && "job" in used ? get(state.jobs, used.job)?.parts[used.part] : undefined;
  if (named === undefined) refuse("REPLACES_UNKNOWN", "intent.replaces", "no transaction was signed for this intent");
  const holder = get(state.slots, named.slots[0] as string) as { job: Hash; part: number };
  const newest = get(state.jobs, holder.job)?.parts[holder.part] as JobPart;
  const live = newest.transaction !== undefined && !newest.slots.some((slot) => has(state.final, slot));
  demand(live, "REPLACES_UNKNOWN", "intent.replaces", "its transaction is final or not signed yet");
  const same = newest.from === from.address && newest.chain === intent.chain && newest.wallet === intent.wallet;
  demand(
    same && paysTheSame(intent, newest.pay),
    "REPLACES_MISMATCH",
    "intent.replaces",
    "chain, wallet, address or payment differ",
  );
  return newest;
}

/** A cancelled payment may only be cancelled again; a payment may be paid again the same way. */
function paysTheSame(intent: OnChain, before: OnChain): boolean {
  if (intent.kind === "cancel") return true;
  if (before.kind === "cancel") return false;
  const { destination: to, asset, amount } = intent;
  const { destination: old } = before;
  return (
    to.entry === old.entry &&
    to.hash === old.hash &&
    to.address === old.address &&
    asset === before.asset &&
    amount === before.amount
  );
}
