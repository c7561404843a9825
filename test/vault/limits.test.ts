/** Limits: for whom they count, the dearest version, windows, and commands that race for what is left. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rulebook } from "../../core/src/signed/rulebook.ts";
import { type MemoryVault, must, usedOf } from "../world/vault.ts";
import * as world from "../world/world.ts";
import {
  bookOf,
  bumped,
  cancelOf,
  freezeBy,
  payment,
  refused,
  send,
  sendAll,
  settle,
  transactionOf,
  vaultWith,
} from "./ground.ts";

const { ETH, KEYS } = world;
type Limit = Rulebook["limits"][number];

/** A vault with one limit of 3 ETH a day. */
function limited(change: Partial<Limit> = {}): MemoryVault {
  const limit: Limit = {
    id: "only",
    measure: "amount",
    level: "institution",
    assets: ["eth"],
    most: 3n * ETH,
    window: { type: "rolling", ms: world.DAY },
    ...change,
  };
  return vaultWith({ limits: [limit] });
}

const MOST = BigInt(world.CONTEXT.gasLimit) * world.CONTEXT.maxFeePerGas;

test("amounts and the dearest fee count together for the native asset", () => {
  const vault = limited({ most: ETH + MOST });
  refused(vault, "LIMIT_EXCEEDED", () => send(vault, payment(vault, { amount: ETH + 1n })), "limits.only");
  must(send(vault, payment(vault)));
  assert.equal(usedOf(vault, "only"), ETH + MOST);
  refused(vault, "LIMIT_EXCEEDED", () => send(vault, payment(vault, { reference: "b", amount: 1n })));
});

test("a replacement adds only what it costs more than the dearest version before it", () => {
  const vault = limited();
  const first = payment(vault);
  const replaces = world.intentId(first);
  must(send(vault, first));
  const { maxFeePerGas } = bumped(8n);
  must(send(vault, payment(vault, { reference: "b", replaces }), { ...bumped(8n), gasLimit: 100_000 }));
  assert.equal(usedOf(vault, "only"), ETH + 100_000n * maxFeePerGas);
  must(send(vault, payment(vault, { reference: "c", replaces }), { ...bumped(10n), gasLimit: 21_000 }));
  assert.equal(usedOf(vault, "only"), ETH + 100_000n * maxFeePerGas);
  const last = bumped(16n);
  must(send(vault, cancelOf(vault, first), { ...last, gasLimit: 100_000 }));
  assert.equal(usedOf(vault, "only"), ETH + 100_000n * last.maxFeePerGas);
});

test("a replacement of what never left counts in full", () => {
  const vault = limited({ most: 30n * ETH });
  const first = payment(vault);
  vault.hold = true;
  send(vault, first);
  must(vault.run(freezeBy(vault, { level: "person", subject: "carl" }), []));
  must(vault.run(freezeBy(vault, { level: "wallet", subject: "treasury" }, KEYS.otto), []));
  const [answer] = vault.release();
  assert.equal(answer?.code, "FROZEN");
  const cancel = cancelOf(vault, first);
  const { maxFeePerGas } = bumped();
  must(send(vault, cancel, { ...bumped(), gasLimit: 30_000 }));
  assert.equal(usedOf(vault, "only"), ETH + MOST + 30_000n * maxFeePerGas);
});

test("intents of one command draw on one limit", () => {
  const vault = limited();
  const four = ["a", "b", "c", "d"].map((reference) => payment(vault, { reference }));
  refused(vault, "LIMIT_EXCEEDED", () => sendAll(vault, four));
  must(sendAll(vault, four.slice(0, 2)));
  refused(vault, "LIMIT_EXCEEDED", () => sendAll(vault, four.slice(2)));
});

test("each level counts for its own", () => {
  const second = (vault: MemoryVault) => {
    must(vault.run(world.wallet(bookOf(vault), { wallet: "second", client: "alice" }), [KEYS.carl]));
    must(vault.send(world.command({ command: "address", wallet: "second", index: 0 })));
  };
  const cases: readonly [Limit["level"], Parameters<typeof payment>[1]][] = [
    ["wallet", { wallet: "second" }],
    ["client", { wallet: "second" }],
    ["initiator", { initiator: KEYS.tina.id }],
    ["destination", { destination: undefined as never }],
  ];
  for (const [level, other] of cases) {
    const vault = limited({ level });
    second(vault);
    const zoe = world.zoe(bookOf(vault));
    const change = level === "destination" ? { destination: world.destinationOf(zoe) } : other;
    const facts = [world.screening(bookOf(vault), zoe, { at: vault.now.hi })];
    must(send(vault, payment(vault, { amount: 2n * ETH })));
    refused(vault, "LIMIT_EXCEEDED", () => send(vault, payment(vault, { reference: "b", amount: ETH })));
    must(vault.run(payment(vault, { reference: "c", amount: 2n * ETH, ...change }), [KEYS.amy, KEYS.bob], { facts }));
  }
  const institution = limited();
  second(institution);
  must(send(institution, payment(institution, { amount: 2n * ETH })));
  refused(institution, "LIMIT_EXCEEDED", () => send(institution, payment(institution, { reference: "b", wallet: "second" })));
});

test("what was committed counts for the whole window, also when it is final", () => {
  const vault = limited();
  const first = send(vault, payment(vault, { amount: 2n * ETH }));
  must(settle(vault, transactionOf(first)));
  const next = payment(vault, { reference: "b" });
  vault.wait(world.DAY - 1);
  refused(vault, "LIMIT_EXCEEDED", () => send(vault, next));
  vault.now = { lo: vault.now.lo, hi: vault.now.hi + world.DAY };
  refused(vault, "LIMIT_EXCEEDED", () => send(vault, next));
  vault.wait(Math.ceil(world.DAY / 64) + 1);
  must(send(vault, next));
});

test("a payment without fee counts nothing for the fee", () => {
  const vault = vaultWith({
    limits: [
      {
        id: "only",
        measure: "amount",
        level: "institution",
        assets: ["eth"],
        most: 0n,
        window: { type: "rolling", ms: world.DAY },
      },
    ],
  });
  const intent = payment(vault, { asset: "usdx", amount: world.USDX });
  refused(vault, "LIMIT_EXCEEDED", () => send(vault, intent));
  must(send(vault, intent, { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n }));
  assert.equal(usedOf(vault, "only"), 0n);
});
