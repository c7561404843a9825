/** `strongroom call`: make a request that calls a method of a contract, and sign it as its initiator. The arguments are encoded
 *  here, each strictly as its type; the vault reads them back and everybody reads what it found. */

import { fromHex } from "@strongroom/core/bytes";
import type { Argument } from "@strongroom/core/chain/evm/abi";
import { parseMethod, type Type, typeText } from "@strongroom/core/chain/evm/method";
import { refuse } from "@strongroom/core/errors";
import { findChain } from "@strongroom/core/text/render";
import { callOf } from "@strongroom/sdk/device/make";
import { fetchEntry } from "@strongroom/sdk/vault/show";
import type { Request } from "../../desk/desk.ts";
import { fault } from "../../faults.ts";
import type { Calling } from "../../vault/fees.ts";
import { type Answer, amountFrom, asName, type Context, named, needed, SIGNING, type Verb } from "../../verb.ts";
import { COSTS } from "./fee.ts";
import { indexOf, withSigner } from "./pay.ts";
import { OUT, WORDS } from "./request.ts";

export const call: Verb = {
  name: "call",
  takes: "ENTRY METHOD [ARGUMENT…]",
  what:
    "request the call of a contract's method; numbers are decimal, bytes are hex with 0x, lists and tuples are JSON with " +
    "their values as texts; arguments that begin with a minus come after --",
  options: {
    from: { value: "WALLET", what: "wallet that calls and pays" },
    value: { value: "AMOUNT", what: "native value that goes along (default 0)" },
    index: { value: "N", what: "index of the calling address in the wallet (default 0)" },
    client: { value: "CLIENT", what: "client whose position pays out of an omnibus wallet (default: the institution's own)" },
    replaces: { value: "REQUEST", what: "call with higher fees in place of a call that is sent and not mined" },
    ...COSTS,
    ...WORDS,
    ...OUT,
    ...SIGNING,
  },
  examples: [
    "call pool 'deposit(uint256)' 1000 --value 0.5 --from treasury --key tom --purpose 'term deposit'",
    `call splitter 'split(address[])' '["0x…","0x…"]' --value 1 --from treasury --key tom`,
    "call --replaces 3f2a9c01 --key tom",
  ],
  async run(context) {
    const replaces = context.text("replaces");
    return replaces === undefined ? callAnew(context) : callAgain(context, replaces);
  },
};

async function callAnew(context: Context): Promise<Answer> {
  const [name, method, ...texts] = context.positionals;
  if (name === undefined) fault("USAGE", "ENTRY", "ENTRY is missing");
  if (method === undefined) fault("USAGE", "METHOD", "METHOD is missing");
  const [to, wallet] = [asName(name, "ENTRY"), asName(needed(context, "from"), "from")];
  const { types } = parseMethod(method, "METHOD");
  if (texts.length !== types.length)
    fault("USAGE", "ARGUMENT", `${method} takes ${types.length} arguments, there are ${texts.length}`);
  const values = types.map((type, at) => argumentFrom(type, texts[at] as string, `ARGUMENT ${at + 1}`));
  const index = indexOf(context);
  return withSigner(context, async (session) => {
    const found = await fetchEntry(session, to);
    const { native } = findChain(session.book(), found.entry.chain);
    const decimals = session.book().assets.get(native)?.decimals ?? 0;
    const amount = amountFrom(context.text("value") ?? "0", decimals, "value");
    return { content: callOf(found, { wallet, method, values, amount }), index, former: null };
  });
}

/** The call of an earlier request, with nothing changed. Fails: REPLACES_MISMATCH, USAGE. */
async function callAgain(context: Context, replaces: string): Promise<Answer> {
  named(context);
  for (const option of ["from", "value", "index"] as const)
    if (context.text(option) !== undefined) fault("USAGE", option, "it is that of the call that is replaced");
  return withSigner(context, async (_, at) => {
    const former = await at.desk.load(replaces);
    return { content: { ...sameCall(former), replaces: former.id }, index: former.index, former };
  });
}

function sameCall({ intent }: Request): Calling {
  if (intent.kind !== "call") return refuse("REPLACES_MISMATCH", "replaces", `it is no call but of kind ${intent.kind}`);
  const { kind, chain, wallet, destination, method, arguments: given, amount } = intent;
  return { kind, chain, wallet, destination, method, arguments: given, amount };
}

/** The value of a text that stands for one argument. Fails: USAGE. */
export function argumentFrom(type: Type, text: string, field: string): Argument {
  if (type.is !== "array" && type.is !== "tuple") return wordFrom(type, text, field);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    fault("USAGE", field, `a list in JSON is expected for ${typeText(type)}`, error);
  }
  return listFrom(type, json, field);
}

function listFrom(type: Type, json: unknown, field: string): Argument {
  if (type.is !== "array" && type.is !== "tuple") {
    const isWord = typeof json === "string" || typeof json === "boolean" || Number.isSafeInteger(json);
    return isWord ? wordFrom(type, String(json), field) : fault("USAGE", field, `${typeText(type)} is written as a text`);
  }
  if (!Array.isArray(json)) fault("USAGE", field, `a list in JSON is expected for ${typeText(type)}`);
  const of = type.is === "tuple" ? type.of : json.map(() => type.of);
  const { length } = type.is === "tuple" ? type.of : { length: type.length ?? json.length };
  if (json.length !== length) fault("USAGE", field, `${typeText(type)} takes ${length} values, there are ${json.length}`);
  return of.map((one, at) => listFrom(one, json[at], `${field}.${at + 1}`));
}

function wordFrom(type: Type, text: string, field: string): Argument {
  const wrong = (words: string) => fault("USAGE", field, `${words} is expected for ${typeText(type)}`);
  switch (type.is) {
    case "uint":
    case "int":
      return /^(?:0|-?[1-9]\d{0,77})$/.test(text) ? BigInt(text) : wrong("a whole decimal number");
    case "bool":
      return text === "true" || text === "false" ? text === "true" : wrong("true or false");
    case "bytes":
      return /^0x(?:[0-9a-f]{2})*$/.test(text) ? fromHex(text.slice(2)) : wrong("0x and hex digits in lower case");
    default:
      return text;
  }
}
