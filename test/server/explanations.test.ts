/** What the vault says of requests before it decides: kept with every decision, shown with its signature, and dry runs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Explanation } from "@strongroom/sdk/contract/requests";
import { makeEntry, makePayment } from "@strongroom/sdk/device/make";
import { openExplanation, type Wanted } from "@strongroom/sdk/verify/explanation";
import { sql } from "kysely";
import { Leaf } from "../../core/src/audit/leaf.ts";
import type { Hash } from "../../core/src/bytes.ts";
import type { Explained } from "../../core/src/protocol/explanation.ts";
import { OPEN } from "../../core/src/rulebook/open.ts";
import { decode, encode, idOf } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { openDatabase } from "../../server/src/db/open.ts";
import { CHAIN } from "../world/chain.ts";
import { furnish, inState, openHouse, pay, request, say, settled, signerOf, type TestHouse, until } from "../world/house.ts";
import { ETH, KEYS, nextRulebook, signValue } from "../world/world.ts";

let house: TestHouse;
before(async () => {
  house = await openHouse();
  await furnish(house);
});
after(() => house.close());

const listed = async (id: string): Promise<readonly Explanation[]> =>
  (await house.as("admin").call("explanations.list", { params: { id } })).items;

/** The explanation in a receipt, checked as a device checks it. */
async function told(receipt: Uint8Array | null, id: string, draft?: Hash) {
  assert.ok(receipt !== null);
  const session = await house.session();
  const wanted: Wanted = { intents: [id as Hash], ...(draft !== undefined && { draft }) };
  return openExplanation(receipt, wanted, session);
}

/** Waits until the newest explanation of a request fits. */
function newest(id: string, fits: (order: Explained, shown: Explanation) => boolean) {
  return until("an explanation fits", async () => {
    const [shown] = await listed(id);
    if (shown === undefined) return null;
    const body = await told(shown.receipt, id);
    assert.deepEqual([shown.code, shown.field, shown.detail], [body.code, body.field, body.detail]);
    const [order] = body.orders;
    return order !== undefined && fits(order, shown) && { order, shown };
  });
}

/** Events about a subject that name an explanation, and whether the log's leaf names the same receipt. */
async function eventsNaming(id: string): Promise<readonly { type: string; inLeaf: boolean }[]> {
  const { items } = await house.as("admin").call("events.list", { query: { limit: "200" } });
  return items
    .filter(({ data }) => (data as { explanation?: string } | null)?.explanation === id)
    .map(({ type, leaf }) => ({ type, inLeaf: (decode(Leaf, leaf).signed ?? []).includes(id as Hash) }));
}

test("each decision keeps the vault's explanation, and its event names it", async () => {
  const { id } = await pay(house, ETH);
  const first = await newest(id, ({ approved }) => approved.length === 1);
  assert.deepEqual([first.shown.code, first.order.could], ["QUORUM_MISSING", ["amy", "bob", "carl"]]);
  await say(house, id, { by: "amy" });
  const second = await newest(id, ({ approved }) => approved.length === 2);
  assert.deepEqual([second.shown.code, second.order.could], ["QUORUM_MISSING", ["bob", "carl"]]);
  await say(house, id, { by: "bob" });
  await settled(house, id);
  const all = await listed(id);
  assert.deepEqual(
    all.map(({ code }) => code),
    ["OK", "OK", "QUORUM_MISSING", "QUORUM_MISSING"],
  );
  const named: { readonly type: string; readonly inLeaf: boolean }[] = [];
  for (const one of all) {
    const events = await until("it is in the log", async () => {
      const found = await eventsNaming(one.id);
      return found.length > 0 && found;
    });
    named.push(...events);
  }
  assert.deepEqual(
    named.map(({ type, inLeaf }) => [type, inLeaf]),
    [
      ["execution.signed", false],
      ["execution.reserved", true],
      ["request.refused", true],
      ["request.refused", true],
    ],
  );
});

test("what is carried out off the chain keeps its explanation too", async () => {
  const entry = { name: "zeta", party: "Zeta", chain: CHAIN, address: "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955" } as const;
  const by = { known: await house.session(), signer: signerOf("tina"), words: { purpose: "new" } };
  const { id } = await request(house, { by: "tina", shown: makeEntry(by, { ...entry, class: "exchange", assets: "any" }) });
  await newest(id, ({ code }) => code === "QUORUM_MISSING");
  await say(house, id, { by: "carl" });
  await inState(house, id, "consumed");
  const { shown } = await newest(id, ({ code }) => code === "OK");
  await until("it is in the log", async () => (await eventsNaming(shown.id)).some(({ type }) => type === "request.consumed"));
});

test("a dry run leaves nothing, with the approvals of a request where there is one", async () => {
  const client = house.as("admin");
  const known = await house.session();
  const by = { known, signer: signerOf("tom"), words: { purpose: "dry" } };
  const what = { wallet: "treasury", to: "kraken", asset: "eth", amount: 11n * ETH, totalFee: ETH / 100n };
  const shown = await makePayment(by, what);
  const ask = (more: object = {}) => client.call("explanations.create", { body: { intent: shown.bytes, ...more } });
  const dry = await told((await ask()).receipt, shown.id);
  assert.deepEqual([dry.code, dry.orders[0]?.approved], ["INITIATOR_MISSING", []]);
  assert.ok(dry.orders[0]?.steps.some(({ code }) => code === "NOT_ALLOWED"));
  await assert.rejects(client.call("requests.get", { params: { id: shown.id } }), { code: "NOT_FOUND" });
  const { id } = await pay(house, 2n * ETH);
  await say(house, id, { by: "amy" });
  const row = await client.call("requests.get", { params: { id } });
  const { receipt } = await client.call("explanations.create", { body: { intent: row.intent } });
  assert.deepEqual((await told(receipt, id)).orders[0]?.approved, ["tom", "amy"]);
  assert.equal((await house.session()).head().head.seq, known.head().head.seq, "no record was made");
});

test("a dry run by a draft, in bytes or waiting", async () => {
  const client = house.as("admin");
  const { book } = house.vault.made;
  const { id } = await pay(house, ETH);
  const { intent } = await client.call("requests.get", { params: { id } });
  const deny = { ...OPEN, id: "never", effect: "deny", kinds: ["pay"] } as const;
  const next = nextRulebook(book, { rules: [...book.document.rules.slice(1), deny] });
  const bytes = encode(Rulebook, next);
  const draft = idOf(Rulebook, bytes);
  const sent = await client.call("explanations.create", { body: { intent, draft: bytes } });
  const dry = await told(sent.receipt, id, draft);
  assert.deepEqual([dry.draft, dry.code, dry.orders[0]?.denies], [true, "DENIED", ["never"]]);
  const { state } = await client.call("rulebooks.create", {
    body: { rulebook: signValue(Rulebook, next, KEYS.ada, KEYS.ben) },
  });
  assert.equal(state, "waiting");
  const waiting = await client.call("explanations.create", { body: { intent, rulebook: draft } });
  assert.equal((await told(waiting.receipt, id, draft)).code, "DENIED");
  const stranger = { intent, rulebook: "ab".repeat(32) };
  await assert.rejects(client.call("explanations.create", { body: stranger }), { code: "NOT_FOUND", field: "body.rulebook" });
  const unsound = { intent, draft: encode(Rulebook, book.document) };
  await assert.rejects(client.call("explanations.create", { body: unsound }), { vaultCode: "RULEBOOK_BASE" });
  await assert.rejects(client.call("explanations.create", { body: { intent: Uint8Array.of(1) } }), { code: "SIGNED_WRONG" });
  const huge = { intent, draft: new Uint8Array(1_000_000) };
  await assert.rejects(client.call("explanations.create", { body: huge }), { code: "TOO_LARGE", field: "request.draft" });
  const none = { intent, draft: new Uint8Array(0) };
  await assert.rejects(client.call("explanations.create", { body: none }), { code: "BAD_REQUEST", field: "request.draft" });
});

test("only who sees the wallet and the request is told", async () => {
  const admin = house.as("admin");
  const { id } = await pay(house, ETH);
  await newest(id, () => true);
  const { intent } = await admin.call("requests.get", { params: { id } });
  await admin.call("units.create", { body: { name: "branch", label: "Branch", parent: "bank" } });
  const clerk = await house.enrol("clerk", "operator", { unit: "branch" });
  await assert.rejects(clerk.call("explanations.create", { body: { intent } }), { code: "NOT_FOUND" });
  await assert.rejects(clerk.call("explanations.list", { params: { id } }), { code: "NOT_FOUND" });
});

test("an explanation that somebody has put into the database is not shown", async () => {
  const [mine, other] = [await pay(house, ETH), await pay(house, 2n * ETH)];
  for (const { id } of [mine, other]) await newest(id, () => true);
  const owner = openDatabase({ url: house.database.ownerUrl, connections: 1 });
  const swap = sql`update explanation set request = ${mine.id} where request = ${other.id}`;
  try {
    await swap.execute(owner.db);
    await assert.rejects(listed(mine.id), { code: "RECORD_TAMPERED" });
    assert.deepEqual(await listed(other.id), []);
  } finally {
    await owner.close();
  }
});
