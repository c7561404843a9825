/** Answer to `explain`: what stands between intents and their execution, as the vault sees it now, and what of it is there.
 *  Source: docs/spec/vault-protocol.md. It grants nothing: only `execute` decides. */
import { amount, choice, field, flag, list, type Of, optional, slug, text, uint } from "../signed/codec.ts";
import { FACT_TYPES } from "../signed/fact.ts";
import { hash32, time } from "../signed/fields.ts";
import { kind } from "../signed/object.ts";
import { record } from "../signed/table.ts";
import { MAX_FACTS, MAX_INTENTS } from "./command.ts";

/** Most of each in one answer, all intents together; every intent has the same share. So the fullest answer fits into a
 *  receipt. */
export const MOST = { rules: 512, steps: 832, lacking: 64, could: 2_048, limits: 384, missing: 128 } as const;
/** Persons who approved, and evidence that does not count; the first are told. */
export const MAX_APPROVED = 256;
export const MAX_UNFIT = 64;
/** Ways to fill one quorum, and groups of one way. */
export const MAX_WAYS = 4;
export const MAX_SEATS_TOLD = 8;
const factType = choice(FACT_TYPES);
const who = text(64, 1);
const wording = text(200);

const Step = record({
  rule: field(0, who, "who demands it: rules.<id>, governance, freezes, or the part of the command"),
  words: field(1, wording, "what is demanded"),
  met: field(2, flag, "whether it is there"),
  code: optional(3, text(32, 1), "if not: the refusal code"),
  field: optional(4, text(64), "the field that the refusal names"),
  detail: optional(5, wording, "one sentence"),
});
/** One thing that stands between an intent and its execution. */
export type ExplainedStep = Of<typeof Step>;

const Seat = record({ group: field(0, slug, "group"), count: field(1, uint(64, 1), "how many more of its persons") });
const Lack = record({
  rule: field(0, who, "who demands it"),
  ways: field(1, list(list(Seat, MAX_SEATS_TOLD), MAX_WAYS), "each way in which the quorum can be filled, the shortest first"),
  groups: field(2, uint(), "from how many more different groups persons must come"),
  persons: field(3, uint(), "how many more persons, of whatever group"),
});
/** What a quorum lacks. */
export type ExplainedLack = Of<typeof Lack>;

const Standing = record({
  limit: field(0, slug, "limit"),
  of: field(1, text(110), "what it is counted for: the wallet, the client, …; empty for the institution"),
  used: field(2, amount, "what its window holds, in the limit's own measure; earlier intents of the command included"),
  adding: field(3, amount, "what this intent adds, its greatest fee included"),
  most: field(4, amount, "the limit"),
});
/** What a limit leaves. */
export type ExplainedLimit = Of<typeof Standing>;

const Missing = record({
  rule: field(0, who, "who demands it"),
  type: field(1, factType, "kind of fact"),
  subject: field(2, text(160), "what it must speak of; empty where the action has no such thing"),
  sources: field(3, list(slug, 8), "sources that have not stated it, or not lately"),
});
/** A fact that is demanded and not there. */
export type MissingFact = Of<typeof Missing>;

const names = (words: string, key: number) => field(key, list(slug, MOST.rules), words);

const Explained = record({
  intent: field(0, hash32, "intent id"),
  done: field(1, flag, "whether it was carried out before; then nothing is judged again"),
  code: field(2, text(32, 1), "OK, or the code of the first step that is not met"),
  field: field(3, text(96), "the field that this refusal names"),
  detail: field(4, text(400), "one sentence"),
  denies: names("rules that match and deny", 5),
  allows: names("rules that match and allow", 6),
  requires: names("rules that match and bind", 7),
  steps: field(8, list(Step, MOST.steps), "everything that is demanded, in the order of judgement"),
  more: field(9, flag, "whether something was left off because there is too much"),
  lacking: field(10, list(Lack, MOST.lacking), "what quorums lack"),
  approved: field(11, list(slug, MAX_APPROVED), "persons whose approval counts here, the initiator included"),
  could: field(12, list(slug, MOST.could), "persons who could fill what quorums lack"),
  missing: field(13, list(Missing, MOST.missing), "facts that are not there"),
  limits: field(14, list(Standing, MOST.limits), "limits in which it counts"),
  value: optional(15, amount, "its amount in the reference currency"),
  price: optional(
    16,
    record({
      numerator: field(0, amount, "base units of the reference currency"),
      denominator: field(1, amount, "base units of the asset"),
    }),
    "the price that is used",
  ),
});
/** One intent, explained. */
export type Explained = Of<typeof Explained>;

export const ExplanationBody = kind(
  "explanation",
  record({
    code: field(0, text(32, 1), "what `execute` of this very content would answer now: OK, or the refusal code"),
    field: field(1, text(96), "the field that it would name"),
    detail: field(2, text(400), "its sentence"),
    rulebook: field(3, hash32, "id of the rulebook by which all was judged"),
    draft: field(4, flag, "whether that is a draft, and not the rulebook in force"),
    orders: field(5, list(Explained, MAX_INTENTS, 1), "the intents, in the order of the command"),
    facts: field(
      6,
      list(
        record({
          source: field(0, slug, "source"),
          subject: field(1, text(160, 1), "what it speaks of"),
          type: field(2, factType, "kind of statement"),
          at: field(3, time, "when it was true"),
          id: field(4, hash32, "id of the fact"),
        }),
        MAX_FACTS,
      ),
      "facts that all is judged with: those of the command that hold, and the newest prices from before",
    ),
    unfit: field(
      7,
      list(
        record({
          at: field(0, text(96, 1), "approvals.<n> or facts.<n>"),
          code: field(1, text(32, 1), "the refusal code"),
          detail: field(2, wording, "one sentence"),
        }),
        MAX_UNFIT,
      ),
      "approvals and facts that do not count; all else is judged as if they had not come, `execute` refuses them",
    ),
  }),
  1_048_576,
);
export type ExplanationBody = Of<(typeof ExplanationBody)["shape"]>;
