/** The papers of another ceremony than the demonstration's: the same persons, a rulebook with some fields changed. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { toHex } from "@strongroom/core/bytes";
import type { Nonce } from "@strongroom/core/signed/fields";
import { Genesis } from "@strongroom/core/signed/genesis";
import { encode, type Kind } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { signObject } from "@strongroom/sdk/device/signer";
import type { Keys } from "../../cli/src/demo/ceremony.ts";
import { demoRulebook, GROUPS, SOURCES } from "../../cli/src/demo/rulebook.ts";
import { writeWhole } from "../../cli/src/device/files.ts";

/** Signed by the administrators, where the ceremony looks for them. */
export async function writePapers(
  home: string,
  { keys, vaultKey }: { readonly keys: Keys; readonly vaultKey: string },
  change: (plain: Rulebook) => Partial<Rulebook>,
): Promise<void> {
  const administrators = await Promise.all(GROUPS.administrators.map((name) => keys(name)));
  const genesis: Genesis = {
    version: 1,
    institution: "Another Bank",
    demonstration: true,
    createdAt: Date.now(),
    vaultKey,
    administrators: administrators.map((key) => ({ person: key.name, scheme: "ed25519", publicKey: toHex(key.publicKey) })),
    threshold: 2,
    nonce: randomBytes(16).toString("hex") as Nonce,
  };
  const publicKeys = new Map<string, Uint8Array>();
  for (const name of [...new Set([...Object.values(GROUPS).flat(), ...SOURCES])])
    publicKeys.set(name, (await keys(name)).publicKey);
  const plain = demoRulebook(genesis, publicKeys);
  const papers = { genesis: encode(Genesis, genesis), rulebook: encode(Rulebook, { ...plain, ...change(plain) }) };
  const signed = (kind: Kind<unknown>, bytes: Uint8Array) => signObject(kind, bytes, administrators);
  await writeWhole(join(home, "ceremony", "genesis.cbor"), await signed(Genesis as Kind<unknown>, papers.genesis));
  await writeWhole(join(home, "ceremony", "rulebook.cbor"), await signed(Rulebook as Kind<unknown>, papers.rulebook));
}
