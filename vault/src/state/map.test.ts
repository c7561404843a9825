import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { emptyMap, entries, get, has, keptKey, MapBuilder, type PMap, remove, set, values } from "./map.ts";

/** Pairs of keys with one FNV-1a hash, so that only their SHA-256 tells them apart. */
const COLLIDING = [
  ["7yzx", "e6ad"],
  ["7yzu", "e6ai"],
] as const;

function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

type Step = { readonly key: string; readonly value: number | undefined };

function step(map: PMap<number>, { key, value }: Step): PMap<number> {
  return value === undefined ? remove(map, key) : set(map, key, value);
}

/** Same keys, same values, same size. */
function same(map: PMap<number>, model: ReadonlyMap<string, number>): void {
  assert.equal(map.size, model.size);
  assert.deepEqual(new Map(entries(map)), model);
  for (const [key, value] of model) assert.equal(get(map, key), value);
}

test("the keys for collisions do collide", () => {
  for (const [one, other] of COLLIDING) assert.equal(hashOf(one), hashOf(other));
});

test("it behaves as Map does, and every older version stays what it was", () => {
  const key = fc.oneof(
    fc.constantFrom(...COLLIDING.flat()),
    fc.integer({ min: 0, max: 300 }).map((number) => `key ${number}`),
  );
  const steps = fc.array(fc.record({ key, value: fc.option(fc.nat(), { nil: undefined, freq: 2 }) }), {
    maxLength: 400,
    size: "max",
  });
  fc.assert(
    fc.property(steps, (list) => {
      const versions: { map: PMap<number>; model: Map<string, number> }[] = [{ map: emptyMap<number>(), model: new Map() }];
      for (const one of list) {
        const { map, model } = versions.at(-1) as (typeof versions)[number];
        const after = new Map(model);
        if (one.value === undefined) after.delete(one.key);
        else after.set(one.key, one.value);
        versions.push({ map: step(map, one), model: after });
      }
      for (const at of [0, 0.25, 0.5, 0.75, 1].map((part) => Math.floor(part * (versions.length - 1)))) {
        const { map, model } = versions[at] as (typeof versions)[number];
        same(map, model);
      }
    }),
    { numRuns: 100 },
  );
});

test("keys that collide live, change and go one by one", () => {
  for (const [one, other] of COLLIDING) {
    const both = set(set(emptyMap<number>(), one, 1), other, 2);
    same(
      both,
      new Map([
        [one, 1],
        [other, 2],
      ]),
    );
    same(
      set(both, one, 3),
      new Map([
        [other, 2],
        [one, 3],
      ]),
    );
    same(remove(both, one), new Map([[other, 2]]));
    same(remove(remove(both, one), other), new Map());
    assert.equal(has(remove(both, other), other), false);
  }
});

test("what is not there is not there, and removing it changes nothing", () => {
  const empty = emptyMap<number>();
  assert.equal(get(empty, "a"), undefined);
  assert.equal(remove(empty, "a"), empty);
  const one = set(empty, "a", 1);
  assert.equal(remove(one, "b"), one);
  assert.equal(has(one, "b"), false);
});

test("ten thousand keys come back, by key and by what holds of them", () => {
  let map = emptyMap<number>();
  for (let number = 0; number < 10_000; number++) map = set(map, `intent ${number}`, number);
  assert.equal(map.size, 10_000);
  for (let number = 0; number < 10_000; number++) assert.equal(get(map, `intent ${number}`), number);
  assert.deepEqual(values(map, (value) => value % 5_000 === 1).toSorted(), [1, 5001]);
  for (let number = 0; number < 10_000; number++) map = remove(map, `intent ${number}`);
  assert.equal(map.size, 0);
  assert.deepEqual([...entries(map)], []);
});

function rebuilt<V>(map: PMap<V>): PMap<V> {
  const builder = new MapBuilder<V>();
  for (const [key, value] of entries(map)) assert.ok(builder.add(key, value), key);
  return builder.done();
}

test("a map that is built from its entries is that map, in the same order, and lives on like it", () => {
  const key = fc.oneof(fc.constantFrom(...COLLIDING.flat()), fc.string({ maxLength: 3 }));
  const steps = fc.array(fc.record({ key, value: fc.option(fc.nat(), { nil: undefined, freq: 3 }) }), {
    maxLength: 300,
    size: "max",
  });
  fc.assert(
    fc.property(steps, steps, (list, more) => {
      const map = list.reduce(step, emptyMap<number>());
      const copy = rebuilt(map);
      assert.deepEqual([copy.size, [...entries(copy)]], [map.size, [...entries(map)]]);
      assert.deepEqual([...entries(more.reduce(step, copy))], [...entries(more.reduce(step, map))]);
    }),
    { numRuns: 200 },
  );
});

test("a builder takes entries in one order only, and each key once", () => {
  const keys = [...entries([...COLLIDING.flat(), "a", "b", "c"].reduce((map, key) => set(map, key, 1), emptyMap<number>()))];
  for (let at = 0; at + 1 < keys.length; at++) {
    const builder = new MapBuilder<number>();
    const [one, two] = [keys[at]?.[0] ?? "", keys[at + 1]?.[0] ?? ""];
    assert.ok(builder.add(two, 1));
    assert.equal(builder.add(two, 1), false);
    assert.equal(builder.add(one, 1), false, `${one} after ${two}`);
  }
});

test("a key is kept in the very text that came first", () => {
  const [first, again] = ["key", ["k", "ey"].join("")] as const;
  const map = set(set(emptyMap<number>(), first, 1), again, 2);
  assert.deepEqual([keptKey(map, again), get(map, first), keptKey(map, "other")], [first, 2, undefined]);
});
