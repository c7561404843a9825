/** One demonstration at a time in a folder: two that start at once would write over each other's chain. */
import { createHash } from "node:crypto";
import { createServer } from "node:net";
import process from "node:process";
import { fault, systemCode } from "../faults.ts";

/** Holds the folder until the returned function is called or this process ends, however it ends: the name of a socket in Linux'
 *  abstract namespace leaves nothing behind. Fails: ALREADY_RUNNING.   Source: unix(7), "Abstract sockets". */
export async function holdHome(home: string): Promise<() => void> {
  const digest = createHash("sha256").update(home).digest("hex").slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path: `\0strongroom-${process.getuid?.() ?? 0}-${digest}` }, resolve);
  }).catch((error: unknown) => {
    if (systemCode(error) !== "EADDRINUSE") throw error;
    fault("ALREADY_RUNNING", home, "another strongroom up holds this folder", error);
  });
  server.unref();
  return () => server.close();
}
