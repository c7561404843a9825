/** `strongroom key`: device keys, with which persons sign. Not account keys: those never leave the vault. */
import { toHex } from "@strongroom/core/bytes";
import { createKey, type DeviceKey, openKey } from "../device/keyFile.ts";
import { columns } from "../screen.ts";
import { type Answer, named, SIGNING, type Verb } from "../verb.ts";

const passphrase = { "passphrase-file": SIGNING["passphrase-file"] as Verb["options"][string] };

export const keyNew: Verb = {
  name: "key new",
  takes: "NAME",
  what: "make an Ed25519 device key, encrypted by a passphrase, in the folder keys",
  options: passphrase,
  examples: ["key new amy", "key new amy --passphrase-file ~/amy.passphrase"],
  async run(context) {
    const [name = ""] = named(context, "NAME");
    return describe(await createKey(context.home, name, context.text("passphrase-file")));
  },
};

export const keyShow: Verb = {
  name: "key show",
  takes: "NAME",
  what: "a key's id and public half, as administrators enrol it",
  options: passphrase,
  async run(context) {
    const [name = ""] = named(context, "NAME");
    return describe(await openKey(context.home, name, context.text("passphrase-file")));
  },
};

function describe(key: DeviceKey): Answer {
  const line = { scheme: "ed25519", publicKey: toHex(key.publicKey), class: "device" };
  const facts = columns([
    ["key", key.name],
    ["key id", key.id],
    ["public key", line.publicKey],
    ["rulebook", JSON.stringify(line)],
  ]);
  return {
    text: `${facts}\n\nCompare the key id with an administrator in person before it is enrolled.`,
    json: { name: key.name, id: key.id, key: line },
  };
}
