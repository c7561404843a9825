/** The rules about who may reach what: imports between workspaces, purity of core and vault, chains, frameworks.
 *
 *  Each rule is a pure function of the tree. What a file may reach is said in the tables below and nowhere else. */
import { posix } from "node:path";
import { type Import, lineAt, scan } from "./scan.ts";

/** Text of every file by its path from the root, with forward slashes. */
export type Tree = ReadonlyMap<string, string>;
export type Finding = { readonly rule: string; readonly path: string; readonly line: number; readonly message: string };
export type Rule = (tree: Tree) => Finding[];

export const WORKSPACES = ["core", "vault", "server", "sdk", "cli", "web"];
const SCOPE = "@strongroom/";

/** What each workspace may import of the others (DESIGN §2). Folders that are not named may import anything. */
const MATRIX: Record<string, readonly string[]> = {
  core: [],
  vault: ["core"],
  sdk: ["core"],
  cli: ["core", "sdk"],
  web: ["core", "sdk"],
  server: ["core", "sdk/contract"],
};

const PURE_PACKAGES = /^@(?:noble|scure)\//;
const VAULT_PACKAGES = /^(?:@(?:noble|scure)\/|node:crypto$)/;
/** Where the vault may be impure. */
const IMPURE_VAULT = /^vault\/src\/(?:host\/|main\.ts$)/;
const HOST_PACKAGES = /^(?:@(?:noble|scure)\/|node:)/;
/** What runs in browsers too. */
const SDK_PACKAGES = /^(?:@(?:noble|scure)\/|zod$)/;

/** Globals that pure code may not name. Text is encoded by core's own `ascii`, so `TextEncoder` is not needed. */
const IMPURE = [
  ..."process Buffer global globalThis require __dirname __filename eval structuredClone queueMicrotask".split(" "),
  ..."Date performance Intl fetch setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate".split(" "),
  ..."console navigator localStorage XMLHttpRequest WebSocket EventSource Worker MessageChannel BroadcastChannel".split(" "),
  ..."URL URLSearchParams TextEncoder TextDecoder AbortController AbortSignal Blob WebAssembly SharedArrayBuffer".split(" "),
  ..."Atomics WeakRef FinalizationRegistry atob btoa".split(" "),
];
/** Globals that only Node has, or only a page. */
const ONE_HOST = [
  ..."process Buffer global require __dirname __filename setImmediate clearImmediate".split(" "),
  ..."window navigator localStorage sessionStorage indexedDB XMLHttpRequest EventSource".split(" "),
];
/** `crypto` is refused in core only: the vault may use node:crypto, and sdk takes what Node and browsers have alike. */
const IMPURE_GLOBALS: Record<string, ReadonlySet<string>> = {
  core: new Set([...IMPURE, "crypto"]),
  vault: new Set(IMPURE),
  sdk: new Set(ONE_HOST),
};
/** Members and constructions that give time, chance, another locale or code made at run time. */
const IMPURE_MEMBERS =
  /\bMath\s*(?:\?\.|\.)\s*random\b|\.\s*toLocale\w+|\.\s*localeCompare\b|\bnew\s+Function\b|\bimport\.meta\b/g;
const FLOATS =
  /\b(?:parseFloat|toFixed|toPrecision|toExponential|Float16Array|Float32Array|Float64Array|[sg]etFloat(?:16|32|64))\b/g;
const NUMBERS = /(?<![\w$.])(?:0[xXbBoO][\da-fA-F_]+n?|\d[\d_]*(\.\d*)?([eE][+-]?\d+)?n?)|(?<![\w$)\].])(\.\d+)/g;

const READ_AND_BUILD = new Set(["core/src/bytes.ts", "core/src/errors.ts", "core/src/chain/types.ts"]);
const HTTP_PACKAGES = /^(?:fastify|@fastify)(?:\/|$)|^fastify-/;
const SQL_PACKAGES = /^(?:kysely|pg)(?:[-/]|$)/;
const SHAPE_PACKAGES = /^zod(?:\/|$)/;

/** Whether the path is a source that Node runs or the compiler reads. */
export function isCode(path: string): boolean {
  return /\.[cm]?[jt]sx?$/.test(path);
}
export function isTest(path: string): boolean {
  return /\.test\.[cm]?[jt]sx?$/.test(path);
}
/** Whether the path is in vault/ where nothing impure may be. */
function isPureVault(path: string): boolean {
  return path.startsWith("vault/") && !IMPURE_VAULT.test(path);
}
/** Whether the path is in what is published and runs in browsers too. */
function isSdk(path: string): boolean {
  return path.startsWith("sdk/src/");
}
function workspaceOf(path: string): string {
  const top = path.split("/")[0] ?? "";
  return WORKSPACES.includes(top) && path.includes("/") ? top : "";
}

/** Calls `visit` for every import of the files that `wanted` accepts and turns each text that it returns into a finding. */
function perImport(
  rule: string,
  tree: Tree,
  wanted: (path: string) => boolean,
  visit: (path: string, spec: string | null) => string | null,
): Finding[] {
  const out: Finding[] = [];
  for (const [path, text] of tree) {
    if (!isCode(path) || !wanted(path)) continue;
    for (const { spec, index } of scan(text).imports) {
      const message = visit(path, spec);
      if (message) out.push({ rule, path, line: lineAt(text, index), message });
    }
  }
  return out;
}

const isRelative = (spec: string) => /^\.{1,2}(?:\/|$)/.test(spec);

/** The path that a relative import or an import of a workspace's file leads to, or null for a package. */
function target(path: string, spec: string): string | null {
  if (isRelative(spec)) return posix.join(posix.dirname(path), spec);
  if (!spec.startsWith(SCOPE)) return null;
  const [name = "", ...rest] = spec.slice(SCOPE.length).split("/");
  return `${name}/src/${rest.join("/").replace(/\.ts$/, "")}.ts`;
}

/** Imports between workspaces follow DESIGN §2, and relative imports stay inside their workspace. Tests included. */
export function importMatrix(tree: Tree): Finding[] {
  return perImport("import-matrix", tree, isInWorkspace, (path, spec) => {
    const own = workspaceOf(path);
    if (spec === null) return "an import whose name is computed cannot be judged";
    if (spec.startsWith("/") || /^(?:file|data|https?):/.test(spec)) return `${spec} is imported by its place`;
    if (isRelative(spec)) {
      const to = posix.join(posix.dirname(path), spec);
      return to.startsWith(`${own}/`) && !to.includes("node_modules/") ? null : `${spec} leaves ${own}/`;
    }
    if (!spec.startsWith(SCOPE) && spec !== "strongroom") return null;
    const name = spec.slice(SCOPE.length);
    const allowed = [own, ...(MATRIX[own] ?? [])];
    const fits = allowed.some((prefix) => name === prefix || name.startsWith(`${prefix}/`) || name === `${prefix}.ts`);
    return fits ? null : `${own} may not import ${spec}`;
  });
}
const isInWorkspace = (path: string) => workspaceOf(path) !== "";

/** The packages that a file of core, vault or sdk may import. */
function packagesOf(path: string): RegExp {
  if (path.startsWith("core/")) return PURE_PACKAGES;
  if (path.startsWith("sdk/")) return SDK_PACKAGES;
  return isPureVault(path) ? VAULT_PACKAGES : HOST_PACKAGES;
}

/** Pure code, and what runs in browsers too, reaches only the packages that it may. Tests excepted, and what they share. */
export function purePackages(tree: Tree): Finding[] {
  const isShared = (path: string) => path.startsWith("core/test/");
  const wanted = (path: string) => (/^(?:core|vault)\//.test(path) || isSdk(path)) && !isTest(path) && !isShared(path);
  return perImport("pure-packages", tree, wanted, (path, spec) => {
    if (spec === null) return null;
    if (isPureVault(path) && IMPURE_VAULT.test(target(path, spec) ?? "")) return `pure code imports ${spec}, which is not`;
    if (isTest(spec)) return `${spec} is a test`;
    if (isRelative(spec) || spec.startsWith(SCOPE)) return null;
    return packagesOf(path).test(spec) ? null : `${spec} may not be imported here`;
  });
}

/** Matches of `pattern` in the code of the files that `wanted` accepts; `judge` gives the message, or null to pass. */
export function perMatch(
  rule: string,
  tree: Tree,
  wanted: (path: string) => boolean,
  pattern: RegExp,
  judge: (found: RegExpExecArray, code: string, path: string) => string | null,
): Finding[] {
  const out: Finding[] = [];
  for (const [path, text] of tree) {
    if (!isCode(path) || !wanted(path)) continue;
    const { code } = scan(text);
    for (const found of code.matchAll(pattern)) {
      const message = judge(found, code, path);
      if (message) out.push({ rule, path, line: lineAt(text, found.index), message });
    }
  }
  return out;
}

const isPure = (path: string) => !isTest(path) && (path.startsWith("core/") || isPureVault(path) || isSdk(path));

/** Pure code names no clock, chance, network, process or locale; sdk nothing that Node or browsers lack. Tests excepted. */
export function pureGlobals(tree: Tree): Finding[] {
  const named = perMatch("pure-globals", tree, isPure, /(?<![\w$#])[A-Za-z_]\w*/g, (found, code, path) => {
    const refused = IMPURE_GLOBALS[workspaceOf(path)]?.has(found[0]) === true;
    return refused && isGlobal(code, found.index, found[0].length) ? `${found[0]} does not belong here` : null;
  });
  const members = perMatch("pure-globals", tree, isPure, IMPURE_MEMBERS, (found) => `${found[0]} is impure`);
  return [...named, ...members];
}

/** Whether a name stands for itself: not a member (`x.name`), not a key or a field (`{ name: … }`). */
function isGlobal(code: string, index: number, size: number): boolean {
  const before = code.slice(0, index).trimEnd();
  if (before.endsWith(".") && !before.endsWith("...")) return false;
  const isKey = /^\s*\??:/.test(code.slice(index + size)) && /(?:[{,;(]|\breadonly)$/.test(before);
  return !isKey;
}

/** No floating point in core and vault. Tests excepted. */
export function noFloats(tree: Tree): Finding[] {
  const wanted = (path: string) => /^(?:core|vault)\//.test(path) && !isTest(path);
  const calls = perMatch("no-floats", tree, wanted, FLOATS, (found) => `${found[0]} is floating point`);
  const literals = perMatch("no-floats", tree, wanted, NUMBERS, (found) =>
    found[1] !== undefined || found[2] !== undefined || found[3] !== undefined ? `${found[0]} is floating point` : null,
  );
  return [...calls, ...literals];
}

/** The vault parses no JSON, host included; it may write JSON. Tests excepted. */
export function vaultJson(tree: Tree): Finding[] {
  const wanted = (path: string) => path.startsWith("vault/") && !isTest(path);
  const pattern = /(?<![\w$.])JSON\b(?!\s*\.\s*stringify\b)/g;
  const parsed = perMatch("vault-json", tree, wanted, pattern, () => "the vault parses no JSON");
  const imported = perImport("vault-json", tree, wanted, (_, spec) =>
    spec?.endsWith(".json") === true ? `${spec}: the vault parses no JSON` : null,
  );
  return [...parsed, ...imported];
}

/** Every file that `path` reaches by relative imports and imports of workspaces, itself included; type imports count. */
function closure(tree: Tree, path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  const found: readonly Import[] = scan(tree.get(path) ?? "").imports;
  for (const { spec } of found) {
    const to = spec === null ? null : target(path, spec);
    if (to !== null) closure(tree, to, seen);
  }
  return seen;
}

const CHAIN = /^(core|server)\/src\/chain\/([^/]+)\//;

/** A chain reaches no file of another chain, neither itself nor through others. Tests included. */
export function chainsApart(tree: Tree): Finding[] {
  return perImport(
    "chains-apart",
    tree,
    (path) => CHAIN.test(path),
    (path, spec) => {
      const to = spec === null ? null : target(path, spec);
      if (to === null) return null;
      const [, , own] = CHAIN.exec(path) ?? [];
      const other = [...closure(tree, to)].find((reached) => (CHAIN.exec(reached)?.[2] ?? own) !== own);
      return other === undefined ? null : `${spec} reaches ${other}, another chain`;
    },
  );
}

/** A chain's `read.ts` shares no code with its `build.ts`, and both exist. */
export function readApart(tree: Tree): Finding[] {
  const out: Finding[] = [];
  const folders = new Set(
    [...tree.keys()].map((path) => /^core\/src\/chain\/[^/]+\//.exec(path)?.[0]).filter((found) => found !== undefined),
  );
  for (const folder of folders) {
    const path = `${folder}read.ts`;
    const text = tree.get(path);
    if (text === undefined || !tree.has(`${folder}build.ts`)) {
      out.push({ rule: "read-apart", path, line: 1, message: "a chain has a read.ts and a build.ts" });
      continue;
    }
    const built = closure(tree, `${folder}build.ts`);
    if (built.has(path)) out.push({ rule: "read-apart", path, line: 1, message: "build.ts reaches it" });
    for (const { spec, index } of scan(text).imports) {
      const to = spec === null ? null : target(path, spec);
      const both = to === null ? [] : [...closure(tree, to)].filter((file) => built.has(file) && !READ_AND_BUILD.has(file));
      if (both.length === 0) continue;
      out.push({
        rule: "read-apart",
        path,
        line: lineAt(text, index),
        message: `shares ${both.sort().join(", ")} with build.ts`,
      });
    }
  }
  return out;
}

const ANALYSIS = /^core\/src\/rulebook\/analysis\//;

/** The analysis of rulebooks advises people. What the vault decides with, in `vault/` and in core, imports nothing of it, so
 *  that no verdict can hang on it. Tests excepted. */
export function analysisApart(tree: Tree): Finding[] {
  const wanted = (path: string) => /^(?:core|vault)\/src\//.test(path) && !ANALYSIS.test(path) && !isTest(path);
  return perImport("analysis-apart", tree, wanted, (path, spec) => {
    const to = spec === null ? null : target(path, spec);
    return to !== null && ANALYSIS.test(to) ? `${spec} only advises; nothing that decides may import it` : null;
  });
}

/** Only `http.ts` knows the HTTP framework; only `store.ts` and `db/` know SQL; in the server zod stops at `http.ts` and
 *  `http/`, so that what lies behind is given values, not shapes. Tests excepted. */
export function frameworks(tree: Tree): Finding[] {
  const wanted = (path: string) => isInWorkspace(path) && !isTest(path);
  return perImport("frameworks", tree, wanted, (path, spec) => {
    if (spec === null) return null;
    const isServer = path.startsWith("server/");
    const name = posix.basename(path);
    if (HTTP_PACKAGES.test(spec) && !(isServer && name === "http.ts")) return `only http.ts in server/ imports ${spec}`;
    const isEdge = name === "http.ts" || path.startsWith("server/src/http/");
    if (isServer && SHAPE_PACKAGES.test(spec) && !isEdge) return `only http.ts and http/ in server/ import ${spec}`;
    const isStore = isServer && (name === "store.ts" || /\/db\//.test(path));
    return SQL_PACKAGES.test(spec) && !isStore ? `only store.ts and db/ in server/ import ${spec}` : null;
  });
}
