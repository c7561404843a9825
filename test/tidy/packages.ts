/** The rules about packages: names of workspaces, exact versions, the lockfile, and how many packages core and vault need.
 *
 *  The lockfile is believed: that it is what gets installed is npm's work. */
import { posix } from "node:path";
import { type Finding, type Tree, WORKSPACES } from "./boundaries.ts";
import { lineAt } from "./scan.ts";

export const LOCK = "package-lock.json";
/** Workspaces that nobody imports. */
const LEAVES = ["vault", "server", "cli", "web"];
const MAX_PACKAGES = 10;

type Dependencies = Record<string, string>;
type Package = {
  version?: string;
  name?: string;
  link?: boolean;
  resolved?: string;
  hasInstallScript?: boolean;
  exports?: unknown;
  workspaces?: string[];
  dependencies?: Dependencies;
  optionalDependencies?: Dependencies;
  peerDependencies?: Dependencies;
  devDependencies?: Dependencies;
  overrides?: Record<string, unknown>;
};
type Lock = { packages?: Record<string, Package> };

const isManifest = (path: string) => posix.basename(path) === "package.json";

/** The object in a JSON file; null when it holds none, which `workspaces` and `lockfile` report. */
function parse<T extends object>(text: string | undefined): T | null {
  try {
    const value: unknown = JSON.parse(text ?? "null");
    return typeof value === "object" ? (value as T) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function lineOf(text: string, part: string): number {
  return lineAt(text, Math.max(0, text.indexOf(part)));
}

/** Workspaces are the six of DESIGN §2, named after their folder, and leaves export nothing. */
export function workspaces(tree: Tree): Finding[] {
  const out: Finding[] = [];
  for (const [path, text] of tree) {
    if (!isManifest(path)) continue;
    const add = (message: string) => out.push({ rule: "workspaces", path, line: 1, message });
    const manifest = parse<Package>(text);
    const folder = posix.dirname(path);
    if (manifest === null) add("is not JSON");
    else if (folder === ".") {
      const strangers = (manifest.workspaces ?? []).filter((name) => !WORKSPACES.includes(name));
      if (strangers.length > 0) add(`${strangers.join(", ")} is no workspace`);
    } else if (!WORKSPACES.includes(folder)) add(`${folder} is no workspace, so it has no package.json`);
    else {
      if (manifest.name !== `@strongroom/${folder}`) add(`the name must be @strongroom/${folder}`);
      const isClosed = JSON.stringify(manifest.exports) === "{}";
      if (LEAVES.includes(folder) && !isClosed) add(`${folder} is a leaf: its "exports" must be {}`);
    }
  }
  return out;
}

const EXACT = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;

/** Every version in every package.json is exact. */
export function exactVersions(tree: Tree): Finding[] {
  const out: Finding[] = [];
  for (const [path, text] of tree) {
    if (!isManifest(path)) continue;
    const { dependencies, devDependencies, optionalDependencies, peerDependencies, overrides } = parse<Package>(text) ?? {};
    for (const group of [dependencies, devDependencies, optionalDependencies, peerDependencies, overrides]) {
      for (const [name, version] of Object.entries(group ?? {}).flatMap(flatten)) {
        if (EXACT.test(version)) continue;
        out.push({
          rule: "exact-versions",
          path,
          line: lineOf(text, `"${name}"`),
          message: `${name} "${version}" is not exact`,
        });
      }
    }
  }
  return out;
}
function flatten([name, version]: [string, unknown]): [string, string][] {
  if (typeof version === "object" && version !== null) return Object.entries(version).flatMap(flatten);
  return [[name, String(version)]];
}

/** There is a lockfile; it and .npmrc name no host and no place to fetch from. */
export function lockfile(tree: Tree): Finding[] {
  const out: Finding[] = [];
  const add = (path: string, line: number, message: string) => out.push({ rule: "lockfile", path, line, message });
  const text = tree.get(LOCK) ?? "";
  if (tree.has("package.json") && !parse<Lock>(text)?.packages) add(LOCK, 1, "is missing or not a lockfile");
  for (const { index } of text.matchAll(/"resolved":\s*"(?:\w+:|[^"]*\/\/)/g)) add(LOCK, lineAt(text, index), "names a host");
  for (const [path, lines] of tree) {
    if (posix.basename(path) !== ".npmrc") continue;
    for (const { index, 0: found } of lines.matchAll(/^\s*(?:@[\w-]+:)?registry\s*=.*|.*\/\/.*|.*_auth.*/gm)) {
      add(path, lineAt(lines, index), `${found.trim().split("=")[0]} does not belong here`);
    }
  }
  return out;
}

/** core and vault need at most ten third-party packages, however indirectly, none of which runs a script when installed. */
export function packageBudget(tree: Tree): Finding[] {
  const text = tree.get(LOCK) ?? "";
  const packages = parse<Lock>(text)?.packages ?? {};
  const reached = new Map<string, Package>();
  const out: Finding[] = [];
  const add = (place: string, message: string) =>
    out.push({ rule: "package-budget", path: LOCK, line: lineOf(text, `"${place}": {`), message });
  const visit = (place: string) => {
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = packages[place] ?? {};
    for (const name of Object.keys({ ...peerDependencies, ...optionalDependencies, ...dependencies })) {
      const found = locate(packages, place, name);
      if (found === null) {
        if (name in dependencies) add(place, `${name}, which ${place} needs, is not in the lockfile`);
      } else if (!reached.has(found)) {
        reached.set(found, packages[found] ?? {});
        visit(found);
      }
    }
  };
  for (const place of ["core", "vault"]) visit(place);
  const names = new Set<string>();
  for (const [place, { version = "", hasInstallScript }] of reached) {
    if (!place.includes("node_modules/")) continue;
    const name = place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
    names.add(`${name}@${version}`);
    if (hasInstallScript) add(place, `${name} runs a script when it is installed`);
  }
  if (names.size > MAX_PACKAGES) {
    add("core", `core and vault need ${names.size} packages, more than ${MAX_PACKAGES}: ${[...names].sort().join(" ")}`);
  }
  return out;
}

/** Where the package `name` that is needed at `place` lies, links between workspaces followed. */
function locate(packages: Record<string, Package>, place: string, name: string): string | null {
  for (let base = place; ; base = base.includes("/") ? posix.dirname(base) : "") {
    const candidate = base === "" ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    const found = packages[candidate];
    if (found) return found.link && found.resolved ? found.resolved : candidate;
    if (base === "") return null;
  }
}
