/** Writes docs/openapi.json from the endpoint table: `node tools/openapi.ts`. A test fails while the two differ. */
import fs from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe } from "../server/src/http/openapi.ts";

export const PAGE = fileURLToPath(new URL("../docs/openapi.json", import.meta.url));

/** The document as it is checked in. */
export function written(): string {
  return `${JSON.stringify(describe(), null, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) fs.writeFileSync(PAGE, written());
