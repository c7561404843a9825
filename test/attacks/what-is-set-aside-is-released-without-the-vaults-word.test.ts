/** Attack: a vault that was rolled back and has stopped refuses everything, also to say what it has signed. What was set aside
 *  for a payment stays so, because its transaction may be out. */
import assert from "node:assert/strict";
import { cp, rename } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openVaultLink } from "../../server/src/vault/link.ts";
import { RICH } from "../world/chain.ts";
import { furnish, openHouse, pay, say, type TestHouse, until } from "../world/house.ts";
import { askedFor, carriedOutAt, heldEther } from "../world/worker.ts";
import { ETH } from "../world/world.ts";

let house: TestHouse;
let waiting: { readonly execution: string; readonly from: string; readonly nonce: string; readonly tx: string };

/** One payment is out and waits for a block; another one has only been set aside. */
before(async () => {
  house = await openHouse();
  await furnish(house);
  await house.chain.rpc("evm_setAutomine", false);
  const { id } = await pay(house, ETH);
  for (const by of ["amy", "bob"]) await say(house, id, { by });
  waiting = await until("it is in the pool", async () => {
    const { items } = await house.as("admin").call("executions.list", { query: { request: id } });
    const [sent] = items[0]?.transactions ?? [];
    if (items[0] === undefined || sent?.state !== "seen") return null;
    const { from, nonce } = await house.chain.rpc<{ from: string; nonce: string }>("eth_getTransactionByHash", sent.id);
    return { execution: items[0].id, from, nonce, tx: sent.id };
  });
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
  assert.equal(await heldEther(house), 2n * (ETH + ETH / 100n));
});

test("whoever takes a payment's place is no stranger while the vault does not say so", async () => {
  const { from, nonce, tx, execution: id } = waiting;
  await house.chain.rpc("anvil_dropTransaction", tx);
  await house.chain.rpc("anvil_impersonateAccount", from);
  await house.chain.rpc("eth_sendTransaction", { from, to: RICH, value: "0x1", nonce, gasPrice: "0x2540be400" });
  await house.chain.mine(3);
  await until("the chain waits for the vault's word", async () => {
    const { items } = await house.as("admin").call("chains.list", {});
    return items[0]?.state === "unreachable" && items[0].reason.includes("ROLLED_BACK");
  });
  assert.equal((await house.as("admin").call("executions.get", { params: { id } })).state, "signed");
  assert.equal(await heldEther(house), 2n * (ETH + ETH / 100n));
});
