/** A real chain for tests: anvil, and proxies before it that delay, drop, and lie. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createSocket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";

const ROOT = join(import.meta.dirname, "../..");
const BINARY = join(ROOT, "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
/** Chain id of every chain here. */
export const CHAIN = 31_337;
/** The accounts that anvil has money on, and signs for. */
export const RICH = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
export const RICH_TOO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

export type Anvil = {
  readonly url: string;
  rpc<T = unknown>(method: string, ...params: readonly unknown[]): Promise<T>;
  /** Makes this many blocks. */
  mine(blocks: number): Promise<void>;
  /** Hands a transaction over and gives its id; where blocks are made by hand it waits in the pool. */
  send(it: { from?: string; to?: string; value?: bigint; data?: string; gas?: bigint }): Promise<string>;
  /** Creates a contract and gives its address. */
  deploy(name: string): Promise<string>;
  /** Undoes the newest blocks; what they held is gone. */
  cut(blocks: number): Promise<void>;
  head(): Promise<{ number: number; hash: string }>;
  readonly pid: () => number;
  readonly isRunning: () => boolean;
  /** All that it knows, but for what waits in the pool. */
  dump(): Promise<Uint8Array>;
  /** Starts one that was killed again at the same place, with what was dumped into this file. `byHand`: blocks are made by
   *  `mine` only from then on. */
  again(file: string, how?: { byHand: boolean }): Promise<void>;
  stop(): Promise<void>;
};

/** Starts anvil on a free port. `byHand`: blocks are made by `mine` only. Anvils with the same `genesis` begin with the same
 *  block. */
export async function startAnvil({
  byHand = false,
  genesis = 1_700_000_000,
}: {
  byHand?: boolean;
  genesis?: number;
} = {}): Promise<Anvil> {
  const port = await freePort();
  const args = [
    "--port",
    String(port),
    "--quiet",
    "--no-cors",
    "--timestamp",
    String(genesis),
    ...(byHand ? ["--no-mining"] : []),
  ];
  let child = spawn(BINARY, args, { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  const rpc = caller(url);
  await answering(child, rpc);
  // Blocks a second apart, whenever they are made: anvils that are given the same have the same blocks.
  if (byHand) await rpc("anvil_setBlockTimestampInterval", 1);
  return {
    url,
    rpc,
    mine: async (blocks) => void (await rpc("anvil_mine", hex(BigInt(blocks)))),
    send: ({ from = RICH, to, value = 0n, data = "0x", gas }) =>
      rpc("eth_sendTransaction", { from, to, value: hex(value), data, ...(gas === undefined ? {} : { gas: hex(gas) }) }),
    deploy: (name) => deploy(rpc, { name, byHand }),
    cut: async (blocks) => void (await rpc("anvil_rollback", blocks)),
    async head() {
      const { number, hash } = await rpc<{ number: string; hash: string }>("eth_getBlockByNumber", "latest", false);
      return { number: Number(number), hash: hash.slice(2) };
    },
    pid: () => child.pid ?? 0,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    dump: async () => gunzipSync(Buffer.from((await rpc<string>("anvil_dumpState")).slice(2), "hex")),
    async again(file, how) {
      const mining = how?.byHand === true && !byHand ? ["--no-mining"] : [];
      child = spawn(BINARY, [...args, ...mining, "--load-state", file], { stdio: "ignore" });
      await answering(child, rpc);
    },
    async stop() {
      process.off("exit", kill);
      const ended = once(child, "exit");
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await ended;
    },
  };
}

type Call = Anvil["rpc"];

/** Creates a contract of Odd.sol and gives its address. */
export async function deploy(rpc: Call, { name, byHand }: { name: string; byHand: boolean }): Promise<string> {
  const { bytecode } = JSON.parse(readFileSync(join(ROOT, "tools/demo/odd.json"), "utf8")) as {
    bytecode: Record<string, string>;
  };
  const id = await rpc("eth_sendTransaction", { from: RICH, data: `0x${bytecode[name]}` });
  if (byHand) await rpc("anvil_mine", "0x1");
  for (;;) {
    const receipt = await rpc<{ contractAddress: string } | null>("eth_getTransactionReceipt", id);
    if (receipt !== null) return receipt.contractAddress;
    await sleep(5);
  }
}

export const hex = (value: bigint | number) => `0x${value.toString(16)}`;
const wordOf = (value: string | bigint) =>
  (typeof value === "bigint" ? value.toString(16) : value.slice(2).toLowerCase()).padStart(64, "0");

/** Calldata of what tests call, by the functions' four bytes. */
export const calls = {
  transfer: (to: string, amount: bigint) => `0xa9059cbb${wordOf(to)}${wordOf(amount)}`,
  mint: (to: string, amount: bigint) => `0x40c10f19${wordOf(to)}${wordOf(amount)}`,
  become: (code: string) => `0x${SELECTORS.become}${wordOf(code)}`,
  split: (to: readonly string[]) => listCall(SELECTORS.split, to),
  tease: (to: readonly string[]) => listCall(SELECTORS.tease, to),
  end: (to: string) => `0x${SELECTORS.end}${wordOf(to)}`,
};
/** Of `become(address)`, `split(address[])`, `tease(address[])` and `end(address)` in Odd.sol. */
const SELECTORS = { become: "a1194c8e", split: "94e4a822", tease: "1bd6dc40", end: "8c4dd39d" };

function listCall(selector: string, items: readonly string[]): string {
  return `0x${selector}${wordOf(32n)}${wordOf(BigInt(items.length))}${items.map(wordOf).join("")}`;
}

/** Calls of the node at this address. */
export function caller(url: string): Call {
  return async <T>(method: string, ...params: readonly unknown[]) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
    const { result, error } = (await response.json()) as { result?: unknown; error?: { message: string } };
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result as T;
  };
}

async function answering(child: ChildProcess, rpc: Call): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (child.exitCode !== null) throw new Error(`anvil ended with ${child.exitCode}`);
    const answered = await rpc("eth_chainId").then(
      () => true,
      () => false,
    );
    if (answered) return;
    await sleep(20);
  }
  throw new Error("anvil does not answer");
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createSocket();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

type Asked = { readonly id: number; readonly method: string; readonly params: readonly unknown[] };

/** What a proxy does to what passes. */
export type Faults = {
  /** Closes connections without an answer. */
  drop?: boolean;
  delayMs?: number;
  status?: number;
  /** What is sent instead of an answer. */
  body?: string;
  /** The node's own error: nothing is passed on to it. */
  refusal?: string;
  /** Changes a result of what was passed on; an Error that it gives becomes the node's error, with its `code` if it has one. */
  lie?: (asked: Asked, result: unknown) => unknown;
};

export type Front = {
  readonly url: string;
  /** May be exchanged at any time. */
  faults: Faults;
  /** Where it leads. */
  target: string;
  /** How often each method was asked. */
  readonly asked: Map<string, number>;
  stop(): Promise<void>;
};

export async function startProxy(target: string): Promise<Front> {
  const proxy = { faults: {} as Faults, target, asked: new Map<string, number>() };
  const server: Server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { faults } = proxy;
    const asked = JSON.parse(body) as Asked | Asked[];
    for (const { method } of [asked].flat()) proxy.asked.set(method, (proxy.asked.get(method) ?? 0) + 1);
    if (faults.delayMs !== undefined) await sleep(faults.delayMs);
    if (faults.drop === true) return void request.socket.destroy();
    if (faults.status !== undefined) return void response.writeHead(faults.status).end();
    const answer = faults.refusal === undefined ? faults.body : JSON.stringify(refused(asked, faults.refusal));
    if (answer !== undefined) return void response.end(answer);
    try {
      const given = await fetch(proxy.target, { method: "POST", headers: { "content-type": "application/json" }, body });
      const answers: unknown = await given.json();
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(bent(asked, answers, faults)));
    } catch {
      response.destroy();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return Object.assign(proxy, { url, stop });
}

const codeOf = (error: Error) => ("code" in error && typeof error.code === "number" ? error.code : -32_000);

function refused(asked: Asked | Asked[], message: string): unknown {
  const one = ({ id }: Asked) => ({ jsonrpc: "2.0", id, error: { code: -32_000, message } });
  return Array.isArray(asked) ? asked.map(one) : one(asked);
}

function bent(asked: Asked | Asked[], answers: unknown, { lie }: Faults): unknown {
  if (lie === undefined) return answers;
  const one = (question: Asked, answer: { result?: unknown }) => {
    const result = lie(question, answer.result);
    if (result instanceof Error)
      return { jsonrpc: "2.0", id: question.id, error: { code: codeOf(result), message: result.message } };
    return { ...answer, result };
  };
  if (!Array.isArray(asked)) return one(asked, answers as { result?: unknown });
  return asked.map((question, at) => one(question, (answers as { result?: unknown }[])[at] ?? {}));
}
