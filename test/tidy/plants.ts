/** A small tree that keeps every house rule, and for each rule what breaks it, clause by clause. Data of `planted.test.ts`.
 *
 *  In what is planted, ¶ stands before the line that must be found (the last line when there is none) and ¦ splits words
 *  that this file itself may not hold; both are taken out. Sources of workspaces get a doc comment in front. */

export type Files = Record<string, string>;
/** Files that are added to the clean tree, an empty one removing it. `place` says where the violation is found, with or
 *  without a line; otherwise it is in the first file. */
export type Plant = { readonly files: Files; readonly place?: string };

const NOBLE = '"@noble/hashes": "2.4.0"';
const refusal = (name: string, what = "It is wrong.") => `  ${name}: { what: "${what}", next: "Correct it." },\n`;
const errors = (entries: string) => `/** Refusals. */\nexport const REFUSALS = {\n${entries}} as const;\n`;
const manifest = (name: string, more = "") => `{ "name": "@strongroom/${name}"${more} }\n`;
const locked = (packages: Record<string, object>) => JSON.stringify({ packages }, null, 2);

/** An import, a word and a number in every place where it does not count. */
const TRICKS = `/** import "node:fs"; Date.now() */
// import { a } from "@strongroom/sdk/a"; process.exit(0.5)
import { toHex } from "./bytes.ts";
const text = 'import "node:fs"; export * from "pg"; new Date()';
const inner = \`import "fastify" \${toHex(\`process \${{ a: "}" }.a} require("fs")\`)} import("node:net")\`;
const pattern = /["'\`]import "node:fs" \\/\\/ [/"] Math.random()/g;
const half = 4 / 2 / 1; const quoted = "it's"; const hex = 0x1e3n;
export type Row = { process: number; readonly Date?: string };
export const row = { fetch: text, crypto: inner, at: pattern }.fetch + half + hex + quoted;
export function any(list: { any: boolean }): boolean { return list.any; }
`;
const TESTS = `import { test } from "node:test";
test("needs data", { skip: exists("../shared/data") ? false : "../shared is not there" }, () => {});
const words = "test.skip( .only( 0.5 any";
describe("all", () => {\n${"  go(words);\n".repeat(200)}});
test("long", async (t) => {\n${"  go(t);\n".repeat(110)}});
`;
/** What keeps every rule; the files named tricks hold what only looks like a violation. */
export const CLEAN: Files = {
  "package.json": '{ "workspaces": ["core", "vault", "cli"], "devDependencies": { "viem": "2.57.20" } }\n',
  "package-lock.json": locked({
    core: { dependencies: { "@noble/hashes": "2.4.0" } },
    vault: { dependencies: { "@noble/hashes": "2.4.0", "@strongroom/core": "0.1.0" } },
    "node_modules/@noble/hashes": { version: "2.4.0" },
    "vault/node_modules/@noble/hashes": { version: "2.4.0" },
    "node_modules/@strongroom/core": { resolved: "core", link: true },
    "node_modules/solc": { version: "0.8.37", hasInstallScript: true },
  }),
  ".npmrc": "save-exact=true\nomit-lockfile-registry-resolved=true\n",
  "core/package.json": manifest("core", `, "exports": { "./*": "./src/*.ts" }, "dependencies": { ${NOBLE} }`),
  "vault/package.json": manifest("vault", ', "exports": {}, "dependencies": { "@strongroom/core": "0.1.0" }'),
  "cli/package.json": manifest("cli", ', "exports": {}'),
  "core/src/errors.ts": errors(refusal("BAD_VALUE")),
  "core/src/bytes.ts": '/** Bytes. */\nimport { refuse } from "./errors.ts";\nrefuse("BAD_VALUE");\n',
  "core/src/tricks.ts": TRICKS,
  "core/src/tricks.test.ts": `import "fast-check";\nimport { readFileSync } from "node:fs";\nDate.now() + 0.5;\n${TESTS}`,
  "core/src/chain/types.ts": "/** Types. */\nexport type Effect = {};\n",
  "core/src/chain/table.ts": '/** Chains. */\nimport { read } from "./evm/read.ts";\n',
  "core/src/chain/evm/read.ts":
    '/** Reads. */\nimport { toHex } from "../../bytes.ts";\nimport type { Effect } from "../types.ts";\n',
  "core/src/chain/evm/build.ts": '/** Builds. */\nimport { toHex } from "../../bytes.ts";\nimport { rlp } from "./rlp.ts";\n',
  "core/src/chain/evm/rlp.ts": "/** RLP. */\nexport const rlp = 1;\n",
  "vault/src/decide.ts": '/** Decides. */\nimport { sign } from "node:crypto";\nJSON.stringify({});\n',
  "vault/src/main.ts": '#!/usr/bin/env node\n/** Runs. */\nimport { open } from "./host/disk.ts";\nprocess.exit(0);\n',
  "vault/src/host/disk.ts": '/** Disk. */\nimport { open } from "node:fs";\nimport { toHex } from "@strongroom/core/bytes";\n',
  "server/src/pay/http.ts":
    '/** HTTP. */\nimport fastify from "fastify";\nimport { table } from "@strongroom/sdk/contract/pay";\n',
  "server/src/pay/store.ts": '/** SQL. */\nimport { sql } from "kysely";\nimport { db } from "../db/pool.ts";\n',
  "server/src/db/pool.ts": '/** SQL. */\nimport pg from "pg";\n',
  "sdk/src/client.ts":
    '/** Calls. */\nimport { z } from "zod";\nawait fetch(new URL(a)); crypto.subtle; setTimeout(go, Date.now());\n',
  "sdk/example/pay.ts": '/** Pays. */\nimport { open } from "node:fs";\nprocess.exit(0);\n',
  ...files("server/src", 18, "/rules.ts", "/** Rules. */\n"),
  "server/src/pay/pay.test.ts": 'import { z } from "zod";\n',
  "server/src/pay/part/rules.ts": "/** Rules. */\n",
  "server/src/http/answer.ts": '/** Answers. */\nimport { z } from "zod";\n',
  "test/attacks/a.test.ts":
    'import { decide } from "../../vault/src/decide.ts";\nimport { http } from "@strongroom/sdk/http";\n',
  "docs/text.md": "Sequential nonces. See [the list](../shared/list) and https://example.org/home/page.\n",
};

const one = (path: string, text: string): Plant => ({ files: { [path]: text } });
const each = (path: string, ...texts: string[]): Plant[] => texts.map((text) => one(path, text));
/** One plant for each line of `block`. */
const lines = (path: string, block: string): Plant[] => each(path, ...block.trim().split(/\n\s*/));
const calls = (count: number) => "  go();\n".repeat(count);

/** What may import what of the others, turned round. */
const REFUSED: Record<string, string> = {
  core: "vault/a server/a sdk/a cli/a web/a other/a sdk",
  vault: "server sdk sdk/contract cli web",
  sdk: "vault server cli web",
  cli: "vault server web",
  web: "vault server cli",
  server: "vault sdk sdk/client sdk/contracts cli web",
};

/** Violations by rule. */
export const PLANTS: Record<string, readonly Plant[]> = {
  "import-matrix": [
    ...Object.entries(REFUSED).flatMap(([of, all]) =>
      all.split(" ").map((to) => one(`${of}/src/x.ts`, `import { a } from "@strongroom/${to}";`)),
    ),
    ...Object.keys(REFUSED).map((of) => one(`${of}/src/x.ts`, 'import { a } from "../../tools/a.ts";')),
    one("web/src/x.tsx", 'import { a } from "@strongroom/vault/a";'),
    one("vault/src/x.ts", 'import { a } from "../../core/src/bytes.ts";'),
    one("vault/src/x.test.ts", 'import { a } from "@strongroom/sdk/a";'),
    ...each(
      "core/src/x.ts",
      '¶import {\n  a, // from "./a.ts"\n  type B,\n} from "@strongroom/sdk/a";',
      '¶export type {\n  A,\n} from "@strongroom/sdk/a";',
      '¶const a = await import(\n  /* late */ "@strongroom/sdk/a"\n);',
    ),
    ...lines(
      "cli/src/x.ts",
      `import type { A } from "@strongroom/vault/a";
      export * from "@strongroom/vault/a";
      export * as vault from "@strongroom/vault/a";
      import a, * as b from"@strongroom/vault/a";
      import{a}from '@strongroom/vault/a';
      const a = await import("@strongroom/vault/a");
      const a = import(\`@strongroom/vault/a\`);
      type A = import("@strongroom/vault/a").A;
      const a = \`\${\`x\${import("@strongroom/vault/a")}\`}\`;
      const a = /[/"]/.test(b) ? 1 / 2 : import("@strongroom/vault/a");
      const a = require("@strongroom/vault/a");
      const a = import(name);
      const a = import("@strongroom/" + name);
      import a from "../node_modules/@strongroom/vault/src/a.ts";
      import a from "file:///srv/a.ts";`,
    ),
  ],
  "pure-packages": [
    ...lines(
      "core/src/x.ts",
      `import "node:fs";
      import "fs";
      import "node:crypto";
      import { z } from "zod";
      import "@nobler/hashes";
      import type { A } from "viem";
      import { a } from "./tricks.test.ts";`,
    ),
    ...lines(
      "vault/src/x.ts",
      `import "node:fs";
      import "node:net";
      import "node:process";
      import "node:crypto/x";
      import "zod";
      import { a } from "./host/disk.ts";
      import { a } from "./main.ts";`,
    ),
    one("vault/src/deep/host/x.ts", 'import "node:fs";'),
    ...lines("vault/src/host/x.ts", 'import "viem";\nimport "fast-check";'),
    ...lines(
      "sdk/src/x.ts",
      `import "node:crypto";
      import "fs";
      import "zod/v3";
      import "viem";
      import type { A } from "node:http";
      import { a } from "./x.test.ts";`,
    ),
  ],
  "pure-globals": [
    ...["core/src/x.ts", "vault/src/x.ts"].flatMap((path) =>
      lines(
        path,
        `process.exit(0); [...process.argv]
        const a = b ? process : c;
        const a = \`\${process.pid}\`;
        Buffer.from(a);
        go(b, Buffer);
        const a = Date.now();
        const a = new Date();
        const a = { Date };
        await fetch(a);
        setTimeout(go, 1);
        queueMicrotask(go);
        console.log(a);
        performance.now();
        new Intl.NumberFormat();
        new TextEncoder();
        new URL(a);
        new WebSocket(a);
        globalThis.a = b;
        eval(a);
        const a = new Function(b);
        const a = Math.random();
        const a = b.toLocaleString();
        const a = b.localeCompare(c);
        const a = import.meta.url;`,
      ),
    ),
    ...lines(
      "sdk/src/x.ts",
      `process.exit(0);
      Buffer.from(a);
      global.a = b;
      setImmediate(go);
      window.alert(a);
      const a = localStorage;
      const a = Math.random();
      const a = b.localeCompare(c);
      const a = import.meta.url;`,
    ),
    one("core/src/x.ts", "crypto.subtle;"),
    one("core/src/x.ts", "const a =\n¶  Math\n  .random();"),
  ],
  "no-floats": ["core/src/x.ts", "vault/src/host/x.ts"].flatMap((path) =>
    lines(
      path,
      `const a = 0.5;
      const a = 1.;
      const a = [.5];
      const a = 1e18;
      const a = 1E-3;
      const a = 1_000.5;
      const a = parseFloat(b);
      const a = Number.parseFloat(b);
      const a = b.toFixed(2);
      const a = b.toPrecision(2);
      const a = b.toExponential();
      const a = new Float64Array(1);
      const a = view.getFloat64(0);`,
    ),
  ),
  "vault-json": [
    ...lines("vault/src/x.ts", 'const a = JSON.parse(b);\nconst { parse } = JSON;\nconst a = JSON["parse"](b);'),
    ...lines("vault/src/host/x.ts", 'const a = JSON.parse(b);\nimport a from "./a.json" with { type: "json" };'),
  ],
  "chains-apart": [
    one("server/src/chain/bitcoin/watch.ts", 'import { a } from "../evm/watch.ts";'),
    one("core/src/chain/evm/x.ts", 'import { a } from "../bitcoin/a.ts";'),
    one("core/src/chain/evm/x.ts", 'import { a } from "@strongroom/core/chain/bitcoin/a";'),
    one("core/src/chain/evm/x.test.ts", 'import { a } from "../bitcoin/a.ts";'),
    { files: { "core/src/chain/bitcoin/read.ts": 'import "../table.ts";', "core/src/chain/bitcoin/build.ts": "go();" } },
  ],
  "analysis-apart": [
    one("core/src/rulebook/change.ts", 'import { differenceOf } from "./analysis/difference.ts";'),
    one("core/src/rulebook/judge.ts", 'import type { Sets } from "./analysis/sets.ts";'),
    one("vault/src/decide/rulebook.ts", 'import { findingsOf } from "@strongroom/core/rulebook/analysis/findings";'),
    one("vault/src/host/run.ts", 'import "@strongroom/core/rulebook/analysis/query";'),
  ],
  "read-apart": [
    ...lines(
      "core/src/chain/evm/read.ts",
      `import { build } from "./build.ts";
      import { rlp } from "./rlp.ts";
      import type { Rlp } from "./rlp.ts";
      import { rlp } from "@strongroom/core/chain/evm/rlp";`,
    ),
    { files: { "core/src/chain/evm/read.ts": 'import "./mid.ts";', "core/src/chain/evm/mid.ts": 'export * from "./rlp.ts";' } },
    { files: { "core/src/chain/evm/read.ts": 'import "./mid.ts";', "core/src/chain/evm/rlp.ts": 'import("./mid.ts");' } },
    ...['import "./read.ts";', ""].map((text) => ({
      files: { "core/src/chain/evm/build.ts": text },
      place: "core/src/chain/evm/read.ts:1",
    })),
    { files: { "core/src/chain/evm/read.ts": "", "core/src/chain/table.ts": "" }, place: "core/src/chain/evm/read.ts:1" },
    { files: { "core/src/chain/solana/decode.ts": "go();" }, place: "core/src/chain/solana/read.ts:1" },
  ],
  frameworks: [
    ...lines(
      "server/src/pay/jobs.ts",
      'import "fastify";\nimport "@fastify/cors";\nimport { sql } from "kysely";\nimport "pg";',
    ),
    one("server/src/pay/http.ts", 'import { sql } from "kysely";'),
    one("server/src/pay/store.ts", 'import "fastify";'),
    ...each("server/src/pay/jobs.ts", 'import { z } from "zod";', 'import type { z } from "zod/v4";'),
    one("server/src/host/config.ts", 'import { z } from "zod";'),
    ...lines("cli/src/http.ts", 'import "fastify";\nimport pg from "pg/lib/client";'),
  ],
  workspaces: [
    ...["helper", "test", "core/src/signed"].map((folder) => one(`${folder}/package.json`, manifest("helper"))),
    ...[manifest("kernel"), "{ name }", "null"].map((text) => one("core/package.json", text)),
    ...["", ', "exports": { "./*": "./src/*.ts" }'].map((more) => one("vault/package.json", manifest("vault", more))),
    one("package.json", '{ "workspaces": ["core", "tools"] }'),
  ].map((plant) => ({ ...plant, place: Object.keys(plant.files)[0] ?? "" })),
  "exact-versions": [
    ..."^1.2.3 ~1.2.3 * 1.x >=1.2.3 latest 1.2 workspace:* git+ssh://example.org/a.git file:../a"
      .split(" ")
      .map((version) => one("package.json", `{\n¶  "devDependencies": { "a": "${version}" }\n}`)),
    ...["dependencies", "optionalDependencies", "peerDependencies"].map((group) =>
      one("core/package.json", manifest("core", `,\n¶  "${group}": { "a": "^1.2.3" }`)),
    ),
    one("package.json", '{ "overrides": { "a": { "b": "^1.2.3" } } }'),
  ],
  lockfile: [
    ...each("package-lock.json", "", "<<<<<<< ours"),
    ...["https://example.org/a-1.2.3.tgz", "git+ssh://git@example.org/a.git#1"].map((from) =>
      one("package-lock.json", `{ "packages": {\n¶  "a": { "resolved": "${from}" }\n} }`),
    ),
    ...lines(".npmrc", "registry=http://localhost:4873\n@noble:registry = localhost\n//example.org/:_authToken=a"),
  ],
  "package-budget": [
    locked({ core: { dependencies: { a: "1.0.0" } } }),
    locked(chain(11)),
    locked({ ...chain(3), "node_modules/p3": { version: "1.0.0", hasInstallScript: true } }),
    locked({ vault: { optionalDependencies: { a: "1.0.0" } }, "vault/node_modules/a": { hasInstallScript: true } }),
  ].map((text) => ({ files: { "package-lock.json": text }, place: "package-lock.json" })),
  sizes: [
    { ...one("core/src/x.ts", "go();\n".repeat(600)), place: "core/src/x.ts:1" },
    { ...one("core/src/x.test.ts", "go();\n".repeat(601)), place: "core/src/x.test.ts:1" },
    one("cli/src/x.ts", `// ${"x".repeat(126)}`),
    ...each(
      "cli/src/x.ts",
      `¶function a(b: string): void {\n${calls(69)}}\n`,
      `¶export async function* a<T extends { b: 1 }>(): AsyncGenerator<{ c: T }> {\n${calls(69)}}\n`,
      `function a(\n  b: string,\n¶): { c: number } | null {\n${calls(69)}}\n`,
      `¶const a = (b: string): b is "x" => {\n${calls(69)}};\n`,
      `class A {\n¶  get b() {\n${calls(69)}}\n}\n`,
      `class A {\n¶  static async [Symbol.iterator](c = (d) => d): Promise<readonly string[]> {\n${calls(69)}}\n}\n`,
      `const a = {\n¶  b(c) {\n${calls(69)}},\n};\n`,
      `go("}", /[}]/, \`}\${"}"}\`);\n¶go(function () {\n${calls(69)}});\n`,
      `¶test("a", () => {\n${calls(69)}});\n`,
    ),
    ...each("cli/src/x.test.ts", `¶test("a", async (t) => {\n${calls(119)}});\n`, `¶const a = () => {\n${calls(69)}};\n`),
    one("cli/src/x.test.ts", `describe("a", () => {\n¶  it("b", { timeout: 1 }, function () {\n${calls(119)}});\n});\n`),
  ],
  folders: [
    { files: files("core/src/signed", 15, ".ts"), place: "core/src/signed:1" },
    { files: files("tools/dev", 15, ".mjs"), place: "tools/dev:1" },
    { files: files("vault/src/host/a", 15, "/x.ts"), place: "vault/src/host/a:1" },
    { files: files("server/src", 25, "/rules.ts"), place: "server/src:1" },
    { files: { "core/src/a/b/c/d/x.ts": "go();" }, place: "core/src/a/b/c/d/x.ts:1" },
    ..."core/src/utils vault/src/host/helpers docs/common vectors/shared cli/src/Types"
      .split(" ")
      .map((folder) => ({ files: { [`${folder}/x.ts`]: "go();" }, place: `${folder}:1` })),
  ],
  nouns: "pay/service.ts pay/types.ts pay/part/helper.ts pay/index.ts pay/notes.md"
    .split(" ")
    .map((path) => ({ files: { [`server/src/${path}`]: "go();" }, place: `server/src/${path}:1` })),
  "banned-words": [
    ...lines("core/src/x.ts", '// TO¦DO: more\n// FIX¦ME\ngo("XX¦X");\n// HA¦CK\n// for no¦w\ngo("Not imple¦mented");'),
    one("docs/x.md", "This works\n¶for\nno¦w"),
  ],
  "coverage-comments": lines("core/src/x.ts", "/* c8 igno¦re next */\n/* v8 igno¦re start */\n/* node:cover¦age disable */"),
  "machine-paths": [
    ...lines("docs/x.md", "In /ho¦me/a/b.\n`/Us¦ers/a`\n(/ro¦ot/.a)\n/t¦mp/x\nsee /wo¦rk\n/fa¦rm/a\nC:\\Us¦ers\\a"),
    one("core/src/x.ts", 'const a = "/wo¦rk/main";'),
  ],
  "registry-hosts": lines(
    "docs/x.md",
    "https://regi¦stry.npmjs.org/a\nregi¦stry.yarnpkg.com\nhttp://ver¦daccio.bank.example:4873",
  ),
  "approval-words": [
    one("docs/x.md", "Two para¦llel approvals"),
    one("cli/src/x.ts", "// sequen¦tial  approval"),
    ...lines("core/src/rulebook/x.ts", '// in para¦llel\nconst a = "sequen¦tially";'),
    one("docs/spec/x.md", "Para¦llel groups"),
  ],
  syntax: lines(
    "cli/src/x.ts",
    `let a: any;
    const a = b as any;
    const a = <any>b;
    let a: any[];
    let a: Array<any>;
    let a: Map<string, any>;
    let a: string | any;
    type A = any;
    type A = string | any;
    type A = () => any;
    type A<T extends any> = T;
    function a(b?: any): void {}
    enum A { B }
    const enum A { B }
    declare enum A {}
    namespace A { }
    declare module a.b { }
    @sealed class A {}
    class A { @a() b = 1; }`,
  ),
  skips: [
    ...lines(
      "cli/src/x.test.ts",
      `test.skip("a", b);
      t.skip("needs ../shared");
      describe.only("a", b);
      test.todo("a");
      test("a", { skip: true }, b);
      test("a", { skip: "slow" }, b);
      test("../shared", { skip: slow }, b);
      test("a", { skip: slow /* ../shared */ }, b);
      test("a", { skip }, b);
      test("a", { only: true }, b);
      test("a", { todo: "../shared" }, b);`,
    ),
    one("test/sim/world.ts", 'test("a", { timeout: 1, skip: slow, concurrency: "../shared" }, b);'),
    one("cli/src/x.ts", "suite.only(a);"),
  ],
  "doc-comments": [
    ...["core", "vault", "cli"].map((of) => one(`${of}/src/x.ts`, "¶// Not a doc comment.\n")),
    ...each(
      "cli/src/x.ts",
      '¶import a from "./a.ts";\n/** Late. */',
      "¶/** */\ngo();",
      "¶/* Plain. */\ngo();",
      "#!/bin/node\ngo();",
    ),
  ].map((plant) => ({ ...plant, place: `${Object.keys(plant.files)[0]}:1` })),
  refusals: [
    ...each(
      "core/src/errors.ts",
      errors(`${refusal("BAD_VALUE")}¶${refusal("UNUSED")}`),
      errors(`${refusal("BAD_VALUE")}¶${refusal("BAD_VALUE")}`),
      errors(`¶${refusal("BAD_VALUE", "")}`),
      errors(`¶${refusal("BAD_VALUE", " ")}`),
      errors('¶  BAD_VALUE: {\n    what: "It is wrong.",\n    next: "",\n  },\n'),
      errors("¶  BAD_VALUE: { what: \"It is wrong; next: 'x'\" },\n"),
      errors("").replace("export", "¶export"),
      "¶/** Nothing. */\n",
    ),
    ...["// BAD_VALUE", 'refuse("BAD_VALUES");', "/** Fails: BAD_VALUE. */"].map((text) => ({
      files: { "core/src/bytes.ts": text },
      place: "core/src/errors.ts:3",
    })),
    { files: { "core/src/bytes.ts": "", "core/src/x.test.ts": 'refuse("BAD_VALUE");' }, place: "core/src/errors.ts:3" },
  ],
};

/** core needs p1, which needs p2, and so on. */
function chain(count: number): Record<string, object> {
  const packages: Record<string, object> = { core: { dependencies: { p1: "1.0.0" } } };
  for (let at = 1; at <= count; at++) {
    packages[`node_modules/p${at}`] = {
      version: "1.0.0",
      ...(at < count ? { dependencies: { [`p${at + 1}`]: "1.0.0" } } : {}),
    };
  }
  return packages;
}
function files(folder: string, count: number, ending: string, text = "go();"): Files {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`${folder}/f${at}${ending}`, text]));
}
