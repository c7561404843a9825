/** Where the search plays: one small institution, founded by the production code, and makers for what its people send.
 *
 *  Two of three approvers agree to a payment; from 2 ETH on a payment also waits one step; institution and fees share one limit
 *  of 2.2 ETH in a window of somewhat less than
 *  two steps. All delays are one step, approvals live one and a half. Times are milliseconds. */
import { createHash } from "node:crypto";
import type { Hash } from "../../core/src/bytes.ts";
import { type Book, openBook } from "../../core/src/rulebook/book.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import type { Approval } from "../../core/src/signed/approval.ts";
import type { Position } from "../../core/src/signed/fields.ts";
import type { Start } from "../../core/src/signed/head.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { encode, idOf } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { type Device, device, someHash } from "../world/keys.ts";
import { demoDocument, keyOf } from "../world/rulebook.ts";
import { foundedVault } from "../world/vault.ts";
import * as world from "../world/world.ts";

export const STEP = 30 * world.MINUTE;
export const APPROVAL_LIFE = STEP + STEP / 2;
export const WINDOW = 2 * STEP - STEP / 4;
/** Longest life of an approval by the rulebook; so long a successor waits. */
export const LIFE = 4 * STEP;
export const LIMIT = (22n * world.ETH) / 10n;
/** From here on a payment is registered and waits. */
const LARGE = 2n * world.ETH;

/** The vault that takes over. */
export const HEIR = device("heir");
/** Amy has two devices; together they are one person. */
export const TABLET = device("amy tablet");
export const PEOPLE: Readonly<Record<string, Device>> = { ...world.KEYS, tablet: TABLET };

const demo = demoDocument(world.demoGenesis());

function parts(): Partial<Rulebook> {
  const agree = { ...OPEN, ...NOTHING, kinds: ["pay", "cancel"] as const };
  return {
    approvalLifeMs: LIFE,
    persons: demo.persons.map((person) =>
      person.id === "amy" ? { ...person, keys: [...person.keys, keyOf(TABLET)] } : person,
    ),
    rules: [
      { ...OPEN, id: "allow-eth", effect: "allow", kinds: ["pay"], assets: ["eth"], initiators: ["traders"] },
      { ...OPEN, id: "allow-cancel", effect: "allow", kinds: ["cancel"], initiators: ["traders"] },
      { ...OPEN, id: "allow-operations", effect: "allow", kinds: ["wallet", "entry"], initiators: ["operations"] },
      { ...agree, id: "agree", quorum: { type: "group", group: "approvers", count: 2 } },
      { ...agree, id: "large", kinds: ["pay"], assets: ["eth"], amountFrom: LARGE, delayMs: STEP },
      {
        ...OPEN,
        ...NOTHING,
        id: "operations",
        kinds: ["wallet", "entry"],
        quorum: { type: "group", group: "operations", count: 2 },
        initiatorCounts: true,
      },
    ],
    limits: [
      {
        id: "eth",
        measure: "amount",
        level: "institution",
        assets: ["eth"],
        most: LIMIT,
        window: { type: "rolling", ms: WINDOW },
      },
    ],
    governance: { ...demo.governance, delayMs: STEP, unfreezeDelayMs: STEP },
  };
}

const { vault, made } = foundedVault({ rulebook: parts(), entries: (book) => [world.acme(book)] });

/** What the founded vault has written, and where its people stand. */
export const START = {
  journal: vault.journal,
  vaultKey: vault.state.vaultKey,
  boot: vault.state.boot as Hash,
  head: { seq: vault.state.seq, hash: vault.state.head },
  now: world.NOW,
} as const;

/** The rulebooks of all worlds by name: `first` is in force, `tight` lacks bob, `weak` is content with one approver, `heir`
 *  hands over to another vault. */
export const BOOKS = {
  first: made.book,
  tight: openBook(tightened()),
  weak: openBook(weakened()),
  heir: openBook(
    world.nextRulebook(made.book, { vault: HEIR.id, handover: { vault: made.book.document.vault, head: START.head } }),
  ),
} as const;
export type BookName = keyof typeof BOOKS;

function tightened(): Rulebook {
  const { document } = made.book;
  return world.nextRulebook(made.book, {
    persons: document.persons.filter((person) => person.id !== "bob"),
    groups: document.groups.map((group) => ({ ...group, members: group.members.filter((member) => member !== "bob") })),
  });
}

function weakened(): Rulebook {
  const rules = made.book.document.rules.map((rule) =>
    rule.id === "agree" && rule.effect === "require"
      ? { ...rule, quorum: { type: "group" as const, group: "approvers", count: 1 } }
      : rule,
  );
  return world.nextRulebook(made.book, { rules });
}

/** A rulebook with the signatures of these administrators. */
export function signedBook(name: BookName, signers: readonly Device[]): Uint8Array {
  return world.signValue(Rulebook, BOOKS[name].document, ...signers);
}

/** What the people of the institution know of a rulebook by reading it, without the code that the vault judges with. */
export type Law = {
  readonly approvers: number;
  readonly holders: ReadonlyMap<Hash, string>;
  readonly group: ReadonlySet<string>;
};
export const LAWS: Readonly<Record<BookName, Law>> = {
  first: lawOf(BOOKS.first, 2),
  tight: lawOf(BOOKS.tight, 2),
  weak: lawOf(BOOKS.weak, 1),
  heir: lawOf(BOOKS.heir, 2),
};

function lawOf(book: Book, approvers: number): Law {
  const holders = new Map<Hash, string>();
  for (const [name, key] of Object.entries(PEOPLE)) {
    const person = name === "tablet" ? "amy" : name;
    if (book.document.persons.some((known) => known.id === person)) holders.set(key.id, person);
  }
  const group = book.document.groups.find((item) => item.id === "approvers");
  return { approvers, holders, group: new Set(group?.members) };
}

const book = made.book;
/** Chain context with this many tenths of the usual rates. */
export const bumped = (tenths: bigint) => ({
  maxFeePerGas: (world.CONTEXT.maxFeePerGas * tenths) / 10n,
  maxPriorityFeePerGas: (world.CONTEXT.maxPriorityFeePerGas * tenths) / 10n,
});
const notAfter = world.NOW + 3 * STEP;
const first = world.pay(book, { reference: "first", notAfter });
const replaces = world.intentId(first);
const freeze = world.freeze(book, { reference: "freeze", notAfter: world.NOW + 8 * STEP });
const stolen = world.freeze(book, { reference: "stolen", level: "person", subject: "amy", notAfter: world.NOW + 8 * STEP });
const lift = { notAfter: world.NOW + 8 * STEP };

/** All intents of all worlds by name. */
export const INTENTS = {
  first,
  second: world.pay(book, { reference: "second", notAfter }),
  /** The same payment as `first`, dearer, in its place. */
  again: world.pay(book, { reference: "again", notAfter, replaces }),
  cancel: world.cancel(book, replaces, { reference: "cancel", notAfter }),
  /** With it, `first` goes over the limit. */
  big: world.pay(book, { reference: "big", notAfter, amount: (3n * world.ETH) / 2n }),
  /** It lives longer than a successor waits. */
  late: world.pay(book, { reference: "late", notAfter: world.NOW + 8 * STEP }),
  large: world.pay(book, { reference: "large", notAfter, amount: LARGE }),
  freeze,
  stolen,
  unfreeze: world.unfreeze(book, world.intentId(freeze), { reference: "unfreeze", ...lift }),
  unstolen: world.unfreeze(book, world.intentId(stolen), { reference: "unstolen", ...lift }),
} as const;
export type IntentName = keyof typeof INTENTS;

/** Chain contexts that do not follow the default. */
export const CONTEXTS: { readonly [name in IntentName]?: ReturnType<typeof bumped> } = {
  again: bumped(12n),
  cancel: bumped(16n),
};

const names = new Map(Object.entries(INTENTS).map(([name, intent]) => [world.intentId(intent), name as IntentName]));

/** The name of an intent by its id. */
export function nameOf(id: Hash): IntentName {
  const name = names.get(id);
  if (name === undefined) throw new Error("an intent that nobody made");
  return name;
}
export function nameOfBytes(bytes: Uint8Array): IntentName {
  return nameOf(idOf(Intent, bytes));
}

/** Under what an approval was given: which boot (0 is the first), which rulebook, at what time since the start, and on which
 *  head; `null` is the head of the start. */
export type Ground = {
  readonly boot: number;
  readonly book: BookName;
  readonly clock: number;
  readonly head: Position | null;
};

/** The nonce of boot number `boot`. */
export function bootOf(boot: number): Hash {
  return boot === 0 ? START.boot : someHash(`boot ${boot} of the search`);
}

const kept = new Map<string, Uint8Array>();
const MAX_KEPT = 100_000;
function once(name: string, make: () => Uint8Array): Uint8Array {
  const known = kept.get(name);
  if (known !== undefined) return known;
  const bytes = make();
  if (kept.size >= MAX_KEPT) kept.clear();
  kept.set(name, bytes);
  return bytes;
}

function nameOfGround({ boot, book: name, clock, head }: Ground): string {
  return `${boot} ${name} ${clock} ${head?.hash}`;
}

function groundOf({ boot, book: name, clock, head }: Ground): world.Ground {
  return { book: BOOKS[name], head: head ?? START.head, boot: bootOf(boot), notAfter: START.now + clock + APPROVAL_LIFE };
}

/** One person's approval of an intent, made once per ground. */
export function approval(ground: Ground, intent: IntentName, by: { who: string; decision: Approval["decision"] }): Uint8Array {
  const key = PEOPLE[by.who] as Device;
  const name = `${nameOfGround(ground)} ${intent} ${by.who} ${by.decision}`;
  return once(name, () => world.approve(groundOf(ground), INTENTS[intent], { key, decision: by.decision }));
}

/** What an administrator says of a rulebook that waits. */
export function onBook(ground: Ground, next: BookName, by: { who: string; decision: "seen" | "veto" }): Uint8Array {
  const key = PEOPLE[by.who] as Device;
  const name = `${nameOfGround(ground)} ${next} ${by.who} ${by.decision}`;
  return once(name, () => world.approveRulebook(groundOf(ground), BOOKS[next].document, { key, decision: by.decision }));
}

/** An administrator's word that a start goes on from the newest record. */
export function onStart(ground: Ground, start: Start, who: string): Uint8Array {
  const name = `${nameOfGround(ground)} ${start.head.hash} ${start.suspicion} ${who}`;
  return once(name, () => world.approveStart(groundOf(ground), start, { key: PEOPLE[who] as Device }));
}

/** The bytes of an intent. */
export function bytesOf(intent: IntentName): Uint8Array {
  return once(`intent ${intent}`, () => encode(Intent, INTENTS[intent]));
}

/** A short name for bytes. */
export function digest(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
}
