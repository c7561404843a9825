import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf } from "../../test/sample.ts";
import { fromHex, toHex } from "../bytes.ts";
import { attempt } from "../errors.ts";
import { decode, encode } from "../signed/object.ts";
import { openRecord, Record, sealRecord } from "./record.ts";
import { RECORD_BYTES_MAX } from "./segment.ts";

const booted: Record = { version: 1, kind: "booted", at: 1_795_330_800_000, boot: hashOf("boot") };

test("a record is sealed with its one encoding and opened from it", () => {
  const sealed = sealRecord(booted);
  assert.deepEqual(sealed, { value: booted, bytes: encode(Record, booted) });
  assert.deepEqual(openRecord(sealed.bytes), sealed);
});

test("a record that is not one is refused", () => {
  const cut = attempt(() => openRecord(sealRecord(booted).bytes.subarray(1)));
  assert.equal(cut.ok ? "" : cut.code, "MALFORMED");
  const wrong = attempt(() => sealRecord({ ...booted, at: -1 }));
  assert.equal(wrong.ok ? "" : `${wrong.code} ${wrong.field}`, "BAD_VALUE record.at");
});

test("a record of another version, or of a kind that is not known, is not guessed at", () => {
  const { bytes } = sealRecord(booted);
  for (const [from, to] of [
    ["0001", "0002"],
    ["0101", "011863"],
  ] as const) {
    const changed = fromHex(toHex(bytes).replace(from, to));
    const found = attempt(() => openRecord(changed));
    assert.equal(found.ok ? "" : found.code, "JOURNAL_VERSION", to);
  }
});

test("the largest record is what a segment takes, and a founding fits", () => {
  assert.equal(Record.maxBytes, RECORD_BYTES_MAX);
  const founded: Record = {
    version: 1,
    kind: "founded",
    at: 1,
    genesis: new Uint8Array(65_536),
    rulebook: new Uint8Array(786_432 + 65_536),
  };
  assert.deepEqual(decode(Record, encode(Record, founded)), founded);
});
