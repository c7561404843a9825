/** Who states: a source of the rulebook with its own key, and the way to the server that takes what it signs. */
import { equal, type Hash } from "@strongroom/core/bytes";
import type { Book, Source } from "@strongroom/core/rulebook/book";
import { Fact } from "@strongroom/core/signed/fact";
import { encode, type Kind } from "@strongroom/core/signed/object";
import type { Client } from "@strongroom/sdk/client";
import { signObject } from "@strongroom/sdk/device/signer";
import { openGenesis, openRulebook } from "@strongroom/sdk/verify/rulebook";
import { clientFrom } from "../../desk/reach.ts";
import { type DeviceKey, openKey } from "../../device/keyFile.ts";
import { readPin } from "../../device/trust.ts";
import { fault } from "../../faults.ts";
import { asName, type Context, needed, SIGNING, type Verb } from "../../verb.ts";

/** Options by which a source is named. */
export const WHO: Verb["options"] = {
  name: { value: "NAME", what: "the source, as the rulebook names it" },
  key: { value: "NAME", what: "its key: a name in the folder keys, or a .pem file (default: the source's name)" },
  "passphrase-file": SIGNING["passphrase-file"] as Verb["options"][string],
};

export type Who = {
  readonly name: string;
  readonly key: DeviceKey;
  readonly client: Client;
  readonly deployment: Hash;
  /** The vault's identity key as hex. */
  readonly vaultKey: string;
  /** The rulebook that is in force now, by administrators that are known here. Fails: the alarms, `ApiProblem`. */
  book(): Promise<Book>;
  /** The source, as the rulebook in force names it with this very key. Fails: USAGE, as `book`. */
  source(): Promise<Source>;
};

/** Fails: USAGE, NO_PIN, those of `openKey` and `clientFrom`. */
export async function whoStates(context: Context): Promise<Who> {
  const name = asName(needed(context, "name"), "name");
  const key = await openKey(context.home, context.text("key") ?? name, context.text("passphrase-file"));
  const client = await clientFrom(asSource(context));
  const deployment = (await readPin(context.home)) ?? fault("NO_PIN", context.home, "there is no file genesis.pin");
  const shown = await client.call("vault.get");
  const genesis = openGenesis(shown.genesis, deployment);
  let known = { signed: shown.rulebook, book: openRulebook(shown.rulebook, genesis, null) };
  const book = async () => {
    const { rulebook: signed } = await client.call("vault.get");
    if (!equal(signed, known.signed)) known = { signed, book: openRulebook(signed, genesis, known.book) };
    return known.book;
  };
  return {
    name,
    key,
    client,
    deployment,
    vaultKey: genesis.vaultKey,
    book,
    source: async () => demandSource(await book(), { name, key }),
  };
}

/** The source of this name and key. Fails: USAGE. */
export function demandSource(book: Book, { name, key }: Pick<Who, "name" | "key">): Source {
  const found = book.sources.get(name) ?? fault("USAGE", "name", `the rulebook names no source ${name}`);
  return equal(found.publicKey, key.publicKey) ? found : fault("USAGE", "key", `the rulebook knows another key of ${name}`);
}

/** The command line of a source that acts with the token of its own name, wherever its key lies. */
export function asSource(context: Context): Context {
  return { ...context, text: (option) => context.text(option === "key" ? "name" : option) };
}

/** The fact in its envelope, signed. */
export function signFact({ key }: Pick<Who, "key">, fact: Fact): Promise<Uint8Array> {
  return signObject(Fact as Kind<unknown>, encode(Fact, fact), [key]);
}
