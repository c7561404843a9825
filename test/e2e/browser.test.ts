/** The SDK in a real browser, against a real server and vault: a page of the bank's own site reads the wallet, makes a payment,
 *  shows its text, signs it, and finds a relay that lies. Without a Chromium on the machine it is skipped, and says so. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { furnish, inState, openHouse, say, type TestHouse, until } from "../world/house.ts";
import { device } from "../world/keys.ts";

const ROOT = path.resolve(import.meta.dirname, "..", "..");
const NAMES = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/** The browser named by STRONGROOM_BROWSER, or the first on the path. */
function browserHere(): string | undefined {
  const places = (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .flatMap((place) => NAMES.map((name) => path.join(place, name)));
  return [process.env["STRONGROOM_BROWSER"], ...places].find((place) => place !== undefined && fs.existsSync(place));
}

/** What the page runs. It posts what it has seen to the site it came from. */
const PAGE = `
import { openClient } from "@strongroom/sdk/client";
import { initiate } from "@strongroom/sdk/device/decision";
import { makePayment } from "@strongroom/sdk/device/make";
import { openSecret } from "@strongroom/sdk/device/signer";
import { openRelay } from "@strongroom/sdk/vault/relay";
import { openSession, shortMemory } from "@strongroom/sdk/vault/session";
import { fetchEntry, fetchWallet } from "@strongroom/sdk/vault/show";

const { token, pin, seed } = await (await fetch("/given")).json();
const client = openClient({ url: location.origin, token });
const session = await openSession({ wire: openRelay(client), memory: shortMemory(), pin });
const signer = openSecret("tom", Uint8Array.from(seed));
const wallet = await fetchWallet(session, "treasury");
const { entry } = await fetchEntry(session, "kraken");
const what = { wallet: "treasury", to: "kraken", asset: "eth", amount: 1234567890n, totalFee: 10n ** 16n };
const shown = await makePayment({ known: session, signer, words: { purpose: "from a page" } }, what);
const request = await client.call("requests.create", { body: await initiate(session, signer, shown) });
const flip = (byte, at) => (at === 40 ? byte ^ 1 : byte);
const lying = { call: async (bytes) => (await openRelay(client).call(bytes)).map(flip), close() {} };
const forged = await openSession({ wire: lying, memory: shortMemory(), pin }).catch((error) => error.code);
const { id, state } = request;
return { agent: navigator.userAgent, wallet: wallet.wallet, entry: entry.name, text: shown.text, id, state, forged };
`;

type Seen = { readonly [name: string]: string };

/** The bank's own site: the page, what it is given, and the server's API behind the same origin. */
async function openSite(files: { readonly [path: string]: readonly [type: string, text: string] }, server: string) {
  const seen = Promise.withResolvers<Seen>();
  const take = ({ method, url = "/", headers }: http.IncomingMessage, body: Buffer, response: http.ServerResponse): void => {
    const [type, text] = files[url] ?? [];
    if (url === "/seen") seen.resolve(JSON.parse(body.toString("utf8")) as Seen);
    if (type !== undefined || url === "/seen") {
      response.writeHead(200, { "content-type": type ?? "text/plain" }).end(text ?? "");
      return;
    }
    const forward = http.request(new URL(url, server), { method, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(response);
    });
    forward.on("error", (error) => response.writeHead(502).end(error.message));
    forward.end(body);
  };
  const site = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => take(request, Buffer.concat(parts), response));
  });
  await new Promise<void>((done) => site.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${(site.address() as AddressInfo).port}/`, seen: seen.promise, site };
}

/** Packages in the versions that core has; others of the same name lie beside it. */
const ofCore = (...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, path.join(ROOT, "core", "node_modules", name)]));

/** The page with the SDK in its built form, in one file, as a bundler of the bank's would make it. */
async function bundlePage(): Promise<string> {
  execFileSync(process.execPath, [path.join(ROOT, "tools", "boot.mjs"), "build"], { cwd: ROOT, stdio: "pipe" });
  const lines = PAGE.split("\n");
  const imports = lines.filter((line) => line.startsWith("import"));
  const work = lines.filter((line) => !line.startsWith("import"));
  const report = "(out) => fetch('/seen', { method: 'POST', body: JSON.stringify(out) })";
  const run = `(async () => {${work.join("\n")}})().catch((error) => ({ error: String(error.stack) })).then(${report});`;
  const { outputFiles } = await build({
    stdin: { contents: `${imports.join("\n")}\n${run}`, resolveDir: ROOT, sourcefile: "page.js" },
    alias: {
      "@strongroom/sdk": path.join(ROOT, "sdk", "dist", "lib"),
      ...ofCore("@noble/curves", "@noble/hashes", "@scure/bip32", "@scure/bip39"),
    },
    bundle: true,
    write: false,
    platform: "browser",
    format: "esm",
    target: ["chrome116"],
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const browser = browserHere();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "strongroom browser "));
let house: TestHouse;
let page: ChildProcess | undefined;
before(async () => {
  if (browser === undefined) return;
  house = await openHouse();
  await furnish(house);
});
after(async () => {
  page?.kill("SIGKILL");
  await house?.close();
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

test("a page signs a payment that the vault carries out, and finds a relay that lies", {
  skip: browser === undefined && "no Chromium on this machine: name one in STRONGROOM_BROWSER",
}, async (t) => {
  const session = await house.session();
  const given = { token: house.token("admin"), pin: session.deployment, seed: [...device("tom").seed] };
  const files = {
    "/": ["text/html", '<!doctype html><script type="module" src="/page.js"></script>'],
    "/page.js": ["text/javascript", await bundlePage()],
    "/given": ["application/json", JSON.stringify(given)],
  } as const;
  const { url, seen, site } = await openSite(files, house.servers[0]?.url as string);
  page = spawn(browser as string, [...FLAGS, `--user-data-dir=${path.join(folder, "profile")}`, url], { stdio: "ignore" });
  const out = await seen;
  site.closeAllConnections();
  site.close();
  assert.equal(out["error"], undefined);
  assert.match(out["agent"] as string, /Chrome\//);
  t.diagnostic(`ran in ${out["agent"]}`);
  assert.deepEqual(
    [out["wallet"], out["entry"], out["state"], out["forged"]],
    ["treasury", "kraken", "open", "RECEIPT_FORGED"],
  );
  assert.match(out["text"] as string, /amount +0\.00000000123456789 eth\n/);
  for (const by of ["amy", "bob"]) await say(house, out["id"] as string, { by });
  await inState(house, out["id"] as string, "consumed");
  await until("it is mined", async () => {
    await house.chain.mine(1);
    const { items } = await house.as("admin").call("executions.list", {});
    return items.some((execution) => execution.state === "settled");
  });
});
