/** Events that are waited for and streamed: in order, none lost or doubled, and only while the caller is let in. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Event } from "../../sdk/src/contract/log.ts";
import type { Handler } from "../../server/src/http/call.ts";
import { type Api, openApi } from "./api.ts";

const log: Event[] = [];
function tell(): void {
  const common = {
    type: "unit.created",
    subject: "unit:x",
    actor: "admin",
    unit: null,
    client: null,
    at: new Date().toISOString(),
  };
  log.push({ number: log.length, ...common, data: {}, leaf: new Uint8Array() });
}
const list: Handler<"events.list"> = async (_call, { query }) => {
  const from = query.after === undefined ? 0 : Number(query.after) + 1;
  const items = log.slice(from, from + Number(query.limit ?? 50));
  return { items, next: items.at(-1)?.number ?? (query.after === undefined ? null : Number(query.after)) };
};

let api: Api;
before(async () => {
  api = await openApi({
    handlers: { "events.list": list },
    bounds: { followsEach: 2, follow: { lookMs: 20, beatMs: 100, lifeMs: 60_000 } },
  });
});
after(() => api.close());

const STREAM = { accept: "text/event-stream" };

/** Texts of a stream as they come. */
async function* read(token: string, headers: Record<string, string> = {}): AsyncGenerator<string> {
  const answer = await fetch(`${api.url}/v1/events`, { headers: { ...STREAM, authorization: `Bearer ${token}`, ...headers } });
  assert.equal(answer.status, 200);
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) yield decoder.decode(chunk, { stream: true });
}
/** Numbers in a stream until there are so many. */
async function numbers(stream: AsyncGenerator<string>, many: number): Promise<number[]> {
  const seen: number[] = [];
  for await (const text of stream) {
    seen.push(...[...text.matchAll(/^data: (.*)$/gm)].map((found) => (JSON.parse(found[1] ?? "") as Event).number));
    if (seen.length >= many) break;
  }
  return seen;
}

test("a long-poll ends when something happens, or empty when its time is over", async () => {
  const since = performance.now();
  const empty = await api.ask("GET", "/v1/events?wait=1");
  assert.deepEqual(empty.json, { items: [], next: null });
  assert.ok(performance.now() - since >= 990);
  const waiting = api.ask("GET", "/v1/events?wait=30");
  tell();
  assert.deepEqual([(await waiting).json.next, ((await waiting).json.items as Event[]).length], [0, 1]);
  assert.deepEqual((await api.ask("GET", "/v1/events?after=0")).json, { items: [], next: 0 });
});

test("a stream goes on, and on from where it was left", async () => {
  const token = await api.user("streamer", { role: "auditor" });
  const stream = read(token);
  const got = numbers(stream, 3);
  tell();
  tell();
  assert.deepEqual(await got, [0, 1, 2]);
  tell();
  assert.deepEqual(await numbers(read(token, { "last-event-id": "1" }), 2), [2, 3]);
  const bad = await api.ask("GET", "/v1/events", { token, headers: { ...STREAM, "last-event-id": "x" } });
  assert.deepEqual([bad.status, bad.json.field], [400, "headers.last-event-id"]);
});

test("a quiet stream is heard of", async () => {
  for await (const text of read(api.admin, { "last-event-id": "999" })) if (text.includes(": beat")) return;
  assert.fail("it ended");
});

test("an open stream ends when its user is disabled", async () => {
  const token = await api.user("watcher", { role: "auditor" });
  let said = "";
  for await (const text of read(token)) {
    if (said === "") await api.ask("PATCH", "/v1/users/watcher", { body: { disabled: true } });
    said += text;
  }
  assert.match(said, /: UNAUTHENTICATED\n\n$/);
});

test("a user holds a few streams only, and gets them back", async () => {
  const token = await api.user("greedy", { role: "auditor" });
  const open = [read(token), read(token)];
  for (const stream of open) await stream.next();
  const third = await api.ask("GET", "/v1/events", { token, headers: STREAM });
  assert.deepEqual([third.status, third.headers.get("retry-after")], [429, "1"]);
  assert.equal((await api.ask("GET", "/v1/events", { token })).status, 200);
  for (const stream of open) await stream.return(undefined);
  for (;;) {
    const { status } = await api.ask("GET", "/v1/events?wait=1", { token });
    if (status === 200) break;
    assert.equal(status, 429);
  }
});

test("closing the server ends what is followed", async () => {
  const other = await openApi({
    handlers: { "events.list": list },
    bounds: { follow: { lookMs: 20, beatMs: 1_000, lifeMs: 60_000 } },
  });
  const waiting = other.ask("GET", "/v1/events?after=999&wait=30");
  const stream = await fetch(`${other.url}/v1/events?after=999`, {
    headers: { ...STREAM, authorization: `Bearer ${other.admin}` },
  });
  const text = stream.text();
  await other.close();
  assert.deepEqual([(await waiting).status, await text], [200, ": open\n\n"]);
});
