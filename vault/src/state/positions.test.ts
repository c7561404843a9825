import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, type Hash } from "@strongroom/core/bytes";
import fc from "fast-check";
import { append, blocks, extend, hashAt, noPositions, type Positions } from "./positions.ts";

const nameOf = (number: number) => number.toString(16).padStart(64, "0") as Hash;

/** A list with its history as plain hashes. */
type Version = { readonly list: Positions; readonly model: readonly Hash[] };

function longer({ list, model }: Version, hash: Hash): Version {
  return { list: append(list, fromHex(hash)), model: [...model, hash] };
}

function same({ list, model }: Version): void {
  assert.equal(list.length, model.length);
  for (const [at, hash] of model.entries()) assert.equal(hashAt(list, at + 1), hash);
  assert.equal(hashAt(list, 0), undefined);
  assert.equal(hashAt(list, model.length + 1), undefined);
}

test("a history that only grows keeps every position", () => {
  let version: Version = { list: noPositions(), model: [] };
  same(version);
  for (let number = 0; number < 300; number++) version = longer(version, nameOf(number));
  same(version);
});

test("histories that part share what came before and nothing after", () => {
  const forks = fc.array(fc.record({ from: fc.nat(), steps: fc.integer({ min: 1, max: 90 }) }), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(forks, (list) => {
      const versions: Version[] = [{ list: noPositions(), model: [] }];
      let number = 0;
      for (const { from, steps } of list) {
        let version = versions[from % versions.length] as Version;
        for (let step = 0; step < steps; step++) {
          number += 1;
          version = longer(version, nameOf(number));
        }
        versions.push(version);
      }
      for (const version of versions) same(version);
    }),
    { numRuns: 100 },
  );
});

test("a list comes back from its pieces, which lists of another history do not touch", () => {
  for (const length of [0, 1, 63, 64, 1023, 1024, 1025, 3000]) {
    let list = noPositions();
    for (let number = 0; number < length; number++) list = append(list, fromHex(nameOf(number)));
    const copy = [...blocks(list)].reduce(extend, noPositions());
    assert.equal(copy.length, length);
    for (let number = 0; number < length; number++) assert.equal(hashAt(copy, number + 1), nameOf(number));
    const [one, two] = [1, 2].map((number) => extend(copy, fromHex(nameOf(number)))) as [Positions, Positions];
    assert.deepEqual([hashAt(one, length + 1), hashAt(two, length + 1)], [nameOf(1), nameOf(2)]);
  }
  assert.throws(() => extend(noPositions(), new Uint8Array(33)), { code: "BAD_VALUE" });
});
