/** Which program this is: a hash over the sources of core and vault. A snapshot is used by the program that wrote it and by no
 *  other, so that what an older one has folded, rightly or wrongly, is folded anew after an upgrade. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Hash } from "@strongroom/core/bytes";

/** The sources of core and of the vault. Packages have exact versions in the manifests. */
const SOURCES = [
  dirname(fileURLToPath(import.meta.resolve("@strongroom/core/bytes"))),
  fileURLToPath(new URL("../..", import.meta.url)),
];

/** Over name, size and content of every source, in the order of their names; tests are none. */
export function programHash(folders: readonly string[] = SOURCES): Hash {
  const hash = createHash("sha256").update("strongroom/program/1");
  for (const folder of folders) {
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
    for (const name of names.filter((one) => one.endsWith(".ts") && !one.endsWith(".test.ts")).toSorted()) {
      const bytes = readFileSync(join(folder, name));
      hash.update(`\n${name.split(sep).join("/")} ${bytes.length}\n`).update(bytes);
    }
  }
  return hash.digest("hex") as Hash;
}
