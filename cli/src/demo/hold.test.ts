import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { holdHome } from "./hold.ts";

test("a folder is held once, until it is let go", async () => {
  const home = `/nowhere/${randomBytes(8).toString("hex")}`;
  const release = await holdHome(home);
  await assert.rejects(holdHome(home), { code: "ALREADY_RUNNING" });
  (await holdHome(`${home}/other`))();
  release();
  (await holdHome(home))();
});
