/** The desk without a server: request folders of this device, which people hand to one another. */
import {
  addApproval,
  closeRequest,
  closingOf,
  createRequest,
  findRequest,
  listRequests,
  loadRequest,
  type Request,
} from "../device/requests.ts";
import type { Desk } from "./desk.ts";

export function folderDesk(home: string): Desk {
  return {
    server: null,
    async create({ bytes, approval, index }) {
      return addApproval(await createRequest(home, bytes, index), approval);
    },
    load: (name) => loadRequest(home, name),
    find: (id) => findRequest(home, id),
    stateOf: async ({ id }) => stateOf(await loadRequest(home, id)),
    async list() {
      const all = await listRequests(home);
      return Promise.all(all.map(async (request) => ({ request, state: await stateOf(request) })));
    },
    approve: async ({ id }, approval) => addApproval(await loadRequest(home, id), approval),
    async noteRejection(id, { by }) {
      const request = await findRequest(home, id);
      if (request !== null) await closeRequest(request, `rejected by ${by}`);
    },
    noteFreeze: async () => undefined,
  };
}

/** What has become of a request, as far as this device knows. */
async function stateOf(request: Request): Promise<string> {
  const closed = await closingOf(request);
  if (closed !== null) return closed;
  if (request.execution !== null) return "signed, not seen mined";
  return request.intent.notAfter < Date.now() ? "expired" : "open";
}
