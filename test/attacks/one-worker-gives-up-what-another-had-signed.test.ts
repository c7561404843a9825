/** Attack: a worker that was refused dawdles until another one has had the same payment signed, and only then gives it up. The
 *  signed payment is not forgotten: it is set aside once more and sent, once. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { furnish, openHouse, settled, type TestHouse } from "../world/house.ts";
import { askedFor, carriedOutAt, heldEther } from "../world/worker.ts";

let house: TestHouse;
before(async () => {
  house = await openHouse();
  await furnish(house);
});
after(() => house.close());

test("a payment that was signed while another worker gave it up is paid once", async () => {
  const payment = await askedFor(house);
  const late = { ...payment, approvals: payment.approvals.slice(0, 1) };
  const { url } = house.chain;
  const refused = Promise.withResolvers<void>();
  const signed = Promise.withResolvers<void>();
  const first = carriedOutAt(house, url, late, async (command) => {
    if (command !== "show") return;
    refused.resolve();
    await signed.promise;
  });
  await refused.promise;
  const second = carriedOutAt(house, url, payment, async () => {
    signed.resolve();
    assert.equal((await first).is, "refused");
  });
  assert.deepEqual(await second, { is: "held" });
  assert.deepEqual(await carriedOutAt(house, url, payment), { is: "signed" });
  const { transactions } = await settled(house, payment.request.id);
  assert.equal(transactions.length, 1);
  assert.equal(await heldEther(house), 0n);
});
