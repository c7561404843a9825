/** Attack: something on the chain cannot be booked, as when a token takes more from its payer than the payment that was set
 *  aside. The chain then stands still at that block; that is said where people look, and ends when the block can be entered. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { follow } from "../../server/src/chain/follow.ts";
import { readCursor } from "../../server/src/chain/store.ts";
import { openStage, ours } from "../chain/stage.ts";
import { CHAIN } from "../world/chain.ts";

const stage = await openStage({ nodes: 1 });
after(() => stage.close());

/** One turn of following, with observers that can or cannot write what they are told. */
async function turned(depositSeen: () => Promise<void>): Promise<void> {
  await stage.follower.online.poll();
  const over = new AbortController();
  const it = { ...stage.follower, observers: { ...stage.follower.observers, depositSeen } };
  await follow(it, { lease: stage.lease, signal: over.signal }, async () => over.abort());
}

test("a block that cannot be entered is told as a chain that is halted", async () => {
  await stage.watch(ours(0));
  await stage.anvil.send({ to: ours(0), value: 7n });
  await stage.anvil.mine(1);
  await assert.rejects(
    turned(() => Promise.reject(new Error("it cannot be booked"))),
    { message: "it cannot be booked" },
  );
  const stuck = await readCursor(stage.database.db, CHAIN);
  assert.equal(stuck?.state, "halted");
  assert.match(stuck?.reason ?? "", /it cannot be booked/);
  await turned(async () => undefined);
  assert.equal((await readCursor(stage.database.db, CHAIN))?.state, "following");
});
