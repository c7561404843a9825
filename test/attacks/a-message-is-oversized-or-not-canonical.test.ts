/** Oversized, deeply nested, duplicate-key, non-canonical and non-ASCII messages: none is understood, so each is refused. */
import assert from "node:assert/strict";
import { concat } from "../../core/src/bytes.ts";
import { Command, MAX_COMMAND_BYTES } from "../../core/src/protocol/command.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honest, honestlySigned, nested, refused, request } from "./attack.ts";

const { KEYS } = world;
const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
/** `{0: 1, 1: 10, 2: nonce}`: asks for the head. */
const HEAD = `a3 00 01 01 0a 02 50 ${"00".repeat(16)}`;

attacks("a command is encoded in another way", () => {
  const { vault } = besiege();
  honest(vault, () => vault.send(hex(HEAD)));
  const nonce = `02 50 ${"00".repeat(16)}`;
  const malformed: { readonly [how: string]: string } = {
    nothing: "",
    "a list": `83 01 0a 50 ${"00".repeat(16)}`,
    "a text": "64 68656164",
    "an indefinite map": `bf 00 01 01 0a ${nonce} ff`,
    "an indefinite byte string": `a3 00 01 01 0a 02 5f 50 ${"00".repeat(16)} ff`,
    "a reserved length": `a3 00 1c 01 0a ${nonce}`,
    "a negative number": `a3 00 20 01 0a ${nonce}`,
    "a float": `a3 00 f9 3c00 01 0a ${nonce}`,
    null: `a3 00 f6 01 0a ${nonce}`,
    "a tag": `a3 00 c1 01 01 0a ${nonce}`,
    "cut short": HEAD.slice(0, -2),
    "bytes after the end": `${HEAD} 00`,
    "a text as key": `a3 61 00 01 01 0a ${nonce}`,
    "a count beyond the end": `bb 00 ff ff ff ff ff ff ff 00 01`,
    JSON: Buffer.from('{"command":"head"}').toString("hex"),
  };
  for (const [how, bytes] of Object.entries(malformed)) {
    const code = how === "a count beyond the end" ? "BAD_VALUE" : "MALFORMED";
    refused(vault, code, how, () => vault.send(hex(bytes)));
  }
  const bent: { readonly [how: string]: string } = {
    "a long head": `b8 03 00 01 01 0a ${nonce}`,
    "a long number": `a3 00 18 01 01 0a ${nonce}`,
    "a long length": `a3 00 01 01 0a 02 58 10 ${"00".repeat(16)}`,
    "a key twice": `a4 00 01 01 0a ${nonce} ${nonce}`,
    "keys out of order": `a3 01 0a 00 01 ${nonce}`,
    "a number of eight bytes": `a3 00 1b 00000000 00000001 01 0a ${nonce}`,
  };
  for (const [how, bytes] of Object.entries(bent)) {
    const code = how === "keys out of order" ? "MISSING_FIELD" : "NOT_CANONICAL";
    refused(vault, code, how, () => vault.send(hex(bytes)));
  }
  refused(vault, "UNKNOWN_FIELD", "a field more", () => vault.send(hex(`a4 00 01 01 0a ${nonce} 03 00`)));
  refused(vault, "MISSING_FIELD", "a field less", () => vault.send(hex("a2 00 01 01 0a")));
  refused(vault, "BAD_VALUE", "another version", () => vault.send(hex(`a3 00 02 01 0a ${nonce}`)));
  refused(vault, "BAD_VALUE", "an unknown command", () => vault.send(hex(`a3 00 01 01 18 63 ${nonce}`)));
  refused(vault, "BAD_VALUE", "a number above 2^53-1", () => vault.send(hex(`a3 00 1b 00200000 00000000 01 0a ${nonce}`)));
  refused(vault, "BAD_VALUE", "a nonce of 15 bytes", () => vault.send(hex(`a3 00 01 01 0a 02 4f ${"00".repeat(15)}`)));
  refused(vault, "TOO_LARGE", "a nonce of 17 bytes", () => vault.send(hex(`a3 00 01 01 0a 02 51 ${"00".repeat(17)}`)));
  refused(vault, "BAD_VALUE", "what only the host answers", () => vault.send(world.command({ command: "protections" })));
});

attacks("a message is too large", () => {
  const { vault, book } = besiege();
  const command = request(vault, world.pay(book));
  honestlySigned(vault, () => vault.send(command));
  const bytes = encode(Command, command);
  const padded = concat(bytes, new Uint8Array(MAX_COMMAND_BYTES + 1 - bytes.length));
  refused(vault, "TOO_LARGE", "one byte above the limit", () => vault.send(padded));
  refused(vault, "MALFORMED", "filled up to the limit", () => vault.send(padded.subarray(0, MAX_COMMAND_BYTES)));
  const listOf = (count: number) => (count < 256 ? Uint8Array.of(0x98, count) : Uint8Array.of(0x99, count >> 8, count & 255));
  const lists: readonly [string, number][] = [
    ["orders", 65],
    ["approvals", 257],
    ["facts", 257],
  ];
  const key = { orders: "14", approvals: "15", facts: "16" } as const;
  for (const [name, count] of lists) {
    const [start, end] = splitAt(bytes, Buffer.from(key[name as keyof typeof key], "hex"), name);
    const grown = concat(start, listOf(count), end);
    refused(vault, "TOO_LARGE", `${count} ${name}`, () => vault.send(grown));
  }
  const long = { ...command, approvals: [new Uint8Array(4096)] };
  const more = encode(Command, long);
  const at = Buffer.from(more).indexOf(Buffer.from("591000", "hex"));
  assert.ok(at > 0);
  const grown = concat(more.subarray(0, at), hex("591001"), more.subarray(at + 3), Uint8Array.of(0));
  refused(vault, "TOO_LARGE", "an approval of 4097 bytes", () => vault.send(grown));
});

/** The bytes before and after the head of the list that follows a key. */
function splitAt(bytes: Uint8Array, key: Buffer, name: string): [Uint8Array, Uint8Array] {
  const sizes: { readonly [name: string]: number } = { orders: 0x81, approvals: 0x83, facts: 0x80 };
  const at = Buffer.from(bytes).lastIndexOf(Buffer.concat([key, Buffer.of(sizes[name] as number)]));
  assert.ok(at > 0, name);
  return [bytes.subarray(0, at + 1), bytes.subarray(at + 2)];
}

attacks("a message is nested too deep", () => {
  const { vault, book } = besiege();
  const send = (levels: number) => {
    const rulebook = world.sign(Rulebook, nested(book, levels), KEYS.ada, KEYS.ben);
    return vault.send(world.command({ command: "rulebook", rulebook, approvals: [] }));
  };
  honest(vault, () => send(0));
  refused(vault, "TOO_DEEP", "one more level of a quorum", () => send(1));
  refused(vault, "TOO_DEEP", "a thousand levels", () => send(1000));
});

attacks("an intent is not text, not minimal or out of range", () => {
  const { vault, book } = besiege();
  const intent = encode(Intent, world.pay(book));
  const command = request(vault, world.pay(book));
  honestlySigned(vault, () => vault.send(command));
  const [order] = command.orders as [(typeof command.orders)[number]];
  const send = (bytes: Uint8Array) => vault.send({ ...command, orders: [{ ...order, intent: bytes }] });
  const swap = (from: string, to: string) => {
    const at = Buffer.from(intent).toString("hex").indexOf(from.replaceAll(" ", ""));
    assert.ok(at > 0 && at % 2 === 0, from);
    return concat(intent.subarray(0, at / 2), hex(to), intent.subarray(at / 2 + from.replaceAll(" ", "").length / 2));
  };
  const ether = "48 0de0b6b3a7640000";
  refused(vault, "NOT_CANONICAL", "an amount with a leading zero", () =>
    send(swap(`0e ${ether}`, "0e 49 00 0de0b6b3a7640000")),
  );
  refused(vault, "TOO_LARGE", "an amount of 33 bytes", () => send(swap(`0e ${ether}`, `0e 58 21 ${"ff".repeat(33)}`)));
  refused(vault, "BAD_VALUE", "invalid UTF-8", () => send(swap("64 61636d65", "64 c3286d65")));
  refused(vault, "BAD_VALUE", "UTF-8 beyond ASCII", () => send(swap("64 61636d65", "64 c3a96d65")));
  refused(vault, "MALFORMED", "bytes for text", () => send(swap("64 61636d65", "44 61636d65")));
  refused(vault, "BAD_VALUE", "an empty name", () => send(swap("64 61636d65", "60")));
  refused(vault, "BAD_VALUE", "chain zero", () => send(swap("0a 19 7a69", "0a 00")));
  refused(vault, "BAD_VALUE", "a chain above 2^32", () => send(swap("0a 19 7a69", "0a 1b 00000001 00000000")));
  refused(vault, "BAD_VALUE", "an unknown kind", () => send(swap("00 01 01 01", "00 01 01 09")));
});
