/** Holds the working tree, that is what git tracks or would track, to the house rules. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Tree } from "./boundaries.ts";
import { findings, RULES } from "./rules.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** Every text file that is tracked, or neither tracked nor ignored. A file with a zero byte is not text. */
function readTree(): Tree {
  const args = ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const listed = execFileSync("git", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const tree = new Map<string, string>();
  for (const path of new Set(listed.split("\0").filter((name) => name !== ""))) {
    const found = lstatSync(join(ROOT, path), { throwIfNoEntry: false });
    if (!found?.isFile()) continue;
    const text = readFileSync(join(ROOT, path), "utf8");
    if (!text.includes("\0")) tree.set(path, text);
  }
  return tree;
}

test("the tree keeps the house rules", (t) => {
  const tree = readTree();
  assert.ok(tree.size > 0, "git lists no files");
  const found = findings(tree).map(({ path, line, rule, message }) => `${path}:${line} ${rule} ${message}`);
  t.diagnostic(`tidy: ${Object.keys(RULES).length} rules read ${tree.size} files`);
  if (found.length > 0) assert.fail(`the tree breaks the house rules:\n${found.join("\n")}`);
});
