/** Many small wallets are drained below each limit (Bitfinex 2016), a limit is raced by concurrent commands, split into
 *  batches, spent as fees, or got round by a replacement: the limits of institution, wallet, client, destination and
 *  initiator hold. */
import assert from "node:assert/strict";
import { OPEN } from "../../core/src/rulebook/open.ts";
import type { Limit } from "../../core/src/signed/rulebook.ts";
import type { Answer } from "../../vault/src/types.ts";
import { type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honestlySigned, refused, request, type Siege, TWO } from "./attack.ts";

const { KEYS, ETH, DAY } = world;
const FEE = 90_000n * 20_000_000_000n;

function siegeOf(...limits: readonly Limit[]): Siege {
  return besiege({
    rulebook: (demo) => ({
      limits,
      rules: demo.rules.map((rule) => (rule.id === "allow-eth" ? { ...OPEN, id: "allow-eth", effect: "allow" } : rule)),
    }),
  });
}

const limit = (level: Limit["level"], amount: bigint, asset = "eth"): Limit => ({
  id: level,
  measure: "amount",
  level,
  assets: [asset],
  most: amount,
  window: { type: "rolling", ms: DAY },
});

/** `count` more wallets of one client each, with their first address. */
function openWallets({ vault, book }: Siege, count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => {
    const wallet = `small-${at}`;
    must(vault.run(world.wallet(book, { wallet, client: `client-${at}` }), [KEYS.carl]));
    must(vault.send(world.command({ command: "address", wallet, index: 0 })));
    return wallet;
  });
}

attacks("many small wallets are drained", () => {
  const siege = siegeOf(limit("institution", 10n * ETH), limit("wallet", 2n * ETH));
  const { vault, book } = siege;
  const wallets = openWallets(siege, 8);
  const drain = (wallet: string, amount: bigint) =>
    vault.run(world.pay(book, { wallet, amount, reference: `drain-${wallet}` }), TWO);
  for (const wallet of wallets.slice(0, 5)) {
    refused(vault, "LIMIT_EXCEEDED", "above the wallet's limit", () => drain(wallet, 2n * ETH));
    must(drain(wallet, 2n * ETH - FEE));
  }
  for (const wallet of wallets.slice(5)) refused(vault, "LIMIT_EXCEEDED", "the sixth wallet", () => drain(wallet, 1n));
});

for (const level of ["institution", "client", "wallet", "destination", "initiator"] as const) {
  attacks(`the limit of one ${level} is split`, () => {
    const { vault, book } = siegeOf(limit(level, 3n * ETH + 2n * FEE));
    const pay = (reference: string, amount: bigint) => world.pay(book, { reference, amount });
    honestlySigned(vault, () => vault.run(pay("whole", 3n * ETH), TWO));
    refused(vault, "LIMIT_EXCEEDED", "one too large", () => vault.run(pay("whole", 3n * ETH + 2n * FEE), TWO));
    must(vault.run(pay("a", ETH), TWO));
    honestlySigned(vault, () => vault.run(pay("b", 2n * ETH), TWO));
    refused(vault, "LIMIT_EXCEEDED", "one wei more", () => vault.run(pay("b", 2n * ETH + 1n), TWO));
    const batch = [pay("b", ETH), pay("c", ETH)];
    const approvals = batch.flatMap((item) => world.approveAll(vault.ground(), item, TWO));
    refused(vault, "LIMIT_EXCEEDED", "in one batch", () => vault.send(world.execute(batch, approvals)));
    must(vault.run(pay("b", 2n * ETH), TWO));
    refused(vault, "LIMIT_EXCEEDED", "a wei afterwards", () => vault.run(pay("c", 1n), TWO));
    vault.restart();
    refused(vault, "LIMIT_EXCEEDED", "after a restart", () => vault.run(pay("c", 1n), TWO));
  });
}

attacks("a limit is raced by concurrent commands", () => {
  const { vault, book } = siegeOf(limit("institution", 2n * ETH));
  const pay = (at: number) => world.pay(book, { reference: `race-${at}`, amount: ETH });
  const commands = Array.from({ length: 32 }, (_, at) => request(vault, pay(at)));
  honestlySigned(vault, () => vault.send(commands[0] as (typeof commands)[number]));
  vault.hold = true;
  const taken = commands.filter((command) => {
    const length = vault.held.length;
    vault.send(command);
    return vault.held.length > length;
  });
  assert.equal(taken.length, 1, "the fees leave room for one");
  vault.held.length = 0;
  for (const command of commands.slice(1))
    refused(vault, "LIMIT_EXCEEDED", "while the first is being signed", () => vault.send(command));
});

attacks("the limit is spent as fees", () => {
  const { vault, book } = siegeOf(limit("institution", 2n * FEE));
  const token = (reference: string) => world.pay(book, { asset: "usdx", amount: 1n, reference });
  must(vault.run(token("a"), TWO));
  must(vault.run(token("b"), TWO));
  refused(vault, "LIMIT_EXCEEDED", "a token payment's fee", () => vault.run(token("c"), TWO));
  refused(vault, "LIMIT_EXCEEDED", "a replacement's fee", () =>
    vault.run(world.pay(book, { asset: "usdx", amount: 1n, reference: "d", replaces: world.intentId(token("b")) }), TWO, {
      context: { maxFeePerGas: 30_000_000_000n, maxPriorityFeePerGas: 2_000_000_000n },
    }),
  );
  refused(vault, "LIMIT_EXCEEDED", "a cancellation's fee", () =>
    vault.run(world.cancel(book, world.intentId(token("b"))), TWO, {
      context: { maxFeePerGas: 30_000_000_000n, maxPriorityFeePerGas: 2_000_000_000n },
    }),
  );
});

attacks("a replacement is counted twice, not at all, or gives back what was spent", () => {
  const [cheap, dear] = [21_000n * 30_000_000_000n, 90_000n * 40_000_000_000n];
  const versions = [
    { gasLimit: 21_000, maxFeePerGas: 30_000_000_000n, maxPriorityFeePerGas: 2_000_000_000n },
    { gasLimit: 90_000, maxFeePerGas: 40_000_000_000n, maxPriorityFeePerGas: 3_000_000_000n },
  ];
  const paid = (most: bigint) => {
    const { vault, book } = siegeOf(limit("institution", most));
    const first = world.pay(book);
    const replaces = world.intentId(first);
    must(vault.run(first, TWO));
    const [second, third] = versions.map((context, at) => () => {
      return vault.run(world.pay(book, { reference: `version-${at}`, replaces }), TWO, { context });
    }) as [() => Answer, () => Answer];
    return { vault, book, second, third };
  };
  assert.ok(cheap < FEE && FEE < dear);
  const exact = paid(ETH + dear);
  honestlySigned(exact.vault, exact.third);
  must(exact.second());
  const other = world.pay(exact.book, { reference: "other", amount: dear - FEE - 21_000n });
  refused(exact.vault, "LIMIT_EXCEEDED", "a cheaper version gives nothing back", () => {
    return exact.vault.run({ ...other, amount: dear - FEE }, TWO, {
      context: { gasLimit: 21_000, maxFeePerGas: 1n, maxPriorityFeePerGas: 1n },
    });
  });
  honestlySigned(exact.vault, () =>
    exact.vault.run(other, TWO, { context: { gasLimit: 21_000, maxFeePerGas: 1n, maxPriorityFeePerGas: 1n } }),
  );
  honestlySigned(exact.vault, exact.third);
  const less = paid(ETH + dear - 1n);
  refused(less.vault, "LIMIT_EXCEEDED", "a dearer version, one wei too much", less.third);
  must(less.second());
  refused(less.vault, "LIMIT_EXCEEDED", "the same after a cheaper one", less.third);
});

attacks("the window is rolled on by time that has not passed", () => {
  const { vault, book } = siegeOf(limit("institution", ETH + FEE));
  const pay = (reference: string) => world.pay(book, { reference, amount: ETH, notAfter: vault.now.hi + DAY * 3 });
  must(vault.run(pay("a"), TWO));
  refused(vault, "LIMIT_EXCEEDED", "at once", () => vault.run(pay("b"), TWO));
  refused(vault, "LIMIT_EXCEEDED", "with the wall clock two days ahead", () =>
    forwarded(vault, 2 * DAY, () => vault.run(pay("b"), TWO)),
  );
  vault.wait(DAY);
  refused(vault, "LIMIT_EXCEEDED", "exactly a day later", () => vault.run(pay("b"), TWO));
  vault.wait(DAY / 32);
  honestlySigned(vault, () => vault.run(pay("b"), TWO));
});

/** The upper bound of the time runs ahead, as when the wall clock is set forward. */
function forwarded<T>(vault: MemoryVault, ms: number, work: () => T): T {
  vault.now = { lo: vault.now.lo, hi: vault.now.hi + ms };
  return work();
}
