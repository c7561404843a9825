/** An approval given under an older rulebook, or by a key that was removed since, is used. */
import assert from "node:assert/strict";
import type { Book } from "../../core/src/rulebook/book.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { device } from "../world/keys.ts";
import { keyOf } from "../world/rulebook.ts";
import { type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honest, honestlySigned, refused, TWO, withKeys } from "./attack.ts";

const { KEYS } = world;

/** Has a tightening of the rulebook adopted. Gives the book in force. */
function tighten(vault: MemoryVault, change: Partial<Rulebook>): Book {
  const next = world.nextRulebook(vault.state.book as Book, change);
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  must(vault.send(world.command({ command: "rulebook", rulebook, approvals: [] })));
  assert.equal(vault.state.book?.document.epoch, next.epoch, "it is adopted at once");
  return vault.state.book as Book;
}

attacks("approvals from before a change of the rulebook", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const old = world.approveAll(vault.ground(), intent, TWO);
  honestlySigned(vault, () => vault.send(world.execute([intent], old)));
  const limits = book.document.limits.map((limit) => ({ ...limit, most: limit.most - 1n }));
  const now = tighten(vault, { limits });
  const fresh = world.approveAll(vault.ground(), intent, TWO) as [Uint8Array, Uint8Array, Uint8Array];
  honestlySigned(vault, () => vault.send(world.execute([intent], fresh)));
  refused(vault, "WRONG_RULEBOOK", "all of them", () => vault.send(world.execute([intent], old)));
  old.forEach((stale, at) => {
    const mixed = fresh.map((bytes, index) => (index === at ? stale : bytes));
    refused(vault, "WRONG_RULEBOOK", `the one at ${at}`, () => vault.send(world.execute([intent], mixed)));
  });
  const [tom, amy] = fresh;
  for (const change of [{ epoch: 1 }, { rulebook: book.id }, { epoch: 3 }, { rulebook: now.id, epoch: 1 }]) {
    const bob = world.approve(vault.ground(), intent, { key: KEYS.bob, change });
    refused(vault, "WRONG_RULEBOOK", JSON.stringify(change), () => vault.send(world.execute([intent], [tom, amy, bob])));
  }
});

attacks("a key that was removed since approves", () => {
  const second = device("bob's second");
  const { vault, book } = besiege({ rulebook: (demo) => ({ persons: withKeys(demo, { bob: [keyOf(second)] }) }) });
  const intent = world.pay(book);
  honestlySigned(vault, () => vault.run(intent, [KEYS.amy, second]));
  const old = world.approveAll(vault.ground(), intent, [KEYS.amy, second]);
  const persons = book.document.persons.map((person) =>
    person.id === "bob" ? { ...person, keys: [keyOf(KEYS.bob)] } : person,
  );
  tighten(vault, { persons });
  honestlySigned(vault, () => vault.run(intent, TWO));
  refused(vault, "WRONG_RULEBOOK", "an approval from before", () => vault.send(world.execute([intent], old)));
  refused(vault, "KEY_UNKNOWN", "an approval from after", () => vault.run(intent, [KEYS.amy, second]));
});

attacks("a person who was removed since initiates, approves or rejects", () => {
  const { vault, book } = besiege({
    rulebook: (demo) => ({
      groups: demo.groups.map((group) =>
        group.id === "operations" ? { ...group, members: [...group.members, "tom"] } : group,
      ),
    }),
  });
  const intent = world.pay(book, { initiator: KEYS.tina.id });
  honestlySigned(vault, () => vault.run(intent, [KEYS.amy, KEYS.carl]));
  const old = world.approveAll(vault.ground(), intent, [KEYS.amy, KEYS.carl]);
  const reject = () => {
    const approval = world.approve(vault.ground(), intent, { key: KEYS.carl, decision: "reject" });
    return vault.send(world.command({ command: "object", approval }));
  };
  honest(vault, reject);
  const kept = (id: string) => !["tina", "carl"].includes(id);
  tighten(vault, {
    persons: book.document.persons.filter(({ id }) => kept(id)),
    groups: book.document.groups.map((group) => ({ ...group, members: group.members.filter(kept) })),
  });
  refused(vault, "WRONG_RULEBOOK", "approvals from before", () => vault.send(world.execute([intent], old)));
  refused(vault, "KEY_UNKNOWN", "as the initiator", () => vault.run(intent, TWO));
  refused(vault, "KEY_UNKNOWN", "as an approver", () => vault.run(world.pay(book), [KEYS.amy, KEYS.carl]));
  refused(vault, "KEY_UNKNOWN", "to reject", reject);
  honestlySigned(vault, () => vault.run(world.pay(book), TWO));
});
