import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "./fault.ts";
import { openMetrics } from "./metrics.ts";

test("work is counted by kind, name and outcome, and goes through as it is", async () => {
  const metrics = openMetrics();
  assert.equal(await metrics.measure("job", "inform", async () => 7), 7);
  const busy = new Fault("DATABASE_BUSY", "");
  await assert.rejects(
    metrics.measure("call", "users.list", async () => Promise.reject(busy)),
    (error) => error === busy,
  );
  await assert.rejects(
    metrics.measure("vault", "status", async () => assert.fail("a bug")),
    { code: "ERR_ASSERTION" },
  );
  await assert.rejects(metrics.measure("chain", "head", async () => Promise.reject(new Error())));
  metrics.note("database", "select", { ms: 3, outcome: "ok" });
  metrics.gauge("strongroom_depth", "How deep.", () => 42);
  const text = await metrics.text();
  for (const [work, name, outcome] of [
    ["job", "inform", "ok"],
    ["call", "users.list", "DATABASE_BUSY"],
    ["chain", "head", "BUG"],
    ["database", "select", "ok"],
  ]) {
    assert.ok(text.includes(`strongroom_work_seconds_count{work="${work}",name="${name}",outcome="${outcome}"} 1`), name);
  }
  assert.match(text, /^strongroom_depth 42$/m);
  assert.match(text, /^process_cpu_seconds_total/m);
  assert.match(metrics.contentType, /^text\/plain/);
});

test("each registry is its own", async () => {
  openMetrics();
  assert.doesNotMatch(await openMetrics().text(), /strongroom_work_seconds_count\{/);
});
