/** `npm start`, `npm test`, `npm run bench`, `npm run strongroom`, `npm run build -w sdk`: makes the machine ready, then becomes the guardian of the
 *  real program, which runs on the pinned Node. Warm, this costs a hash of the lockfile and one process. */

import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { endLike, supervise } from "./family.mjs";
import { ensureInstalled, Interrupted, nodeFor, pinnedNode } from "./install.mjs";
import { ensureNeeds } from "./needs.mjs";
import { outliveReader, Stop, say } from "./say.mjs";

/** What each mode runs, relative to the repository. The leading arguments come before the user's. */
const MODES = /** @type {const} */ ({
  start: ["cli/src/main.ts", "up"],
  test: ["tools/test.ts"],
  bench: ["bench/main.ts"],
  build: ["tools/build/sdk.ts"],
  cli: ["cli/src/main.ts"],
});

/** The program gets this long to end by itself after it was asked to. Milliseconds. */
const GRACE_MS = 15_000;

/** @param {readonly string[]} argv mode and arguments */
export async function main(argv) {
  outliveReader();
  const root = path.resolve(fileURLToPath(new URL("../..", import.meta.url)));
  try {
    endLike(await boot(root, argv));
  } catch (error) {
    if (error instanceof Interrupted) {
      say("interrupted while installing; the next start begins it anew");
      endLike({ code: null, signal: error.wish, wish: error.wish, late: false });
    } else if (error instanceof Stop) {
      say(error.message);
      process.exit(error.exitCode);
    } else {
      throw error;
    }
  }
}

/** @param {string} root @param {readonly string[]} argv */
async function boot(root, argv) {
  const mode = parseMode(argv[0]);
  const choice = nodeFor({ ...process, version: process.versions.node });
  if (choice === "none") {
    throw new Stop([
      `a Node for ${process.platform} on ${process.arch} is not packaged, and this one is ${process.versions.node}`,
      "install Node 24 or newer and type the same command again",
    ]);
  }
  const [entry, ...leading] = MODES[mode];
  if (!fs.existsSync(path.join(root, entry)))
    throw new Stop([`${entry} is missing: this copy of the repository is incomplete`]);
  await ensureNeeds(mode);
  await ensureInstalled(root);
  return supervise({
    command: choice === "pinned" ? pinnedNode(root) : process.execPath,
    args: [
      "--disable-warning=ExperimentalWarning",
      "--import",
      new URL("./tether.mjs", import.meta.url).href,
      path.join(root, entry),
      ...leading,
      ...argv.slice(1),
    ],
    cwd: mode === "cli" ? (process.env.INIT_CWD ?? process.cwd()) : root,
    env: process.env,
    graceMs: GRACE_MS,
  });
}

/** @param {string | undefined} word @returns {keyof typeof MODES} */
function parseMode(word) {
  const mode = Object.keys(MODES).find((name) => name === word);
  if (mode === undefined) throw new Stop([`usage: node tools/boot.mjs <${Object.keys(MODES).join("|")}> [arguments]`], 2);
  return /** @type {keyof typeof MODES} */ (mode);
}
