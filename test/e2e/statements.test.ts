/** Everything that a rulebook can have stated, by sources as processes of their own: requests wait for what is missing, say for
 *  what, and go on when it comes. The server, the vault, the chain and the command are the real ones. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { makeEntry, makeFreeze, makePayment, makeWallet } from "@strongroom/sdk/device/make";
import { writeConfig } from "../../cli/src/config.ts";
import { createKey } from "../../cli/src/device/keyFile.ts";
import { DEMONSTRATION_PASSPHRASE } from "../../cli/src/device/passphrase.ts";
import { type Hash, toHex } from "../../core/src/bytes.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import type { FactType } from "../../core/src/signed/fact.ts";
import type { Needed, Rulebook } from "../../core/src/signed/rulebook.ts";
import { CHAIN, calls, startAnvil } from "../world/chain.ts";
import {
  deployToken,
  fund,
  inState,
  openHouse,
  PAYEE,
  request,
  settled,
  signerOf,
  type TestHouse,
  until,
} from "../world/house.ts";
import { TOKEN } from "../world/rulebook.ts";
import { ETH, makeWorld } from "../world/world.ts";
import { ask, MAIN, makeFolder } from "./command.ts";

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
const EUR = 100n;
/** The second contract of anvil's first account. */
const FEE_TOKEN = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512";
const OUTSIDER = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
const SOURCES = {
  clock: "clock",
  nonces: "nonce",
  codes: "code",
  simulator: "simulation",
  desk: "price",
  kyt: "screening",
  vasp: "travel-rule",
} as const satisfies Record<string, FactType>;
const need = (source: keyof typeof SOURCES): Needed => {
  return { type: SOURCES[source], sources: [source], atLeast: 1, maxAgeMs: 60 * SECOND };
};

const place = await makeFolder();
const home = join(place.folder, "home");
const running: ChildProcess[] = [];
let house: TestHouse;
/** When the office opens. */
let opensAt = 0;

before(async () => {
  const keys = new Map<string, Uint8Array>();
  await mkdir(join(home, "keys"), { recursive: true, mode: 0o700 });
  await writeFile(join(home, "keys", DEMONSTRATION_PASSPHRASE), "only for tests\n", { mode: 0o600 });
  for (const name of Object.keys(SOURCES)) keys.set(name, (await createKey(home, name)).publicKey);
  house = await openHouse({ world: { rulebook: bookWith(keys, await codeOfToken()) } });
  assert.equal((await house.chain.deploy("FeeToken")).toLowerCase(), FEE_TOKEN.toLowerCase());
  await writeConfig(home, { server: house.servers[0]?.url ?? "", chains: { [CHAIN]: house.chain.url } });
  await writeFile(join(home, "genesis.pin"), `${house.vault.made.deployment}\n`, { mode: 0o600 });
  await mkdir(join(home, "tokens"));
  for (const name of Object.keys(SOURCES)) {
    await house.enrol(name, "source");
    await writeFile(join(home, "tokens", `${name}.token`), `${house.token(name)}\n`, { mode: 0o600 });
  }
});
after(async () => {
  for (const child of running) child.kill("SIGKILL");
  await house?.close();
  await place.remove();
});

/** Traders pay what is stated to be sound; the desk pays at most EUR 10,000 a day, all assets together. */
function bookWith(keys: ReadonlyMap<string, Uint8Array>, codeHash: Hash): Partial<Rulebook> {
  const plain = makeWorld().rulebook;
  const sources = Object.entries(SOURCES).map(([id, type]) => ({ id, type, publicKey: keys.get(id) as Uint8Array }));
  const sound = ["clock", "nonces", "simulator"] as const;
  const everywhere = { ...OPEN, ...NOTHING, kinds: ["pay"] } as const;
  const [open, shut] = office();
  return {
    assets: [
      ...plain.assets.map((asset) => (asset.contract === undefined ? asset : { ...asset, codeHash })),
      { id: "feex", chain: CHAIN, contract: FEE_TOKEN, decimals: 2 },
    ],
    sources: [...plain.sources, ...sources],
    rules: [
      { ...OPEN, id: "traders", effect: "allow", kinds: ["pay"], initiators: ["traders"], valueTo: 20_000n * EUR },
      { ...OPEN, id: "operations", effect: "allow", kinds: ["wallet"], initiators: ["operations"] },
      { ...OPEN, id: "book-by-day", effect: "allow", kinds: ["entry"], initiators: ["operations"], times: [open] },
      { ...OPEN, id: "not-at-night", effect: "deny", kinds: ["retire"], times: [shut] },
      { ...everywhere, id: "sound", facts: sound.map(need) },
      { ...everywhere, id: "tokens", assets: ["usdx"], facts: [need("codes")] },
      { ...everywhere, id: "strangers", classes: ["one-time"], facts: [need("kyt"), need("vasp")] },
      { ...everywhere, id: "cooling-off", destinations: ["kraken", "harbor"], entryAgeMs: 5 * SECOND },
    ],
    limits: [
      {
        ...{ id: "desk-a-day", measure: "value", level: "unit", assets: "any", most: 10_000n * EUR },
        window: { type: "fixed", calendar: "zurich", period: "day" },
      },
    ],
    units: [{ id: "bank" }, { id: "desk", parent: "bank" }],
    calendars: [calendar()],
    valuation: {
      ...{ currency: "eur", decimals: 2, sources: ["desk"], atLeast: 1, maxAgeMs: DAY },
      ...{ maxMovePpm: 200_000, moveMs: 3_600 * SECOND },
    },
  };
}

/** A calendar by which it is six in the morning until the office opens, and six in the evening from then on. */
function calendar(): Rulebook["calendars"][number] {
  opensAt = Date.now() + 25 * SECOND;
  const minute = Math.floor((opensAt % DAY) / 60_000);
  const night = 360 - minute;
  return { id: "zurich", offset: night, changes: [{ at: opensAt, offset: night + 720 }], until: opensAt + 300 * DAY };
}

function office() {
  const days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
  return [
    { calendar: "zurich", days, from: 720, to: 1440 },
    { calendar: "zurich", days, from: 0, to: 720 },
  ] as const;
}

/** Keccak-256 of the code that the token will have, from a chain of its own. */
async function codeOfToken(): Promise<Hash> {
  const chain = await startAnvil();
  try {
    await deployToken(chain);
    const code = await chain.rpc<string>("eth_getCode", TOKEN, "latest");
    return toHex(keccak_256(Buffer.from(code.slice(2), "hex"))) as Hash;
  } finally {
    await chain.stop();
  }
}

/** A source as a process of its own, until the tests end. */
function startSource(name: keyof typeof SOURCES, ...more: readonly string[]): void {
  const words = ["source", "--name", name, "--home", home, "--every", "30s", "--json"];
  const token = ["--token-file", join(home, "tokens", `${name}.token`)];
  running.push(spawn(process.execPath, [MAIN, ...words, ...token, ...more], { stdio: ["ignore", "ignore", "inherit"] }));
}

const node = () => ["--node", house.chain.url];

/** What a source states by hand. */
function stated(name: keyof typeof SOURCES, ...words: readonly string[]) {
  return ask(home, "source", "state", ...words, "--name", name, "--token-file", join(home, "tokens", `${name}.token`));
}

async function makerOf(name: string) {
  return { known: await house.session(), signer: signerOf(name), words: { purpose: "test" } };
}

/** A payment out of the desk's wallet, requested by tom. */
async function pay(to: string | { address: string }, asset: string, amount: bigint): Promise<string> {
  const what = { wallet: "desk-1", to, asset, amount, totalFee: ETH / 1_000n };
  return (await request(house, { by: "tom", shown: await makePayment(await makerOf("tom"), what) })).id;
}

async function enter(name: string, address: string): Promise<string> {
  const entry = { name, party: "A party", chain: CHAIN, address, class: "exchange", assets: "any" } as const;
  return (await request(house, { by: "tina", shown: makeEntry(await makerOf("tina"), entry) })).id;
}

/** Waits until the vault has answered so to a request, and gives its words. */
function answered(id: string, code: string, field: string) {
  return until(`${code} at ${field}`, async () => {
    const { answer } = await house.as("admin").call("requests.get", { params: { id } });
    return answer?.code === code && answer.field === field && answer;
  });
}

/** How long after the last fact that it waited for a request was carried out. */
async function lateness(id: string): Promise<number> {
  const client = house.as("admin");
  const { items } = await client.call("facts.list", { query: { limit: "200" } });
  const mine = items.filter(({ subject }) => ["clock", `intent:${id}`, `nonce:${CHAIN}:${address}`].includes(subject));
  const first = new Map(mine.map(({ subject, at }) => [subject, Date.parse(at)]));
  assert.equal(first.size, 3);
  const [execution] = (await client.call("executions.list", { query: { request: id } })).items;
  return Date.parse(execution?.createdAt ?? "") - Math.max(...first.values());
}

let address = "";

test("what the hour forbids is carried out when the hour comes", async () => {
  const entering = await enter("kraken", PAYEE);
  await answered(entering, "NOT_ALLOWED", "rules");
  const opening = { chain: CHAIN, wallet: "desk-1", walletClass: "hot", unit: "desk" } as const;
  const opened = await request(house, { by: "tina", shown: makeWallet(await makerOf("tina"), opening) });
  await inState(house, opened.id, "consumed");
  const client = house.as("admin");
  assert.equal((await client.call("wallets.get", { params: { name: "desk-1" } })).ruledAs, "desk");
  ({ address } = await client.call("addresses.create", { params: { wallet: "desk-1" }, body: { index: 0 } }));
  await fund(house, address, 20n * ETH);
  assert.ok(Date.now() < opensAt, "the office was to be shut until here");
  await inState(house, entering, "consumed");
  assert.ok(Date.now() >= opensAt && Date.now() < opensAt + 5 * SECOND);
  const { assets } = await client.call("entries.get", { params: { name: "kraken" } });
  assert.equal(assets, "any");
});

test("a payment waits for each fact that is missing, says which, and goes on as soon as it is stated", async () => {
  const id = await pay("kraken", "eth", ETH);
  await answered(id, "FACT_MISSING", "rules.traders");
  const prices = [
    { asset: "eth", currency: "eur", numerator: "200000", denominator: String(ETH) },
    { asset: "usdx", currency: "eur", numerator: "90", denominator: "1000000" },
    { asset: "feex", currency: "eur", numerator: "1", denominator: "1" },
  ];
  await writeFile(join(place.folder, "prices.json"), JSON.stringify(prices));
  startSource("desk", "--prices", join(place.folder, "prices.json"));
  const { detail } = await answered(id, "FACT_MISSING", "rules.sound.facts");
  assert.match(detail, /clock/);
  startSource("clock");
  startSource("nonces", ...node());
  startSource("simulator", ...node());
  await settled(house, id);
  assert.ok((await lateness(id)) < 5 * SECOND, "it goes on when a fact comes, not when it is its turn again");
});

test("a token is paid once its code is stated, and one that takes a fee never is", async () => {
  for (const [token, data] of [
    [TOKEN, calls.transfer(address, 50_000_000n)],
    [FEE_TOKEN, calls.mint(address, 5_000n)],
  ] as const)
    await house.chain.send({ to: token, data });
  await house.chain.mine(3);
  await until("the tokens are booked", async () => {
    const { items } = await house.as("admin").call("deposits.list", {});
    return items.filter(({ booked }) => booked).length === 3;
  });
  const id = await pay("kraken", "usdx", 5_000_000n);
  await answered(id, "FACT_MISSING", "rules.tokens.facts");
  startSource("codes", ...node());
  await settled(house, id);
  const { detail } = await answered(await pay("kraken", "feex", 100n), "FACT_ADVERSE", "rules.sound.facts");
  assert.match(detail, /simulation/);
});

test("an entry of the book has to be of an age, and is paid as soon as it is", async () => {
  await inState(house, await enter("harbor", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"), "consumed");
  const id = await pay("harbor", "eth", ETH / 10n);
  const { detail } = await answered(id, "ENTRY_TOO_YOUNG", "rules.cooling-off");
  assert.match(detail, /ends at \d+/);
  const since = Date.now();
  await settled(house, id);
  assert.ok(Date.now() - since < 12 * SECOND, "it goes on when it is due, not when it is its turn again");
});

test("values add up over all assets, for the unit of the wallet", async () => {
  const id = await pay("kraken", "eth", (9n * ETH) / 2n);
  const { detail } = await answered(id, "LIMIT_EXCEEDED", "limits.desk-a-day");
  assert.match(detail, /of 1000000 are used/);
});

test("an address outside the book is paid once its payee is known, by what is stated by hand", async () => {
  const id = await pay({ address: OUTSIDER }, "eth", ETH / 100n);
  await answered(id, "FACT_MISSING", "rules.strangers.facts");
  const subject = `address:${CHAIN}:${OUTSIDER}`;
  for (const [words, field] of [
    [["screening", subject, "spotless"], "SAYS"],
    [["screening", OUTSIDER, "clean"], "SUBJECT"],
    [["price", "price:eth:eur", "1/1"], "TYPE"],
  ] as const) {
    const { status, json } = await stated("kyt", ...words);
    assert.deepEqual([status, json["code"], json["field"]], [2, "USAGE", field]);
  }
  const kept = await stated("kyt", "screening", subject, "clean", "--out", join(place.folder, "clean.fact"));
  assert.equal(kept.status, 0, JSON.stringify(kept.json));
  assert.equal((await stated("kyt", "screening", subject, "clean")).status, 0);
  const { detail } = await answered(id, "FACT_MISSING", "rules.strangers.facts");
  assert.match(detail, /travel-rule|screening/);
  assert.equal((await stated("vasp", "travel-rule", `intent:${id}`, "complete")).status, 0);
  await settled(house, id);
  const list = ["--name", "kyt", "--token-file", join(home, "tokens", "kyt.token")];
  const byHand = await ask(home, "source", ...list);
  assert.deepEqual([byHand.status, byHand.json["code"], byHand.json["field"]], [2, "USAGE", "name"]);
});

test("a unit that is frozen pays nothing", async () => {
  const by = await makerOf("olga");
  await request(house, { by: "olga", shown: makeFreeze(by, { level: "unit", subject: "bank" }) });
  await answered(await pay("kraken", "eth", ETH / 100n), "FROZEN", "freeze.unit");
});
