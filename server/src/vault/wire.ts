/** The vault's socket: commands go out, replies come back in their order. Bytes only; what they mean is checked in `link.ts`.
 *
 *  Some connections, each with a few commands on their way. Nothing is ever sent twice. A command that is not answered in time ends
 *  its connection, so that a late reply cannot be taken for another command's.   Source: docs/spec/vault-protocol.md, Transport. */
import { connect, type Socket } from "node:net";
import { MAX_COMMAND_BYTES } from "@strongroom/core/protocol/command";
import { Problem } from "../http/call.ts";

export type WireLimits = {
  readonly connections: number;
  /** Commands on their way on one connection, and commands that wait for one. */
  readonly inFlight: number;
  readonly waiting: number;
  /** From the call to its reply. */
  readonly replyMs: number;
  readonly connectMs: number;
  /** The first and the longest pause after nobody answered. */
  readonly retryMs: number;
  readonly retryMsMax: number;
};

export type Wire = {
  /** Sends one command and waits for its reply. Fails: VAULT_UNREACHABLE. */
  call(command: Uint8Array): Promise<Uint8Array>;
  close(): void;
};

type Call = { readonly command: Uint8Array; readonly timer: NodeJS.Timeout } & PromiseWithResolvers<Uint8Array>;
type Line = { readonly socket: Socket; readonly calls: Call[]; rest: Buffer; isOpen: boolean };

export function openWire(path: string, limits: WireLimits): Wire {
  const lines = new Set<Line>();
  const queue: Call[] = [];
  let pauseMs = 0;
  let pause: NodeJS.Timeout | null = null;
  let isClosed = false;

  /** Hands what waits to connections with room, and opens a further one when all are full. */
  function pump(): void {
    const room = (line: Line) => line.isOpen && !line.socket.destroyed && line.calls.length < limits.inFlight;
    for (const line of lines) {
      while (queue.length > 0 && room(line)) send(line, queue.shift() as Call);
    }
    const isDialing = [...lines].some((line) => !line.isOpen);
    if (queue.length > 0 && !isDialing && pause === null && lines.size < limits.connections) dial();
  }

  function send(line: Line, call: Call): void {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(call.command.length);
    line.calls.push(call);
    line.socket.write(Buffer.concat([size, call.command]));
  }

  function dial(): void {
    const socket = connect({ path });
    const line: Line = { socket, calls: [], rest: Buffer.alloc(0), isOpen: false };
    lines.add(line);
    const timer = setTimeout(() => socket.destroy(new Error("the connection was not taken")), limits.connectMs);
    let why = "the vault closed the connection";
    socket.once("connect", () => {
      clearTimeout(timer);
      [line.isOpen, pauseMs] = [true, 0];
      pump();
    });
    socket.on("error", (error) => {
      why = error.message;
    });
    socket.on("data", (chunk) => receive(line, chunk));
    socket.once("close", () => {
      clearTimeout(timer);
      lines.delete(line);
      for (const call of line.calls.splice(0)) fail(call, why);
      if (!line.isOpen) backOff(why);
      if (!isClosed) pump();
    });
  }

  /** Nobody answered: whoever waits is told, and whoever comes waits until the next try. */
  function backOff(why: string): void {
    for (const call of queue.splice(0)) fail(call, why);
    pauseMs = Math.min(Math.max(pauseMs * 2, limits.retryMs), limits.retryMsMax);
    pause = setTimeout(() => {
      pause = null;
      pump();
    }, pauseMs);
    pause.unref();
  }

  function receive(line: Line, chunk: Buffer): void {
    line.rest = line.rest.length === 0 ? chunk : Buffer.concat([line.rest, chunk]);
    while (line.rest.length >= 4) {
      const size = line.rest.readUInt32BE(0);
      const [call] = line.calls;
      if (size > MAX_COMMAND_BYTES || call === undefined) {
        line.socket.destroy(new Error(call === undefined ? "a reply to nothing" : `the reply announces ${size} bytes`));
        return;
      }
      if (line.rest.length < 4 + size) break;
      line.calls.shift();
      clearTimeout(call.timer);
      call.resolve(new Uint8Array(line.rest.subarray(4, 4 + size)));
      line.rest = line.rest.subarray(4 + size);
    }
    pump();
  }

  function overdue(call: Call): void {
    const why = `no reply within ${limits.replyMs} ms`;
    const line = [...lines].find(({ calls }) => calls.includes(call));
    if (line !== undefined) line.socket.destroy(new Error(why));
    else queue.splice(queue.indexOf(call), 1);
    fail(call, why);
  }

  return {
    call(command) {
      const reply = Promise.withResolvers<Uint8Array>();
      const call: Call = { ...reply, command, timer: setTimeout(() => overdue(call), limits.replyMs) };
      if (isClosed) fail(call, "the link is closed");
      else if (queue.length >= limits.waiting) fail(call, `${limits.waiting} commands wait already`);
      else {
        queue.push(call);
        pump();
      }
      return reply.promise;
    },
    close() {
      isClosed = true;
      if (pause !== null) clearTimeout(pause);
      for (const call of queue.splice(0)) fail(call, "the link is closed");
      for (const { socket } of lines) socket.destroy();
    },
  };
}

function fail(call: Call, why: string): void {
  clearTimeout(call.timer);
  call.reject(new Problem("VAULT_UNREACHABLE", { field: "vault", detail: why }));
}
