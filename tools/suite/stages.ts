/** The stages of `npm test` in their order, and which files belong to which. Every `*.test.ts` of the tree belongs to exactly
 *  one stage: whatever is in no folder of its own is a unit test. */

import fs from "node:fs";
import path from "node:path";

export type Stage = {
  readonly name: string;
  readonly does: string;
} & (
  | { readonly kind: "command"; readonly args: readonly string[] }
  | {
      readonly kind: "files";
      readonly folder: string | null;
      readonly covers: boolean;
      readonly limitMs: number;
      readonly longLimitMs: number;
    }
  | { readonly kind: "coverage" }
);

/** Arguments of commands follow the Node binary, or are a binary themselves when they begin with a path in `.bin`. */
export const STAGES: readonly Stage[] = [
  {
    name: "types",
    does: "the compiler over all workspaces",
    kind: "command",
    args: ["node_modules/typescript/bin/tsc", "-b", "--pretty", "false"],
  },
  {
    name: "lint",
    does: "format and lint rules over the tree",
    kind: "command",
    args: [
      "node_modules/@biomejs/biome/bin/biome",
      "check",
      "--error-on-warnings",
      "--colors=off",
      "--max-diagnostics=200",
      ".",
    ],
  },
  {
    name: "tidy",
    does: "the rules of the house",
    kind: "files",
    folder: "test/tidy",
    covers: false,
    limitMs: 60_000,
    longLimitMs: 60_000,
  },
  {
    name: "unit",
    does: "units, vectors, properties",
    kind: "files",
    folder: null,
    covers: true,
    limitMs: 240_000,
    longLimitMs: 1_800_000,
  },
  {
    name: "server",
    does: "the server on a real database",
    kind: "files",
    folder: "test/server",
    covers: false,
    limitMs: 240_000,
    longLimitMs: 1_800_000,
  },
  {
    name: "chain",
    does: "the chain gateway on a real chain",
    kind: "files",
    folder: "test/chain",
    covers: false,
    limitMs: 240_000,
    longLimitMs: 1_800_000,
  },
  {
    name: "attacks",
    does: "one file per attack",
    kind: "files",
    folder: "test/attacks",
    covers: true,
    limitMs: 240_000,
    longLimitMs: 1_800_000,
  },
  {
    name: "sim",
    does: "searches over the real reducers",
    kind: "files",
    folder: "test/sim",
    covers: false,
    limitMs: 240_000,
    longLimitMs: 7_200_000,
  },
  {
    name: "simulator",
    does: "seeded histories of servers, vault and chain with everything that can go wrong",
    kind: "files",
    folder: "test/simulator",
    covers: false,
    limitMs: 240_000,
    longLimitMs: 172_800_000,
  },
  {
    name: "kill",
    does: "a vault that is killed, and disks that fail",
    kind: "files",
    folder: "test/kill",
    covers: false,
    limitMs: 480_000,
    longLimitMs: 1_800_000,
  },
  {
    name: "e2e",
    does: "real processes, a real chain",
    kind: "files",
    folder: "test/e2e",
    covers: false,
    limitMs: 240_000,
    longLimitMs: 1_800_000,
  },
  { name: "coverage", does: "lines and branches of core and vault", kind: "coverage" },
];

const SOURCES = ["core", "vault", "sdk", "server", "cli", "tools", "bench", "test"] as const;

/** All test files, relative to the root, sorted. */
export function listTests(root: string): string[] {
  return SOURCES.filter((source) => fs.existsSync(path.join(root, source)))
    .flatMap((source) =>
      fs.readdirSync(path.join(root, source), { recursive: true, encoding: "utf8" }).map((name) => `${source}/${name}`),
    )
    .filter((file) => file.endsWith(".test.ts") && !file.includes("node_modules"))
    .toSorted();
}

/** The stage that a file belongs to. Tests of the house's rules may also lie directly in `test/`. */
export function stageOf(file: string): string {
  const own = STAGES.find((stage) => stage.kind === "files" && stage.folder !== null && file.startsWith(`${stage.folder}/`));
  if (own !== undefined) return own.name;
  return /^test\/[^/]+$/.test(file) ? "tidy" : "unit";
}
