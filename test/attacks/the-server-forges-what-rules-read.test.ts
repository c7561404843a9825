/** The server forges initiator, client, wallet class, tags, decimals or names that a rule or the text reads. Nothing of
 *  that comes from the server: each is in the intent, in the rulebook, in a signed entry, or in the vault's own memory. */
import assert from "node:assert/strict";
import { attempt } from "../../core/src/errors.ts";
import { Command } from "../../core/src/protocol/command.ts";
import { OPEN } from "../../core/src/rulebook/open.ts";
import type { Entry } from "../../core/src/signed/entry.ts";
import type { Intent, IntentOf } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { render } from "../../core/src/text/render.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, fails, honest, honestlySigned, refused, request, TWO, withRule } from "./attack.ts";

const { KEYS, ETH } = world;

attacks("the initiator is forged", () => {
  const { vault, book } = besiege();
  honestlySigned(vault, () => vault.run(world.pay(book), TWO));
  const carl = world.pay(book, { initiator: KEYS.carl.id });
  refused(vault, "NOT_ALLOWED", "an approver initiates a payment", () => vault.run(carl, TWO));
  const tom = world.retire(book, world.acme(book), { initiator: KEYS.tom.id });
  honest(vault, () => vault.run(world.retire(book, world.acme(book)), [KEYS.carl]));
  refused(vault, "NOT_ALLOWED", "a trader keeps the address book", () => vault.run(tom, [KEYS.tina, KEYS.carl]));
  const claimed = world.pay(book, { initiator: KEYS.tina.id });
  const approvals = TWO.map((key) => world.approve(vault.ground(), claimed, { key }));
  const byTom = world.approve(vault.ground(), claimed, { key: KEYS.tom, decision: "initiate" });
  refused(vault, "DECISION_WRONG", "tom as tina", () => vault.send(world.execute([claimed], [byTom, ...approvals])));
  const ghost = world.pay(book, { initiator: KEYS.mallory.id });
  refused(vault, "KEY_UNKNOWN", "nobody", () => vault.run(ghost, TWO));
});

attacks("the wallet is another one, or on another chain", () => {
  const { vault, book } = besiege({
    rulebook: (demo) => ({
      chains: [...demo.chains, { ...(demo.chains[0] as (typeof demo.chains)[number]), id: 1, name: "other", native: "oth" }],
      assets: [...demo.assets, { id: "oth", chain: 1, decimals: 6 }],
      ...withRule(demo, { ...OPEN, id: "all", effect: "allow" }),
    }),
  });
  const pay = (change: Partial<IntentOf<"pay">>) => vault.run(world.pay(book, change), TWO);
  honestlySigned(vault, () => pay({}));
  refused(vault, "WALLET_UNKNOWN", "a wallet that is not there", () => pay({ wallet: "second" }));
  refused(vault, "WALLET_UNKNOWN", "a wallet of another chain", () => pay({ chain: 1, asset: "oth" }));
  const bare = (intent: Intent) => vault.send(world.execute([intent], []));
  refused(vault, "ASSET_UNKNOWN", "an asset of another chain", () => bare(world.pay(book, { asset: "oth" })));
  refused(vault, "ASSET_UNKNOWN", "an asset that is not there", () => bare(world.pay(book, { asset: "btc" })));
  refused(vault, "CHAIN_UNKNOWN", "a chain that is not there", () => bare(world.cancel(book, world.ZERO, { chain: 7 })));
  must(vault.run(world.wallet(book, { wallet: "other", chain: 1 }), [KEYS.carl]));
  must(vault.send(world.command({ command: "address", wallet: "other", index: 0 })));
  refused(vault, "ENTRY_MISMATCH", "an entry of another chain", () => pay({ chain: 1, asset: "oth", wallet: "other" }));
  refused(vault, "WALLET_EXISTS", "a second wallet of one name", () =>
    vault.run(world.wallet(book, { wallet: "treasury", chain: 1, reference: "again" }), [KEYS.carl]),
  );
  refused(vault, "CHAIN_UNKNOWN", "a wallet on a chain that is not there", () =>
    bare(world.wallet(book, { chain: 7, wallet: "third" })),
  );
});

attacks("a wallet is opened twice while the key store is slow", () => {
  const { vault, book } = besiege();
  const first = world.wallet(book, { wallet: "second" });
  const again = world.wallet(book, { wallet: "second", client: "client-b", reference: "again" });
  honest(vault, () => vault.run(again, [KEYS.carl]));
  vault.hold = true;
  vault.run(first, [KEYS.carl]);
  refused(vault, "WALLET_EXISTS", "for another client", () => vault.run(again, [KEYS.carl]));
});

attacks("amounts, decimals and names come with the request", async () => {
  const { vault, book } = besiege();
  const command = request(vault, world.pay(book));
  honestlySigned(vault, () => vault.send(command));
  const [order] = command.orders as [(typeof command.orders)[number]];
  for (const extra of ["client", "decimals", "tags", "walletClass", "class", "name", "party", "price", "confirmed"]) {
    await fails(() => {
      const intent = attempt(() => world.intentId({ ...world.pay(book), [extra]: "x" } as Intent));
      assert.equal(intent.ok ? "OK" : intent.code, "UNKNOWN_FIELD");
      const context = { ...order.context, [extra]: 1n };
      const sent = attempt(() => encode(Command, { ...command, orders: [{ ...order, context }] } as Command));
      assert.equal(sent.ok ? "OK" : sent.code, "UNKNOWN_FIELD");
    });
  }
  const text = render(world.pay(book, { asset: "usdx", amount: 1_500_000n }), book);
  assert.match(text, /1\.5 usdx/, "decimals are the rulebook's");
  refused(vault, "NOT_ALLOWED", "above what any rule allows", () =>
    vault.run(world.pay(book, { amount: 10n * ETH + 1n }), TWO),
  );
});

attacks("the class of a destination is forged", () => {
  const { vault, book } = besiege();
  const zoe = world.zoe(book);
  const pay = (entry: Parameters<typeof world.destinationOf>[0], facts: readonly Uint8Array[]) =>
    vault.run(world.pay(book, { destination: world.destinationOf(entry) }), TWO, { facts });
  honestlySigned(vault, () => pay(zoe, [world.screening(book, zoe)]));
  refused(vault, "FACT_MISSING", "it is self-hosted, whoever asks", () => pay(zoe, []));
  refused(vault, "ENTRY_MISMATCH", "an entry that says exchange", () => pay({ ...zoe, class: "exchange" }, []));
  const own = { ...zoe, class: "own" as const, own: { wallet: "treasury", index: 0 } };
  refused(vault, "ENTRY_MISMATCH", "an entry that says own", () => pay(own, []));
  const fresh = { name: "new", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" };
  const enter = (change: Partial<Entry>) => {
    const intent = world.enter(book, world.entryOf(book, { ...fresh, ...change }), { reference: "fresh" });
    return change.chain === undefined ? vault.run(intent, [KEYS.carl]) : vault.send(world.execute([intent], []));
  };
  honest(vault, () => enter({}));
  refused(vault, "ENTRY_MISMATCH", "a stranger's address as own", () =>
    enter({ class: "own", own: { wallet: "treasury", index: 0 } }),
  );
  refused(vault, "ENTRY_MISMATCH", "own without a wallet", () => enter({ class: "own" }));
  refused(vault, "ENTRY_MISMATCH", "an exchange with a wallet", () => enter({ own: { wallet: "treasury", index: 0 } }));
  refused(vault, "ENTRY_EXISTS", "under a name that is taken", () => enter({ name: "acme" }));
  refused(vault, "WRONG_DEPLOYMENT", "for another deployment", () => enter({ deployment: world.ZERO }));
  refused(vault, "CHAIN_UNKNOWN", "on a chain that is not there", () => enter({ chain: 7 }));
  refused(vault, "ADDRESS_INVALID", "without checksum", () => enter({ address: "0x90f79bf6eb2c4f870365e785982e1f101e93b906" }));
  refused(vault, "ADDRESS_INVALID", "with a wrong checksum", () =>
    enter({ address: "0x90F79bf6EB2c4f870365E785982E1f101E93B906" }),
  );
  refused(vault, "ADDRESS_INVALID", "no address", () => enter({ address: "acme" }));
});
