/** What a block brings to our addresses is recorded as it really was, whatever tokens say and nodes do. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findDeposit, listDeposits, moveWatched } from "../../server/src/chain/store.ts";
import { transact } from "../../server/src/db/transact.ts";
import { CHAIN, calls, RICH } from "../world/chain.ts";
import { openStage, ours, type Stage } from "./stage.ts";

let stage: Stage;
let tokens: Record<string, string>;
before(async () => {
  stage = await openStage({ config: { dust: [{ asset: "eth", below: 10n }] } });
  tokens = stage.tokens;
  for (const [asset, name] of Object.entries({ good: "HonestToken", fee: "FeeToken", liar: "LyingToken", no: "FalseToken" })) {
    tokens[asset] = await stage.anvil.deploy(name);
  }
  await stage.watch(ours(0));
  await stage.watch(ours(1));
  await stage.catchUp();
});
after(() => stage.close());

test("ETH by value and from inside a call is seen once each, and is final after its blocks", async () => {
  const splitter = await stage.anvil.deploy("Splitter");
  await stage.anvil.send({ to: ours(0), value: 100n });
  await stage.anvil.send({ to: splitter, value: 60n, data: calls.split([ours(0), ours(1), RICH]) });
  await stage.anvil.send({ to: splitter, value: 40n, data: calls.tease([ours(0), ours(1)]) });
  await stage.anvil.send({ to: splitter, value: 30n, data: calls.end(ours(1)) });
  await stage.anvil.mine(1);
  await stage.catchUp();
  const found = (await stage.deposits()).map(({ place, address, amount, state }) => [place, address, amount, state]);
  assert.deepEqual(
    new Set(found.map(String)),
    new Set(
      [
        ["value", ours(0), 100n, "seen"],
        ["call:0", ours(0), 20n, "seen"],
        ["call:1", ours(1), 20n, "seen"],
        // what the contract kept when it was teased goes with it
        ["call:0", ours(1), 70n, "seen"],
      ].map(String),
    ),
  );
  await stage.anvil.mine(2);
  await stage.catchUp();
  assert.deepEqual(new Set((await stage.deposits()).map(({ state }) => state)), new Set(["final"]));
});

test("tokens that take a fee, lie, say no, or are unknown are told apart", async () => {
  const from = (await stage.deposits())[0]?.block ?? 0;
  const unknown = await stage.anvil.deploy("HonestToken");
  for (const token of [...Object.values(tokens), unknown])
    await stage.anvil.send({ to: token, data: calls.mint(RICH, 10_000n) });
  await stage.anvil.mine(1);
  for (const token of [...Object.values(tokens), unknown]) {
    await stage.anvil.send({ to: token, data: calls.transfer(ours(0), 1_000n) });
  }
  await stage.anvil.send({ to: tokens["fee"] ?? "", data: calls.transfer(ours(0), 200n) });
  await stage.anvil.send({ to: tokens["good"] ?? "", data: calls.transfer(ours(0), 0n) });
  await stage.anvil.mine(1);
  await stage.catchUp();
  const found = (await stage.deposits()).filter(({ block }) => block > from);
  const told = found.map(({ asset, logged, amount, state }) => `${asset} ${logged} ${amount} ${state}`).sort();
  assert.deepEqual(told, [
    "fee 1000 990 seen",
    "fee 200 198 seen",
    "good 1000 1000 seen",
    "liar 1000 0 suspect",
    "null 1000 1000 unknown",
  ]);
  assert.match(found.find(({ asset }) => asset === "fee")?.reason ?? "", /kept/);
  const heard = stage.heard.filter(({ what }) => what === "depositOdd").map(({ id }) => id);
  assert.deepEqual(new Set(heard), new Set(found.filter(({ state }) => state !== "seen").map(({ id }) => id)));
});

test("a token whose code changes is believed by its balances only", async () => {
  const changing = await stage.anvil.deploy("ChangingToken");
  tokens["changing"] = changing;
  const become = async (token: string | undefined) => stage.anvil.send({ to: changing, data: calls.become(token ?? "") });
  await stage.anvil.send({ to: changing, data: calls.mint(RICH, 10_000n) });
  const paid: string[] = [];
  for (const token of ["good", "fee", "liar", "good"]) {
    await become(tokens[token]);
    await stage.anvil.mine(1);
    await stage.anvil.send({ to: changing, data: calls.transfer(ours(1), 500n) });
    await stage.anvil.mine(1);
    await stage.catchUp();
    const [last] = (await stage.deposits()).filter(({ asset }) => asset === "changing");
    paid.push(`${last?.amount} ${last?.state}`);
  }
  assert.deepEqual(paid, ["500 seen", "495 seen", "0 suspect", "500 seen"]);
});

test("failed transactions and dust are not booked", async () => {
  const count = (await stage.deposits()).length;
  const good = tokens["good"] ?? "";
  await stage.anvil.send({ to: good, value: 5n, data: calls.transfer(ours(0), 1n), gas: 100_000n });
  await stage.anvil.send({ to: good, data: calls.transfer(ours(0), 10n ** 30n), gas: 100_000n });
  await stage.anvil.send({ to: ours(0), value: 9n });
  await stage.anvil.mine(1);
  await stage.catchUp();
  const found = (await stage.deposits()).slice(0, -count);
  assert.deepEqual(
    found.map(({ amount, state }) => `${amount} ${state}`),
    ["9 suspect"],
  );
  assert.match(found[0]?.reason ?? "", /below 10/);
});

test("an address is watched from the block in which it came on, and its money is as the chain says", async () => {
  await stage.watch(ours(2), { wallet: "late", client: "acme" });
  await stage.watch(ours(2), { wallet: "late", client: "acme" });
  await stage.anvil.send({ to: ours(2), value: 1_234n });
  await stage.anvil.mine(1);
  await stage.catchUp();
  const [found] = await stage.deposits();
  assert.deepEqual([found?.wallet, found?.client, found?.amount, found?.chain], ["late", "acme", 1_234n, CHAIN]);
  const start = 10n ** 22n;
  for (const number of [0, 1, 2]) {
    const booked = (await stage.deposits()).filter(({ address, asset }) => address === ours(number) && asset === "eth");
    const held = BigInt(await stage.anvil.rpc<string>("eth_getBalance", ours(number), "latest"));
    assert.equal(
      booked.reduce((sum, { amount }) => sum + amount, start),
      held,
    );
  }
});

test("a deposit is seen by its unit and client, and by nobody else", async () => {
  const { db } = stage.database;
  const all = await stage.deposits();
  const acme = all.filter(({ client }) => client === "acme");
  const someone = { name: "eve", role: "trader", unit: "bank", client: null, person: null, units: ["bank"] } as const;
  const sees = async (caller: Parameters<typeof findDeposit>[1]) => {
    const listed = await listDeposits(db, caller, { before: null, limit: 500 });
    for (const { id } of all) {
      const found = await findDeposit(db, caller, id);
      assert.equal(found?.id, listed.find((one) => one.id === id)?.id);
    }
    return listed.length;
  };
  assert.equal(await sees(someone), all.length);
  assert.equal(await sees({ ...someone, client: "acme" }), acme.length);
  assert.equal(await sees({ ...someone, client: "other" }), 0);
  assert.equal(await sees({ ...someone, unit: "elsewhere", units: ["elsewhere"] }), 0);
  await transact(db, (tx) => moveWatched(tx, { wallet: "late", unit: "elsewhere" }));
  await stage.anvil.send({ to: ours(2), value: 5_000n });
  await stage.anvil.mine(1);
  await stage.catchUp();
  assert.equal(await sees({ ...someone, unit: "elsewhere", units: ["elsewhere"] }), 1);
});
