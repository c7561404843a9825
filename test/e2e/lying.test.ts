/** What a lying server can do to the command, and the alarm that each lie raises: exit code 4 and words, never a signature. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ask, type Json, makeFolder, type Running, startUp, waitForNone } from "./command.ts";

const place = await makeFolder();
const home = join(place.folder, "home");
let up: Running;
let proxy: Server | null = null;
let real = "";
let config: { readonly [name: string]: unknown } = {};
/** What is made of an answer; null drops the connection. */
let lie: (path: string, answer: Json) => Json | null = (_, answer) => answer;

before(async () => {
  up = await startUp(home);
  config = JSON.parse(await readFile(join(home, "config.json"), "utf8")) as typeof config;
  real = String(config["server"]);
  const server = createServer(async (request, response) => {
    const body: Buffer[] = [];
    for await (const chunk of request) body.push(chunk as Buffer);
    const { host: _, connection: __, "content-length": ___, ...headers } = request.headers as Record<string, string>;
    const sent = { method: request.method ?? "GET", headers, ...(body.length > 0 ? { body: Buffer.concat(body) } : {}) };
    const answer = await fetch(`${real}${request.url}`, sent);
    const told = lie(request.url ?? "", (await answer.json()) as Json);
    if (told === null) return void request.socket.destroy();
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" }).end(JSON.stringify(told));
  });
  proxy = server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await writeFile(join(home, "config.json"), JSON.stringify({ ...config, server: `http://127.0.0.1:${port}` }));
});
after(async () => {
  proxy?.closeAllConnections();
  proxy?.close();
  await up.end("SIGKILL");
  await waitForNone(place.folder, 15_000);
  await place.remove();
});

const honest = async (...args: readonly string[]): Promise<Json> => {
  lie = (_, answer) => answer;
  const { status, json } = await ask(home, ...args);
  assert.equal(status, 0, JSON.stringify(json));
  return json;
};

/** The command meets the alarm while the server lies. */
async function alarmed(code: string, args: readonly string[], lying: typeof lie): Promise<void> {
  lie = lying;
  const { status, json } = await ask(home, ...args);
  assert.deepEqual([status, json["code"]], [4, code], `${args.join(" ")}: ${JSON.stringify(json)}`);
}

const flipped = (text: unknown, part = 0.5): string => {
  const bytes = Buffer.from(String(text), "base64");
  const at = Math.floor(bytes.length * part);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes.toString("base64");
};

const PAY = ["--from", "treasury", "--to", "northwind", "--key", "tom", "--yes"];
const requested = async (amount: string) => String((await honest("pay", amount, "eth", ...PAY))["request"]);

test("receipts and heads that were touched, or belong to another command", async () => {
  const receipts = (change: (receipt: unknown) => unknown) => (path: string, answer: Json) =>
    path.endsWith("/relay") ? { ...answer, receipt: change(answer["receipt"]) } : answer;
  for (const part of [0.9, 0.99])
    await alarmed(
      "RECEIPT_FORGED",
      ["status"],
      receipts((receipt) => flipped(receipt, part)),
    );
  let first: unknown = null;
  const replay = (receipt: unknown) => {
    first ??= receipt;
    return first;
  };
  await alarmed("RECEIPT_FORGED", ["status"], receipts(replay));
});

test("another intent under the id, other bytes under it, and approvals of something else", async () => {
  const [one, other] = [await requested("0.1"), await requested("0.2")];
  const { answer } = await honest("api", "requests.get", `id=${other}`);
  const approve = ["approve", one, "--key", "amy", "--yes"];
  const shown = (change: (request: Json) => Json) => (path: string, said: Json) =>
    path.includes(`/requests/${one}`) ? change(said) : said;
  await alarmed(
    "REQUEST_FORGED",
    approve,
    shown(() => answer as Json),
  );
  await alarmed(
    "REQUEST_FORGED",
    approve,
    shown(() => ({ ...(answer as Json), id: one })),
  );
  await alarmed(
    "REQUEST_FORGED",
    approve,
    shown((said) => ({ ...said, intent: flipped(said["intent"], 0.8) })),
  );
  const decisions = (answer as { decisions: object[] }).decisions;
  await alarmed(
    "APPROVAL_FORGED",
    approve,
    shown((said) => ({ ...said, decisions })),
  );
  const forged = (said: Json) => ({
    ...said,
    decisions: (said["decisions"] as Json[]).map((decision) => ({
      ...decision,
      approval: flipped(decision["approval"], 0.95),
    })),
  });
  await alarmed("APPROVAL_FORGED", approve, shown(forged));
  const { signedBy } = await honest("requests", one);
  assert.deepEqual(signedBy, ["tom"]);
});

test("a swapped address, an attestation of another place, and a wallet that is another one", async () => {
  await honest("address", "treasury", "1");
  const { answer: second } = await honest("api", "addresses.get", "wallet=treasury", "index=1");
  const first = ["address", "treasury"];
  const addresses = (change: (address: Json) => Json) => (path: string, said: Json) =>
    path.includes("/addresses/0") ? change(said) : said;
  const { address, attestation } = second as Json;
  await alarmed(
    "ATTESTATION_WRONG",
    first,
    addresses((said) => ({ ...said, address })),
  );
  await alarmed(
    "ATTESTATION_WRONG",
    first,
    addresses((said) => ({ ...said, address, attestation })),
  );
  await alarmed(
    "RECEIPT_FORGED",
    first,
    addresses((said) => ({ ...said, attestation: flipped(said["attestation"]) })),
  );
});

test("a freeze that the server withholds lies in a file, and is an alarm", async () => {
  for (const withheld of [(path: string, answer: Json) => (path.endsWith("/relay") ? null : answer), () => ({})]) {
    await alarmed("NO_RECEIPT", ["freeze", "institution", "--key", "olga", "--yes"], withheld);
    const kept = await readdir(join(home, "outbox"));
    assert.equal(kept.length, 1);
    await rm(join(home, "outbox"), { recursive: true });
  }
  assert.deepEqual((await honest("status"))["freezes"], []);
});

test("without a server a full id can still be rejected in a file, and nothing else is believed to be done", async () => {
  const id = await requested("0.1");
  await alarmed("NO_RECEIPT", ["reject", id, "--key", "carl", "--yes"], () => null);
  lie = () => null;
  const { status, json } = await ask(home, "balance");
  assert.deepEqual([status, json["code"]], [3, "SERVER_UNREACHABLE"]);
});
