/** JSON-RPC to one EVM node over HTTP. A node is not believed: what it says only makes a payment dear up to the approved fee,
 *  slow, or fail. */
import { fault } from "../faults.ts";
import { limits } from "../limits.ts";

/** Calls one method. Fails: CHAIN_UNREACHABLE, CHAIN_ERROR with the node's words. */
export type Rpc = (method: string, ...params: readonly unknown[]) => Promise<unknown>;

export function openRpc(url: string): Rpc {
  let id = 0;
  return async (method, ...params) => {
    id += 1;
    const answer = await post(url, JSON.stringify({ jsonrpc: "2.0", id, method, params }), method);
    if (answer.error !== undefined) fault("CHAIN_ERROR", method, wordsOf(answer.error));
    if (!("result" in answer)) fault("CHAIN_ERROR", method, "the node's answer holds no result");
    return answer.result;
  };
}

type Answer = { readonly result?: unknown; readonly error?: unknown };

async function post(url: string, body: string, method: string): Promise<Answer> {
  const headers = { "content-type": "application/json" };
  try {
    const response = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(limits.callMs) });
    const text = await response.text();
    if (text.length > limits.answerBytes) throw new Error("the answer is too large");
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null) throw new Error("the answer is no object");
    return parsed;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    fault("CHAIN_UNREACHABLE", method, `${url}: ${cause}`, error);
  }
}

function wordsOf(error: unknown): string {
  const message = typeof error === "object" && error !== null && "message" in error ? error.message : error;
  return String(message).slice(0, 300);
}
