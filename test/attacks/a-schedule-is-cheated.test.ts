/** A payment is made outside of the hours in which it is allowed, or just when a rule for certain hours would forbid it. */
import { OPEN } from "../../core/src/rulebook/open.ts";
import type { Rule, Rulebook } from "../../core/src/signed/rulebook.ts";
import type { Device } from "../world/keys.ts";
import type { MemoryVault } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { aside, attacks, besiege, honestlySigned, refused, request } from "./attack.ts";

const { KEYS, NOW, HOUR, DAY, MINUTE } = world;
const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

/** Payments only within half an hour around now, by a calendar that ends in a month; three sources state the time. */
function office(more: Partial<Rulebook> = {}) {
  const minute = Math.floor((NOW % DAY) / MINUTE);
  const times: Rule["times"] = [{ calendar: "utc", days: DAYS, from: minute - 15, to: minute + 15 }];
  const clocks = [KEYS.pricerA, KEYS.pricerB, KEYS.finalityA].map(({ publicKey }, at) => {
    return { id: `clock-${at}`, type: "clock", publicKey } as const;
  });
  const siege = besiege({
    rulebook: (demo) => ({
      calendars: [{ id: "utc", offset: 0, changes: [], until: NOW + 30 * DAY }],
      sources: [...demo.sources.filter(({ id }) => id !== "finality-a"), ...clocks],
      chains: demo.chains.map((chain) => ({ ...chain, finality: ["finality-b"], finalityAtLeast: 1 })),
      clock: { sources: ["clock-0", "clock-1", "clock-2"], atLeast: 2 },
      rules: [
        ...demo.rules.filter((rule) => rule.effect !== "allow" || !rule.kinds.includes("pay")),
        { ...OPEN, id: "office", effect: "allow", kinds: ["pay"], times },
      ],
      ...more,
    }),
  });
  const { vault, book } = siege;
  const clock = (source: number, at: number, key: Device) => {
    const { deployment } = book.document;
    return world.signFact({ version: 1, type: "clock", deployment, source: `clock-${source}`, subject: "clock", at }, key);
  };
  const send = (...facts: readonly Uint8Array[]) =>
    vault.send(request(vault, world.pay(book, { notAfter: NOW + 60 * DAY }), { facts }));
  honestlySigned(vault, () => send());
  return { ...siege, clock, send };
}

const at = (vault: MemoryVault, lo: number, hi: number) => {
  vault.now = { lo: NOW + lo, hi: NOW + hi };
};

attacks("it is paid after hours by setting the clock", () => {
  const { vault, send } = office();
  for (const [how, lo, hi] of [
    ["after hours", 16 * MINUTE, 16 * MINUTE],
    ["the wall clock says it is later", 0, 15 * MINUTE],
    ["the wall clock says it is tomorrow, in hours", 0, DAY],
    ["the vault was down over night and the clock is right", -14 * HOUR, 0],
    ["the vault was down for a year", -365 * DAY, 0],
    ["before hours", -16 * MINUTE, -16 * MINUTE],
  ] as const) {
    aside(vault, () => {
      at(vault, lo, hi);
      refused(vault, "NOT_ALLOWED", how, () => send());
    });
  }
  at(vault, 31 * DAY, 31 * DAY);
  refused(vault, "NOT_ALLOWED", "after the end of the calendar", () => send());
});

attacks("sources of the time are forged, or too few of them lie", () => {
  const { vault, clock, send } = office();
  at(vault, -5 * HOUR, 0);
  const [a, b] = [clock(0, NOW, KEYS.pricerA), clock(1, NOW, KEYS.pricerB)];
  honestlySigned(vault, () => send(a, b));
  refused(vault, "NOT_ALLOWED", "one alone", () => send(a));
  refused(vault, "SIGNATURE_INVALID", "one with two names", () => send(a, clock(1, NOW, KEYS.pricerA)));
  refused(vault, "SIGNATURE_INVALID", "somebody else", () => send(a, clock(1, NOW, KEYS.mallory)));
  refused(vault, "NOT_ALLOWED", "one that is behind", () => send(a, clock(1, NOW - HOUR, KEYS.pricerB)));
  refused(vault, "FACT_FUTURE", "one that is ahead", () => send(a, clock(1, NOW + HOUR, KEYS.pricerB)));
  at(vault, -5 * HOUR, 10 * HOUR);
  refused(vault, "NOT_ALLOWED", "the wall clock is ahead of them", () => send(a, b));
  refused(vault, "NOT_ALLOWED", "two lie the clock forward out of hours", () =>
    send(clock(0, NOW + 10 * HOUR, KEYS.pricerA), clock(1, NOW + 10 * HOUR, KEYS.pricerB)),
  );
});

attacks("a deny for certain hours is slipped past at its edges", () => {
  const minute = Math.floor((NOW % DAY) / MINUTE);
  const night: Rule = {
    ...OPEN,
    id: "night",
    effect: "deny",
    kinds: ["pay"],
    times: [{ calendar: "utc", days: DAYS, from: minute + 5, to: minute + 10 }],
  };
  const { vault, send } = office();
  const barred = besiege({
    rulebook: (demo) => ({
      calendars: [{ id: "utc", offset: 0, changes: [], until: NOW + 30 * DAY }],
      rules: [...demo.rules, night],
    }),
  });
  const pay = () => barred.vault.send(request(barred.vault, world.pay(barred.book, { notAfter: NOW + 60 * DAY })));
  honestlySigned(barred.vault, pay);
  const start = 5 * MINUTE - (NOW % MINUTE);
  const end = start + 5 * MINUTE;
  for (const [how, lo, hi] of [
    ["its first millisecond", start, start],
    ["its last millisecond", end - 1, end - 1],
    ["the upper bound has come in", start - 1, start],
    ["the lower bound has not gone out", end - 1, end + HOUR],
    ["both bounds are around it", 0, end + HOUR],
    ["the vault was down for two months", -61 * DAY, 0],
    ["the calendar has ended", 31 * DAY, 31 * DAY],
  ] as const) {
    aside(barred.vault, () => {
      at(barred.vault, lo, hi);
      refused(barred.vault, "DENIED", how, pay);
    });
  }
  refused(vault, "NOT_ALLOWED", "beside an allow for hours", () => {
    at(vault, HOUR, HOUR);
    return send();
  });
});
