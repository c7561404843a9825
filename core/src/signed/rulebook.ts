/** Rulebook: the signed document that says who the persons are, what may happen, who must agree, how fast, and how that
 *  can change. This file is its layout; `core/src/rulebook` is its meaning. Signed by a threshold of administrators. */
import {
  amount,
  anyOr,
  blob,
  choice,
  field,
  flag,
  lazy,
  list,
  type Of,
  optional,
  type Shape,
  slug,
  text,
  uint,
} from "./codec.ts";
import { FACT_TYPES } from "./fact.ts";
import {
  addressText,
  chainId,
  DESTINATION_CLASSES,
  hash32,
  head,
  keyClass,
  method,
  offset,
  scheme,
  time,
  version,
  walletClass,
  weekday,
} from "./fields.ts";
import { INTENT_KINDS } from "./intent.ts";
import { kind } from "./object.ts";
import { record, variant } from "./table.ts";

export const MAX_RULEBOOK_BYTES = 786_432;
export const MAX_RULES = 2_000;
export const MAX_PERSONS = 2_000;
const DAY_MS = 86_400_000;
const duration = uint(366 * DAY_MS);

const Chain = record({
  id: field(0, chainId, "chain id"),
  name: field(1, slug, "how people call it"),
  family: field(2, choice({ evm: 1 }), "which code builds and reads its transactions"),
  native: field(3, slug, "asset that pays the fees"),
  maxFee: field(4, amount, "most that one intent may spend on fees, in base units of the native asset"),
  maxOutstanding: field(5, uint(1_000_000, 1), "signed transactions of one address that are not final"),
  finality: field(6, list(slug, 8), "sources that state finality"),
  finalityAtLeast: field(7, uint(8, 1), "how many of them must agree"),
});

const Asset = record({
  id: field(0, slug, "name"),
  chain: field(1, chainId, "chain id"),
  contract: optional(2, addressText, "token contract; absent for the native asset"),
  codeHash: optional(4, hash32, "Keccak-256 of the contract's code, which facts of type code must state"),
  decimals: field(3, uint(36), "digits after the point"),
});

const Key = record({
  scheme: field(0, scheme, "kind of key"),
  publicKey: field(1, blob(33, 32), "Ed25519: 32 bytes; P-256: 33 bytes, compressed"),
  class: field(2, keyClass, "who delivers the software that uses it"),
  rpIdHash: optional(3, hash32, "WebAuthn: SHA-256 of the relying party id"),
  origin: optional(4, text(128, 1), "WebAuthn: origin of the page"),
  synced: optional(5, flag, "WebAuthn: whether a synced passkey is accepted"),
});
export type Key = Of<typeof Key>;

const Person = record({
  id: field(0, slug, "name"),
  keys: field(1, list(Key, 8, 1), "keys; together they count as one person"),
});

const Group = record({ id: field(0, slug, "name"), members: field(1, list(slug, MAX_PERSONS, 1), "persons") });

const Unit = record({
  id: field(0, slug, "name"),
  parent: optional(1, slug, "the unit that it is a part of"),
});

const Calendar = record({
  id: field(0, slug, "name"),
  offset: field(1, offset, "local time minus UTC before the first change"),
  changes: field(
    2,
    list(record({ at: field(0, time, "when"), offset: field(1, offset, "local time minus UTC from then on") }), 256),
    "changes of the offset, ascending, as for summer time",
  ),
  until: field(3, time, "up to when this is known; later nothing is within a time"),
});
export type Calendar = Of<typeof Calendar>;

const Valuation = record({
  currency: field(0, slug, "reference currency"),
  decimals: field(1, uint(36), "digits after the point"),
  sources: field(2, list(slug, 8, 1), "sources of prices that count"),
  atLeast: field(3, uint(8, 1), "how many of them must state a price; the dearest is used"),
  maxAgeMs: field(4, duration, "how old a price may be"),
  maxMovePpm: field(
    5,
    uint(10_000_000, 1),
    "how far, in millionths, sources may differ and one may move within the time below",
  ),
  moveMs: field(6, duration, "time in which a price may move so far"),
});
export type Valuation = Of<typeof Valuation>;

const Clock = record({
  sources: field(0, list(slug, 8, 1), "sources that state the time"),
  atLeast: field(1, uint(8, 1), "how many of them must have reached it"),
});

const Source = record({
  id: field(0, slug, "name"),
  type: field(1, choice(FACT_TYPES), "which facts it may state"),
  publicKey: field(2, blob(32, 32), "Ed25519 public key"),
});

/** A tree of groups. One person fills one place of the tree. */
export type Quorum =
  | { readonly type: "group"; readonly group: string; readonly count: number }
  | { readonly type: "allOf" | "anyOf"; readonly of: readonly Quorum[] };
const branch = {
  of: field(
    3,
    lazy("list 1…8 of quorum", () => list(Quorum, 8, 1)),
    "parts",
  ),
};
const Quorum: Shape<Quorum> = lazy("quorum: group and count, or allOf / anyOf of quorums", () => QuorumMap);
const QuorumMap = variant(
  { name: "type", key: 0, doc: "kind of node" },
  {},
  {
    group: { number: 1, table: { group: field(1, slug, "group"), count: field(2, uint(64, 1), "how many of its persons") } },
    allOf: { number: 2, table: branch },
    anyOf: { number: 3, table: branch },
  },
) as Shape<Quorum>;

const NEEDED_TYPES = { screening: 1, price: 2, code: 4, "travel-rule": 5, simulation: 6, nonce: 7, clock: 8 } as const;

const Needed = record({
  type: field(0, choice(NEEDED_TYPES), "kind of fact; its subject follows from the action"),
  sources: field(1, list(slug, 8, 1), "sources that count"),
  atLeast: field(2, uint(8, 1), "how many of them must agree"),
  maxAgeMs: field(3, duration, "how old a fact may be"),
});
export type Needed = Of<typeof Needed>;

const Times = record({
  calendar: field(0, slug, "calendar"),
  days: field(1, list(weekday, 7, 1), "days of the week"),
  from: field(2, uint(1439), "first minute of the day"),
  to: field(3, uint(1440, 1), "minute of the day before which it ends"),
});
export type Times = Of<typeof Times>;

/** What a rule can say of a destination. Two classes are never declared: `client-owned` is our own address of another client,
 *  `one-time` an address that is not in the address book. */
const CLASSES = { ...DESTINATION_CLASSES, "client-owned": 6, "one-time": 8 } as const;
export type ClassSeen = keyof typeof CLASSES;

const conditions = {
  id: field(0, slug, "name"),
  kinds: field(2, anyOr(choice(INTENT_KINDS), 16), "kinds of intent; not freeze and unfreeze, which no rule is asked about"),
  chains: field(3, anyOr(chainId, 64), "chains"),
  assets: field(4, anyOr(slug, 256), "assets"),
  wallets: field(5, anyOr(slug, 256), "source wallets"),
  destinations: field(6, anyOr(slug, 256), "address-book entries"),
  classes: field(7, anyOr(choice(CLASSES), 8), "classes of destination"),
  initiators: field(8, anyOr(slug, 64), "groups of the initiator"),
  amountFrom: optional(9, amount, "least amount; needs exactly one asset"),
  amountTo: optional(10, amount, "greatest amount; needs exactly one asset"),
  units: field(11, anyOr(slug, 64), "units of the source wallet; the units below them are meant too"),
  clients: field(12, anyOr(slug, 256), "clients of the source wallet"),
  walletClasses: field(13, anyOr(walletClass, 3), "classes of the source wallet"),
  persons: field(14, anyOr(slug, 64), "the initiator himself"),
  valueFrom: optional(15, amount, "least amount in the reference currency"),
  valueTo: optional(16, amount, "greatest amount in the reference currency"),
  times: field(17, anyOr(Times, 32), "when"),
  methods: field(18, anyOr(method, 256), "methods of calls, by signature or kind; a dangerous one only where it is named"),
};

const Rule = variant({ name: "effect", key: 1, doc: "what the rule does" }, conditions, {
  deny: { number: 1, table: {} },
  allow: { number: 2, table: {} },
  require: {
    number: 3,
    table: {
      quorum: optional(20, Quorum, "who must approve"),
      initiatorCounts: field(21, flag, "whether the initiator may be among them"),
      servedCounts: field(25, flag, "whether approvals by keys of class served count"),
      distinctGroups: field(22, uint(16), "least number of groups from which the approvers come"),
      facts: field(23, list(Needed, 4), "facts that must be there"),
      delayMs: field(24, duration, "time from the registration of the intent to its execution"),
      approvalLifeMs: optional(26, duration, "longest time that approvals may still be valid when they are used"),
      entryAgeMs: field(27, duration, "how long the destination must have been in the address book"),
    },
  },
});
export type Rule = Of<typeof Rule>;
export type Requirement = Extract<Rule, { readonly effect: "require" }>;

const Window = variant(
  { name: "type", key: 0, doc: "how the window moves" },
  {},
  {
    rolling: { number: 1, table: { ms: field(1, uint(366 * DAY_MS, 1), "length") } },
    fixed: {
      number: 2,
      table: {
        calendar: field(2, slug, "calendar"),
        period: field(3, choice({ day: 1, week: 2, month: 3 }), "local day, week from Monday, or month"),
      },
    },
  },
);
export type Window = Of<typeof Window>;

const LEVELS = { institution: 1, client: 2, wallet: 3, destination: 4, initiator: 5, unit: 6, address: 7, asset: 8 } as const;
export type Level = keyof typeof LEVELS;

const Limit = record({
  id: field(0, slug, "name"),
  measure: field(
    1,
    choice({ amount: 1, value: 2, count: 3 }),
    "base units of one asset, value in the reference currency, or payments",
  ),
  level: field(2, choice(LEVELS), "what it is counted for; address is the paying one, unit also all units above it"),
  assets: field(3, anyOr(slug, 256), "assets that count; fees count as the native asset"),
  most: field(4, amount, "most that may be committed within the window"),
  window: field(5, Window, "the time in which it counts"),
});
export type Limit = Of<typeof Limit>;

const Governance = record({
  administrators: field(0, list(slug, 16, 1), "persons"),
  threshold: field(1, uint(16, 1), "how many of them make a rulebook valid"),
  delayMs: field(2, duration, "how long a weakening waits"),
  officers: field(3, slug, "group whose members may each freeze, once"),
  unfreeze: field(4, Quorum, "who lifts a freeze"),
  unfreezeDelayMs: field(5, duration, "how long lifting a freeze waits after its registration"),
  minimums: field(
    6,
    list(
      record({
        class: field(0, walletClass, "class of the source wallet"),
        persons: field(1, uint(64, 1), "how many persons beside the initiator approve with device keys"),
      }),
      3,
    ),
    "what a payment from such a wallet takes, whatever the rules say",
  ),
});

const Handover = record({
  vault: field(0, hash32, "hash of the identity key of the vault that was the active one"),
  head: field(1, head, "a position of its journal, which the successor must have"),
});

export const Rulebook = kind(
  "rulebook",
  record({
    version,
    deployment: field(1, hash32, "id of the deployment"),
    epoch: field(2, uint(), "1 for the first, then one more each time"),
    base: field(3, hash32, "id of the rulebook that this one changes; the deployment id for the first"),
    vault: field(4, hash32, "hash of the identity key of the one active vault"),
    demonstration: field(5, flag, "as in the genesis; shown in every text"),
    createdAt: field(6, time, "when it was written"),
    approvalLifeMs: field(7, uint(90 * DAY_MS, 1), "longest life of an approval"),
    chains: field(10, list(Chain, 64, 1), "chains"),
    assets: field(11, list(Asset, 1024, 1), "assets"),
    persons: field(12, list(Person, MAX_PERSONS, 1), "persons and their keys"),
    groups: field(13, list(Group, 256, 1), "groups"),
    sources: field(14, list(Source, 64), "sources of facts"),
    rules: field(15, list(Rule, MAX_RULES), "rules; their order means nothing"),
    limits: field(16, list(Limit, 256), "limits"),
    governance: field(17, Governance, "how the rulebook itself changes"),
    units: field(18, list(Unit, 256), "units of the institution"),
    calendars: field(19, list(Calendar, 16), "local times"),
    valuation: optional(20, Valuation, "how amounts are valued in one currency"),
    clock: optional(21, Clock, "whose word on the time schedules go by"),
    handover: optional(22, Handover, "that another vault takes over; exactly when `vault` is another one than before"),
  }),
  MAX_RULEBOOK_BYTES,
);
export type Rulebook = Of<(typeof Rulebook)["shape"]>;
