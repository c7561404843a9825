/** Intents of every kind, made for a signer from what the vault itself shows, ready to be read and then signed by `initiate`.
 *
 *  Names become what they stand for by asking the vault, never the server. */
import type { Hash } from "@strongroom/core/bytes";
import { type Argument, writeArguments } from "@strongroom/core/chain/evm/abi";
import { evm } from "@strongroom/core/chain/evm/evm";
import { parseMethod } from "@strongroom/core/chain/evm/method";
import { demand, refuse } from "@strongroom/core/errors";
import { Entry } from "@strongroom/core/signed/entry";
import type { IntentOf } from "@strongroom/core/signed/intent";
import { encode } from "@strongroom/core/signed/object";
import { HERE, type Here } from "../here.ts";
import type { Known } from "../vault/session.ts";
import { type Asking, fetchEntry } from "../vault/show.ts";
import { type Content, makeIntent, type Words } from "./decision.ts";
import { type Shown, showIntent } from "./show.ts";
import type { Signer } from "./signer.ts";

/** Who makes an intent, and what he says of it. `known` may be what a device has kept of its last session. */
export type By<K extends Known = Known> = {
  readonly known: K;
  readonly signer: Pick<Signer, "id">;
  readonly words: Words;
  readonly here?: Here;
};
/** The same with a session, for what has to ask the vault. */
export type Asks = By<Known & Asking>;

function make({ known, signer, words, here = HERE }: By, content: Content): Shown {
  return showIntent(known, makeIntent(known, signer, content, words, here));
}

/** A payment to an address-book entry by its name, or once to an address that is not in the book. `amount` is in base units
 *  of the asset, `totalFee` the most that it may cost on chain.
 *  Fails: ASSET_UNKNOWN, AMOUNT_ZERO, ENTRY_MISMATCH for an entry on another chain, ADDRESS_INVALID, as `fetchEntry`. */
export async function makePayment(
  by: Asks,
  it: {
    readonly wallet: string;
    readonly to: string | { readonly address: string };
    readonly asset: string;
    readonly amount: bigint;
    readonly totalFee: bigint;
  },
): Promise<Shown> {
  const { wallet, to, amount, totalFee } = it;
  const asset = by.known.book().assets.get(it.asset) ?? refuse("ASSET_UNKNOWN", "asset", `the rulebook knows no ${it.asset}`);
  demand(amount > 0n, "AMOUNT_ZERO", "amount", "a payment moves something");
  const isNamed = typeof to === "string";
  const destination = isNamed ? await entryOn(by, to, asset.chain) : { address: evm.parseAddress(to.address, "to") };
  return make(by, { kind: "pay", chain: asset.chain, wallet, destination, asset: asset.id, amount, totalFee });
}

/** The destination that an entry in force stands for. */
async function entryOn({ known }: Asks, name: string, chain: number): Promise<IntentOf<"pay">["destination"]> {
  const { hash, entry } = await fetchEntry(known, name);
  demand(entry.chain === chain, "ENTRY_MISMATCH", "to", `${name} is on chain ${entry.chain}, not ${chain}`);
  return { entry: entry.name, hash, address: entry.address };
}

/** A call of a method that an entry of the address book names. `values`: its arguments, each as its type has it. `amount`:
 *  native value in base units that goes along. Fails: ENTRY_MISMATCH, METHOD_UNKNOWN, CALL_INVALID, as `fetchEntry`. */
export async function makeCall(
  by: Asks,
  it: {
    readonly wallet: string;
    readonly to: string;
    readonly method: string;
    readonly values: readonly Argument[];
    readonly amount: bigint;
    readonly totalFee: bigint;
  },
): Promise<Shown> {
  const { hash, entry } = await fetchEntry(by.known, it.to);
  return make(by, { ...callOf({ hash, entry }, it), totalFee: it.totalFee });
}

/** What an intent says of a call, all but its fee. Fails: ENTRY_MISMATCH, METHOD_UNKNOWN, CALL_INVALID. */
export function callOf(
  { hash, entry }: { readonly hash: Hash; readonly entry: Entry },
  it: { readonly wallet: string; readonly method: string; readonly values: readonly Argument[]; readonly amount: bigint },
): Omit<Extract<Content, { readonly kind: "call" }>, "totalFee"> {
  const { wallet, method, amount } = it;
  const listed = entry.methods?.find((one) => one.method === method);
  const named = entry.methods?.map((one) => one.method).join(", ") ?? "none";
  if (listed === undefined) return refuse("METHOD_UNKNOWN", "method", `${entry.name} names ${named}`);
  const carries = amount === 0n || listed.value;
  demand(carries, "ENTRY_MISMATCH", "amount", `${entry.name} lets no value go along with ${method}`);
  const given = writeArguments(parseMethod(method, "method").types, it.values, "values");
  const destination = { entry: entry.name, hash, address: entry.address };
  return { kind: "call", chain: entry.chain, wallet, destination, method, arguments: given, amount };
}

/** The same payment or call again, in place of one that is on its way, usually to pay higher fees.
 *  Fails: REPLACES_MISMATCH for what is neither. */
export function makeReplacement(by: By, it: { readonly former: Shown; readonly totalFee: bigint }): Shown {
  const { intent, id } = it.former;
  if (intent.kind !== "pay" && intent.kind !== "call")
    return refuse("REPLACES_MISMATCH", "former", `it is no payment but of kind ${intent.kind}`);
  const { totalFee } = it;
  const { chain, wallet, amount } = intent;
  const same = { chain, wallet, amount, totalFee, replaces: id };
  if (intent.kind === "pay") return make(by, { kind: "pay", destination: intent.destination, asset: intent.asset, ...same });
  const { kind, destination, method, arguments: given } = intent;
  return make(by, { kind, destination, method, arguments: given, ...same });
}

/** Stops a payment or call that is on its way: its place on the chain is taken by paying nothing.
 *  Fails: REPLACES_MISMATCH for what has no transaction. */
export function makeCancellation(by: By, it: { readonly former: Shown; readonly totalFee: bigint }): Shown {
  const { intent, id } = it.former;
  if (intent.kind !== "pay" && intent.kind !== "cancel" && intent.kind !== "call")
    return refuse("REPLACES_MISMATCH", "former", `a request of kind ${intent.kind} has no transaction`);
  return make(by, { kind: "cancel", chain: intent.chain, wallet: intent.wallet, totalFee: it.totalFee, replaces: id });
}

/** A new wallet; without a client an omnibus wallet, with a unit one that belongs to that unit of the rulebook.
 *  Fails: UNIT_UNKNOWN. */
export function makeWallet(
  by: By,
  it: Pick<IntentOf<"wallet">, "chain" | "wallet" | "walletClass" | "client" | "unit">,
): Shown {
  const { chain, wallet, walletClass, client, unit } = it;
  const isKnown = unit === undefined || by.known.book().unitsOf.has(unit);
  demand(isKnown, "UNIT_UNKNOWN", "unit", `the rulebook knows no unit ${unit}`);
  const of = { ...(client !== undefined && { client }), ...(unit !== undefined && { unit }) };
  return make(by, { kind: "wallet", chain, wallet, walletClass, ...of });
}

/** A new address-book entry. Fails: ADDRESS_INVALID. */
export function makeEntry(by: By, it: Omit<Entry, "version" | "deployment">): Shown {
  const address = evm.parseAddress(it.address, "address");
  const entry = encode(Entry, { ...it, address, version: 1, deployment: by.known.deployment });
  return make(by, { kind: "entry", entry });
}

/** The end of the entry in force of this name. Fails: as `fetchEntry`. */
export async function makeRetirement(by: Asks, name: string): Promise<Shown> {
  const { hash } = await fetchEntry(by.known, name);
  return make(by, { kind: "retire", name, hash });
}

/** A freeze; `subject` is empty for the whole institution. It needs no session: what a device has kept is enough. */
export function makeFreeze(by: By, it: Pick<IntentOf<"freeze">, "level" | "subject">): Shown {
  return make(by, { kind: "freeze", level: it.level, subject: it.subject });
}

/** The end of a freeze, by the id of its intent. */
export function makeUnfreeze(by: By, freeze: Hash): Shown {
  return make(by, { kind: "unfreeze", freeze });
}
