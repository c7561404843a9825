/** One person approves twice: in two roles, with two devices, with two keys. */

import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import { type Quorum, Rulebook } from "../../core/src/signed/rulebook.ts";
import { type Device, device, passkey } from "../world/keys.ts";
import { keyOf } from "../world/rulebook.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honest, honestlySigned, passkeyLine, refused, TWO, withKeys, withRule } from "./attack.ts";

const { KEYS, ETH, HOUR } = world;

attacks("the same approval comes twice", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const [tom, amy, bob] = world.approveAll(vault.ground(), intent, TWO) as [Uint8Array, Uint8Array, Uint8Array];
  honestlySigned(vault, () => vault.send(world.execute([intent], [tom, amy, bob])));
  refused(vault, "QUORUM_MISSING", "once only", () => vault.send(world.execute([intent], [tom, amy])));
  refused(vault, "APPROVAL_TWICE", "the same bytes", () => vault.send(world.execute([intent], [tom, amy, amy])));
  const again = world.approve(vault.ground({ notAfter: vault.now.hi + HOUR + 1 }), intent, { key: KEYS.amy });
  refused(vault, "APPROVAL_TWICE", "signed again", () => vault.send(world.execute([intent], [tom, amy, again])));
  const both = world.approve(vault.ground(), intent, { key: KEYS.tom });
  refused(vault, "APPROVAL_TWICE", "initiate and approve", () => vault.send(world.execute([intent], [tom, both, amy])));
});

attacks("one person's two devices and passkey count as two", () => {
  const second = device("amy's second");
  const third = passkey("amy's third");
  const { vault, book } = besiege({
    rulebook: (demo) => ({ persons: withKeys(demo, { amy: [keyOf(second), passkeyLine(third, "device")] }) }),
  });
  const intent = world.pay(book);
  for (const key of [KEYS.amy, second, third]) honestlySigned(vault, () => vault.run(intent, [key, KEYS.bob]));
  refused(vault, "QUORUM_MISSING", "two devices", () => vault.run(intent, [KEYS.amy, second]));
  refused(vault, "QUORUM_MISSING", "device and passkey", () => vault.run(intent, [KEYS.amy, third]));
  refused(vault, "QUORUM_MISSING", "three keys", () => vault.run(intent, [KEYS.amy, second, third]));
});

attacks("one person sits in two groups", () => {
  const { vault, book } = besiege({
    rulebook: (demo) => ({
      groups: demo.groups.map((group) => (group.id === "officers" ? { ...group, members: ["olga", "amy", "bob"] } : group)),
      rules: demo.rules.map((rule) => (rule.id === "large-eth" && rule.effect === "require" ? { ...rule, delayMs: 0 } : rule)),
    }),
  });
  const intent = world.pay(book, { amount: 6n * ETH });
  honestlySigned(vault, () => vault.run(intent, [...TWO, KEYS.olga]));
  honestlySigned(vault, () => vault.run(intent, [...TWO, KEYS.carl]));
  refused(vault, "QUORUM_MISSING", "two persons for three seats", () => vault.run(intent, TWO));
});

attacks("distinct groups are filled by one person", () => {
  const seat = (group: string): Quorum => ({ type: "group", group, count: 1 });
  const quorum: Quorum = { type: "anyOf", of: ["approvers", "officers"].map(seat) };
  const { vault, book } = besiege({
    rulebook: (demo) => ({
      groups: demo.groups.map((group) => (group.id === "officers" ? { ...group, members: ["olga", "amy"] } : group)),
      ...withRule(demo, { ...OPEN, ...NOTHING, id: "two-groups", kinds: ["pay"], quorum, distinctGroups: 2 }),
    }),
  });
  const intent = world.pay(book);
  honestlySigned(vault, () => vault.run(intent, TWO));
  honestlySigned(vault, () => vault.run(intent, [...TWO, KEYS.olga]));
  refused(vault, "QUORUM_MISSING", "two of one group only", () => vault.run(intent, [KEYS.bob, KEYS.carl]));
});

attacks("one person fills a quorum of operations with two keys", () => {
  const second = device("tina's second");
  const { vault, book } = besiege({ rulebook: (demo) => ({ persons: withKeys(demo, { tina: [keyOf(second)] }) }) });
  const intent = world.retire(book, world.acme(book));
  honest(vault, () => vault.run(intent, [KEYS.carl]));
  refused(vault, "QUORUM_MISSING", "the initiator's second key", () => vault.run(intent, [second]));
});

attacks("one administrator's two keys sign a rulebook", () => {
  const second = device("ada's second");
  const { vault, book } = besiege({ rulebook: (demo) => ({ persons: withKeys(demo, { ada: [keyOf(second)] }) }) });
  const next = world.nextRulebook(book, { limits: [] });
  const send = (...keys: Device[]) => {
    const rulebook = world.signValue(Rulebook, next, ...keys);
    return vault.send(world.command({ command: "rulebook", rulebook, approvals: [] }));
  };
  honest(vault, () => send(second, KEYS.ben));
  refused(vault, "APPROVAL_TWICE", "two devices", () => send(KEYS.ada, second));
  refused(vault, "APPROVAL_TWICE", "one device twice", () => send(KEYS.ada, KEYS.ada));
  refused(vault, "APPROVAL_TWICE", "beside another", () => send(KEYS.ada, second, KEYS.ben));
});
