/** JSON-RPC to one EVM node over HTTP(S): bounded, timed, without redirects, over kept connections.
 *
 *  Not for believing what a node says: `wire.ts` reads its answers and `nodes.ts` compares those of several. An address of a
 *  node may hold a secret, so no error names it. */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { limits } from "../../host/limits.ts";

/** `unreachable`: no answer. `unreadable`: an answer that is not one. `refused`: the node's own error, with its number and
 *  words. */
export class NodeFault extends Error {
  readonly kind: "unreachable" | "unreadable" | "refused";
  readonly number: number;
  constructor(kind: NodeFault["kind"], words: string, at: { number?: number; cause?: unknown } = {}) {
    super(words.slice(0, limits.nodeWords), { cause: at.cause });
    this.name = "NodeFault";
    this.kind = kind;
    this.number = at.number ?? 0;
  }
}

/** Number of the error of a node that does not have the method.   Source: JSON-RPC 2.0, section 5.1. */
export const NO_METHOD = -32_601;

export type Call = { readonly method: string; readonly params: readonly unknown[] };
/** Of a batch each call has its own end. */
export type Answer = { readonly result: unknown } | { readonly fault: NodeFault };

export type Rpc = {
  /** Fails: NodeFault. */
  call(method: string, ...params: readonly unknown[]): Promise<unknown>;
  /** Answers in the order of the calls, which may be any number. Fails: NodeFault when there is no answer to the whole. */
  batch(calls: readonly Call[]): Promise<readonly Answer[]>;
  close(): void;
};

export function openRpc(url: string, timeoutMs: number = limits.nodeMs): Rpc {
  const target = new URL(url);
  const isTls = target.protocol === "https:";
  const options = { keepAlive: true, maxSockets: limits.nodeSockets, timeout: limits.nodeIdleMs };
  const agent = isTls ? new HttpsAgent(options) : new HttpAgent(options);
  let last = 0;

  function post(body: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const fail = (error: unknown) => {
        const words = signal.aborted
          ? `no answer within ${timeoutMs} ms`
          : error instanceof Error
            ? error.message
            : String(error);
        reject(error instanceof NodeFault ? error : new NodeFault("unreachable", words, { cause: error }));
      };
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        accept: "application/json",
      };
      const ask = isTls ? requestHttps : requestHttp;
      const request = ask(target, { method: "POST", agent, headers, signal }, (response) => {
        collect(response).then((text) => resolve(parsed(text)), fail);
      });
      request.on("error", fail);
      request.end(body);
    });
  }

  async function some(calls: readonly Call[]): Promise<readonly Answer[]> {
    const first = last + 1;
    last += calls.length;
    const asked = calls.map(({ method, params }, at) => ({ jsonrpc: "2.0", id: first + at, method, params }));
    const given = await post(JSON.stringify(asked));
    // Whoever does not take batches, or not this one, answers all of it with one error.
    if (!Array.isArray(given)) {
      const one = answer(given);
      return calls.map(() =>
        "fault" in one ? one : { fault: new NodeFault("unreadable", "one answer to several questions") },
      );
    }
    const byId = new Map(given.map((one: unknown) => [idOf(one), one]));
    return asked.map(({ id }) => answer(byId.get(id)));
  }

  return {
    async call(method, ...params) {
      const id = ++last;
      const given = await post(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
      const found = answer(given);
      if ("fault" in found) throw found.fault;
      if (idOf(given) !== id) throw new NodeFault("unreadable", "an answer to another question");
      return found.result;
    },
    async batch(calls) {
      const parts = Array.from({ length: Math.ceil(calls.length / limits.nodeBatch) }, (_, at) =>
        calls.slice(at * limits.nodeBatch, (at + 1) * limits.nodeBatch),
      );
      const answers: (readonly Answer[])[] = [];
      for (const part of parts) answers.push(await some(part));
      return answers.flat();
    },
    close: () => agent.destroy(),
  };
}

async function collect(response: IncomingMessage): Promise<string> {
  if (response.statusCode !== 200) {
    response.destroy();
    throw new NodeFault("unreachable", `HTTP status ${response.statusCode}`);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limits.nodeAnswerBytes)
      throw new NodeFault("unreadable", `an answer of more than ${limits.nodeAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Undefined stands for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function idOf(given: unknown): unknown {
  return typeof given === "object" && given !== null && "id" in given ? given.id : undefined;
}

function answer(given: unknown): Answer {
  if (typeof given !== "object" || given === null) return { fault: new NodeFault("unreadable", "no answer in JSON-RPC") };
  if ("error" in given && given.error !== null) return { fault: refusal(given.error) };
  if ("result" in given) return { result: given.result };
  return { fault: new NodeFault("unreadable", "an answer without a result") };
}

function refusal(error: unknown): NodeFault {
  const { code, message } = typeof error === "object" && error !== null ? (error as { code?: unknown; message?: unknown }) : {};
  return new NodeFault("refused", String(message ?? error), { number: typeof code === "number" ? code : 0 });
}
