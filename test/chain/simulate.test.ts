/** What a simulation says of transfers by tokens that are honest, take a fee, lie or refuse, on a real node. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openRpc } from "../../cli/src/chain/rpc.ts";
import { simulate } from "../../cli/src/verbs/source/simulate.ts";
import { type Anvil, calls, RICH, RICH_TOO, startAnvil } from "../world/chain.ts";

const STRANGER = "0x976EA74026E726554dB657fA54763abd0C3a0aa9";
let chain: Anvil;
before(async () => {
  chain = await startAnvil();
});
after(() => chain.stop());

const said = (token: string | null, amount: bigint, [from, to]: readonly [string, string] = [RICH, STRANGER]) =>
  simulate(openRpc(chain.url), { from, to, token, amount });

async function tokenWith(name: string, amount = 1_000n): Promise<string> {
  const token = await chain.deploy(name);
  await chain.send({ to: token, data: calls.mint(RICH, amount) });
  return token;
}

test("ether moves as stated, to another one and to oneself", async () => {
  assert.equal(await said(null, 5n), "as-stated");
  assert.equal(await said(null, 5n, [RICH, RICH]), "as-stated");
  assert.equal(await said(null, 0n, [RICH_TOO, RICH_TOO]), "as-stated");
});

test("a token that keeps its word is as stated; what takes a fee, lies, says no or has too little differs", async () => {
  const honest = await tokenWith("HonestToken");
  assert.equal(await said(honest, 1_000n), "as-stated");
  assert.equal(await said(honest, 10n, [RICH, RICH]), "as-stated");
  assert.equal(await said(honest, 1_001n), "differs");
  for (const name of ["FeeToken", "LyingToken", "FalseToken"])
    assert.equal(await said(await tokenWith(name), 100n), "differs", name);
});

test("a payee that takes nothing, and one that hands on what it gets, differ", async () => {
  const splitter = await chain.deploy("Splitter");
  assert.equal(await said(null, 5n, [RICH, splitter]), "differs");
  // Calls another one with all that came.
  const handsOn = `0x600060006000600034${"73"}${RICH_TOO.slice(2).toLowerCase()}5af100`;
  await chain.rpc("anvil_setCode", STRANGER, handsOn);
  assert.equal(await said(null, 5n), "differs");
  await chain.rpc("anvil_setCode", STRANGER, "0x");
});

test("what a node cannot run is no statement", async () => {
  await assert.rejects(said(null, 10n ** 30n, [STRANGER, RICH]), { code: "CHAIN_ERROR" });
  await assert.rejects(
    simulate(async () => [{ calls: [] }], { from: RICH, to: STRANGER, token: null, amount: 1n }),
    {
      code: "CHAIN_ERROR",
    },
  );
});
