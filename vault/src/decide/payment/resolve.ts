/** What an intent on a chain is about: every name in it is looked up in the rulebook in force and in the vault's own state,
 *  and everything that rules read of it comes from there. */
import { equal, type Hash } from "@strongroom/core/bytes";
import { chainOf } from "@strongroom/core/chain/table";
import type { Call } from "@strongroom/core/chain/types";
import { demand, refuse } from "@strongroom/core/errors";
import { worth } from "@strongroom/core/money/value";
import type { EvmContext } from "@strongroom/core/protocol/command";
import type { Asset, ChainEntry, Holder, Subject } from "@strongroom/core/rulebook/book";
import type { Entry } from "@strongroom/core/signed/entry";
import { SUBJECT } from "@strongroom/core/signed/fact";
import type { Intent, IntentOf } from "@strongroom/core/signed/intent";
import type { ClassSeen } from "@strongroom/core/signed/rulebook";
import { findAsset, findChain } from "@strongroom/core/text/render";
import type { Read } from "../../state/intent.ts";
import { get, has } from "../../state/map.ts";
import {
  type Address,
  type Founded,
  type JobPart,
  type JobState,
  jobAt,
  partAt,
  type State,
  type Wallet,
} from "../../state/state.ts";
import type { Now } from "../../types.ts";
import { holderOf } from "../evidence/approvals.ts";
import { whenOf } from "../evidence/clock.ts";
import type { About } from "../evidence/facts.ts";
import { priceOf, priceSubject, type Quotes } from "../evidence/prices.ts";
import type { Touched } from "../rules.ts";

export type OnChain = IntentOf<"pay" | "cancel" | "call">;

/** Whether a transaction carries it out. */
export function isOnChain(intent: Intent): intent is OnChain {
  return intent.kind === "pay" || intent.kind === "cancel" || intent.kind === "call";
}

/** An intent with its bytes and what the chain is said to be like. */
export type Order<I> = Read<I> & { readonly bytes: Uint8Array; readonly context: EvmContext | undefined };

/** A payment, call or cancellation with all that it names. `code`: the contract that it calls or whose token it moves. */
export type Named = {
  readonly order: Order<OnChain>;
  readonly chain: ChainEntry;
  readonly asset: Asset;
  readonly wallet: Wallet;
  readonly from: Address;
  readonly person: string;
  readonly transfer: { readonly asset: string; readonly to: string; readonly amount: bigint };
  readonly call: Call | undefined;
  readonly code: { readonly contract: string; readonly hash: Hash | undefined } | undefined;
  readonly subject: Omit<Subject, "when" | "value">;
};
/** One that is to be built. `replaced`: the newest version that holds the nonce. `quotes`: prices of what it moves. */
export type Resolved = Named & {
  readonly context: EvmContext;
  readonly replaced: JobPart | undefined;
  readonly quotes: Quotes;
};

/** For a new transaction. Fails: CONTEXT_INVALID, ADDRESS_UNKNOWN, REPLACES_UNKNOWN, REPLACES_MISMATCH, those of `nameAll`. */
export function resolve(state: Founded, order: Order<OnChain>): Omit<Resolved, "quotes"> {
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

/** Fails: WALLET_UNKNOWN, UNIT_UNKNOWN, CHAIN_UNKNOWN, KEY_UNKNOWN, ASSET_UNKNOWN, AMOUNT_ZERO, ENTRY_UNKNOWN, ENTRY_MISMATCH,
 *  ADDRESS_INVALID, METHOD_UNKNOWN, CALL_INVALID. */
function nameAll(state: Founded, order: Order<OnChain>, from: Address): Named {
  const { intent } = order;
  const wallet = walletOf(state, intent);
  const chain = findChain(state.book, intent.chain);
  const { person } = holderOf(state, intent.initiator, "intent.initiator");
  const common = { order, chain, wallet, from, person };
  if (intent.kind !== "cancel") demandUnit(state, wallet.unit);
  const source = { initiator: person, chain: chain.id, wallet: wallet.name, ...walletSubject(state, wallet) };
  if (intent.kind === "cancel") return { ...common, ...cancellation(state, common, source) };
  if (intent.kind === "call") return { ...common, ...calling(state, intent, common, source) };
  return { ...common, ...payment(state, intent, common, source) };
}

/** Refuses a wallet whose unit the rulebook does not know, because rules about the units above it would be left out. A
 *  cancellation pays nobody and stays possible. Fails: UNIT_UNKNOWN. */
export function demandUnit({ book }: Founded, unit: string | undefined): void {
  const known = unit === undefined || book.unitsOf.has(unit);
  demand(known, "UNIT_UNKNOWN", "wallet.unit", `there is no unit ${unit}`);
}

/** What rules read of a wallet beside its name. */
export function walletSubject(
  { book }: Founded,
  { class: walletClass, client, unit }: Pick<Wallet, "class" | "client" | "unit">,
): Pick<Subject, "walletClass" | "client" | "units"> {
  return { walletClass, ...(client !== undefined && { client }), ...(unit !== undefined && { units: unitsOf(book, unit) }) };
}

/** A unit and all above it; one that the rulebook does not know stands alone. */
export function unitsOf(book: Founded["book"], unit: string): readonly string[] {
  return book.unitsOf.get(unit) ?? [unit];
}

function walletOf(state: Founded, intent: OnChain): Wallet {
  const wallet = get(state.wallets, intent.wallet);
  const fits = wallet !== undefined && wallet.chain === intent.chain;
  if (!fits) refuse("WALLET_UNKNOWN", "intent.wallet", `there is no wallet ${intent.wallet} on chain ${intent.chain}`);
  return wallet;
}

type Common = Pick<Named, "chain" | "wallet" | "from" | "person">;
/** What rules read of the side that pays. */
type Source = Pick<Subject, "initiator" | "chain" | "wallet" | "walletClass" | "client" | "units">;

function cancellation(state: Founded, { chain, from }: Common, source: Source) {
  const asset = state.book.assets.get(chain.native) as Asset;
  const transfer = { asset: "native", to: from.address, amount: 0n };
  const subject = { ...source, kind: "cancel", asset: asset.id, class: "own" } as const;
  return { asset, transfer, subject, call: undefined, code: undefined };
}

/** The call of a method that its entry names, of a contract that is nothing else to us. Its arguments were read when its text
 *  was made. Rules see the native value that goes along as its amount. */
function calling(state: Founded, intent: IntentOf<"call">, { chain }: Common, source: Source) {
  const { destination, method, amount } = intent;
  const { entry: name, address } = destination;
  const at = "intent.destination";
  const entry = entryOf(state, { destination, name, chain: chain.id });
  demand(entry.class === "contract", "ENTRY_MISMATCH", at, `${name} is of class ${entry.class}, not a contract`);
  demandNoToken(state, { chain: chain.id, address, at });
  demand(!has(state.owned, `${chain.id}:${address}`), "ENTRY_MISMATCH", at, "this is an address of ours, not a contract");
  const listed = entry.methods?.find((one) => one.method === method);
  if (listed === undefined) refuse("METHOD_UNKNOWN", "intent.method", `${name} does not name ${method}`);
  if (amount > 0n) demandAsset(entry, chain.native);
  demand(amount === 0n || listed.value, "ENTRY_MISMATCH", "intent.amount", `${name} lets no value go along with ${method}`);
  const call = chainOf(chain.family).namesOf(intent);
  const asset = state.book.assets.get(chain.native) as Asset;
  const transfer = { asset: "native", to: address, amount };
  const subject = { ...source, kind: "call", asset: asset.id, class: "contract", destination: name, amount, call } as const;
  return { asset, transfer, subject, call: intent, code: { contract: address, hash: entry.codeHash } };
}

function payment(state: Founded, intent: IntentOf<"pay">, { chain, wallet }: Common, source: Source) {
  const asset = findAsset(state.book, intent);
  demand(intent.amount > 0n, "AMOUNT_ZERO", "intent.amount", "a payment moves something");
  const { destination, amount } = intent;
  const { entry: name, address } = destination;
  const entry = name === undefined ? undefined : entryOf(state, { destination, name, chain: chain.id });
  const declared = entry?.class ?? onceTo(state, destination, chain);
  if (entry !== undefined) demandAsset(entry, asset.id);
  const transfer = { asset: asset.contract ?? "native", to: address, amount };
  const seen = classOf(state, { chain: chain.id, address, declared }, wallet);
  const subject = { ...source, kind: "pay", asset: asset.id, class: seen, amount } as const;
  const { contract, codeHash: hash } = asset;
  const code = contract === undefined ? undefined : { contract, hash };
  return { asset, transfer, call: undefined, code, subject: name === undefined ? subject : { ...subject, destination: name } };
}

type Destination = IntentOf<"pay">["destination"];

/** An address that is paid once without being in the book. One that is in the book is paid by its entry, so that no rule about
 *  the entry is left out. Fails: ENTRY_MISMATCH, ADDRESS_INVALID. */
function onceTo(state: Founded, { hash, address }: Destination, chain: ChainEntry): "one-time" {
  const at = "intent.destination";
  demand(hash === undefined, "ENTRY_MISMATCH", `${at}.hash`, "it belongs to an entry and none is named");
  chainOf(chain.family).parseAddress(address, `${at}.address`);
  demandNoToken(state, { chain: chain.id, address, at: `${at}.address` });
  const listed = has(state.listed, `${chain.id}:${address}`);
  demand(!listed, "ENTRY_MISMATCH", `${at}.entry`, "this address is in the address book; name its entry");
  return "one-time";
}

/** Refuses a token's contract as destination; what is sent there is lost. Fails: ENTRY_MISMATCH. */
export function demandNoToken({ book }: Founded, { chain, address, at }: { chain: number; address: string; at: string }): void {
  const isToken = [...book.assets.values()].some((asset) => asset.chain === chain && asset.contract === address);
  demand(!isToken, "ENTRY_MISMATCH", at, "this is a token's contract; what is sent there is lost");
}

/** The current entry that the intent names by name, hash and address. Fails: ENTRY_UNKNOWN, ENTRY_MISMATCH. */
function entryOf(
  state: Founded,
  { destination, name, chain }: { destination: Destination; name: string; chain: number },
): Entry {
  const current = get(state.entries, name);
  if (current === undefined) refuse("ENTRY_UNKNOWN", "intent.destination.entry", `${name} is not in force`);
  const fits =
    current.hash === destination.hash && current.entry.address === destination.address && current.entry.chain === chain;
  demand(fits, "ENTRY_MISMATCH", "intent.destination", `hash, address or chain are not those of ${name} in force`);
  return current.entry;
}

/** Fails: ENTRY_MISMATCH. */
function demandAsset({ name, assets }: Entry, asset: string): void {
  const covers = assets === "any" || assets.includes(asset);
  demand(covers, "ENTRY_MISMATCH", "intent.asset", `the entry ${name} is not for ${asset}`);
}

/** The class that rules see. Any address of ours is "own" only for its own client; for all others it is "client-owned",
 *  whatever the entry says. */
function classOf(
  state: State,
  { chain, address, declared }: { chain: number; address: string; declared: ClassSeen },
  payer: Wallet,
): ClassSeen {
  const ours = get(state.owned, `${chain}:${address}`);
  if (ours === undefined) return declared;
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
  const { status } = jobAt(state, holder.job) as JobState;
  demand(status !== "committed", "REPLACES_UNKNOWN", "intent.replaces", "its transaction is being signed");
  const newest = partAt(state, holder);
  const { from: payer, chain, wallet, pay } = newest;
  const same = payer === from.address && chain === intent.chain && wallet === intent.wallet && doesTheSame(intent, pay);
  demand(same, "REPLACES_MISMATCH", "intent.replaces", "chain, wallet, address, payment or call differ");
  return newest;
}

/** A cancelled payment or call may only be cancelled again; either may be made again the same way. */
function doesTheSame(intent: OnChain, before: OnChain): boolean {
  if (intent.kind === "cancel") return true;
  if (before.kind === "cancel") return false;
  const { destination: to, amount } = intent;
  const { destination: old } = before;
  const sameEntry = to.entry === old.entry && to.hash === old.hash && to.address === old.address;
  return sameEntry && amount === before.amount && movesTheSame(intent, before);
}

function movesTheSame(intent: IntentOf<"pay" | "call">, before: IntentOf<"pay" | "call">): boolean {
  if (intent.kind === "pay") return before.kind === "pay" && intent.asset === before.asset;
  return before.kind === "call" && intent.method === before.method && equal(intent.arguments, before.arguments);
}

/** What a commitment that is signed or to be signed touches, with the persons whose keys it rests on. */
export function restsOn(state: Founded, { pay, keys }: JobPart): Touched {
  return { ...touchedBy(state, pay), persons: keys.map((key) => (state.book.holders.get(key) as Holder).person) };
}

/** What it touches, apart from the persons. */
export function touchedBy({ book, wallets }: Founded, intent: OnChain): Omit<Touched, "persons"> {
  if (intent.kind === "cancel") return { cancels: true };
  const { chain, wallet, destination } = intent;
  const asset = intent.kind === "pay" ? intent.asset : book.chains.get(chain)?.native;
  const { entry, address } = destination;
  const { unit } = get(wallets, wallet) as Wallet;
  const units = unit === undefined ? {} : { units: unitsOf(book, unit) };
  const moved = { chain, wallet, address, ...(asset !== undefined && { asset }) };
  return { ...moved, ...(entry !== undefined && { destination: entry }), ...units };
}

/** What rules read of it now, with the value of the amount where its price is stated. */
export function subjectOf(state: Founded, now: Now, { subject, asset }: Named, quotes: Quotes): Subject {
  const price = subject.amount === undefined ? undefined : priceOf(quotes, asset.id);
  return {
    ...subject,
    when: whenOf(state, now),
    ...(price !== undefined && { value: worth(subject.amount as bigint, price) }),
  };
}

/** What facts about it speak of. */
export function aboutOf(state: Founded, { order, chain, asset, from, transfer, subject, code }: Named, nonce: number): About {
  const price = subject.amount === undefined ? undefined : priceSubject(state, asset.id);
  const subjects = {
    screening: SUBJECT.address(chain.id, transfer.to),
    "travel-rule": SUBJECT.intent(order.id),
    simulation: SUBJECT.intent(order.id),
    nonce: SUBJECT.nonce(chain.id, from.address),
    clock: SUBJECT.clock(),
    ...(price !== undefined && { price }),
    ...(code !== undefined && { code: SUBJECT.code(chain.id, code.contract) }),
  };
  return { subjects, nonce, ...(code?.hash !== undefined && { codeHash: code.hash }) };
}
