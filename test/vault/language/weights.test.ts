/** Limits beside one another: each counts by its own measure, assets and window, whatever the order they are written in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Limit } from "../../../core/src/signed/rulebook.ts";
import { get } from "../../../vault/src/state/map.ts";
import { must } from "../../world/vault.ts";
import * as world from "../../world/world.ts";
import { bookOf, payment, refused, send, vaultWith } from "../ground.ts";

const { ETH, USDX, KEYS, HOUR, DAY } = world;
const FEE = BigInt(world.CONTEXT.gasLimit) * world.CONTEXT.maxFeePerGas;

function limit(id: string, change: Partial<Limit>): Limit {
  const window = { type: "rolling", ms: DAY } as const;
  return { id, level: "institution", measure: "amount", assets: ["eth"], most: 10n ** 30n, window, ...change };
}

test("two windows side by side each keep their own time", () => {
  const hour = { window: { type: "rolling", ms: HOUR } } as const;
  const most = (3n * ETH) / 2n;
  const pay = (reference: string) => ({ reference, amount: ETH, notAfter: world.NOW + 2 * DAY });
  const long = vaultWith({ limits: [limit("hour", hour), limit("day", { most })] });
  must(send(long, payment(long, pay("a"))));
  long.wait(2 * HOUR);
  refused(long, "LIMIT_EXCEEDED", () => send(long, payment(long, pay("b"))), "limits.day");
  const short = vaultWith({ limits: [limit("day", {}), limit("hour", { ...hour, most })] });
  must(send(short, payment(short, pay("a"))));
  refused(short, "LIMIT_EXCEEDED", () => send(short, payment(short, pay("b"))), "limits.hour");
  short.wait(2 * HOUR);
  must(send(short, payment(short, pay("b"))));
});

test("what a payment of a token adds is never taken for another measure or asset", () => {
  const limits = (["amount", "value", "count"] as const).flatMap((measure) => [
    ...[["usdx"], ["eth"]].map((assets) => limit(`${measure}-${assets}`, { measure, assets })),
    ...(measure === "amount" ? [] : [limit(`${measure}-any`, { measure, assets: "any" })]),
  ]);
  const cents = (FEE * 250_000n + ETH - 1n) / ETH;
  const expected = [
    ...[`amount-eth ${FEE}`, `amount-usdx ${USDX}`, "count-any 1", "count-usdx 1"],
    ...[`value-any ${90n + cents}`, `value-eth ${cents}`, "value-usdx 90"],
  ];
  for (const order of [limits, limits.toReversed()]) {
    const vault = vaultWith((book) => ({ ...world.valued(book), limits: order }));
    const facts = [
      { asset: "eth", numerator: 250_000n, denominator: ETH },
      { asset: "usdx", numerator: 90n, denominator: USDX },
    ].map((one) => world.price(bookOf(vault), { ...one, source: "pricer-a", at: vault.now.hi, key: KEYS.pricerA }));
    must(vault.send(world.command({ command: "inform", facts })));
    must(send(vault, payment(vault, { asset: "usdx", amount: USDX })));
    const used = [...(get(vault.state.usage, "institution|") ?? [])].map(([name, { sum }]) => `${name.split("|")[0]} ${sum}`);
    assert.deepEqual(used.sort(), expected.sort());
  }
});
