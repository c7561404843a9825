/** A founded vault as a process of its own, on a folder of its own: what the server talks to. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromHex, toHex } from "../../core/src/bytes.ts";
import type { Command } from "../../core/src/protocol/command.ts";
import type { Nonce } from "../../core/src/signed/fields.ts";
import type { Receipt } from "../../core/src/signed/receipt.ts";
import { initialise } from "../../vault/src/host/boot.ts";
import { type Ended, openClient, PASSPHRASE, type Running, type Step, startVault, stopVault } from "../kill/process.ts";
import * as world from "./world.ts";

/** The least work that a keystore file may ask for. */
const WORK = { memoryKiB: 19 * 1024, passes: 1, lanes: 1 };

type Asked = Parameters<typeof world.command>[0];

export type Standing = {
  readonly folder: string;
  readonly socket: string;
  readonly made: world.World;
  /** One checked receipt, straight from the vault. */
  ask(command: Asked): Promise<Receipt>;
  /** The same for commands that arrive together, in their order. */
  askTogether(...commands: readonly Asked[]): Promise<Receipt[]>;
  /** Ends the process with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again on the same folder; with a step as the kill tests know them. Fails: `Gone` when it ends too soon. */
  start(step?: Step): Promise<void>;
  /** How the process that was started last ends. */
  ended(): Promise<Ended>;
  isRunning(): boolean;
  /** Ends it and removes the folder. */
  clean(): Promise<void>;
};

/** A command with a nonce of its own. */
function fresh(body: Asked): Command {
  return { ...world.command(body), nonce: toHex(crypto.getRandomValues(new Uint8Array(16))) as Nonce };
}

/** Makes, starts and founds one. */
export async function standVault(parts: Parameters<typeof world.makeWorld>[0] = {}): Promise<Standing> {
  const folder = await mkdtemp(join(tmpdir(), "standing "));
  const data = join(folder, "vault", "data");
  await mkdir(join(folder, "vault"));
  const identityKey = fromHex(await initialise(data, Buffer.from(PASSPHRASE), WORK));
  const made = world.makeWorld({ ...parts, vaultKey: identityKey });
  let running: Running = startVault("run", data);
  await running.ready;
  const askTogether: Standing["askTogether"] = async (...commands) => {
    const clients = await Promise.all(commands.map(() => openClient(running.socket, identityKey)));
    try {
      return await Promise.all(clients.map((client, at) => client.call(fresh(commands[at] as Asked))));
    } finally {
      for (const client of clients) client.close();
    }
  };
  const ask: Standing["ask"] = async (command) => (await askTogether(command))[0] as Receipt;
  const founded = await ask({ command: "found", genesis: made.signedGenesis, rulebook: made.signedRulebook });
  assert.equal(founded.code, "OK");
  return {
    folder,
    socket: running.socket,
    made,
    ask,
    askTogether,
    async kill() {
      running.child.kill("SIGKILL");
      await running.ended;
    },
    async start(step = null) {
      running = startVault("run", data, step);
      await running.ready;
    },
    ended: () => running.ended,
    isRunning: () => running.child.exitCode === null && running.child.signalCode === null,
    async clean() {
      if (running.child.exitCode === null && running.child.signalCode === null) await stopVault(running);
      await rm(folder, { recursive: true });
    },
  };
}
