/** The `strongroom` command: `node cli/src/main.ts VERB`. It starts fast, because what was stripped of its types once is kept
 *  beside the code, where nobody can write who could not change the code as well. */
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import process from "node:process";

enableCompileCache(join(import.meta.dirname, "..", "..", ".cache", "compile"));

// A reader that has gone away (`strongroom help | head`) is no failure of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
const { runCommand } = await import("./command.ts");
process.exitCode = await runCommand(process.argv.slice(2));
