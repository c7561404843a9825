/** Chains, fees and deposits over the API, and what health says of chains. */
import { parseAddress } from "@strongroom/core/chain/evm/address";
import { Refused } from "@strongroom/core/errors";
import type { Deposit as DepositShown } from "@strongroom/sdk/contract/chains";
import { Id } from "@strongroom/sdk/contract/fields";
import type { z } from "zod";
import type { Check } from "../health/http.ts";
import { type Handlers, problem } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import * as store from "./store.ts";
import type { Deposit } from "./types.ts";

export const chains: Handlers<"chains"> = {
  "chains.list": async ({ house }) => ({ items: house.chains.view() }),

  "chains.quote": async ({ house }, { params, body }) => {
    const chain = Number(params.chain);
    const { native, tokens } = await house.chains.assets(chain);
    const contract = tokens.find(({ asset }) => asset === body.asset)?.contract ?? null;
    if (contract === null && body.asset !== native) {
      problem("BAD_REQUEST", "body.asset", `The rulebook has no asset ${body.asset} on chain ${chain}.`);
    }
    const [from, to] = [addressOf(body.from, "body.from"), addressOf(body.to, "body.to")];
    if (contract !== null && body.data !== undefined)
      problem("BAD_REQUEST", "body.data", "A contract is called with the native asset.");
    return house.chains.quote(chain, { from, to, contract, amount: body.amount, data: body.data });
  },
};

export const deposits: Handlers<"deposits"> = {
  "deposits.list": ({ tx, caller }, { query }) =>
    paged({
      list: "deposits.list",
      query,
      key: [Id],
      keyOf: ({ id }: Deposit) => [id],
      read: ({ after, take }) => {
        const { wallet, client, state } = query;
        return store.listDeposits(tx, caller, { before: after?.[0] ?? null, limit: take, wallet, client, state });
      },
      show: shown,
    }),

  "deposits.get": async ({ tx, caller }, { params }) => {
    const found = await store.findDeposit(tx, caller, params.id);
    return shown(found ?? problem("NOT_FOUND", "params.id", "There is no such deposit that you may see."));
  },
};

/** One finding for each chain: well is one that is followed and all of whose nodes are good. */
export const lookAtChains: Check = {
  name: "chains",
  look: async (house) =>
    house.chains.view().map(({ id, state, reason, head, processed, nodes }) => {
      const aside = nodes
        .filter((node) => node.state !== "good")
        .map((node) => `${node.name} is ${node.state}: ${node.reason}`);
      const place = `It is ${state} at block ${processed ?? "none"} of ${head ?? "none"}.`;
      const ok = (state === "following" || state === "catching-up") && aside.length === 0;
      return { name: `chain:${id}`, ok, detail: [place, reason, ...aside].filter((part) => part !== "").join(" ") };
    }),
};

function shown(it: Deposit): z.output<typeof DepositShown> {
  const { id, chain, tx, place, wallet, address, client, asset, contract, sender, amount, state, reason, block, blockHash } =
    it;
  const where = { id, chain, tx, place, wallet, address, block, blockHash };
  const booked = state === "final";
  return { ...where, client, asset, contract, sender, amount, state, reason, booked, seenAt: it.seenAt.toISOString() };
}

function addressOf(text: string, field: string): string {
  try {
    return parseAddress(text, field);
  } catch (error) {
    if (error instanceof Refused) problem("BAD_REQUEST", field, error.message);
    throw error;
  }
}
