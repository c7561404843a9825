/** Administrators confirm starts of a real vault through the server, one after the other: an ordinary one, and one that is
 *  suspected. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { StartView } from "@strongroom/sdk/contract/governance";
import { showStart } from "@strongroom/sdk/verify/start";
import type { Approval } from "../../core/src/signed/approval.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { furnish, openHouse, pay, say, settled, type TestHouse, until } from "../world/house.ts";
import { type Device, device, someHash } from "../world/keys.ts";
import * as world from "../world/world.ts";
import { asking } from "./api.ts";

const { ETH, KEYS } = world;

let house: TestHouse;
before(async () => {
  house = await openHouse();
  await furnish(house);
  await house.enrol("ada", "approver");
  await house.enrol("trader", "trader");
});
after(() => house.close());

async function restart(between: () => Promise<void> = async () => undefined): Promise<void> {
  await house.vault.kill();
  await between();
  await house.vault.start();
}

/** The start as the server shows it, checked as a device checks it. */
async function startNow(): Promise<StartView> {
  const session = await house.session();
  const view = await until("the server sees the vault", () =>
    house
      .as("trader")
      .call("starts.get", {})
      .catch(() => null),
  );
  const shown = showStart(view.start, { deployment: session.deployment, vault: session.vault, book: session.book() });
  assert.deepEqual([shown.id, shown.start.number, shown.start.suspicion ?? null], [view.id, view.number, view.suspicion]);
  return view;
}

/** A word on the present start. */
async function word(key: Device, change: Partial<Approval> = {}): Promise<Uint8Array> {
  const session = await house.session();
  const { head, boot } = session.head();
  const view = await house.as("admin").call("starts.get", {});
  const { start } = showStart(view.start, { deployment: session.deployment, vault: session.vault, book: session.book() });
  return world.approveStart({ book: session.book(), head, boot, notAfter: Date.now() + world.HOUR }, start, { key, change });
}

async function confirm(key: Device, change: Partial<Approval> = {}): Promise<StartView> {
  return house.as("ada").call("starts.confirm", { body: { approval: await word(key, change) } });
}

const whoIn = ({ confirmations }: StartView) =>
  confirmations.flatMap(({ person, current }) => (current ? [person] : [])).sort();

test("two administrators confirm a start, and what was approved before it goes on", async () => {
  const { id } = await pay(house, ETH);
  await say(house, id, { by: "amy" });
  await restart();
  const view = await startNow();
  assert.deepEqual([view.number, view.confirmed, view.threshold, view.missing], [2, false, 2, 2]);
  await say(house, id, { by: "bob" });
  await until("the vault misses what was said before", async () => {
    const { answer } = await house.as("admin").call("requests.get", { params: { id } });
    return answer?.code === "INITIATOR_MISSING";
  });
  const first = await confirm(KEYS.ada);
  assert.deepEqual([whoIn(first), first.missing, first.confirmed], [["ada"], 1, false]);
  const again = await confirm(KEYS.ada, { notAfter: Date.now() + world.MINUTE });
  assert.deepEqual(again.confirmations, first.confirmations, "who has spoken is not noted twice");
  const second = await confirm(KEYS.ben);
  assert.deepEqual([whoIn(second), second.missing, second.confirmed], [["ada", "ben"], 0, true]);
  assert.equal((await confirm(KEYS.cleo)).confirmed, true, "one more is kept");
  await settled(house, id);
  const items = await until("all three are told", async () => {
    const told = await house.as("admin").call("events.list", { query: { type: "start.confirmed" } });
    return told.items.length < 3 ? null : told.items;
  });
  assert.deepEqual(
    items.map(({ data }) => [data["person"], data["counts"]]),
    [
      ["ada", false],
      ["ben", true],
      ["cleo", true],
    ],
  );
});

test("two words that come at once confirm a start", async () => {
  await restart();
  const words = await Promise.all([KEYS.ada, KEYS.ben].map((key) => word(key)));
  await Promise.all(words.map((approval) => house.as("ada").call("starts.confirm", { body: { approval } })));
  await until("it is confirmed", async () => (await startNow()).confirmed);
});

test("what was approved before goes on with the next word where others were told to the vault itself", async () => {
  const { id } = await pay(house, ETH);
  await say(house, id, { by: "amy" });
  await restart();
  await say(house, id, { by: "bob" });
  await until("the vault misses what was said before", async () => {
    const { answer } = await house.as("admin").call("requests.get", { params: { id } });
    return answer?.code === "INITIATOR_MISSING";
  });
  const approvals = [await word(KEYS.ada), await word(KEYS.ben)];
  assert.equal((await house.vault.ask({ command: "confirm", approvals })).code, "OK");
  assert.equal((await confirm(KEYS.ada)).confirmed, true);
  await settled(house, id);
});

test("a word that would not count is refused and spoils no other", async () => {
  await restart();
  const wrong = { code: "SIGNED_WRONG", field: "body.approval" };
  await assert.rejects(confirm(KEYS.amy), wrong, "no administrator");
  await assert.rejects(confirm(device("mallory")), wrong, "no key of ours");
  await assert.rejects(confirm(KEYS.ada, { decision: "seen" }), wrong);
  await assert.rejects(confirm(KEYS.ada, { subject: someHash("another start") }), wrong);
  await assert.rejects(confirm(KEYS.ada, { textHash: someHash("another text") }), { vaultCode: "TEXT_MISMATCH" });
  await assert.rejects(confirm(KEYS.ada, { notAfter: Date.now() + 10 * world.DAY }), { vaultCode: "NOT_AFTER_TOO_FAR" });
  const body = { approval: await word(KEYS.ada) };
  await assert.rejects(house.as("trader").call("starts.confirm", { body }), { code: "FORBIDDEN" });
  assert.deepEqual((await startNow()).confirmations, []);
  // One that is over by the time it is enough is left out.
  await confirm(KEYS.ada, { notAfter: Date.now() + 2_000 });
  await until("it is over", async () => (await startNow()).confirmations.every(({ current }) => !current));
  assert.equal((await confirm(KEYS.ben)).missing, 1);
  const last = await confirm(KEYS.ada);
  assert.deepEqual([whoIn(last), last.confirmed], [["ada", "ben"], true]);
});

test("a suspected start says why, and refuses no rulebook for good before it is confirmed", async () => {
  await restart(() => rm(join(house.folder, "vault", "data", "journal.mark")));
  const view = await startNow();
  assert.deepEqual([view.suspicion, view.confirmed, view.missing], ["unmarked", false, 2]);
  const next = world.nextRulebook(house.vault.made.book, { limits: [] });
  const body = { rulebook: world.signValue(Rulebook, next, KEYS.ada, KEYS.ben) };
  const propose = () => house.as("admin").call("rulebooks.create", { body });
  const once = asking(house.servers[0]?.url ?? "", house.token("admin"));
  const said = await once("POST", "/v1/rulebooks", { body: { rulebook: Buffer.from(body.rulebook).toString("base64") } });
  assert.deepEqual([said.status, said.json["code"], said.headers.get("retry-after")], [503, "VAULT_UNREACHABLE", null]);
  await confirm(KEYS.cleo);
  const confirmed = await confirm(KEYS.ben);
  assert.deepEqual([whoIn(confirmed), confirmed.confirmed, confirmed.suspicion], [["ben", "cleo"], true, "unmarked"]);
  assert.equal((await propose()).state, "waiting");
});
