/** One call over HTTP: attempts with a time limit, repeated where the network or the server was at fault for the moment.
 *
 *  A call is repeated only with the same bytes and, unless it only reads, the same Idempotency-Key, under which the server does
 *  it once. Not here: what the bytes mean. */
import { raise, SdkFault } from "../faults.ts";
import type { Here } from "../here.ts";
import { limits } from "../limits.ts";

export type Sent = {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
};

export type Received = { readonly status: number; readonly headers: Headers; readonly bytes: Uint8Array };

/** How to send. `isFinal`: whether a call is not repeated although its status says so. */
export type Way = {
  readonly fetch: typeof fetch;
  readonly here: Here;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly isFinal: (received: Received) => boolean;
};

/** Too many requests, and what says that a server or a gateway before it cannot answer just now. */
const PASSING = new Set([429, 502, 503, 504]);

/** The answer to a call. Fails: SERVER_UNREACHABLE, ANSWER_UNFIT; with the reason of `signal` once it is aborted. */
export async function send(sent: Sent, way: Way): Promise<Received> {
  for (let attempt = 1; ; attempt++) {
    const isLast = attempt >= limits.attempts;
    const received = await once(sent, way).catch((error: unknown) => {
      way.signal?.throwIfAborted();
      if (error instanceof SdkFault) throw error;
      if (isLast) raise("SERVER_UNREACHABLE", sent.url, wordsOf(error), error);
      return null;
    });
    const waitMs = waitAfter(received, attempt, way.here);
    const isDone = received !== null && (!PASSING.has(received.status) || isLast || way.isFinal(received));
    if (received !== null && (isDone || waitMs > limits.retryMostMs)) return received;
    await way.here.pause(waitMs, way.signal);
  }
}

async function once({ url, method, headers, body }: Sent, way: Way): Promise<Received> {
  const deadline = AbortSignal.timeout(way.timeoutMs);
  const signal = way.signal === undefined ? deadline : AbortSignal.any([deadline, way.signal]);
  // A browser's fetch belongs to no object, and is refused as a method of another.
  const { fetch } = way;
  // Neither token nor body ever follow a redirection to another place.
  const response = await fetch(url, { method, headers, body, signal, redirect: "error", cache: "no-store" });
  return { status: response.status, headers: response.headers, bytes: await readWhole(response, url) };
}

/** Fails: ANSWER_UNFIT when it is larger than a client takes. */
async function readWhole(response: Response, url: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    size += part.value.length;
    if (size > limits.answerBytes) {
      await reader?.cancel();
      raise("ANSWER_UNFIT", url, `it is larger than ${limits.answerBytes} bytes`);
    }
    chunks.push(part.value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Milliseconds until the next attempt: what the server names, else a time that doubles, of which chance takes up to half. */
function waitAfter(received: Received | null, attempt: number, here: Here): number {
  const named = received?.headers.get("retry-after") ?? "";
  if (/^\d{1,9}$/.test(named)) return Number(named) * 1_000;
  const full = limits.retryMs * 2 ** (attempt - 1);
  return full - Math.floor((full * (here.random(1)[0] ?? 0)) / 512);
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== "" ? cause.message : error.message;
}
