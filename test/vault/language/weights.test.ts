/** Limits beside one another: each counts by its own measure, assets and window, whatever the order they are written in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Intent } from "../../../core/src/signed/intent.ts";
import { encode } from "../../../core/src/signed/object.ts";
import type { Limit } from "../../../core/src/signed/rulebook.ts";
import { countLimits, nothingSpent } from "../../../vault/src/decide/payment/limits.ts";
import { resolve } from "../../../vault/src/decide/payment/resolve.ts";
import { readIntent } from "../../../vault/src/state/intent.ts";
import { get } from "../../../vault/src/state/map.ts";
import type { Founded } from "../../../vault/src/state/state.ts";
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

test("however many destinations are paid, each is counted for itself", () => {
  const vault = vaultWith({ limits: [limit("each", { level: "destination" })] });
  const state = vault.state as Founded;
  const bytes = encode(Intent, payment(vault));
  const named = resolve(state, { ...readIntent(bytes), intent: payment(vault), bytes, context: world.CONTEXT });
  const countedFor = (to: string) => {
    const it = { ...named, transfer: { ...named.transfer, to } };
    const [one, ...more] = countLimits(state, vault.now, nothingSpent(), { it, feeMax: FEE, before: [], quotes: new Map() });
    assert.equal(more.length, 0);
    return one?.of;
  };
  const destinations = Array.from({ length: 600 }, (_, at) => `0x${at.toString(16).padStart(40, "0")}`);
  for (const to of [...destinations, ...destinations]) assert.equal(countedFor(to), `destination|${world.CHAIN}:${to}`);
});
