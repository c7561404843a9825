/** Console and intake folder are open for what stops: a freeze, a rejection, a veto. Whoever reaches them tries to pay, to
 *  lift a freeze, to change the rulebook or to flood the vault. */
import assert from "node:assert/strict";
import { Command, tightens } from "../../core/src/protocol/command.ts";
import { decode, encode, Signed } from "../../core/src/signed/object.ts";
import { Receipt } from "../../core/src/signed/receipt.ts";
import { limits } from "../../vault/src/host/limits.ts";
import { askAt, type Door } from "../../vault/src/host/serve/intake.ts";
import * as world from "../world/world.ts";
import { attacks, fails, TWO } from "./attack.ts";
import { fresh, type RealVault, realVault } from "./real.ts";

const { KEYS } = world;

/** What console and file do with a command: the code of its receipt. */
async function throughDoor(house: RealVault, command: Command | Uint8Array): Promise<string> {
  const { loop } = house.running;
  const door: Door = {
    ask: (request, asker) => loop.ask(request, asker),
    answer: (request, reply, asker) => loop.answer(request, reply, asker),
    tightens,
  };
  const bytes = await askAt(door, command instanceof Uint8Array ? command : encode(Command, command));
  return decode(Receipt, decode(Signed, bytes).body).code;
}

attacks("what does not stop comes by console or file", async () => {
  const { house, clean } = await realVault();
  const { book, signedRulebook: rulebook } = house.made;
  const notAfter = Date.now() + world.HOUR;
  const freeze = world.freeze(book, { notAfter });
  const pay = await house.request(house.pay("pay-1"), TWO);
  const frozen = await house.request(freeze, []);
  const { head, ground } = await house.ground();
  const commands: readonly (Command | Uint8Array)[] = [
    pay,
    { ...frozen, orders: [...frozen.orders, ...pay.orders] },
    { ...pay, orders: [...pay.orders, ...frozen.orders] },
    await house.request(world.retire(book, world.acme(book), { notAfter }), [KEYS.carl]),
    await house.request(world.unfreeze(book, world.intentId(freeze), { notAfter }), [KEYS.ben, KEYS.otto]),
    fresh({ command: "rulebook", rulebook, approvals: [] }),
    fresh({ command: "register", intent: pay.orders[0]?.intent as Uint8Array, approvals: [] }),
    fresh({ command: "inform", facts: [] }),
    fresh({ command: "address", wallet: "treasury", index: 1 }),
    fresh({ command: "witness", head }),
    fresh({ command: "status" }),
    encode(Command, frozen).subarray(1),
    new Uint8Array(),
  ];
  for (const command of commands) await fails(async () => assert.equal(await throughDoor(house, command), "NOT_TIGHTENING"));
  const rejected = house.pay("pay-2");
  const approval = world.approve(ground, rejected, { key: KEYS.amy, decision: "reject" });
  assert.equal(await throughDoor(house, fresh({ command: "object", approval })), "OK");
  assert.equal(await house.code(await house.request(rejected, TWO)), "INTENT_REJECTED");
  assert.equal(await throughDoor(house, frozen), "OK", "a freeze is taken");
  await fails(async () => assert.equal(await house.code(pay), "FROZEN"));
  await clean();
});

attacks("the vault is flooded", async () => {
  const { house, clean } = await realVault();
  const before = house.pay("pay-1");
  const command = await house.request(before, TWO);
  const request = encode(Command, fresh({ command: "head" }));
  const codes = new Map<string, number>();
  const flood = limits.queue + 500;
  const answers = Array.from({ length: flood }, () =>
    house.ask(request).then(({ receipt }) => codes.set(receipt.code, (codes.get(receipt.code) ?? 0) + 1)),
  );
  await fails(async () => {
    await Promise.all(answers);
    assert.deepEqual([codes.get("OK"), codes.get("OVERLOADED")], [limits.queue, 500], "bounded, and answered");
  });
  assert.equal(await house.code(command), "OK", "afterwards an honest payment is signed");
  await clean();
});
