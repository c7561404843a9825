/** The request is changed after it was approved: whatever is swapped, the approvals are for something else. */

import { OPEN } from "../../core/src/rulebook/open.ts";
import { Approval } from "../../core/src/signed/approval.ts";
import type { Intent, IntentOf } from "../../core/src/signed/intent.ts";
import { Intent as IntentKind } from "../../core/src/signed/intent.ts";
import { decode, encode, Signed } from "../../core/src/signed/object.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honestlySigned, refused, type Siege, TWO, withBody } from "./attack.ts";

const { KEYS, ETH } = world;

/** A second chain with its own coin, and a second wallet, so that every field has another valid value. */
function siegeOf(): Siege {
  const siege = besiege({
    rulebook: (demo) => ({
      chains: [...demo.chains, { ...(demo.chains[0] as (typeof demo.chains)[number]), id: 1, name: "other", native: "oth" }],
      assets: [...demo.assets, { id: "oth", chain: 1, decimals: 18 }],
      rules: [...demo.rules, { ...OPEN, id: "allow-all", effect: "allow" }],
    }),
  });
  const { vault, book } = siege;
  must(vault.run(world.wallet(book, { wallet: "second" }), [KEYS.carl]));
  must(vault.run(world.wallet(book, { wallet: "treasury-2", chain: 1 }), [KEYS.carl]));
  return siege;
}

function variations({ book }: Siege): { readonly [how: string]: Partial<IntentOf<"pay">> } {
  const { acme, zoe, destinationOf, NOW, HOUR } = world;
  return {
    "another destination": { destination: destinationOf(zoe(book)) },
    "another entry name": { destination: { ...destinationOf(acme(book)), entry: "zoe" } },
    "another entry hash": { destination: { ...destinationOf(acme(book)), hash: world.entryId(zoe(book)) } },
    "another address": { destination: { ...destinationOf(acme(book)), address: zoe(book).address } },
    "another asset": { asset: "usdx" },
    "a larger amount": { amount: ETH + 1n },
    "a smaller amount": { amount: ETH - 1n },
    "ten times the amount": { amount: 10n * ETH },
    "another wallet": { wallet: "second" },
    "a higher fee limit": { totalFee: ETH / 10n },
    "another chain": { chain: 1, asset: "oth", wallet: "treasury-2" },
    "another purpose": { purpose: "salaries" },
    "another reference": { reference: "pay-2" },
    "a later expiry": { notAfter: NOW + 3 * HOUR },
    "another nonce": { nonce: world.nonceOf("another") },
    "another initiator": { initiator: KEYS.tina.id },
    "as a replacement": { replaces: world.intentId(world.wallet(book)) },
  };
}

attacks("the server swaps a field and keeps the approvals", () => {
  const siege = siegeOf();
  const { vault, book } = siege;
  const intent = world.pay(book);
  const approvals = world.approveAll(vault.ground(), intent, TWO);
  honestlySigned(vault, () => vault.send(world.execute([intent], approvals)));
  for (const [how, change] of Object.entries(variations(siege))) {
    const other = world.pay(book, change);
    refused(vault, "APPROVAL_FOREIGN", how, () => vault.send(world.execute([other], approvals)));
  }
});

attacks("the server rewrites the approvals to fit the changed request", () => {
  const siege = siegeOf();
  const { vault, book } = siege;
  const intent = world.pay(book);
  const approvals = world.approveAll(vault.ground(), intent, TWO);
  honestlySigned(vault, () => vault.send(world.execute([intent], approvals)));
  for (const [how, change] of Object.entries(variations(siege))) {
    const other = world.pay(book, change);
    const fitting = world.approveAll(vault.ground(), other, TWO);
    const forged = approvals.map((bytes, at) => withBody(bytes, decode(Signed, fitting[at] as Uint8Array).body));
    refused(vault, how === "another initiator" ? "KEY_UNKNOWN" : "SIGNATURE_INVALID", how, () =>
      vault.send(world.execute([other], forged)),
    );
  }
});

attacks("the initiator himself changes his request after the others approved", () => {
  const siege = siegeOf();
  const { vault, book } = siege;
  const intent = world.pay(book);
  const [, amy, bob] = world.approveAll(vault.ground(), intent, TWO) as [Uint8Array, Uint8Array, Uint8Array];
  for (const [how, change] of Object.entries(variations(siege))) {
    const other = world.pay(book, change);
    const by = how === "another initiator" ? KEYS.tina : KEYS.tom;
    const own = world.approve(vault.ground(), other, { key: by, decision: "initiate" });
    refused(vault, "APPROVAL_FOREIGN", how, () => vault.send(world.execute([other], [own, amy, bob])));
  }
  const larger = world.pay(book, { amount: 2n * ETH });
  const own = world.approve(vault.ground(), larger, { key: KEYS.tom, decision: "initiate" });
  honestlySigned(vault, () => vault.send(world.execute([intent], world.approveAll(vault.ground(), intent, TWO))));
  refused(vault, "QUORUM_MISSING", "alone", () => vault.send(world.execute([larger], [own])));
  const two: readonly Intent[] = [intent, { ...larger, reference: "pay-2" }];
  const mine = two.map((item) => world.approve(vault.ground(), item, { key: KEYS.tom, decision: "initiate" }));
  refused(vault, "QUORUM_MISSING", "in a batch with what was approved", () =>
    vault.send(world.execute(two, [...mine, amy, bob])),
  );
});

attacks("the intent's bytes carry more than the approvers saw", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const command = world.execute([intent], world.approveAll(vault.ground(), intent, TWO));
  honestlySigned(vault, () => vault.send(command));
  const [order] = command.orders as [(typeof command.orders)[number]];
  const bytes = encode(IntentKind, intent);
  const with17 = Uint8Array.of((bytes[0] as number) + 1, ...bytes.subarray(1), 0x18, 0x19, 0x41, 0x00);
  refused(vault, "UNKNOWN_FIELD", "an unknown field", () => vault.send({ ...command, orders: [{ ...order, intent: with17 }] }));
  const data = Uint8Array.of((bytes[0] as number) + 1, ...bytes.subarray(1), 0x11, 0x61, 0x61);
  refused(vault, "UNKNOWN_FIELD", "a field of another kind", () =>
    vault.send({ ...command, orders: [{ ...order, intent: data }] }),
  );
  const trailing = Uint8Array.of(...bytes, 0);
  refused(vault, "MALFORMED", "bytes after the end", () =>
    vault.send({ ...command, orders: [{ ...order, intent: trailing }] }),
  );
});

attacks("the approval's own fields are changed and signed by nobody", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const approvals = world.approveAll(vault.ground(), intent, TWO);
  honestlySigned(vault, () => vault.send(world.execute([intent], approvals)));
  const [tom, amy, bob] = approvals as [Uint8Array, Uint8Array, Uint8Array];
  const given = decode(Approval, decode(Signed, amy).body);
  const forged: readonly [string, Partial<Approval>][] = [
    ["a later expiry", { notAfter: given.notAfter + 1 }],
    ["the same boot, another position", { head: { seq: 1, hash: world.ZERO } }],
    ["initiate", { decision: "initiate" }],
  ];
  const codes = ["SIGNATURE_INVALID", "HEAD_UNKNOWN", "SIGNATURE_INVALID"] as const;
  forged.forEach(([how, change], at) => {
    const bytes = withBody(amy, encode(Approval, { ...given, ...change }));
    refused(vault, codes[at] as (typeof codes)[number], how, () => vault.send(world.execute([intent], [tom, bytes, bob])));
  });
});
