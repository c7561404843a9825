import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { limits } from "../../host/limits.ts";
import { openRpc, type Rpc } from "./rpc.ts";

type Answerer = (asked: { id: number } | { id: number }[], response: ServerResponse) => void;

async function against(answer: Answerer, work: (rpc: Rpc, connections: () => number) => Promise<void>): Promise<void> {
  let connections = 0;
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    answer(JSON.parse(body), response);
  }).on("connection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const rpc = openRpc(`http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-key`, 300);
  try {
    await work(rpc, () => connections);
  } finally {
    rpc.close();
    server.closeAllConnections();
    server.close();
  }
}

const echo: Answerer = (asked, response) => {
  const one = ({ id }: { id: number }) => ({ jsonrpc: "2.0", id, result: `0x${id.toString(16)}` });
  response.end(JSON.stringify(Array.isArray(asked) ? asked.map(one).reverse() : one(asked)));
};

test("calls and batches of any size go over few connections, in whatever order they are answered", () =>
  against(echo, async (rpc, connections) => {
    assert.equal(await rpc.call("a"), "0x1");
    const count = limits.nodeBatch * 2 + 1;
    const answers = await rpc.batch(Array.from({ length: count }, () => ({ method: "b", params: [] })));
    assert.deepEqual(
      answers.map((one) => ("result" in one ? one.result : null)),
      Array.from({ length: count }, (_, at) => `0x${(at + 2).toString(16)}`),
    );
    assert.deepEqual(await rpc.batch([]), []);
    for (let at = 0; at < 20; at++) await rpc.call("c");
    assert.ok(connections() <= 2);
  }));

const BAD: Record<string, [Answerer, "unreachable" | "unreadable" | "refused"]> = {
  silence: [() => undefined, "unreachable"],
  "a cut": [(_, response) => response.destroy(), "unreachable"],
  "a redirect": [(_, response) => response.writeHead(307, { location: "http://127.0.0.1:1/" }).end(), "unreachable"],
  "a page": [(_, response) => response.end("<html>"), "unreadable"],
  "no result": [(_, response) => response.end('{"jsonrpc":"2.0","id":1}'), "unreadable"],
  "another id": [(_, response) => response.end('{"jsonrpc":"2.0","id":7,"result":1}'), "unreadable"],
  "an error": [(_, response) => response.end('{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}'), "refused"],
  "an odd error": [(_, response) => response.end('{"jsonrpc":"2.0","id":1,"error":"no"}'), "refused"],
};
for (const [what, [answer, kind]] of Object.entries(BAD)) {
  test(`${what} is ${kind}, and no address is told`, () =>
    against(answer, async (rpc) => {
      const fault = await rpc.call("a").then(
        () => assert.fail("it was answered"),
        (error: unknown) => error,
      );
      assert.ok(fault instanceof Error && "kind" in fault);
      assert.equal(fault.kind, kind);
      assert.doesNotMatch(fault.message, /secret-key/);
      if (kind === "refused") return;
      await assert.rejects(
        rpc.batch([{ method: "a", params: [] }]).then(([one]) => {
          if (one !== undefined && "fault" in one) throw one.fault;
        }),
        { name: "NodeFault" },
      );
    }));
}
