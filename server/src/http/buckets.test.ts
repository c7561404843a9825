import assert from "node:assert/strict";
import { test } from "node:test";
import { addressKey, Buckets, Slots } from "./buckets.ts";

test("a bucket gives its burst, then its rate", () => {
  const buckets = new Buckets({ burst: 3, perSecond: 2 }, 10);
  const left = Array.from({ length: 4 }, () => buckets.take("a", 1_000));
  assert.deepEqual(
    left.map(({ ok, left: rest, wait }) => [ok, rest, wait]),
    [
      [true, 2, 0],
      [true, 1, 0],
      [true, 0, 0],
      [false, 0, 1],
    ],
  );
  assert.equal(buckets.take("b", 1_000).ok, true);
  assert.equal(buckets.take("a", 1_499).ok, false);
  assert.equal(buckets.take("a", 1_500).ok, true);
  assert.equal(buckets.take("a", 900).ok, false);
  assert.deepEqual(buckets.take("a", 60_000), { ok: true, left: 2, wait: 0, reset: 1 });
});

test("only so many are remembered, those that were silent longest go first", () => {
  const buckets = new Buckets({ burst: 1, perSecond: 1 }, 2);
  for (const key of ["a", "b", "a", "c"]) buckets.take(key, 0);
  assert.equal(buckets.size, 2);
  assert.equal(buckets.take("a", 0).ok, false);
  assert.equal(buckets.take("b", 0).ok, true);
});

test("slots are bounded for each and for all, and come back once", () => {
  const slots = new Slots(2, 3);
  const [one, two] = [slots.hold("a"), slots.hold("a")];
  assert.equal(slots.hold("a"), null);
  const three = slots.hold("b");
  assert.equal(slots.hold("c"), null);
  one?.();
  one?.();
  assert.equal(slots.held, 2);
  assert.ok(slots.hold("a"));
  two?.();
  three?.();
  assert.equal(slots.held, 1);
});

test("addresses of one IPv6 network are one", () => {
  assert.equal(addressKey("192.0.2.1"), "192.0.2.1");
  assert.equal(addressKey("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(addressKey("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  assert.equal(addressKey("2001:db8:1:2::9"), addressKey("2001:db8:1:2:ffff::"));
  assert.equal(addressKey("2001:db8::1"), "2001:db8:0:0::/64");
  assert.equal(addressKey("::1"), "0:0:0:0::/64");
  assert.equal(addressKey("fe80::1%eth0"), "fe80:0:0:0::/64");
});
