import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openWire } from "./wire.ts";

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
