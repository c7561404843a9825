/** Layout of journal segments: round trips, refusals by code, and what counts as an unwritten tail. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, fromHex, type Hash, hash, toHex } from "../bytes.ts";
import { Refused } from "../errors.ts";
import {
  advance,
  advanceFiles,
  CHAIN_START,
  decodeFrameHead,
  decodeHeader,
  demandChain,
  demandNext,
  encodeFrameHead,
  encodeHeader,
  FILES_START,
  HEADER_BYTES,
  type Header,
  headerHash,
  isUnwritten,
  PIECE_BYTES_MAX,
  pieceContext,
  RECORD_BYTES_MAX,
  recordContext,
  recordNonce,
  sealContext,
  segmentName,
  snapshotName,
} from "./segment.ts";

const code = (expected: string) => (error: unknown) => error instanceof Refused && error.code === expected;
const name = (digit: string) => digit.repeat(64) as Hash;
const header: Header = {
  form: "segment",
  journal: name("1"),
  identity: name("2"),
  segment: 3,
  first: 4_294_967_301,
  before: name("4"),
  keyNonce: new Uint8Array(12).fill(5),
  sealedKey: new Uint8Array(48).fill(6),
};

test("a header reads back as it was written", () => {
  const bytes = encodeHeader(header);
  assert.equal(bytes.length, HEADER_BYTES);
  assert.deepEqual(decodeHeader(bytes), header);
  assert.deepEqual(decodeHeader(concat(Uint8Array.of(9), bytes).subarray(1)), header);
  assert.deepEqual(bytes.subarray(0, 120), sealContext(header));
  assert.equal(segmentName(3), "00000003.seg");
});

test("a header that is short, long, foreign in format or out of range is refused", () => {
  const bytes = encodeHeader(header);
  assert.throws(() => decodeHeader(bytes.subarray(1)), code("JOURNAL_CORRUPT"));
  assert.throws(() => decodeHeader(concat(bytes, Uint8Array.of(0))), code("JOURNAL_CORRUPT"));
  for (let at = 0; at < 12; at++) {
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    assert.throws(() => decodeHeader(flipped), code(at < 8 ? "JOURNAL_CORRUPT" : "JOURNAL_VERSION"), `byte ${at}`);
    assert.throws(() => decodeHeader(flipped, "snapshot"), code("SNAPSHOT_CORRUPT"), `byte ${at}`);
  }
  const huge = bytes.slice();
  huge[80] = 0xff;
  assert.throws(() => decodeHeader(huge), code("JOURNAL_CORRUPT"));
});

test("a snapshot has a segment's header, and neither is taken for the other", () => {
  const snapshot: Header = { ...header, form: "snapshot" };
  const bytes = encodeHeader(snapshot);
  assert.equal(snapshotName(3), "00000003.snap");
  assert.deepEqual(decodeHeader(bytes, "snapshot"), snapshot);
  assert.throws(() => decodeHeader(bytes), code("JOURNAL_CORRUPT"));
  assert.throws(() => decodeHeader(encodeHeader(header), "snapshot"), code("SNAPSHOT_CORRUPT"));
  assert.notDeepEqual(headerHash(bytes, "snapshot"), headerHash(bytes));
  const piece = pieceContext(headerHash(bytes, "snapshot"), 258, true);
  assert.equal(toHex(piece), `${toHex(headerHash(bytes, "snapshot"))}000000000000010201`);
  assert.equal(pieceContext(headerHash(bytes), 0, false)[40], 0);
  assert.equal(decodeFrameHead(encodeFrameHead(RECORD_BYTES_MAX + 1), PIECE_BYTES_MAX), RECORD_BYTES_MAX + 1);
  assert.equal(decodeFrameHead(encodeFrameHead(PIECE_BYTES_MAX + 1), PIECE_BYTES_MAX), null);
});

test("what stands for all segments depends on each header, each size and their order", () => {
  const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;
  const both = advanceFiles(advanceFiles(FILES_START, one, 7), two, 2 ** 33);
  assert.equal(
    both,
    hash("strongroom/files/1", concat(fromHex(advanceFiles(FILES_START, one, 7)), two, fromHex("0000000200000000"))),
  );
  for (const other of [
    advanceFiles(advanceFiles(FILES_START, one, 8), two, 2 ** 33),
    advanceFiles(advanceFiles(FILES_START, two, 2 ** 33), one, 7),
    advanceFiles(FILES_START, two, 2 ** 33),
  ])
    assert.notEqual(other, both);
});

test("only the next segment of the same history is accepted", () => {
  const owner = { journal: header.journal, identity: header.identity };
  const position = { segment: 2, sequence: header.first, chain: header.before };
  demandNext(header, position, owner);
  assert.throws(() => demandNext(header, position, { ...owner, journal: name("9") }), code("JOURNAL_FOREIGN"));
  assert.throws(() => demandNext(header, position, { ...owner, identity: name("9") }), code("JOURNAL_FOREIGN"));
  assert.throws(() => demandNext(header, { ...position, segment: 1 }, owner), code("JOURNAL_GAP"));
  assert.throws(() => demandNext(header, { ...position, sequence: 1 }, owner), code("JOURNAL_GAP"));
  assert.throws(() => demandNext(header, { ...position, chain: CHAIN_START }, owner), code("JOURNAL_CHAIN"));
});

test("a frame head carries its length twice", () => {
  for (const length of [0, 1, 255, 65_536, RECORD_BYTES_MAX]) {
    const bytes = encodeFrameHead(length);
    assert.equal(decodeFrameHead(bytes), length);
    for (let bit = 0; bit < 64; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(decodeFrameHead(flipped), null);
    }
  }
  assert.equal(decodeFrameHead(encodeFrameHead(RECORD_BYTES_MAX + 1)), null);
  assert.equal(decodeFrameHead(new Uint8Array(8)), null);
});

test("a record is bound to its segment, its place and all before it", () => {
  const tie = headerHash(encodeHeader(header));
  const bytes = recordContext(tie, 258, fromHex(header.before));
  assert.equal(toHex(bytes), `${toHex(tie)}0000000000000102${header.before}`);
  assert.equal(toHex(recordNonce(513)), "000000000000000000000201");
  assert.equal(toHex(recordNonce(Number.MAX_SAFE_INTEGER, new Uint8Array(12))), "00000000001fffffffffffff");
  assert.equal(toHex(recordContext(tie, header.first, fromHex(header.before), bytes)).slice(64, 80), "0000000100000005");
});

test("the chain is the tagged hash over hash and plaintext", () => {
  const one = Uint8Array.of(1, 2, 3);
  const two = new Uint8Array(0);
  const first = advance(fromHex(CHAIN_START), one);
  assert.equal(toHex(first), hash("strongroom/record/1", concat(new Uint8Array(32), one)));
  const head = toHex(advance(first, two)) as Hash;
  demandChain([one, two], CHAIN_START, head);
  demandChain([], head, head);
  assert.throws(() => demandChain([two, one], CHAIN_START, head), code("JOURNAL_CHAIN"));
  assert.throws(() => demandChain([one], CHAIN_START, head), code("JOURNAL_CHAIN"));
});

test("an unwritten tail is zero from its frame or from a sector on", () => {
  assert.equal(isUnwritten({ start: 700, zeroFrom: 700, end: 701 }), true);
  assert.equal(isUnwritten({ start: 700, zeroFrom: 650, end: 9000 }), true);
  assert.equal(isUnwritten({ start: 700, zeroFrom: 701, end: 1023 }), false);
  assert.equal(isUnwritten({ start: 700, zeroFrom: 1008, end: 9000 }), false);
  assert.equal(isUnwritten({ start: 700, zeroFrom: 1009, end: 9000 }), true);
  assert.equal(isUnwritten({ start: 700, zeroFrom: 1024, end: 1024 + 15 }), false);
  assert.equal(isUnwritten({ start: 700, zeroFrom: 1024, end: 1024 + 16 }), true);
  assert.equal(isUnwritten({ start: 700, zeroFrom: 1025, end: 9000 }), false);
});
