/** What a bank does with a fresh vault, from the ceremony to a freeze, and what a patient client knows meanwhile: he asks again
 *  until he is answered, gives fresh approvals after each start of the vault, and forgets nothing that he was told. */
import assert from "node:assert/strict";
import { equal, fromHex, type Hash } from "../../core/src/bytes.ts";
import { type Command, ExecutionBody } from "../../core/src/protocol/command.ts";
import type { Position } from "../../core/src/signed/fields.ts";
import { Head } from "../../core/src/signed/head.ts";
import type { Intent } from "../../core/src/signed/intent.ts";
import { decode, Signed } from "../../core/src/signed/object.ts";
import type { Receipt } from "../../core/src/signed/receipt.ts";
import type { Device } from "../world/keys.ts";
import { demoDocument } from "../world/rulebook.ts";
import * as world from "../world/world.ts";
import { type Client, openClient, type Running } from "./process.ts";

const { KEYS } = world;

/** A signed transaction that the client was given. */
export type Given = { readonly id: string; readonly raw: Uint8Array };

/** What the client knows. `heads`: where the vault said that it stood. `given`: by intent. `until`: when everything that people
 *  sign ends. */
export type Memory = {
  readonly made: world.World;
  readonly identityKey: Uint8Array;
  readonly until: number;
  readonly heads: Position[];
  readonly given: Map<Hash, Given>;
};

/** Room for many payments that are not final. */
export function memoryOf(identityKey: string): Memory {
  const bytes = fromHex(identityKey);
  const { chains } = demoDocument(world.demoGenesis());
  const rulebook = { limits: [], chains: chains.map((chain) => ({ ...chain, maxOutstanding: 10_000 })) };
  const made = world.makeWorld({ vaultKey: bytes, rulebook });
  return { made, identityKey: bytes, until: Date.now() + world.HOUR, heads: [], given: new Map() };
}

/** One start of the vault as the client sees it. */
export type Session = { readonly memory: Memory; readonly client: Client; readonly ground: world.Ground };

/** Connects and learns the head and the boot nonce. Fails: `Gone`. */
export async function meet(running: Running, memory: Memory): Promise<Session> {
  const client = await openClient(running.socket, memory.identityKey);
  const receipt = await told(memory, client, { command: "head" });
  const head = decode(Head, decode(Signed, receipt.body).body);
  const { made, until } = memory;
  // A vault that has written nothing but its boot has no earlier position, so the head is never empty.
  return { memory, client, ground: { book: made.book, head: head.head, boot: head.boot, notAfter: until } };
}

async function told(memory: Memory, client: Client, command: Parameters<typeof world.command>[0] | Command): Promise<Receipt> {
  const receipt = await client.call("nonce" in command ? command : world.command(command));
  memory.heads.push(receipt.head);
  return receipt;
}

/** Carries out one intent; the code of the answer. What was signed is remembered and must never change. */
export async function carryOut({ memory, client, ground }: Session, intent: Intent, by: readonly Device[]): Promise<string> {
  const receipt = await told(memory, client, world.execute([intent], world.approveAll(ground, intent, by)));
  const pays = intent.kind === "pay" || intent.kind === "cancel";
  if (receipt.code !== "OK" || !pays) return receipt.code;
  const { transactions } = decode(ExecutionBody, receipt.body);
  for (const { intent: of, id, raw } of transactions) {
    const before = memory.given.get(of);
    assert.ok(before === undefined || equal(before.raw, raw), "one intent was given out as two transactions");
    memory.given.set(of, { id, raw });
  }
  assert.equal(transactions.length, 1);
  return receipt.code;
}

/** From the ceremony to an address that can pay. Every step may have been done before. */
export async function settleIn(session: Session): Promise<void> {
  const { memory, client } = session;
  const { made, until: notAfter } = memory;
  const { signedGenesis: genesis, signedRulebook: rulebook, book } = made;
  const founded = await told(memory, client, { command: "found", genesis, rulebook });
  assert.ok(["OK", "ALREADY_FOUNDED"].includes(founded.code), founded.code);
  assert.equal(await carryOut(session, world.wallet(book, { notAfter }), [KEYS.carl]), "OK");
  const address = await told(memory, client, { command: "address", wallet: "treasury", index: 0 });
  assert.equal(address.code, "OK", address.detail);
  assert.equal(await carryOut(session, world.enter(book, world.acme(book), { notAfter }), [KEYS.carl]), "OK");
}

/** A payment of its own name. */
export function payment({ made, until: notAfter }: Memory, reference: string): Intent {
  return world.pay(made.book, { reference, notAfter, amount: 1n });
}

/** The payments that are signed, and the one that the freeze stops. */
export const PAID = ["first", "second"] as const;
export const STOPPED = "third";

/** All of it: two payments, the first one final on the chain, a freeze, and a third payment that it refuses. */
export async function live(session: Session): Promise<void> {
  const { memory, client } = session;
  const { made, until: notAfter } = memory;
  await settleIn(session);
  for (const name of PAID) assert.equal(await carryOut(session, payment(memory, name), [KEYS.amy, KEYS.bob]), "OK", name);
  const first = memory.given.get(world.intentId(payment(memory, "first"))) as Given;
  const facts = world.finality(made.book, first.id, { at: notAfter - world.HOUR });
  assert.equal((await told(memory, client, { command: "inform", facts })).code, "OK");
  assert.equal(await carryOut(session, world.freeze(made.book, { notAfter }), []), "OK");
  assert.equal(await carryOut(session, payment(memory, STOPPED), [KEYS.amy, KEYS.bob]), "FROZEN");
}
