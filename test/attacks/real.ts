/** A whole vault in this process for attacks on its files: the production host with disk, key store and judgement, on a
 *  folder of its own. Real time and real chance, so nothing here is the same twice. Not for attacks on the judgement; see
 *  `attack.ts`. */
import assert from "node:assert/strict";
import { createPublicKey, type KeyObject, randomBytes, verify } from "node:crypto";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromHex, toHex } from "../../core/src/bytes.ts";
import { Command, type CommandOf, requestId } from "../../core/src/protocol/command.ts";
import type { Nonce } from "../../core/src/signed/fields.ts";
import { Head } from "../../core/src/signed/head.ts";
import type { Intent } from "../../core/src/signed/intent.ts";
import { challengeOf, decode, encode, Signed } from "../../core/src/signed/object.ts";
import { Receipt } from "../../core/src/signed/receipt.ts";
import { bootVault, initialise, type Vault } from "../../vault/src/host/boot.ts";
import { KeyFaultError } from "../../vault/src/host/keys/fault.ts";
import { mind } from "../../vault/src/mind.ts";
import type { State } from "../../vault/src/state/state.ts";
import type { KeyFault } from "../../vault/src/types.ts";
import type { Device } from "../world/keys.ts";
import * as world from "../world/world.ts";

export const PASSPHRASE = "correct horse battery staple";
/** As little work as the key store allows, because the tests open many. */
export const WORK = { memoryKiB: 19 * 1024, passes: 1, lanes: 1 };

type Running = Vault<State>;

/** A founded vault on disk with the wallet "treasury", its address 0 and the entry "acme". */
export class RealVault {
  readonly data: string;
  readonly made: world.World;
  readonly #identity: KeyObject;
  #running: Running | null = null;

  constructor(data: string, made: world.World) {
    this.data = data;
    this.made = made;
    const spki = Buffer.from(`302a300506032b6570032100${made.genesis.vaultKey}`, "hex");
    this.#identity = createPublicKey({ key: spki, format: "der", type: "spki" });
  }

  /** The vault that runs; between `stop` and `start` there is none. */
  get running(): Running {
    assert.ok(this.#running !== null, "the vault is not running");
    return this.#running;
  }

  async start(): Promise<void> {
    this.#running = await bootVault(this.data, Buffer.from(PASSPHRASE), mind);
  }

  async stop(): Promise<void> {
    await this.#running?.close();
    this.#running = null;
  }

  /** The receipt for a command, checked as a client checks it, with its signed bytes. */
  async ask(command: Command | Uint8Array): Promise<{ receipt: Receipt; bytes: Uint8Array }> {
    const request = command instanceof Uint8Array ? command : encode(Command, command);
    const bytes = await new Promise<Uint8Array>((resolve) => this.running.loop.ask(request, resolve));
    const { body, signatures } = decode(Signed, bytes);
    const [signature] = signatures;
    assert.ok(signature !== undefined && verify(null, challengeOf(Receipt, body), this.#identity, signature.signature));
    const receipt = decode(Receipt, body);
    assert.equal(receipt.request, requestId(request));
    return { receipt, bytes };
  }

  async code(command: Command | Uint8Array): Promise<string> {
    return (await this.ask(command)).receipt.code;
  }

  /** The vault's signed head, and what approvals are given on now. */
  async ground(): Promise<{ head: Uint8Array; ground: world.Ground }> {
    const { receipt } = await this.ask(fresh({ command: "head" }));
    const { head, boot } = decode(Head, decode(Signed, receipt.body).body);
    return { head: receipt.body, ground: { book: this.made.book, head, boot, notAfter: Date.now() + world.HOUR } };
  }

  /** An `execute` of one intent with fresh honest approvals. */
  async request(intent: Intent, approvers: readonly Device[]): Promise<CommandOf<"execute">> {
    const { ground } = await this.ground();
    return world.execute([intent], world.approveAll(ground, intent, approvers), { name: toHex(randomBytes(8)) });
  }

  /** A payment to "acme" that is valid for two hours from now on. */
  pay(reference: string): ReturnType<typeof world.pay> {
    return world.pay(this.made.book, { reference, notAfter: Date.now() + 2 * world.HOUR });
  }
}

/** Whether an error is this fault of the key store. */
export function keyFault(code: KeyFault["code"]): (error: unknown) => boolean {
  return (error) => error instanceof KeyFaultError && error.fault.code === code;
}

/** A command with a nonce of its own. */
export function fresh(body: Parameters<typeof world.command>[0]): Command {
  return { ...world.command(body), nonce: toHex(randomBytes(16)) as Nonce };
}

/** Makes and founds one. The folder lies below a temporary one; `clean` removes it. */
export async function realVault(): Promise<{ house: RealVault; clean: () => Promise<void> }> {
  const folder = await fs.mkdtemp(join(tmpdir(), "strongroom-attack-"));
  const data = join(folder, "data");
  const identityKey = await initialise(data, Buffer.from(PASSPHRASE), WORK);
  const house = new RealVault(data, world.makeWorld({ vaultKey: fromHex(identityKey) }));
  await house.start();
  const { signedGenesis: genesis, signedRulebook: rulebook, book } = house.made;
  const notAfter = Date.now() + 2 * world.HOUR;
  assert.equal(await house.code(fresh({ command: "found", genesis, rulebook })), "OK");
  const intents = [world.wallet(book, { notAfter }), world.enter(book, world.acme(book), { notAfter })];
  for (const intent of intents) assert.equal(await house.code(await house.request(intent, [world.KEYS.carl])), "OK");
  assert.equal(await house.code(fresh({ command: "address", wallet: "treasury", index: 0 })), "OK");
  const clean = async () => {
    await house.stop();
    await fs.rm(folder, { recursive: true });
  };
  return { house, clean };
}
