/** The server's own process: started, asked, ended, and refused where it must not start. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { EXIT } from "../../server/src/host/fault.ts";
import { withDatabase, withEmptyDatabase } from "../world/database.ts";

const MAIN = join(import.meta.dirname, "../../server/src/main.ts");
const scratch = mkdtempSync(join(tmpdir(), "strongroom-serve-"));
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true });
});

const CONFIG = {
  home: "home",
  http: { port: 0 },
  // Nobody is there: a server starts all the same, and says so.
  vault: { socket: "vault.sock" },
  genesis: "00".repeat(32),
};
type Event = { event: string; url?: string; code?: string; applied?: number[] };

/** Runs the program on a configuration; its first event, and its end. */
async function run(verb: readonly string[], config: object, env: Record<string, string> = {}) {
  const file = join(scratch, `${children.size}.json`);
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(process.execPath, [MAIN, ...verb, "--config", file], {
    env: { ...process.env, STRONGROOM_LOG: "error", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  children.add(child);
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    words += text;
  });
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, words }));
  const [bytes] = (await once(child.stdout, "data")) as [Buffer];
  return { child, first: JSON.parse(bytes.toString().split("\n")[0] ?? "") as Event, ended };
}

test("two servers on one database serve, and end when they are asked to", async () => {
  const made = await withDatabase();
  const config = { ...CONFIG, database: { url: made.url } };
  const both = await Promise.all([run(["serve"], config), run(["serve", "--tether"], config)]);
  for (const { first } of both) {
    assert.equal(first.event, "ready");
    const answer = await fetch(`${first.url}/v1/health/live`);
    assert.deepEqual([answer.status, await answer.json()], [200, { ok: true }]);
    assert.equal((await fetch(`${first.url}/v1/health`)).status, 401);
  }
  both[0]?.child.kill("SIGTERM");
  both[1]?.child.stdin.end();
  for (const { ended } of both) assert.equal((await ended).code, EXIT.ok);
  await made.close();
});

test("a server without a database of its own starts one, and starts again on it", async () => {
  for (const round of [1, 2]) {
    const { child, first, ended } = await run(["serve"], { ...CONFIG, http: { host: "127.0.0.1", port: 0 } });
    assert.equal(first.event, "ready", `round ${round}`);
    assert.equal((await fetch(`${first.url}/v1/health/live`)).status, 200);
    child.kill("SIGTERM");
    assert.equal((await ended).code, EXIT.ok);
  }
});

test("a server refuses to start where it must not, and says why", async () => {
  const empty = await withEmptyDatabase();
  const made = await withDatabase();
  const taken = createServer();
  await new Promise<void>((listening) => taken.listen(0, "127.0.0.1", listening));
  const { port } = taken.address() as AddressInfo;
  const fine = { ...CONFIG, database: { url: made.url } };
  const cases = [
    [{ ...CONFIG, database: { url: empty.url } }, "MIGRATION_BEHIND", EXIT.data],
    [{ ...CONFIG, database: { url: "postgres://a:secretword@127.0.0.1:1/a" } }, "DATABASE_UNREACHABLE", EXIT.unavailable],
    [{ ...fine, http: { port } }, "PORT_TAKEN", EXIT.unavailable],
    [{ ...fine, colour: "red" }, "CONFIG", EXIT.config],
  ] as const;
  for (const [config, code, exit] of cases) {
    const { first, ended } = await run(["serve"], config);
    const { code: status, words } = await ended;
    assert.deepEqual([first.event, first.code, status], ["ended", code, exit]);
    assert.doesNotMatch(words, /secretword/);
  }
  taken.close();
  await Promise.all([empty.close(), made.close()]);
});

test("the first administrator is entered once", async () => {
  const made = await withDatabase();
  const config = { ...CONFIG, database: { url: made.url } };
  const verb = ["administrator", "--unit", "bank", "--user", "alice", "--token-hash", "ab".repeat(32)];
  for (const done of [true, false]) {
    const { first, ended } = await run(verb, config);
    assert.deepEqual([first, (await ended).code], [{ event: "administrator", user: "alice", unit: "bank", done }, EXIT.ok]);
  }
  const users = await made.db.selectFrom("app_user").select("name").execute();
  assert.deepEqual(users, [{ name: "alice" }]);
  await made.close();
});
