/** Where a run plays: one small institution, founded by the production code, its people, and the rulebooks that its
 *  administrators may make, each with what the onlooker knows of it without the code that the vault judges with.
 *
 *  Two of three approvers agree to a payment; from 2 ETH on it also waits one step; the institution commits at most 6 ETH, fees
 *  included, within a window of three steps. All delays are one step. Times are milliseconds. */
import type { Hash } from "../../core/src/bytes.ts";
import { type Book, openBook } from "../../core/src/rulebook/book.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import { Attestation } from "../../core/src/signed/attestation.ts";
import { decode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { type Device, device } from "../world/keys.ts";
import { demoDocument, keyOf } from "../world/rulebook.ts";
import { foundedVault } from "../world/vault.ts";
import * as world from "../world/world.ts";

export const STEP = 5 * world.MINUTE;
export const WINDOW = 3 * STEP;
const LIMIT = 6n * world.ETH;
/** From here on a payment is registered and waits. */
export const LARGE = 2n * world.ETH;
export const APPROVAL_LIFE = 12 * STEP;
/** Longest life of an intent. */
export const LIFE = 6 * STEP;

/** Amy has two devices; together they are one person. */
export const TABLET = device("amy tablet");
export const FINALITY_C = device("finality-c");
export const PEOPLE: Readonly<Record<string, Device>> = { ...world.KEYS, tablet: TABLET };
export const SOURCES: Readonly<Record<string, Device>> = {
  "finality-a": world.KEYS.finalityA,
  "finality-b": world.KEYS.finalityB,
  "finality-c": FINALITY_C,
};
export const personOf = (name: string) => (name === "tablet" ? "amy" : name);

const demo = demoDocument(world.demoGenesis());
const agree = { ...OPEN, ...NOTHING, kinds: ["pay", "cancel"] as const };
const operations = ["wallet", "entry", "retire"] as const;

function parts(): Partial<Rulebook> {
  return {
    approvalLifeMs: APPROVAL_LIFE,
    chains: demo.chains.map((chain) => ({ ...chain, finality: Object.keys(SOURCES), maxOutstanding: 8 })),
    sources: [...demo.sources, { id: "finality-c", type: "finality", publicKey: FINALITY_C.publicKey }],
    persons: demo.persons.map((person) =>
      person.id === "amy" ? { ...person, keys: [...person.keys, keyOf(TABLET)] } : person,
    ),
    rules: [
      { ...OPEN, id: "allow-eth", effect: "allow", kinds: ["pay"], assets: ["eth"], initiators: ["traders"] },
      { ...OPEN, id: "allow-cancel", effect: "allow", kinds: ["cancel"], initiators: ["traders"] },
      { ...OPEN, id: "allow-operations", effect: "allow", kinds: operations, initiators: ["operations"] },
      { ...agree, id: "agree", quorum: { type: "group", group: "approvers", count: 2 } },
      { ...agree, id: "large", kinds: ["pay"], assets: ["eth"], amountFrom: LARGE, delayMs: STEP },
      {
        ...OPEN,
        ...NOTHING,
        id: "operations",
        kinds: operations,
        quorum: { type: "group", group: "operations", count: 2 },
        initiatorCounts: true,
      },
    ],
    limits: [
      {
        ...{ id: "eth", measure: "amount", level: "institution", assets: ["eth"] },
        ...{ most: LIMIT, window: { type: "rolling", ms: WINDOW } },
      },
    ],
    governance: { ...demo.governance, delayMs: STEP, unfreezeDelayMs: STEP },
  };
}

const { vault, made } = foundedVault({ rulebook: parts() });
const attested = vault.send(world.command({ command: "address", wallet: "treasury", index: 0 }));

/** What the founded vault has written, and where its people stand. */
export const START = {
  journal: vault.journal,
  vaultKey: vault.state.vaultKey,
  deployment: made.deployment,
  /** The paying address of the wallet "treasury". */
  address: decode(Attestation, attested.body).address,
  now: world.NOW,
} as const;

/** What people know of a rulebook by reading it. `removed`: who cannot act any more. */
export type Law = {
  readonly id: Hash;
  readonly epoch: number;
  readonly base: Hash;
  readonly book: Book;
  readonly approvers: number;
  readonly limit: bigint;
  readonly removed: ReadonlySet<string>;
  /** Whether it comes into force at once. */
  readonly tightens: boolean;
};

export const FIRST: Law = {
  id: made.book.id,
  epoch: 1,
  base: made.deployment,
  book: made.book,
  approvers: 2,
  limit: LIMIT,
  removed: new Set(),
  tightens: true,
};

export const CHANGES = ["lower the limit", "raise the limit", "ask one approver", "ask two approvers", "remove bob"] as const;
export type Change = (typeof CHANGES)[number];

/** The rulebook that continues another one with a change. */
export function nextLaw(law: Law, change: Change): Law {
  const { document } = law.book;
  const limit = change === "lower the limit" ? law.limit / 2n : change === "raise the limit" ? law.limit * 2n : law.limit;
  const approvers = change === "ask one approver" ? 1 : change === "ask two approvers" ? 2 : law.approvers;
  const removed = change === "remove bob" ? new Set([...law.removed, "bob"]) : law.removed;
  const rules = document.rules.map((rule) =>
    rule.id === "agree" && rule.effect === "require"
      ? { ...rule, quorum: { type: "group" as const, group: "approvers", count: approvers } }
      : rule,
  );
  const next = world.nextRulebook(law.book, {
    rules,
    limits: document.limits.map((item) => ({ ...item, most: limit })),
    persons: document.persons.filter(({ id }) => !removed.has(id)),
    groups: document.groups.map((group) => ({ ...group, members: group.members.filter((member) => !removed.has(member)) })),
  });
  const book = openBook(next);
  const loosens = limit > law.limit || approvers !== law.approvers;
  return { id: book.id, epoch: law.epoch + 1, base: law.id, book, approvers, limit, removed, tightens: !loosens };
}

/** A rulebook with the signatures of these administrators. */
export function signedBook(law: Law, signers: readonly string[]): Uint8Array {
  return world.signValue(Rulebook, law.book.document, ...signers.map((name) => PEOPLE[name] as Device));
}
