/** Payments that a limit holds back: nothing is set aside for them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { furnish, openHouse, pay, say, settled, type TestHouse, until } from "../world/house.ts";
import { DAY, ETH } from "../world/world.ts";

const window = { type: "rolling", ms: DAY } as const;
const limits = [{ id: "a-day", measure: "amount", level: "institution", assets: ["eth"], most: 3n * ETH, window }] as const;

let house: TestHouse;
before(async () => {
  house = await openHouse({ world: { rulebook: { limits } } });
  await furnish(house);
});
after(() => house.close());

const executionsOf = async (request: string) => (await house.as("admin").call("executions.list", { query: { request } })).items;

async function approved(amount: bigint): Promise<string> {
  const { id } = await pay(house, amount);
  for (const by of ["amy", "bob"]) await say(house, id, { by });
  return id;
}

test("a payment that waits for a limit sets nothing aside; one that holds with the fees of the hour is carried out", async () => {
  await settled(house, await approved(2n * ETH));
  const tooMuch = await approved(ETH);
  const answer = await until("it is refused", async () => {
    const { answer } = await house.as("admin").call("requests.get", { params: { id: tooMuch } });
    return answer?.code === "LIMIT_EXCEEDED" && answer;
  });
  assert.equal(answer.field, "limits.a-day");
  assert.deepEqual(await executionsOf(tooMuch), []);
  // What is left covers its amount and a fee as it is now, and not all that it may cost.
  const justFits = await approved((995n * ETH) / 1_000n);
  await settled(house, justFits);
  assert.deepEqual(await executionsOf(tooMuch), []);
});
