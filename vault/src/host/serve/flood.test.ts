/** A freeze at the console and by file while the socket is flooded, on the whole program. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { toHex } from "@strongroom/core/bytes";
import { Command } from "@strongroom/core/protocol/command";
import type { Nonce } from "@strongroom/core/signed/fields";
import { decode, encode, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { initialise } from "../boot.ts";
import { limits } from "../limits.ts";
import { frameOf } from "./frames.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
/** Far above what it takes, because the machine may be busy. */
const WITHIN_MS = 15_000;

const nonce = () => toHex(randomBytes(16)) as Nonce;
/** The vault is not founded, so it refuses this; that it answers is what counts. */
const objection = () => encode(Command, { version: 1, nonce: nonce(), command: "object", approval: randomBytes(100) });

/** Sends as fast as the peer reads, and again from the beginning when it hangs up. */
function flood(path: string, bytes: Buffer): () => void {
  let socket: Socket;
  let open = true;
  const begin = () => {
    socket = connect(path);
    const more = () => {
      while (!socket.destroyed && socket.write(bytes));
    };
    socket
      .on("connect", more)
      .on("drain", more)
      .on("error", () => socket.destroy());
    socket.on("data", () => true).on("close", () => open && setTimeout(begin, 10));
  };
  begin();
  return () => {
    open = false;
    socket.destroy();
  };
}

test("a flood at the socket keeps no freeze at the console or by file from being decided", async (t) => {
  const folder = await fs.mkdtemp(join(tmpdir(), "flood-"));
  t.after(() => fs.rm(folder, { recursive: true }));
  const data = join(folder, "data");
  await initialise(data, Buffer.from("correct horse battery"), { memoryKiB: 19 * 1024, passes: 1, lanes: 1 });
  const path = join(folder, "sock");
  const child = spawn(process.execPath, [MAIN, "run", "--data", data, "--socket", path, "--stdin"]);
  t.after(() => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.stdin.write("correct horse battery\n");
  assert.match(String((await lines.next()).value), /"ready"/);

  const small = frameOf(encode(Command, { version: 1, nonce: nonce(), command: "status" }));
  const orders = Array.from({ length: 19 }, () => ({ intent: randomBytes(65_000) }));
  const large = frameOf(encode(Command, { version: 1, nonce: nonce(), command: "execute", orders, approvals: [], facts: [] }));
  const floods = Array.from({ length: limits.connections + 10 }, (_, at) =>
    flood(path, at % 8 === 0 ? large : Buffer.concat(Array(64).fill(small))),
  );
  t.after(() => floods.forEach((stop) => void stop()));
  await new Promise((resolve) => setTimeout(resolve, 1_000));

  const begun = performance.now();
  child.stdin.write(`${Buffer.from(objection()).toString("base64")}\n`);
  const bytes = Buffer.from(String((await lines.next()).value), "base64");
  const consoleMs = performance.now() - begun;
  assert.equal(decode(Receipt, decode(Signed, bytes).body).code, "NOT_FOUNDED");

  await fs.writeFile(join(data, "intake", "a.cbor"), objection());
  while (!(await fs.readdir(join(data, "outtake"))).includes("a.receipt")) {
    assert.ok(performance.now() - begun < 2 * WITHIN_MS);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  t.diagnostic(`console ${Math.round(consoleMs)} ms, file ${Math.round(performance.now() - begun - consoleMs)} ms`);
  assert.ok(consoleMs < WITHIN_MS);
  assert.equal(child.exitCode, null);
});
