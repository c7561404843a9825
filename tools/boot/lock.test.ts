/** The lock between installations: exclusion among real processes, takeover from dead ones, patience with live ones. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { acquire, ELSEWHERE_MS, liveRivals, parseClaim } from "./lock.mjs";
import { lifeOf } from "./proc.mjs";

/** Tells that the lock is held, and lives on. */
const STAY = 'console.log("held"); setInterval(() => {}, 1000);';
const LOCK = new URL("./lock.mjs", import.meta.url).href;

function folderFor(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "lock "));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

function never(): boolean {
  return false;
}

/** Starts a process that runs the body with `acquire`, `folder` and `fs` at hand. */
function contender(folder: string, body: string) {
  const program = `import fs from "node:fs"; import { acquire } from ${JSON.stringify(LOCK)};
    const folder = process.argv[1]; const wish = { folder, needless: () => false, waiting: () => {} }; ${body}`;
  return spawn(process.execPath, ["--input-type=module", "-e", program, folder], { stdio: ["ignore", "pipe", "inherit"] });
}

test("contenders hold the lock one after the other", async (t) => {
  const folder = folderFor(t);
  const log = path.join(folder, "log");
  const body = `for (let round = 0; round < 3; round += 1) {
    const claim = await acquire(wish);
    fs.appendFileSync(${JSON.stringify(log)}, "in " + process.pid + "\\n");
    await new Promise((resolve) => setTimeout(resolve, 30));
    fs.appendFileSync(${JSON.stringify(log)}, "out " + process.pid + "\\n");
    claim.release();
  }`;
  const exits = Array.from({ length: 3 }, () => once(contender(folder, body), "exit"));
  for (const [code] of await Promise.all(exits)) assert.equal(code, 0);
  const lines = fs.readFileSync(log, "utf8").trim().split("\n");
  assert.equal(lines.length, 18);
  for (let index = 0; index < lines.length; index += 2) assert.equal(lines[index]?.slice(3), lines[index + 1]?.slice(4));
});

test("the claim of a killed process is taken over, the claim of its living program is not", async (t) => {
  const folder = folderFor(t);
  const program = spawn("sleep", ["60"]);
  const body = `const claim = await acquire(wish); claim.extendTo(${program.pid}); ${STAY}`;
  const holder = contender(folder, body);
  await once(holder.stdout, "data");
  assert.deepEqual(
    liveRivals(folder).map(({ pid }) => pid),
    [holder.pid],
  );
  holder.kill("SIGKILL");
  await once(holder, "exit");
  assert.equal(liveRivals(folder).length, 1);
  program.kill();
  await once(program, "exit");
  const claim = await acquire({ folder, needless: never, waiting: () => assert.fail("waits for the dead") });
  assert.equal(fs.readdirSync(folder).length, 1);
  claim?.release();
  assert.deepEqual(fs.readdirSync(folder), []);
});

test("waiting ends when there is nothing left to do", async (t) => {
  const folder = folderFor(t);
  const holder = contender(folder, `await acquire(wish); ${STAY}`);
  await once(holder.stdout, "data");
  let looks = 0;
  const waited: number[] = [];
  const claim = await acquire({ folder, needless: () => ++looks === 2, waiting: ({ pid }) => waited.push(pid) });
  holder.kill("SIGKILL");
  assert.equal(claim, null);
  assert.deepEqual(waited, [holder.pid, holder.pid]);
});

test("a claim from elsewhere, or a broken one, counts while it is touched", (t) => {
  const folder = folderFor(t);
  const long = new Date(Date.now() - ELSEWHERE_MS - 1_000);
  for (const [name, text] of [
    ["1-1", JSON.stringify({ place: "another machine", lives: [] })],
    ["2-2", "{"],
  ]) {
    const file = path.join(folder, `${name}.claim`);
    fs.writeFileSync(file, text ?? "");
    assert.equal(liveRivals(folder).length, 1);
    fs.utimesSync(file, long, long);
    assert.equal(liveRivals(folder).length, 0);
    assert.equal(fs.existsSync(file), false);
  }
  assert.equal(parseClaim("null"), undefined);
  assert.equal(parseClaim('{"place":1}'), undefined);
});

test("a process number that was given anew is another life", () => {
  assert.notEqual(lifeOf(process.pid).since, "0");
  assert.deepEqual(lifeOf(process.pid), lifeOf(process.pid));
  const { pid } = spawnSync("true");
  assert.deepEqual(lifeOf(pid), { pid, since: "0" });
});
