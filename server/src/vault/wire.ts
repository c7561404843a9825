/** The vault's socket: commands go out, replies come back in their order. Bytes only; what they mean is checked in `link.ts`.
 *
 *  Some connections, each with a few commands on their way. Nothing is ever sent twice. A command that is not answered in
 *  time ends its connection, so that a late reply cannot be taken for another command's.   Source:
 *  docs/spec/vault-protocol.md, Transport. */
import { connect } from "node:net";
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
/** One connection. `isOpen`: connected and still of use; one that is to end takes nothing more. */
type Line = {
  readonly calls: Call[];
  readonly isConnected: () => boolean;
  readonly isOpen: () => boolean;
  readonly send: (call: Call) => void;
  readonly end: (why: string) => void;
};

export function openWire(path: string, limits: WireLimits): Wire {
  const lines = new Set<Line>();
  const queue: Call[] = [];
  let pause: NodeJS.Timeout | null = null;
  let [pauseMs, isClosed] = [0, false];

  /** Hands what waits to connections with room, and opens a further one when all are full. */
  function pump(): void {
    for (const line of lines) {
      while (queue.length > 0 && line.isOpen() && line.calls.length < limits.inFlight) line.send(queue.shift() as Call);
    }
    const isDialing = [...lines].some((line) => !line.isConnected());
    if (queue.length > 0 && !isDialing && pause === null && lines.size < limits.connections) open();
  }

  function open(): void {
    const line = dial(path, limits.connectMs, {
      onRoom() {
        pauseMs = 0;
        pump();
      },
      onGone(why) {
        lines.delete(line);
        for (const call of line.calls.splice(0)) fail(call, why);
        if (!line.isConnected()) backOff(why);
        if (!isClosed) pump();
      },
    });
    lines.add(line);
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

  function overdue(call: Call): void {
    const why = `no reply within ${limits.replyMs} ms`;
    const line = [...lines].find(({ calls }) => calls.includes(call));
    if (line !== undefined) line.end(why);
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
      for (const line of lines) line.end("the link is closed");
    },
  };
}

/** Opens a connection. `onRoom`: it can take commands, or more of them; `onGone`: it has ended, and its calls get no reply. */
function dial(path: string, connectMs: number, { onRoom, onGone }: { onRoom(): void; onGone(why: string): void }): Line {
  const socket = connect({ path });
  const calls: Call[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let isConnected = false;
  let why = "the vault closed the connection";
  const end = (reason: string): void => {
    socket.destroy(new Error(reason));
  };
  const timer = setTimeout(() => end("the connection was not taken"), connectMs);
  socket.once("connect", () => {
    clearTimeout(timer);
    isConnected = true;
    onRoom();
  });
  socket.on("error", (error) => {
    why = error.message;
  });
  socket.once("close", () => {
    clearTimeout(timer);
    onGone(why);
  });
  socket.on("data", (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4) {
      const size = rest.readUInt32BE(0);
      const [call] = calls;
      if (call === undefined) return end("a reply to nothing");
      if (size > MAX_COMMAND_BYTES) return end(`the reply announces ${size} bytes`);
      if (rest.length < 4 + size) break;
      calls.shift();
      clearTimeout(call.timer);
      call.resolve(new Uint8Array(rest.subarray(4, 4 + size)));
      rest = rest.subarray(4 + size);
    }
    return onRoom();
  });
  return {
    calls,
    isConnected: () => isConnected,
    isOpen: () => isConnected && !socket.destroyed,
    send(call) {
      const size = Buffer.alloc(4);
      size.writeUInt32BE(call.command.length);
      calls.push(call);
      socket.write(Buffer.concat([size, call.command]));
    },
    end,
  };
}

function fail(call: Call, why: string): void {
  clearTimeout(call.timer);
  call.reject(new Problem("VAULT_UNREACHABLE", { field: "vault", detail: why }));
}
