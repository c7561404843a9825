/** What a hostile host can do to the command, and the alarm that each raises: exit code 4 and words, never a silent success. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { dataFolder, launchVault, type Running } from "../../cli/src/demo/vault.ts";
import { ask, makeFolder, waitForNone } from "./command.ts";

const place = await makeFolder();
const home = join(place.folder, "home");
let vault: Running | null = null;

before(async () => {
  const held = await ask(home, "ceremony", "demo");
  assert.equal(held.status, 0, JSON.stringify(held.json));
  vault = await launchVault(home);
});
const stopVault = async () => {
  await vault?.child.stop();
  vault = null;
};
const proxies: Server[] = [];
afterEach(() => {
  for (const proxy of proxies.splice(0)) proxy.close();
});
after(async () => {
  await stopVault();
  await waitForNone(place.folder);
  await place.remove();
});

async function config(): Promise<{ socket: string; chains: object }> {
  return JSON.parse(await readFile(join(home, "config.json"), "utf8")) as { socket: string; chains: object };
}

/** Puts a proxy between the command and the vault for the time of `work`. `change` gets each reply. */
async function through<T>(change: (reply: Buffer, socket: Socket) => Buffer | null, work: () => Promise<T>): Promise<T> {
  const real = await config();
  const path = join(place.folder, `p${proxies.length}${Math.trunc(performance.now())}.sock`);
  const proxy = createServer((socket) => {
    const other = connect(real.socket);
    socket.on("data", (chunk) => other.write(chunk));
    let rest = Buffer.alloc(0);
    other.on("data", (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
        const size = 4 + rest.readUInt32BE(0);
        const reply = change(Buffer.from(rest.subarray(0, size)), socket);
        rest = rest.subarray(size);
        if (reply !== null) socket.write(reply);
      }
    });
    for (const [one, two] of [
      [socket, other],
      [other, socket],
    ] as const) {
      one.on("error", () => two.destroy());
      one.on("close", () => two.destroy());
    }
  });
  proxies.push(proxy);
  await new Promise<void>((resolve) => proxy.listen(path, resolve));
  await writeFile(join(home, "config.json"), JSON.stringify({ ...real, socket: path }));
  try {
    return await work();
  } finally {
    await writeFile(join(home, "config.json"), JSON.stringify(real));
  }
}

const status = () => ask(home, "status");

test("an honest proxy changes nothing", async () => {
  assert.equal((await through((reply) => reply, status)).status, 0);
});

test("a reply with one flipped bit is an alarm, wherever the bit lies", async () => {
  for (const part of [0.1, 0.5, 0.9, 0.999]) {
    const flip = (reply: Buffer) => {
      const at = 4 + Math.floor((reply.length - 5) * part);
      reply[at] = (reply[at] as number) ^ 0x10;
      return reply;
    };
    const { status: exit, json } = await through(flip, status);
    assert.equal(exit, 4, JSON.stringify(json));
    assert.match(String(json["code"]), /^(?:RECEIPT_FORGED|GENESIS_FOREIGN)$/);
  }
});

test("an answer to another command, however well signed, is an alarm", async () => {
  let first: Buffer | null = null;
  const replay = (reply: Buffer) => {
    first ??= Buffer.from(reply);
    return first;
  };
  const { status: exit, json } = await through(replay, status);
  assert.deepEqual([exit, json["code"]], [4, "RECEIPT_FORGED"]);
});

test("another deployment than the pinned one is refused", async () => {
  const pin = join(home, "genesis.pin");
  const real = await readFile(pin, "utf8");
  await writeFile(pin, `${"ab".repeat(32)}\n`);
  const { status: exit, json } = await status();
  await writeFile(pin, real);
  assert.deepEqual([exit, json["code"]], [4, "GENESIS_FOREIGN"]);
  assert.equal((await status()).status, 0);
  const other = await ask(home, "status", "--pin", "cd".repeat(32));
  assert.deepEqual([other.status, other.json["code"]], [4, "GENESIS_FOREIGN"]);
});

test("a withheld freeze is an alarm with a file, and the file works at the vault's own intake", async () => {
  const withhold = (_: Buffer, socket: Socket) => {
    socket.destroy();
    return null;
  };
  const { status: exit, json } = await through(withhold, () => ask(home, "freeze", "institution", "--key", "olga", "--yes"));
  assert.deepEqual([exit, json["code"]], [4, "NO_RECEIPT"]);
  assert.equal(((await status()).json["freezes"] as unknown[]).length, 0);
  const [name = ""] = await readdir(join(home, "outbox"));
  const intake = join(dataFolder(home), "intake");
  await cp(join(home, "outbox", name), join(intake, "carried.tmp"));
  await rename(join(intake, "carried.tmp"), join(intake, "carried.cbor"));
  for (let tries = 0; tries < 100 && (await readdir(intake)).length > 0; tries++) await sleep(50);
  assert.deepEqual(await readdir(join(dataFolder(home), "outtake")), ["carried.receipt"]);
  assert.equal(((await status()).json["freezes"] as unknown[]).length, 1);
});

test("a freeze can be written to a file without any vault", async () => {
  await stopVault();
  const file = join(place.folder, "freeze.cbor");
  const { status: exit, json } = await ask(home, "freeze", "institution", "--key", "otto", "--yes", "--file", file);
  assert.deepEqual([exit, json["sent"]], [0, false]);
  assert.ok((await readFile(file)).length > 100);
  const sent = await ask(home, "freeze", "institution", "--key", "otto", "--yes");
  assert.deepEqual([sent.status, sent.json["code"]], [4, "NO_RECEIPT"]);
  await rm(join(home, "outbox"), { recursive: true });
  vault = await launchVault(home);
});

test("a vault whose disk was put back raises the alarm and stops for good", async () => {
  await stopVault();
  const copy = join(place.folder, "copy");
  await mkdir(copy);
  // with its owner, as a backup of the disk has it
  execFileSync("cp", ["-a", dataFolder(home), join(copy, "data")]);
  vault = await launchVault(home);
  const frozen = await ask(home, "freeze", "person", "tom", "--key", "otto", "--yes");
  assert.equal(frozen.status, 0, JSON.stringify(frozen.json));
  const seen = await status();
  assert.equal(seen.status, 0);
  await stopVault();
  await rm(dataFolder(home), { recursive: true });
  await rename(join(copy, "data"), dataFolder(home));
  vault = await launchVault(home);
  const rolled = await status();
  assert.deepEqual([rolled.status, rolled.json["code"]], [4, "VAULT_ROLLED_BACK"], JSON.stringify(rolled.json));
  // the head was shown to the vault, so it refuses everybody from here on, after a restart too
  const others = await ask(home, "freeze", "person", "tom", "--key", "otto", "--yes");
  assert.equal(others.status, 4, JSON.stringify(others.json));
  await rm(join(home, "head.cbor"));
  await stopVault();
  vault = await launchVault(home);
  const later = await status();
  assert.deepEqual([later.status, later.json["code"]], [4, "VAULT_ROLLED_BACK"], JSON.stringify(later.json));
});
