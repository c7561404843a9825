/** A clean verdict that was superseded by an adverse one is replayed; the newest date per source and subject is remembered. */
import { type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honestlySigned, refused, request } from "./attack.ts";

const { NOW, MINUTE } = world;

function siegeOf() {
  const { vault, book } = besiege();
  const zoe = world.zoe(book);
  const intent = world.pay(book, { destination: world.destinationOf(zoe) });
  const clean = world.screening(book, zoe);
  const adverse = world.screening(book, zoe, { at: NOW + MINUTE, verdict: "adverse" });
  const send = (...facts: readonly Uint8Array[]) => vault.send(request(vault, intent, { facts }));
  const inform = (...facts: readonly Uint8Array[]) => vault.send(world.command({ command: "inform", facts }));
  honestlySigned(vault, () => send(clean));
  vault.wait(2 * MINUTE);
  honestlySigned(vault, () => send(clean));
  return { vault, book, zoe, clean, adverse, send, inform };
}

function replay(
  vault: MemoryVault,
  how: string,
  send: (...facts: readonly Uint8Array[]) => ReturnType<MemoryVault["send"]>,
  clean: Uint8Array,
) {
  refused(vault, "FACT_SUPERSEDED", `${how}: the clean one`, () => send(clean));
  refused(vault, "FACT_MISSING", `${how}: none at all`, () => send());
}

attacks("after the vault was informed", () => {
  const { vault, clean, adverse, send, inform } = siegeOf();
  must(inform(adverse));
  replay(vault, "informed", send, clean);
  refused(vault, "FACT_ADVERSE", "the adverse one", () => send(adverse));
  refused(vault, "FACT_SUPERSEDED", "both", () => send(clean, adverse));
});

attacks("after the adverse one came with a payment that was refused", () => {
  const { vault, clean, adverse, send } = siegeOf();
  send(adverse);
  replay(vault, "refused payment", send, clean);
});

attacks("after a restart", () => {
  const { vault, clean, adverse, send, inform } = siegeOf();
  must(inform(adverse));
  vault.restart();
  replay(vault, "restart", send, clean);
});

attacks("with the same date as the adverse one, or one that is not newer", () => {
  const { vault, book, zoe, adverse, send, inform } = siegeOf();
  must(inform(adverse));
  for (const at of [NOW + MINUTE, NOW + MINUTE - 1, NOW]) {
    refused(vault, "FACT_SUPERSEDED", `${at - NOW}`, () => send(world.screening(book, zoe, { at })));
  }
  honestlySigned(vault, () => send(world.screening(book, zoe, { at: NOW + MINUTE + 1 })));
});
