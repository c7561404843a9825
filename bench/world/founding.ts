/** Founds the deployment of the bench in a running vault: the demonstration world with as many rules as are measured, the
 *  wallet "treasury" with its first address, and the destination "acme". Then payments can be made. */
import type { Hash } from "../../core/src/bytes.ts";
import { Command } from "../../core/src/protocol/command.ts";
import type { Book } from "../../core/src/rulebook/book.ts";
import type { Intent } from "../../core/src/signed/intent.ts";
import { decode, encode, Signed } from "../../core/src/signed/object.ts";
import { Receipt } from "../../core/src/signed/receipt.ts";
import * as world from "../../test/world/world.ts";
import { rulesOf } from "./rulebook.ts";

type Ask = (request: Uint8Array) => Promise<Uint8Array>;

/** The receipt in a reply. Fails the run unless the vault said OK. */
export function receiptOf(reply: Uint8Array): Receipt {
  const receipt = decode(Receipt, decode(Signed, reply).body);
  if (receipt.code !== "OK") throw new Error(`the vault refused: ${receipt.code} at ${receipt.field}: ${receipt.detail}`);
  return receipt;
}

/** What approvals of later payments are given on; intents and approvals end in an hour. */
export async function found(ask: Ask, vaultKey: string, rules: number): Promise<world.Ground & { readonly notAfter: number }> {
  const made = world.makeWorld({ vaultKey: Buffer.from(vaultKey, "hex"), rulebook: rulesOf(rules) });
  const { book, signedGenesis, signedRulebook } = made;
  const notAfter = Date.now() + world.HOUR;
  const send = async (command: Command) => receiptOf(await ask(encode(Command, command)));
  const carryOut = async (intent: Intent) => {
    const ground = await groundNow(send, book, notAfter);
    await send(world.execute([intent], world.approveAll(ground, intent, [world.KEYS.carl])));
  };
  await send(world.command({ command: "found", genesis: signedGenesis, rulebook: signedRulebook }));
  await carryOut(world.wallet(book, { notAfter }));
  await send(world.command({ command: "address", wallet: "treasury", index: 0 }));
  await carryOut(world.enter(book, world.acme(book), { notAfter }));
  return groundNow(send, book, notAfter);
}

async function groundNow(send: (command: Command) => Promise<Receipt>, book: Book, notAfter: number) {
  const { head, boot } = await send(world.command({ command: "status" }));
  return { book, head, boot: boot as Hash, notAfter };
}
