/** One person, or a source, fills a table of the vault so that others can no longer register, reject, veto or freeze. Shares
 *  bound what one key may fill; the tables' own bounds are tried with counts that only a very long history would reach. */
import assert from "node:assert/strict";
import { Intent } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import * as limits from "../../vault/src/limits.ts";
import { set } from "../../vault/src/state/map.ts";
import type { State } from "../../vault/src/state/state.ts";
import type { Device } from "../world/keys.ts";
import { type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { aside, attacks, besiege, fails, honest, honestlySigned, refused, type Siege, TWO } from "./attack.ts";

const { KEYS, DAY, HOUR } = world;

function register({ vault, book }: Siege, by: Device, reference: string, notAfter = world.NOW + HOUR) {
  const intent = world.pay(book, { initiator: by.id, reference, notAfter });
  const approvals = world.approveAll(vault.ground(), intent, []);
  return vault.send(world.command({ command: "register", intent: encode(Intent, intent), approvals }));
}

attacks("one initiator registers without end", () => {
  const siege = besiege();
  const { vault } = siege;
  for (let at = 0; at < limits.MAX_REGISTERED_EACH; at++) must(register(siege, KEYS.tom, `tom-${at}`));
  refused(vault, "TABLE_FULL", "one more", () => register(siege, KEYS.tom, "more"));
  honest(vault, () => register(siege, KEYS.tom, "tom-0"));
  honest(vault, () => register(siege, KEYS.tina, "tina"));
  vault.wait(HOUR + 1);
  honest(vault, () => register(siege, KEYS.tom, "later", vault.now.hi + HOUR));
});

attacks("many initiators register without end", () => {
  const siege = besiege();
  const { vault } = siege;
  honest(vault, () => register(siege, KEYS.tom, "tom"));
  let table = vault.state.registered;
  const entry = (at: number) => ({ at: world.NOW, notAfter: world.NOW + HOUR, initiator: world.nonceOf(`key ${at}`) as never });
  for (let at = 0; at < limits.MAX_REGISTERED; at++) table = set(table, `subject ${at}`, entry(at));
  vault.state = { ...vault.state, registered: table };
  refused(vault, "TABLE_FULL", "one more", () => register(siege, KEYS.tom, "tom"));
  vault.wait(HOUR);
  refused(vault, "TABLE_FULL", "at their last millisecond", () => register(siege, KEYS.tom, "tom", vault.now.hi + HOUR));
  vault.wait(1);
  honest(vault, () => register(siege, KEYS.tom, "tom", vault.now.hi + HOUR));
});

function reject({ vault, book }: Siege, by: Device) {
  const approval = world.approve(vault.ground(), world.pay(book), { key: by, decision: "reject" });
  return vault.send(world.command({ command: "object", approval }));
}

attacks("one person rejects whatever may come", () => {
  const siege = besiege();
  const { vault } = siege;
  honest(vault, () => reject(siege, KEYS.tom));
  vault.state = { ...vault.state, rejections: set(vault.state.rejections, KEYS.tom.id, limits.MAX_REJECTED_EACH) };
  refused(vault, "TABLE_FULL", "his share is used", () => reject(siege, KEYS.tom));
  honest(vault, () => reject(siege, KEYS.amy));
  const { rejected } = vault.state;
  vault.state = { ...vault.state, rejected: { ...rejected, size: limits.MAX_REJECTED } };
  refused(vault, "TABLE_FULL", "all of it is used", () => reject(siege, KEYS.amy));
});

attacks("one administrator vetoes whatever may come, so that nobody can veto what does", () => {
  const siege = besiege();
  const { vault, book } = siege;
  const next = world.nextRulebook(book, { limits: [] });
  const veto = (rulebook: Rulebook) => {
    const approval = world.approveRulebook(vault.ground(), rulebook, { key: KEYS.cleo, decision: "veto" });
    return vault.send(world.command({ command: "object", approval }));
  };
  honest(vault, () => veto(next));
  vault.state = { ...vault.state, vetoed: { ...vault.state.vetoed, size: limits.MAX_VETOED } };
  refused(vault, "TABLE_FULL", "one that nobody has proposed", () => veto(next));
  must(
    vault.send(
      world.command({ command: "rulebook", rulebook: world.signValue(Rulebook, next, KEYS.ada, KEYS.ben), approvals: [] }),
    ),
  );
  honest(vault, () => veto(next));
  const other = world.nextRulebook(book, { approvalLifeMs: 2 * DAY });
  refused(vault, "TABLE_FULL", "another than the one that waits", () => veto(other));
});

attacks("the journal is filled with what is known already", async () => {
  const { vault, book } = besiege();
  const facts = [world.screening(book, world.zoe(book))];
  const next = world.nextRulebook(book, { limits: [] });
  const approvals = {
    reject: world.approve(vault.ground(), world.pay(book), { key: KEYS.amy, decision: "reject" }),
    veto: world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "veto" }),
  };
  const siege = { vault, book, made: world.makeWorld() };
  const acts: readonly (() => ReturnType<typeof vault.send>)[] = [
    () => vault.send(world.command({ command: "inform", facts })),
    () => vault.send(world.command({ command: "address", wallet: "treasury", index: 3 })),
    () => vault.send(world.command({ command: "object", approval: approvals.reject })),
    () => vault.send(world.command({ command: "object", approval: approvals.veto })),
    () => register(siege, KEYS.tom, "again"),
    () => vault.run(world.retire(book, world.acme(book)), [KEYS.carl]),
  ];
  await fails(() => {
    const { seq } = vault.state;
    must(vault.send(world.command({ command: "inform", facts: world.finality(book, `0x${"ab".repeat(32)}`) })));
    assert.equal(vault.state.seq, seq, "nor is anything about a transaction that is not ours");
  });
  for (const act of acts) {
    must(act());
    const { seq } = vault.state;
    await fails(() => {
      must(act());
      assert.equal(vault.state.seq, seq, "the second time nothing is written");
    });
  }
});

attacks("a veto of one rulebook ends another", () => {
  const { vault, book } = besiege();
  const [next, other] = [{ limits: [] }, { approvalLifeMs: 2 * DAY }].map((change) => world.nextRulebook(book, change)) as [
    Rulebook,
    Rulebook,
  ];
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  must(vault.send(world.command({ command: "rulebook", rulebook, approvals: [] })));
  vault.wait(DAY);
  const approval = world.approveRulebook(vault.ground(), other, { key: KEYS.cleo, decision: "veto" });
  must(vault.send(world.command({ command: "object", approval })));
  const seen = world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" });
  honest(vault, () => vault.send(world.command({ command: "rulebook", rulebook, approvals: [seen] })));
  const again = world.signValue(Rulebook, other, KEYS.ada, KEYS.ben);
  refused(vault, "RULEBOOK_VETOED", "only the one it names", () => {
    return vault.send(world.command({ command: "rulebook", rulebook: again, approvals: [] }));
  });
});

type Table = "accounts" | "entries" | "addresses" | "freezes" | "facts";

/** Makes the vault believe that a table is as large as this. */
function sized(vault: MemoryVault, table: Table, size: number): void {
  const { state } = vault;
  const full = table === "accounts" ? size : { ...state[table], size };
  vault.state = { ...state, [table]: full } as State;
}

attacks("wallets, entries, addresses, freezes or facts are made without end", () => {
  const { vault, book } = besiege();
  const entry = world.entryOf(book, { name: "new", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" });
  const zoe = world.screening(book, world.zoe(book));
  const acts = {
    accounts: [limits.MAX_WALLETS, () => vault.run(world.wallet(book, { wallet: "second" }), [KEYS.carl])],
    entries: [limits.MAX_ENTRIES, () => vault.run(world.enter(book, entry), [KEYS.carl])],
    addresses: [limits.MAX_ADDRESSES, () => vault.send(world.command({ command: "address", wallet: "treasury", index: 9 }))],
    freezes: [limits.MAX_FREEZES, () => vault.run(world.freeze(book), [])],
    facts: [limits.MAX_FACTS_KNOWN, () => vault.send(world.command({ command: "inform", facts: [zoe] }))],
  } as const;
  for (const [table, [most, act]] of Object.entries(acts)) {
    aside(vault, () => {
      sized(vault, table as Table, most - 1);
      honest(vault, act);
      sized(vault, table as Table, most);
      refused(vault, "TABLE_FULL", table, act);
      const known = honest(vault, () => vault.send(world.command({ command: "address", wallet: "treasury", index: 0 })));
      assert.ok(known.body.length > 0, "what is known is told");
    });
  }
  sized(vault, "facts", limits.MAX_FACTS_KNOWN);
  honestlySigned(vault, () => vault.run(world.pay(book), TWO));
  honest(vault, () => vault.send(world.command({ command: "address", wallet: "treasury", index: 0 })));
  assert.ok(limits.MAX_REGISTERED_EACH * 8 < limits.MAX_REGISTERED, "one person's keys do not fill the table");
});
