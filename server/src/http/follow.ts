/** Following a list that only grows: a long-poll waits until there is something, a stream (server-sent events) goes on. Each
 *  look is a short transaction of its own that also looks whether the caller is still let in.
 *
 *  Source: HTML, "Server-sent events". */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { look } from "../db/transact.ts";
import type { House } from "../host/context.ts";
import { type Asked, callOf, json, type Reply, workOf } from "./answer.ts";
import type { Slots } from "./buckets.ts";
import { type AllHandlers, Problem, problem } from "./call.ts";
import { type Admitted, accepts, demandCaller } from "./gate.ts";
import { problemOf } from "./problems.ts";
import { readGiven } from "./read.ts";

/** A page as it is shown: what came after a number, and the number to go on from; null while there is none. */
export type Page = { readonly items: readonly { readonly number: number }[]; readonly next: number | null };

export type Followed = {
  readonly look: (after: number | null) => Promise<Page>;
  readonly after: number | null;
  /** The caller has gone, or the server is closing. */
  readonly gone: AbortSignal;
  readonly now: () => number;
  readonly lookMs: number;
  readonly beatMs: number;
};

/** Whether the pause was whole. */
async function pause(ms: number, gone: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal: gone });
    return true;
  } catch (error) {
    if (gone.aborted) return false;
    throw error;
  }
}

/** The first page that is not empty, or the last one when the time is over. */
export async function poll({ look, after, gone, now, lookMs }: Followed, waitMs: number): Promise<Page> {
  const until = now() + waitMs;
  for (;;) {
    const page = await look(after);
    const left = until - now();
    if (page.items.length > 0 || left <= 0 || !(await pause(Math.min(lookMs, left), gone))) return page;
  }
}

/** Text of a stream. It ends by itself after `lifeMs`, and with a comment that names the failure when a look fails; whoever
 *  comes again says with Last-Event-ID where he was. */
export async function* stream(it: Followed & { fail: (error: unknown) => string }, lifeMs: number): AsyncGenerator<string> {
  const until = it.now() + lifeMs;
  let after = it.after;
  let spoken = it.now();
  yield ": open\n\n";
  try {
    while (it.now() < until && !it.gone.aborted) {
      const { items, next } = await it.look(after);
      after = next ?? after;
      if (items.length > 0) {
        yield items.map((item) => `id: ${item.number}\ndata: ${JSON.stringify(item)}\n\n`).join("");
        spoken = it.now();
        continue;
      }
      if (it.now() - spoken >= it.beatMs) {
        yield ": beat\n\n";
        spoken = it.now();
      }
      await pause(it.lookMs, it.gone);
    }
  } catch (error) {
    yield `: ${it.fail(error)}\n\n`;
  }
}

export type FollowBounds = { readonly lookMs: number; readonly beatMs: number; readonly lifeMs: number };
type Follow = {
  readonly house: House;
  readonly handlers: AllHandlers;
  readonly slots: Slots;
  readonly bounds: FollowBounds;
  readonly admitted: Admitted;
  readonly gone: AbortSignal;
};

/** Answers an endpoint that can be followed: at once, after a wait, or as a stream, whatever is asked for. */
export async function follow(asked: Asked, { house, handlers, slots, bounds, admitted, gone }: Follow): Promise<Reply> {
  const { arrival } = asked;
  const { endpoint, header } = arrival;
  const given = readGiven(endpoint, asked.raw);
  const query = given.query as { after?: string; wait?: string };
  const isStream = !accepts(header("accept"), "application/json") || header("accept")?.includes("text/event-stream") === true;
  const waitMs = Number(query.wait ?? 0) * 1_000;
  if (isStream || waitMs > 0) holdSlot(slots, admitted.caller.name, gone);
  const { now } = house;
  const it: Followed = {
    async look(after) {
      const page = await look(house.db, async (tx) => {
        const caller = await demandCaller(tx, endpoint, { tokenHash: admitted.tokenHash, now: now() });
        const from = after === null ? query : { ...query, after: String(after) };
        return workOf(handlers, arrival.name)(callOf(house, arrival, { tx, caller }), { ...given, query: from });
      });
      return (endpoint.returns === null ? page : z.encode(endpoint.returns, page)) as Page;
    },
    after: isStream ? lastSeen(header("last-event-id")) : null,
    gone,
    now,
    ...bounds,
  };
  if (!isStream) return json(endpoint.status, JSON.stringify(await poll(it, waitMs)));
  const fail = (error: unknown) => {
    const failure = problemOf(error);
    if (failure.code === "INTERNAL") house.log.error({ error, requestId: arrival.requestId }, "a stream broke");
    return failure.code;
  };
  return { status: 200, headers: { "content-type": "text/event-stream" }, body: stream({ ...it, fail }, bounds.lifeMs) };
}

/** The slot is given back when the caller is gone or has his answer. */
function holdSlot(slots: Slots, user: string, gone: AbortSignal): void {
  const release = slots.hold(user);
  if (release === null) throw new Problem("RATE_LIMITED", { detail: "Too many events are being waited for.", waitSeconds: 1 });
  gone.addEventListener("abort", release, { once: true });
  if (gone.aborted) release();
}

function lastSeen(header: string | undefined): number | null {
  if (header === undefined || header === "") return null;
  if (/^(?:0|[1-9]\d{0,14})$/.test(header)) return Number(header);
  return problem("BAD_REQUEST", "headers.last-event-id", "The number of an event is expected.");
}
