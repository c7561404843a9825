/** Somebody without the vault's key shows an auditor a checkpoint of his own, makes one of what the vault has signed for
 *  something else, or withholds the newest one. Against a whole vault with its own identity key. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCheckpoint, formatNote, type NoteKey, openCheckpoint, parseNote } from "../../core/src/audit/note.ts";
import { fromHex } from "../../core/src/bytes.ts";
import type { RefusalCode } from "../../core/src/errors.ts";
import { verifyEd25519 } from "../../core/src/keys/ed25519.ts";
import { CheckpointBody } from "../../core/src/protocol/command.ts";
import { Checkpoint } from "../../core/src/signed/checkpoint.ts";
import { challengeOf, decode, encode, Signed } from "../../core/src/signed/object.ts";
import { device } from "../world/keys.ts";
import { checkpoint, LOG_NAME, leavesOf, logOf } from "../world/log.ts";
import { attacks, fails } from "./attack.ts";
import { fresh, type RealVault, realVault } from "./real.ts";

const LOG = logOf(leavesOf(9));
const { house, clean } = await realVault();
test.after(clean);

/** The vault's answer for the first `size` leaves, taken apart, with the note that an honest server publishes. */
async function logged(it: RealVault, last: number, size: number) {
  const { version: _, nonce: __, ...body } = checkpoint(LOG, { last, size });
  const { receipt, bytes } = await it.ask(fresh(body));
  assert.equal(receipt.code, "OK", `${receipt.field}: ${receipt.detail}`);
  const answer = decode(CheckpointBody, receipt.body);
  const { body: object, signatures } = decode(Signed, answer.checkpoint);
  const value = decode(Checkpoint, object);
  const key: NoteKey = { name: LOG_NAME, publicKey: fromHex(it.made.genesis.vaultKey) };
  const text = formatCheckpoint(value);
  const note = formatNote(text, { key, signature: answer.note });
  return { value, object, signatures, key, text, note, receipt, bytes, noteSignature: answer.note };
}

const opens = (note: string, key: NoteKey, code: RefusalCode) =>
  fails(() => assert.throws(() => openCheckpoint(note, key), { code }));

attacks("a checkpoint of his own", async () => {
  const { note, key, text, value, noteSignature } = await logged(house, 0, 4);
  assert.deepEqual(openCheckpoint(note, key), { origin: LOG_NAME, size: 4, root: LOG.root(4) });
  const mallory = device("mallory");
  const signed = mallory.sign(Buffer.from(text) as Uint8Array).signature;
  await opens(formatNote(text, { key, signature: signed }), key, "SIGNATURE_INVALID");
  await opens(formatNote(text, { key: { ...key, publicKey: mallory.publicKey }, signature: signed }), key, "SIGNATURE_INVALID");
  for (const change of [{ size: 5 }, { root: LOG.root(5) }, { size: 0 }]) {
    const other = formatCheckpoint({ ...value, ...change });
    await opens(formatNote(other, { key, signature: noteSignature }), key, "SIGNATURE_INVALID");
  }
  const elsewhere = formatCheckpoint({ ...value, origin: "log.example/2" });
  await opens(formatNote(elsewhere, { key, signature: noteSignature }), key, "LOG_FOREIGN");
  await opens(formatNote(elsewhere, { key, signature: noteSignature }), { ...key, name: "log.example/2" }, "SIGNATURE_INVALID");
});

attacks("what the vault signed for something else", async () => {
  const { key, text, object, signatures, receipt, bytes, noteSignature } = await logged(house, 4, 4);
  const others = [signatures[0]?.signature, decode(Signed, bytes).signatures[0]?.signature];
  for (const signature of others as Uint8Array[]) await opens(formatNote(text, { key, signature }), key, "SIGNATURE_INVALID");
  const challenge = challengeOf(Checkpoint, object);
  assert.ok(verifyEd25519(key.publicKey, challenge, signatures[0]?.signature as Uint8Array));
  await fails(() => assert.equal(verifyEd25519(key.publicKey, challenge, noteSignature), false));
  await fails(() =>
    assert.equal(verifyEd25519(key.publicKey, encode(Checkpoint, decode(Checkpoint, object)), noteSignature), false),
  );
  assert.equal(receipt.vault, decode(Checkpoint, object).vault);
});

attacks("a flipped character of the note", async () => {
  const { note, key } = await logged(house, 4, 4);
  const line = note.lastIndexOf(" ") + 1;
  for (let at = 0; at < note.length; at++) {
    const other = note.charAt(at) === "A" ? "B" : "A";
    const flipped = note.slice(0, at) + other + note.slice(at + 1);
    await fails(() => assert.throws(() => openCheckpoint(flipped, key), `character ${at - line}`));
  }
  assert.equal(parseNote(note).signatures.length, 1);
});

attacks("the newest checkpoint is dropped, and an older log is to be signed", async () => {
  const { value } = await logged(house, 4, 9);
  await house.stop();
  await house.start();
  for (const size of [4, 8]) {
    const { version: _, nonce: __, ...body } = checkpoint(LOG, { last: 4, size });
    await fails(async () => assert.equal(await house.code(fresh(body)), "LOG_SHRUNK"));
  }
  const again = await logged(house, 9, 9);
  assert.deepEqual(formatCheckpoint(again.value), formatCheckpoint(value));
  assert.ok(again.value.head.seq > value.head.seq, "whoever holds a checkpoint knows how far the vault's own journal went");
});
