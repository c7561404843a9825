/** The data of an embedded PostgreSQL: made once, whole or not at all, with an owner role and an application role of their own
 *  random passwords. Nobody can log in as its superuser. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../host/fault.ts";
import { APP_ROLE } from "../migrate.ts";
import { type Binaries, type BinaryKind, findBinaries } from "./binaries.ts";
import { commandLine, type Footing, footingFor, handOver } from "./user.ts";

const OWNER_ROLE = "strongroom_owner";
const DATABASE = "strongroom";

export type Cluster = {
  readonly folder: string;
  readonly data: string;
  readonly binaries: Binaries;
  readonly footing: Footing;
  readonly env: NodeJS.ProcessEnv;
  readonly passwords: { readonly owner: string; readonly app: string };
};

/** `ownerMayCreate`: the owner may make further databases, as tests do. `sync`: false leaves it to the machine when to
 *  write. */
export type ClusterOptions = { home: string; kind: BinaryKind | null; ownerMayCreate?: boolean; sync?: boolean };

/** Opens the cluster below `<home>/postgres`, which is made if it is not there. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const named = join(options.home, "postgres");
  mkdirSync(named, { recursive: true, mode: 0o711 });
  const folder = realpathSync(named);
  const data = join(folder, "data");
  const isMade = existsSync(data);
  const major = isMade ? Number(readFileSync(join(data, "PG_VERSION"), "utf8")) : null;
  const binaries = findBinaries({ kind: options.kind, major, links: join(folder, "lib") });
  const footing = footingFor({ paths: [folder, binaries.bin], data: isMade ? data : null });
  if (footing === "plain") chmodSync(folder, 0o700);
  const libraries = binaries.libraries === null ? {} : { LD_LIBRARY_PATH: binaries.libraries };
  const env = { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC", ...libraries };
  const passwords = { owner: password(join(folder, "owner.password")), app: password(join(folder, "app.password")) };
  const cluster = { folder, data, binaries, footing, env, passwords };
  if (!isMade) await make(cluster, options);
  return cluster;
}

/** URL of a role for the socket folder. */
export function urlOf({ passwords }: Cluster, { socket, role }: { socket: string; role: "owner" | "app" }): string {
  const name = role === "owner" ? OWNER_ROLE : APP_ROLE;
  return `postgres://${name}:${passwords[role]}@localhost/${DATABASE}?host=${encodeURIComponent(socket)}`;
}

/** The password in a file that only this user reads, made if it is not there. */
function password(file: string): string {
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, randomBytes(32).toString("hex"), { mode: 0o600 });
    renameSync(draft, file);
  }
  return readFileSync(file, "utf8");
}

async function make(cluster: Cluster, { ownerMayCreate = false, sync = true }: ClusterOptions): Promise<void> {
  const draft = `${cluster.data}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  handOver(draft, cluster.footing);
  const options = [
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--auth=reject",
    "--data-checksums",
    "--no-instructions",
  ];
  await run(cluster, ["initdb", "-D", draft, ...options, ...(sync ? [] : ["--no-sync", "--wal-segsize=1"])]);
  const rights = ownerMayCreate ? "createdb" : "nocreatedb";
  const { owner, app } = cluster.passwords;
  const statements = [
    `create role ${OWNER_ROLE} login ${rights} password '${owner}';`,
    `create role ${APP_ROLE} login password '${app}';`,
    `create database ${DATABASE} owner ${OWNER_ROLE};`,
    `revoke all on database ${DATABASE} from public;`,
    `grant connect on database ${DATABASE} to ${APP_ROLE};`,
  ];
  // In this mode one line is one statement. A statement that fails is not to be told: it holds a password.
  const settings = ["exit_on_error=true", "log_min_error_statement=panic", ...(sync ? [] : ["fsync=off"])];
  const args = settings.flatMap((setting) => ["-c", setting]);
  await run(cluster, ["postgres", "--single", ...args, "-D", draft, "postgres"], `${statements.join("\n")}\n`);
  const access = [OWNER_ROLE, APP_ROLE].map((role) => `local all ${role} scram-sha-256\n`);
  writeFileSync(join(draft, "pg_hba.conf"), access.join(""));
  renameSync(draft, cluster.data);
}

/** Runs one of PostgreSQL's programs to its end. Fails: POSTGRES_FAILED with its last words. */
async function run({ binaries, footing, env, folder }: Cluster, command: readonly string[], input = ""): Promise<void> {
  const [name = "", ...args] = command;
  const [program, ...line] = commandLine(footing, [join(binaries.bin, name), ...args]);
  const child = spawn(program, line, { cwd: folder, env, stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4_000);
  });
  // It may end before it has read everything; its exit code then says why.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Fault("POSTGRES_FAILED", `${name} ended with ${code}: ${said.trim()}`);
}
