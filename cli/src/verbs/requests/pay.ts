/** `strongroom pay` and `strongroom cancel`: make a request that moves value, or stops what is on its way, and sign it as its
 *  initiator. Nothing is paid or stopped before others have approved. */

import { evm } from "@strongroom/core/chain/evm/evm";
import { demand, refuse } from "@strongroom/core/errors";
import { formatAmount } from "@strongroom/core/money/amount";
import type { Asset } from "@strongroom/core/rulebook/book";
import { makeIntent } from "@strongroom/sdk/device/decision";
import { fetchEntry } from "@strongroom/sdk/vault/show";
import type { Request } from "../../desk/desk.ts";
import { openKey } from "../../device/keyFile.ts";
import { fault } from "../../faults.ts";
import { isOnChain, type Payment } from "../../vault/fees.ts";
import type { Session } from "../../vault/session.ts";
import {
  type Answer,
  type At,
  amountFrom,
  asName,
  type Context,
  named,
  needed,
  SIGNING,
  type Verb,
  withSession,
} from "../../verb.ts";
import { COSTS, feeFor, type Wish } from "./fee.ts";
import { OUT, requestIntent, WORDS, wordsFrom } from "./request.ts";

export const pay: Verb = {
  name: "pay",
  takes: "AMOUNT ASSET",
  what: "request a payment; it waits with your signature for approvals",
  options: {
    to: { value: "ENTRY", what: "address-book entry that is paid" },
    address: { value: "ADDRESS", what: "in place of --to: an address that is paid once and is not in the address book" },
    from: { value: "WALLET", what: "wallet that pays" },
    index: { value: "N", what: "index of the paying address in the wallet (default 0)" },
    client: { value: "CLIENT", what: "client whose position pays out of an omnibus wallet (default: the institution's own)" },
    replaces: {
      value: "REQUEST",
      what: "pay with higher fees in place of a payment that is sent and not mined; the rest is taken from it",
    },
    ...COSTS,
    ...WORDS,
    ...OUT,
    ...SIGNING,
  },
  examples: [
    "pay 0.25 eth --from treasury --to northwind --key tom --purpose 'invoice 4711'",
    "pay 0.1 eth --from treasury --address 0x… --key tom",
    "pay --replaces 3f2a9c01 --key tom",
  ],
  async run(context) {
    const replaces = context.text("replaces");
    if (replaces === undefined) return payAnew(context);
    named(context, "AMOUNT?", "ASSET?");
    return withSigner(context, async (session, at) => {
      const former = await at.desk.load(replaces);
      const content = { ...samePayment(context, session, former), replaces: former.id };
      return { content, index: former.index, former };
    });
  },
};

export const cancel: Verb = {
  name: "cancel",
  takes: "REQUEST",
  what: "request that a payment or call which is sent and not mined is stopped: its place on the chain is taken by nothing",
  options: { ...COSTS, ...WORDS, ...OUT, ...SIGNING },
  examples: ["cancel 3f2a9c01 --key tom --purpose 'wrong month'"],
  async run(context) {
    const [name = ""] = named(context, "REQUEST");
    return withSigner(context, async (_, at) => {
      const former = await at.desk.load(name);
      const { intent } = former;
      if (!isOnChain(intent)) fault("NOT_REPLACEABLE", former.id, `a request of kind ${intent.kind} has no transaction`);
      const content = { kind: "cancel", chain: intent.chain, wallet: intent.wallet, replaces: former.id } as const;
      return { content, index: former.index, former };
    });
  },
};

async function payAnew(context: Context): Promise<Answer> {
  const [amount = "", name = ""] = named(context, "AMOUNT", "ASSET");
  const [to, wallet] = [payeeOf(context), asName(needed(context, "from"), "from")];
  const index = indexOf(context);
  return withSigner(context, async (session) => {
    const asset = session.book().assets.get(name);
    if (asset === undefined)
      refuse("ASSET_UNKNOWN", "ASSET", `${name}; there are ${[...session.book().assets.keys()].join(", ")}`);
    const units = amountFrom(amount, asset.decimals, "AMOUNT");
    demand(units > 0n, "AMOUNT_ZERO", "AMOUNT", "a payment moves something");
    const destination = "address" in to ? to : await destinationOn(session, to.entry, asset);
    const content = { kind: "pay", chain: asset.chain, wallet, destination, asset: asset.id, amount: units } as const;
    return { content, index, former: null };
  });
}

type Payee = { readonly entry: string } | { readonly address: string };

/** Who is paid: an entry of the address book, or once an address that is in none. Fails: USAGE, ADDRESS_INVALID. */
function payeeOf(context: Context): Payee {
  const [entry, address] = [context.text("to"), context.text("address")];
  if (entry !== undefined && address !== undefined) fault("USAGE", "address", "it is named in place of --to, not beside it");
  return address === undefined
    ? { entry: asName(needed(context, "to"), "to") }
    : { address: evm.parseAddress(address, "address") };
}

/** The destination that an entry stands for. Fails: ENTRY_MISMATCH, as `fetchEntry`. */
async function destinationOn(session: Session, name: string, asset: Asset): Promise<Payment["destination"]> {
  const { hash, entry } = await fetchEntry(session, name);
  const words = `${name} is an address on chain ${entry.chain}, ${asset.id} is on chain ${asset.chain}`;
  demand(entry.chain === asset.chain, "ENTRY_MISMATCH", "to", words);
  return { entry: entry.name, hash, address: entry.address };
}

type Content = Pick<Wish, "content" | "index" | "former">;

/** Checks what every request that takes a transaction says before anybody is asked, and makes the request. */
export async function withSigner(context: Context, wish: (session: Session, at: At) => Promise<Content>): Promise<Answer> {
  const [name, words, client] = [needed(context, "key"), wordsFrom(context), asName(context.text("client"), "client")];
  return withSession(context, async (session, at) => {
    const { content, index, former } = await wish(session, at);
    const totalFee = await feeFor(context, { session, at, content, index, former, payer: client });
    const key = await openKey(context.home, name, context.text("passphrase-file"));
    const bytes = makeIntent(session, key, { ...content, totalFee }, words);
    return requestIntent(context, session, { desk: at.desk, key, bytes, index, client });
  });
}

/** Index of the paying address. Fails: USAGE. */
export function indexOf(context: Context): number {
  const text = context.text("index") ?? "0";
  return /^(?:0|[1-9]\d{0,8})$/.test(text) ? Number(text) : fault("USAGE", "index", "a whole number is expected");
}

/** The payment of an earlier request; what the command line names as well must be the same. Fails: REPLACES_MISMATCH, USAGE. */
function samePayment(context: Context, session: Session, { intent, index }: Request): Payment {
  if (intent.kind !== "pay") return refuse("REPLACES_MISMATCH", "replaces", `it is no payment but of kind ${intent.kind}`);
  const { kind, chain, wallet, destination, asset, amount } = intent;
  const [units, name] = context.positionals;
  const decimals = session.book().assets.get(asset)?.decimals ?? 0;
  const before = {
    AMOUNT: formatAmount(amount, decimals),
    ASSET: asset,
    to: destination.entry,
    address: destination.address,
    from: wallet,
    index: String(index),
  };
  const said = (option: string) => context.text(option);
  const now = {
    AMOUNT: units,
    ASSET: name,
    to: said("to"),
    address: said("address"),
    from: said("from"),
    index: said("index"),
  };
  for (const field of Object.keys(before) as (keyof typeof before)[]) {
    const same = now[field] === undefined || now[field] === before[field];
    demand(same, "REPLACES_MISMATCH", field, `the payment that is replaced has ${before[field]}`);
  }
  return { kind, chain, wallet, destination, asset, amount };
}
