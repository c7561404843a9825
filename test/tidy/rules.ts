/** The house rules, each a pure function of the tree that gives what breaks it.
 *
 *  `RULES` is the whole list. Who may reach what is in `boundaries.ts`, packages are in `packages.ts`; here are sizes,
 *  folders, words, comments and the table of refusals. Banned words are written with one letter in brackets, so that this
 *  file may stand. */
import * as boundaries from "./boundaries.ts";
import { type Finding, isCode, isTest, perMatch, type Rule, type Tree, WORKSPACES } from "./boundaries.ts";
import * as packages from "./packages.ts";
import { bodies, lineAt, scan } from "./scan.ts";

const MAX_FILE_LINES = 600;
const MAX_BODY_LINES = 70;
/** Callbacks of `test` and `it` in test files; those of `describe` and `suite` are bounded by the file alone. */
const MAX_TEST_LINES = 120;
const MAX_WIDTH = 128;
const MAX_ENTRIES = 14;
/** Folders that may show more: the list of the server's nouns grows with what an institution does. */
const LONG_FOLDERS: ReadonlyMap<string, number> = new Map([["server/src", 24]]);
const MAX_DEPTH = 3;

/** Files, bodies of functions (from the line of `{` to that of `}`, both counted) have a largest size; so have
 *  lines of TypeScript. */
function sizes(tree: Tree): Finding[] {
  const out: Finding[] = [];
  for (const [path, text] of tree) {
    if (!isCode(path)) continue;
    const add = (line: number, message: string) => out.push({ rule: "sizes", path, line, message });
    const lines = text.split("\n");
    const count = text.endsWith("\n") ? lines.length - 1 : lines.length;
    if (count > MAX_FILE_LINES) add(1, `${count} lines, more than ${MAX_FILE_LINES}`);
    for (const [at, line] of lines.entries()) {
      const width = [...line].length;
      if (width > MAX_WIDTH && isTypeScript(path)) add(at + 1, `${width} columns, more than ${MAX_WIDTH}`);
    }
    for (const { open, close, call } of bodies(scan(text).code)) {
      const first = lineAt(text, open);
      const size = lineAt(text, close) - first + 1;
      const limit = bodyLimit(path, call);
      if (size > limit) add(first, `a function of ${size} lines, more than ${limit}`);
    }
  }
  return out;
}
function bodyLimit(path: string, call: string): number {
  if (!isTest(path)) return MAX_BODY_LINES;
  if (call === "describe" || call === "suite") return MAX_FILE_LINES;
  return call === "test" || call === "it" ? MAX_TEST_LINES : MAX_BODY_LINES;
}

const isTypeScript = (path: string) => /\.[cm]?tsx?$/.test(path);

const BANNED_FOLDERS = new Set(["utils", "helpers", "common", "shared", "types"]);

/** Folders with code, that is below <workspace>/src, test/, tools/ and bench/, show at most 14 entries, or what `LONG_FOLDERS`
 *  says: files that are not tests, and folders. Below src there are at most three levels of folders. No folder anywhere has a
 *  name that says nothing. */
function folders(tree: Tree): Finding[] {
  const out: Finding[] = [];
  const add = (path: string, message: string) => out.push({ rule: "folders", path, line: 1, message });
  const shown = new Map<string, Set<string>>();
  const named = new Map<string, string>();
  for (const path of tree.keys()) {
    const parts = path.split("/");
    const file = parts.pop() ?? "";
    for (const [at, name] of parts.entries()) {
      if (BANNED_FOLDERS.has(name.toLowerCase())) named.set(parts.slice(0, at + 1).join("/"), name);
    }
    const isSource = parts[1] === "src" && WORKSPACES.includes(parts[0] ?? "");
    if (!isSource && !["test", "tools", "bench"].includes(parts[0] ?? "")) continue;
    if (isSource && parts.length - 2 > MAX_DEPTH)
      add(path, `lies ${parts.length - 2} folders below src, more than ${MAX_DEPTH}`);
    for (let depth = isSource ? 2 : 1; depth <= parts.length; depth++) {
      const child = parts[depth] ?? file;
      const folder = parts.slice(0, depth).join("/");
      if (depth === parts.length && isTest(file)) continue;
      shown.set(folder, (shown.get(folder) ?? new Set()).add(child));
    }
  }
  for (const [folder, children] of shown) {
    const most = LONG_FOLDERS.get(folder) ?? MAX_ENTRIES;
    if (children.size > most) add(folder, `shows ${children.size} entries, more than ${most}`);
  }
  for (const [folder, name] of named) add(folder, `${name} says nothing about what is inside`);
  return out;
}

const NOUN_FILES = new Set(["rules.ts", "store.ts", "http.ts", "jobs.ts"]);
/** Folders of server/src that are no nouns, or whose noun has a world of its own. */
const NO_NOUNS = new Set(["chain", "db", "host", "http", "vault"]);

/** A noun of the server is `rules.ts`, `store.ts`, `http.ts` and `jobs.ts`, or some of them; what is a noun within it lies in a
 *  folder of the same kind. Tests excepted. */
function nouns(tree: Tree): Finding[] {
  const out: Finding[] = [];
  for (const path of tree.keys()) {
    const [, noun = ""] = /^server\/src\/([^/]+)\//.exec(path) ?? [];
    const file = path.slice(path.lastIndexOf("/") + 1);
    if (noun === "" || NO_NOUNS.has(noun) || NOUN_FILES.has(file) || isTest(path)) continue;
    out.push({ rule: "nouns", path, line: 1, message: `${file}: a noun has ${[...NOUN_FILES].join(", ")}` });
  }
  return out;
}

type Ban = { readonly rule: string; readonly pattern: RegExp; readonly where?: RegExp; readonly message: string };

/** What no text may hold, comments and strings included. `where` limits a ban to some paths. */
const BANS: readonly Ban[] = [
  { rule: "banned-words", pattern: /\b(?:TO[D]O|FIX[M]E|XX[X]|HAC[K])\b/g, message: "finish it or leave it out" },
  { rule: "banned-words", pattern: /\bfor\s+no[w]\b|\bnot\s+implemente[d]\b/gi, message: "finish it or leave it out" },
  {
    rule: "coverage-comments",
    pattern: /\b(?:[cv]8|istanbul)\s+ignor[e]\b|\bnode:coverag[e]\b/gi,
    message: "cover it instead",
  },
  {
    rule: "machine-paths",
    pattern: /(?<![\w.$}*~-])\/(?:home|Users|root|work|farm|tmp)\/[\w.-]/g,
    message: "a path of one machine",
  },
  { rule: "machine-paths", pattern: /(?<![\w.$}*~/-])\/(?:work|farm)\b|\b[A-Z]:\\+Users\\/g, message: "a path of one machine" },
  {
    rule: "registry-hosts",
    pattern: /\bregistry\.(?:npmjs|yarnpkg|npmmirror)\.\w+|\bnpm\.pkg\.github\.com/gi,
    message: "a registry",
  },
  {
    rule: "registry-hosts",
    pattern: /\/\/(?:registry\.|[\w.-]*(?:artifactory|nexus|verdaccio))[\w.-]*/gi,
    message: "a registry",
  },
  { rule: "approval-words", pattern: /\b(?:paralle[l]|sequentia[l])\s+approval/gi, message: "say allOf or anyOf" },
  {
    rule: "approval-words",
    pattern: /\b(?:paralle[l]|sequentia[l])(?:ly)?\b/gi,
    where: /^(?:core\/src\/rulebook|docs\/spec)\//,
    message: "say allOf or anyOf",
  },
];

/** The rule that gathers every ban of that name. The lockfile is judged by `lockfile` and, for hosts, here. */
function bans(rule: string): Rule {
  return (tree) => {
    const out: Finding[] = [];
    for (const ban of BANS.filter((candidate) => candidate.rule === rule)) {
      for (const [path, text] of tree) {
        if (ban.where?.test(path) === false || (path === packages.LOCK && rule !== "registry-hosts")) continue;
        for (const { index, 0: found } of text.matchAll(ban.pattern)) {
          out.push({ rule, path, line: lineAt(text, index), message: `"${found}": ${ban.message}` });
        }
      }
    }
    return out;
  };
}

/** `any` is looked for where a type stands, since a value may bear that name; the linter knows the rest. */
const SYNTAX: readonly [RegExp, string][] = [
  [/(?:<|(?::|=>|\b(?:as|is|satisfies|extends|keyof)\b)\s*)any\b(?!\s*[.(:])|\bany(?=>|\[\])/g, "any is no type here"],
  [/(?:\btype\s[^;{}]*[^|&][=|&]|:[^;,(){}=?]*[^|&][|&])\s*any\b/g, "any is no type here"],
  [/(?<![\w$#.])enum\s+[\w$]+\s*\{/g, "use a union of literals"],
  [/(?<![\w$#.])(?:namespace|module)\s+[\w$.]+\s*\{/g, "use a file"],
  [/@[\w$(]/g, "no decorators"],
];

/** Only erasable TypeScript, and no `any`. */
function syntax(tree: Tree): Finding[] {
  const wanted = (path: string) => /\.[cm]?ts$/.test(path);
  return SYNTAX.flatMap(([pattern, message]) => perMatch("syntax", tree, wanted, pattern, () => message));
}

/** What a test may be skipped for, because no repository brings it: the vectors beside the tree, and a browser. */
const OUTSIDE = ["../shared", "no Chromium on this machine"];

/** No test is left out, except with a `skip:` whose value itself names one of these. */
function skips(tree: Tree): Finding[] {
  const called = perMatch(
    "skips",
    tree,
    () => true,
    /\.\s*(?:skip|only|todo)\s*\(|\btest\s*\.\s*todo\b/g,
    ({ 0: found }) => {
      return `${found} leaves tests out`;
    },
  );
  const inTests = (path: string) => isTest(path) || path.startsWith("test/");
  const options = perMatch("skips", tree, inTests, /(?<![\w$.])(skip|only|todo)\s*(?=[:,}])/g, (found, code, path) => {
    const at = found.index + found[0].length;
    const { live } = scan(tree.get(path) ?? "");
    if (code.charAt(at) !== ":") return /[{,]\s*$/.test(code.slice(0, found.index)) ? `${found[1]} says no reason` : null;
    const value = live.slice(at + 1, valueEnd(code, at + 1));
    if (found[1] === "skip" && OUTSIDE.some((reason) => value.includes(reason))) return null;
    return value.trim() === "false" ? null : `${found[1]}: leaves tests out`;
  });
  return [...called, ...options];
}
function valueEnd(code: string, from: number): number {
  let depth = 0;
  for (let at = from; at < code.length; at++) {
    const char = code.charAt(at);
    if ("([{".includes(char)) depth++;
    if (")]}".includes(char)) depth--;
    if (depth < 0 || (depth === 0 && (char === "," || char === ";"))) return at;
  }
  return code.length;
}

/** Every source of a workspace opens with a doc comment that says something. Tests excepted. */
function docComments(tree: Tree): Finding[] {
  const out: Finding[] = [];
  for (const [path, text] of tree) {
    if (!isCode(path) || isTest(path) || !WORKSPACES.includes(path.split("/")[0] ?? "")) continue;
    const opens = /^(?:#!.*\n)?\s*\/\*\*[\s*]*[^\s*/]/.test(text);
    if (!opens)
      out.push({ rule: "doc-comments", path, line: 1, message: "opens with a doc comment: what it is for and is not for" });
  }
  return out;
}

const ERRORS = "core/src/errors.ts";

/** Every refusal is defined once, says what it means and what to do next, and is used by code that is no test. */
function refusals(tree: Tree): Finding[] {
  const text = tree.get(ERRORS);
  if (text === undefined) return [];
  const out: Finding[] = [];
  const { code, live } = scan(text);
  const start = /\bREFUSALS\s*=\s*\{/.exec(code);
  if (!start) return [{ rule: "refusals", path: ERRORS, line: 1, message: "REFUSALS is not there" }];
  const from = start.index + start[0].length;
  const table = code.slice(from, valueEnd(code, from - 1));
  const sources = [...tree].filter(([path]) => isCode(path) && !isTest(path) && WORKSPACES.includes(path.split("/")[0] ?? ""));
  const used = sources.filter(([path]) => path !== ERRORS).map(([, source]) => scan(source).live);
  const seen = new Set<string>();
  for (const entry of table.matchAll(/(?<![\w$])([A-Z][A-Z0-9_]*)\s*:\s*\{[^}]*\}/g)) {
    const [whole, name = ""] = entry;
    const index = from + entry.index;
    const add = (message: string) =>
      out.push({ rule: "refusals", path: ERRORS, line: lineAt(text, index), message: `${name} ${message}` });
    if (seen.has(name)) add("is defined twice");
    seen.add(name);
    for (const field of ["what", "next"]) {
      const said = new RegExp(`\\b${field}\\s*:\\s*(["'\`])([^"'\`]*)\\1`, "d").exec(whole)?.indices?.[2];
      if (!said || live.slice(index + said[0], index + said[1]).trim() === "") add(`says no "${field}"`);
    }
    const word = new RegExp(`(?<![\\w$])${name}(?![\\w$])`);
    if (!used.some((source) => word.test(source))) add("is used nowhere");
  }
  if (seen.size === 0) out.push({ rule: "refusals", path: ERRORS, line: lineAt(text, from), message: "REFUSALS is empty" });
  return out;
}

/** Every rule by its name. */
export const RULES: Readonly<Record<string, Rule>> = {
  "import-matrix": boundaries.importMatrix,
  "pure-packages": boundaries.purePackages,
  "pure-globals": boundaries.pureGlobals,
  "no-floats": boundaries.noFloats,
  "vault-json": boundaries.vaultJson,
  "chains-apart": boundaries.chainsApart,
  "read-apart": boundaries.readApart,
  "analysis-apart": boundaries.analysisApart,
  frameworks: boundaries.frameworks,
  workspaces: packages.workspaces,
  "exact-versions": packages.exactVersions,
  lockfile: packages.lockfile,
  "package-budget": packages.packageBudget,
  sizes,
  folders,
  nouns,
  "banned-words": bans("banned-words"),
  "coverage-comments": bans("coverage-comments"),
  "machine-paths": bans("machine-paths"),
  "registry-hosts": bans("registry-hosts"),
  "approval-words": bans("approval-words"),
  syntax,
  skips,
  "doc-comments": docComments,
  refusals,
};

/** What breaks any rule, in the order of the paths. */
export function findings(tree: Tree): Finding[] {
  const all = Object.values(RULES).flatMap((rule) => rule(tree));
  return all.sort((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1));
}
