/** How strict the state's encoding is. That every history comes back is tested in test/vault/restart.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, type Hash } from "@strongroom/core/bytes";
import { Reader, UINT, Writer } from "@strongroom/core/cbor";
import { attempt } from "@strongroom/core/errors";
import { sealRecord } from "@strongroom/core/journal/record";
import { uint } from "@strongroom/core/signed/codec";
import { apply } from "./apply.ts";
import { maybe, struct } from "./codec.ts";
import { packJob } from "./job.ts";
import { emptyMap, entries, set } from "./map.ts";
import { hashAt } from "./positions.ts";
import { encodeState, StateReader } from "./snapshot.ts";
import { emptyState, type JobState, jobAt, openJob, type State } from "./state.ts";

const HASHES = Array.from({ length: 9 }, (_, at) => `${at}a`.repeat(32) as Hash);
const [ONE, TWO] = HASHES as [Hash, Hash];
const job: JobState = { id: ONE, status: "signed", parts: [], at: 5, seq: 3, withheldSeq: 0, boot: null, rulebook: undefined };

/** A small state whose tables refer to one another. */
function sample(): State {
  const boots = HASHES.map((boot, at) => sealRecord({ version: 1, at, kind: "booted", boot }));
  const place = { job: ONE, part: 0 };
  return {
    ...boots.reduce(apply, emptyState("ab".repeat(32))),
    jobs: set(set(emptyMap<JobState | Uint8Array>(), ONE, packJob(job)), TWO, { ...job, id: TWO, status: "committed" }),
    intents: set(set(emptyMap<typeof place | { done: string }>(), TWO, place), ONE, { done: "somebody" }),
    references: set(emptyMap<Hash>(), "a reference", TWO),
    slots: set(emptyMap<typeof place>(), "a slot", place),
    live: set(emptyMap<typeof place>(), ["a", "slot"].join(" "), place),
    transactions: set(emptyMap<typeof place>(), "1:0x", place),
    final: set(emptyMap<string>(), "a slot", "1:0x"),
    pending: set(emptyMap<true>(), TWO, true),
    rejected: HASHES.reduce((map, hash) => set(map, hash, true as const), emptyMap<true>()),
  };
}

function written(state: State): Buffer {
  return Buffer.concat([...encodeState(state)].map((chunk) => chunk.slice()));
}

function read(bytes: Uint8Array): State {
  const reader = new StateReader();
  reader.add(bytes);
  return reader.done();
}

const codeOf = (work: () => unknown) => {
  const found = attempt(work);
  return found.ok ? "accepted" : `${found.code} ${found.field}`;
};

test("a state comes back, and what one table takes from another is one text", () => {
  const state = sample();
  const copy = read(written(state));
  assert.deepEqual({ ...copy, positions: null }, { ...state, positions: null });
  assert.deepEqual(written(copy), written(state));
  assert.deepEqual(jobAt(copy, ONE), job);
  assert.deepEqual(openJob(packJob(job)), job);
});

test("chunks are small, and may be cut between any two items", () => {
  const hashes = Array.from({ length: 5_000 }, (_, at) => at.toString(16).padStart(64, "0") as Hash);
  const state = { ...sample(), rejected: hashes.reduce((map, hash) => set(map, hash, true as const), emptyMap<true>()) };
  const reader = new StateReader();
  let count = 0;
  for (const chunk of encodeState(state)) {
    assert.ok(chunk.length < 66_000);
    reader.add(chunk);
    count += 1;
  }
  assert.ok(count > 2);
  assert.deepEqual([...entries(reader.done().rejected)], [...entries(state.rejected)]);
});

test("every changed byte is refused, or says another state in its one way", () => {
  const bytes = written(sample());
  let refused = 0;
  for (let at = 0; at < bytes.length; at++) {
    for (const bit of [1, 16, 128]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ bit;
      const found = attempt(() => read(changed));
      if (found.ok) assert.deepEqual(written(found.value), changed, `byte ${at}`);
      else refused += 1;
    }
  }
  assert.ok(refused > bytes.length, `${refused} of ${bytes.length * 3}`);
});

test("every cut is refused, but one between items that may be absent", () => {
  const bytes = written(sample());
  let accepted = 0;
  for (let size = 0; size < bytes.length; size++) if (attempt(() => read(bytes.subarray(0, size))).ok) accepted += 1;
  assert.ok(accepted < 12, `${accepted} of ${bytes.length}`);
  assert.equal(
    codeOf(() => read(new Uint8Array(0))),
    "MISSING_FIELD vaultKey",
  );
});

/** Items by hand: a field's number, then its bytes. */
function items(...list: readonly (readonly [number, string])[]): Uint8Array {
  const out = new Writer();
  for (const [field, hex] of list) {
    out.head(UINT, field);
    for (const byte of fromHex(hex)) out.head(UINT, byte);
  }
  return out.done();
}

test("fields come in order, once, and none is unknown", () => {
  const reader = () => new StateReader();
  assert.equal(
    codeOf(() => reader().add(items([99, ""]))),
    "NOT_CANONICAL ",
  );
  const start = written(sample()).subarray(0, 35);
  assert.equal(
    codeOf(() => reader().add(Buffer.concat([start, start]))),
    "NOT_CANONICAL vaultKey",
  );
  assert.equal(
    codeOf(() => reader().add(items([2, "00"]))),
    "MISSING_FIELD vaultKey",
  );
});

test("tables have one order, and name only what was made", () => {
  const state = sample();
  const other = { ...state, jobs: set(emptyMap<JobState>(), TWO, job) };
  assert.equal(
    codeOf(() => read(written(other))),
    "BAD_VALUE intents",
  );
  const bytes = written(state);
  const [first, second] = [...entries(state.rejected)].map(([hash]) => Buffer.from(hash, "hex")) as [Buffer, Buffer];
  const [one, two] = [bytes.lastIndexOf(first), bytes.lastIndexOf(second)];
  const swapped = Buffer.from(bytes);
  swapped.set(second, one);
  swapped.set(first, two);
  assert.equal(
    codeOf(() => read(swapped)),
    "NOT_CANONICAL rejected",
  );
});

test("positions lead to the head", () => {
  const state = sample();
  assert.equal(
    codeOf(() => read(written({ ...state, seq: state.seq + 1 }))),
    "BAD_VALUE positions",
  );
  const before = hashAt(state.positions, state.seq - 1) as Hash;
  assert.equal(
    codeOf(() => read(written({ ...state, seq: state.seq - 1, head: before }))),
    "BAD_VALUE positions",
  );
  assert.equal(
    codeOf(() => read(written({ ...state, head: ONE }))),
    "BAD_VALUE positions",
  );
});

test("a structure is complete, and what may be absent is 0 or 1", () => {
  // @ts-expect-error a field of the type has no codec
  struct<{ one: number; two: number }>({ one: uint() });
  const out = new Writer();
  out.head(UINT, 2);
  const bytes = out.done();
  const codec = maybe(uint());
  assert.equal(
    codeOf(() => codec.read(new Reader(bytes))),
    "BAD_VALUE ",
  );
});
