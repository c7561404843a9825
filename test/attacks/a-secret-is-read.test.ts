/** A seed, a key or the passphrase is read from the data directory, from what the program prints, from an error or from any
 *  answer. Everything that leaves a real vault is gathered and searched for every secret in every spelling. What is left to
 *  the operating system (memory, core dumps) is not looked at here. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { derivePrivateKey } from "../../core/src/keys/hd.ts";
import type { Command } from "../../core/src/protocol/command.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { wordlist } from "../../vault/node_modules/@scure/bip39/wordlists/english.js";
import { openKeystoreFile } from "../../vault/src/host/keys/file.ts";
import { openKeystore, seedOfEntropy } from "../../vault/src/host/keys/software.ts";
import { program } from "../../vault/src/host/program.ts";
import { mind } from "../../vault/src/mind.ts";
import * as world from "../world/world.ts";
import { attacks, fails, TWO } from "./attack.ts";
import { fresh, keyFault, PASSPHRASE, type RealVault, realVault } from "./real.ts";

const { KEYS } = world;

/** Every secret of a vault by its name. */
async function secretsOf(house: RealVault): Promise<ReadonlyMap<string, Buffer>> {
  const { secrets } = await openKeystoreFile(join(house.data, "keystore"), Buffer.from(PASSPHRASE));
  const seed = seedOfEntropy(secrets.entropy);
  const paths = ["m/44'/60'/0'", "m/44'/60'/0'/0/0"];
  return new Map([
    ["entropy", secrets.entropy],
    ["seed", seed],
    ["half of the seed", seed.subarray(0, 32)],
    ["identity seed", secrets.identitySeed],
    ["journal key", secrets.journalKey],
    ["passphrase", Buffer.from(PASSPHRASE)],
    ...paths.map((path) => [`key ${path}`, Buffer.from(derivePrivateKey(seed, path))] as const),
  ]);
}

/** What a secret may look like in text or bytes. */
function spellings(secret: Buffer): readonly Buffer[] {
  const hex = secret.toString("hex");
  const list = [...secret].join(",");
  return [
    secret,
    ...[hex, hex.toUpperCase(), secret.toString("base64"), secret.toString("base64url"), list, [...secret].join(", ")].map(
      (text) => Buffer.from(text.replace(/=+$/, "")),
    ),
    Buffer.from(secret.toReversed()),
  ];
}

async function demandAbsent(secrets: ReadonlyMap<string, Buffer>, found: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [name, secret] of secrets) {
    await fails(() => {
      for (const [where, bytes] of found) {
        for (const spelling of spellings(secret))
          assert.equal(Buffer.from(bytes).includes(spelling), false, `${name} in ${where}`);
      }
    });
  }
}

const unexpected = () => assert.fail("it was refused before");

async function filesOf(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const entries = await fs.readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (file) => [file, await fs.readFile(file)] as const)));
}

/** One of every command, honest, refused and broken. */
async function everyAnswer(house: RealVault): Promise<ReadonlyMap<string, Uint8Array>> {
  const { book, signedGenesis: genesis, signedRulebook: rulebook } = house.made;
  const { head } = await house.ground();
  const freeze = { ...world.freeze(book), notAfter: Date.now() + world.HOUR };
  const bare: readonly Parameters<typeof world.command>[0][] = [
    { command: "status" },
    { command: "head" },
    { command: "protections" },
    { command: "found", genesis, rulebook },
    { command: "rulebook", rulebook, approvals: [] },
    { command: "inform", facts: [randomBytes(100)] },
    { command: "object", approval: randomBytes(100) },
    { command: "witness", head },
    { command: "address", wallet: "treasury", index: 7 },
    { command: "address", wallet: PASSPHRASE.split(" ")[0] as string, index: 0 },
    { command: "register", intent: encode(Intent, house.pay("later")), approvals: [] },
    ...(["rulebook", "wallet", "entry", "execution"] as const).map(
      (what) => ({ command: "show", what, name: "treasury" }) as const,
    ),
  ];
  const commands: (Command | Uint8Array)[] = [
    ...bare.map(fresh),
    await house.request(house.pay("pay-1"), TWO),
    await house.request(house.pay("pay-2"), [KEYS.amy]),
    await house.request(freeze, []),
    randomBytes(300),
    new Uint8Array(),
  ];
  const answers = new Map<string, Uint8Array>();
  for (const [at, command] of commands.entries()) answers.set(`answer ${at}`, (await house.ask(command)).bytes);
  return answers;
}

attacks("a secret is in the data folder or in an answer", async () => {
  const { house, clean } = await realVault();
  const secrets = await secretsOf(house);
  const answers = await everyAnswer(house);
  await demandAbsent(secrets, answers);
  await house.stop();
  const files = await filesOf(house.data);
  assert.ok([...files.keys()].some((name) => name.endsWith("keystore")) && files.size > 3);
  await demandAbsent(secrets, files);
  const seed = secrets.get("seed") as Buffer;
  const words = wordlist.filter((word) => [...files.values()].some((bytes) => Buffer.from(bytes).includes(` ${word} `)));
  assert.deepEqual(words, [], "no words of a mnemonic either");
  assert.ok(
    spellings(seed).some((spelling) => Buffer.concat([seed]).includes(spelling)),
    "the search finds what is there",
  );
  await clean();
});

attacks("a secret is in an error or in what the program prints", async () => {
  const { house, clean } = await realVault();
  await house.stop();
  const secrets = await secretsOf(house);
  const said: string[] = [];
  const run = async (args: readonly string[], input: string) => {
    const streams = {
      input: (async function* () {
        yield Buffer.from(input);
      })(),
      out: (line: string) => said.push(line),
      error: (text: string) => said.push(text),
    };
    said.push(String(await program([...args, "--data", house.data, "--stdin"], mind, streams)));
  };
  await run(["verify"], `${PASSPHRASE}\n`);
  await run(["verify"], `${PASSPHRASE}x\n`);
  await run(["verify"], PASSPHRASE.slice(0, 3));
  await run(["init"], `${PASSPHRASE}\n`);
  await run(["nonsense", PASSPHRASE.slice(0, 4)], `${PASSPHRASE}\n`);
  const keystore = await openKeystore(join(house.data, "keystore"), Buffer.from(PASSPHRASE));
  const spec = { id: KEYS.vault.id, path: "m/44'/60'/0'/0/0", scheme: "secp256k1" } as const;
  for (const work of [
    () => keystore.create(spec),
    () =>
      keystore.sign(
        { id: spec.id, parts: [{ path: "m", family: "evm", scheme: "secp256k1", bytes: randomBytes(32) }] },
        new AbortController().signal,
      ),
    () => openKeystore(join(house.data, "keystore"), Buffer.from(`${PASSPHRASE}?`)),
  ]) {
    await work().then(unexpected, (error: unknown) => said.push(inspect(error, { depth: 9, showHidden: true })));
  }
  said.push(
    inspect({ identity: keystore.identity.sign(randomBytes(32)), kind: keystore.kind, work: keystore.work }, { depth: 9 }),
  );
  keystore.close();
  assert.ok(said.length > 10 && said.join("").includes("KEYSTORE_LOCKED"));
  await demandAbsent(secrets, new Map(said.map((text, at) => [`text ${at}: ${text.slice(0, 40)}`, Buffer.from(text)])));
  await clean();
});

attacks("a closed key store still knows its secrets", async () => {
  const { house, clean } = await realVault();
  await house.stop();
  const keystore = await openKeystore(join(house.data, "keystore"), Buffer.from(PASSPHRASE));
  const { key } = keystore.owner;
  assert.notDeepEqual(Buffer.from(key), Buffer.alloc(32));
  keystore.close();
  await fails(() => assert.deepEqual(Buffer.from(key), Buffer.alloc(32), "the journal key is cleared"));
  await fails(async () => {
    const spec = { id: KEYS.vault.id, path: "m/44'/60'/0'", scheme: "secp256k1" } as const;
    await assert.rejects(keystore.create(spec), keyFault("KEY_CLOSED"));
  });
  await clean();
});
