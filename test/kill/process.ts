/** The vault as a process: how the kill tests start it, talk to it, and see how it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Hash, toHex } from "../../core/src/bytes.ts";
import { verifyEd25519 } from "../../core/src/keys/ed25519.ts";
import { Command, MAX_COMMAND_BYTES, requestId } from "../../core/src/protocol/command.ts";
import { challengeOf, decode, encode, Signed } from "../../core/src/signed/object.ts";
import { Receipt } from "../../core/src/signed/receipt.ts";
import type { limits } from "../../vault/src/host/limits.ts";

const MAIN = fileURLToPath(new URL("../../vault/src/main.ts", import.meta.url));
const HOOK = new URL("./hook.mjs", import.meta.url).href;
export const PASSPHRASE = "a passphrase of the kill tests";

/** How a process ended: `event` is the last line that it said. */
export type Ended = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly event: { readonly event?: string; readonly code?: string };
  readonly words: string;
  /** The calls that changed the disk, where they were counted. */
  readonly steps: readonly string[];
};

/** What the hook is to do: `before 12`, `torn 3`; an empty text only counts; null runs without the hook. */
export type Step = string | null;

export type Running = {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly socket: string;
  /** Resolves with the identity key once the vault serves, rejects with `Gone` when it ends before. */
  readonly ready: Promise<string>;
  readonly ended: Promise<Ended>;
  /** The words for people so far. */
  readonly said: () => string;
};

/** The vault or its connection is not there any more. */
export class Gone extends Error {}

/** What else the hook is told: calls on which files count, and limits of the host. */
export type Told = { readonly files?: string; readonly limits?: Partial<Record<keyof typeof limits, number>> };

/** One verb of the vault's program on a data folder. The passphrase goes in, and the console stays open; a repair is agreed to.
 *  `wrapped` puts other programs before it. */
export function startVault(
  verb: "run" | "init" | "repair" | "inherit",
  data: string,
  step: Step = null,
  wrapped: (command: readonly string[]) => readonly string[] = (command) => command,
  told: Told = {},
): Running {
  const socket = join(data, "..", "socket");
  const hook = step === null ? [] : ["--import", HOOK];
  const args = [...hook, MAIN, verb, "--data", data, ...(verb === "run" ? ["--socket", socket] : []), "--stdin"];
  // Compiled code is kept beside the data: most of a start is compiling.
  const env = {
    ...process.env,
    STRONGROOM_STEP: step ?? "",
    STRONGROOM_ONLY: told.files ?? "",
    STRONGROOM_LIMITS: JSON.stringify(told.limits ?? {}),
    NODE_COMPILE_CACHE: join(tmpdir(), "strongroom-kill-compiled"),
  };
  const [program = "", ...rest] = wrapped([process.execPath, ...args]);
  const child = spawn(program, rest, { env, stdio: ["pipe", "pipe", "pipe", "pipe"] });
  const texts = { out: "", error: "", steps: "" };
  const ready = Promise.withResolvers<string>();
  ready.promise.catch(() => null);
  child.stdin?.on("error", () => child.stdin?.destroy());
  child.stdin?.write(`${PASSPHRASE}\n`);
  child.stdout?.on("data", (chunk) => {
    texts.out += chunk;
    const line = texts.out.split("\n").find((text) => text.includes('"ready"'));
    if (line !== undefined) ready.resolve(JSON.parse(line).identityKey);
    const found = /"event":"found".*"head":"([0-9a-f]{12})/.exec(texts.out);
    if (found !== null) child.stdin?.write(`repair ${found[1]}\n`);
  });
  child.stderr?.on("data", (chunk) => {
    texts.error += chunk;
  });
  child.stdio[3]?.on("data", (chunk) => {
    texts.steps += chunk;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => {
      const lines = texts.out.trim().split("\n");
      const steps = texts.steps.split("\n").filter((line) => line !== "");
      ready.reject(new Gone(`the vault ended with ${code ?? signal}: ${texts.error}`));
      resolve({ code, signal, event: JSON.parse(lines.at(-1) || "{}"), words: texts.error, steps });
    });
  });
  return { pid: child.pid as number, child, socket, ready: ready.promise, ended, said: () => texts.error };
}

/** Asks the vault to stop and waits for it. */
export async function stopVault({ child, ended }: Running): Promise<Ended> {
  child.kill("SIGTERM");
  return await ended;
}

/** A connection to a running vault. */
export type Client = { call(command: Command): Promise<Receipt>; close(): void };

/** Connects. Every receipt is checked: signed by `identityKey` (hex), and for this very command. Fails: `Gone`. */
export async function openClient(path: string, identityKey: Uint8Array): Promise<Client> {
  const socket = await connected(path);
  const waiting: PromiseWithResolvers<Buffer>[] = [];
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const size = rest.readUInt32BE(0);
      waiting.shift()?.resolve(rest.subarray(4, 4 + size));
      rest = rest.subarray(4 + size);
    }
  });
  socket.on("close", () => {
    for (const one of waiting.splice(0)) one.reject(new Gone("the connection was closed"));
  });
  return {
    async call(command) {
      if (socket.destroyed) throw new Gone("the connection was closed");
      const bytes = encode(Command, command);
      if (bytes.length > MAX_COMMAND_BYTES) throw new Error("too large to be sent");
      const size = Buffer.alloc(4);
      size.writeUInt32BE(bytes.length);
      const reply = Promise.withResolvers<Buffer>();
      waiting.push(reply);
      socket.write(Buffer.concat([size, bytes]));
      return checked(await reply.promise, identityKey, requestId(bytes));
    },
    close: () => socket.destroy(),
  };
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(socket));
    socket.on("error", () => reject(new Gone("nobody answers on the socket")));
  });
}

function checked(frame: Uint8Array, identityKey: Uint8Array, request: Hash): Receipt {
  const { body, signatures } = decode(Signed, new Uint8Array(frame));
  const [signature] = signatures;
  const good = signature !== undefined && verifyEd25519(identityKey, challengeOf(Receipt, body), signature.signature);
  const receipt = decode(Receipt, body);
  if (!good || receipt.request !== request) throw new Error(`a receipt that ${toHex(identityKey)} did not sign for this`);
  return receipt;
}
