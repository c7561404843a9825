/** Reads /proc: who is alive, since when, and in which process group. Everything says "unknown" where there is no /proc. */

import fs from "node:fs";

/** @typedef {{ pid: number, since: string }} Life   a process: number, and start in clock ticks since the machine's */

/** Start time "0" when there is no such process, when it only waits to be reaped, or when there is no /proc.
 *  @param {number} pid @returns {Life} */
export function lifeOf(pid) {
  const fields = statOf(pid);
  return { pid, since: fields === undefined ? "0" : (fields[19] ?? "0") };
}

/** Whether a process group has a member that does more than wait to be reaped, which in a container may take for ever.
 *  Undefined where there is no /proc. @param {number} group @returns {boolean | undefined} */
export function hasLiving(group) {
  if (!fs.existsSync("/proc/self/stat")) return undefined;
  return fs.readdirSync("/proc").some((name) => /^\d+$/.test(name) && statOf(Number(name))?.[2] === String(group));
}

/** Fields of /proc/<pid>/stat from the third on: state, parent, group, …; undefined for the dead and for zombies. The second
 *  field is the program's name in brackets and may itself hold spaces and brackets. @param {number} pid */
function statOf(pid) {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields?.[0] === "Z" || fields?.[0] === "X" ? undefined : fields;
}

/** @param {string} file */
export function readIfThere(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    const code = /** @type {NodeJS.ErrnoException} */ (error).code;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}
