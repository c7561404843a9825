/** The log over the API and as files: proofs, visibility, export and offline verification by the CLI, and every lie in a
 *  folder found. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { Leaf } from "../../core/src/audit/leaf.ts";
import { formatCheckpoint, formatNote } from "../../core/src/audit/note.ts";
import { formatTile, readEntries, writeEntries } from "../../core/src/audit/tile.ts";
import { append, leafHash, NO_LEAVES, rootOf } from "../../core/src/audit/tree.ts";
import { ascii, type Hash, toHex } from "../../core/src/bytes.ts";
import { decode, encode } from "../../core/src/signed/object.ts";
import { openClient } from "../../sdk/src/client.ts";
import { checkConsistency, checkInclusion } from "../../sdk/src/verify/log.ts";
import { originOf } from "../../server/src/audit/checkpoints/jobs.ts";
import { audit } from "../../server/src/audit/http.ts";
import { events } from "../../server/src/events/http.ts";
import type { Lease } from "../../server/src/jobs/store.ts";
import { vault as vaultHandlers } from "../../server/src/vault/http.ts";
import { openVaultLink, type VaultLink } from "../../server/src/vault/link.ts";
import { leaseOf, number, tell } from "../world/events.ts";
import { type Standing, standVault } from "../world/standing.ts";
import { KEYS, makeWorld, type World } from "../world/world.ts";
import { type Api, openApi } from "./api.ts";

let house: Standing;
let link: VaultLink;
let api: Api;
let lease: Lease;
const grow = () => number(api.made.db, { lease, deployment: house.made.deployment });

before(async () => {
  house = await standVault();
  link = openVaultLink({ socket: house.socket, pin: house.made.deployment });
  const rulebooks = { "rulebooks.list": async () => ({ items: [], next: null }) };
  api = await openApi({ handlers: { ...audit, ...events, ...vaultHandlers, ...rulebooks }, more: { vault: link } });
  lease = await leaseOf(api.made.db);
  await tell(api.made.db, "first", 300, "bank");
  await grow();
});
after(async () => {
  await api.close();
  link.close();
  await house.clean();
});

const MAIN = join(import.meta.dirname, "..", "..", "cli", "src", "main.ts");

/** One command of the CLI: its exit code and its JSON. */
function strongroom(...args: readonly string[]): Promise<{ exit: number; json: Record<string, unknown> }> {
  const env = { ...process.env, STRONGROOM_HOME: join(house.folder, "nowhere"), NO_COLOR: "1" };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args, "--json"], { env }, (error, stdout, stderr) => {
      const exit = error === null ? 0 : Number(error.code);
      resolve({ exit, json: stdout === "" ? { stderr } : JSON.parse(stdout) });
    });
  });
}

const folder = (name: string) => join(house.folder, name);

async function exportTo(name: string): Promise<void> {
  const tokenFile = folder("token");
  await writeFile(tokenFile, `${api.admin}\n`, { mode: 0o600 });
  const { exit, json } = await strongroom("audit", "export", folder(name), "--server", api.url, "--token-file", tokenFile);
  assert.equal(exit, 0, JSON.stringify(json));
}

test("proofs over the API verify against what the vault signs", async () => {
  const client = openClient({ url: api.url, token: api.admin });
  await assert.rejects(client.call("audit.checkpoint"), { code: "NOT_FOUND" });
  const head = await client.call("audit.sign", { body: {} });
  const { items } = await client.call("events.list", { query: { after: "41", limit: "1" } });
  const inclusion = await client.call("audit.inclusion", { query: { leaf: "42", size: String(head.size) } });
  const [event] = items;
  assert.ok(event !== undefined);
  checkInclusion({ leaf: event.leaf, number: 42, proof: inclusion.proof }, { size: head.size, root: head.root as Hash });
  await tell(api.made.db, "second", 5, "bank");
  await grow();
  const next = await client.call("audit.sign", { body: {} });
  const { proof } = await client.call("audit.consistency", { query: { from: String(head.size), to: String(next.size) } });
  const extent = ({ size, root }: { size: number; root: string }) => ({ size, root: root as Hash });
  checkConsistency({ before: extent(head), after: extent(next) }, proof);
  for (const query of [
    { leaf: "5", size: "999999" },
    { leaf: "305", size: "300" },
  ]) {
    await assert.rejects(client.call("audit.inclusion", { query }), { code: "BAD_REQUEST" });
  }
});

test("a page of events goes on exactly where the last one ended, and a stream loses nothing", async () => {
  const client = openClient({ url: api.url, token: api.admin });
  const seen: number[] = [];
  let after: string | undefined;
  for (;;) {
    const { items, next } = await client.call("events.list", {
      query: { limit: "77", ...(after === undefined ? {} : { after }) },
    });
    seen.push(...items.map((event) => event.number));
    if (items.length === 0) break;
    after = String(next);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: seen.length }, (_, at) => at),
  );
  const ending = new AbortController();
  const streamed: number[] = [];
  for await (const event of client.events({ after: 290, signal: ending.signal })) {
    streamed.push(event.number);
    if (streamed.length === 3) {
      await tell(api.made.db, "third", 4, "bank");
      await grow();
    }
    if (event.number === seen.length + 3) break;
  }
  assert.deepEqual(
    streamed,
    Array.from({ length: streamed.length }, (_, at) => 291 + at),
  );
});

test("leaves are shown to who sees the whole institution only", async () => {
  const unit = await api.ask("POST", "/v1/units", { body: { name: "desk", label: "Desk", parent: "bank" } });
  assert.equal(unit.status, 201, unit.text);
  const token = await api.user("dora", { role: "auditor", unit: "desk" });
  assert.equal((await api.ask("GET", "/v1/audit/log/tile/entries/000", { token })).status, 403);
  assert.equal((await api.ask("GET", "/v1/audit/log/tile/0/000", { token })).status, 200);
  assert.equal((await api.ask("GET", "/v1/audit/log/tile/0/000.p/255")).status, 200);
  assert.equal((await api.ask("GET", "/v1/audit/log/tile/entries/x001/000")).status, 404);
  assert.equal((await api.ask("GET", "/v1/audit/log/tile/0/001")).status, 404);
  for (const path of ["0/0000", "0/x000/000", "00/000", "9/000", "0/000.p/256", "0/000.p/0"]) {
    assert.equal((await api.ask("GET", `/v1/audit/log/tile/${path}`)).status, 400, path);
  }
  await grow();
  const { json } = await api.ask("GET", "/v1/events", { token });
  const mine = json["items"] as { unit: string | null }[];
  assert.ok(mine.length > 0 && mine.every((event) => event.unit === "desk"));
});

test("an exported folder verifies with nothing but the genesis, and continues one that was kept", async () => {
  await exportTo("log");
  const kept = folder("kept");
  await cp(join(folder("log"), "checkpoint"), kept);
  await cp(join(folder("log"), "checkpoint.cbor"), `${kept}.cbor`);
  await tell(api.made.db, "fourth", 300, "bank");
  await grow();
  await api.ask("POST", "/v1/audit/checkpoints", { body: {} });
  await exportTo("log");
  for (const since of [kept, `${kept}.cbor`]) {
    const found = await strongroom("audit", "verify", folder("log"), "--genesis", house.made.deployment, "--since", since);
    assert.equal(found.exit, 0, JSON.stringify(found.json));
    assert.ok((found.json["size"] as number) > 600 && found.json["epoch"] === 1);
  }
  const alone = await strongroom("audit", "verify", folder("log"), "--genesis", join(folder("log"), "genesis.cbor"));
  assert.equal(alone.exit, 0);
});

/** Another log, as a server would show it that signs with a key of its own. */
async function forgeNote(name: string): Promise<void> {
  const origin = originOf(house.made.deployment);
  const text = formatCheckpoint({ origin, size: 1, root: toHex(rootOf(NO_LEAVES)) as Hash });
  const key = { name: origin, publicKey: KEYS.mallory.publicKey };
  await writeFile(
    join(folder(name), "checkpoint"),
    formatNote(text, { key, signature: KEYS.mallory.sign(ascii(text)).signature }),
  );
}

const flip = (path: string, at: number) => async (name: string) => {
  const bytes = await readFile(join(folder(name), path));
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(join(folder(name), path), bytes);
};

/** Changes one leaf and everything above it in the folder, so that only the root gives it away. */
async function rewrite(name: string): Promise<void> {
  const path = (file: string) => join(folder(name), "tile", file);
  const entries = readEntries(new Uint8Array(await readFile(path("entries/000"))), 256).map((entry, at) =>
    at === 9 ? encode(Leaf, { ...decode(Leaf, entry), subject: "forged" }) : entry,
  );
  await writeFile(path("entries/000"), writeEntries(entries));
  const hashes = entries.map(leafHash);
  await writeFile(path("0/000"), Buffer.concat(hashes));
  const above = await readFile(path("1/000.p/2"));
  above.set(rootOf(append(NO_LEAVES, hashes).tree), 0);
  await writeFile(path("1/000.p/2"), above);
}

const LIES: Record<string, [lie: (name: string) => Promise<unknown>, exit: number, words: RegExp]> = {
  "a bit of a leaf's number": [flip("tile/entries/000", 2 + 2 + 1 + 35 + 2), 4, /leaf 0/],
  "a bit of a leaf's hash": [flip("tile/entries/001", 600), 4, /leaf|root|tile/],
  "a bit of a tile": [flip("tile/0/000", 32 * 77), 4, /from leaf 77 on/],
  "a bit of a tile above": [flip("tile/1/000.p/2", 33), 4, /from leaf 256 on/],
  "a leaf and all above it": [rewrite, 4, /root/],
  "the note's root": [flip("checkpoint", 100), 4, /./],
  "a note of another key": [forgeNote, 4, /./],
  "a bit of the signed checkpoint": [flip("checkpoint.cbor", 60), 4, /./],
  "a bit of the genesis": [flip("genesis.cbor", 40), 4, /./],
  "a bit of the rulebook": [flip("rulebooks/1.cbor", 90), 4, /./],
  "a tile is missing": [(name) => rm(join(folder(name), "tile/0/001")), 3, /./],
};

test("every lie in a folder is an alarm that names its place", async (t) => {
  for (const [name, [lie, exit, words]] of Object.entries(LIES)) {
    await cp(folder("log"), folder("lie"), { recursive: true });
    await lie("lie");
    const found = await strongroom("audit", "verify", folder("lie"), "--genesis", house.made.deployment);
    assert.equal(found.exit, exit, `${name}: ${JSON.stringify(found.json)}`);
    assert.match(`${found.json["field"]} ${found.json["detail"]}`, words, name);
    await rm(folder("lie"), { recursive: true });
  }
  t.diagnostic(`count: attacks: ${Object.keys(LIES).length} lies in an exported log, all found`);
});

/** A whole log in a folder whose vault's key is known. */
async function signedLog(name: string, { deployment, signedGenesis }: World, subjects: readonly string[]): Promise<void> {
  const leaves = subjects.map((subject, number) =>
    encode(Leaf, {
      version: 1,
      deployment,
      number,
      at: 1,
      type: "payment.made",
      actor: "tom",
      subject,
      dataHash: toHex(leafHash(ascii(subject))) as Hash,
    }),
  );
  const hashes = leaves.map(leafHash);
  const head = {
    origin: originOf(deployment),
    size: leaves.length,
    root: toHex(rootOf(append(NO_LEAVES, hashes).tree)) as Hash,
  };
  const text = formatCheckpoint(head);
  const key = { name: head.origin, publicKey: KEYS.vault.publicKey };
  const files: Record<string, Uint8Array | string> = {
    "genesis.cbor": signedGenesis,
    checkpoint: formatNote(text, { key, signature: KEYS.vault.sign(ascii(text)).signature }),
    [formatTile({ level: 0, index: 0, width: leaves.length })]: Buffer.concat(hashes),
    [formatTile({ level: "entries", index: 0, width: leaves.length })]: writeEntries(leaves),
  };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder(name), path)), { recursive: true });
    await writeFile(join(folder(name), path), content);
  }
}

test("two auditors who were shown two logs find out by their checkpoints", async () => {
  // No vault signs two histories, unless its disk was rolled back: here its key is known, so that both are signed well.
  const founded = makeWorld();
  await signedLog("one", founded, ["a", "b", "c"]);
  await signedLog("two", founded, ["a", "x", "c", "d"]);
  const verify = (name: string, since: string) => {
    const kept = join(folder(since), "checkpoint");
    return strongroom("audit", "verify", folder(name), "--genesis", founded.deployment, "--since", kept);
  };
  for (const name of ["one", "two"]) assert.equal((await verify(name, name)).exit, 0);
  for (const [name, since] of [
    ["two", "one"],
    ["one", "two"],
  ] as const) {
    const { exit, json } = await verify(name, since);
    assert.deepEqual([exit, json["code"], json["field"]], [4, "LOG_FORGED", "since"]);
  }
});
