/** The whole program as a process: protections that really hold, and how it ends. */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { initialise } from "../boot.ts";
import { EXIT } from "../fault.ts";
import { giveData, giveSocketFolder } from "./give.ts";
import { planLaunch } from "./launch.ts";
import { dumpsNothing, exposedAbove, measure, PINNED_RUNTIME, type Protection } from "./protections.ts";
import { dependenciesOf, readList, VAULT_FOLDER } from "./readList.ts";
import type { Attempt } from "./selfcheck.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const PASSPHRASE = "correct horse battery\n";
const isRoot = process.geteuid?.() === 0;

/** A folder that other users may pass through, as a vault's own user has to. */
async function folderOf(t: TestContext): Promise<string> {
  const folder = await fs.mkdtemp(join(tmpdir(), "vault "));
  await fs.chmod(folder, 0o755);
  t.after(() => fs.rm(folder, { recursive: true }));
  return folder;
}

function call(
  args: string[],
  input = PASSPHRASE,
): { status: number | null; events: Record<string, unknown>[]; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { input, encoding: "utf8" });
  const events = stdout.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
  return { status, events, stderr };
}

async function made(t: TestContext): Promise<string> {
  const data = join(await folderOf(t), "data");
  await initialise(data, Buffer.from(PASSPHRASE.trim()), { memoryKiB: 19 * 1024, passes: 1, lanes: 1 });
  return data;
}

/** Starts `args` and waits until it is ready. */
async function started(t: TestContext, args: string[]): Promise<ChildProcessWithoutNullStreams> {
  const child = spawn(process.execPath, [MAIN, ...args, "--stdin"]);
  t.after(() => child.kill("SIGKILL"));
  child.stdin.write(PASSPHRASE);
  let said = "";
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('"ready"')) return child;
    said += line;
  }
  throw new Error(`it ended before it was ready: ${said}`);
}

test("a launched vault cannot read, write, connect or start anything that it need not", async (t) => {
  const data = await made(t);
  const { status, events, stderr } = call(["launch", "--data", data, "--socket", join(data, "..", "run", "sock"), "--check"]);
  const [event] = events;
  assert.ok(event, stderr);
  const attempts = event["attempts"] as Attempt[];
  const protections = event["protections"] as Protection[];
  const on = new Map(protections.map((one) => [one.name, one]));
  assert.equal(attempts.length, 5);
  for (const { what, refused } of attempts) {
    const isNetworkless = on.get("no network")?.on === true;
    if (what !== "connect by TCP" || isNetworkless) assert.notEqual(refused, null, what);
  }
  assert.equal(status, attempts.every(({ refused }) => refused !== null) ? EXIT.ok : EXIT.denied);
  for (const name of ["permission model", "no core dumps", "private data"]) assert.equal(on.get(name)?.on, true, name);
  for (const { name, detail } of protections) assert.ok(detail.length > 0, name);
  if (isRoot) assert.match(on.get("own account")?.detail ?? "", /started by user 0/);
});

test("without a launch the process can do all of it, and says so", async (t) => {
  const data = await made(t);
  const { status, events } = call(["selfcheck", "--data", data]);
  assert.equal(status, EXIT.denied);
  const attempts = events.flatMap((event) => (event["attempts"] ?? []) as Attempt[]);
  assert.ok(attempts.some(({ refused }) => refused === null));
});

test("a launched vault ends by SIGTERM, with its starter, and by the end of its input", async (t) => {
  const data = await made(t);
  const socket = join(data, "..", "run", "sock");
  const first = await started(t, ["launch", "--data", data, "--socket", socket]);
  const second = call(["launch", "--data", data, "--socket", socket, "--stdin"]);
  assert.equal(second.status, EXIT.busy, "the socket is live");
  assert.equal(first.exitCode, null);
  first.kill("SIGTERM");
  assert.deepEqual(await once(first, "exit"), [EXIT.ok, null]);
  await assert.rejects(fs.stat(socket), { code: "ENOENT" });

  const next = await started(t, ["launch", "--data", data, "--socket", socket]);
  next.stdin.end();
  assert.deepEqual(await once(next, "exit"), [EXIT.ok, null]);

  const killed = await started(t, ["launch", "--data", data, "--socket", socket]);
  killed.kill("SIGKILL");
  await once(killed, "exit");
  await fs.stat(socket);
  const after = await started(t, ["launch", "--data", data, "--socket", socket]);
  after.kill("SIGTERM");
  assert.deepEqual(await once(after, "exit"), [EXIT.ok, null]);
  assert.equal(call(["verify", "--data", data, "--stdin"]).events[0]?.["records"], 4);
});

test("a vault whose starter is killed ends too", async (t) => {
  const data = await made(t);
  const file = join(data, "..", "passphrase");
  await fs.writeFile(file, PASSPHRASE, { mode: 0o600 });
  const quote = (text: string) => `'${text}'`;
  const command = [process.execPath, MAIN, "launch", "--data", data, "--passphrase-file", file].map(quote).join(" ");
  const starter = spawn("/bin/sh", ["-c", `${command} & echo $!; wait`]);
  const lines = createInterface({ input: starter.stdout })[Symbol.asyncIterator]();
  const pid = Number((await lines.next()).value);
  assert.match(String((await lines.next()).value), /"ready"/);
  starter.kill("SIGKILL");
  const isGone = async () => (await fs.readFile(`/proc/${pid}/stat`, "latin1").catch(() => "Z")).includes("Z");
  for (let at = 0; at < 50 && !(await isGone()); at++) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(await isGone(), true);
});

test("an older process stops when a newer one takes the folder", async (t) => {
  const data = await made(t);
  const older = await started(t, ["run", "--data", data]);
  const newer = await started(t, ["run", "--data", data]);
  assert.deepEqual(await once(older, "exit"), [EXIT.busy, null]);
  newer.kill("SIGTERM");
  assert.deepEqual(await once(newer, "exit"), [EXIT.ok, null]);
  assert.equal(call(["verify", "--data", data, "--stdin"]).status, EXIT.ok);
});

test("a launch takes the passphrase from a file that only its owner reads", async (t) => {
  const data = await made(t);
  const file = join(data, "..", "passphrase");
  await fs.writeFile(file, PASSPHRASE, { mode: 0o644 });
  assert.equal(call(["launch", "--data", data, "--passphrase-file", file]).status, EXIT.denied);
});

test("the read list is what the manifests name, and nothing of the repository beside it", () => {
  const list = readList();
  assert.ok(list.includes(join(VAULT_FOLDER, "src/")));
  assert.ok(list.some((path) => path.endsWith("/core/src/")));
  assert.ok(
    list.every((path) =>
      /\/(vault|core)\/(src\/|package\.json)$|\/node_modules\/@(noble|scure|strongroom)\/[a-z0-9]+\/?$/.test(path),
    ),
  );
  assert.deepEqual(dependenciesOf('{ "devDependencies": { "a": "1" }, "dependencies": {\n "@b/c.d": "1.0.0",\n "e": "2" } }'), [
    "@b/c.d",
    "e",
  ]);
  assert.deepEqual(dependenciesOf("{}"), []);
  assert.throws(() => readList(tmpdir()));
});

test("a socket path that the system cannot take, or a folder of others, is refused", async (t) => {
  const data = await made(t);
  const launch = { data, passphraseFile: null, verb: "run" } as const;
  assert.throws(() => planLaunch({ ...launch, socket: join(data, "x".repeat(120)) }), { code: "SOCKET_FAILED" });
  const { argv } = planLaunch({ ...launch, socket: join(data, "sock") });
  assert.ok(argv.includes("--permission"));
  const heap = Number(argv.find((arg) => arg.startsWith("--max-old-space-size="))?.split("=")[1]);
  assert.ok(heap > 100 && heap * 2 ** 20 < totalmem(), "the vault's memory may grow as far as the machine's");
  if (isRoot) {
    await fs.mkdir(join(data, "..", "busy"));
    await fs.writeFile(join(data, "..", "busy", "file"), "");
    assert.throws(() => planLaunch({ ...launch, socket: join(data, "..", "busy", "sock") }), { code: "SOCKET_FAILED" });
  }
});

/** Somebody who is neither root nor the vault. */
const STRANGER = 4_242;

test("root gives the vault's user what is root's alone, and nothing that others could have put there", async (t) => {
  if (!isRoot) return t.diagnostic("only root has something to give");
  const owner = { uid: 60_700, gid: 60_700 };
  const outside = join(await folderOf(t), "outside");
  await fs.writeFile(outside, "root's");
  const ownerOf = async (path: string) => (await fs.lstat(path)).uid;

  const data = await made(t);
  await fs.symlink(outside, join(data, "intake", "link"));
  giveData(data, owner);
  for (const name of ["", "keystore", "journal/00000001.seg", "journal/last", "intake/link", "outtake"]) {
    assert.equal(await ownerOf(join(data, name)), owner.uid, name);
  }
  assert.equal((await fs.stat(data)).mode & 0o777, 0o700);
  await fs.link(outside, join(data, "journal", "hard"));
  giveData(data, owner);
  assert.equal(await ownerOf(outside), 0, "in the vault's own folder nothing is given");

  for (const plant of [
    (folder: string) => fs.chown(folder, STRANGER, STRANGER),
    (folder: string) => fs.chown(join(folder, "intake"), STRANGER, STRANGER),
    (folder: string) => fs.writeFile(join(folder, "x"), "").then(() => fs.chown(join(folder, "x"), STRANGER, STRANGER)),
    (folder: string) => fs.chmod(join(folder, "intake"), 0o777),
    (folder: string) => fs.chmod(folder, 0o770),
    (folder: string) => fs.link(outside, join(folder, "journal", "hard")),
    (folder: string) => fs.rm(join(folder, "keystore")),
    (folder: string) => fs.rename(folder, `${folder}.real`).then(() => fs.symlink(`${folder}.real`, folder)),
  ]) {
    const planted = await made(t);
    await plant(planted);
    assert.throws(() => giveData(planted, owner), { code: "DATA_OWNER" }, String(plant));
    assert.equal(await ownerOf(outside), 0);
  }
});

test("root makes the socket's folder the vault's only when it is root's alone", async (t) => {
  if (!isRoot) return t.diagnostic("only root has something to give");
  const owner = { uid: 60_700, gid: 60_700 };
  const folder = await folderOf(t);
  const target = join(folder, "target");
  await fs.mkdir(target);
  await fs.symlink(target, join(folder, "link"));
  await fs.mkdir(join(folder, "open"));
  await fs.chmod(join(folder, "open"), 0o777);
  await fs.mkdir(join(folder, "strange"));
  await fs.chown(join(folder, "strange"), STRANGER, STRANGER);
  for (const name of ["link", "open", "strange"]) {
    assert.throws(() => giveSocketFolder(join(folder, name), "sock", owner), { code: "SOCKET_FAILED" }, name);
  }
  assert.equal((await fs.stat(target)).uid, 0);
  giveSocketFolder(join(folder, "new"), "sock", owner);
  const { uid, gid, mode } = await fs.stat(join(folder, "new"));
  assert.deepEqual([uid, gid, mode & 0o7777], [owner.uid, 0, 0o2750]);
});

test("code is sealed only when all folders above it are", async (t) => {
  const folder = await folderOf(t);
  const code = join(folder, "open", "below", "code");
  await fs.mkdir(code, { recursive: true });
  assert.equal(exposedAbove([code]), isRoot ? null : join(folder, "open", "below"));
  await fs.chmod(join(folder, "open"), 0o777);
  const subject = {
    data: folder,
    code: [code],
    starter: null,
    keystore: "software",
    snapshots: null,
    demonstration: false,
  } as const;
  const sealed = async () =>
    (await measure({ ...subject, reasons: new Map() })).find(({ name }) => name === "sealed code") as Protection;
  assert.equal((await sealed()).on, false);
  if (!isRoot) return;
  assert.equal(exposedAbove([code]), join(folder, "open"));
  await fs.chmod(join(folder, "open"), 0o1777);
  assert.equal(exposedAbove([code]), null, "nobody renames what is root's in a sticky folder");
  await fs.chown(join(folder, "open"), STRANGER, STRANGER);
  assert.equal(exposedAbove([code]), join(folder, "open"));
});

test("a limit of zero does not stop a core dump that goes to a program", () => {
  assert.equal(dumpsNothing(["1", "1"], "|/usr/lib/systemd/systemd-coredump"), true);
  assert.equal(dumpsNothing(["1", "1"], "core"), true);
  assert.equal(dumpsNothing(["0", "0"], "core"), true);
  for (const pattern of ["|/bin/cat", "@/run/core.sock", ""]) assert.equal(dumpsNothing(["0", "0"], pattern), false, pattern);
  assert.equal(dumpsNothing(["1", "1"], "@/run/core.sock"), false);
  assert.equal(dumpsNothing(["0", "1"], "core"), true);
  for (const limits of [
    ["0", "unlimited"],
    ["unlimited", "unlimited"],
    [undefined, undefined],
  ] as const) {
    assert.equal(dumpsNothing(limits, "core"), false);
  }
});

test("what is measured here and now is what this process has", async (t) => {
  const data = await folderOf(t);
  const reasons = new Map([["permission model", "nobody asked for it\n"]]);
  const subject = {
    data,
    code: [VAULT_FOLDER],
    starter: null,
    keystore: "software",
    snapshots: null,
    demonstration: true,
    reasons,
  } as const;
  const on = new Map((await measure(subject)).map((one) => [one.name, one]));
  assert.equal(on.get("permission model")?.on, false);
  assert.match(on.get("permission model")?.detail ?? "", /nobody asked for it\?$/);
  for (const name of ["own account", "private data", "hardware keys", "real deployment"])
    assert.equal(on.get(name)?.on, false, name);
  assert.equal(on.get("pinned runtime")?.on, PINNED_RUNTIME[`${process.platform}-${process.arch}`] !== undefined);
  const blind = await measure({ ...subject, code: [join(data, "none")], starter: 1 });
  assert.equal(blind.find(({ name }) => name === "sealed code")?.on, false);
});
