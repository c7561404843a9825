/** Approvals are harvested from a request that failed, expired, was rejected, voided or carried out, and used again. */
import assert from "node:assert/strict";
import { Intent } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { execution, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honest, honestlySigned, refused, TWO } from "./attack.ts";

const { KEYS, ETH, HOUR } = world;

attacks("an approval is reused for another intent", () => {
  const { vault, book } = besiege();
  const first = world.pay(book);
  const approvals = world.approveAll(vault.ground(), first, TWO);
  const second = world.pay(book, { reference: "pay-2" });
  honestlySigned(vault, () => vault.send(world.execute([first], approvals)));
  refused(vault, "APPROVAL_FOREIGN", "before the first is carried out", () => vault.send(world.execute([second], approvals)));
  must(vault.send(world.execute([first], approvals)));
  refused(vault, "APPROVAL_FOREIGN", "after the first was carried out", () => vault.send(world.execute([second], approvals)));
  const own = world.approve(vault.ground(), second, { key: KEYS.tom, decision: "initiate" });
  refused(vault, "APPROVAL_FOREIGN", "with an initiator who plays along", () =>
    vault.send(world.execute([second], [own, ...approvals.slice(1)])),
  );
});

attacks("a payment is carried out twice", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const approvals = world.approveAll(vault.ground(), intent, TWO);
  const once = execution(vault.send(world.execute([intent], approvals)));
  for (const again of [approvals, world.approveAll(vault.ground(), intent, TWO), [approvals[0] as Uint8Array]]) {
    const before = vault.state.seq;
    assert.deepEqual(execution(vault.send(world.execute([intent], again, { name: "again" }))), once);
    assert.equal(vault.state.seq, before, "the same execution is told again, nothing is done");
  }
  const second = world.pay(book, { reference: "pay-2" });
  const both = [...world.approveAll(vault.ground(), intent, TWO), ...world.approveAll(vault.ground(), second, TWO)];
  honestlySigned(vault, () => vault.send(world.execute([second], both.slice(3))));
  refused(vault, "INTENT_USED", "in a batch with another", () => vault.send(world.execute([intent, second], both)));
  refused(vault, "INTENT_USED", "behind another", () => vault.send(world.execute([second, intent], both)));
  refused(vault, "BATCH_MIXED", "twice in one batch", () => vault.send(world.execute([second, second], both.slice(3))));
  const register = (item: Intent) => {
    const approvals = world.approveAll(vault.ground(), item, []);
    return vault.send(world.command({ command: "register", intent: encode(Intent, item), approvals }));
  };
  honest(vault, () => register(second));
  refused(vault, "INTENT_USED", "registered again", () => register(intent));
  const renamed = world.pay(book, { nonce: world.nonceOf("other") });
  refused(vault, "REFERENCE_USED", "under another nonce, with the same reference", () => vault.run(renamed, TWO));
  const twins = [second, { ...second, nonce: world.nonceOf("twin") }];
  const all = twins.flatMap((item) => world.approveAll(vault.ground(), item, TWO));
  refused(vault, "REFERENCE_USED", "two with one reference", () => vault.send(world.execute(twins, all)));
});

attacks("a batch is taken apart, or a payee is dropped from it", () => {
  const { vault, book } = besiege();
  const batch = ["a", "b", "c"].map((reference) => world.pay(book, { reference })) as [Intent, Intent, Intent];
  const [a, b, c] = batch;
  const approvals = batch.flatMap((item) => world.approveAll(vault.ground(), item, TWO));
  const whole = honestlySigned(vault, () => vault.send(world.execute(batch, approvals)));
  assert.equal(whole.transactions.length, 3);
  must(vault.send(world.execute(batch, approvals)));
  refused(vault, "INTENT_USED", "one alone", () => vault.send(world.execute([a], approvals.slice(0, 3))));
  refused(vault, "INTENT_USED", "without the last", () => vault.send(world.execute([a, b], approvals.slice(0, 6))));
  refused(vault, "INTENT_USED", "in another order", () => vault.send(world.execute([c, b, a], approvals)));
});

attacks("a rejected payment's approvals are used after all", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const approvals = world.approveAll(vault.ground(), intent, TWO);
  honestlySigned(vault, () => vault.send(world.execute([intent], approvals)));
  const approval = world.approve(vault.ground(), intent, { key: KEYS.carl, decision: "reject" });
  must(vault.send(world.command({ command: "object", approval })));
  refused(vault, "INTENT_REJECTED", "the same approvals", () => vault.send(world.execute([intent], approvals)));
  refused(vault, "INTENT_REJECTED", "fresh approvals", () => vault.run(intent, TWO));
  refused(vault, "INTENT_REJECTED", "fresh approvals by everybody", () => vault.run(intent, [...TWO, KEYS.carl]));
  const reborn = world.pay(book, { nonce: world.nonceOf("reborn") });
  refused(vault, "APPROVAL_FOREIGN", "for a new intent", () => vault.send(world.execute([reborn], approvals)));
  refused(vault, "DECISION_WRONG", "the rejection as an approval", () =>
    vault.send(world.execute([reborn], [...rejectedAs(vault.ground(), reborn)])),
  );
});

function rejectedAs(ground: world.Ground, intent: Intent): readonly Uint8Array[] {
  const [tom, amy] = world.approveAll(ground, intent, [KEYS.amy]) as [Uint8Array, Uint8Array];
  return [tom, amy, world.approve(ground, intent, { key: KEYS.bob, decision: "reject" })];
}

attacks("an expired request is carried out", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const approvals = world.approveAll(vault.ground(), intent, TWO);
  const short = world.approveAll(vault.ground({ notAfter: vault.now.hi + 1 }), intent, TWO);
  honestlySigned(vault, () => vault.send(world.execute([intent], short)));
  vault.wait(1);
  refused(vault, "EXPIRED", "its approvals at their last millisecond", () => vault.send(world.execute([intent], short)));
  honestlySigned(vault, () => vault.send(world.execute([intent], approvals)));
  refused(vault, "EXPIRED", "one of its approvals", () =>
    vault.send(world.execute([intent], [...approvals.slice(0, 2), short[2] as Uint8Array])),
  );
  vault.wait(2 * HOUR - 1);
  refused(vault, "EXPIRED", "the intent itself, with fresh approvals", () => vault.run(intent, TWO));
  const approvalsNow = world.approveAll(vault.ground(), intent, []);
  refused(vault, "EXPIRED", "registered", () =>
    vault.send(world.command({ command: "register", intent: encode(Intent, intent), approvals: approvalsNow })),
  );
});

attacks("an approval is made to live for ever", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const life = book.document.approvalLifeMs;
  const until = (notAfter: number) => world.approveAll(vault.ground({ notAfter }), intent, TWO);
  honestlySigned(vault, () => vault.send(world.execute([intent], until(vault.now.hi + life))));
  for (const notAfter of [vault.now.hi + life + 1, 253_402_300_799_999]) {
    refused(vault, "NOT_AFTER_TOO_FAR", `until ${notAfter}`, () => vault.send(world.execute([intent], until(notAfter))));
  }
});

attacks("approvals survive a restart, a failed request, or another vault's history", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const approvals = world.approveAll(vault.ground(), intent, TWO);
  honestlySigned(vault, () => vault.send(world.execute([intent], approvals)));
  const dear = { context: { maxFeePerGas: 10n ** 15n } };
  refused(vault, "FEE_TOO_HIGH", "a failed request", () => vault.send(world.execute([intent], approvals, dear)));
  const other = world.pay(book, { amount: 2n * ETH, reference: "pay-2" });
  refused(vault, "APPROVAL_FOREIGN", "its approvals for another", () => vault.send(world.execute([other], approvals)));
  vault.boot();
  refused(vault, "BOOT_STALE", "voided by a start", () => vault.send(world.execute([intent], approvals)));
  const [tom, amy] = world.approveAll(vault.ground(), intent, TWO) as [Uint8Array, Uint8Array];
  refused(vault, "BOOT_STALE", "one of them", () =>
    vault.send(world.execute([intent], [tom, amy, approvals[2] as Uint8Array])),
  );
  honestlySigned(vault, () => vault.run(intent, TWO));
});
