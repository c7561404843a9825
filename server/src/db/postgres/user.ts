/** As whom PostgreSQL runs. It refuses to run as root, and it must end when the process that started it ends, however that
 *  ends. */
import { chownSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** Debian's nobody and nogroup. */
const NOBODY = 65534;

/** `plain`: as the user that this process has. `nobody`: root steps down. `mapped`: root stays root outside and looks like
 *  nobody inside of a user namespace, because nobody could not reach the folder. */
export type Footing = "plain" | "nobody" | "mapped";

/** `paths`: what must be reached. `data`: the data folder, if it is there: it stays with whom it belongs to. */
export function footingFor({ paths, data }: { paths: readonly string[]; data: string | null }): Footing {
  if (process.getuid?.() !== 0) return "plain";
  if (data !== null) return statSync(data).uid === NOBODY ? "nobody" : "mapped";
  return paths.every(isReachable) ? "nobody" : "mapped";
}

/** Whether everybody may walk to it. */
function isReachable(path: string): boolean {
  const isOpen = (statSync(path).mode & 0o001) !== 0;
  const above = dirname(path);
  return isOpen && (above === path || isReachable(above));
}

/** The command line that runs `command` on that footing and has the kernel send it SIGINT, PostgreSQL's wish for a fast
 *  shutdown, when this process is gone. */
export function commandLine(footing: Footing, command: readonly string[]): [string, ...string[]] {
  const dying = ["--pdeathsig", "INT"];
  if (footing === "plain") return ["setpriv", ...dying, ...command];
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  if (footing === "nobody") return ["setpriv", ...user, ...dying, ...command];
  return ["unshare", "--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, "setpriv", ...dying, ...command];
}

/** Gives a fresh folder to whom PostgreSQL runs as. */
export function handOver(folder: string, footing: Footing): void {
  if (footing === "nobody") chownSync(folder, NOBODY, NOBODY);
}
