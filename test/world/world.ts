/** The demonstration world of the tests: one institution with its persons, keys, rulebook, address book and facts.
 *
 *  Everything is deterministic; the time comes in as `NOW` or as an argument. A maker gives a value or its bytes with sound
 *  defaults, and `change` replaces single fields, so that a test shows only what it is about. */
import { fromHex, type Hash, type Time } from "../../core/src/bytes.ts";
import { keyId } from "../../core/src/keys/id.ts";
import type { Command, CommandOf, EvmContext } from "../../core/src/protocol/command.ts";
import { type Book, openBook } from "../../core/src/rulebook/book.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import { Approval, type Decision } from "../../core/src/signed/approval.ts";
import { Entry } from "../../core/src/signed/entry.ts";
import { Fact } from "../../core/src/signed/fact.ts";
import type { Nonce, Position } from "../../core/src/signed/fields.ts";
import { Genesis } from "../../core/src/signed/genesis.ts";
import { Start } from "../../core/src/signed/head.ts";
import { Intent, type IntentOf } from "../../core/src/signed/intent.ts";
import { challengeOf, encode, idOf, type Kind, Signed } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { renderChange } from "../../core/src/text/change.ts";
import { render, textHash } from "../../core/src/text/render.ts";
import { renderStart } from "../../core/src/text/start.ts";
import { type Device, device, someHash } from "./keys.ts";
import { demoDocument } from "./rulebook.ts";

/** 2026-11-22 07:00:00 UTC. */
export const NOW: Time = 1_795_330_800_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;
export const ETH = 10n ** 18n;
export const USDX = 10n ** 6n;
export const CHAIN = 31337;
/** 32 zero bytes. */
export const ZERO = "00".repeat(32) as Hash;

/** One device key per person, two fact sources for finality, and the vault's own identity key. */
export const KEYS = {
  ada: device("ada"),
  ben: device("ben"),
  cleo: device("cleo"),
  tom: device("tom"),
  tina: device("tina"),
  amy: device("amy"),
  bob: device("bob"),
  carl: device("carl"),
  olga: device("olga"),
  otto: device("otto"),
  screening: device("screening"),
  pricerA: device("pricer-a"),
  pricerB: device("pricer-b"),
  finalityA: device("finality-a"),
  finalityB: device("finality-b"),
  vault: device("vault"),
  /** Enrolled nowhere. */
  mallory: device("mallory"),
} as const;

/** The first 16 bytes of a hash over a name: equal names are equal nonces. */
export function nonceOf(name: string): Nonce {
  return someHash(`nonce ${name}`).slice(0, 32) as Nonce;
}

// the deployment

/** A genesis with three administrators, two of whom make a rulebook valid. */
export function demoGenesis(change: Partial<Genesis> = {}): Genesis {
  const administrators = [KEYS.ada, KEYS.ben, KEYS.cleo].map((key) => ({
    person: key.name,
    scheme: "ed25519" as const,
    publicKey: hexOf(key),
  }));
  return {
    version: 1,
    institution: "Demonstration Bank",
    demonstration: true,
    createdAt: NOW - DAY,
    vaultKey: hexOf(KEYS.vault),
    administrators,
    threshold: 2,
    nonce: nonceOf("genesis"),
    ...change,
  };
}

function hexOf(key: Device): string {
  return Buffer.from(key.publicKey).toString("hex");
}

/** The deployment id of a genesis. */
export function deploymentOf(genesis: Genesis): Hash {
  return idOf(Genesis, encode(Genesis, genesis));
}

/** The first rulebook of `demoGenesis()`; see `rulebook.ts` for what it says. */
export function demoRulebook(change: Partial<Rulebook> = {}): Rulebook {
  return { ...demoDocument(demoGenesis()), ...change };
}

/** A whole deployment. With `vaultKey` (the identity key of a running vault) or `genesis` everything else follows them. */
export type World = {
  readonly genesis: Genesis;
  readonly deployment: Hash;
  readonly vault: Hash;
  readonly rulebook: Rulebook;
  readonly book: Book;
  /** Signed by all three administrators. */
  readonly signedGenesis: Uint8Array;
  /** Signed by ada and ben. */
  readonly signedRulebook: Uint8Array;
};

/** The world that these parts make. */
export function makeWorld(
  parts: { vaultKey?: Uint8Array; genesis?: Partial<Genesis>; rulebook?: Partial<Rulebook> } = {},
): World {
  const vaultKey = parts.vaultKey ?? KEYS.vault.publicKey;
  const genesis = demoGenesis({ vaultKey: Buffer.from(vaultKey).toString("hex"), ...parts.genesis });
  const rulebook: Rulebook = { ...demoDocument(genesis), ...parts.rulebook };
  return {
    genesis,
    deployment: deploymentOf(genesis),
    vault: keyId("ed25519", fromHex(genesis.vaultKey)),
    rulebook,
    book: openBook(rulebook),
    signedGenesis: signValue(Genesis, genesis, KEYS.ada, KEYS.ben, KEYS.cleo),
    signedRulebook: signValue(Rulebook, rulebook, KEYS.ada, KEYS.ben),
  };
}

/** The rulebook that continues `book` with these fields changed. */
export function nextRulebook(book: Book, change: Partial<Rulebook> = {}): Rulebook {
  const { handover: _, ...document } = book.document;
  return { ...document, epoch: book.document.epoch + 1, base: book.id, ...change };
}

// signatures

/** The bytes of an object with one signature of each key. */
export function sign(kind: Kind<unknown>, bytes: Uint8Array, ...keys: readonly Device[]): Uint8Array {
  const challenge = challengeOf(kind, bytes);
  return encode(Signed, { body: bytes, signatures: keys.map((key) => key.sign(challenge)) });
}

/** `sign` of a value. */
export function signValue<T>(kind: Kind<T>, value: T, ...keys: readonly Device[]): Uint8Array {
  return sign(kind, encode(kind, value), ...keys);
}

/** What an approval is given on: the rulebook in force, the vault's head and boot nonce, and when it ends. */
export type Ground = {
  readonly book: Book;
  readonly head: Position;
  readonly boot: Hash;
  readonly notAfter?: Time;
};

/** One signed approval of an intent. `change` replaces fields after all have been computed, before the key signs. */
export function approve(
  ground: Ground,
  intent: Intent,
  by: { key: Device; decision?: Decision; change?: Partial<Approval> },
): Uint8Array {
  const subject = idOf(Intent, encode(Intent, intent));
  const text = textHash(render(intent, ground.book));
  return signApproval(ground, { subject, textHash: text, decision: by.decision ?? "approve" }, by);
}

/** One signed approval of a waiting rulebook: `seen` or `veto`. */
export function approveRulebook(
  ground: Ground,
  next: Rulebook,
  by: { key: Device; decision: "seen" | "veto"; change?: Partial<Approval> },
): Uint8Array {
  const subject = idOf(Rulebook, encode(Rulebook, next));
  return signApproval(ground, { subject, textHash: textHash(renderChange(ground.book, next)), decision: by.decision }, by);
}

/** An administrator's word that a start goes on from the newest record. */
export function approveStart(ground: Ground, start: Start, by: { key: Device; change?: Partial<Approval> }): Uint8Array {
  const text = textHash(renderStart(start, ground.book));
  return signApproval(ground, { subject: idOf(Start, encode(Start, start)), textHash: text, decision: "confirm" }, by);
}

function signApproval(
  ground: Ground,
  what: Pick<Approval, "subject" | "textHash" | "decision">,
  by: { key: Device; change?: Partial<Approval> },
): Uint8Array {
  const { document, id } = ground.book;
  const approval: Approval = {
    version: 1,
    deployment: document.deployment,
    vault: document.vault,
    rulebook: id,
    epoch: document.epoch,
    ...what,
    renderer: 1,
    key: by.key.id,
    notAfter: ground.notAfter ?? NOW + HOUR,
    head: ground.head,
    boot: ground.boot,
    ...by.change,
  };
  return signValue(Approval, approval, by.key);
}

/** The initiator's approval first, then one of each approver. The initiator is found among `KEYS` by the intent. */
export function approveAll(ground: Ground, intent: Intent, approvers: readonly Device[]): Uint8Array[] {
  const initiator = Object.values(KEYS).find((key) => key.id === intent.initiator) as Device;
  const first = approve(ground, intent, { key: initiator, decision: "initiate" });
  return [first, ...approvers.map((key) => approve(ground, intent, { key }))];
}

// intents: each maker takes the book for the deployment, and `change` for single fields

type Change<K extends Intent["kind"]> = Partial<IntentOf<K>>;

function start(book: Book, by: Device, reference: string) {
  const { deployment } = book.document;
  return {
    version: 1,
    deployment,
    initiator: by.id,
    purpose: "demonstration",
    reference,
    notAfter: NOW + 2 * HOUR,
    nonce: nonceOf(reference),
  };
}

/** Tom pays 1 ETH from the wallet "treasury" to the exchange "acme". */
export function pay(book: Book, change: Change<"pay"> = {}): IntentOf<"pay"> {
  return {
    ...start(book, KEYS.tom, change.reference ?? "pay-1"),
    kind: "pay",
    chain: CHAIN,
    wallet: "treasury",
    destination: destinationOf(acme(book)),
    asset: "eth",
    amount: ETH,
    totalFee: ETH / 100n,
    ...change,
  };
}

/** Tom cancels what `replaces` names. */
export function cancel(book: Book, replaces: Hash, change: Change<"cancel"> = {}): IntentOf<"cancel"> {
  const base = start(book, KEYS.tom, change.reference ?? "cancel-1");
  return { ...base, kind: "cancel", chain: CHAIN, wallet: "treasury", totalFee: ETH / 100n, replaces, ...change };
}

/** Tina opens the omnibus wallet "treasury". */
export function wallet(book: Book, change: Change<"wallet"> = {}): IntentOf<"wallet"> {
  const base = start(book, KEYS.tina, change.reference ?? `wallet-${change.wallet ?? "treasury"}`);
  return { ...base, kind: "wallet", chain: CHAIN, wallet: "treasury", walletClass: "hot", ...change };
}

/** Tina enters an address-book entry. */
export function enter(book: Book, entry: Entry, change: Change<"entry"> = {}): IntentOf<"entry"> {
  const base = start(book, KEYS.tina, change.reference ?? `entry-${entry.name}`);
  return { ...base, kind: "entry", entry: encode(Entry, entry), ...change };
}

/** Tina ends an address-book entry. */
export function retire(book: Book, entry: Entry, change: Change<"retire"> = {}): IntentOf<"retire"> {
  const base = start(book, KEYS.tina, change.reference ?? `retire-${entry.name}`);
  return { ...base, kind: "retire", name: entry.name, hash: entryId(entry), ...change };
}

/** Olga freezes the institution. */
export function freeze(book: Book, change: Change<"freeze"> = {}): IntentOf<"freeze"> {
  const base = start(book, KEYS.olga, change.reference ?? "freeze-1");
  return { ...base, kind: "freeze", level: "institution", subject: "", ...change };
}

/** Ada lifts a freeze. */
export function unfreeze(book: Book, lifted: Hash, change: Change<"unfreeze"> = {}): IntentOf<"unfreeze"> {
  return { ...start(book, KEYS.ada, change.reference ?? "unfreeze-1"), kind: "unfreeze", freeze: lifted, ...change };
}

/** Tom calls `deposit(uint256)` of the contract "pool" with 1 ETH. */
export function call(book: Book, change: Change<"call"> = {}): IntentOf<"call"> {
  return {
    ...start(book, KEYS.tom, change.reference ?? "call-1"),
    kind: "call",
    chain: CHAIN,
    wallet: "treasury",
    destination: contractOf(pool(book)),
    method: "deposit(uint256)",
    arguments: fromHex("2a".padStart(64, "0")),
    amount: ETH,
    totalFee: ETH / 100n,
    ...change,
  };
}

/** The id of an intent. */
export function intentId(intent: Intent): Hash {
  return idOf(Intent, encode(Intent, intent));
}

// address book

/** A destination: an exchange unless `change` says otherwise. */
export function entryOf(book: Book, change: Partial<Entry> & Pick<Entry, "name" | "address">): Entry {
  const { deployment } = book.document;
  return {
    version: 1,
    deployment,
    party: `Party of ${change.name}`,
    chain: CHAIN,
    class: "exchange",
    assets: "any",
    ...change,
  };
}

/** The exchange "acme": no fact is demanded. */
export function acme(book: Book): Entry {
  return entryOf(book, { name: "acme", party: "Acme Exchange", address: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" });
}

/** The self-hosted destination "zoe": a screening fact is demanded. */
export function zoe(book: Book): Entry {
  const address = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
  return entryOf(book, { name: "zoe", party: "Zoe Example", address, class: "self-hosted" });
}

/** The contract "pool", which may be called, with value only in `deposit(uint256)`. Rules: `CALLING`. */
export function pool(book: Book, change: Partial<Entry> = {}): Entry {
  const methods = ["withdraw(uint256)", "note(string,uint256[])", "approve(address,uint256)", EXECUTE].map((method) => ({
    method,
    value: false,
  }));
  return entryOf(book, {
    name: "pool",
    address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
    class: "contract",
    methods: [{ method: "deposit(uint256)", value: true }, ...methods],
    ...change,
  });
}
/** A method that can be a delegatecall. */
export const EXECUTE = "execute(address,uint256,bytes,uint8)";

/** What a call of this entry names. */
export function contractOf(entry: Entry): IntentOf<"call">["destination"] {
  return { entry: entry.name, hash: entryId(entry), address: entry.address };
}

/** Rules for calls of contracts: traders call, two approvers agree. */
export const CALLING: Rulebook["rules"] = [
  { ...OPEN, id: "allow-calls", effect: "allow", kinds: ["call"], initiators: ["traders"] },
  {
    ...OPEN,
    ...NOTHING,
    id: "two-for-calls",
    kinds: ["call"],
    quorum: { type: "group", group: "approvers", count: 2 },
  },
];

export function entryId(entry: Entry): Hash {
  return idOf(Entry, encode(Entry, entry));
}

/** What a payment to this entry names. */
export function destinationOf(entry: Entry): IntentOf<"pay">["destination"] {
  return { entry: entry.name, hash: entryId(entry), address: entry.address };
}

// facts

/** A signed screening verdict on an entry's address: clean and made at `NOW` unless `change` says otherwise. */
export function screening(
  book: Book,
  entry: Pick<Entry, "chain" | "address">,
  change: Partial<Extract<Fact, { type: "screening" }>> & { key?: Device } = {},
): Uint8Array {
  const { key = KEYS.screening, ...fields } = change;
  const subject = `address:${entry.chain}:${entry.address}`;
  const { deployment } = book.document;
  const fact: Fact = { version: 1, type: "screening", deployment, source: "screening", subject, at: NOW, verdict: "clean" };
  return signValue(Fact, { ...fact, ...fields } as Fact, key);
}

type Stating = Omit<Extract<Fact, { type: "price" }>, "version" | "deployment" | "type" | "subject"> & {
  readonly asset: string;
  readonly key: Device;
};

/** A price in EUR cents. The rulebook has to name the source; see `valued`. */
export function price(book: Book, { asset, key, ...fields }: Stating): Uint8Array {
  const { deployment } = book.document;
  const fact: Fact = { version: 1, type: "price", deployment, subject: `price:${asset}:eur`, ...fields };
  return signValue(Fact, fact, key);
}

/** What a rulebook needs to value amounts in EUR by two sources of prices, of which one has to speak. */
export function valued(book: Rulebook, change: Partial<Rulebook["valuation"] & object> = {}) {
  const sources = ["pricer-a", "pricer-b"];
  const valuation = { currency: "eur", decimals: 2, sources, atLeast: 1, maxAgeMs: HOUR, maxMovePpm: 100_000, moveMs: HOUR };
  const pricers = [KEYS.pricerA, KEYS.pricerB].map(({ name, publicKey }) => ({ id: name, type: "price" as const, publicKey }));
  return { valuation: { ...valuation, ...change }, sources: [...book.sources, ...pricers] };
}

/** What both sources of finality say of one transaction: two signed facts. */
export function finality(
  book: Book,
  transactionId: string,
  change: Partial<Extract<Fact, { type: "finality" }>> = {},
): Uint8Array[] {
  const subject = `transaction:${CHAIN}:${transactionId}`;
  const { deployment } = book.document;
  const sources = [
    { source: "finality-a", key: KEYS.finalityA },
    { source: "finality-b", key: KEYS.finalityB },
  ];
  return sources.map(({ source, key }) => {
    const fact: Fact = { version: 1, type: "finality", deployment, source, subject, at: NOW, outcome: "succeeded" };
    return signValue(Fact, { ...fact, ...change } as Fact, key);
  });
}

// commands

type Bare<C> = C extends Command ? Omit<C, "version" | "nonce"> : never;

/** A command; the nonce comes from `name`, so give two equal commands different names. */
export function command(body: Bare<Command>, name = "command"): Command {
  return { version: 1, nonce: nonceOf(name), ...body } as Command;
}

/** Chain context of a plain transfer; enough gas for an ERC-20 transfer. */
export const CONTEXT: EvmContext = {
  index: 0,
  gasLimit: 90_000,
  maxFeePerGas: 20_000_000_000n,
  maxPriorityFeePerGas: 1_000_000_000n,
};

/** An `execute` of these intents with the approvals of all of them; on-chain kinds get `CONTEXT`. */
export function execute(
  intents: readonly Intent[],
  approvals: readonly Uint8Array[],
  more: { facts?: readonly Uint8Array[]; context?: Partial<EvmContext>; name?: string } = {},
): CommandOf<"execute"> {
  const orders = intents.map((intent) => {
    const bytes = encode(Intent, intent);
    const chained = intent.kind === "pay" || intent.kind === "cancel" || intent.kind === "call";
    return chained ? { intent: bytes, context: { ...CONTEXT, ...more.context } } : { intent: bytes };
  });
  const body = { command: "execute" as const, orders, approvals, facts: more.facts ?? [] };
  return command(body, more.name ?? intents.map((intent) => intent.reference).join(" ")) as CommandOf<"execute">;
}

/** A `reprice` of an intent on `CONTEXT` with these rates. */
export function reprice(intent: Intent, context: Partial<EvmContext> = {}): CommandOf<"reprice"> {
  const body = { command: "reprice" as const, intent: intentId(intent), context: { ...CONTEXT, ...context } };
  return command(body, `reprice ${intent.reference}`) as CommandOf<"reprice">;
}

/** A fact with its source's signature, whatever it says. */
export function signFact(fact: Fact, key: Device): Uint8Array {
  return signValue(Fact, fact, key);
}
