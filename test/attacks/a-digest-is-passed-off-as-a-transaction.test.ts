/** An EIP-7702 authorisation, a message or a bare transaction digest is passed off as something to be signed. Two walls:
 *  the vault has no command that signs anything but what it built itself, and the key store reads what it is given before
 *  it signs. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { keccak_256 } from "../../core/node_modules/@noble/hashes/sha3.js";
import { concat, fromHex } from "../../core/src/bytes.ts";
import { addressBytes } from "../../core/src/chain/evm/address.ts";
import { integer, encode as rlp } from "../../core/src/chain/evm/encode.ts";
import { evm } from "../../core/src/chain/evm/evm.ts";
import { Command } from "../../core/src/protocol/command.ts";
import { INTENT_KINDS, Intent } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { openKeystore } from "../../vault/src/host/keys/software.ts";
import type { SigningPart } from "../../vault/src/types.ts";
import { TOKEN } from "../world/rulebook.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, fails, honestlySigned, refused, request } from "./attack.ts";
import { keyFault, PASSPHRASE, realVault } from "./real.ts";

const PATH = "m/44'/60'/0'/0/0";
const transaction = evm.build(
  { chainId: world.CHAIN, nonce: 0, transfer: { asset: "native", to: TOKEN, amount: 1n } },
  { gasLimit: 21_000, maxFeePerGas: 1n, maxPriorityFeePerGas: 1n },
);

/** What wallets elsewhere sign besides transactions of type 2. */
const THINGS: { readonly [name: string]: Uint8Array } = {
  "a digest": keccak_256(transaction),
  "a sha-256": new Uint8Array(createHash("sha256").update(transaction).digest()),
  "a message of EIP-191": concat(Uint8Array.of(0x19), Buffer.from("Ethereum Signed Message:\n5hello")),
  "typed data of EIP-712": concat(Uint8Array.of(0x19, 0x01), new Uint8Array(randomBytes(64))),
  "an authorisation of EIP-7702": concat(Uint8Array.of(5), rlp([integer(world.CHAIN), addressBytes(TOKEN, "to"), integer(0)])),
  "a transaction of EIP-7702": concat(
    Uint8Array.of(4),
    rlp([
      ...[world.CHAIN, 0, 1, 1, 21_000].map(integer),
      addressBytes(TOKEN, "to"),
      integer(1),
      new Uint8Array(),
      [],
      [[integer(0), addressBytes(TOKEN, "to"), integer(0), integer(1), fromHex("01"), fromHex("01")]],
    ]),
  ),
  "a legacy transaction": rlp([
    integer(0),
    integer(1),
    integer(21_000),
    addressBytes(TOKEN, "to"),
    integer(1),
    new Uint8Array(),
  ]),
  "an approval": Buffer.from("strongroom/approval/1"),
  "a transaction without its type": transaction.subarray(1),
  "a transaction and one byte": concat(transaction, Uint8Array.of(0)),
  nothing: new Uint8Array(),
};

attacks("the key store is asked to sign what is no transaction", async () => {
  const { house, clean } = await realVault();
  await house.stop();
  const keystore = await openKeystore(join(house.data, "keystore"), Buffer.from(PASSPHRASE));
  const part = (change: Partial<SigningPart>): SigningPart => ({
    path: PATH,
    family: "evm",
    scheme: "secp256k1",
    bytes: transaction,
    ...change,
  });
  const sign = (change: Partial<SigningPart>) =>
    keystore.sign({ id: world.KEYS.vault.id, parts: [part(change)] }, new AbortController().signal);
  assert.equal((await sign({}))[0]?.length, 65);
  for (const bytes of Object.values(THINGS)) {
    await fails(async () => {
      await assert.rejects(sign({ bytes }), keyFault("KEY_PURPOSE"));
    });
  }
  for (const path of ["m", "m/44'/60'/0'", "m/44'/60'/0'/1/0", "m/44'/0'/0'/0/0", "m/0", "", "m/44'/60'/0'/0/0/0"]) {
    await fails(async () => {
      await assert.rejects(sign({ path }), keyFault("KEY_UNKNOWN"));
    });
  }
  keystore.close();
  await clean();
});

attacks("an intent brings bytes to be signed", async () => {
  const { vault, book } = besiege();
  const intent = encode(Intent, world.pay(book));
  const command = request(vault, world.pay(book));
  honestlySigned(vault, () => vault.send(command));
  const [order] = command.orders as [(typeof command.orders)[number]];
  for (const [name, bytes] of Object.entries(THINGS)) {
    if (bytes.length === 0) continue;
    const sent = () => vault.send({ ...command, orders: [{ ...order, intent: bytes }] });
    refused(vault, "MALFORMED", name, sent);
  }
  assert.deepEqual(Object.keys(INTENT_KINDS), ["pay", "cancel", "wallet", "entry", "retire", "freeze", "unfreeze", "call"]);
  const kinds = [9, 10, 99, 2 ** 32];
  for (const kind of kinds) {
    const at = Buffer.from(intent).indexOf(Buffer.from("000101", "hex"));
    const head = kind < 24 ? Uint8Array.of(kind) : kind < 256 ? Uint8Array.of(0x18, kind) : fromHex("1b0000000100000000");
    const other = concat(intent.subarray(0, at + 3), head, intent.subarray(at + 4));
    refused(vault, "BAD_VALUE", `kind ${kind}`, () => vault.send({ ...command, orders: [{ ...order, intent: other }] }));
  }
  assert.ok(encode(Command, command).length > 0);
  must(vault.send(command));
});
