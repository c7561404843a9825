/** The demonstration's chain: anvil, with its state in a file, so that a second start resumes. */
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Node, openNode, quantity } from "../chain/evm.ts";
import { ROOT } from "../config.ts";
import { makeFolder } from "../device/files.ts";
import { Fault, fault } from "../faults.ts";
import { limits } from "../limits.ts";
import { type Child, startChild } from "./child.ts";

/** Chain id of the demonstration. */
export const CHAIN = 31_337;

const PACKAGED = join(ROOT, "node_modules", "@foundry-rs", "anvil-linux-amd64", "bin", "anvil");

export type Anvil = { readonly child: Child; readonly node: Node };

/** Starts anvil on `port`, or on a free one when it is taken or null. Fails: CHILD_FAILED. */
export async function startAnvil(home: string, port: number | null): Promise<Anvil> {
  const folder = join(home, "chain");
  await makeFolder(folder);
  const chosen = await portFor(port);
  const state = ["--state", join(folder, "state.json"), "--state-interval", "1", "--cache-path", join(folder, "cache")];
  const child = await startChild({
    name: "anvil",
    command: existsSync(PACKAGED) ? PACKAGED : "anvil",
    args: ["--host", "127.0.0.1", "--port", String(chosen), "--chain-id", String(CHAIN), "--no-cors", "--quiet", ...state],
    log: join(folder, "anvil.log"),
    watchesInput: false,
  });
  try {
    return { child, node: await ready(child, `http://127.0.0.1:${chosen}`) };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

async function ready(child: Child, url: string): Promise<Node> {
  for (const since = performance.now(); performance.now() - since < limits.startMs; await sleep(limits.pollFirstMs)) {
    if (child.ended() !== null) fault("CHILD_FAILED", child.log, `anvil ended with ${child.ended()}`);
    try {
      return await openNode(url, CHAIN);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "CHAIN_UNREACHABLE") throw error;
    }
  }
  fault("CHILD_FAILED", child.log, "anvil does not answer");
}

/** Makes blocks as a chain does, but only while there is something to confirm: every block of anvil costs a third of a
 *  megabyte of disk. Gives what ends it. */
export function startTicker({ rpc }: Node, depth: number): () => void {
  let head = 0;
  let busy = 0;
  const tick = async () => {
    const now = Number(quantity(await rpc("eth_blockNumber"), "eth_blockNumber"));
    for (let block = Math.max(head + 1, now - depth); block <= now; block++) {
      const count = await rpc("eth_getBlockTransactionCountByNumber", `0x${block.toString(16)}`);
      if (count !== "0x0") busy = block;
    }
    head = now;
    if (busy > 0 && now - busy < depth) await rpc("evm_mine");
  };
  // An anvil that does not answer any more is noticed by whoever watches its process.
  const timer = setInterval(() => void tick().catch(() => undefined), limits.tickMs);
  return () => clearInterval(timer);
}

/** The port, if it is free; else one that is. */
export async function portFor(port: number | null): Promise<number> {
  return port !== null && (await isFree(port)) ? port : freePort();
}

function isFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  );
}

const freePort = (): Promise<number> => listenOnce(0);

/** Listens and stops at once; gives the port. */
function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
