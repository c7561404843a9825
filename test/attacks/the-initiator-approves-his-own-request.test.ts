/** The initiator approves his own request where the rule forbids it, or somebody else claims to have initiated it. */
import { device } from "../world/keys.ts";
import { keyOf } from "../world/rulebook.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honest, honestlySigned, refused, type Siege, TWO, withKeys } from "./attack.ts";

const { KEYS } = world;
const second = device("tom's second");

/** Tom is a trader and an approver, with two devices. */
function siegeOf(): Siege {
  return besiege({
    rulebook: (demo) => ({
      persons: withKeys(demo, { tom: [keyOf(second)] }),
      groups: demo.groups.map((group) => (group.id === "approvers" ? { ...group, members: [...group.members, "tom"] } : group)),
    }),
  });
}

attacks("the initiator is one of the approvers", () => {
  const { vault, book } = siegeOf();
  const intent = world.pay(book);
  honestlySigned(vault, () => vault.run(intent, TWO));
  refused(vault, "QUORUM_MISSING", "by having initiated", () => vault.run(intent, [KEYS.amy]));
  refused(vault, "QUORUM_MISSING", "with his other device", () => vault.run(intent, [KEYS.amy, second]));
  refused(vault, "APPROVAL_TWICE", "with the same device", () => vault.run(intent, [KEYS.amy, KEYS.tom]));
  const tina = world.pay(book, { initiator: KEYS.tina.id });
  honestlySigned(vault, () => vault.run(tina, [KEYS.amy, KEYS.tom]));
});

attacks("somebody else initiates in his name", () => {
  const { vault, book } = siegeOf();
  const intent = world.pay(book);
  const by = (key: typeof KEYS.tom) => world.approve(vault.ground(), intent, { key, decision: "initiate" });
  const approved = TWO.map((key) => world.approve(vault.ground(), intent, { key }));
  honestlySigned(vault, () => vault.send(world.execute([intent], [by(KEYS.tom), ...approved])));
  refused(vault, "INITIATOR_MISSING", "nobody", () => vault.send(world.execute([intent], approved)));
  const approves = world.approve(vault.ground(), intent, { key: KEYS.tom });
  refused(vault, "INITIATOR_MISSING", "he only approves", () => vault.send(world.execute([intent], [approves, ...approved])));
  for (const key of [KEYS.tina, KEYS.carl, second]) {
    refused(vault, "DECISION_WRONG", key.name, () => vault.send(world.execute([intent], [by(key), ...approved])));
    refused(vault, "DECISION_WRONG", `${key.name} beside him`, () =>
      vault.send(world.execute([intent], [by(KEYS.tom), by(key), ...approved])),
    );
  }
});

attacks("an approver turns into an initiator to fill the quorum", () => {
  const { vault, book } = siegeOf();
  const intent = world.pay(book);
  const [tom, amy, bob] = world.approveAll(vault.ground(), intent, TWO) as [Uint8Array, Uint8Array, Uint8Array];
  honestlySigned(vault, () => vault.send(world.execute([intent], [tom, amy, bob])));
  const claims = world.approve(vault.ground(), intent, { key: KEYS.bob, decision: "initiate" });
  refused(vault, "DECISION_WRONG", "instead of approving", () => vault.send(world.execute([intent], [tom, amy, claims])));
  for (const decision of ["reject", "veto", "seen"] as const) {
    const other = world.approve(vault.ground(), intent, { key: KEYS.bob, decision });
    refused(vault, "DECISION_WRONG", decision, () => vault.send(world.execute([intent], [tom, amy, other])));
  }
});

attacks("a batch borrows the initiator of its neighbour", () => {
  const { vault, book } = siegeOf();
  const intents = [world.pay(book), world.pay(book, { reference: "pay-2", initiator: KEYS.tina.id })];
  const [first, second] = intents.map((intent) => world.approveAll(vault.ground(), intent, TWO)) as [
    Uint8Array[],
    Uint8Array[],
  ];
  honest(vault, () => vault.send(world.execute(intents, [...first, ...second])));
  refused(vault, "INITIATOR_MISSING", "the second lacks its own", () =>
    vault.send(world.execute(intents, [...first, ...second.slice(1)])),
  );
  refused(vault, "QUORUM_MISSING", "the second lacks its approvers", () =>
    vault.send(world.execute(intents, [...first, ...second.slice(0, 2)])),
  );
});
