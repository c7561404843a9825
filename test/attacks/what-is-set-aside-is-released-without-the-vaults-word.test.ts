/** Attack: a vault that was rolled back and has stopped refuses everything, also to say what it has signed. What was set aside for a
 *  payment stays so, because its transaction may be out. */
import assert from "node:assert/strict";
import { cp, rename } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openVaultLink } from "../../server/src/vault/link.ts";
import { furnish, openHouse, type TestHouse } from "../world/house.ts";
import { askedFor, carriedOutAt, heldEther } from "../world/worker.ts";
import { ETH } from "../world/world.ts";

let house: TestHouse;
before(async () => {
  house = await openHouse();
  await furnish(house);
});
after(() => house.close());

/** Puts an older copy of the vault's disk in its place, and shows it the newest head. */
async function stopForGood(): Promise<void> {
  const { vault } = house;
  const data = join(vault.folder, "vault", "data");
  await vault.kill();
  await cp(data, `${data}.old`, { recursive: true });
  await vault.start();
  const link = openVaultLink({ socket: vault.socket, pin: vault.made.deployment });
  const { signedHead: head } = await link.view();
  link.close();
  await vault.kill();
  await rename(data, `${data}.new`);
  await rename(`${data}.old`, data);
  await vault.start();
  assert.equal((await vault.ask({ command: "witness", head })).code, "ROLLED_BACK");
}

test("a payment stays set aside while the vault does not say that it has signed nothing", async () => {
  const payment = await askedFor(house);
  await assert.rejects(carriedOutAt(house, "http://127.0.0.1:1", payment), { code: "CHAIN_UNREACHABLE" });
  await stopForGood();
  assert.deepEqual(await carriedOutAt(house, house.chain.url, payment), { is: "held" });
  assert.equal(await heldEther(house), ETH + ETH / 100n);
});
