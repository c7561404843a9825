/** A worker of another server on a house's database and vault, moved by hand: for what happens between two of its steps. */
import assert from "node:assert/strict";
import { decide, initiate } from "@strongroom/sdk/device/decision";
import { makePayment } from "@strongroom/sdk/device/make";
import { openGateway } from "../../server/src/chain/gateway.ts";
import { type Attempt, carryToChain } from "../../server/src/executions/jobs.ts";
import { isOnChain, type OnChain } from "../../server/src/executions/rules.ts";
import type { House } from "../../server/src/host/context.ts";
import { demandIntent } from "../../server/src/requests/jobs.ts";
import { findRequest, type RequestRow } from "../../server/src/requests/store.ts";
import { openVaultLink } from "../../server/src/vault/link.ts";
import { CHAIN } from "./chain.ts";
import { signerOf, type TestHouse, until } from "./house.ts";
import { ETH } from "./world.ts";

export type Payment = { readonly request: RequestRow; readonly intent: OnChain; readonly approvals: readonly Uint8Array[] };

/** A payment of one ETH whose approvals no server knows, so that only the worker that is given them carries it out. */
export async function askedFor(house: TestHouse, { lifeMs }: { readonly lifeMs?: number } = {}): Promise<Payment> {
  const session = await house.session();
  const by = { known: session, signer: signerOf("tom"), words: { purpose: "invoice", lifeMs } };
  const what = { wallet: "treasury", to: "kraken", asset: "eth", amount: ETH, totalFee: ETH / 100n };
  const shown = await makePayment(by, what);
  const body = await initiate(session, signerOf("tom"), shown);
  const { id } = await house.as("admin").call("requests.create", { body });
  const more = ["amy", "bob"].map((name) => decide(session, signerOf(name), { shown, decision: "approve" }));
  const approvals = [body.approval, ...(await Promise.all(more)).map(({ approval }) => approval)];
  await until("the vault has been asked", async () => {
    return (await house.as("admin").call("requests.get", { params: { id } })).answer?.code === "QUORUM_MISSING";
  });
  const request = await findRequest(house.database.db, id);
  assert.ok(request);
  const intent = demandIntent(request);
  assert.ok(isOnChain(intent));
  return { request, intent, approvals };
}

/** Has a payment carried out by a worker whose only node is at `url`. `heard`: what happens once the vault has answered him. */
export async function carriedOutAt(
  house: TestHouse,
  url: string,
  payment: Payment,
  heard: (command: string) => Promise<unknown> = async () => undefined,
): Promise<Attempt> {
  const { db } = house.database;
  const config = { quorum: 1, confirmations: [{ blocks: 2 }], reorgDepth: 16, trace: false, pollMs: 50 };
  const link = openVaultLink({ socket: house.vault.socket, pin: house.vault.made.deployment });
  const ask: typeof link.ask = async (command) => {
    const receipt = await link.ask(command);
    await heard(command.command);
    return receipt;
  };
  const chains = openGateway({
    chains: new Map([[CHAIN, { ...config, nodes: [{ name: "node", url }] }]]),
    db,
    assets: async () => ({ name: "chain", native: "eth", tokens: [] }),
    now: Date.now,
  });
  try {
    await chains.online(CHAIN).poll();
    const parts = { db, vault: { ...link, ask }, chains, now: Date.now, wake: () => undefined };
    return await carryToChain(parts as unknown as House, payment, []);
  } finally {
    await chains.close();
    link.close();
  }
}

/** What of the institution's own ETH is set aside. */
export async function heldEther(house: TestHouse): Promise<bigint> {
  const { items } = await house.as("admin").call("accounts.list", { query: { asset: "eth", limit: "200" } });
  return items.find(({ type }) => type === "house")?.held ?? 0n;
}
