import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ENDPOINTS } from "@strongroom/sdk/contract/table";
import { api } from "./api.ts";
import { askedFrom, endpointOf, fieldsOf, jsonOf } from "./asked.ts";

const folder = await mkdtemp(join(tmpdir(), "strongroom-asked-"));
after(() => rm(folder, { recursive: true, force: true }));

test("words become what an endpoint is asked, each in its part and of its type", async () => {
  const asked = (name: string, ...words: string[]) => askedFrom(endpointOf(name).endpoint, words, undefined);
  assert.deepEqual(await asked("clients.create", "name=acme", "label=Acme = AG", "unit=bank"), {
    body: { name: "acme", label: "Acme = AG", unit: "bank" },
  });
  assert.deepEqual(await asked("addresses.create", "wallet=w", "index=3"), { params: { wallet: "w" }, body: { index: 3 } });
  assert.deepEqual(await asked("clients.create", "name=1", "label=2", "unit=3"), {
    body: { name: "1", label: "2", unit: "3" },
  });
  assert.deepEqual(await asked("users.change", "name=tom", "disabled=true"), {
    params: { name: "tom" },
    body: { disabled: true },
  });
  assert.deepEqual(await asked("deposits.list", "limit=5"), { query: { limit: "5" } });
  const quote = ["chain=1", "from=0xa", "to=0xb", "asset=eth", "amount=340282366920938463463374607431768211456"];
  assert.deepEqual((await asked("chains.quote", ...quote)).body?.["amount"], 2n ** 128n);
  assert.deepEqual(await asked("audit.tile", "*=0/000"), { params: { "*": "0/000" } });
});

test("files give bytes and bodies, and named fields go before a body", async () => {
  const path = join(folder, "fact");
  await writeFile(path, Uint8Array.of(0, 255, 7));
  const { endpoint } = endpointOf("facts.create");
  assert.deepEqual((await askedFrom(endpoint, [`fact=@${path}`], undefined)).body, { fact: Uint8Array.of(0, 255, 7) });
  const clients = endpointOf("clients.create").endpoint;
  const body = { name: "acme", label: "Acme", unit: "bank" };
  assert.deepEqual(await askedFrom(clients, ["unit=desk"], body), { body: { ...body, unit: "desk" } });
  await assert.rejects(askedFrom(clients, [], [body]), { code: "USAGE", field: "body" });
});

test("what does not fit is told with its field", async () => {
  for (const [name, words, field] of [
    ["clients.create", ["name=Acme", "label=x", "unit=bank"], "name"],
    ["clients.create", ["label=x", "unit=bank"], "name"],
    ["clients.create", ["nam=x"], "nam"],
    ["clients.create", ["name"], "name"],
    ["me.get", ["name=x"], "name"],
    ["deposits.list", ["limit=0"], "limit"],
  ] as const) {
    await assert.rejects(askedFrom(endpointOf(name).endpoint, words, undefined), { code: "USAGE", field }, words.join(" "));
  }
  assert.throws(() => endpointOf("client.create"), { code: "USAGE" });
});

test("every endpoint has help, and takes what its shapes say", () => {
  for (const [name, endpoint] of Object.entries(ENDPOINTS)) {
    const help = api.about?.(name) ?? "";
    assert.ok(help.includes(endpoint.path) && help.includes(endpoint.summary), name);
    for (const field of fieldsOf(endpoint)) assert.ok(help.includes(`${field.name}=VALUE`), `${name} ${field.name}`);
  }
  assert.equal(api.about?.("nothing"), null);
});

test("answers become JSON again", () => {
  const { endpoint } = endpointOf("vault.relay");
  assert.deepEqual(jsonOf(endpoint, { receipt: Uint8Array.of(1) }), { receipt: "AQ==" });
  assert.equal(jsonOf(endpointOf("audit.tile").endpoint, Uint8Array.of(1)), "AQ==");
});
