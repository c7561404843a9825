/** What the figures pay: commands as an honest server sends them, made before the clock starts. */
import { ascii, concat, type Hash } from "../../core/src/bytes.ts";
import { Command, type CommandOf } from "../../core/src/protocol/command.ts";
import { Approval } from "../../core/src/signed/approval.ts";
import { Intent, type IntentOf } from "../../core/src/signed/intent.ts";
import { decode, encode, Signed } from "../../core/src/signed/object.ts";
import * as world from "../../test/world/world.ts";

/** One payment: the command's bytes, and for the bare comparison what its signatures are over. */
export type Payment = {
  readonly intent: IntentOf<"pay">;
  readonly command: CommandOf<"execute">;
  readonly bytes: Uint8Array;
  readonly signatures: readonly { readonly key: Hash; readonly message: Uint8Array; readonly signature: Uint8Array }[];
};

/** Payment number `at`: 0.001 ETH or 1 USDX in turn, initiated by tom and approved by amy and bob. `name` tells runs apart. */
export function paymentOf(ground: world.Ground, name: string, at: number, notAfter?: number): Payment {
  const { book } = ground;
  const reference = `${name}-${at}`;
  const asset = at % 2 === 0 ? { asset: "eth", amount: world.ETH / 1000n } : { asset: "usdx", amount: world.USDX };
  const intent = world.pay(book, { reference, ...asset, ...(notAfter !== undefined && { notAfter }) });
  const approvals = world.approveAll(ground, intent, [world.KEYS.amy, world.KEYS.bob]);
  const command = world.execute([intent], approvals);
  return { intent, command, bytes: encode(Command, command), signatures: approvals.map(signatureOf) };
}

function signatureOf(bytes: Uint8Array): Payment["signatures"][number] {
  const { body, signatures } = decode(Signed, bytes);
  const [signature] = signatures;
  if (signature === undefined) throw new Error("an approval without a signature");
  const tag = ascii(Approval.tag);
  return { key: signature.key, message: concat(Uint8Array.of(tag.length), tag, body), signature: signature.signature };
}

/** Bytes of the objects that one payment is made of, for the figures about encoding. */
export function objectsOf(payment: Payment): { intent: Uint8Array; approval: Uint8Array; signed: Uint8Array } {
  const [signed] = payment.command.approvals;
  if (signed === undefined) throw new Error("a payment without approvals");
  return { intent: encode(Intent, payment.intent), approval: decode(Signed, signed).body, signed };
}
