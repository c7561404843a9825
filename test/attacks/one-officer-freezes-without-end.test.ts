/** One officer freezes without end, or somebody who is no officer freezes. His right is spent until the unfreeze quorum
 *  gives it back, and cancelling to ourselves stays possible. */
import { Intent } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { device } from "../world/keys.ts";
import { keyOf } from "../world/rulebook.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honest, honestlySigned, refused, TWO, withKeys } from "./attack.ts";

const { KEYS, HOUR } = world;
const second = device("olga's second");

attacks("an officer freezes a second time", () => {
  const { vault, book } = besiege({ rulebook: (demo) => ({ persons: withKeys(demo, { olga: [keyOf(second)] }) }) });
  const freeze = (reference: string, change: Parameters<typeof world.freeze>[1] = {}) =>
    world.freeze(book, { reference, ...change });
  const again = freeze("again", { level: "asset", subject: "eth" });
  honest(vault, () => vault.run(again, []));
  const first = freeze("first", { level: "wallet", subject: "treasury" });
  must(vault.run(first, []));
  refused(vault, "OFFICER_SPENT", "something else", () => vault.run(again, []));
  refused(vault, "OFFICER_SPENT", "the same", () => vault.run(freeze("same", { level: "wallet", subject: "treasury" }), []));
  const other = freeze("other", { initiator: second.id, level: "asset", subject: "eth" });
  const approval = world.approve(vault.ground(), other, { key: second, decision: "initiate" });
  refused(vault, "OFFICER_SPENT", "with another device", () => vault.send(world.execute([other], [approval])));
  const otto = freeze("otto", { initiator: KEYS.otto.id });
  honest(vault, () => vault.run(otto, []));
  const same = freeze("otto", { initiator: KEYS.otto.id, level: "wallet", subject: "treasury" });
  refused(vault, "ALREADY_FROZEN", "the same by another officer", () => vault.run(same, []));
  vault.restart();
  refused(vault, "OFFICER_SPENT", "after a restart", () => vault.run(again, []));
  const lifted = world.unfreeze(book, world.intentId(first));
  const approvals = world.approveAll(vault.ground(), lifted, []);
  must(vault.send(world.command({ command: "register", intent: encode(Intent, lifted), approvals })));
  vault.wait(HOUR);
  must(vault.run(lifted, [KEYS.ben, KEYS.otto]));
  honest(vault, () => vault.run(again, []));
});

attacks("somebody who is no officer freezes", () => {
  const { vault, book } = besiege();
  honest(vault, () => vault.run(world.freeze(book), []));
  for (const key of [KEYS.tom, KEYS.ada, KEYS.amy]) {
    refused(vault, "OFFICER_UNKNOWN", key.name, () => vault.run(world.freeze(book, { initiator: key.id }), []));
  }
  const claimed = world.freeze(book);
  const byTom = world.approve(vault.ground(), claimed, { key: KEYS.tom, decision: "initiate" });
  refused(vault, "DECISION_WRONG", "tom as olga", () => vault.send(world.execute([claimed], [byTom])));
  refused(vault, "INITIATOR_MISSING", "nobody", () => vault.send(world.execute([claimed], [])));
  const approves = world.approve(vault.ground(), claimed, { key: KEYS.olga });
  refused(vault, "DECISION_WRONG", "olga approves only", () => vault.send(world.execute([claimed], [approves])));
  const stranger = world.freeze(book, { initiator: KEYS.mallory.id });
  refused(vault, "KEY_UNKNOWN", "a stranger", () => vault.run(stranger, []));
  const foreign = world.freeze(book, { reference: "freeze-2" });
  const olga = world.approve(vault.ground(), foreign, { key: KEYS.olga, decision: "initiate" });
  refused(vault, "APPROVAL_FOREIGN", "with an approval of another freeze", () => vault.send(world.execute([claimed], [olga])));
  const twice = world.approve(vault.ground(), claimed, { key: KEYS.olga, decision: "initiate" });
  refused(vault, "APPROVAL_TWICE", "twice in one", () => vault.send(world.execute([claimed], [twice, twice])));
  const pay = world.pay(book);
  const both = [
    world.approve(vault.ground(), claimed, { key: KEYS.olga, decision: "initiate" }),
    ...world.approveAll(vault.ground(), pay, TWO),
  ];
  refused(vault, "BATCH_MIXED", "together with a payment", () => vault.send(world.execute([claimed, pay], both)));
  refused(vault, "BATCH_MIXED", "behind a payment", () => vault.send(world.execute([pay, claimed], both)));
});

attacks("a freeze keeps money from being brought to safety", () => {
  const { vault, book } = besiege();
  const pay = world.pay(book);
  must(vault.run(pay, TWO));
  const cancel = world.cancel(book, world.intentId(pay));
  const context = { maxFeePerGas: 40_000_000_000n, maxPriorityFeePerGas: 4_000_000_000n };
  must(vault.run(world.freeze(book), []));
  honestlySigned(vault, () => vault.run(cancel, TWO, { context }));
  const again = world.pay(book, { reference: "pay-2", replaces: world.intentId(pay) });
  refused(vault, "FROZEN", "a cheaper way out, a replacement that pays", () => vault.run(again, TWO, { context }));
  must(vault.run(world.freeze(book, { initiator: KEYS.otto.id, reference: "freeze-2", level: "person", subject: "tom" }), []));
  refused(vault, "FROZEN", "a frozen person's cancellation", () => vault.run(cancel, TWO, { context }));
  const tina = world.cancel(book, world.intentId(pay), { initiator: KEYS.tina.id });
  honestlySigned(vault, () => vault.run(tina, TWO, { context }));
});
