/** The vault's socket: one command goes, one reply comes back. Bytes only; what they mean is checked by the library.
 *
 *  A frame is its length as u32 big-endian and that many bytes. Source: docs/spec/vault-protocol.md. */
import { connect, type Socket } from "node:net";
import type { Wire } from "@strongroom/sdk/vault/session";
import { fault, systemWords } from "../faults.ts";
import { limits } from "../limits.ts";

/** Connects. Fails: VAULT_UNREACHABLE. */
export async function openWire(path: string, receiptMs: number = limits.receiptMs): Promise<Wire> {
  const socket = await connected(path);
  const replies = socket.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  const readFrame = async (): Promise<Uint8Array> => {
    for (;;) {
      const size = rest.length < 4 ? null : rest.readUInt32BE(0);
      if (size !== null && size > limits.replyBytes) fault("NO_RECEIPT", path, `the reply announces ${size} bytes`);
      if (size !== null && rest.length >= 4 + size) {
        const frame = new Uint8Array(rest.subarray(4, 4 + size));
        rest = rest.subarray(4 + size);
        return frame;
      }
      const { value, done } = await replies.next();
      if (done === true) fault("NO_RECEIPT", path, "the vault closed the connection");
      rest = Buffer.concat([rest, value]);
    }
  };
  return {
    async call(command) {
      const timer = setTimeout(() => socket.destroy(new Error(`no reply within ${receiptMs} ms`)), receiptMs);
      try {
        const size = Buffer.alloc(4);
        size.writeUInt32BE(command.length);
        socket.write(Buffer.concat([size, command]));
        return await readFrame();
      } catch (error) {
        if (error instanceof Error && !("field" in error)) fault("NO_RECEIPT", path, error.message, error);
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => socket.destroy(),
  };
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const timer = setTimeout(() => socket.destroy(new Error("no answer")), limits.connectMs);
    const failed = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", failed);
      // What goes wrong later is told by the reader, which ends.
      socket.on("error", () => socket.destroy());
      resolve(socket);
    });
  }).catch((error: unknown) => {
    fault("VAULT_UNREACHABLE", path, systemWords(error), error);
  }) as Promise<Socket>;
}
