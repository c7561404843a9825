/** The socket: order, limits, slow and oversized requests, stale and live socket files. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Fault, type FaultCode } from "../fault.ts";
import { frameOf, frameReader } from "./frames.ts";
import { listen, type SocketOptions } from "./socket.ts";

const fault = (code: FaultCode) => (error: unknown) => error instanceof Fault && error.code === code;

async function pathIn(t: TestContext): Promise<string> {
  const folder = await fs.mkdtemp(join(tmpdir(), "socket-"));
  t.after(() => fs.rm(folder, { recursive: true }));
  return join(folder, "vault.sock");
}

/** A server that echoes, unless `ask` is given. */
async function serverAt(t: TestContext, options: Partial<SocketOptions> = {}): Promise<string> {
  const path = await pathIn(t);
  const server = await listen({ path, ask: (request, asker) => setImmediate(asker, request), ...options });
  t.after(() => server.close());
  return path;
}

/** Everything that the peer answers until it closes. */
function client(path: string): { socket: Socket; replies: string[]; closed: Promise<void> } {
  const socket = connect(path);
  const frames = frameReader();
  const replies: string[] = [];
  socket.on("data", (chunk) => {
    frames.add(chunk);
    while (frames.ready()) replies.push(String(frames.next()));
  });
  const closed = new Promise<void>((resolve) => {
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
  });
  return { socket, replies, closed };
}

test("frames come whole however the stream is cut", () => {
  const payloads = [Buffer.from("a"), Buffer.alloc(70_000, 7), Buffer.from("last")];
  const stream = Buffer.concat(payloads.map(frameOf));
  for (const step of [1, 3, 4, 5, 4096, stream.length]) {
    const frames = frameReader();
    const found: Buffer[] = [];
    for (let at = 0; at < stream.length; at += step) {
      const piece = Buffer.from(stream.subarray(at, at + step));
      frames.add(piece);
      piece.fill(0);
      for (let frame = frames.next(); frame !== null; frame = frames.next()) found.push(frame as Buffer);
    }
    assert.deepEqual(found, payloads);
    assert.equal(frames.held(), 0);
  }
  for (const unfit of [frameOf(Buffer.alloc(11)), Buffer.alloc(4)]) {
    const frames = frameReader(10);
    frames.add(unfit);
    assert.deepEqual([frames.ready(), frames.next()], [true, "unfit"]);
  }
});

test("replies come in the order of the requests, whatever is answered first", async (t) => {
  const path = await serverAt(t, {
    ask: (request, asker) => setTimeout(asker, String(request).startsWith("slow") ? 30 : 0, request),
  });
  const { socket, replies, closed } = client(path);
  const words = ["slow 1", "quick 2", "slow 3", "quick 4"];
  for (const word of words) socket.write(frameOf(Buffer.from(word)));
  socket.end();
  await closed;
  assert.deepEqual(replies, words);
});

test("a peer with many requests is held back, not lost", async (t) => {
  const seen = { now: 0, most: 0 };
  const path = await serverAt(t, {
    limits: { inFlight: 3 },
    ask: (request, asker) => {
      seen.now += 1;
      seen.most = Math.max(seen.most, seen.now);
      setTimeout(() => {
        seen.now -= 1;
        asker(request);
      }, 1);
    },
  });
  const { socket, replies, closed } = client(path);
  const words = Array.from({ length: 100 }, (_, at) => `request ${at}`);
  socket.end(Buffer.concat(words.map((word) => frameOf(Buffer.from(word)))));
  await closed;
  assert.deepEqual(replies, words);
  assert.equal(seen.most, 3);
});

test("an oversized, empty or slow request closes its connection only", async (t) => {
  const path = await serverAt(t, { limits: { frameBytes: 100, bodyMs: 60 } });
  for (const bytes of [frameOf(Buffer.alloc(101)), Buffer.alloc(4), Buffer.from([0, 0])]) {
    const { socket, replies, closed } = client(path);
    socket.write(bytes);
    await closed;
    assert.deepEqual(replies, []);
  }
  const good = client(path);
  good.socket.end(frameOf(Buffer.from("good")));
  await good.closed;
  assert.deepEqual(good.replies, ["good"]);
});

test("a request in many pieces, each in time, but too slow as a whole is given up", async (t) => {
  const path = await serverAt(t, { limits: { bodyMs: 100 } });
  const { socket, closed } = client(path);
  const drip = setInterval(() => socket.write(Buffer.from([0])), 20);
  socket.write(Buffer.from([0, 1, 0, 0]));
  await closed;
  clearInterval(drip);
});

test("an idle peer is closed, and so is one above the number of connections", async (t) => {
  const path = await serverAt(t, { limits: { idleMs: 50, connections: 1 } });
  const first = client(path);
  await new Promise((resolve) => first.socket.once("connect", resolve));
  const second = client(path);
  await second.closed;
  await first.closed;
});

test("half requests of many peers are bounded together", async (t) => {
  const path = await serverAt(t, { limits: { requestBytes: 1000 } });
  const half = frameOf(Buffer.alloc(900)).subarray(0, 700);
  const one = client(path);
  one.socket.write(half);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const two = client(path);
  two.socket.write(half);
  await two.closed;
  one.socket.end(frameOf(Buffer.alloc(900)).subarray(700));
  await one.closed;
  assert.equal(one.replies.length, 1);
});

test("a peer that does not read its replies is given up", async (t) => {
  const path = await serverAt(t, {
    limits: { writeMs: 50 },
    ask: (_, asker) => setImmediate(asker, Buffer.alloc(1_000_000)),
  });
  const { socket, closed } = client(path);
  socket.pause();
  for (let at = 0; at < 20; at++) socket.write(frameOf(Buffer.from("x")));
  await new Promise((resolve) => setTimeout(resolve, 150));
  socket.resume();
  await closed;
});

test("requests that are whole but not taken yet are bounded together too", async (t) => {
  const path = await serverAt(t, { limits: { requestBytes: 1000, inFlight: 1 }, ask: () => null });
  const one = client(path);
  const two = client(path);
  for (const { socket } of [one, two]) socket.write(Buffer.concat(Array(20).fill(frameOf(Buffer.alloc(30)))));
  await Promise.race([one.closed, two.closed]);
});

test("a peer that does not read is not answered more, and what all do not read is bounded together", async (t) => {
  let asked = 0;
  const path = await serverAt(t, {
    limits: { inFlight: 2, replyBytes: 7_000_000 },
    ask: (_, asker) => {
      asked += 1;
      setImmediate(asker, Buffer.alloc(1_000_000));
    },
  });
  const many = Buffer.concat(Array(100).fill(frameOf(Buffer.from("x"))));
  const peers = Array.from({ length: 2 }, () => client(path));
  for (const { socket } of peers) {
    socket.pause();
    socket.write(many);
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(asked <= 8, `${asked} were answered`);
  const more = Array.from({ length: 8 }, () => client(path));
  for (const { socket } of more) {
    socket.pause();
    socket.write(many);
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(asked <= 20, `${asked} were answered`);
  const reader = client(path);
  for (const { socket } of [...peers, ...more]) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  reader.socket.write(frameOf(Buffer.from("x")));
  await new Promise((resolve) => reader.socket.once("data", resolve));
  reader.socket.end();
});

test("a stale socket file is replaced, a live one and another file are not", async (t) => {
  const path = await pathIn(t);
  const ask: SocketOptions["ask"] = (request, asker) => asker(request);
  const first = await listen({ path, ask });
  assert.equal((await fs.stat(path)).mode & 0o777, 0o600);
  await assert.rejects(listen({ path, ask }), fault("SOCKET_LIVE"));
  await fs.rename(path, `${path}.kept`);
  await first.close();

  const dead = createServer().listen(path);
  await new Promise((resolve) => dead.once("listening", resolve));
  await fs.rename(path, `${path}.stale`);
  await new Promise((resolve) => dead.close(resolve));
  await fs.rename(`${path}.stale`, path);
  const second = await listen({ path, ask, mode: 0o660 });
  assert.equal((await fs.stat(path)).mode & 0o777, 0o660);
  await second.close();

  await fs.writeFile(path, "a file");
  await assert.rejects(listen({ path, ask }), fault("SOCKET_FAILED"));
  await assert.rejects(listen({ path: join(path, "none"), ask }));
});
