/** Client A's transfer to client B passes as internal, and B's valid address attestation is shown to A. The class of a
 *  destination is derived from the owner of the address, whatever its entry says; an attestation names its client, wallet
 *  and deployment. */
import assert from "node:assert/strict";
import { verifyEd25519 } from "../../core/src/keys/ed25519.ts";
import { WalletBody } from "../../core/src/protocol/command.ts";
import { OPEN } from "../../core/src/rulebook/open.ts";
import { Attestation } from "../../core/src/signed/attestation.ts";
import type { Entry } from "../../core/src/signed/entry.ts";
import { challengeOf, decode, encode, Signed } from "../../core/src/signed/object.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, fails, honest, honestlySigned, refused, type Siege, TWO, withBody, withRule } from "./attack.ts";

const { KEYS } = world;

/** Two clients with a wallet each, and one omnibus wallet; payments to another client's address are denied. */
function siegeOf(): Siege & { addressOf: (wallet: string) => string } {
  const siege = besiege({
    rulebook: (demo) =>
      withRule(demo, { ...OPEN, id: "segregation", effect: "deny", kinds: ["pay"], classes: ["client-owned"] }),
  });
  const { vault, book } = siege;
  const addressOf = (wallet: string) => {
    const { body } = must(vault.send(world.command({ command: "address", wallet, index: 0 })));
    return decode(Attestation, body).address;
  };
  for (const client of ["client-a", "client-b"]) {
    must(vault.run(world.wallet(book, { wallet: `of-${client}`, client }), [KEYS.carl]));
    addressOf(`of-${client}`);
  }
  must(vault.run(world.wallet(book, { wallet: "spare", client: "client-a" }), [KEYS.carl]));
  return { ...siege, addressOf };
}

attacks("an entry says own for another client's address", () => {
  const { vault, book, addressOf } = siegeOf();
  const entry = (name: string, wallet: string): Entry =>
    world.entryOf(book, { name, address: addressOf(wallet), class: "own", own: { wallet, index: 0 } });
  const [mine, theirs, common] = [entry("mine", "spare"), entry("theirs", "of-client-b"), entry("common", "treasury")];
  for (const item of [mine, theirs, common]) must(vault.run(world.enter(book, item), [KEYS.carl]));
  const pay = (wallet: string, to: Entry) => vault.run(world.pay(book, { wallet, destination: world.destinationOf(to) }), TWO);
  honestlySigned(vault, () => pay("of-client-a", mine));
  refused(vault, "DENIED", "client A pays client B", () => pay("of-client-a", theirs));
  refused(vault, "DENIED", "client B pays client A", () => pay("of-client-b", mine));
  refused(vault, "DENIED", "the omnibus wallet pays a client", () => pay("treasury", theirs));
  refused(vault, "DENIED", "a client pays the omnibus wallet", () => pay("of-client-a", common));
});

attacks("another client's address is entered as a stranger's", () => {
  const { vault, book, addressOf } = siegeOf();
  const address = addressOf("of-client-b");
  const enter = (change: Partial<Entry>) =>
    vault.run(world.enter(book, world.entryOf(book, { name: "b", address, ...change })), [KEYS.carl]);
  honest(vault, () => enter({ class: "own", own: { wallet: "of-client-b", index: 0 } }));
  for (const item of ["exchange", "vasp", "self-hosted", "contract"] as const) {
    refused(vault, "ENTRY_MISMATCH", item, () => enter({ class: item }));
  }
  refused(vault, "ENTRY_MISMATCH", "as the payer's own", () =>
    enter({ class: "own", own: { wallet: "of-client-a", index: 0 } }),
  );
  const own = { wallet: "of-client-b", index: 0 };
  refused(vault, "ENTRY_MISMATCH", "an exchange that names the wallet", () => enter({ class: "exchange", own }));
  refused(vault, "ENTRY_MISMATCH", "under another index", () =>
    enter({ class: "own", own: { wallet: "of-client-b", index: 1 } }),
  );
});

attacks("another client's address is entered as a stranger's before it is attested", () => {
  const { vault, book } = siegeOf();
  const future = besiege().vault;
  must(future.run(world.wallet(book, { wallet: "of-client-a", client: "client-a" }), [KEYS.carl]));
  must(future.run(world.wallet(book, { wallet: "of-client-b", client: "client-b" }), [KEYS.carl]));
  const { body } = must(future.send(world.command({ command: "address", wallet: "of-client-b", index: 5 })));
  const entry = world.entryOf(book, { name: "b", address: decode(Attestation, body).address });
  must(vault.run(world.enter(book, entry), [KEYS.carl]));
  const pay = () => vault.run(world.pay(book, { wallet: "of-client-a", destination: world.destinationOf(entry) }), TWO);
  honestlySigned(vault, pay);
  must(vault.send(world.command({ command: "address", wallet: "of-client-b", index: 5 })));
  refused(vault, "DENIED", "once it is known whose it is", pay);
});

attacks("the client or the wallet of an attestation is forged", async () => {
  const { vault, made } = siegeOf();
  const { body } = must(vault.send(world.command({ command: "address", wallet: "of-client-b", index: 0 })));
  const attestation = decode(Attestation, body);
  assert.equal(attestation.client, "client-b");
  const shown = must(vault.send(world.command({ command: "show", what: "wallet", name: "of-client-b" })));
  assert.equal(decode(WalletBody, shown.body).client, "client-b");
  assert.equal(attestation.wallet, "of-client-b");
  assert.equal(attestation.deployment, made.deployment);
  const signed = world.sign(Attestation, body, KEYS.vault);
  const verifies = (bytes: Uint8Array) => {
    const { body: shown, signatures } = decode(Signed, bytes);
    return verifyEd25519(KEYS.vault.publicKey, challengeOf(Attestation, shown), signatures[0]?.signature as Uint8Array);
  };
  assert.ok(verifies(signed));
  const changes: readonly Partial<Attestation>[] = [
    { client: "client-a" },
    { wallet: "of-client-a" },
    { chain: 1 },
    { index: 1 },
    { path: "m/44'/60'/0'/0/0" },
    { address: world.acme(made.book).address },
    { deployment: world.ZERO },
  ];
  for (const change of changes) {
    await fails(() => assert.equal(verifies(withBody(signed, encode(Attestation, { ...attestation, ...change }))), false));
  }
  refused(vault, "WALLET_UNKNOWN", "an address of a wallet that is not there", () =>
    vault.send(world.command({ command: "address", wallet: "of-client-c", index: 0 })),
  );
});
