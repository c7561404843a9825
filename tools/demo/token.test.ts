import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { compiledPath, compileOdd, compileToken, oddPath } from "./compile.ts";

test("the checked-in bytecode is what the pinned compiler makes of Token.sol", () => {
  const compiled = compileToken();
  assert.deepEqual(JSON.parse(readFileSync(compiledPath, "utf8")), compiled);
  assert.match(compiled.compiler, /^0\.8\.37\+/);
});

test("so is that of the odd contracts", () => {
  assert.deepEqual(JSON.parse(readFileSync(oddPath, "utf8")), compileOdd());
});
