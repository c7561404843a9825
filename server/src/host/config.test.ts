import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { describe, type Environment, parseConfig, readConfig } from "./config.ts";
import { Fault } from "./fault.ts";

const folder = mkdtempSync(join(tmpdir(), "strongroom-config-"));
after(() => rmSync(folder, { recursive: true }));

const NODE = { name: "one", url: "http://127.0.0.1:8545/key-of-ours" };
const CHAIN = {
  nodes: [NODE],
  quorum: 1,
  confirmations: [{ asset: "eth", below: "10", blocks: 2 }, { blocks: 12 }],
  reorgDepth: 64,
};
const LEAST = { http: {}, vault: { socket: "vault.sock" }, genesis: "ab".repeat(32) };
const DATABASE = { url: "postgres://app:topsecret@db.example:5432/bank" };

const parse = (config: unknown, env: Environment = {}) => parseConfig(JSON.stringify(config), { folder, env });
/** Where a configuration is refused. */
function placeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === "CONFIG");
    return /^At (.+?): /.exec(error.detail)?.[1] ?? error.detail;
  }
  return assert.fail("it is taken");
}

test("what is left out has its default, and paths are relative to the file", () => {
  const config = parse(LEAST);
  assert.deepEqual(config, {
    home: join(folder, ".strongroom"),
    http: { host: "127.0.0.1", port: 0 },
    database: null,
    postgres: null,
    vault: { socket: join(folder, "vault.sock") },
    genesis: "ab".repeat(32),
    chains: new Map(),
    workers: true,
    log: "info",
  });
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.http));
});

test("a chain is read with its amounts", () => {
  const { chains } = parse({ ...LEAST, chains: { 31337: { ...CHAIN, dust: [{ asset: "eth", below: "1" }], family: "evm" } } });
  assert.deepEqual(chains.get(31337), {
    family: "evm",
    nodes: [NODE],
    quorum: 1,
    confirmations: [{ asset: "eth", below: 10n, blocks: 2 }, { blocks: 12 }],
    reorgDepth: 64,
    trace: false,
    pollMs: 1_000,
    dust: [{ asset: "eth", below: 1n }],
  });
});

test("the environment goes before the file, and a file of URLs fills in", () => {
  const urls = join(folder, "urls.json");
  writeFileSync(urls, JSON.stringify({ url: "postgres://a@h/file", ownerUrl: "postgres://o@h/file" }), { mode: 0o600 });
  const config = { ...LEAST, database: { file: "urls.json" }, log: "warn" };
  assert.deepEqual(parse(config).database, { url: "postgres://a@h/file", ownerUrl: "postgres://o@h/file" });
  const env = { STRONGROOM_DATABASE_URL: "postgres://a@h/env", STRONGROOM_POSTGRES: "packaged", STRONGROOM_LOG: "error" };
  const { database, postgres, log } = parse(config, env);
  assert.deepEqual(
    [database?.url, database?.ownerUrl, postgres, log],
    ["postgres://a@h/env", "postgres://o@h/file", "packaged", "error"],
  );
  chmodSync(urls, 0o644);
  assert.equal(
    placeOf(() => parse(config)),
    "database.file",
  );
});

test("everything that does not fit is refused with its place", () => {
  const chain = (more: object) => ({ ...LEAST, chains: { 1: { ...CHAIN, ...more } } });
  const cases: [unknown, string][] = [
    [[], "the top"],
    [{ ...LEAST, colour: "red" }, "colour"],
    [{ ...LEAST, http: { host: 1 } }, "http.host"],
    [{ ...LEAST, http: { port: 65_536 } }, "http.port"],
    [{ ...LEAST, http: { port: "80" } }, "http.port"],
    [{ ...LEAST, http: null }, "http"],
    [{ ...LEAST, vault: {} }, "vault.socket"],
    [{ ...LEAST, genesis: "AB".repeat(32) }, "genesis"],
    [{ ...LEAST, workers: "yes" }, "workers"],
    [{ ...LEAST, log: "loud" }, "log"],
    [{ ...LEAST, postgres: "mine" }, "postgres"],
    [{ ...LEAST, database: {} }, "database.url"],
    [{ ...LEAST, database: { url: "mysql://a" } }, "database.url"],
    [{ ...LEAST, database: { ...DATABASE, ownerUrl: "b" } }, "database.ownerUrl"],
    [{ ...LEAST, chains: { 0: CHAIN } }, "chains.0"],
    [{ ...LEAST, chains: [] }, "chains"],
    [{ ...LEAST, chains: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [at + 1, CHAIN])) }, "chains"],
    [chain({ nodes: [] }), "chains.1.nodes"],
    [chain({ nodes: [{ ...NODE, url: "file:///a" }] }), "chains.1.nodes.0.url"],
    [chain({ nodes: [{ ...NODE, name: "One" }] }), "chains.1.nodes.0.name"],
    [chain({ nodes: [NODE, NODE], quorum: 2 }), "chains.1.nodes"],
    [chain({ nodes: [NODE, { ...NODE, name: "two" }] }), "chains.1.quorum"],
    [chain({ confirmations: [{ asset: "eth", blocks: 1 }] }), "chains.1.confirmations"],
    [chain({ confirmations: [{ below: 5, blocks: 1 }, { blocks: 2 }] }), "chains.1.confirmations.0.below"],
    [chain({ family: "bitcoin" }), "chains.1.family"],
  ];
  for (const [config, place] of cases)
    assert.equal(
      placeOf(() => parse(config)),
      place,
    );
});

test("a file that is not there, not named or not JSON is refused", () => {
  assert.ok(placeOf(() => readConfig({ file: undefined, env: {} })));
  assert.match(
    placeOf(() => readConfig({ file: join(folder, "none.json"), env: {} })),
    /ENOENT/,
  );
  assert.ok(placeOf(() => parseConfig("{", { folder, env: {} })));
});

test("what is shown holds neither passwords nor keys of nodes", () => {
  const shown = JSON.stringify(
    describe(parse({ ...LEAST, database: DATABASE, chains: { 1: { ...CHAIN, confirmations: [{ blocks: 1 }] } } })),
  );
  assert.match(shown, /postgres:\/\/db\.example:5432/);
  assert.match(shown, /http:\/\/127\.0\.0\.1:8545/);
  assert.doesNotMatch(shown, /topsecret|key-of-ours/);
  assert.match(JSON.stringify(describe(parse(LEAST))), /embedded/);
});
