/** A worker of another server on a house's database and vault, moved by hand: for what happens between two of its steps. */
import assert from "node:assert/strict";
import type { Hash } from "@strongroom/core/bytes";
import { ExecutionBody } from "@strongroom/core/protocol/command";
import { decode } from "@strongroom/core/signed/object";
import { decide, initiate } from "@strongroom/sdk/device/decision";
import { makePayment } from "@strongroom/sdk/device/make";
import { sql } from "kysely";
import { openGateway } from "../../server/src/chain/gateway.ts";
import { uuid } from "../../server/src/db/ids.ts";
import { type Acting, type Attempt, carryToChain } from "../../server/src/executions/jobs.ts";
import { isOnChain, type OnChain } from "../../server/src/executions/rules.ts";
import type { JobFence } from "../../server/src/jobs/store.ts";
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

/** Who a worker is. `heard`: what happens once the vault has answered him. `fence`: of his job; by default one of his own. */
export type Worker = {
  readonly url: string;
  readonly heard?: (command: string) => Promise<unknown>;
  readonly fence?: JobFence;
};

/** Takes a job of a kind that no server does. */
export async function takeJob({ database: { db } }: Pick<TestHouse, "database">): Promise<JobFence> {
  const [job, epoch] = [uuid(), 1];
  const due = sql<Date>`'infinity'::timestamptz`;
  await db.insertInto("job").values({ id: job, kind: "by-hand", subject: job, state: "running", epoch, due_at: due }).execute();
  return { job, epoch };
}

/** Has something done by a worker whose only node is at `url`. */
export async function doneBy<T>(house: TestHouse, worker: Worker, work: (acting: Acting) => Promise<T>): Promise<T> {
  const { url, heard = async () => undefined, fence = await takeJob(house) } = worker;
  const { db } = house.database;
  const config = { quorum: 1, confirmations: [{ blocks: 2 }], reorgDepth: 16, trace: false, pollMs: 50 };
  const link = openVaultLink({ socket: house.vault.socket, pin: house.vault.made.deployment });
  const ask: typeof link.ask = async (command) => {
    const receipt = await link.ask(command);
    await heard(command.command);
    return receipt;
  };
  const demand: typeof link.demand = async (command) => {
    const answer = await link.demand(command);
    await heard(command.command);
    return answer;
  };
  const chains = openGateway({
    chains: new Map([[CHAIN, { ...config, nodes: [{ name: "node", url }] }]]),
    db,
    assets: async () => ({ name: "chain", native: "eth", tokens: [] }),
    now: Date.now,
  });
  try {
    await chains.online(CHAIN).poll();
    const parts = { db, vault: { ...link, ask, demand }, chains, now: Date.now, wake: () => undefined, fence };
    return await work(parts as unknown as Acting);
  } finally {
    await chains.close();
    link.close();
  }
}

/** Has a payment carried out by a worker whose only node is at `url`. */
export function carriedOutAt(house: TestHouse, url: string, payment: Payment, heard?: Worker["heard"]): Promise<Attempt> {
  return doneBy(house, { url, ...(heard !== undefined && { heard }) }, (acting) =>
    carryToChain(acting, { ...payment, facts: [] }),
  );
}

/** Has the vault judge a payment and hear of something else in one go, before it signs. Gives what it says to the payment. */
export async function withheld(
  house: TestHouse,
  { request, approvals }: Payment,
  between: Parameters<TestHouse["vault"]["ask"]>[0],
): Promise<string> {
  const context = { index: request.index, gasLimit: 21_000, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n };
  const orders = [{ intent: request.intent, context }];
  const [judged, heard] = await house.vault.askTogether({ command: "execute", orders, approvals, facts: [] }, between);
  assert.equal(heard?.code, "OK");
  const { body } = await house.vault.ask({ command: "show", what: "execution", name: request.id as Hash });
  assert.equal(decode(ExecutionBody, body).state, "withheld");
  return judged?.code ?? "";
}

/** What of the institution's own ETH is set aside. */
export async function heldEther(house: TestHouse): Promise<bigint> {
  const { items } = await house.as("admin").call("accounts.list", { query: { asset: "eth", limit: "200" } });
  return items.find(({ type }) => type === "house")?.held ?? 0n;
}
