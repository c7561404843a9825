/** The audit log as an outsider verifies it: with the pinned genesis, what the vault has signed, and files. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Leaf } from "../../core/src/audit/leaf.ts";
import { formatCheckpoint, formatNote } from "../../core/src/audit/note.ts";
import {
  append,
  gather,
  leafHash,
  NO_LEAVES,
  type Plan,
  planConsistency,
  planInclusion,
  rootOf,
} from "../../core/src/audit/tree.ts";
import { ascii, type Hash, toHex } from "../../core/src/bytes.ts";
import { Checkpoint } from "../../core/src/signed/checkpoint.ts";
import { encode } from "../../core/src/signed/object.ts";
import {
  checkConsistency,
  checkInclusion,
  checkLeaves,
  openCheckpoint,
  openEvent,
  openLogNote,
} from "../../sdk/src/verify/log.ts";
import { type Device, someHash } from "../world/keys.ts";
import { KEYS, makeWorld, signValue } from "../world/world.ts";

const { book } = makeWorld();
const { deployment } = book.document;
const origin = "bank.example/log";
const expected = { vaultKey: toHex(KEYS.vault.publicKey), deployment, origin };
const forged = { code: "LOG_FORGED" };

const leafOf = (number: number, subject = `client:c-${number}`) =>
  encode(Leaf, {
    version: 1,
    deployment,
    number,
    at: 1_000 + number,
    type: "client.created",
    actor: "ada",
    subject,
    dataHash: someHash(subject),
  });
const leaves = Array.from({ length: 11 }, (_, number) => leafOf(number));
const { made } = append(NO_LEAVES, leaves.map(leafHash));
const proofOf = (plan: Plan) =>
  gather(plan, ({ level, index }) => {
    const node = made.find((one) => one.level === level && one.index === index);
    assert.ok(node);
    return node.hash;
  }).map((hash) => toHex(hash));
const extent = (size: number) => ({
  size,
  root: toHex(rootOf(append(NO_LEAVES, leaves.slice(0, size).map(leafHash)).tree)) as Hash,
});

const checkpoint: Checkpoint = {
  version: 1,
  deployment,
  vault: KEYS.vault.id,
  origin,
  ...extent(11),
  at: 1,
  head: { seq: 5, hash: someHash("head") },
};

test("a checkpoint counts when the pinned vault has signed it, for this deployment and this log", () => {
  assert.equal(openCheckpoint(signValue(Checkpoint, checkpoint, KEYS.vault), expected).size, 11);
  const wrong: [Partial<Checkpoint>, Device][] = [
    [{}, KEYS.mallory],
    [{ deployment: someHash("other") }, KEYS.vault],
    [{ vault: KEYS.mallory.id }, KEYS.vault],
    [{ origin: "other.example/log" }, KEYS.vault],
  ];
  for (const [change, by] of wrong) {
    assert.throws(() => openCheckpoint(signValue(Checkpoint, { ...checkpoint, ...change }, by), expected), forged);
  }
  assert.throws(() => openCheckpoint(Uint8Array.of(1), expected), forged);
});

test("a note counts when the pinned vault has signed it, for this log", () => {
  const note = (by: Device, name = origin) => {
    const text = formatCheckpoint({ origin: name, ...extent(11) });
    return formatNote(text, { key: { name, publicKey: by.publicKey }, signature: by.sign(ascii(text)).signature });
  };
  assert.deepEqual(openLogNote(note(KEYS.vault), expected), { origin, ...extent(11) });
  assert.equal(openLogNote(note(KEYS.vault), { vaultKey: expected.vaultKey }).size, 11);
  for (const wrong of [
    note(KEYS.mallory),
    note(KEYS.vault, "other.example/log"),
    note(KEYS.vault).replace("\n11\n", "\n12\n"),
    "",
  ])
    assert.throws(() => openLogNote(wrong, expected), forged);
});

test("a leaf is in the log at its place, and no other is", () => {
  for (const [number, leaf] of leaves.entries()) {
    const proof = proofOf(planInclusion({ leaf: number, size: 11 }));
    assert.equal(checkInclusion({ leaf, number, proof }, extent(11)).number, number);
    assert.throws(() => checkInclusion({ leaf: leafOf(number, "client:other"), number, proof }, extent(11)), forged);
    assert.throws(() => checkInclusion({ leaf, number: (number + 1) % 11, proof }, extent(11)), forged);
    assert.throws(() => checkInclusion({ leaf, number, proof: proof.slice(1) }, extent(11)), forged);
    assert.throws(() => checkInclusion({ leaf, number, proof: [...proof, "no hash"] }, extent(11)), forged);
  }
  assert.throws(() => checkInclusion({ leaf: Uint8Array.of(1), number: 0, proof: [] }, extent(1)), forged);
});

test("a log that was rewritten does not continue what an outsider has kept", () => {
  for (let size = 1; size <= 11; size++) {
    const proof = proofOf(planConsistency({ first: size, size: 11 }));
    checkConsistency({ before: extent(size), after: extent(11) }, proof);
    const kept = { size, root: someHash("what was there before") };
    assert.throws(() => checkConsistency({ before: kept, after: extent(11) }, proof), forged);
  }
  assert.throws(() => checkConsistency({ before: extent(3), after: extent(11) }, ["no hash"]), forged);
  assert.throws(() => checkConsistency({ before: extent(11), after: extent(3) }, []), forged);
});

test("an event is what its leaf says", () => {
  const event = {
    number: 3,
    type: "client.created",
    subject: "client:c-3",
    actor: "ada",
    unit: null,
    client: null,
    at: "1970-01-01T00:00:01.003Z",
    leaf: leafOf(3),
  };
  assert.equal(openEvent(event, deployment).number, 3);
  const changes = [
    { number: 4 },
    { type: "client.closed" },
    { subject: "client:other" },
    { actor: "ben" },
    { unit: "root" },
    { client: "acme" },
    { at: "1970-01-01T00:00:01.004Z" },
    { leaf: leafOf(4) },
    { leaf: Uint8Array.of(1) },
  ];
  for (const change of changes) assert.throws(() => openEvent({ ...event, ...change }, deployment), forged);
  assert.throws(() => openEvent(event, someHash("other")), forged);
});

test("all leaves together make the root that was signed, each in its place and of this deployment", () => {
  assert.equal(checkLeaves(leaves, checkpoint, deployment).length, 11);
  const edited = leaves.with(4, leafOf(4, "client:other"));
  for (const wrong of [edited, leaves.slice(1), leaves.slice(0, 10), [...leaves, leafOf(11)], leaves.with(0, Uint8Array.of(1))])
    assert.throws(() => checkLeaves(wrong, checkpoint, deployment), forged);
  assert.throws(() => checkLeaves(leaves, checkpoint, someHash("other")), forged);
});
