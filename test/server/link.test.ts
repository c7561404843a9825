/** The server's link to the vault: the real vault on one side of it, or a liar. */
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Hash } from "../../core/src/bytes.ts";
import { Command, requestId } from "../../core/src/protocol/command.ts";
import { decode, encode, Signed } from "../../core/src/signed/object.ts";
import { Receipt } from "../../core/src/signed/receipt.ts";
import { openVaultLink, type VaultLink } from "../../server/src/vault/link.ts";
import { type Standing, standVault } from "../world/standing.ts";
import * as world from "../world/world.ts";

let vault: Standing;
let link: VaultLink;
before(async () => {
  vault = await standVault();
  link = openVaultLink({ socket: vault.socket, pin: vault.made.deployment });
});
after(async () => {
  link.close();
  await vault.clean();
});

const code = (name: string) => (error: unknown) => error instanceof Error && "code" in error && error.code === name;
const vaultCode = (name: string) => (error: unknown) =>
  error instanceof Error && "vaultCode" in error && error.vaultCode === name && "status" in error && error.status === 422;

/** A server of frames on a path of its own. `answer` gives the bytes to be written, or nothing. */
async function liar(
  name: string,
  answer: (request: Uint8Array, socket: Socket) => void,
): Promise<{ path: string; server: Server }> {
  const path = join(vault.folder, name);
  const server = createServer((socket) => {
    let rest = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
        const end = 4 + rest.readUInt32BE(0);
        answer(new Uint8Array(rest.subarray(4, end)), socket);
        rest = rest.subarray(end);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { path, server };
}

function frame(bytes: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(bytes.length);
  return Buffer.concat([size, bytes]);
}

/** The vault's own reply to these very bytes, by a link of its own. */
async function through(bytes: Uint8Array): Promise<Uint8Array> {
  const { openWire } = await import("../../server/src/vault/wire.ts");
  const { limits } = await import("../../server/src/host/limits.ts");
  const wire = openWire(vault.socket, limits.vaultWire);
  try {
    return await wire.call(bytes);
  } finally {
    wire.close();
  }
}

test("a receipt comes back checked, with the bytes that were signed", async () => {
  const receipt = await link.ask({ command: "status" });
  assert.equal(receipt.code, "OK");
  assert.equal(receipt.deployment, vault.made.deployment);
  assert.deepEqual(decode(Receipt, decode(Signed, receipt.bytes).body).head, receipt.head);
});

test("a thousand commands at once are each given their own answer", async () => {
  const names = Array.from({ length: 1000 }, (_, at) => `no-such-wallet-${at}`);
  const answers = await Promise.all(names.map((name) => link.ask({ command: "show", what: "wallet", name })));
  assert.ok(answers.every((answer) => answer.code === "WALLET_UNKNOWN"));
  assert.equal(new Set(answers.map((answer) => answer.request)).size, names.length);
});

test("a refusal of the vault is a problem with the vault's own code", async () => {
  await assert.rejects(link.demand({ command: "show", what: "wallet", name: "nowhere" }), vaultCode("WALLET_UNKNOWN"));
});

test("a device's reading and tightening commands are relayed, nothing else", async () => {
  const bytes = encode(Command, world.command({ command: "head" }));
  const receipt = decode(Receipt, decode(Signed, await link.relay(bytes)).body);
  assert.equal(receipt.request, requestId(bytes));
  const { book } = vault.made;
  const freeze = world.freeze(book, { notAfter: Date.now() + world.HOUR });
  const order = encode(Command, world.execute([freeze], []));
  const refused = decode(Receipt, decode(Signed, await link.relay(order)).body);
  assert.notEqual(refused.code, "OK");
  for (const command of [
    world.execute([world.pay(book)], []),
    world.command({ command: "address", wallet: "treasury", index: 0 }),
    world.command({ command: "inform", facts: [] }),
    world.command({ command: "confirm", approvals: [] }),
  ]) {
    await assert.rejects(link.relay(encode(Command, command)), code("FORBIDDEN"));
  }
  await assert.rejects(link.relay(Uint8Array.of(1, 2, 3)), code("BAD_REQUEST"));
});

test("the view is kept, and renewed as soon as a receipt shows that the vault went on", async () => {
  const calm = openVaultLink({ socket: vault.socket, pin: vault.made.deployment, viewMs: 3_600_000 });
  const first = await calm.view();
  assert.equal(first.book.id, vault.made.book.id);
  assert.equal(await calm.view(), first);
  await calm.ask({ command: "address", wallet: "nowhere", index: 0 });
  assert.equal(await calm.view(), first);
  await vault.kill();
  await assert.rejects(calm.ask({ command: "status" }), code("VAULT_UNREACHABLE"));
  await vault.start();
  await calm.ask({ command: "status" });
  const next = await calm.view();
  assert.notEqual(next.head.boot, first.head.boot);
  assert.equal(next.signedRulebook, first.signedRulebook);
  calm.close();
});

test("a vault of another deployment is none", async () => {
  const other = openVaultLink({ socket: vault.socket, pin: "ab".repeat(32) as Hash });
  await assert.rejects(other.ask({ command: "status" }), code("VAULT_UNREACHABLE"));
  other.close();
});

test("replies that are forged, swapped, late, oversized or unasked count as none", async () => {
  const wire = { replyMs: 300, retryMs: 1, retryMsMax: 1 };
  const pin = vault.made.deployment;
  const flip = (bytes: Uint8Array) => bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte));
  const status = encode(Command, world.command({ command: "status" }));
  const lies: Record<string, (request: Uint8Array, socket: Socket) => void> = {
    forged: async (request, socket) => socket.write(frame(flip(await through(request)))),
    swapped: async (_, socket) => socket.write(frame(await through(status))),
    silent: () => undefined,
    oversized: (_, socket) => socket.write(Buffer.from([0x7f, 0, 0, 0])),
    closed: (_, socket) => socket.destroy(),
    garbage: (_, socket) => socket.write(frame(Uint8Array.of(1))),
  };
  for (const [name, lie] of Object.entries(lies)) {
    let isHonest = true;
    const { path, server } = await liar(name, async (request, socket) => {
      if (isHonest) socket.write(frame(await through(request)));
      else lie(request, socket);
    });
    const led = openVaultLink({ socket: path, pin, wire });
    assert.equal((await led.ask({ command: "status" })).code, "OK");
    isHonest = false;
    await assert.rejects(led.ask({ command: "head" }), code("VAULT_UNREACHABLE"), name);
    isHonest = true;
    assert.equal((await led.ask({ command: "head" })).code, "OK", name);
    led.close();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("a late reply is not taken for the next command's", async () => {
  const held: (() => void)[] = [];
  const { path, server } = await liar("late", async (request, socket) => {
    const reply = await through(request);
    if (decode(Command, request).command === "protections") held.push(() => socket.write(frame(reply)));
    else socket.write(frame(reply));
  });
  const led = openVaultLink({ socket: path, pin: vault.made.deployment, wire: { replyMs: 200, connections: 1 } });
  await assert.rejects(led.ask({ command: "protections" }), code("VAULT_UNREACHABLE"));
  while (held.length === 0) await sleep(5);
  for (const write of held) write();
  const answers = await Promise.all([led.ask({ command: "head" }), led.ask({ command: "status" })]);
  assert.ok(answers.every((answer) => answer.code === "OK"));
  led.close();
  await new Promise((resolve) => server.close(resolve));
});
