/** `strongroom source state`: states one fact by hand, or by a program that has it from a provider: a screening, an exchange by
 *  the travel rule, anything that a source of the rulebook may say. */
import { writeFile } from "node:fs/promises";
import { attempt } from "@strongroom/core/errors";
import { FACT_TYPES, Fact, type FactType } from "@strongroom/core/signed/fact";
import { encode } from "@strongroom/core/signed/object";
import { fault, systemWords } from "../../faults.ts";
import { columns } from "../../screen.ts";
import { type Context, named, type Verb } from "../../verb.ts";
import { oneOf } from "../requests/wallet.ts";
import { signFact, WHO, whoStates } from "./who.ts";

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
    const who = await whoStates(context);
    const known = await who.source();
    if (known.type !== type) fault("USAGE", "TYPE", `${who.name} states ${known.type} facts`);
    const fact = { version: 1, deployment: who.deployment, source: who.name, subject, at: Date.now(), ...said } as Fact;
    const whole = attempt(() => encode(Fact, fact));
    if (!whole.ok) fault("USAGE", "SAYS", `${FORMS[type][1]} is expected`);
    return deliver(context, who.client, { subject, says, signed: await signFact(who, fact) });
  },
};

type Made = { readonly subject: string; readonly says: string; readonly signed: Uint8Array };

async function deliver(
  context: Context,
  client: Awaited<ReturnType<typeof whoStates>>["client"],
  { subject, says, signed }: Made,
) {
  const out = context.text("out");
  if (out !== undefined) {
    await writeFile(out, signed).catch((error: unknown) =>
      fault("FILE_UNFIT", out, `it cannot be written: ${systemWords(error)}`, error),
    );
    return { text: `written  ${out}`, json: { subject, says, written: out } };
  }
  const { id } = await client.call("facts.create", { body: { fact: signed } });
  const lines = [
    ["stated", `${subject} ${says}`.trimEnd()],
    ["fact", id],
  ];
  return { text: columns(lines), json: { subject, says, fact: id } };
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
