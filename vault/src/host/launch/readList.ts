/** What the vault's process may read of the disk: its own code, core's, and the packages that they name, found from their
 *  package.json and nothing else. Whatever is not found here is refused by the runtime, so a mistake shows at the start. */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { systemCode } from "../fault.ts";
import { limits } from "../limits.ts";

/** Folder of the vault's own package. */
export const VAULT_FOLDER = realpathSync(fileURLToPath(new URL("../../..", import.meta.url)));

/** Folders (ending with a separator), links and files to be read, each once. Throws when a package is not there. */
export function readList(start: string = VAULT_FOLDER): string[] {
  const found = new Set<string>();
  const folders = [start];
  for (let at = 0; at < folders.length; at++) {
    if (at >= limits.packages) throw new Error("the packages do not end");
    const folder = folders[at] ?? "";
    const manifest = join(folder, "package.json");
    for (const place of codeOf(folder)) found.add(place);
    for (const name of dependenciesOf(readFileSync(manifest, "utf8"))) {
      const named = locate(name, folder);
      const real = realpathSync(named);
      // A workspace is a link, and Node looks at the link before it follows it.
      if (named !== real) found.add(named);
      if (!folders.includes(real)) folders.push(real);
    }
  }
  return [...found];
}

/** A workspace has its manifest and its sources in `src`; a package from a registry is read whole. */
function codeOf(folder: string): string[] {
  const isPackage = folder.split(sep).includes("node_modules");
  return isPackage ? [`${folder}${sep}`] : [join(folder, "package.json"), `${join(folder, "src")}${sep}`];
}

/** Names in a manifest's `dependencies`. The vault parses no JSON; this reads the one form in which npm writes the table. */
export function dependenciesOf(manifest: string): string[] {
  const table = /"dependencies"\s*:\s*\{([^{}]*)\}/.exec(manifest)?.[1] ?? "";
  return [...table.matchAll(/"((?:@[a-z0-9._-]+\/)?[a-z0-9._-]+)"\s*:\s*"[^"]*"/g)].map(([, name = ""]) => name);
}

/** The folder of a package, as Node looks for it from `folder`. */
function locate(name: string, folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    const candidate = join(at, "node_modules", name);
    if (isFolder(candidate)) return candidate;
    if (dirname(at) === at) throw new Error(`package ${name} of ${folder} is not there`);
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error))) return false;
    throw error;
  }
}
