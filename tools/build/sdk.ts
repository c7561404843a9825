/** The published form of the SDK, in sdk/dist: plain modules for Node and browsers with core inside, declarations that stand
 *  alone, and the package's own package.json. Every file of sdk/src is a module of the package under the same name.
 *
 *  Node strips no types below node_modules, so what is published has to be built; inside the repository nothing is. */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = path.resolve(fileURLToPath(new URL("../..", import.meta.url)));
/** Oldest runtimes that have what the sources use: AbortSignal.any. */
const TARGETS = ["node20.19", "chrome116", "firefox124", "safari17.4"];
const OUTSIDE = ["zod", "@noble/*", "@scure/*"];

type Manifest = {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
};

/** Builds into the folder `out`, which is emptied first. */
export async function buildSdk(out: string): Promise<void> {
  fs.rmSync(out, { recursive: true, force: true });
  const modules = listModules();
  await build({
    absWorkingDir: ROOT,
    entryPoints: modules.map((name) => `sdk/src/${name}`),
    outbase: "sdk/src",
    outdir: path.join(out, "lib"),
    chunkNames: "part/[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "neutral",
    target: TARGETS,
    external: OUTSIDE,
    legalComments: "none",
    logLevel: "warning",
  });
  writeDeclarations(modules, path.join(out, "types"));
  fs.writeFileSync(path.join(out, "package.json"), `${JSON.stringify(manifest(), null, 2)}\n`);
  fs.copyFileSync(path.join(ROOT, "sdk", "README.md"), path.join(out, "README.md"));
  fs.copyFileSync(path.join(ROOT, "LICENSE"), path.join(out, "LICENSE"));
}

/** Every source of the SDK but tests, relative to sdk/src. */
function listModules(): readonly string[] {
  const names = fs.readdirSync(path.join(ROOT, "sdk", "src"), { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts")).sort();
}

/** Declarations of the SDK in `out`/sdk and of what they name of core in `out`/core. Imports lead to the file beside. */
function writeDeclarations(modules: readonly string[], out: string): void {
  const draft = path.join(out, "draft");
  fs.mkdirSync(draft, { recursive: true });
  const config = path.join(draft, "tsconfig.json");
  const paths = { "@strongroom/core/*": [path.join(ROOT, "core", "src", "*.ts")] };
  const compilerOptions = { lib: ["ES2024", "DOM"], types: [], composite: false, rootDir: ROOT, outDir: draft, paths };
  const files = modules.map((name) => path.join(ROOT, "sdk", "src", name));
  fs.writeFileSync(config, JSON.stringify({ extends: path.join(ROOT, "tsconfig.base.json"), compilerOptions, files }));
  const compiler = path.join(ROOT, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [compiler, "-p", config, "--pretty", "false"], { cwd: ROOT, encoding: "utf8" });
  for (const workspace of ["sdk", "core"]) {
    const from = path.join(draft, workspace, "src");
    for (const name of fs.readdirSync(from, { recursive: true, encoding: "utf8" })) {
      if (!name.endsWith(".d.ts")) continue;
      const to = path.join(out, workspace, name);
      fs.mkdirSync(path.dirname(to), { recursive: true });
      fs.writeFileSync(to, standAlone(fs.readFileSync(path.join(from, name), "utf8"), `${workspace}/${name}`));
    }
  }
  fs.rmSync(draft, { recursive: true });
}

/** The text of the declaration file `name` with its imports led to files of the package. */
export function standAlone(text: string, name: string): string {
  return text.replace(/(\bfrom |\bimport\()"([^"]+)"/g, (whole, before: string, spec: string) => {
    const [, file] = /^@strongroom\/core\/(.+)$/.exec(spec) ?? [];
    if (file !== undefined) return `${before}"${relative(name, `core/${file}.js`)}"`;
    return spec.startsWith(".") ? `${before}"${spec.replace(/\.ts$/, ".js")}"` : whole;
  });
}

function relative(from: string, to: string): string {
  const found = path.posix.relative(path.posix.dirname(from), to);
  return found.startsWith(".") ? found : `./${found}`;
}

function manifest(): object {
  const [sdk, core] = ["sdk", "core"].map((name) => readManifest(name)) as [Manifest, Manifest];
  const { "@strongroom/core": _, ...own } = sdk.dependencies;
  const { name, version, description, license } = sdk;
  const all = Object.entries({ ...core.dependencies, ...own }).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    name,
    version,
    description,
    license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=20.19" },
    exports: { "./*": { types: "./types/sdk/*.d.ts", default: "./lib/*.js" } },
    dependencies: Object.fromEntries(all),
  };
}

function readManifest(workspace: string): Manifest {
  return JSON.parse(fs.readFileSync(path.join(ROOT, workspace, "package.json"), "utf8")) as Manifest;
}

if (import.meta.main) await buildSdk(path.join(ROOT, "sdk", "dist"));
