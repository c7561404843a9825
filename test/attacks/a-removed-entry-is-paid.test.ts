/** A removed or replaced address-book entry is paid: the vault's own memory says which entries are current. */
import type { Entry } from "../../core/src/signed/entry.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honest, honestlySigned, refused, TWO } from "./attack.ts";

const { KEYS } = world;
const OTHER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

function siegeOf() {
  const { vault, book } = besiege();
  const acme = world.acme(book);
  const intent = world.pay(book);
  const approvals = world.approveAll(vault.ground(), intent, TWO);
  honestlySigned(vault, () => vault.send(world.execute([intent], approvals)));
  return { vault, book, acme, intent, approvals };
}

attacks("after the entry was retired", () => {
  const { vault, book, acme, intent, approvals } = siegeOf();
  must(vault.run(world.retire(book, acme), [KEYS.carl]));
  refused(vault, "ENTRY_UNKNOWN", "with approvals from before", () => vault.send(world.execute([intent], approvals)));
  refused(vault, "ENTRY_UNKNOWN", "with fresh approvals", () => vault.run(intent, TWO));
  vault.restart();
  refused(vault, "ENTRY_UNKNOWN", "after a restart", () => vault.run(intent, TWO));
  refused(vault, "ENTRY_UNKNOWN", "retired again", () =>
    vault.run(world.retire(book, acme, { reference: "again" }), [KEYS.carl]),
  );
  refused(vault, "ENTRY_UNKNOWN", "shown", () => vault.send(world.command({ command: "show", what: "entry", name: "acme" })));
});

attacks("after another entry took its name", () => {
  const { vault, book, acme, intent, approvals } = siegeOf();
  const again: Entry = { ...acme, address: OTHER };
  must(vault.run(world.retire(book, acme), [KEYS.carl]));
  must(vault.run(world.enter(book, again, { reference: "acme-2" }), [KEYS.carl]));
  refused(vault, "ENTRY_MISMATCH", "the old address", () => vault.send(world.execute([intent], approvals)));
  const mixed = { ...world.destinationOf(again), address: acme.address };
  refused(vault, "ENTRY_MISMATCH", "the new hash with the old address", () =>
    vault.run(world.pay(book, { destination: mixed }), TWO),
  );
  const stale = { ...world.destinationOf(again), hash: world.entryId(acme) };
  refused(vault, "ENTRY_MISMATCH", "the old hash with the new address", () =>
    vault.run(world.pay(book, { destination: stale }), TWO),
  );
  honestlySigned(vault, () => vault.run(world.pay(book, { destination: world.destinationOf(again) }), TWO));
  refused(vault, "ENTRY_MISMATCH", "the old one retired for the new", () =>
    vault.run(world.retire(book, acme, { reference: "retire-2" }), [KEYS.carl]),
  );
});

attacks("the approved entry is entered again from its old approvals", () => {
  const { vault, book, acme } = siegeOf();
  const fresh = world.entryOf(book, { name: "fresh", address: OTHER });
  const intent = world.enter(book, fresh);
  const approvals = world.approveAll(vault.ground(), intent, [KEYS.carl]);
  const enter = () => vault.send(world.execute([intent], approvals));
  honest(vault, enter);
  must(enter());
  must(vault.run(world.retire(book, fresh), [KEYS.carl]));
  must(enter());
  const destination = world.destinationOf(fresh);
  refused(vault, "ENTRY_UNKNOWN", "the replay is answered and does nothing", () =>
    vault.run(world.pay(book, { destination }), TWO),
  );
  const renewed = world.enter(book, fresh, { reference: "fresh-2" });
  refused(vault, "APPROVAL_FOREIGN", "for a new intent", () => vault.send(world.execute([renewed], approvals)));
  refused(vault, "QUORUM_MISSING", "by one of operations", () => vault.run(renewed, []));
  refused(vault, "REFERENCE_USED", "under the old reference", () =>
    vault.run(world.enter(book, fresh, { nonce: world.nonceOf("renewed") }), [KEYS.carl]),
  );
  refused(vault, "ENTRY_EXISTS", "beside the one in force", () =>
    vault.run(world.enter(book, acme, { reference: "acme-3" }), [KEYS.carl]),
  );
});
