/** Limits of all levels in one rulebook: each holds for itself, and one payment counts in all of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openRecord } from "../../../core/src/journal/record.ts";
import type { Level, Rulebook } from "../../../core/src/signed/rulebook.ts";
import { type MemoryVault, must } from "../../world/vault.ts";
import * as world from "../../world/world.ts";
import { bookOf, payment, refused, send, sendAll, vaultWith } from "../ground.ts";

const { KEYS, DAY } = world;
type Limit = Rulebook["limits"][number];

const LEVELS: readonly Level[] = ["institution", "unit", "client", "wallet", "address", "destination", "asset", "initiator"];
const WIDE = 1_000n;

const limitOf = (level: Level, most: bigint): Limit => {
  return { id: `of-${level}`, measure: "count", level, assets: "any", most, window: { type: "rolling", ms: DAY } };
};

/** A vault with one limit of each level, in this order, of which only `tight` is narrow; and a wallet that has all of them. */
function layered(levels: readonly Level[], tight?: Level): MemoryVault {
  const limits = levels.map((level) => limitOf(level, level === tight ? 1n : WIDE));
  const vault = vaultWith({ units: [{ id: "bank" }, { id: "desk", parent: "bank" }], limits });
  must(vault.run(world.wallet(bookOf(vault), { wallet: "desk-1", client: "alice", unit: "desk" }), [KEYS.carl]));
  must(vault.send(world.command({ command: "address", wallet: "desk-1", index: 0 })));
  return vault;
}

const pay = (vault: MemoryVault, reference: string) => send(vault, payment(vault, { wallet: "desk-1", reference }));

test("each of eight limits on eight levels is the one that refuses, wherever it stands", () => {
  for (const levels of [LEVELS, LEVELS.toReversed()]) {
    for (const tight of levels) {
      const vault = layered(levels, tight);
      const two = ["first", "second"].map((reference) => payment(vault, { wallet: "desk-1", reference }));
      refused(vault, "LIMIT_EXCEEDED", () => sendAll(vault, two), `limits.of-${tight}`);
      must(pay(vault, "first"));
      refused(vault, "LIMIT_EXCEEDED", () => pay(vault, "second"), `limits.of-${tight}`);
    }
  }
});

test("one payment counts on all levels in one commitment, each under its own thing", () => {
  const vault = layered(LEVELS);
  const address = addressOf(vault, "desk-1");
  const from = vault.journal.length;
  must(pay(vault, "first"));
  const [record] = vault.journal.slice(from).map((bytes) => openRecord(bytes).value);
  assert.ok(record?.kind === "committed" && record.parts.length === 1);
  const counted = record.parts.flatMap((part) =>
    part.counted.flatMap(({ of, shares }) => shares.map(({ limit, amount }) => `${limit.split("|")[0]} ${of} ${amount}`)),
  );
  assert.deepEqual(
    counted.sort(),
    [
      ...["of-institution institution| 1", "of-unit unit|bank 1", "of-unit unit|desk 1", "of-client client|alice 1"],
      ...["of-wallet wallet|desk-1 1", `of-address address|${world.CHAIN}:${address} 1`, "of-asset asset|eth 1"],
      ...[`of-destination destination|${world.CHAIN}:${world.acme(bookOf(vault)).address} 1`, "of-initiator initiator|tom 1"],
    ].sort(),
  );
});

function addressOf(vault: MemoryVault, wallet: string): string {
  const answer = must(vault.send(world.command({ command: "address", wallet, index: 0 })));
  return (/0x[0-9a-fA-F]{40}/.exec(Buffer.from(answer.body).toString("latin1")) as RegExpExecArray)[0];
}
