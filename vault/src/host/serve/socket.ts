/** The Unix socket: one reply frame for each request frame, in the order of the requests.
 *
 *  Judges nothing and parses nothing but lengths. Everything that a peer can make grow has a limit: connections, requests
 *  without an answer, the time that a request takes to arrive, the replies that he does not read. */
import { lstat, unlink } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { Fault, systemCode } from "../fault.ts";
import { limits } from "../limits.ts";
import type { Asker } from "../run.ts";
import { frameOf, frameReader } from "./frames.ts";

type Bounds = Record<
  "connections" | "inFlight" | "frameBytes" | "requestBytes" | "replyBytes" | "bodyMs" | "idleMs" | "writeMs",
  number
>;
type Total = { requests: number; replies: number };

export type SocketOptions = {
  readonly path: string;
  readonly ask: (request: Uint8Array, asker: Asker) => void;
  /** Mode of the socket file: 0660 lets its group ask. */
  readonly mode?: 0o600 | 0o660;
  readonly limits?: Partial<Bounds>;
};

export type SocketServer = {
  /** Takes no more connections and closes those that are open once what was written to them is out. */
  close(): Promise<void>;
};

/** Listens on the path. A socket file that nobody answers on is replaced. Fails: SOCKET_LIVE, SOCKET_FAILED. */
export async function listen({ path, ask, mode = 0o600, limits: own }: SocketOptions): Promise<SocketServer> {
  await clearPath(path);
  const bounds: Bounds = { ...limits, ...own };
  const open = new Set<Socket>();
  const total: Total = { requests: 0, replies: 0 };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (open.size >= bounds.connections) {
      socket.destroy();
      return;
    }
    socket.on("close", () => open.delete(socket));
    open.add(socket);
    serve(socket, bounds, { ask, total });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(new Fault("SOCKET_FAILED", error.message, error)));
    // The file is made during this call, and must never be open to more than it is meant for.
    const mask = process.umask(0o777 & ~mode);
    server.listen(path, resolve);
    process.umask(mask);
  });
  return {
    close() {
      const done = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroySoon();
      return done;
    },
  };
}

/** Makes room for the socket file. Fails: SOCKET_LIVE when somebody answers, SOCKET_FAILED when it is another kind of file. */
export async function clearPath(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  });
  if (found === null) return;
  if (!found.isSocket()) throw new Fault("SOCKET_FAILED", `${path} is there and is no socket.`);
  const probe = connect(path);
  const answers = await new Promise<boolean>((resolve) => {
    probe.once("connect", () => resolve(true));
    // Whoever refuses is gone; any other failure (no right to ask, too many waiting) may hide a live process.
    probe.once("error", (error) => resolve(systemCode(error) !== "ECONNREFUSED"));
    probe.setTimeout(limits.probeMs, () => resolve(true));
  });
  probe.destroy();
  if (answers) throw new Fault("SOCKET_LIVE", path);
  await unlink(path);
}

/** One connection. Replies leave in the order of the requests, so each waits for those before it. `total` counts what all
 *  connections hold together: bytes of requests that were not taken yet, and of replies that did not get out yet. */
function serve(socket: Socket, bounds: Bounds, { ask, total }: { ask: SocketOptions["ask"]; total: Total }): void {
  const frames = frameReader(bounds.frameBytes);
  const slots: { reply: Uint8Array | null }[] = [];
  const giveUp = () => {
    socket.destroy();
  };
  const held = shareOf(total, bounds, giveUp);
  const body = timer(giveUp, bounds.bodyMs);
  const idle = timer(giveUp, bounds.idleMs);
  const write = timer(giveUp, bounds.writeMs);
  let due = false;
  let ended = false;

  function advance(): void {
    due = false;
    while (slots[0]?.reply && !socket.destroyed) {
      const { length } = slots[0].reply;
      socket.write(frameOf(slots[0].reply), () => {
        if (!socket.destroyed) held.add("replies", -length);
      });
      slots.shift();
    }
    // A peer that does not read is not asked for more.
    while (slots.length < bounds.inFlight && !socket.writableNeedDrain && !socket.destroyed && frames.ready()) {
      const request = frames.next();
      if (request instanceof Buffer) {
        held.add("requests", -4 - request.length);
        body.set(false);
        take(request);
      } else giveUp();
    }
    const isHeldUp = frames.ready() || socket.writableNeedDrain;
    if (isHeldUp) socket.pause();
    else socket.resume();
    write.set(socket.writableNeedDrain);
    body.set(frames.held() > 0 && !isHeldUp);
    idle.set(slots.length === 0 && !isHeldUp);
    if (ended && slots.length === 0 && !frames.ready()) socket.end();
  }

  function take(request: Buffer): void {
    const slot: { reply: Uint8Array | null } = { reply: null };
    slots.push(slot);
    ask(request, (reply) => {
      if (socket.destroyed) return;
      slot.reply = reply;
      held.add("replies", reply.length);
      if (due) return;
      due = true;
      setImmediate(advance);
    });
  }

  idle.set(true);
  socket.on("data", (chunk: Buffer) => {
    frames.add(chunk);
    held.add("requests", chunk.length);
    advance();
  });
  socket.on("end", () => {
    ended = true;
    advance();
  });
  socket.on("drain", advance);
  socket.on("error", giveUp);
  socket.on("close", () => {
    held.close();
    for (const one of [body, idle, write]) one.set(false);
  });
}

/** One connection's share of what all hold. Whoever would make it more than is allowed is given up. */
function shareOf(total: Total, bounds: Bounds, giveUp: () => void) {
  const own: Total = { requests: 0, replies: 0 };
  return {
    add(what: keyof Total, bytes: number) {
      own[what] += bytes;
      total[what] += bytes;
      if (bytes > 0 && total[what] > bounds[what === "requests" ? "requestBytes" : "replyBytes"]) giveUp();
    },
    close() {
      total.requests -= own.requests;
      total.replies -= own.replies;
    },
  };
}

/** Calls `then` when it has been on for `ms`. Setting it on again changes nothing. */
function timer(then: () => void, ms: number): { set(on: boolean): void } {
  let running: NodeJS.Timeout | null = null;
  return {
    set(on) {
      if (on) running ??= setTimeout(then, ms);
      else if (running !== null) {
        clearTimeout(running);
        running = null;
      }
    },
  };
}
