/** The address book: destinations come into force and go by approved intents. */
import { chainOf } from "@strongroom/core/chain/table";
import { demand, refuse } from "@strongroom/core/errors";
import { Entry } from "@strongroom/core/signed/entry";
import { SUBJECT } from "@strongroom/core/signed/fact";
import type { IntentOf } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import { findChain } from "@strongroom/core/text/render";
import { MAX_ENTRIES } from "../limits.ts";
import { get, has } from "../state/map.ts";
import type { Founded } from "../state/state.ts";
import type { Now, Outcome } from "../types.ts";
import { ok, recordAt } from "./draft.ts";
import { whenOf } from "./evidence/clock.ts";
import { demandNoToken, type Order } from "./payment/resolve.ts";
import { demandRules, type Judged } from "./rules.ts";

/** Who wants a change of what the vault knows, and what comes with it. `person`: the initiator. */
export type Change = Pick<Judged, "approvers" | "stated"> & {
  readonly person: string;
  readonly approvals: readonly Uint8Array[];
};

/** Fails: those of `enteringOf`, rules and `demandRoom`. */
export function enter(state: Founded, now: Now, order: Order<IntentOf<"entry">>, change: Change): Outcome {
  demandRules(state, now, enteringOf(state, now, order, change));
  demandRoom(state);
  const { bytes: intent } = order;
  return { records: [recordAt(now, { kind: "entered", intent, approvals: change.approvals })], effects: [ok()] };
}

/** Fails: TABLE_FULL. */
export function demandRoom({ entries }: Founded): void {
  demand(entries.size < MAX_ENTRIES, "TABLE_FULL", "entries", `${MAX_ENTRIES} entries are in force`);
}

/** A new entry as the rules are asked about it. Fails: codes of `decode`, WRONG_DEPLOYMENT, CHAIN_UNKNOWN, ADDRESS_INVALID,
 *  ENTRY_EXISTS, ENTRY_MISMATCH, ASSET_UNKNOWN, CALL_INVALID. */
export function enteringOf(state: Founded, now: Now, { id, intent }: Order<IntentOf<"entry">>, change: Change): Judged {
  const entry = decode(Entry, intent.entry);
  const { name, deployment, chain, address } = entry;
  demand(deployment === state.deployment, "WRONG_DEPLOYMENT", "intent.entry", "the entry is for another deployment");
  chainOf(findChain(state.book, chain).family).parseAddress(address, "intent.entry.address");
  demand(!has(state.entries, name), "ENTRY_EXISTS", "intent.entry.name", `there is an entry ${name} in force`);
  demandNoToken(state, { chain, address, at: "intent.entry.address" });
  const before = entry.class === "denied" ? get(state.denied, `${chain}:${address}`) : undefined;
  demand(before === undefined, "ENTRY_EXISTS", "intent.entry.address", `${before} has it on the deny list`);
  demandAssets(state, entry);
  demandOwn(state, entry);
  demandMethods(state, entry);
  return judged(state, now, { id, intent }, entry, change);
}

/** Fails: ASSET_UNKNOWN. */
function demandAssets({ book }: Founded, { assets, chain }: Entry): void {
  if (assets === "any") return;
  const foreign = assets.find((asset) => book.assets.get(asset)?.chain !== chain);
  demand(foreign === undefined, "ASSET_UNKNOWN", "intent.entry.assets", `${foreign} is not an asset of chain ${chain}`);
}

/** An entry says "own" exactly when the vault has derived the address itself, in the wallet that the entry names. */
function demandOwn(state: Founded, { class: declared, own, chain, address }: Entry): void {
  const ours = get(state.owned, `${chain}:${address}`);
  const says = declared === "own" && own !== undefined && ours?.wallet === own.wallet && ours.index === own.index;
  const silent = declared !== "own" && own === undefined && (ours === undefined || declared === "denied");
  const detail = "own addresses, and only they, are entered as own with wallet and index";
  demand(says || silent, "ENTRY_MISMATCH", "intent.entry.own", detail);
}

/** Methods and code belong to contracts; no two methods are selected by the same four bytes. What each of them is was read when
 *  the text was made. Fails: ENTRY_MISMATCH, CALL_INVALID. */
function demandMethods({ book }: Founded, { class: declared, chain, methods = [], codeHash }: Entry): void {
  const silent = methods.length === 0 && codeHash === undefined;
  demand(silent || declared === "contract", "ENTRY_MISMATCH", "intent.entry.methods", "only contracts have methods and code");
  const { selector } = chainOf(findChain(book, chain).family);
  const selectors = new Set(methods.map(({ method }) => selector(method)));
  const detail = "two methods are selected by the same four bytes";
  demand(selectors.size === methods.length, "CALL_INVALID", "intent.entry.methods", detail);
}

/** Fails: those of `retiringOf` and rules. */
export function retire(state: Founded, now: Now, order: Order<IntentOf<"retire">>, change: Change): Outcome {
  demandRules(state, now, retiringOf(state, now, order, change));
  const { bytes: intent } = order;
  return { records: [recordAt(now, { kind: "retired", intent, approvals: change.approvals })], effects: [ok()] };
}

/** The end of an entry as the rules are asked about it. Fails: ENTRY_UNKNOWN, ENTRY_MISMATCH. */
export function retiringOf(state: Founded, now: Now, { id, intent }: Order<IntentOf<"retire">>, change: Change): Judged {
  const current = get(state.entries, intent.name);
  if (current === undefined) refuse("ENTRY_UNKNOWN", "intent.name", `there is no entry ${intent.name} in force`);
  demand(current.hash === intent.hash, "ENTRY_MISMATCH", "intent.hash", `the entry ${intent.name} in force is another one`);
  return judged(state, now, { id, intent }, current.entry, change);
}

type Asked = { readonly id: Judged["id"]; readonly intent: IntentOf<"entry" | "retire"> };

function judged(state: Founded, now: Now, { id, intent }: Asked, entry: Entry, { person, approvers, stated }: Change): Judged {
  const { chain, name, address } = entry;
  return {
    id,
    subject: { kind: intent.kind, initiator: person, when: whenOf(state, now), chain, destination: name, class: entry.class },
    touched: { chain, destination: name, address },
    approvers,
    stated,
    about: {
      subjects: { screening: SUBJECT.address(chain, address), simulation: SUBJECT.intent(id), clock: SUBJECT.clock() },
    },
    quotes: new Map(),
  };
}
