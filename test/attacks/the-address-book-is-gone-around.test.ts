/** A destination is paid although the book does not let it: an address outside the book, one on the deny list under another
 *  name, an entry before its cooling-off time, or an asset that the entry is not for. */
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import type { Entry } from "../../core/src/signed/entry.ts";
import type { IntentOf } from "../../core/src/signed/intent.ts";
import { TOKEN } from "../world/rulebook.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honest, honestlySigned, refused, request, type Siege, TWO } from "./attack.ts";

const { KEYS, DAY, NOW } = world;
const STRANGER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
const LATER = { notAfter: NOW + 30 * DAY };

const paying = ({ vault, book }: Siege, change: Partial<IntentOf<"pay">>) => {
  return () => vault.send(request(vault, world.pay(book, { ...LATER, ...change })));
};
const enter = ({ vault, book }: Siege, entry: Entry, reference = entry.name) => {
  return vault.run(world.enter(book, entry, { ...LATER, reference }), [KEYS.carl]);
};

attacks("an address is paid without being in the book, where only entries may be paid", () => {
  const siege = besiege({
    rulebook: (demo) => ({ rules: [...demo.rules, { ...OPEN, id: "book-only", effect: "deny", classes: ["one-time"] }] }),
  });
  const { vault, book } = siege;
  honestlySigned(vault, paying(siege, {}));
  refused(vault, "DENIED", "an address alone", paying(siege, { destination: { address: STRANGER } }));
  const acme = world.destinationOf(world.acme(book));
  const { hash, address } = acme;
  const wrong: readonly (readonly [string, IntentOf<"pay">["destination"]])[] = [
    ["an entry's address without the entry", { address }],
    ["a hash without an entry", { address: STRANGER, hash: hash as NonNullable<typeof hash> }],
    ["an entry without its hash", { address, entry: "acme" }],
    ["a stranger under an entry's name", { ...acme, address: STRANGER }],
    ["a token's contract", { address: TOKEN }],
  ];
  for (const [how, destination] of wrong) refused(vault, "ENTRY_MISMATCH", how, paying(siege, { destination }));
  for (const spelling of [STRANGER.toLowerCase(), STRANGER.toUpperCase().replace("0X", "0x"), ` ${STRANGER}`, "0x0"])
    refused(vault, "ADDRESS_INVALID", `spelt ${spelling}`, paying(siege, { destination: { address: spelling } }));
});

attacks("an address on the deny list is paid under another name", () => {
  const siege = besiege();
  const { vault, book } = siege;
  const acme = world.acme(book);
  honestlySigned(vault, paying(siege, {}));
  must(enter(siege, world.entryOf(book, { name: "sanctioned", address: acme.address, class: "denied" })));
  refused(vault, "DENIED", "by the entry from before", paying(siege, {}));
  const fresh = world.entryOf(book, { name: "harmless", address: acme.address });
  must(enter(siege, fresh));
  refused(vault, "DENIED", "by a new entry", paying(siege, { destination: world.destinationOf(fresh) }));
  const denied = world.entryOf(book, { name: "sanctioned", address: acme.address, class: "denied" });
  refused(vault, "DENIED", "by its own entry", paying(siege, { destination: world.destinationOf(denied) }));
  refused(vault, "ENTRY_MISMATCH", "outside the book", paying(siege, { destination: { address: acme.address } }));
  refused(vault, "DENIED", "in another asset", paying(siege, { asset: "usdx", amount: 1n }));
  const again = world.entryOf(book, { name: "shadow", address: acme.address, class: "denied" });
  refused(vault, "ENTRY_EXISTS", "by a second denial that is then retired", () => enter(siege, again));
  must(vault.run(world.retire(book, acme, { ...LATER, reference: "retire acme" }), [KEYS.carl]));
  must(enter(siege, acme, "acme again"));
  refused(vault, "DENIED", "by retiring and entering the good entry again", paying(siege, {}));
  vault.restart();
  refused(vault, "DENIED", "after a restart", paying(siege, {}));
});

attacks("a payment that is out is raised or replaced after its destination was denied", () => {
  const siege = besiege();
  const { vault, book } = siege;
  const paid = world.pay(book, LATER);
  must(vault.send(request(vault, paid)));
  const context = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 10n };
  const raise = () => vault.send(world.reprice(paid, { ...world.CONTEXT, ...context, gasLimit: 21_000 }));
  honest(vault, raise);
  must(enter(siege, world.entryOf(book, { name: "sanctioned", address: world.acme(book).address, class: "denied" })));
  refused(vault, "DENIED", "raised", raise);
  const replacement = world.pay(book, { ...LATER, reference: "again", replaces: world.intentId(paid) });
  refused(vault, "DENIED", "replaced", () =>
    vault.send(request(vault, replacement, { context: { ...context, gasLimit: 21_000 } })),
  );
});

attacks("an entry is paid before its cooling-off time is over", () => {
  const siege = besiege({
    rulebook: (demo) => ({ rules: [...demo.rules, { ...OPEN, ...NOTHING, id: "cool", kinds: ["pay"], entryAgeMs: DAY }] }),
  });
  const { vault, book } = siege;
  refused(vault, "ENTRY_TOO_YOUNG", "at once", paying(siege, {}));
  vault.now = { lo: NOW, hi: NOW + 3 * DAY };
  refused(vault, "ENTRY_TOO_YOUNG", "with the clock three days ahead", paying(siege, {}));
  vault.now = { lo: NOW + DAY, hi: NOW + DAY };
  honestlySigned(vault, paying(siege, {}));
  refused(vault, "ENTRY_TOO_YOUNG", "outside the book", paying(siege, { destination: { address: STRANGER } }));
  const acme = world.acme(book);
  const moved = world.entryOf(book, { name: "acme", party: acme.party, address: STRANGER });
  must(vault.run(world.retire(book, acme, { ...LATER, reference: "retire acme" }), [KEYS.carl]));
  must(enter(siege, moved, "acme elsewhere"));
  const destination = world.destinationOf(moved);
  refused(vault, "ENTRY_TOO_YOUNG", "another address under the old name", paying(siege, { destination }));
  refused(vault, "ENTRY_MISMATCH", "the old entry, which is not in force", paying(siege, {}));
});

attacks("an entry for one asset is paid in another", () => {
  const siege = besiege();
  const { vault, book } = siege;
  const entry = world.entryOf(book, { name: "usdx-desk", address: STRANGER, assets: ["usdx"] });
  must(enter(siege, entry));
  const destination = world.destinationOf(entry);
  honestlySigned(vault, paying(siege, { destination, asset: "usdx", amount: 1n }));
  refused(vault, "ENTRY_MISMATCH", "in ETH", paying(siege, { destination }));
  const open = { ...entry, assets: "any" as const };
  refused(vault, "ENTRY_MISMATCH", "with the list left out", paying(siege, { destination: world.destinationOf(open) }));
  refused(vault, "ASSET_UNKNOWN", "by an entry for an unknown asset", () =>
    vault.run(world.enter(book, { ...entry, name: "b", assets: ["btc"] }, LATER), TWO),
  );
});
