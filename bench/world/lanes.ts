/** Callers of an HTTP API: each has a connection of its own that it keeps, and sends its next call when it has its answer. */
import { Agent, request } from "node:http";

export type Reply = { readonly status: number; readonly body: string };
export type Call = { readonly method: "GET" | "POST"; readonly path: string; readonly body?: string };
export type Lane = { readonly ask: (call: Call) => Promise<Reply>; readonly close: () => void };

/** One connection, as the user of this token. */
export function openLane(url: string, token = ""): Lane {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = ({ method, path, body }: Call): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const length =
        body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const sent = request(`${url}${path}`, { agent, method, headers: { authorization: `Bearer ${token}`, ...length } });
      sent.once("error", reject);
      sent.once("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", reject);
        response.once("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      });
      sent.end(body);
    });
  return { ask, close: () => agent.destroy() };
}

/** So many connections whose callers take turns with the tokens. */
export function openLanes(url: string, { tokens, count }: { tokens: readonly string[]; count: number }): Lane[] {
  return Array.from({ length: count }, (_, at) => openLane(url, tokens[at % tokens.length]));
}

export type Timed = { readonly ms: number; readonly latencies: readonly number[] };

/** Makes all calls, whoever is free the next one. Fails when one is not answered with `status`. */
export async function callAll(lanes: readonly Lane[], calls: readonly Call[], status: number): Promise<Timed> {
  const latencies: number[] = [];
  let next = 0;
  const work = async ({ ask }: Lane) => {
    for (let call = calls[next++]; call !== undefined; call = calls[next++]) {
      const since = performance.now();
      const reply = await ask(call);
      if (reply.status !== status)
        throw new Error(`${call.method} ${call.path} was answered with ${reply.status}: ${reply.body}`);
      latencies.push(performance.now() - since);
    }
  };
  const since = performance.now();
  await Promise.all(lanes.map(work));
  return { ms: performance.now() - since, latencies };
}
