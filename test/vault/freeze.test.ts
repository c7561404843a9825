/** Freezing and lifting: who may, what is covered, what nobody can bring in its way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Hash } from "../../core/src/bytes.ts";
import { FreezeBody, StatusBody } from "../../core/src/protocol/command.ts";
import type { IntentOf } from "../../core/src/signed/intent.ts";
import { decode } from "../../core/src/signed/object.ts";
import type { Rulebook } from "../../core/src/signed/rulebook.ts";
import { MAX_FREEZES } from "../../vault/src/limits.ts";
import { set } from "../../vault/src/state/map.ts";
import type { Freeze } from "../../vault/src/state/state.ts";
import { device, ORIGIN, passkey, RP_ID_HASH, someHash } from "../world/keys.ts";
import { keyOf } from "../world/rulebook.ts";
import { execution, type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import {
  adopt,
  bookOf,
  bumped,
  cancelOf,
  freezeBy,
  LATER,
  payment,
  refused,
  register,
  reject,
  send,
  sendAll,
  settle,
  thaw,
  transactionOf,
  vaultWith,
} from "./ground.ts";

const { KEYS } = world;
type Pay = IntentOf<"pay">;

function status(vault: MemoryVault): StatusBody {
  return decode(StatusBody, must(vault.send(world.command({ command: "status" }))).body);
}

test("one officer freezes everything at once; payments, entries, wallets stop, cancellations do not", () => {
  const vault = vaultWith();
  const first = payment(vault);
  must(send(vault, first));
  const frozen = freezeBy(vault);
  must(vault.run(frozen, []));
  refused(vault, "FROZEN", () => send(vault, payment(vault, { reference: "b" })), "freeze.institution");
  const other = world.entryOf(bookOf(vault), { name: "new", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" });
  refused(vault, "FROZEN", () => vault.run(world.enter(bookOf(vault), other), [KEYS.carl]));
  refused(vault, "FROZEN", () => vault.run(world.retire(bookOf(vault), world.acme(bookOf(vault))), [KEYS.carl]));
  refused(vault, "FROZEN", () => vault.run(world.wallet(bookOf(vault), { wallet: "second" }), [KEYS.carl]));
  must(send(vault, cancelOf(vault, first), bumped()));
  must(thaw(vault, frozen));
  must(send(vault, payment(vault, { reference: "b" })));
});

test("each level stops what it names and nothing else", () => {
  const zoe = (vault: MemoryVault) => world.zoe(bookOf(vault));
  const cases: readonly [Parameters<typeof freezeBy>[1], readonly string[]][] = [
    [{ level: "chain", subject: "31337" }, ["eth", "usdx", "zoe", "tina"]],
    [{ level: "asset", subject: "eth" }, ["eth", "zoe", "tina"]],
    [{ level: "asset", subject: "usdx" }, ["usdx"]],
    [{ level: "wallet", subject: "treasury" }, ["eth", "usdx", "zoe", "tina"]],
    [{ level: "destination", subject: "acme" }, ["eth", "usdx", "tina"]],
    [{ level: "destination", subject: "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC" }, ["zoe"]],
    [{ level: "person", subject: "tina" }, ["tina"]],
    [{ level: "person", subject: "bob" }, ["eth", "usdx", "zoe", "tina"]],
  ];
  for (const [change, stopped] of cases) {
    const vault = vaultWith();
    must(vault.run(freezeBy(vault, change), []));
    const facts = [world.screening(bookOf(vault), zoe(vault))];
    const payments = {
      eth: payment(vault, { reference: "eth" }),
      usdx: payment(vault, { reference: "usdx", asset: "usdx", amount: world.USDX }),
      zoe: payment(vault, { reference: "zoe", destination: world.destinationOf(zoe(vault)) }),
      tina: payment(vault, { reference: "tina", initiator: KEYS.tina.id }),
    };
    for (const [name, intent] of Object.entries(payments)) {
      const { code } = vault.run(intent, [KEYS.amy, KEYS.bob], { facts });
      assert.equal(code, stopped.includes(name) ? "FROZEN" : "OK", `${change?.level} ${change?.subject}: ${name}`);
    }
  }
});

test("no other entry leads around a frozen destination", () => {
  const vault = vaultWith();
  const { address } = world.acme(bookOf(vault));
  const other = (reference: string, change = {}) => {
    return world.enter(bookOf(vault), world.entryOf(bookOf(vault), { name: "other", address, ...change }), {
      reference,
      notAfter: LATER,
    });
  };
  must(vault.run(freezeBy(vault, { level: "destination", subject: "acme" }), []));
  refused(vault, "FROZEN", () => vault.run(other("a"), [KEYS.carl]));
  refused(vault, "FROZEN", () => vault.run(world.retire(bookOf(vault), world.acme(bookOf(vault))), [KEYS.carl]));
  const free = vaultWith();
  must(free.run(other("a"), [KEYS.carl]));
  must(free.run(freezeBy(free, { level: "destination", subject: "acme" }), []));
  const through = world.entryOf(bookOf(free), { name: "other", address });
  refused(free, "FROZEN", () => send(free, payment(free, { destination: world.destinationOf(through) })));
});

test("only officers freeze, each once, with a device key, something that is there and is not frozen", () => {
  const served = passkey("olga");
  const key = {
    scheme: "webauthn-es256",
    publicKey: served.publicKey,
    class: "served",
    rpIdHash: Buffer.from(RP_ID_HASH).toString("hex") as Hash,
    origin: ORIGIN,
    synced: false,
  } as const;
  const vault = vaultWith((book) => ({
    persons: book.persons.map((one) => (one.id === "olga" ? { ...one, keys: [keyOf(device("olga")), key] } : one)),
  }));
  const by = (change: Parameters<typeof freezeBy>[1], who: Parameters<typeof freezeBy>[2]) => {
    const intent = freezeBy(vault, change, who);
    const initiator = who ?? KEYS.olga;
    return () =>
      vault.send(world.execute([intent], [world.approve(vault.ground(), intent, { key: initiator, decision: "initiate" })]));
  };
  refused(vault, "OFFICER_UNKNOWN", by({}, KEYS.tom));
  refused(vault, "KEY_UNKNOWN", by({}, KEYS.mallory));
  refused(vault, "KEY_CLASS", by({}, served));
  for (const [level, subject] of [
    ["institution", "all"],
    ["chain", "1"],
    ["asset", "doge"],
    ["wallet", "nobody"],
    ["destination", "nobody"],
    ["person", "nobody"],
  ] as const) {
    refused(vault, "BAD_VALUE", by({ level, subject }, KEYS.olga), "intent.subject");
  }
  must(by({}, KEYS.olga)());
  refused(vault, "OFFICER_SPENT", by({ level: "asset", subject: "eth" }, KEYS.olga));
  refused(vault, "ALREADY_FROZEN", by({}, KEYS.otto));
  must(by({ level: "asset", subject: "eth" }, KEYS.otto)());
  const other = world.approve(vault.ground(), freezeBy(vault, {}, KEYS.ada), { key: KEYS.otto, decision: "initiate" });
  refused(vault, "APPROVAL_FOREIGN", () => vault.send(world.execute([freezeBy(vault, {}, KEYS.otto)], [other])));
  refused(vault, "BATCH_MIXED", () => {
    const two = [freezeBy(vault, { reference: "x" }), freezeBy(vault, { reference: "y" })];
    return vault.send(world.execute(two, []));
  });
});

test("a freeze binds however late, and nobody can use up its reference or reject it before", () => {
  const vault = vaultWith();
  const frozen = freezeBy(vault, { reference: "pay-1" });
  const ground = vault.ground({ notAfter: vault.now.hi + world.DAY });
  const approval = world.approve(ground, frozen, { key: KEYS.olga, decision: "initiate" });
  must(reject(vault, frozen));
  must(send(vault, payment(vault, { reference: "pay-1" })));
  vault.boot();
  adopt(vault, (book) => ({ limits: book.limits.map((limit) => ({ ...limit, most: limit.most - 1n })) }));
  must(vault.send(world.execute([frozen], [approval])));
  const again = vault.send(world.execute([frozen], []));
  assert.equal(again.code, "OK");
  must(thaw(vault, frozen));
  refused(vault, "INTENT_USED", () => vault.send(world.execute([frozen], [approval])));
  const late = vaultWith();
  const old = freezeBy(late);
  const expired = world.approve(late.ground(), old, { key: KEYS.olga, decision: "initiate" });
  late.wait(world.HOUR);
  refused(late, "EXPIRED", () => late.send(world.execute([old], [expired])));
});

test("lifting takes the unfreeze quorum, a registration and its delay; rejecting it does not help", () => {
  const vault = vaultWith();
  const frozen = freezeBy(vault);
  must(vault.run(frozen, []));
  const lift = world.unfreeze(bookOf(vault), world.intentId(frozen), { notAfter: LATER });
  refused(vault, "QUORUM_MISSING", () => vault.run(lift, [KEYS.otto]));
  refused(vault, "NOT_REGISTERED", () => vault.run(lift, [KEYS.ben, KEYS.otto]));
  must(register(vault, lift));
  vault.wait(world.HOUR - 1);
  refused(vault, "DELAY_RUNNING", () => vault.run(lift, [KEYS.ben, KEYS.otto]));
  vault.wait(1);
  must(reject(vault, lift));
  must(vault.run(lift, [KEYS.ben, KEYS.otto]));
  assert.deepEqual(status(vault).freezes, []);
  const again = world.unfreeze(bookOf(vault), world.intentId(frozen), { notAfter: LATER, reference: "again" });
  refused(vault, "NOT_FROZEN", () => vault.run(again, [KEYS.ben, KEYS.otto]));
  must(vault.run(lift, []));
  must(vault.run(freezeBy(vault, { reference: "second" }), []));
});

test("a freeze lists every live version, the newest transaction first", () => {
  const vault = vaultWith();
  const [a, b, c] = ["a", "b", "c"].map((reference) => payment(vault, { reference })) as [Pay, Pay, Pay];
  must(sendAll(vault, [a, b]));
  must(send(vault, c));
  must(settle(vault, transactionOf(send(vault, c))));
  const dearer = payment(vault, { reference: "a dearer", replaces: world.intentId(a) });
  must(send(vault, dearer, bumped()));
  vault.hold = true;
  send(vault, cancelOf(vault, b), bumped());
  vault.hold = false;
  const frozen = freezeBy(vault);
  const { live } = decode(FreezeBody, must(vault.run(frozen, [])).body);
  assert.deepEqual(
    live.map(({ intent }) => intent),
    [b, dearer, a].map(world.intentId),
  );
  assert.equal(status(vault).live, 2);
  must(thaw(vault, frozen));
  const pair = ["d", "e"].map((reference) => payment(vault, { reference }));
  must(sendAll(vault, pair));
  const listed = decode(FreezeBody, must(vault.run(freezeBy(vault, { reference: "again" }), [])).body).live;
  assert.deepEqual(
    listed.slice(0, 2).map(({ intent }) => intent),
    pair.map(world.intentId),
  );
  assert.equal(execution(vault.send(world.execute([a, b], []))).transactions.length, 2);
});

test("the status holds as many freezes as there can be, and no more come", () => {
  const vault = vaultWith();
  let { freezes } = vault.state;
  for (let number = 1; number <= MAX_FREEZES; number++) {
    const intent = someHash(`freeze ${number}`);
    const officer = `officer-${String(number).padStart(24, "0")}`;
    const one: Freeze = {
      intent,
      level: "destination",
      subject: "x".repeat(90 - 4) + String(number).padStart(4, "0"),
      officer,
      address: undefined,
    };
    freezes = set(freezes, intent, one);
  }
  vault.state = { ...vault.state, freezes };
  assert.equal(status(vault).freezes.length, MAX_FREEZES);
  refused(vault, "TABLE_FULL", () => vault.run(freezeBy(vault), []));
});

test("an officer who loses his place can no longer freeze, but what he froze stays frozen", () => {
  const vault = vaultWith();
  must(vault.run(freezeBy(vault), []));
  const officers = (book: Rulebook) => ({
    groups: book.groups.map((group) => (group.id === "officers" ? { ...group, members: ["otto"] } : group)),
  });
  adopt(vault, officers);
  refused(vault, "FROZEN", () => send(vault, payment(vault)));
  refused(vault, "OFFICER_UNKNOWN", () => vault.run(freezeBy(vault, { level: "asset", subject: "eth" }), []));
});

test("a freeze is lifted at once where governance sets no delay", () => {
  const vault = vaultWith((book) => ({ governance: { ...book.governance, unfreezeDelayMs: 0 } }));
  const frozen = freezeBy(vault);
  must(vault.run(frozen, []));
  must(vault.run(world.unfreeze(bookOf(vault), world.intentId(frozen)), [KEYS.ben, KEYS.otto]));
  must(send(vault, payment(vault)));
});
