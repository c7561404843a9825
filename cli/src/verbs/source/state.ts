/** `strongroom source state`: states one fact by hand, or by a program that has it from a provider: a screening, an exchange by
 *  the travel rule, anything that a source of the rulebook may say. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import type { Source } from "@strongroom/core/rulebook/book";
import { FACT_TYPES, Fact, type FactType } from "@strongroom/core/signed/fact";
import { encode, idOf } from "@strongroom/core/signed/object";
import { reachFrom } from "../../desk/reach.ts";
import { writeWhole } from "../../device/files.ts";
import { openKey } from "../../device/keyFile.ts";
import { fault } from "../../faults.ts";
import { columns } from "../../screen.ts";
import { type Answer, asName, type Context, named, needed, type Verb, withSession } from "../../verb.ts";
import { oneOf } from "../requests/wallet.ts";
import { asSource, demandSource, signFact, WHO, type Who, whoStates } from "./who.ts";

/** What each type of fact speaks of and says, in words. */
const FORMS: { readonly [T in FactType]: readonly [subject: string, says: string] } = {
  screening: ["address:CHAIN:ADDRESS", "clean or adverse"],
  price: ["price:ASSET:CURRENCY", "NUMERATOR/DENOMINATOR, base units of the currency for base units of the asset"],
  finality: ["transaction:CHAIN:ID", "succeeded or failed"],
  code: ["code:CHAIN:CONTRACT", "HASH, Keccak-256 of the code"],
  "travel-rule": ["intent:INTENT", "complete or refused"],
  simulation: ["intent:INTENT", "as-stated or differs"],
  nonce: ["nonce:CHAIN:ADDRESS", "NUMBER of transactions so far"],
  clock: ["clock", "nothing"],
};
const TYPES = Object.keys(FACT_TYPES) as FactType[];

export const sourceState: Verb = {
  name: "source state",
  takes: "TYPE SUBJECT [SAYS]",
  what: `state one fact as a source of the rulebook; TYPE is ${TYPES.join(", ")}`,
  options: {
    ...WHO,
    out: { value: "FILE", what: "write the signed fact to this file, as `send --fact` takes it, and send nothing" },
  },
  examples: [
    "source state screening address:1:0x… clean --name kyt",
    "source state travel-rule intent:3f2a9c01… complete --name vasp-desk",
    "source state price price:eth:eur 325025/1000000000000000000 --name desk-prices",
  ],
  about: (word) => {
    const form = Object.hasOwn(FORMS, word) ? FORMS[word as FactType] : undefined;
    return form === undefined ? null : `source state ${word} SUBJECT SAYS\n  SUBJECT  ${form[0]}\n  SAYS     ${form[1]}`;
  },
  async run(context) {
    const [word = "", subject = "", says = ""] = named(context, "TYPE", "SUBJECT", "SAYS?");
    const type = oneOf(TYPES, "TYPE", word);
    demandSubject(type, subject);
    const said = saidIn(type, says);
    const make = ({ name, deployment }: Stating): Fact => {
      return { version: 1, deployment, source: name, subject, at: Date.now(), ...said } as Fact;
    };
    return (await reachFrom(asSource(context))).client === null
      ? stateDirectly(context, { type, says, make })
      : stateThroughServer(context, { type, says, make });
  },
};

type Stating = { readonly name: string; readonly deployment: Hash };
type Said = { readonly type: FactType; readonly says: string; readonly make: (by: Stating) => Fact };

async function stateThroughServer(context: Context, { type, says, make }: Said): Promise<Answer> {
  const who = await whoStates(context);
  demandType(await who.source(), type);
  const fact = make(who);
  const signed = await signatureOn(who, { fact, type });
  const written = await writtenTo(context, signed);
  if (written !== null) return answer(fact, says, { written });
  return answer(fact, says, { fact: (await who.client.call("facts.create", { body: { fact: signed } })).id });
}

/** Without a server the vault is told itself, which remembers it. */
async function stateDirectly(context: Context, { type, says, make }: Said): Promise<Answer> {
  return withSession(context, async (session) => {
    const name = asName(needed(context, "name"), "name");
    const key = await openKey(context.home, context.text("key") ?? name, context.text("passphrase-file"));
    demandType(demandSource(session.book(), { name, key }), type);
    const fact = make({ name, deployment: session.deployment });
    const signed = await signatureOn({ key }, { fact, type });
    const written = await writtenTo(context, signed);
    if (written !== null) return answer(fact, says, { written });
    await session.demand({ command: "inform", facts: [signed] });
    return answer(fact, says, { fact: idOf(Fact, encode(Fact, fact)) });
  });
}

/** Fails: USAGE. */
function demandType({ id, type }: Source, wanted: FactType): void {
  if (type !== wanted) fault("USAGE", "TYPE", `${id} states ${type} facts`);
}

async function signatureOn(who: Pick<Who, "key">, { fact, type }: { fact: Fact; type: FactType }): Promise<Uint8Array> {
  const whole = attempt(() => encode(Fact, fact));
  return whole.ok ? signFact(who, fact) : fault("USAGE", "SAYS", `${FORMS[type][1]} is expected`);
}

/** The file that the command line names, once it holds the fact; else null. */
async function writtenTo(context: Context, signed: Uint8Array): Promise<string | null> {
  const out = context.text("out");
  if (out !== undefined) await writeWhole(out, signed);
  return out ?? null;
}

function answer({ subject }: Fact, says: string, done: { written: string } | { fact: string }): Answer {
  const [label, what] = Object.entries(done)[0] as [string, string];
  const lines = [
    ["stated", `${subject} ${says}`.trimEnd()],
    [label, what],
  ];
  return { text: columns(lines), json: { subject, says, ...done } };
}

/** What a subject looks like, so that a misspelt one is told: nobody would ever ask for it. Fails: USAGE. */
function demandSubject(type: FactType, subject: string): void {
  const [form] = FORMS[type];
  const parts = form.split(":").map((part) => PARTS[part] ?? part);
  const fits = new RegExp(`^${parts.join(":")}$`).test(subject);
  if (!fits) fault("USAGE", "SUBJECT", `${form} is expected`);
}
const SLUG = "[a-z0-9][a-z0-9-]{0,31}";
const PARTS: { readonly [part: string]: string } = {
  CHAIN: "[1-9]\\d{0,9}",
  ADDRESS: "[!-~]{1,90}",
  CONTRACT: "[!-~]{1,90}",
  ASSET: SLUG,
  CURRENCY: SLUG,
  ID: "[0-9a-zA-Z]{1,90}",
  INTENT: "[0-9a-f]{64}",
};

/** The fields that a type of fact has of its own. Fails: USAGE. */
function saidIn(type: FactType, says: string): object {
  const wrong = (): never => fault("USAGE", "SAYS", `${FORMS[type][1]} is expected`);
  switch (type) {
    case "screening":
      return { type, verdict: says };
    case "finality":
      return { type, outcome: says };
    case "travel-rule":
      return { type, exchange: says };
    case "simulation":
      return { type, effect: says };
    case "code":
      return { type, codeHash: says };
    case "nonce":
      return /^(?:0|[1-9]\d{0,14})$/.test(says) ? { type, next: Number(says) } : wrong();
    case "clock":
      return says === "" ? { type } : wrong();
    case "price": {
      const [, numerator, denominator] = /^([1-9]\d{0,77})\/([1-9]\d{0,77})$/.exec(says) ?? [];
      if (numerator === undefined || denominator === undefined) return wrong();
      return { type, numerator: BigInt(numerator), denominator: BigInt(denominator) };
    }
  }
}
