/** A succession on real files: the successor's keystore, and the journal that it takes over. */
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { fromHex, type Hash } from "../../core/src/bytes.ts";
import { keyId } from "../../core/src/keys/id.ts";
import { Command, StatusBody } from "../../core/src/protocol/command.ts";
import { type Book, openBook } from "../../core/src/rulebook/book.ts";
import { decode, encode, Signed } from "../../core/src/signed/object.ts";
import { Receipt } from "../../core/src/signed/receipt.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { bootVault, initialise, verifyData } from "../../vault/src/host/boot.ts";
import { inherit, makeHeir } from "../../vault/src/host/ceremony/inherit.ts";
import { EXIT } from "../../vault/src/host/fault.ts";
import { program } from "../../vault/src/host/program.ts";
import { mind } from "../../vault/src/mind.ts";
import type { State } from "../../vault/src/state/state.ts";
import * as world from "../world/world.ts";

const { KEYS } = world;
const work = { memoryKiB: 19 * 1024, passes: 1, lanes: 1 };
const OLD = "the old passphrase";
const NEW = "the new passphrase";

type Asked = Parameters<typeof world.command>[0];
type Vault = Awaited<ReturnType<typeof bootVault<State>>>;

async function ask(vault: Vault, asked: Asked): Promise<Receipt> {
  const bytes = encode(Command, world.command(asked));
  const signed = await new Promise<Uint8Array>((resolve) => vault.loop.ask(bytes, resolve));
  return decode(Receipt, decode(Signed, signed).body);
}

/** A founded vault with a wallet, whose weakenings wait for a millisecond. */
async function made(t: TestContext): Promise<{ old: string; heir: string; book: Book; vault: Vault }> {
  const folder = await fs.mkdtemp(join(tmpdir(), "inherit "));
  t.after(() => fs.rm(folder, { recursive: true }));
  const [old, heir] = [join(folder, "old"), join(folder, "heir")];
  const vaultKey = fromHex(await initialise(old, Buffer.from(OLD), work));
  const { governance } = world.demoRulebook();
  const made = world.makeWorld({
    vaultKey,
    rulebook: { governance: { ...governance, delayMs: 1 }, approvalLifeMs: world.HOUR },
  });
  const vault = await bootVault(old, Buffer.from(OLD), mind);
  const { signedGenesis: genesis, signedRulebook: rulebook, book } = made;
  assert.equal((await ask(vault, { command: "found", genesis, rulebook })).code, "OK");
  return { old, heir, book, vault };
}

const both = (heir: string, old: string) =>
  [
    { data: heir, passphrase: Buffer.from(NEW) },
    { data: old, passphrase: Buffer.from(OLD) },
  ] as const;

/** Has the vault adopt the rulebook that makes `to` the active one. */
async function handOver(vault: Vault, book: Book, to: Hash): Promise<void> {
  const { seq, head: hash, vault: from } = vault.loop.state;
  const next = world.nextRulebook(book, { vault: to, handover: { vault: from, head: { seq, hash } } });
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  assert.equal((await ask(vault, { command: "rulebook", rulebook, approvals: [] })).code, "OK");
  await new Promise((resolve) => setTimeout(resolve, 20));
  const { seq: at, head, boot } = vault.loop.state;
  const ground = { book, head: { seq: at, hash: head }, boot: boot as Hash, notAfter: Date.now() + 60_000 };
  const seen = world.approveRulebook(ground, next, { key: KEYS.cleo, decision: "seen" });
  assert.equal((await ask(vault, { command: "rulebook", rulebook, approvals: [seen] })).code, "OK");
  assert.equal(openBook(next).id, vault.loop.state.book?.id);
}

test("a successor holds the same key tree under its own identity, and goes on where the journal ends", async (t) => {
  const { old, heir, book, vault } = await made(t);
  const key = await makeHeir(...both(heir, old), work);
  assert.notEqual(key, vault.loop.state.vaultKey);
  await assert.rejects(bootVault(heir, Buffer.from(NEW), mind), { code: "JOURNAL_MISSING" }, "it has no journal yet");
  await assert.rejects(inherit(...both(heir, old), mind), { code: "SUCCESSION_UNFIT" }, "nothing was handed over");
  await vault.close();
  const again = await bootVault(old, Buffer.from(OLD), mind);
  await handOver(again, book, keyId("ed25519", fromHex(key)));
  const spec = { id: world.ZERO, path: "m/44'/60'/0'", scheme: "secp256k1" } as const;
  const first = await again.keystore.create(spec);
  const before = again.loop.state;
  await again.close();
  const taken: typeof mind = {
    ...mind,
    isHeir(state) {
      renameSync(join(old, "fence"), join(old, "fence of before"));
      writeFileSync(join(old, "fence"), "");
      return mind.isHeir(state);
    },
  };
  await assert.rejects(
    inherit(...both(heir, old), taken),
    { code: "DATA_FENCED" },
    "another process took the folder meanwhile",
  );
  const head = await inherit(...both(heir, old), mind);
  assert.deepEqual([head.sequence, head.chain], [before.seq, before.head]);
  await assert.rejects(inherit(...both(heir, old), mind), { code: "DATA_EXISTS" });
  assert.equal((await verifyData(heir, Buffer.from(NEW), mind)).suspicion, null);
  const successor = await bootVault(heir, Buffer.from(NEW), mind);
  assert.deepEqual(await successor.keystore.create(spec), first);
  const status = decode(StatusBody, (await ask(successor, { command: "status" })).body);
  assert.deepEqual(status.line, [before.vaultKey, key]);
  assert.ok((status.succession ?? 0) >= before.at + world.HOUR);
  await successor.close();
  assert.deepEqual((await fs.readdir(heir)).sort(), ["fence", "intake", "journal", "journal.mark", "keystore", "outtake"]);
});

test("what a killed take-over has left is made anew, and a running vault is stopped by it", async (t) => {
  const { old, heir, book, vault } = await made(t);
  const key = await makeHeir(...both(heir, old), work);
  await handOver(vault, book, keyId("ed25519", fromHex(key)));
  await fs.mkdir(join(heir, "journal.fresh"));
  await fs.writeFile(join(heir, "journal.fresh", "00000001.seg"), "half");
  await inherit(...both(heir, old), mind);
  const ended = assert.rejects(vault.loop.ended, { code: "DATA_FENCED" });
  vault.loop.ask(encode(Command, world.command({ command: "status" })), () => assert.fail("it has lost its folder"));
  await ended;
  await vault.close();
});

test("a vault with another key tree is no successor", async (t) => {
  const { old, heir, vault } = await made(t);
  await initialise(heir, Buffer.from(NEW), work);
  await assert.rejects(inherit(...both(heir, old), mind), { code: "SUCCESSION_UNFIT" });
  await vault.close();
  await assert.rejects(makeHeir(...both(heir, old), work), { code: "DATA_EXISTS" });
  await assert.rejects(makeHeir(...both(join(heir, "..", "other"), join(heir, "none"))), { code: "DATA_MISSING" });
});

test("the verbs take both passphrases and say what was made", async (t) => {
  const { old, heir, book, vault } = await made(t);
  const file = join(old, "..", "old passphrase");
  await fs.writeFile(file, OLD, { mode: 0o600 });
  const call = async (verb: string, args: string[]) => {
    const lines: string[] = [];
    const streams = {
      input: Readable.from([Buffer.from(`${NEW}\n`)]),
      out: (line: string) => lines.push(line),
      error: () => true,
    };
    const exit = await program([verb, "--data", heir, "--stdin", ...args], mind, streams);
    return { exit, event: JSON.parse(lines.at(-1) ?? "{}") };
  };
  const from = ["--from", old, "--from-passphrase-file", file];
  for (const verb of ["heir", "inherit"]) {
    assert.ok([EXIT.usage, EXIT.missing].includes((await call(verb, [])).exit as 64));
    assert.ok([EXIT.usage, EXIT.missing].includes((await call(verb, ["--from", old])).exit as 64));
  }
  assert.equal((await call("inherit", from)).exit, EXIT.missing);
  const { exit, event } = await call("heir", from);
  assert.deepEqual([exit, event["event"]], [EXIT.ok, "made"]);
  await handOver(vault, book, event["vault"] as Hash);
  await vault.close();
  const taken = await call("inherit", from);
  assert.deepEqual([taken.exit, taken.event["event"]], [EXIT.ok, "inherited"]);
});
