/** The clock is set forward to end a delay, or back to revive what has expired. What unlocks goes by the lower bound of the
 *  time, which no wall clock can push; what expires goes by the upper bound. */
import assert from "node:assert/strict";
import { Intent } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { clockFrom } from "../../vault/src/host/clock.ts";
import type { Device } from "../world/keys.ts";
import { type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { aside, attacks, besiege, fails, honest, honestlySigned, refused, request, TWO } from "./attack.ts";

const { KEYS, ETH, NOW, MINUTE, HOUR, DAY } = world;

/** `send` while the wall clock runs ahead of what the vault knows. */
function ahead<T>(vault: MemoryVault, ms: number, send: () => T): () => T {
  return () => {
    vault.now = { lo: vault.now.lo, hi: vault.now.hi + ms };
    return send();
  };
}

/** `send` after this time. */
function later<T>(vault: MemoryVault, ms: number, send: () => T): () => T {
  return () => {
    vault.wait(ms);
    return send();
  };
}

attacks("a payment's delay is ended by setting the clock forward", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book, { amount: 6n * ETH, notAfter: NOW + 3 * DAY });
  const all = [...TWO, KEYS.olga];
  const register = () => {
    const approvals = world.approveAll(vault.ground(), intent, []);
    return vault.send(world.command({ command: "register", intent: encode(Intent, intent), approvals }));
  };
  refused(vault, "NOT_REGISTERED", "without registration", () => vault.run(intent, all));
  refused(
    vault,
    "NOT_REGISTERED",
    "with the clock a day ahead",
    ahead(vault, DAY, () => vault.run(intent, all)),
  );
  must(register());
  refused(vault, "DELAY_RUNNING", "at once", () => vault.run(intent, all));
  refused(
    vault,
    "DELAY_RUNNING",
    "with the clock a day ahead",
    ahead(vault, DAY, () => vault.run(intent, all)),
  );
  vault.wait(HOUR - 1);
  must(register());
  refused(vault, "DELAY_RUNNING", "a millisecond early, registered again", () => vault.run(intent, all));
  vault.restart();
  refused(vault, "DELAY_RUNNING", "after a restart", () => vault.run(intent, all));
  vault.wait(1);
  honestlySigned(vault, () => vault.run(intent, all));
  const similar = world.pay(book, { amount: 6n * ETH, notAfter: NOW + 3 * DAY, reference: "pay-2" });
  refused(vault, "NOT_REGISTERED", "for another intent", () => vault.run(similar, all));
});

attacks("a delay is started by somebody else, or with other approvals", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book, { amount: 6n * ETH, notAfter: NOW + DAY });
  const register = (...approvals: readonly Uint8Array[]) =>
    vault.send(world.command({ command: "register", intent: encode(Intent, intent), approvals }));
  const by = (key: Device, of: Intent = intent, decision: "initiate" | "approve" = "initiate") =>
    world.approve(vault.ground(), of, { key, decision });
  honest(vault, () => register(by(KEYS.tom)));
  honest(vault, () => register(by(KEYS.tom), by(KEYS.amy, intent, "approve")));
  refused(vault, "INITIATOR_MISSING", "nobody", () => register());
  refused(vault, "INITIATOR_MISSING", "an approver", () => register(by(KEYS.amy, intent, "approve")));
  refused(vault, "DECISION_WRONG", "another initiator", () => register(by(KEYS.tina)));
  const other = world.pay(book, { reference: "pay-2" });
  refused(vault, "APPROVAL_FOREIGN", "of another intent", () => register(by(KEYS.tom, other)));
  refused(vault, "APPROVAL_FOREIGN", "of another intent beside his own", () => register(by(KEYS.tom), by(KEYS.tom, other)));
  refused(vault, "WRONG_DEPLOYMENT", "for another deployment", () => {
    const foreign = { ...intent, deployment: world.ZERO };
    return vault.send(
      world.command({ command: "register", intent: encode(Intent, foreign), approvals: [by(KEYS.tom, foreign)] }),
    );
  });
  refused(vault, "KEY_UNKNOWN", "a stranger", () => register(by(KEYS.mallory)));
});

attacks("the longest of several delays is left out", () => {
  const { vault, book } = besiege({
    rulebook: (demo) => ({
      rules: demo.rules.flatMap((rule) =>
        rule.id === "large-eth" && rule.effect === "require"
          ? [{ ...rule, id: "first", delayMs: 2 * HOUR }, rule, { ...rule, id: "last", delayMs: MINUTE }]
          : [rule],
      ),
    }),
  });
  const intent = world.pay(book, { amount: 6n * ETH, notAfter: NOW + 3 * DAY });
  const approvals = world.approveAll(vault.ground(), intent, []);
  must(vault.send(world.command({ command: "register", intent: encode(Intent, intent), approvals })));
  const all = [...TWO, KEYS.olga];
  for (const ms of [MINUTE, HOUR, 2 * HOUR - 1]) {
    refused(
      vault,
      "DELAY_RUNNING",
      `${ms} ms`,
      later(vault, ms, () => vault.run(intent, all)),
    );
  }
  vault.wait(2 * HOUR);
  honestlySigned(vault, () => vault.run(intent, all));
});

attacks("the delay of a rulebook or of an unfreeze is ended by setting the clock forward", () => {
  const { vault, book } = besiege();
  const next = world.nextRulebook(book, { limits: [] });
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  const adopt = () => {
    const seen = world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" });
    return vault.send(world.command({ command: "rulebook", rulebook, approvals: [seen] }));
  };
  must(vault.send(world.command({ command: "rulebook", rulebook, approvals: [] })));
  refused(
    vault,
    "DELAY_RUNNING",
    "a rulebook",
    ahead(vault, 2 * DAY, () => adopt()),
  );
  aside(
    vault,
    later(vault, DAY, () => honest(vault, adopt)),
  );
  const freeze = world.freeze(book);
  must(vault.run(freeze, []));
  const intent = world.unfreeze(book, world.intentId(freeze), { notAfter: NOW + 3 * DAY });
  const approvals = world.approveAll(vault.ground(), intent, []);
  must(vault.send(world.command({ command: "register", intent: encode(Intent, intent), approvals })));
  refused(
    vault,
    "DELAY_RUNNING",
    "an unfreeze",
    ahead(vault, DAY, () => vault.run(intent, [KEYS.ben, KEYS.otto])),
  );
  aside(
    vault,
    later(vault, HOUR, () => honest(vault, () => vault.run(intent, [KEYS.ben, KEYS.otto]))),
  );
});

attacks("the clock is set forward to expire what stops, and it expires what acts", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const approvals = world.approveAll(vault.ground(), intent, TWO);
  honestlySigned(vault, () => vault.send(world.execute([intent], approvals)));
  refused(
    vault,
    "EXPIRED",
    "a payment's approvals",
    ahead(vault, HOUR, () => vault.send(world.execute([intent], approvals))),
  );
  refused(
    vault,
    "EXPIRED",
    "a payment",
    ahead(vault, 2 * HOUR, () => vault.run(intent, TWO)),
  );
  const zoe = world.pay(book, { destination: world.destinationOf(world.zoe(book)), notAfter: NOW + DAY });
  const facts = [world.screening(book, world.zoe(book))];
  honestlySigned(vault, () => vault.send(request(vault, zoe, { facts })));
  refused(
    vault,
    "FACT_STALE",
    "a fact",
    ahead(vault, HOUR + 1, () => vault.send(request(vault, zoe, { facts }))),
  );
});

attacks("the wall clock is set back, or forward and back again", async () => {
  const source = { monotonic: 0, wall: NOW };
  const clock = clockFrom(NOW, { monotonicMs: () => source.monotonic, wallMs: () => source.wall });
  assert.deepEqual(clock(), { lo: NOW, hi: NOW });
  await fails(() => {
    source.monotonic = HOUR;
    source.wall = NOW - 10 * DAY;
    assert.deepEqual(clock(), { lo: NOW + HOUR, hi: NOW + HOUR }, "back: time goes on as before");
  });
  await fails(() => {
    source.wall = NOW + 10 * DAY;
    assert.deepEqual(clock(), { lo: NOW + HOUR, hi: NOW + 10 * DAY }, "forward: nothing unlocks");
  });
  await fails(() => {
    source.monotonic = HOUR - 1;
    source.wall = NOW;
    assert.ok(clock().lo >= NOW + HOUR - 1, "the lower bound does not follow the wall");
  });
});

attacks("a restart with the clock set back revives approvals and facts", () => {
  const { vault, book } = besiege();
  const zoe = world.pay(book, { destination: world.destinationOf(world.zoe(book)), notAfter: NOW + DAY });
  const facts = [world.screening(book, world.zoe(book))];
  const command = request(vault, zoe, { facts });
  honestlySigned(vault, () => vault.send(command));
  const start = vault.now;
  vault.wait(2 * HOUR);
  must(vault.run(world.pay(book, { reference: "pay-2", notAfter: NOW + DAY }), TWO));
  refused(vault, "EXPIRED", "before the restart", () => vault.send(command));
  vault.restart();
  vault.now = { lo: Math.max(start.lo, vault.state.at), hi: Math.max(start.hi, vault.state.at) };
  refused(vault, "BOOT_STALE", "the approvals", () => vault.send(command));
  refused(vault, "FACT_STALE", "the fact, with fresh approvals", () => vault.send(request(vault, zoe, { facts })));
});
