/** `strongroom entry`: the address book: who may be paid once others have approved the entry, and who no longer. */

import type { Hash } from "@strongroom/core/bytes";
import { evm } from "@strongroom/core/chain/evm/evm";
import { demand } from "@strongroom/core/errors";
import { Entry } from "@strongroom/core/signed/entry";
import { encode } from "@strongroom/core/signed/object";
import { makeIntent } from "@strongroom/sdk/device/decision";
import { fetchEntry } from "@strongroom/sdk/vault/show";
import { openKey } from "../../device/keyFile.ts";
import { fault } from "../../faults.ts";
import type { Session } from "../../vault/session.ts";
import { type Answer, type At, asName, type Context, named, needed, SIGNING, type Verb, withSession } from "../../verb.ts";
import { OUT, requestIntent, WORDS, wordsFrom } from "./request.ts";
import { chainFrom, oneOf } from "./wallet.ts";

const CLASSES = ["exchange", "vasp", "self-hosted", "contract", "denied", "own"] as const;

export const entryNew: Verb = {
  name: "entry new",
  takes: "NAME",
  what: "request an address-book entry: a destination that may be paid once it is approved",
  options: {
    address: { value: "ADDRESS", what: "the address itself, with its checksum" },
    class: { value: "CLASS", what: `what it is: ${CLASSES.join(", ")}` },
    party: { value: "TEXT", what: "who is behind the address" },
    chain: { value: "ID", what: "chain id (default: the rulebook's only chain)" },
    assets: { value: "ASSET,…", what: "assets that may be paid to it; without it, any" },
    own: { value: "WALLET/INDEX", what: "for class own: where the vault derives the address" },
    method: { value: "METHOD", many: true, what: "for class contract: what may be called, like 'deposit(uint256)'" },
    "method-with-value": { value: "METHOD", many: true, what: "the same, and native value may go along" },
    "code-hash": { value: "HASH", what: "for class contract: Keccak-256 of its code, which sources of code facts state" },
    ...WORDS,
    ...OUT,
    ...SIGNING,
  },
  examples: [
    "entry new harbor --address 0x… --class exchange --party 'Harbor Exchange' --key tina",
    "entry new pool --address 0x… --class contract --party 'Pool' --method-with-value 'deposit(uint256)' --key tina",
  ],
  async run(context) {
    const [text = ""] = named(context, "NAME");
    const name = asName(text, "NAME");
    const type = oneOf(CLASSES, "class", needed(context, "class"));
    const own = ownFrom(context);
    if ((type === "own") !== (own !== undefined))
      fault("USAGE", "own", "--own WALLET/INDEX belongs to class own, and only there");
    const wish = {
      name,
      type,
      party: needed(context, "party"),
      address: needed(context, "address"),
      own,
      assets: assetsFrom(context),
      ...contractFrom(context),
    };
    needed(context, "key");
    return withSession(context, (session, at) => requestEntry(context, session, { ...wish, desk: at.desk }));
  },
};

type Wish = {
  readonly name: string;
  readonly type: (typeof CLASSES)[number];
  readonly party: string;
  readonly address: string;
  readonly own: Entry["own"];
  readonly assets: Entry["assets"];
} & Pick<Entry, "methods" | "codeHash">;

/** What may be called of a contract, and what its code is. Fails: CALL_INVALID, USAGE. */
function contractFrom(context: Context): Pick<Entry, "methods" | "codeHash"> {
  const [plain, paid] = [context.texts("method"), context.texts("method-with-value")];
  const methods = [...plain.map((method) => ({ method, value: false })), ...paid.map((method) => ({ method, value: true }))];
  for (const { method } of methods) evm.kindOf(method, "method");
  const code = context.text("code-hash");
  if (code !== undefined && !/^[0-9a-f]{64}$/.test(code)) fault("USAGE", "code-hash", "64 hex digits are expected");
  return { ...(methods.length > 0 && { methods }), ...(code !== undefined && { codeHash: code as Hash }) };
}

/** Assets that the entry is for; without the option, any. */
function assetsFrom(context: Context): Entry["assets"] {
  return context.text("assets")?.split(",") ?? "any";
}

function ownFrom(context: Context): Entry["own"] {
  const text = context.text("own");
  if (text === undefined) return undefined;
  const [, wallet, index] = /^([a-z0-9-]+)\/(0|[1-9]\d{0,8})$/.exec(text) ?? [];
  return wallet === undefined
    ? fault("USAGE", "own", "WALLET/INDEX is expected, like treasury/0")
    : { wallet, index: Number(index) };
}

async function requestEntry(context: Context, session: Session, wish: Wish & Pick<At, "desk">): Promise<Answer> {
  const { name, type, party, address, own, assets, methods, codeHash } = wish;
  const words = wordsFrom(context);
  const known = await session.ask({ command: "show", what: "entry", name });
  demand(known.code !== "OK", "ENTRY_EXISTS", "NAME", `there is an entry ${name} in force`);
  const chain = chainFrom(context, session);
  const foreign = assets === "any" ? undefined : assets.find((asset) => session.book().assets.get(asset)?.chain !== chain);
  demand(foreign === undefined, "ASSET_UNKNOWN", "assets", `${foreign} is not an asset of chain ${chain}`);
  const entry = encode(Entry, {
    version: 1,
    deployment: session.deployment,
    name,
    party,
    chain,
    address: evm.parseAddress(address, "address"),
    class: type,
    assets,
    ...(own === undefined ? {} : { own }),
    ...(methods === undefined ? {} : { methods }),
    ...(codeHash === undefined ? {} : { codeHash }),
  });
  const key = await openKey(context.home, needed(context, "key"), context.text("passphrase-file"));
  const bytes = makeIntent(session, key, { kind: "entry", entry }, words);
  return requestIntent(context, session, { desk: wish.desk, key, bytes });
}

export const entryRetire: Verb = {
  name: "entry retire",
  takes: "NAME",
  what: "request the end of an address-book entry: once approved and sent, it can no longer be paid",
  options: { ...WORDS, ...OUT, ...SIGNING },
  examples: ["entry retire harbor --key tina --purpose 'contract ended'"],
  async run(context) {
    const [text = ""] = named(context, "NAME");
    const name = asName(text, "NAME");
    const [signer, words] = [needed(context, "key"), wordsFrom(context)];
    return withSession(context, async (session, { desk }) => {
      const { hash } = await fetchEntry(session, name);
      const key = await openKey(context.home, signer, context.text("passphrase-file"));
      const bytes = makeIntent(session, key, { kind: "retire", name, hash }, words);
      return requestIntent(context, session, { desk, key, bytes });
    });
  },
};
