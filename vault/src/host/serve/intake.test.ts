/** Files and console: only what tightens, receipts before removal, and nothing but regular small files. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { type Files, realFiles } from "../disk.ts";
import { limits } from "../limits.ts";
import { linesOf, serveConsole } from "./console.ts";
import { type Door, takeFiles, watchIntake } from "./intake.ts";

type Noted = { -readonly [K in keyof Door]: Door[K] } & { asked: string[] };

function doorOf(): Noted {
  const asked: string[] = [];
  return {
    asked,
    tightens: (request) => String(request).startsWith("freeze"),
    ask: (request, asker) => {
      asked.push(String(request));
      asker(Buffer.from(`done ${request}`));
    },
    answer: (_, reply, asker) => asker(Buffer.from(reply.code)),
  };
}

async function dataOf(t: TestContext): Promise<string> {
  const data = await fs.mkdtemp(join(tmpdir(), "intake-"));
  t.after(() => fs.rm(data, { recursive: true }));
  await fs.mkdir(join(data, "intake"));
  await fs.mkdir(join(data, "outtake"));
  return data;
}

/** Looks into the folder again and again, one call each time. */
function looking(data: string, door: Door, files?: Files): () => Promise<string[]> {
  const seen = new Map<string, string>();
  return () => takeFiles({ data, door, seen, ...(files === undefined ? {} : { files }) });
}

const receipt = (data: string, name: string) => fs.readFile(join(data, "outtake", `${name}.receipt`), "latin1");

test("a file is answered and then removed", async (t) => {
  const data = await dataOf(t);
  const door = doorOf();
  await fs.writeFile(join(data, "intake", "b.cbor"), "freeze b");
  await fs.writeFile(join(data, "intake", "a.cbor"), "freeze a");
  await fs.writeFile(join(data, "intake", "pay.cbor"), "pay me");
  await fs.writeFile(join(data, "intake", "notes.txt"), "freeze c");
  const look = looking(data, door);
  assert.deepEqual(await look(), ["a", "b"], "what tightens is not kept waiting");
  assert.deepEqual(await look(), ["pay"]);
  assert.deepEqual(door.asked, ["freeze a", "freeze b"]);
  assert.equal(await receipt(data, "a"), "done freeze a");
  assert.equal(await receipt(data, "pay"), "NOT_TIGHTENING");
  assert.deepEqual(await fs.readdir(join(data, "intake")), ["notes.txt"]);
  assert.deepEqual(await look(), []);
});

test("a freeze that is still being copied is not refused, and taken once it is whole", async (t) => {
  const data = await dataOf(t);
  const door = doorOf();
  const path = join(data, "intake", "a.cbor");
  const look = looking(data, door);
  const steps = ["", "fr", "fre", "freez"];
  for (const step of steps) {
    await fs.writeFile(path, step);
    assert.deepEqual(await look(), []);
  }
  await fs.writeFile(path, "freeze");
  assert.deepEqual(await look(), ["a"]);
  assert.deepEqual(door.asked, ["freeze"]);
});

test("a file that is put in the place of one that is being decided is not removed", async (t) => {
  const data = await dataOf(t);
  const path = join(data, "intake", "a.cbor");
  const door = doorOf();
  const { ask } = door;
  door.ask = (request, asker) => {
    if (String(request) === "freeze 1") {
      writeFileSync(`${path}.2`, "freeze 2");
      renameSync(`${path}.2`, path);
    }
    ask(request, asker);
  };
  await fs.writeFile(path, "freeze 1");
  const look = looking(data, door);
  await look();
  await look();
  assert.deepEqual(door.asked, ["freeze 1", "freeze 2"]);
});

test("after a crash between receipt and removal the file is decided once more", async (t) => {
  const data = await dataOf(t);
  const door = doorOf();
  await fs.writeFile(join(data, "intake", "a.cbor"), "freeze a");
  const crash = Object.assign(new Error("crash"), { code: "EIO" });
  await assert.rejects(looking(data, door, { ...realFiles, unlink: () => Promise.reject(crash) })(), crash);
  assert.deepEqual(await looking(data, door)(), ["a"]);
  assert.deepEqual(door.asked, ["freeze a", "freeze a"]);
});

test("links, pipes and large files are not read, folders are left alone", async (t) => {
  const data = await dataOf(t);
  const door = doorOf();
  const secret = join(data, "secret");
  await fs.writeFile(secret, "freeze by link");
  await fs.symlink(secret, join(data, "intake", "link.cbor"));
  execFileSync("mkfifo", [join(data, "intake", "pipe.cbor")]);
  await fs.writeFile(join(data, "intake", "large.cbor"), Buffer.alloc(limits.frameBytes + 1));
  await fs.mkdir(join(data, "intake", "folder.cbor"));
  const look = looking(data, door);
  assert.deepEqual(await look(), []);
  assert.deepEqual(await look(), ["large", "link", "pipe"]);
  for (const name of ["large", "link", "pipe"]) assert.equal(await receipt(data, name), "TOO_LARGE");
  assert.deepEqual(door.asked, []);
  assert.equal(await fs.readFile(secret, "latin1"), "freeze by link");
  assert.deepEqual(await fs.readdir(join(data, "intake")), ["folder.cbor"]);
});

test("at most so many files are taken at one look, and the folder is watched until the end", async (t) => {
  const data = await dataOf(t);
  const door = doorOf();
  for (let at = 0; at < limits.intakeFiles + 1; at++) await fs.writeFile(join(data, "intake", `${at}.cbor`), "freeze");
  assert.equal((await looking(data, door)()).length, limits.intakeFiles);
  const answered = new Promise((resolve) => {
    const watch = watchIntake(data, { ...door, ask: resolve }, (error) => assert.fail(String(error)));
    t.after(() => watch.stop());
  });
  await answered;
  await assert.rejects(new Promise((_, reject) => watchIntake(join(data, "none"), door, reject)), { code: "ENOENT" });
});

test("the console answers line by line and takes what intake takes", async () => {
  const door = doorOf();
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const input = `passphrase\r\n${base64("freeze 1")}\n${base64("pay")}\nnot base64!\n\n${base64("freeze 2")}\nrest`;
  const chunks = Array.from({ length: Math.ceil(input.length / 5) }, (_, at) => Buffer.from(input.slice(at * 5, at * 5 + 5)));
  const lines = linesOf(Readable.from(chunks));
  assert.equal(String(await lines.next()), "passphrase");
  const out: string[] = [];
  await serveConsole(lines, door, (line) => out.push(Buffer.from(line, "base64").toString()));
  assert.deepEqual(out, ["done freeze 1", "NOT_TIGHTENING", "", "", "done freeze 2"]);
  assert.ok(
    chunks.every((chunk) => chunk.every((byte) => byte === 0)),
    "what was read is cleared",
  );
});

test("a line without end ends the console", async () => {
  const endless = (async function* () {
    for (;;) yield Buffer.alloc(100_000, 65);
  })();
  assert.equal(await linesOf(endless).next(), null);
});
