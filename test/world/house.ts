/** Everything at once, all of it real: anvil, a founded vault, PostgreSQL, and servers as processes of their own, with people
 *  who have keys and tokens. What a test does here goes through the API, by the SDK. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, type ClientOptions, openClient } from "@strongroom/sdk/client";
import type { Role } from "@strongroom/sdk/contract/permissions";
import type { Request } from "@strongroom/sdk/contract/requests";
import { decide, initiate } from "@strongroom/sdk/device/decision";
import { makeEntry, makePayment, makeWallet } from "@strongroom/sdk/device/make";
import { openRequest, type Shown } from "@strongroom/sdk/device/show";
import { openSecret, type Signer } from "@strongroom/sdk/device/signer";
import { openRelay } from "@strongroom/sdk/vault/relay";
import { openSession, type Session, shortMemory } from "@strongroom/sdk/vault/session";
import { Fact } from "../../core/src/signed/fact.ts";
import { type Anvil, CHAIN, RICH, startAnvil } from "./chain.ts";
import { type TestDatabase, withDatabase } from "./database.ts";
import { device } from "./keys.ts";
import { TOKEN } from "./rulebook.ts";
import { type Standing, standVault } from "./standing.ts";
import { ETH, signValue } from "./world.ts";

const ROOT = join(import.meta.dirname, "../..");
const MAIN = join(ROOT, "server/src/main.ts");
/** How long anything may take before a test says that it did not happen. Milliseconds. */
const PATIENCE_MS = 30_000;
/** Where payments go: an exchange. */
export const PAYEE = "0x976EA74026E726554dB657fA54763abd0C3a0aa9";

export type Serving = {
  readonly url: string;
  readonly child: ChildProcess;
  kill(): Promise<void>;
  stop(): Promise<number | null>;
};

export type TestHouse = {
  readonly folder: string;
  readonly chain: Anvil;
  readonly vault: Standing;
  readonly database: TestDatabase;
  readonly config: string;
  /** Servers that run, the first one first. */
  readonly servers: Serving[];
  serve(): Promise<Serving>;
  /** A client of a server, the first one if none is named, as this user. */
  as(user: string, at?: Serving): Client;
  /** His token. */
  token(user: string): string;
  /** Adds a user of a role, and gives his client. */
  enrol(user: string, role: Role, at?: { unit?: string; client?: string }): Promise<Client>;
  session(): Promise<Session>;
  close(): Promise<void>;
};

/** What a house's configuration may differ in. */
export type HouseParts = {
  readonly world?: Parameters<typeof standVault>[0];
  /** Nodes in place of anvil itself, and how many must agree. */
  readonly nodes?: (chain: Anvil) => Promise<{ readonly urls: readonly string[]; readonly quorum: number }>;
  readonly chain?: object;
  /** Another database than a fresh one of the tests' own PostgreSQL. */
  readonly database?: () => Promise<TestDatabase>;
  /** A module that servers load before anything else, and what it finds in its environment. */
  readonly preload?: { readonly module: string; readonly env: Readonly<Record<string, string>> };
  /** A file for what servers write to their standard error. */
  readonly words?: string;
  /** What clients are opened with besides. */
  readonly client?: Pick<ClientOptions, "fetch" | "here">;
};

/** The signer of a person of the test world. */
export const signerOf = (name: string): Signer => openSecret(name, device(name).seed);

/** Waits until `look` gives something. */
export async function until<T>(what: string, look: () => Promise<T | null | undefined | false>): Promise<T> {
  for (const since = Date.now(); Date.now() - since < PATIENCE_MS; await sleep(25)) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
  }
  throw new Error(`it did not happen: ${what}`);
}

/** Brings a house up with one server and its administrator. */
export async function openHouse(parts: HouseParts = {}): Promise<TestHouse> {
  const [chain, vault, database] = await Promise.all([
    startAnvil(),
    standVault(parts.world),
    (parts.database ?? withDatabase)(),
  ]);
  const servers: Serving[] = [];
  const close = async () => {
    for (const server of servers) await server.stop();
    await vault.clean();
    await chain.stop();
    await database.close();
  };
  try {
    return await furnished({ chain, vault, database, servers, close }, parts);
  } catch (error) {
    // What runs would keep the test's process for ever.
    await close();
    throw error;
  }
}

type Standings = Pick<TestHouse, "chain" | "vault" | "database" | "servers" | "close">;

async function furnished({ chain, vault, database, servers, close }: Standings, parts: HouseParts): Promise<TestHouse> {
  await deployToken(chain);
  const nodes = (await parts.nodes?.(chain)) ?? { urls: [chain.url], quorum: 1 };
  const config = join(vault.folder, "server.json");
  await writeFile(config, JSON.stringify(configOf({ vault, database, nodes, chain: parts.chain ?? {} })));
  const tokens = new Map<string, string>();
  const as: TestHouse["as"] = (user, at = servers[0]) =>
    openClient({ ...parts.client, url: at?.url ?? "", token: tokens.get(user) ?? "" });
  tokens.set("admin", await firstToken(config));
  const house: TestHouse = {
    folder: vault.folder,
    chain,
    vault,
    database,
    config,
    servers,
    async serve() {
      const serving = await startServing(config, parts);
      servers.push(serving);
      return serving;
    },
    as,
    token: (user) => tokens.get(user) ?? "",
    async enrol(user, role, { unit = "bank", client } = {}) {
      const body = { name: user, label: user, unit, role, ...(client !== undefined && { client }) };
      await as("admin").call("users.create", { body });
      const { token, hash } = newToken();
      const wanted = { label: "test", hash, lifeSeconds: 86_400 };
      await as("admin").call("tokens.create", { params: { name: user }, body: wanted });
      tokens.set(user, token);
      return as(user);
    },
    session: () => openSession({ wire: openRelay(as("admin")), memory: shortMemory(), pin: vault.made.deployment }),
    close,
  };
  await house.serve();
  return house;
}

type Made = {
  readonly vault: Standing;
  readonly database: TestDatabase;
  readonly nodes: { readonly urls: readonly string[]; readonly quorum: number };
  readonly chain: object;
};

function configOf({ vault, database, nodes, chain }: Made): object {
  const watched = {
    nodes: nodes.urls.map((url, at) => ({ name: `node-${at + 1}`, url })),
    quorum: nodes.quorum,
    confirmations: [{ blocks: 2 }],
    reorgDepth: 16,
    trace: true,
    pollMs: 50,
    start: 0,
    ...chain,
  };
  return {
    home: "server",
    http: {},
    database: { url: database.url },
    vault: { socket: vault.socket },
    genesis: vault.made.deployment,
    chains: { [CHAIN]: watched },
    log: "warn",
  };
}

/** The demonstration token, at the address that the rulebook names. */
export async function deployToken(chain: Anvil): Promise<void> {
  const { bytecode } = JSON.parse(readFileSync(join(ROOT, "tools/demo/token.json"), "utf8")) as { bytecode: string };
  const data = `0x${bytecode}${(10n ** 15n).toString(16).padStart(64, "0")}`;
  const id = await chain.rpc("eth_sendTransaction", { from: RICH, data });
  const { contractAddress } = await until("the token is deployed", () =>
    chain.rpc<{ contractAddress: string } | null>("eth_getTransactionReceipt", id),
  );
  assert.equal(contractAddress.toLowerCase(), TOKEN.toLowerCase());
}

function newToken(): { token: string; hash: string } {
  const token = `sr_${randomBytes(32).toString("hex")}`;
  return { token, hash: createHash("sha256").update(token).digest("hex") };
}

/** Enters the first administrator, as an operator does. */
async function firstToken(config: string): Promise<string> {
  const { token, hash } = newToken();
  const args = [MAIN, "administrator", "--config", config, "--unit", "bank", "--user", "admin", "--token-hash", hash];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  return token;
}

async function startServing(config: string, { preload, words }: Pick<HouseParts, "preload" | "words">): Promise<Serving> {
  const before = preload === undefined ? [] : ["--import", preload.module];
  const errors = words === undefined ? null : openSync(words, "a");
  const child = spawn(process.execPath, [...before, MAIN, "serve", "--config", config, "--tether"], {
    env: { ...process.env, ...preload?.env },
    stdio: ["pipe", "pipe", errors ?? "inherit"],
  });
  if (errors !== null) closeSync(errors);
  const ended = once(child, "close").then(([code]) => code as number | null);
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const line = said.split("\n").find((text) => text.includes('"ready"'));
      if (line !== undefined) resolve((JSON.parse(line) as { url: string }).url);
    });
    ended.then((code) => reject(new Error(`the server ended with ${code}: ${said}`)), reject);
  });
  return {
    url,
    child,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      return ended;
    },
  };
}

// what people do

/** A request by one person, made and signed on his device and sent through the API. */
export async function request(
  house: TestHouse,
  { by, shown, user = "admin" }: { by: string; shown: Shown; user?: string },
): Promise<Request> {
  return house.as(user).call("requests.create", { body: await initiate(await house.session(), signerOf(by), shown) });
}

/** The decision of one person on a request, as his device shows it to him. */
export async function say(
  house: TestHouse,
  id: string,
  { by, decision = "approve" }: { by: string; decision?: "approve" | "reject" },
): Promise<Request> {
  const session = await house.session();
  const client = house.as("admin");
  const asked = await client.call("requests.get", { params: { id } });
  const shown = openRequest(session, { id: asked.id, intent: asked.intent });
  const body = await decide(session, signerOf(by), { shown, decision });
  return client.call("requests.decide", { params: { id }, body });
}

/** Waits until a request is in a state. */
export function inState(house: TestHouse, id: string, state: Request["state"]): Promise<Request> {
  return until(`request ${id.slice(0, 8)} is ${state}`, async () => {
    const asked = await house.as("admin").call("requests.get", { params: { id } });
    return asked.state === state && asked;
  });
}

/** Opens the wallet `treasury`, has its first address attested, enters an exchange, and funds the address. */
export async function furnish(
  house: TestHouse,
  { wallet = "treasury", eth = 100n, payee = "kraken" }: { wallet?: string; eth?: bigint; payee?: string } = {},
) {
  const session = await house.session();
  const by = { known: session, signer: signerOf("tina"), words: { purpose: "set-up" } };
  const opening = await request(house, { by: "tina", shown: makeWallet(by, { chain: CHAIN, wallet, walletClass: "hot" }) });
  await say(house, opening.id, { by: "carl" });
  await inState(house, opening.id, "consumed");
  const { address } = await house.as("admin").call("addresses.create", { params: { wallet }, body: { index: 0 } });
  const entry = { name: payee, party: "An exchange", chain: CHAIN, address: PAYEE, class: "exchange", assets: "any" } as const;
  const entering = await request(house, { by: "tina", shown: makeEntry(by, entry) });
  await say(house, entering.id, { by: "carl" });
  await inState(house, entering.id, "consumed");
  await fund(house, address, eth * ETH);
  return { address };
}

/** Sends ETH to an address of ours and waits until it is booked. */
export async function fund(house: TestHouse, to: string, value: bigint): Promise<void> {
  const id = await house.chain.send({ to, value });
  await house.chain.mine(2);
  await until(`deposit ${id} is booked`, async () => {
    const { items } = await house.as("admin").call("deposits.list", {});
    return items.some((deposit) => deposit.tx === id && deposit.booked);
  });
}

/** Has an address of ours send something without us, as whoever has its key can; gives the transaction's id. */
export async function sendWithoutUs(
  { chain }: TestHouse,
  it: Parameters<TestHouse["chain"]["send"]>[0] & { readonly from: string },
): Promise<string> {
  await chain.rpc("anvil_impersonateAccount", it.from);
  return chain.send(it);
}

/** A payment to the exchange, requested by tom. */
export async function pay(house: TestHouse, amount: bigint, { reference }: { reference?: string } = {}): Promise<Request> {
  const session = await house.session();
  const words = { purpose: "invoice", ...(reference !== undefined && { reference }) };
  const by = { known: session, signer: signerOf("tom"), words };
  const what = { wallet: "treasury", to: "kraken", asset: "eth", amount, totalFee: ETH / 100n };
  return request(house, { by: "tom", shown: await makePayment(by, what) });
}

/** Mines until an execution is settled. */
export function settled(house: TestHouse, requestId: string) {
  return until(`request ${requestId.slice(0, 8)} is settled`, async () => {
    const { items } = await house.as("admin").call("executions.list", { query: { request: requestId } });
    const [execution] = items;
    if (execution?.state === "settled") return execution;
    if (execution?.transactions.some(({ state }) => state === "included" || state === "seen") === true)
      await house.chain.mine(1);
    return null;
  });
}

/** Finality of a transaction, stated by both sources through the API. */
export async function stateFinality(house: TestHouse, tx: string): Promise<void> {
  for (const source of ["finality-a", "finality-b"]) {
    const fact: Fact = {
      version: 1,
      type: "finality",
      deployment: house.vault.made.deployment,
      source,
      subject: `transaction:${CHAIN}:${tx}`,
      at: Date.now(),
      outcome: "succeeded",
    };
    await house.as("source").call("facts.create", { body: { fact: signValue(Fact, fact, device(source)) } });
  }
}
