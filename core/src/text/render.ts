/** The text that a person reads before signing: text = render(intent, rulebook). Every device and the vault make it from the
 *  bytes themselves, and an approval names its hash. A change of wording is a new renderer version.
 *  Source: docs/spec/text.md. */
import { ascii, type Hash, hash } from "../bytes.ts";
import { chainOf } from "../chain/table.ts";
import { refuse } from "../errors.ts";
import { formatAmount } from "../money/amount.ts";
import type { Asset, Book, ChainEntry } from "../rulebook/book.ts";
import { civil } from "../rulebook/calendar.ts";
import { Entry } from "../signed/entry.ts";
import type { Intent, IntentOf } from "../signed/intent.ts";
import { decode, idOf } from "../signed/object.ts";

/** Version that approvals name. */
export const RENDERER = 1;
/** What of a value stands on one line: as much as a hash has digits. */
const LINE_OF_VALUE = /.{1,64}/g;

/** A label and what stands beside it. */
export type Line = readonly [label: string, value: string];

/** What an approval's `textHash` must be. `hasher` may be a faster `hash`. */
export function textHash(text: string, hasher: typeof hash = hash): Hash {
  return hasher("strongroom/text/1", ascii(text));
}

/** The text of an intent under the rulebook in force. Fails: CHAIN_UNKNOWN, ASSET_UNKNOWN, codes of `decode` for an entry,
 *  CALL_INVALID for a method or arguments that cannot be read or may not be called. */
export function render(intent: Intent, book: Book): string {
  const lines: Line[] = [...describe(intent, book), ["purpose", intent.purpose], ["reference", intent.reference]];
  lines.push(["initiated by", initiatorName(intent, book)], ["valid until", formatTime(intent.notAfter)]);
  lines.push(["deployment", intent.deployment], ["rulebook", `epoch ${book.document.epoch}`]);
  return layout(TITLES[intent.kind], lines, book.document.demonstration);
}

const TITLES: { readonly [K in Intent["kind"]]: string } = {
  pay: "PAYMENT",
  cancel: "CANCELLATION OF A PAYMENT",
  wallet: "NEW WALLET",
  entry: "NEW ADDRESS-BOOK ENTRY",
  retire: "END OF AN ADDRESS-BOOK ENTRY",
  freeze: "FREEZE",
  unfreeze: "END OF A FREEZE",
  call: "CALL OF A CONTRACT",
};

function describe(intent: Intent, book: Book): readonly Line[] {
  switch (intent.kind) {
    case "pay":
      return payment(intent, book);
    case "cancel":
      return [
        ["from wallet", intent.wallet],
        ["on chain", chainName(book, intent.chain)],
        ["cancels", intent.replaces],
        ["fees at most", inNative(book, intent.chain, intent.totalFee)],
      ];
    case "wallet":
      return [
        ["wallet", intent.wallet],
        ["on chain", chainName(book, intent.chain)],
        ["class", intent.walletClass],
        ["client", intent.client ?? "(omnibus: no single client)"],
        ...(intent.unit === undefined ? [] : [["unit", intent.unit] as const]),
      ];
    case "entry":
      return describeEntry(intent, book);
    case "retire":
      return [
        ["entry", intent.name],
        ["entry hash", intent.hash],
      ];
    case "freeze":
      return [["stops", intent.level === "institution" ? "everything" : `${intent.level} ${intent.subject}`]];
    case "unfreeze":
      return [["lifts freeze", intent.freeze]];
    case "call":
      return call(intent, book);
  }
}

function payment(intent: IntentOf<"pay">, book: Book): readonly Line[] {
  const asset = findAsset(book, intent);
  const lines: Line[] = [
    ["amount", `${formatAmount(intent.amount, asset.decimals)} ${asset.id}`],
    ["to", intent.destination.entry ?? "(an address that is not in the address book)"],
    ["address", intent.destination.address],
    ["from wallet", intent.wallet],
    ["on chain", chainName(book, intent.chain)],
    ["token contract", asset.contract ?? "(native asset)"],
    ["fees at most", inNative(book, intent.chain, intent.totalFee)],
    ...(intent.destination.hash === undefined ? [] : [["entry hash", intent.destination.hash] as const]),
  ];
  return intent.replaces === undefined ? lines : [...lines, ["replaces", intent.replaces]];
}

function call(intent: IntentOf<"call">, book: Book): readonly Line[] {
  const { destination, method, chain, amount } = intent;
  const family = chainOf(findChain(book, chain).family);
  const given = family.argumentLines(intent);
  const [, ...kinds] = family.namesOf(intent).all;
  return [
    ["contract", destination.entry],
    ["address", destination.address],
    ["method", method],
    ["selector", `0x${family.selector(method)}`],
    ...kinds.map((kind) => ["kind of call", kind] as const),
    ...(given.length === 0 ? ["(none)"] : given).map((line) => ["argument", line] as const),
    ["value", inNative(book, chain, amount)],
    ["from wallet", intent.wallet],
    ["on chain", chainName(book, chain)],
    ["fees at most", inNative(book, chain, intent.totalFee)],
    ["entry hash", destination.hash],
    ...(intent.replaces === undefined ? [] : [["replaces", intent.replaces] as const]),
  ];
}

function describeEntry(intent: IntentOf<"entry">, book: Book): readonly Line[] {
  const entry = decode(Entry, intent.entry);
  return [
    ["entry", entry.name],
    ["party", entry.party],
    ["address", entry.address],
    ["on chain", chainName(book, entry.chain)],
    ["class", entry.class === "denied" ? "denied: this address is never paid" : entry.class],
    ["for assets", entry.assets === "any" ? "any" : entry.assets.join(", ")],
    ["our own", entry.own === undefined ? "no" : `wallet ${entry.own.wallet}, index ${entry.own.index}`],
    ...(entry.methods ?? []).map((one) => ["may be called", methodWords(one, findChain(book, entry.chain))] as const),
    ...(entry.codeHash === undefined ? [] : [["code hash", entry.codeHash] as const]),
    ["entry hash", idOf(Entry, intent.entry)],
  ];
}

/** A method with what kind of call it is and whether it may carry value. Fails: CALL_INVALID. */
function methodWords({ method, value }: NonNullable<Entry["methods"]>[number], { family }: ChainEntry): string {
  const kind = chainOf(family).kindOf(method, "intent.entry.methods");
  return [method, ...(kind === null ? [] : [`(${kind})`]), ...(value ? ["with value"] : [])].join(" ");
}

function chainName(book: Book, id: number): string {
  return `${findChain(book, id).name} (${id})`;
}

/** The asset that a payment names. Fails: ASSET_UNKNOWN. */
export function findAsset(book: Book, intent: IntentOf<"pay">): Asset {
  const asset = book.assets.get(intent.asset);
  const fits = asset !== undefined && asset.chain === intent.chain;
  if (!fits) refuse("ASSET_UNKNOWN", "intent.asset", `${intent.asset} is not an asset of chain ${intent.chain}`);
  return asset;
}

/** The chain with this id. Fails: CHAIN_UNKNOWN. */
export function findChain(book: Book, id: number): ChainEntry {
  const chain = book.chains.get(id);
  if (chain === undefined) refuse("CHAIN_UNKNOWN", "intent.chain", `chain ${id} is not in the rulebook`);
  return chain;
}

function inNative(book: Book, chain: number, amount: bigint): string {
  const { native } = findChain(book, chain);
  const asset = book.assets.get(native) as Asset;
  return `${formatAmount(amount, asset.decimals)} ${native}`;
}

function initiatorName(intent: Intent, book: Book): string {
  return book.holders.get(intent.initiator)?.person ?? `unknown key ${intent.initiator}`;
}

/** Two columns, so that values line up; the demonstration mark first and last. A longer value goes on below itself, so that on
 *  a screen of 80 columns no value can pass for a line of its own. */
export function layout(title: string, lines: readonly Line[], demonstration: boolean): string {
  const width = Math.max(...lines.map(([label]) => label.length));
  const body = lines.flatMap(([label, value]) =>
    (value.match(LINE_OF_VALUE) ?? [""]).map((part, at) => `${(at === 0 ? label : "").padEnd(width)}  ${part}`),
  );
  const mark = demonstration ? ["DEMONSTRATION - no real value"] : [];
  return [...mark, title, ...body, ...mark].join("\n");
}
/** "2026-11-22 07:30:00 UTC" of milliseconds since 1970, by the civil calendar (no time zone, no locale). */
export function formatTime(at: number): string {
  const days = Math.floor(at / 86_400_000);
  const seconds = Math.floor((at % 86_400_000) / 1000);
  const { year, month, day } = civil(days);
  const two = (value: number) => value.toString().padStart(2, "0");
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(":");
  return `${year}-${two(month)}-${two(day)} ${clock} UTC`;
}
