/** The server's desk. Nothing that the server says of a request is believed: its id must be the hash of its bytes, each
 *  approval is checked, and everything else is read from the bytes. */
import type { Hash } from "@strongroom/core/bytes";
import type { Client } from "@strongroom/sdk/client";
import { ApiProblem } from "@strongroom/sdk/client/problem";
import type * as api from "@strongroom/sdk/contract/requests";
import { openRequest } from "@strongroom/sdk/device/show";
import { raise } from "@strongroom/sdk/faults";
import type { Known } from "@strongroom/sdk/vault/session";
import { openApproval } from "@strongroom/sdk/verify/approval";
import { fault } from "../faults.ts";
import { limits } from "../limits.ts";
import type { Desk, Request } from "./desk.ts";

const PREFIX = /^[0-9a-f]{6,64}$/;
const FULL = 64;

export function serverDesk(known: Known, client: Client): Desk {
  const find = async (id: Hash): Promise<Request | null> => {
    const found = await getRequest(client, id);
    return found === null ? null : checkedRequest(known, found, id);
  };
  return {
    server: client,
    async create({ bytes, approval, index, client: payer }) {
      const more = { ...(index === undefined ? {} : { index }), ...(payer === undefined ? {} : { client: payer }) };
      return checkedRequest(known, await client.call("requests.create", { body: { intent: bytes, approval, ...more } }));
    },
    async load(name) {
      if (!PREFIX.test(name)) fault("REQUEST_MISSING", "request", "an id, or at least its first 6 digits, is expected");
      if (name.length === FULL) return (await find(name as Hash)) ?? fault("REQUEST_MISSING", name, "the server has none");
      const [found, ...others] = (await listRequests(client)).filter(({ id }) => id.startsWith(name));
      if (found === undefined) return fault("REQUEST_MISSING", name, "no request begins like this");
      if (others.length > 0) fault("REQUEST_MISSING", name, "more than one request begins like this; add more digits");
      return checkedRequest(known, found);
    },
    find,
    async stateOf({ id }) {
      const found = await getRequest(client, id);
      return found === null ? "unknown" : stateWords(found);
    },
    async list() {
      const all = await listRequests(client);
      return all.map((item) => ({ request: checkedRequest(known, item), state: stateWords(item) }));
    },
    async approve({ id }, approval) {
      return checkedRequest(known, await client.call("requests.decide", { params: { id }, body: { approval } }), id);
    },
    async noteRejection(id, { approval }) {
      if ((await getRequest(client, id)) !== null) await client.call("requests.decide", { params: { id }, body: { approval } });
    },
    async noteFreeze({ bytes, approval }) {
      await client.call("requests.create", { body: { intent: bytes, approval } });
    },
  };
}

/** What the server has under this id, unchecked; or null. */
export async function getRequest(client: Client, id: string): Promise<api.Request | null> {
  try {
    return await client.call("requests.get", { params: { id } });
  } catch (error) {
    if (error instanceof ApiProblem && error.code === "NOT_FOUND") return null;
    throw error;
  }
}

async function listRequests(client: Client): Promise<readonly api.Request[]> {
  const all: api.Request[] = [];
  for await (const item of client.each("requests.list", { query: { limit: String(limits.page) } })) {
    all.push(item);
    if (all.length === limits.requests) break;
  }
  return all;
}

/** A request of the server after all checks. `asked`: its id where one was asked for.
 *  Fails: REQUEST_FORGED, APPROVAL_FORGED. */
export function checkedRequest(known: Known, found: api.Request, asked?: Hash): Request {
  if (asked !== undefined && found.id !== asked)
    raise("REQUEST_FORGED", "request.id", "it is another request than was asked for");
  const { id, intent, bytes } = openRequest(known, found);
  const book = known.book();
  const approvals = found.decisions.flatMap(({ key, approval: signed }) => {
    // Of a key that is enrolled no more nothing can be checked, and nothing that it signed counts.
    if (!book.holders.has(key as Hash)) return [];
    const { approval } = openApproval(signed, book);
    if (approval.subject !== id || approval.key !== key)
      return raise("APPROVAL_FORGED", "decision.approval", "it is about another request, or of another key");
    return approval.decision === "reject" ? [] : [{ bytes: signed, approval }];
  });
  return { id, intent, bytes, approvals, index: found.index };
}

/** The server's word on what has become of a request, for lists. */
export function stateWords({ state, answer }: Pick<api.Request, "state" | "answer">): string {
  return state === "open" && answer !== null ? `open; the vault said ${answer.code}` : state;
}
