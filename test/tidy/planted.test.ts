/** Plants every violation of `plants.ts` and requires that it is found where it lies, by its rule and by no other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tree } from "./boundaries.ts";
import { CLEAN, PLANTS, type Plant } from "./plants.ts";
import { findings, RULES } from "./rules.ts";

/** The clean tree with `plant`, and where its violation is to be found: "path:line", or "path" for any line. */
function grow(rule: string, { files: added, place }: Plant): { tree: Tree; at: string } {
  const tree = new Map(Object.entries(CLEAN));
  let at = place ?? "";
  for (const [path, planted] of Object.entries(added)) {
    const needsDoc = /^(?:core|vault|server|sdk|cli|web)\/.*\.tsx?$/.test(path) && !/\.test\.ts$|errors\.ts$/.test(path);
    const text = (needsDoc && rule !== "doc-comments" ? "/** Planted. */\n" : "") + planted.replaceAll("¦", "");
    const before = text.includes("¶") ? text.slice(0, text.indexOf("¶")) : text;
    if (at === "") at = `${path}:${before.split("\n").length}`;
    tree.set(path, text.replaceAll("¶", ""));
    if (planted === "" && path in CLEAN) tree.delete(path);
  }
  return { tree, at };
}

test("a clean tree gives no finding", () => {
  assert.deepEqual(findings(new Map(Object.entries(CLEAN))), []);
});

test("every rule has planted violations", () => {
  assert.deepEqual(Object.keys(PLANTS).sort(), Object.keys(RULES).sort());
});

test("every planted violation is found where it lies, by its rule alone", (t) => {
  const wrong: string[] = [];
  let found = 0;
  for (const [rule, plants] of Object.entries(PLANTS)) {
    for (const plant of plants) {
      const { tree, at } = grow(rule, plant);
      const all = findings(tree);
      const isHit = all.some((one) => one.rule === rule && (`${one.path}:${one.line}` === at || one.path === at));
      if (isHit && all.every((one) => one.rule === rule)) found++;
      else
        wrong.push(`${rule} at ${at}: ${JSON.stringify(plant.files).slice(0, 200)} gives ${JSON.stringify(all).slice(0, 400)}`);
    }
  }
  assert.equal(wrong.length, 0, wrong.join("\n"));
  t.diagnostic(`count: tidy: ${Object.keys(RULES).length} rules, ${found} planted violations found`);
});
