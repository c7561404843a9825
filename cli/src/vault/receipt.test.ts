import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { keyId } from "@strongroom/core/keys/id";
import { requestId } from "@strongroom/core/protocol/command";
import { challengeOf, encode, type Kind, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { checkReceipt } from "./receipt.ts";
import { commandBytes } from "./session.ts";
import { openWire } from "./wire.ts";

function identity() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const bytes = new Uint8Array(Buffer.from(publicKey.export({ format: "jwk" }).x as string, "base64url"));
  return { bytes, id: keyId("ed25519", bytes), hex: toHex(bytes), privateKey };
}
const vault = identity();
const stranger = identity();
const deployment = "11".repeat(32) as Hash;
const command = commandBytes({ command: "status" });

const plain: Receipt = {
  version: 1,
  deployment,
  vault: vault.id,
  boot: "22".repeat(32) as Hash,
  request: requestId(command),
  code: "OK",
  field: "",
  detail: "",
  head: { seq: 1, hash: "33".repeat(32) as Hash },
  at: 1,
  body: new Uint8Array(),
};

function reply(receipt: Receipt, by = vault, times = 1): Uint8Array {
  const body = encode(Receipt, receipt);
  const signature = new Uint8Array(sign(null, challengeOf(Receipt as Kind<unknown>, body), by.privateKey));
  return encode(Signed, { body, signatures: Array.from({ length: times }, () => ({ key: by.id, signature })) });
}
const expected = { vaultKey: vault.hex, deployment };

test("the vault's own answer to this command is taken", () => {
  assert.equal(checkReceipt(reply(plain), command, expected).code, "OK");
  assert.equal(checkReceipt(reply(plain), command, { ...expected, deployment: null }).deployment, deployment);
});

test("anything else is an alarm", () => {
  const forged = (bytes: Uint8Array, code = "RECEIPT_FORGED") =>
    assert.throws(() => checkReceipt(bytes, command, expected), { code });
  forged(reply(plain, stranger));
  forged(reply({ ...plain, vault: stranger.id }));
  forged(reply({ ...plain, request: requestId(commandBytes({ command: "status" })) }));
  forged(reply(plain, vault, 2));
  forged(reply({ ...plain, deployment: "44".repeat(32) as Hash }), "GENESIS_FOREIGN");
  forged(new Uint8Array());
  const boot = "55".repeat(32) as Hash;
  assert.throws(() => checkReceipt(reply(plain), command, { ...expected, boot }), { code: "RECEIPT_FORGED" });
});

test("no byte of a reply can be flipped", () => {
  const bytes = reply(plain);
  for (let at = 0; at < bytes.length; at += 3) {
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] as number) ^ 0x01;
    assert.throws(() => checkReceipt(flipped, command, expected), { code: /^(?:RECEIPT_FORGED|GENESIS_FOREIGN)$/ });
  }
});

const folder = await mkdtemp(join(tmpdir(), "strongroom-wire-"));
after(() => rm(folder, { recursive: true, force: true }));

/** A server that treats each connection as told, for the time of `work`. */
async function against(serve: (socket: Socket) => void, work: (path: string) => Promise<void>): Promise<void> {
  const path = join(folder, `${Math.trunc(performance.now())}.sock`);
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    await work(path);
  } finally {
    server.close();
  }
}

const frame = (bytes: readonly number[]) => Buffer.from([0, 0, 0, bytes.length, ...bytes]);

test("replies arrive whole, however they are cut", async () => {
  const serve = (socket: Socket) => {
    socket.on("data", () => {
      const whole = frame([7, 8, 9]);
      socket.write(whole.subarray(0, 2));
      setTimeout(() => socket.write(whole.subarray(2, 5)), 5);
      setTimeout(() => socket.write(whole.subarray(5)), 10);
    });
  };
  await against(serve, async (path) => {
    const wire = await openWire(path);
    assert.deepEqual([...(await wire.call(Uint8Array.of(1)))], [7, 8, 9]);
    assert.deepEqual([...(await wire.call(Uint8Array.of(2)))], [7, 8, 9]);
    wire.close();
  });
});

test("a closed connection, silence and an endless reply are missing receipts", async () => {
  const cases: readonly ((socket: Socket) => void)[] = [
    (socket) => socket.on("data", () => socket.end()),
    (socket) => socket.on("data", () => socket.destroy()),
    (socket) => socket.resume(),
    (socket) => socket.on("data", () => socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]))),
  ];
  for (const serve of cases) {
    await against(serve, async (path) => {
      const wire = await openWire(path, 100);
      await assert.rejects(wire.call(Uint8Array.of(1)), { code: "NO_RECEIPT" });
      wire.close();
    });
  }
});

test("where nobody listens the vault is unreachable", async () => {
  await assert.rejects(openWire(join(folder, "nobody.sock")), { code: "VAULT_UNREACHABLE" });
});
