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
import { addressText, chainId, hash32, keyClass, scheme, time, version } from "./fields.ts";
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

const Source = record({
  id: field(0, slug, "name"),
  type: field(1, choice({ screening: 1, price: 2, finality: 3, code: 4 }), "which facts it may state"),
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

const Needed = record({
  type: field(0, choice({ screening: 1 }), "kind of fact; screening is about the destination's address"),
  sources: field(1, list(slug, 8, 1), "sources that count"),
  atLeast: field(2, uint(8, 1), "how many of them must agree"),
  maxAgeMs: field(3, duration, "how old a fact may be"),
});
export type Needed = Of<typeof Needed>;

const conditions = {
  id: field(0, slug, "name"),
  kinds: field(2, anyOr(choice(INTENT_KINDS), 16), "kinds of intent; not freeze and unfreeze, which no rule is asked about"),
  chains: field(3, anyOr(chainId, 64), "chains"),
  assets: field(4, anyOr(slug, 256), "assets"),
  wallets: field(5, anyOr(slug, 256), "source wallets"),
  destinations: field(6, anyOr(slug, 256), "address-book entries"),
  classes: field(
    7,
    anyOr(choice({ own: 1, exchange: 2, vasp: 3, "self-hosted": 4, contract: 5, "client-owned": 6 }), 8),
    "classes of destination; client-owned is our own address of another client",
  ),
  initiators: field(8, anyOr(slug, 64), "groups of the initiator"),
  amountFrom: optional(9, amount, "least amount; needs exactly one asset"),
  amountTo: optional(10, amount, "greatest amount; needs exactly one asset"),
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
    },
  },
});
export type Rule = Of<typeof Rule>;
export type Requirement = Extract<Rule, { readonly effect: "require" }>;

const Limit = record({
  id: field(0, slug, "name"),
  level: field(1, choice({ institution: 1, client: 2, wallet: 3, destination: 4, initiator: 5 }), "what it is counted for"),
  asset: field(2, slug, "asset; fees count for the native asset"),
  amount: field(3, amount, "most that may be committed within the window"),
  windowMs: field(4, uint(366 * DAY_MS, 1), "rolling window"),
});
export type Limit = Of<typeof Limit>;

const Governance = record({
  administrators: field(0, list(slug, 16, 1), "persons"),
  threshold: field(1, uint(16, 1), "how many of them make a rulebook valid"),
  delayMs: field(2, duration, "how long a weakening waits"),
  officers: field(3, slug, "group whose members may each freeze, once"),
  unfreeze: field(4, Quorum, "who lifts a freeze"),
  unfreezeDelayMs: field(5, duration, "how long lifting a freeze waits after its registration"),
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
  }),
  MAX_RULEBOOK_BYTES,
);
export type Rulebook = Of<(typeof Rulebook)["shape"]>;
