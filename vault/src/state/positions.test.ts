import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, type Hash } from "@strongroom/core/bytes";
import fc from "fast-check";
import { append, hashAt, noPositions, type Positions } from "./positions.ts";

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
