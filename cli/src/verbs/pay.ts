/** `strongroom pay` and `strongroom cancel`: make a request that moves value, or stops what is on its way, and sign it as its
 *  initiator. Nothing is paid or stopped before others have approved. */

import { demand, refuse } from "@strongroom/core/errors";
import { formatAmount } from "@strongroom/core/money/amount";
import { Intent } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import { findChain } from "@strongroom/core/text/render";
import { demandEnrolled, makeIntent, signDecision, type Words } from "@strongroom/sdk/device/decision";
import { shortId, textOf } from "@strongroom/sdk/device/show";
import { attestedAddress, fetchEntry } from "@strongroom/sdk/vault/show";
import type { Config } from "../config.ts";
import { type DeviceKey, openKey } from "../device/keyFile.ts";
import { addApproval, createRequest, formerWords, loadRequest, type Request } from "../device/requests.ts";
import { fault } from "../faults.ts";
import { frame } from "../screen.ts";
import { type Advice, adviceOf } from "../vault/advice.ts";
import { type Cancellation, contextOf, demandFunds, offersOf, type Payment, quote } from "../vault/fees.ts";
import type { Session } from "../vault/session.ts";
import {
  type Answer,
  amountFrom,
  asName,
  type Context,
  confirmText,
  lineFor,
  named,
  needed,
  nodeFor,
  parseLife,
  SIGNING,
  type Verb,
  withSession,
} from "../verb.ts";

/** The approved fee is this many times today's, so that a payment can wait or be bumped. */
const FEE_ROOM = 3n;

const COSTS: Verb["options"] = {
  fee: { value: "AMOUNT", what: "most that the fees may come to, in the native asset (default: three times today's)" },
};
/** What the initiator says of any request. */
export const WORDS: Verb["options"] = {
  purpose: { value: "TEXT", what: "why, in your words; approvers read it" },
  reference: { value: "TEXT", what: "your own reference; the same one never names two actions" },
  valid: { value: "TIME", what: "how long the request lives: 90s, 15m, 24h, 7d (default 24h)" },
};

export const pay: Verb = {
  name: "pay",
  takes: "AMOUNT ASSET",
  what: "request a payment; it gets a folder with the intent and your signature, and waits for approvals",
  options: {
    to: { value: "ENTRY", what: "address-book entry that is paid" },
    from: { value: "WALLET", what: "wallet that pays" },
    index: { value: "N", what: "index of the paying address in the wallet (default 0)" },
    replaces: {
      value: "REQUEST",
      what: "pay with higher fees in place of a payment that is sent and not mined; the rest is taken from it",
    },
    ...COSTS,
    ...WORDS,
    ...SIGNING,
  },
  examples: [
    "pay 0.25 eth --from treasury --to northwind --key tom --purpose 'invoice 4711'",
    "pay --replaces 3f2a9c01 --key tom",
  ],
  async run(context) {
    const replaces = context.text("replaces");
    if (replaces === undefined) return payAnew(context);
    named(context, "AMOUNT?", "ASSET?");
    return withSigner(context, async (session, config) => {
      const former = await loadRequest(context.home, replaces);
      const content = { ...samePayment(context, session, former), replaces: former.id };
      return { session, config, content, index: former.index, former };
    });
  },
};

export const cancel: Verb = {
  name: "cancel",
  takes: "REQUEST",
  what: "request that a payment which is sent and not mined is stopped: its place on the chain is taken by paying nothing",
  options: { ...COSTS, ...WORDS, ...SIGNING },
  examples: ["cancel 3f2a9c01 --key tom --purpose 'wrong month'"],
  async run(context) {
    const [name = ""] = named(context, "REQUEST");
    return withSigner(context, async (session, config) => {
      const former = await loadRequest(context.home, name);
      const { intent } = former;
      if (intent.kind !== "pay" && intent.kind !== "cancel")
        fault("NOT_REPLACEABLE", former.id, `a request of kind ${intent.kind} has no transaction`);
      const content = { kind: "cancel", chain: intent.chain, wallet: intent.wallet, replaces: former.id } as const;
      return { session, config, content, index: former.index, former };
    });
  },
};

/** What is to be signed, but for its fee. `former`: what it replaces. */
type Wish = {
  readonly session: Session;
  readonly config: Config;
  readonly content: (Payment & { readonly replaces?: Request["id"] }) | (Cancellation & { readonly replaces: Request["id"] });
  readonly index: number;
  readonly former: Request | null;
};

async function payAnew(context: Context): Promise<Answer> {
  const [amount = "", name = ""] = named(context, "AMOUNT", "ASSET");
  const [to, wallet] = [asName(needed(context, "to"), "to"), asName(needed(context, "from"), "from")];
  const index = indexOf(context);
  return withSigner(context, async (session, config) => {
    const asset = session.book().assets.get(name);
    if (asset === undefined)
      refuse("ASSET_UNKNOWN", "ASSET", `${name}; there are ${[...session.book().assets.keys()].join(", ")}`);
    const units = amountFrom(amount, asset.decimals, "AMOUNT");
    demand(units > 0n, "AMOUNT_ZERO", "AMOUNT", "a payment moves something");
    const { hash, entry } = await fetchEntry(session, to);
    const there = entry.chain === asset.chain;
    demand(there, "ENTRY_MISMATCH", "to", `${to} is an address on chain ${entry.chain}, ${name} is on chain ${asset.chain}`);
    const destination = { entry: entry.name, hash, address: entry.address };
    const content = { kind: "pay", chain: asset.chain, wallet, destination, asset: asset.id, amount: units } as const;
    return { session, config, content, index, former: null };
  });
}

/** Checks what every request of this file takes before anybody is asked, and makes the request. */
async function withSigner(context: Context, wish: (session: Session, config: Config) => Promise<Wish>): Promise<Answer> {
  const [name, words] = [needed(context, "key"), wordsFrom(context)];
  return withSession(context, async (session, config) => {
    const { index, content, ...rest } = await wish(session, config);
    const totalFee = await feeFor(context, { index, content, ...rest });
    const key = await openKey(context.home, name, context.text("passphrase-file"));
    return requestIntent(context, session, { key, bytes: makeIntent(session, key, { ...content, totalFee }, words), index });
  });
}

/** The words that a command line says of a request. Fails: USAGE. */
export function wordsFrom(context: Context): Words {
  const valid = context.text("valid");
  return {
    purpose: context.text("purpose") ?? "",
    reference: context.text("reference"),
    lifeMs: valid === undefined ? undefined : parseLife(valid, "valid"),
  };
}

function indexOf(context: Context): number {
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
    from: wallet,
    index: String(index),
  };
  const now = { AMOUNT: units, ASSET: name, to: context.text("to"), from: context.text("from"), index: context.text("index") };
  for (const field of Object.keys(before) as (keyof typeof before)[]) {
    const same = now[field] === undefined || now[field] === before[field];
    demand(same, "REPLACES_MISMATCH", field, `the payment that is replaced has ${before[field]}`);
  }
  return { kind, chain, wallet, destination, asset, amount };
}

/** What the fees may come to: as told, or some times today's. Fails: FEE_TOO_LOW, FEE_TOO_HIGH, WALLET_UNKNOWN, as `quote`. */
async function feeFor(context: Context, { session, config, content, index, former }: Wish): Promise<bigint> {
  const { chain: id, wallet } = content;
  const chain = findChain(session.book(), id);
  const decimals = session.book().assets.get(chain.native)?.decimals ?? 0;
  const words = (fee: bigint) => `${formatAmount(fee, decimals)} ${chain.native}`;
  const text = context.text("fee");
  const told = text === undefined ? undefined : amountFrom(text, decimals, "fee");
  const allowed = told === undefined || told <= chain.maxFee;
  demand(allowed, "FEE_TOO_HIGH", "fee", `the rulebook allows ${words(chain.maxFee)} for one transaction`);
  const attested = await attestedAddress(session, wallet, index);
  demand(attested.chain === id, "WALLET_UNKNOWN", "from", `${wallet} is a wallet on chain ${attested.chain}, not ${id}`);
  // A device that knows no node may still say what a payment is to cost.
  if (told !== undefined && former === null && config.chains[String(id)] === undefined) return told;
  const node = await nodeFor(config, id);
  if (told === undefined) await demandFunds(session, node, content, { from: attested.address, feeMax: 0n });
  const offers = former === null ? {} : { offers: await offersOf(session, node, former.id) };
  const quoted = await quote(session, node, content, { index, ...offers });
  const { least, gasLimit } = quoted;
  const roomy = quoted.most * FEE_ROOM;
  const fee = told ?? (roomy < chain.maxFee ? roomy : chain.maxFee);
  const needed = BigInt(gasLimit) * least.maxFeePerGas;
  const code = told === undefined ? "FEE_TOO_HIGH" : "FEE_TOO_LOW";
  demand(fee >= needed, code, "fee", `to replace what was sent takes ${words(needed)}, and this may cost ${words(fee)}`);
  contextOf(quoted, fee, index);
  return fee;
}

/** Shows an intent, signs it as its initiator, and puts it into a request folder. `index`: that of the paying address. */
export async function requestIntent(
  context: Context,
  session: Session,
  it: { key: DeviceKey; bytes: Uint8Array; index?: number },
): Promise<Answer> {
  const { key, bytes, index } = it;
  demandEnrolled(session, key);
  const intent = decode(Intent, bytes);
  const text = textOf(session, intent);
  const former = await formerWords(context.home, intent, session.book());
  await confirmText(context, `${frame(text)}${former === null ? "" : `\n${former}`}`, `Sign as ${key.name}?`);
  const made = await createRequest(context.home, bytes, index);
  const { id } = made;
  const signature = await signDecision(session, key, { subject: id, text, decision: "initiate", notAfter: intent.notAfter });
  const after = await nextOf(session, await addApproval(made, signature));
  return {
    text: [`request ${id}`, ...wordsAfter(context, after, 8)].join("\n"),
    json: { request: id, text, ...after },
  };
}

/** What a request still lacks, and what to type next. */
export async function nextOf(session: Session, request: Request): Promise<Advice & { readonly next: string[] }> {
  const advice = await adviceOf(session, request);
  const { missing } = advice;
  const id = shortId(request.id);
  const send = `send ${id}${request.intent.kind === "unfreeze" ? " --wait" : ""}`;
  return { ...advice, next: [...(missing.length > 0 ? [`approve ${id} --key NAME`] : []), send] };
}

/** The same as lines, each with its label in `wide` columns. */
export function wordsAfter(
  context: Context,
  { against, missing, next }: Advice & { next: readonly string[] },
  wide: number,
): string[] {
  const pad = (label: string) => label.padEnd(wide);
  if (against !== undefined) return [`${pad("but")}${against}; the vault will refuse it`];
  return [
    ...missing.map((words, at) => `${pad(at === 0 ? "needs" : "")}${words}`),
    ...next.map((words, at) => `${pad(at === 0 ? "next" : "")}${lineFor(context.home, words)}`),
  ];
}
