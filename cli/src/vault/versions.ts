/** Which versions of one transaction there are: those whose requests lie in this folder, or those that the server has. */
import type { Hash } from "@strongroom/core/bytes";
import { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf } from "@strongroom/core/signed/object";
import type { Client } from "@strongroom/sdk/client";
import { minedOf, type Node } from "../chain/evm.ts";
import { findRequest, versionsAt } from "../device/requests.ts";
import { limits } from "../limits.ts";
import type { Offer, Versions } from "./fees.ts";
import { isOnChain } from "./fees.ts";
import type { Session } from "./session.ts";

/** Those of this folder, as the chain's node sees them. */
export function versionsHere({ home }: Pick<Session, "home">, node: Node): Versions {
  return {
    async all(_, own) {
      const others = (await versionsAt(home, own.slots)).map(({ transaction }) => transaction);
      const offers: Offer[] = [];
      for (const { id, raw } of [own, ...others]) offers.push({ id, raw, block: (await minedOf(node, id))?.block ?? null });
      return offers;
    },
    intent: async (id) => (await findRequest(home, id))?.intent ?? null,
  };
}

/** Those of the server. What it leaves out makes a replacement too cheap for the chain, and nothing else. */
export function versionsThere(client: Client): Versions {
  return {
    async all(intent) {
      const offers: Offer[] = [];
      for (const request of await versionsIn(client, intent)) {
        const { items } = await client.call("executions.list", { query: { request } });
        for (const { id, raw, block } of items.flatMap(({ transactions }) => transactions)) offers.push({ id, raw, block });
      }
      return offers;
    },
    async intent(id) {
      const { intent } = await client.call("requests.get", { params: { id } });
      return idOf(Intent, intent) === id ? decode(Intent, intent) : null;
    },
  };
}

/** The intent, what it replaces, and what replaces any of them: all are newer than the first one. */
async function versionsIn(client: Client, intent: Hash): Promise<ReadonlySet<string>> {
  const replaced = new Map<string, string | undefined>();
  for await (const item of client.each("requests.list", { query: { limit: String(limits.page) } })) {
    if (replaced.size === limits.requests) break;
    const found = decode(Intent, item.intent);
    replaced.set(item.id, isOnChain(found) ? found.replaces : undefined);
  }
  const first = (id: string): string => {
    const former = replaced.get(id);
    return former === undefined || former === id ? id : first(former);
  };
  const root = first(intent);
  return new Set([...replaced.keys()].filter((id) => first(id) === root));
}
