/** The vault's disk is rolled back, and the administrators' word that nothing is lost is forged, replayed or obtained for an
 *  old head; or it was given, and what it brings back is more than it may be. */
import assert from "node:assert/strict";
import { openRecord } from "../../core/src/journal/record.ts";
import { OPEN } from "../../core/src/rulebook/open.ts";
import type { Approval } from "../../core/src/signed/approval.ts";
import { Head, type Start, type Suspicion } from "../../core/src/signed/head.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { decode, encode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { renderStart } from "../../core/src/text/start.ts";
import { repaired } from "../../vault/src/decide/govern/start.ts";
import { apply } from "../../vault/src/state/apply.ts";
import { emptyState } from "../../vault/src/state/state.ts";
import { type Device, someHash } from "../world/keys.ts";
import { MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import {
  aside,
  attacks,
  besiege,
  fails,
  honest,
  honestlySigned,
  refused,
  request,
  type Siege,
  TWO,
  withKeys,
  withRule,
} from "./attack.ts";

const { KEYS } = world;
const QUORUM: readonly Device[] = [KEYS.ada, KEYS.ben];

/** What administrators say of a start, with some of it changed. */
function words(
  vault: MemoryVault,
  by: readonly Device[],
  change: { readonly approval?: Partial<Approval>; readonly start?: Partial<Start> } = {},
): readonly Uint8Array[] {
  const start = { ...vault.start(), ...change.start };
  return by.map((key) =>
    world.approveStart(vault.ground(), start, { key, ...(change.approval && { change: change.approval }) }),
  );
}

const confirming = (approvals: readonly Uint8Array[]) => world.command({ command: "confirm", approvals });

/** A vault that starts on the first `length` records of another's journal. */
function restored(from: MemoryVault, length: number, suspicion?: Suspicion): MemoryVault {
  const journal = from.journal.slice(0, length);
  const vault = new MemoryVault(journal.map(openRecord).reduce(apply, emptyState(from.state.vaultKey)));
  vault.journal.unshift(...journal);
  vault.feed({ now: vault.now, booted: someHash(`a start on ${length} records`), suspicion });
  return vault;
}

const headOf = (vault: MemoryVault) => decode(Head, must(vault.send(world.command({ command: "head" }))).body);

/** A vault that was started again, and a payment that was approved before. */
function restarted(siege: Siege = besiege()) {
  const { vault, book } = siege;
  const command = request(vault, world.pay(book));
  const before = words(vault, QUORUM);
  vault.boot();
  return { vault, book, command, before };
}

attacks("a start is confirmed by too few, or by others than administrators", () => {
  const second = { scheme: "ed25519", publicKey: KEYS.mallory.publicKey, class: "device" } as const;
  const served = { ...second, publicKey: KEYS.screening.publicKey, class: "served" } as const;
  const { vault } = restarted(besiege({ rulebook: (demo) => ({ persons: withKeys(demo, { ada: [second, served] }) }) }));
  honest(vault, () => vault.confirm());
  const short: readonly (readonly [string, readonly Device[]])[] = [
    ["nobody", []],
    ["one administrator", [KEYS.ada]],
    ["one by two devices", [KEYS.ada, KEYS.mallory]],
    ["one by a key of a served page", [KEYS.screening]],
    ["one and officers", [KEYS.ada, KEYS.olga, KEYS.otto]],
    ["approvers", [...TWO, KEYS.carl]],
  ];
  for (const [how, by] of short) {
    refused(vault, "GOVERNANCE_MISSING", how, () => vault.send(confirming(words(vault, by))));
  }
  refused(vault, "APPROVAL_TWICE", "the same word twice", () => {
    const [word] = words(vault, [KEYS.ada]) as [Uint8Array];
    return vault.send(confirming([word, word]));
  });
  refused(vault, "KEY_UNKNOWN", "a stranger", () => vault.send(confirming(words(vault, [KEYS.ada, KEYS.tom, KEYS.finalityA]))));
});

attacks("the word for one start is used for another, or other words pass for it", () => {
  const { vault, book, before } = restarted();
  honest(vault, () => vault.confirm());
  refused(vault, "APPROVAL_FOREIGN", "the word for the start before", () => vault.send(confirming(before)));
  const spent = words(vault, QUORUM);
  const changes: readonly Partial<Start>[] = [
    { head: { seq: vault.start().head.seq - 1, hash: vault.start().head.hash } },
    { head: { seq: vault.start().head.seq, hash: someHash("other") } },
    { boot: someHash("other") },
    { number: 1 },
    { at: 0 },
    { suspicion: "behind" },
    { lost: [{ boot: someHash("lost"), seq: 1 }] },
    { vault: KEYS.mallory.id },
    { deployment: someHash("other") },
  ];
  for (const start of changes) {
    const how = `another ${Object.keys(start)}`;
    refused(vault, "APPROVAL_FOREIGN", how, () => vault.send(confirming(words(vault, QUORUM, { start }))));
  }
  const one = (approval: Partial<Approval>) => confirming(words(vault, QUORUM, { approval }));
  refused(vault, "TEXT_MISMATCH", "another text was shown", () => vault.send(one({ textHash: someHash("text") })));
  refused(vault, "DECISION_WRONG", "approve", () => vault.send(one({ decision: "approve" })));
  refused(vault, "BOOT_STALE", "an older start", () => vault.send(one({ boot: someHash("other") })));
  refused(vault, "EXPIRED", "too late", () => vault.send(one({ notAfter: vault.now.hi })));
  refused(vault, "WRONG_VAULT", "for another vault", () => vault.send(one({ vault: KEYS.mallory.id })));
  refused(vault, "WRONG_DEPLOYMENT", "for another deployment", () => vault.send(one({ deployment: someHash("other") })));
  const elsewhere = { seq: vault.state.seq, hash: someHash("other") };
  refused(vault, "HEAD_UNKNOWN", "on another journal", () => vault.send(one({ head: elsewhere })));
  refused(vault, "WRONG_RULEBOOK", "under another rulebook", () => vault.send(one({ epoch: 2 })));
  refused(vault, "DECISION_WRONG", "the word for a start approves a payment", () => {
    const intent = world.pay(book);
    const approvals = world.approveAll(vault.ground(), intent, [KEYS.amy]);
    const word = world.approve(vault.ground(), intent, { key: KEYS.bob, decision: "confirm" });
    return vault.send(world.execute([intent], [...approvals, word]));
  });
  vault.boot();
  refused(vault, "APPROVAL_FOREIGN", "replayed at the next start", () => vault.send(confirming(spent)));
});

attacks("an old head is confirmed although a device has seen a newer one", () => {
  const { vault, book } = besiege();
  const before = vault.journal.length;
  const command = request(vault, world.pay(book));
  must(vault.send(command));
  const seen = vault.ground().head;
  const old = restored(vault, before);
  honest(old, () => old.confirm());
  refused(old, "HEAD_UNKNOWN", "one administrator's device has seen it", () => {
    const [first] = words(old, [KEYS.ada]) as [Uint8Array];
    const [other] = words(old, [KEYS.ben], { approval: { head: seen } }) as [Uint8Array];
    return old.send(confirming([first, other]));
  });
  refused(old, "BOOT_STALE", "without their word nothing comes back", () => old.send(command));
});

attacks("what a confirmed start brings back is used once more, late, or after a no", () => {
  const { vault, book, command } = restarted();
  refused(vault, "BOOT_STALE", "before the start is confirmed", () => vault.send(command));
  must(vault.confirm());
  honestlySigned(vault, () => vault.send(command));
  const intent = world.pay(book);
  aside(vault, () => {
    must(vault.send(command));
    const other = world.pay(book, { reference: "pay-2" });
    refused(vault, "APPROVAL_FOREIGN", "for another payment", () => vault.send(world.execute([other], command.approvals)));
  });
  aside(vault, () => {
    must(vault.send(world.command({ command: "object", approval: objection(vault, intent) })));
    refused(vault, "INTENT_REJECTED", "after a rejection", () => vault.send(command));
  });
  aside(vault, () => {
    must(vault.run(world.freeze(book), []));
    refused(vault, "FROZEN", "after a freeze", () => vault.send(command));
  });
  aside(vault, () => {
    const stricter = world.nextRulebook(book, withRule(book.document, { ...OPEN, id: "stop", effect: "deny" }));
    const rulebook = world.signValue(Rulebook, stricter, ...QUORUM);
    must(vault.send(world.command({ command: "rulebook", rulebook, approvals: [] })));
    refused(vault, "WRONG_RULEBOOK", "after a change of the rulebook", () => vault.send(command));
  });
  aside(vault, () => {
    vault.wait(world.HOUR);
    refused(vault, "EXPIRED", "after its end", () => vault.send(command));
  });
  vault.boot();
  refused(vault, "BOOT_STALE", "at the next start, which nobody has confirmed", () => vault.send(command));
});

function objection(vault: MemoryVault, intent: Intent): Uint8Array {
  return world.approve(vault.ground(), intent, { key: KEYS.amy, decision: "reject" });
}

attacks("approvals from before a withholding come back with a confirmed start", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const command = request(vault, intent);
  vault.hold = true;
  vault.send(command);
  must(vault.run(world.freeze(book), []));
  vault.release();
  const lifted = world.unfreeze(book, world.intentId(world.freeze(book)));
  const approvals = world.approveAll(vault.ground(), lifted, []);
  must(vault.send(world.command({ command: "register", intent: encode(Intent, lifted), approvals })));
  vault.wait(world.HOUR - 1);
  vault.boot();
  must(vault.confirm());
  vault.wait(1);
  must(vault.run(lifted, [KEYS.ben, KEYS.otto]));
  refused(vault, "APPROVAL_SPENT", "the same again", () => vault.send(command));
  const longer = world.approveAll({ ...vault.ground(), head: { seq: 1, hash: firstOf(vault) } }, intent, TWO);
  refused(vault, "APPROVAL_SPENT", "given on a head before it", () => vault.send(world.execute([intent], longer)));
  honestlySigned(vault, () => vault.run(intent, TWO));
});

function firstOf(vault: MemoryVault) {
  const [first] = vault.journal as [Uint8Array];
  return apply(emptyState(vault.state.vaultKey), openRecord(first)).head;
}

attacks("a vault whose start is suspected is made to act", () => {
  const { vault, book } = besiege();
  const line = vault.journal.length;
  const command = request(vault, world.pay(book));
  must(vault.send(command));
  const late = headOf(vault);
  for (const why of ["behind", "unmarked"] as const) {
    const old = restored(vault, line, why);
    refused(old, "START_UNCONFIRMED", `${why}: the same approvals`, () => old.send(command));
    refused(old, "START_UNCONFIRMED", `${why}: fresh ones`, () => old.run(world.pay(book), TWO));
    const freeze = world.freeze(book);
    const both = [...world.approveAll(old.ground(), freeze, []), ...world.approveAll(old.ground(), world.pay(book), TWO)];
    refused(old, "START_UNCONFIRMED", `${why}: a payment beside a freeze`, () =>
      old.send(world.execute([freeze, world.pay(book)], both)),
    );
    honest(old, () => old.run(freeze, []));
    old.restart();
    refused(old, "START_UNCONFIRMED", `${why}: after another start`, () => old.run(world.pay(book), TWO));
    must(old.confirm());
    refused(old, "BOOT_STALE", `${why}: confirmed, with the approvals from before`, () => old.send(command));
    refused(old, "ROLLED_BACK", `${why}: shown what it lacks`, () =>
      old.send(world.command({ command: "witness", head: world.signValue(Head, late, KEYS.vault) })),
    );
  }
});

attacks("a repaired vault is kept from telling what it has lost", async () => {
  const { vault, book } = besiege();
  const line = vault.journal.length;
  must(vault.run(world.pay(book), TWO));
  const late = headOf(vault);
  const old = restored(vault, line);
  const tail = { why: "", segments: 1, bytes: 0, tail: someHash("tail") } as const;
  const record = repaired(old.now, tail);
  old.journal.push(record.bytes);
  old.state = apply(old.state, record);
  old.restart();
  const unaware = words(old, QUORUM);
  const witness = world.command({ command: "witness", head: world.signValue(Head, late, KEYS.vault) });
  assert.equal(old.send(witness).code, "HEAD_LOST");
  refused(old, "APPROVAL_FOREIGN", "the word of those who did not know", () => old.send(confirming(unaware)));
  await fails(() => {
    const text = renderStart(old.start(), book);
    assert.match(text, new RegExp(`given up .* up to record ${late.head.seq}, in its start\n +${late.boot}\n`));
  });
  must(old.confirm());
  const newer = { ...late, head: { seq: late.head.seq + 1, hash: someHash("newer") } };
  refused(old, "ROLLED_BACK", "a head beyond what was given up", () =>
    old.send(world.command({ command: "witness", head: world.signValue(Head, newer, KEYS.vault) })),
  );
  const other = { ...late, boot: someHash("another start") };
  refused(old, "ROLLED_BACK", "a head of a start that was not given up", () =>
    old.send(world.command({ command: "witness", head: world.signValue(Head, other, KEYS.vault) })),
  );
});

attacks("a copy of the vault is confirmed beside it", () => {
  const { vault, command } = restarted();
  const copy = restored(vault, vault.journal.length - 1);
  must(vault.confirm());
  refused(copy, "APPROVAL_FOREIGN", "by the word for the first", () => copy.send(confirming(words(vault, QUORUM))));
  refused(copy, "HEAD_UNKNOWN", "by somebody who has confirmed the first", () => {
    const head = vault.ground().head;
    return copy.send(confirming(words(copy, QUORUM, { approval: { head } })));
  });
  refused(copy, "BOOT_STALE", "and so the payment goes out once", () => copy.send(command));
  honestlySigned(vault, () => vault.send(command));
});
