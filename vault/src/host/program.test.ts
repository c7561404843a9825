/** The command line in this process: exit codes, events, where passphrases come from. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { mind } from "../mind.ts";
import { EXIT, Fault, lastWords } from "./fault.ts";
import { passphraseFromDescriptor } from "./keys/passphrase.ts";
import { program } from "./program.ts";

const PASSPHRASE = "correct horse battery";

async function call(args: string[], input = `${PASSPHRASE}\n`): Promise<{ exit: number; event: Record<string, unknown> }> {
  const lines: string[] = [];
  const streams = { input: Readable.from([Buffer.from(input)]), out: (line: string) => lines.push(line), error: () => true };
  const exit = await program(args, mind, streams);
  return { exit, event: JSON.parse(lines.at(-1) ?? "{}") };
}

async function dataOf(t: TestContext): Promise<string> {
  const folder = await fs.mkdtemp(join(tmpdir(), "program "));
  t.after(() => fs.rm(folder, { recursive: true }));
  return join(folder, "below", "data");
}

test("a command line that is not understood ends with 64", async (t) => {
  const data = await dataOf(t);
  for (const args of [[], ["run"], ["fly", "--data", data], ["toString", "--data", data], ["run", "more", "--data", data]]) {
    assert.equal((await call(args)).exit, EXIT.usage, args.join(" "));
  }
  assert.equal((await call(["run", "--data", data, "--fast"])).exit, EXIT.usage);
  assert.equal((await call(["init", "--data", data])).exit, EXIT.usage, "no passphrase");
  await call(["init", "--data", data, "--stdin"]);
  assert.equal((await call(["launch", "--data", data])).exit, EXIT.usage, "no passphrase");
  assert.equal((await call(["launch", "--data", data, "--passphrase-file", join(data, "none")])).exit, EXIT.denied);
});

test("nothing is made but by init, and init makes nothing twice", async (t) => {
  const data = await dataOf(t);
  for (const verb of ["run", "verify", "launch"]) {
    assert.equal((await call([verb, "--data", data, "--stdin"])).exit, EXIT.missing, verb);
  }
  await assert.rejects(fs.stat(data), { code: "ENOENT" });
  assert.equal((await call(["init", "--data", data, "--stdin"], "short\n")).exit, EXIT.denied);
  assert.equal((await call(["init", "--data", data, "--stdin"])).exit, EXIT.exists, "what a failed start left is no vault");
  await fs.rm(data, { recursive: true });
  const { exit, event } = await call(["init", "--data", data, "--stdin"]);
  assert.equal(exit, EXIT.ok);
  assert.match(String(event["identityKey"]), /^[0-9a-f]{64}$/);
  assert.equal((await call(["init", "--data", data, "--stdin"])).exit, EXIT.exists);
  await fs.writeFile(join(data, "..", "file"), "");
  assert.equal((await call(["verify", "--data", join(data, "..", "file"), "--stdin"])).exit, EXIT.missing);
});

test("verify tells what the journal holds, what is torn and what is damaged", async (t) => {
  const data = await dataOf(t);
  await call(["init", "--data", data, "--stdin"]);
  const verify = (input?: string) => call(["verify", "--data", data, "--stdin"], input);
  const { exit, event } = await verify();
  assert.deepEqual([exit, event["event"], event["records"], event["segments"], event["torn"]], [EXIT.ok, "verified", 0, 1, 0]);
  assert.deepEqual(await verify("wrong passphrase\n"), {
    exit: EXIT.denied,
    event: { event: "ended", code: "KEYSTORE_LOCKED" },
  });
  assert.equal((await verify("")).event["code"], "PASSPHRASE");
  const segment = join(data, "journal", "00000001.seg");
  await fs.appendFile(segment, "more");
  assert.equal((await verify()).event["torn"], 4);
  await fs.writeFile(segment, "less");
  assert.deepEqual(await verify(), { exit: EXIT.data, event: { event: "ended", code: "JOURNAL_CORRUPT" } });
});

test("a passphrase comes from a file that only its owner reads, or from a descriptor", async (t) => {
  const data = await dataOf(t);
  await call(["init", "--data", data, "--stdin"]);
  const file = join(data, "..", "passphrase");
  const verify = async () => (await call(["verify", "--data", data, "--passphrase-file", file])).exit;
  assert.equal(await verify(), EXIT.denied, "not there");
  await fs.writeFile(file, `${PASSPHRASE}\r\n`, { mode: 0o600 });
  assert.equal(await verify(), EXIT.ok);
  await fs.chmod(file, 0o640);
  assert.equal(await verify(), EXIT.denied);
  await fs.chmod(file, 0o600);
  await fs.writeFile(file, PASSPHRASE);
  assert.equal(await verify(), EXIT.ok);
  await fs.writeFile(file, "x".repeat(2000));
  assert.equal(await verify(), EXIT.denied);
  assert.equal((await call(["verify", "--data", data, "--passphrase-fd", "9999"])).exit, EXIT.denied);
  assert.throws(() => passphraseFromDescriptor(9999), { code: "PASSPHRASE" });
});

test("the last words of a bug are its trace, with exit code 70", () => {
  assert.equal(lastWords(new Error("bug")).exit, EXIT.fatal);
  assert.equal(lastWords("bug").text, "bug");
  assert.equal(lastWords(new Fault("JOURNAL_WRITE", "EIO")).exit, EXIT.fatal);
});
