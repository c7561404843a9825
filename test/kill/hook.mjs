/** Preloaded into the vault by the kill tests: counts the calls that change the disk, and at one of them does what
 *  STRONGROOM_STEP says. Not part of the product, which has no such switch.
 *
 *  STRONGROOM_STEP is `<what> <number>`: `before` or `after` the call the process kills itself with SIGKILL; `torn` writes half
 *  of the bytes first; `full` writes half and fails with ENOSPC, as does every write after it; `fail` makes this one call fail
 *  with EIO. Each call is told on descriptor 3 as `<number> <name> <file>`. With STRONGROOM_ONLY only calls on files whose names
 *  hold that text are counted. STRONGROOM_LIMITS, in JSON, takes the place of some of the host's limits. */
import { writeSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename } from "node:path";
import process from "node:process";

const [what = "", number = "0"] = (process.env["STRONGROOM_STEP"] ?? "").split(" ");
const target = Number(number);
const only = process.env["STRONGROOM_ONLY"] ?? "";
const names = new WeakMap();
let count = 0;
let isFull = false;

function die() {
  process.kill(process.pid, "SIGKILL");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function failure(code) {
  return Object.assign(new Error(`${code}: made by a test`), { code });
}

/** One call that changes the disk. `half` does half of it, where half can be done. */
async function step(name, file, call, half) {
  if (!basename(file).includes(only)) return call();
  count += 1;
  const own = count === target ? what : "";
  writeSync(3, `${count} ${name} ${basename(file)}\n`);
  if (own === "before") die();
  if (own === "torn" || own === "full") await half();
  if (own === "torn") die();
  if (own === "full") isFull = true;
  if (isFull && name === "write") throw failure("ENOSPC");
  if (own === "fail") throw failure("EIO");
  const result = await call();
  if (own === "after") die();
  return result;
}

const nothing = () => Promise.resolve();
const probe = await promises.open("/dev/null");
const handles = Object.getPrototypeOf(probe);
await probe.close();

const { write, datasync, truncate } = handles;
handles.write = function (bytes, offset, length, position) {
  const rest = length ?? bytes.length;
  const half = () => write.call(this, bytes, offset, Math.floor(rest / 2), position);
  return step("write", names.get(this) ?? "", () => write.call(this, bytes, offset, rest, position), half);
};
handles.datasync = function () {
  return step("datasync", names.get(this) ?? "", () => datasync.call(this), nothing);
};
handles.truncate = function (length) {
  return step("truncate", names.get(this) ?? "", () => truncate.call(this, length), nothing);
};

const { open } = promises;
promises.open = async (path, ...more) => {
  const handle = await open(path, ...more);
  names.set(handle, String(path));
  return handle;
};
for (const name of ["rename", "link", "unlink", "mkdir"]) {
  const call = promises[name];
  promises[name] = (path, ...more) => step(name, String(path), () => call(path, ...more), nothing);
}
syncBuiltinESMExports();

const { limits } = await import(new URL("../../vault/src/host/limits.ts", import.meta.url).href);
Object.assign(limits, JSON.parse(process.env["STRONGROOM_LIMITS"] ?? "{}"));
