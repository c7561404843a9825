/** The published SDK as others get it: packed, unpacked into an empty folder beside its dependencies, run on an older Node,
 *  type-checked by a program without this repository, bundled for a browser and run with what browsers have. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import vm from "node:vm";
import { build } from "esbuild";
import { npmProgram } from "../boot/install.mjs";
import { buildSdk, standAlone } from "./sdk.ts";

const ROOT = path.resolve(import.meta.dirname, "..", "..");
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "strongroom sdk "));
const installed = path.join(folder, "node_modules", "@strongroom", "sdk");
after(() => fs.rmSync(folder, { recursive: true, force: true }));

before(async () => {
  const dist = path.join(folder, "dist");
  await buildSdk(dist);
  const npm = npmProgram(process.env);
  const env = { ...process.env, npm_config_cache: path.join(folder, "cache"), npm_config_update_notifier: "false" };
  const pack = ["pack", "--ignore-scripts", "--offline", "--silent", "--pack-destination", folder];
  const packed = execFileSync(npm.command, [...npm.args, ...pack], { cwd: dist, env, encoding: "utf8" });
  fs.mkdirSync(installed, { recursive: true });
  execFileSync("tar", ["-xzf", path.join(folder, packed.trim()), "-C", installed, "--strip-components=1"]);
  fs.rmSync(dist, { recursive: true });
  fs.writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }\n');
  for (const [name, version] of Object.entries(dependencies())) copyPackage(name, version);
});

function dependencies(): Record<string, string> {
  const text = fs.readFileSync(path.join(installed, "package.json"), "utf8");
  return (JSON.parse(text) as { dependencies: Record<string, string> }).dependencies;
}

/** From wherever the repository has just this version. */
function copyPackage(name: string, version: string): void {
  const places = ["", "sdk", "core"].map((workspace) => path.join(ROOT, workspace, "node_modules", name));
  const from = places.find((place) => {
    const manifest = path.join(place, "package.json");
    return (
      fs.existsSync(manifest) && (JSON.parse(fs.readFileSync(manifest, "utf8")) as { version: string }).version === version
    );
  });
  assert.ok(from, `${name} ${version} is not installed`);
  fs.cpSync(from, path.join(folder, "node_modules", name), { recursive: true });
}

/** What a program does with the package that needs no server: it signs, verifies, catches, and calls. */
const PROGRAM = `
import { openClient } from "@strongroom/sdk/client";
import { ApiProblem } from "@strongroom/sdk/client/problem";
import { ENDPOINTS } from "@strongroom/sdk/contract/table";
import { openSecret } from "@strongroom/sdk/device/signer";
import { SdkFault } from "@strongroom/sdk/faults";
import { shortMemory, openSession } from "@strongroom/sdk/vault/session";
import { asDeployment, openGenesis } from "@strongroom/sdk/verify/rulebook";

const pin = asDeployment("ab".repeat(32));
const said = [];
const signature = await openSecret("tom", new Uint8Array(32).fill(7)).sign(new Uint8Array(32));
said.push(signature.length, Object.keys(ENDPOINTS).length > 50);
const wire = { call: async () => new Uint8Array([1]), close: () => said.push("closed") };
await openSession({ wire, memory: shortMemory(), pin }).catch((error) => said.push(error instanceof SdkFault, error.code));
try { openGenesis(new Uint8Array(), pin); } catch (error) { said.push(error.code, error.alarm); }
const answer = (status, json) => async () => new Response(JSON.stringify(json), { status });
const open = (fetch) => openClient({ url: "https://bank.example", token: "t", fetch });
said.push((await open(answer(200, { ok: true })).call("health.live")).ok);
const refused = open(answer(403, { code: "FORBIDDEN" })).call("me.get");
await refused.catch((error) => said.push(error instanceof ApiProblem, error.code));
globalThis.said = JSON.stringify(said);
`;
const SAID = JSON.stringify([64, true, "closed", true, "RECEIPT_FORGED", "GENESIS_FOREIGN", true, true, true, "FORBIDDEN"]);

/** The oldest fitting Node that is at hand: the first on the path from 20.19 on and before 24, else this one. */
function olderNode(): string {
  for (const place of (process.env.PATH ?? "").split(path.delimiter)) {
    const candidate = path.join(place, "node");
    if (!fs.existsSync(candidate)) continue;
    const version = execFileSync(candidate, ["--version"], { encoding: "utf8" });
    const [, major, minor] = (/^v(\d+)\.(\d+)/.exec(version) ?? []).map(Number) as [number, number, number];
    if ((major === 20 && minor >= 19) || (major > 20 && major < 24)) return candidate;
  }
  return process.execPath;
}

test("it runs from an empty folder on an older Node", (t) => {
  const file = path.join(folder, "program.mjs");
  fs.writeFileSync(file, `${PROGRAM}\nconsole.log(globalThis.said);\n`);
  const node = olderNode();
  const env = { PATH: process.env.PATH };
  const output = execFileSync(node, [file], { cwd: folder, env, encoding: "utf8" });
  assert.equal(output.trim(), SAID);
  t.diagnostic(`ran on Node ${execFileSync(node, ["--version"], { env, encoding: "utf8" }).trim()}`);
});

/** What a program in TypeScript relies on, and what the compiler must refuse. */
const TYPED = `
import { openClient } from "@strongroom/sdk/client";
import type { Signer } from "@strongroom/sdk/device/signer";
import type { Session } from "@strongroom/sdk/vault/session";
export async function use(session: Session, signer: Signer): Promise<bigint> {
  const client = openClient({ url: "https://bank.example" });
  for await (const account of client.each("accounts.list", { query: { asset: "eth" } })) return account.posted;
  const { epoch } = session.book().document;
  const quorum: number | undefined = session.book().chains.get(epoch)?.finalityAtLeast;
  const bytes: Uint8Array = (await client.call("vault.get")).genesis;
  // @ts-expect-error there is no such endpoint
  await client.call("vault.open");
  // @ts-expect-error parameters are missing
  await client.call("accounts.get");
  // @ts-expect-error an amount is a bigint
  await client.call("chains.quote", { params: { chain: "1" }, body: { from: "a", to: "b", asset: "eth", amount: "1" } });
  // @ts-expect-error this is no list
  client.each("vault.get");
  return BigInt(bytes.length + (quorum ?? 0) + signer.name.length);
}
`;

test("a program without this repository type-checks, declarations included", () => {
  fs.writeFileSync(path.join(folder, "typed.ts"), TYPED);
  fs.copyFileSync(path.join(ROOT, "sdk", "example", "pay.ts"), path.join(folder, "pay.ts"));
  const compiler = path.join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const strict = { strict: true, noEmit: true, target: "ES2023", lib: ["ES2023", "DOM"], skipLibCheck: false };
  const types = { types: ["node"], typeRoots: [path.join(ROOT, "node_modules", "@types")] };
  const kinds = [
    { module: "NodeNext", exactOptionalPropertyTypes: true },
    { module: "ESNext", moduleResolution: "Bundler" },
  ];
  for (const kind of kinds) {
    const config = { compilerOptions: { ...strict, ...types, ...kind }, files: ["typed.ts", "pay.ts"] };
    fs.writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(config));
    const run = () => execFileSync(process.execPath, [compiler, "-p", folder, "--pretty", "false"], { encoding: "utf8" });
    try {
      run();
    } catch (error) {
      assert.fail(`${kind.module}: ${(error as { stdout: string }).stdout.slice(0, 4_000)}`);
    }
  }
});

test("a browser's bundle needs nothing of Node, neither modules nor globals", async () => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: PROGRAM, resolveDir: folder, sourcefile: "program.js" },
    bundle: true,
    write: false,
    metafile: true,
    platform: "browser",
    format: "esm",
    target: ["chrome116", "firefox124", "safari17.4"],
    logLevel: "silent",
  });
  const [output] = outputFiles;
  assert.ok(output);
  assert.deepEqual(
    Object.values(metafile.outputs).flatMap(({ imports }) => imports.map((one) => one.path)),
    [],
  );
  const given = { crypto, fetch, Response, URL, URLSearchParams, TextEncoder, TextDecoder, AbortSignal, AbortController };
  const page = vm.createContext({ ...given, setTimeout, clearTimeout, performance, Uint8Array });
  await vm.runInContext(`(async () => {${output.text}\n})()`, page);
  assert.equal(page["said"], SAID);
});

test("declarations name files of the package alone", () => {
  const text =
    'import { a } from "@strongroom/core/signed/a";\nexport type B = import("../b.ts").B;\nimport { z } from "zod";\n';
  const expected =
    'import { a } from "../../core/signed/a.js";\nexport type B = import("../b.js").B;\nimport { z } from "zod";\n';
  assert.equal(standAlone(text, "sdk/device/x.d.ts"), expected);
});

test("the README shows the example as it is", () => {
  const readme = fs.readFileSync(path.join(ROOT, "sdk", "README.md"), "utf8");
  const example = fs.readFileSync(path.join(ROOT, "sdk", "example", "pay.ts"), "utf8");
  assert.ok(readme.includes(`\`\`\`ts\n${example}\`\`\`\n`));
});
