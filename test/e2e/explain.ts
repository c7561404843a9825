/** `strongroom explain`, as it is asked through a server and straight to the vault. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ask, type Json, run } from "./command.ts";

type Order = {
  readonly code: string;
  readonly denies: readonly string[];
  readonly approved: readonly string[];
  readonly could: readonly string[];
};

/** Where it is tried: `id` is a request for a payment of ETH that tom has signed and amy approved. */
export type Place = { readonly home: string; readonly folder: string; readonly id: string };

/** Asserts that a request, an intent in a file, and a draft are explained. */
export async function demandExplained({ home, folder, id }: Place): Promise<void> {
  const told = await explained(home, id.slice(0, 12));
  assert.deepEqual([told.body["draft"], told.order.code], [false, "QUORUM_MISSING"]);
  assert.deepEqual(told.order.approved.toSorted(), ["amy", "tom"]);
  assert.deepEqual(told.order.could, ["bob", "carl"]);
  const shown = await run(["explain", id.slice(0, 12), "--home", home]);
  assert.equal(shown.status, 0, shown.stderr);
  for (const line of [
    /^verdict {4}QUORUM_MISSING {2}rules\.two-approvers/m,
    /^✓ {2}rules\.traders-pay {2,}a rule allows$/m,
    /^✗ {2}rules\.two-approvers {2,}2 of approvers, initiator excluded {2,}QUORUM_MISSING/m,
    /^missing {8}1 of approvers, for rules\.two-approvers$/m,
    /^could approve {2}bob, carl$/m,
    /^limits {9}\S+: \S+ eth used, 0\.\d+ eth added, leaves \S+ eth of \S+ eth$/m,
  ])
    assert.match(shown.stdout, line);
  const draft = await writeDraft(home, folder);
  const dry = await explained(home, id.slice(0, 12), "--draft", draft);
  assert.deepEqual([dry.body["draft"], dry.order.denies], [true, ["never"]]);
  const file = join(folder, "pay.json");
  const words = ["pay", "0.2", "eth", "--from", "treasury", "--to", "northwind", "--key", "tom", "--yes", "--out", file];
  assert.equal((await ask(home, ...words)).status, 0);
  assert.equal((await explained(home, file)).order.denies.length, 0);
  const bare = join(folder, "intent.cbor");
  const { intent } = JSON.parse(await readFile(file, "utf8")) as { intent: string };
  await writeFile(bare, Buffer.from(intent, "base64"));
  assert.equal((await explained(home, bare)).order.code, "INITIATOR_MISSING");
  await writeFile(bare, "nothing");
  assert.equal((await ask(home, "explain", bare)).json["code"], "FILE_UNFIT");
}

async function explained(home: string, ...args: readonly string[]): Promise<{ readonly body: Json; readonly order: Order }> {
  const { status, json } = await ask(home, "explain", ...args);
  assert.equal(status, 0, JSON.stringify(json));
  const body = json["explanation"] as Json;
  const [order] = body["orders"] as readonly Order[];
  assert.ok(order !== undefined);
  return { body, order };
}

/** The rulebook in force with a deny more, as the next one. */
async function writeDraft(home: string, folder: string): Promise<string> {
  const { json } = await ask(home, "rulebook", "show");
  const rulebook = json["rulebook"] as Json & { rules: readonly Json[]; epoch: number };
  const never = { ...rulebook.rules.find(({ effect }) => effect === "deny"), id: "never", classes: "any" };
  const next = { ...rulebook, epoch: rulebook.epoch + 1, base: json["id"], rules: [...rulebook.rules, never] };
  const path = join(folder, "next.json");
  await writeFile(path, JSON.stringify(next));
  return path;
}
