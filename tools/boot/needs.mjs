/** System packages that no lockfile can bring: installed when this process is root on a Debian, else named with what to type.
 *  Nothing here asks for a password or changes a system on which this process is not root. */

import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { supervise } from "./family.mjs";
import { Stop, say, ticking } from "./say.mjs";

/** @typedef {{ command: string, debian: string, why: string, modes: readonly string[] }} Need */

/** Every outside command that the program or its tests start. @type {readonly Need[]} */
export const NEEDS = [
  {
    command: "unshare",
    debian: "util-linux",
    why: "cuts the vault off the network and lets PostgreSQL run below a closed folder",
    modes: ["start", "test", "bench"],
  },
  {
    command: "setpriv",
    debian: "util-linux",
    why: "gives the vault and PostgreSQL users of their own",
    modes: ["start", "test", "bench"],
  },
  { command: "git", debian: "git", why: "lists the files that the tests look through", modes: ["test"] },
];

/** @param {string} mode @param {string | undefined} searchPath @returns {Need[]} */
export function missing(mode, searchPath) {
  // The folders of system tools are not on every user's path.
  const folders = [...(searchPath ?? "").split(path.delimiter), "/usr/sbin", "/sbin"].filter((folder) => folder !== "");
  return NEEDS.filter(
    ({ command, modes }) => modes.includes(mode) && !folders.some((folder) => fs.existsSync(path.join(folder, command))),
  );
}

/** @param {string} mode */
export async function ensureNeeds(mode) {
  if (process.platform !== "linux") return;
  const absent = missing(mode, process.env.PATH);
  if (absent.length === 0) return;
  const packages = [...new Set(absent.map(({ debian }) => debian))];
  for (const { command, why } of absent) say(`the command ${command} is missing; it ${why}`);
  const isRoot = process.getuid?.() === 0;
  const reasons = isRoot && fs.existsSync("/usr/bin/apt-get") ? await aptInstall(packages) : [];
  if (missing(mode, process.env.PATH).length === 0) return;
  throw new Stop([...reasons, `type: ${isRoot ? "" : "sudo "}apt-get install -y ${packages.join(" ")}`]);
}

/** Gives the last lines of apt-get's output when it fails. @param {string[]} packages */
async function aptInstall(packages) {
  let log = "";
  const stop = ticking(() => `installing ${packages.join(" ")} with apt-get`);
  const run = (/** @type {string[]} */ ...args) =>
    supervise({
      command: "/usr/bin/apt-get",
      args,
      cwd: "/",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      graceMs: 30_000,
      captured: (text) => {
        log += text;
      },
    });
  const install = ["install", "-y", "--no-install-recommends", ...packages];
  let outcome = await run(...install);
  if (outcome.code !== 0) {
    await run("update");
    outcome = await run(...install);
  }
  stop();
  return outcome.code === 0 ? [] : log.trim().split("\n").slice(-4);
}
