import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { Fault } from "./fault.ts";
import { openLog, redact, scrub } from "./log.ts";

const TOKEN = `sr_${"ab".repeat(32)}`;

function linesOf(level: string, act: (log: ReturnType<typeof openLog>["log"]) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  act(openLog(level, (line) => lines.push(line)).log);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("secrets and names of people do not reach the log, wherever they stand", () => {
  const text = JSON.stringify(
    linesOf("info", (log) => {
      log.info(
        { headers: { authorization: "Bearer x", Cookie: "y" }, deep: [{ password: "p4ss" }], label: "Jane Doe" },
        `token ${TOKEN}`,
      );
      log.info({ words: `Authorization: Bearer ${TOKEN}` }, "postgres://app:p4ss@h/db?x=1");
      log.warn({ error: new Error(`no way to postgres://app:p4ss@h`, { cause: new Fault("CONFIG", TOKEN) }) }, "failed");
      log.info({
        url: "postgres://app:p4ss@h",
        ownerUrl: "p4ss",
        users: new Map([["jane", { label: "Jane Doe", role: "auditor" }]]),
      });
    }),
  );
  assert.doesNotMatch(text, /p4ss|Jane|abab|Bearer x/);
  assert.match(text, /auditor/);
});

test("a line says when, how grave, and what", () => {
  const [line, ...more] = linesOf("warn", (log) => {
    log.info("not told");
    log.warn({ error: new Fault("DATABASE_BUSY", "why") }, "busy");
  });
  assert.equal(more.length, 0);
  assert.deepEqual(
    [line?.level, line?.msg, (line?.error as { code: string } | undefined)?.code],
    ["warn", "busy", "DATABASE_BUSY"],
  );
  assert.ok(!Number.isNaN(Date.parse(String(line?.time))));
});

test("values of every kind are told in bounds", () => {
  const value = {
    big: 5n,
    at: new Date(0),
    bytes: new Uint8Array(3),
    text: "x".repeat(5_000),
    list: Array.from({ length: 99 }, () => 1),
  };
  const told = redact(value) as Record<string, string & unknown[]>;
  assert.deepEqual(
    [told.big, told.at, told.bytes, told.text?.length, told.list?.length],
    ["5", "1970-01-01T00:00:00.000Z", "<3 bytes>", 4_001, 64],
  );
  const ring: Record<string, unknown> = {};
  ring.again = ring;
  assert.match(JSON.stringify(redact(ring)), /<deeper>/);
  assert.equal(redact(null), null);
});

test("what is no secret stays", () => {
  for (const line of ["http://127.0.0.1:8545/a", "user:pass", "sr_", '{"at":"2026-11-25T00:00:00Z"}'])
    assert.equal(scrub(line), line);
});

test("a log whose reader has gone keeps no process from ending", async () => {
  const module = new URL("log.ts", import.meta.url).href;
  const script = `const { openLog } = await import(${JSON.stringify(module)});
    const { log, flush } = openLog("info");
    process.stdin.resume().once("end", async () => {
      for (let line = 0; line < 100; line++) log.info({ line }, "nobody reads this");
      await flush();
      process.exit(7);
    });
    process.stdout.write("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "pipe"] });
  const closed = once(child, "exit");
  await once(child.stdout, "data");
  child.stderr.destroy();
  child.stdin.end();
  assert.equal((await closed)[0], 7);
});
