/** What rules read of an action: the wallet's unit, client and class, the initiator himself, the value, the local time, and
 *  destinations in and outside the book. Each comes from where nobody can forge it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTHING, OPEN } from "../../../core/src/rulebook/open.ts";
import type { Entry } from "../../../core/src/signed/entry.ts";
import type { IntentOf } from "../../../core/src/signed/intent.ts";
import type { Rule, Rulebook } from "../../../core/src/signed/rulebook.ts";
import type { Device } from "../../world/keys.ts";
import { TOKEN } from "../../world/rulebook.ts";
import { type MemoryVault, must } from "../../world/vault.ts";
import * as world from "../../world/world.ts";
import { adopt, bookOf, cancelOf, freezeBy, payment, refused, send, vaultWith } from "../ground.ts";

const { ETH, KEYS, NOW, HOUR, DAY } = world;
const UNITS = [{ id: "bank" }, { id: "desk", parent: "bank" }, { id: "shop", parent: "bank" }];

const STRANGER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

/** A vault with one more rule. */
function ruled(rule: Partial<Rule>, more: (book: Rulebook) => Partial<Rulebook> = () => ({})): MemoryVault {
  return vaultWith((book) => ({
    units: UNITS,
    ...more(book),
    rules: [...book.rules, { ...OPEN, id: "new", effect: "deny", kinds: ["pay"], ...rule } as Rule],
  }));
}

/** The rules of the demonstration world that are not about payments. */
const setUp = (book: Rulebook) => book.rules.filter(({ kinds }) => kinds !== "any" && !kinds.includes("pay"));

/** Opens a wallet and attests its first address. */
function open(vault: MemoryVault, change: Partial<IntentOf<"wallet">> & { readonly wallet: string }): void {
  must(vault.run(world.wallet(bookOf(vault), change), [KEYS.carl]));
  must(vault.send(world.command({ command: "address", wallet: change.wallet, index: 0 })));
}

const from = (vault: MemoryVault, wallet: string, change: Partial<IntentOf<"pay">> = {}) =>
  payment(vault, { wallet, reference: `from ${wallet}`, ...change });

test("a rule about a unit is about the units below it, and about no other", () => {
  for (const [units, denied] of [
    [["bank"], ["desk-1", "shop-1"]],
    [["desk"], ["desk-1"]],
    [
      ["shop", "desk"],
      ["desk-1", "shop-1"],
    ],
  ] as const) {
    const vault = ruled({ units });
    for (const unit of ["desk", "shop"]) open(vault, { wallet: `${unit}-1`, unit });
    open(vault, { wallet: "none" });
    for (const wallet of ["desk-1", "shop-1", "none"]) {
      if ((denied as readonly string[]).includes(wallet))
        refused(vault, "DENIED", () => send(vault, from(vault, wallet)), "rules.new");
      else must(send(vault, from(vault, wallet)));
    }
  }
});

test("a rule about wallets, clients, wallet classes or one person reads the wallet and the initiator", () => {
  const cases: readonly [Partial<Rule>, Partial<IntentOf<"wallet">>, Partial<IntentOf<"wallet">>][] = [
    [{ clients: ["alice"] }, { client: "alice" }, { client: "bob" }],
    [{ clients: ["alice"] }, { client: "alice" }, {}],
    [{ walletClasses: ["cold", "warm"] }, { walletClass: "cold" }, { walletClass: "hot" }],
    [{ walletClasses: ["cold", "warm"] }, { walletClass: "warm" }, { walletClass: "hot" }],
    [{ wallets: ["hit"] }, {}, {}],
  ];
  for (const [rule, hit, miss] of cases) {
    const vault = ruled(rule);
    open(vault, { wallet: "hit", ...hit });
    open(vault, { wallet: "miss", ...miss });
    refused(vault, "DENIED", () => send(vault, from(vault, "hit")), "rules.new");
    must(send(vault, from(vault, "miss")));
  }
  const vault = ruled({ persons: ["tom"] });
  refused(vault, "DENIED", () => send(vault, payment(vault)), "rules.new");
  must(send(vault, payment(vault, { reference: "tina's", initiator: KEYS.tina.id })));
});

test("a new wallet is judged by the name, unit, client and class that it is to have", () => {
  const vault = ruled({ kinds: ["wallet"], units: ["desk"], walletClasses: ["hot"] });
  const wallet = (change: Partial<IntentOf<"wallet">>) => {
    return vault.run(world.wallet(bookOf(vault), { wallet: "new", ...change }), [KEYS.carl]);
  };
  refused(vault, "DENIED", () => wallet({ unit: "desk" }), "rules.new");
  refused(vault, "UNIT_UNKNOWN", () => wallet({ unit: "other" }), "wallet.unit");
  must(wallet({ unit: "desk", walletClass: "cold" }));
  const named = ruled({ kinds: ["wallet"], wallets: ["hit"], clients: ["alice"] });
  const opened = (change: Partial<IntentOf<"wallet">>) => named.run(world.wallet(bookOf(named), change), [KEYS.carl]);
  refused(named, "DENIED", () => opened({ wallet: "hit", client: "alice" }), "rules.new");
  must(opened({ wallet: "hit", client: "bob" }));
  must(opened({ wallet: "miss", client: "alice" }));
});

test("a wallet whose unit is gone pays nobody any more, and can still cancel", () => {
  const vault = ruled({ kinds: ["entry"], classes: ["contract"] });
  open(vault, { wallet: "old", unit: "shop" });
  const paid = from(vault, "old");
  must(send(vault, paid));
  adopt(vault, () => ({ units: UNITS.slice(0, 2) }));
  refused(vault, "UNIT_UNKNOWN", () => send(vault, from(vault, "old", { reference: "b" })), "wallet.unit");
  const { maxFeePerGas, maxPriorityFeePerGas } = world.CONTEXT;
  const context = { maxFeePerGas: 2n * maxFeePerGas, maxPriorityFeePerGas: 2n * maxPriorityFeePerGas };
  must(send(vault, cancelOf(vault, paid, { wallet: "old" }), context));
});

test("a freeze of a unit stops it and the units below it", () => {
  const vault = ruled({ kinds: ["entry"], classes: ["contract"] });
  for (const unit of ["desk", "shop"]) open(vault, { wallet: `${unit}-1`, unit });
  refused(vault, "BAD_VALUE", () => vault.run(freezeBy(vault, { level: "unit", subject: "other" }), []), "intent.subject");
  must(vault.run(freezeBy(vault, { level: "unit", subject: "desk" }), []));
  refused(vault, "FROZEN", () => send(vault, from(vault, "desk-1")), "freeze.unit");
  refused(vault, "FROZEN", () => vault.run(world.wallet(bookOf(vault), { wallet: "x", unit: "desk" }), [KEYS.carl]));
  must(send(vault, from(vault, "shop-1")));
  must(vault.run(freezeBy(vault, { level: "unit", subject: "bank" }, KEYS.otto), []));
  refused(vault, "FROZEN", () => send(vault, from(vault, "shop-1", { reference: "b" })), "freeze.unit");
  must(send(vault, payment(vault)));
});

test("a freeze of a unit between commitment and signature holds the signature back", () => {
  const vault = ruled({ kinds: ["entry"], classes: ["contract"] });
  open(vault, { wallet: "desk-1", unit: "desk" });
  vault.hold = true;
  send(vault, from(vault, "desk-1"));
  must(vault.run(freezeBy(vault, { level: "unit", subject: "bank" }), []));
  assert.equal(vault.release()[0]?.code, "FROZEN");
});

// entries

/** Entries of every class; `own-1` is the paying address. */
function entriesOf(vault: MemoryVault): readonly Entry[] {
  const book = bookOf(vault);
  const own = { name: "own-1", address: addressOf(vault, "treasury"), own: { wallet: "treasury", index: 0 } };
  const others = (["exchange", "vasp", "self-hosted", "contract", "denied"] as const).map((declared) => {
    return world.entryOf(book, { name: `${declared}-1`, address: STRANGER, class: declared });
  });
  return [...others, world.entryOf(book, { ...own, class: "own" })];
}

/** Enters or retires it as tina with carl. */
const change = (vault: MemoryVault, kind: "entry" | "retire", entry: Entry, more: readonly Device[] = []) => {
  const intent = kind === "entry" ? world.enter(bookOf(vault), entry) : world.retire(bookOf(vault), entry);
  return vault.run(intent, [KEYS.carl, ...more]);
};

for (const kind of ["entry", "retire"] as const) {
  test(`a rule about the class or the name of an entry reads it when it ${kind === "entry" ? "comes" : "goes"}`, () => {
    for (const { name, class: declared } of entriesOf(vaultWith())) {
      for (const rule of [{ classes: [declared] }, { destinations: [name] }]) {
        const vault = vaultWith();
        const deny: Rule = { ...OPEN, id: "new", effect: "deny", kinds: [kind], ...rule };
        adopt(vault, ({ rules }) => ({ rules: [...rules, deny] }));
        for (const entry of entriesOf(vault)) {
          if (kind === "retire") must(change(vault, "entry", entry));
          if (entry.name === name) refused(vault, "DENIED", () => change(vault, kind, entry), "rules.new");
          else must(change(vault, kind, entry));
        }
      }
    }
  });

  test(`a requirement for the deny list binds when an entry of it ${kind === "entry" ? "comes" : "goes"}, and no other`, () => {
    const quorum = { type: "group", group: "officers", count: 1 } as const;
    const rule = { ...NOTHING, effect: "require", kinds: [kind], classes: ["denied"], quorum } as const;
    const vault = ruled(rule);
    for (const entry of entriesOf(vault)) {
      if (kind === "retire") must(change(vault, "entry", entry, [KEYS.olga]));
      if (entry.class === "denied") refused(vault, "QUORUM_MISSING", () => change(vault, kind, entry), "rules.new");
      must(change(vault, kind, entry, entry.class === "denied" ? [KEYS.olga] : []));
    }
  });
}

test("a payment is judged by the name of the entry that it pays", () => {
  const to = (vault: MemoryVault, destination: IntentOf<"pay">["destination"], reference: string) =>
    vault.run(payment(vault, { destination, reference }), [KEYS.amy, KEYS.bob], {
      facts: [world.screening(bookOf(vault), world.zoe(bookOf(vault)))],
    });
  for (const hit of ["acme", "zoe"]) {
    const vault = ruled({ destinations: [hit] });
    for (const entry of [world.acme(bookOf(vault)), world.zoe(bookOf(vault))]) {
      const pay = () => to(vault, world.destinationOf(entry), entry.name);
      if (entry.name === hit) refused(vault, "DENIED", pay, "rules.new");
      else must(pay());
    }
    must(to(vault, { address: STRANGER }, "a stranger"));
  }
});

// destinations outside the book

test("an address outside the book is paid as one-time, when a rule allows that", () => {
  const vault = ruled({ classes: ["exchange"] });
  must(send(vault, payment(vault, { destination: { address: STRANGER } })));
  const never = ruled({ classes: ["one-time"] });
  const paid = (change: Partial<IntentOf<"pay">["destination"]>) => {
    return () => send(never, payment(never, { destination: { address: STRANGER, ...change } }));
  };
  refused(never, "DENIED", paid({}), "rules.new");
  refused(never, "ENTRY_MISMATCH", paid({ hash: world.ZERO }), "intent.destination.hash");
  refused(never, "ADDRESS_INVALID", paid({ address: STRANGER.toLowerCase() }), "intent.destination.address");
  refused(never, "ENTRY_MISMATCH", paid({ address: TOKEN }), "intent.destination.address");
  const { address } = world.acme(bookOf(never));
  refused(never, "ENTRY_MISMATCH", paid({ address }), "intent.destination.entry");
});

test("an address is one-time again only when its last entry is retired", () => {
  const vault = vaultWith();
  const book = bookOf(vault);
  const twice = [
    world.entryOf(book, { name: "one", address: STRANGER }),
    world.entryOf(book, { name: "two", address: STRANGER }),
  ];
  const once = (reference: string) => send(vault, payment(vault, { reference, destination: { address: STRANGER } }));
  for (const entry of twice) must(vault.run(world.enter(book, entry), [KEYS.carl]));
  for (const entry of twice) {
    refused(vault, "ENTRY_MISMATCH", () => once(entry.name));
    must(vault.run(world.retire(book, entry), [KEYS.carl]));
  }
  must(once("free"));
});

test("our own address is own or client-owned, also when it is not in the book", () => {
  const vault = ruled({ classes: ["client-owned"] });
  open(vault, { wallet: "omnibus-2" });
  open(vault, { wallet: "alice-1", client: "alice" });
  const to = (wallet: string) => addressOf(vault, wallet);
  must(send(vault, payment(vault, { destination: { address: to("omnibus-2") } })));
  const foreign = payment(vault, { reference: "b", destination: { address: to("alice-1") } });
  refused(vault, "DENIED", () => send(vault, foreign), "rules.new");
});

function addressOf(vault: MemoryVault, wallet: string): string {
  const answer = must(vault.send(world.command({ command: "address", wallet, index: 0 })));
  const [address] = /0x[0-9a-fA-F]{40}/.exec(Buffer.from(answer.body).toString("latin1")) as RegExpExecArray;
  return address;
}

test("an entry is paid only in the assets that it is for", () => {
  const vault = vaultWith();
  const book = bookOf(vault);
  const entering = (assets: readonly string[]) => {
    const entry = world.entryOf(book, { name: "usdx-only", address: STRANGER, assets });
    return { entry, answer: () => vault.run(world.enter(book, entry), [KEYS.carl]) };
  };
  refused(vault, "ASSET_UNKNOWN", entering(["btc"]).answer, "intent.entry.assets");
  const { entry, answer } = entering(["usdx"]);
  must(answer());
  const destination = world.destinationOf(entry);
  refused(vault, "ENTRY_MISMATCH", () => send(vault, payment(vault, { destination })), "intent.asset");
  must(send(vault, payment(vault, { destination, asset: "usdx", amount: 5n })));
});

test("an address on the deny list is paid under no name, until the entry is retired", () => {
  const vault = vaultWith();
  const book = bookOf(vault);
  const acme = world.acme(book);
  const denied = world.entryOf(book, { name: "bad", address: acme.address, class: "denied" });
  must(vault.run(world.enter(book, denied), [KEYS.carl]));
  refused(vault, "DENIED", () => send(vault, payment(vault)), "entries.bad");
  const itself = payment(vault, { destination: world.destinationOf(denied) });
  refused(vault, "DENIED", () => send(vault, itself), "entries.bad");
  const again = world.entryOf(book, { name: "bad-2", address: acme.address, class: "denied" });
  refused(vault, "ENTRY_EXISTS", () => vault.run(world.enter(book, again), [KEYS.carl]), "intent.entry.address");
  const other = world.entryOf(book, { name: "bad-3", address: STRANGER, class: "denied" });
  must(vault.run(world.enter(book, other), [KEYS.carl]));
  const once = () => send(vault, payment(vault, { destination: { address: STRANGER } }));
  refused(vault, "ENTRY_MISMATCH", once);
  must(vault.run(world.retire(book, denied), [KEYS.carl]));
  must(send(vault, payment(vault)));
});

test("our own address can be put on the deny list", () => {
  const vault = vaultWith();
  const denied = world.entryOf(bookOf(vault), { name: "bad", address: addressOf(vault, "treasury"), class: "denied" });
  must(vault.run(world.enter(bookOf(vault), denied), [KEYS.carl]));
});

// value

const EUR = 250_000n;
const quoted = (vault: MemoryVault, numerator = EUR) => {
  const fact = { asset: "eth", source: "pricer-a", numerator, denominator: ETH, at: vault.now.hi, key: KEYS.pricerA };
  return { facts: [world.price(bookOf(vault), fact)] };
};
const run = (vault: MemoryVault, change: Partial<IntentOf<"pay">>, more: { facts?: readonly Uint8Array[] } = {}) =>
  vault.run(payment(vault, change), [KEYS.amy, KEYS.bob], more);

test("a deny by value holds from the first cent, rounded up, and refuses as long as nobody states the price", () => {
  const vault = ruled({ valueFrom: EUR + 1n }, (book) => world.valued(book));
  refused(vault, "FACT_MISSING", () => run(vault, {}), "rules.new");
  must(run(vault, { amount: ETH }, quoted(vault)));
  refused(vault, "DENIED", () => run(vault, { reference: "b", amount: ETH + 1n }, quoted(vault)), "rules.new");
  must(run(vault, { reference: "c", amount: ETH }, {}));
  vault.wait(HOUR + 1);
  refused(vault, "FACT_STALE", () => run(vault, { reference: "d", amount: 1n }), "rules.new");
});

test("an allow by value allows only what is worth so much, and nothing without a price", () => {
  const vault = vaultWith((book) => ({
    ...world.valued(book),
    rules: [...setUp(book), { ...OPEN, id: "small", effect: "allow", kinds: ["pay"], valueTo: EUR }],
  }));
  refused(vault, "FACT_MISSING", () => run(vault, {}), "rules.small");
  must(run(vault, {}, quoted(vault)));
  refused(vault, "NOT_ALLOWED", () => run(vault, { reference: "b", amount: ETH + 1n }, quoted(vault)), "rules");
});

test("another allow that asks for no value goes without a price", () => {
  const vault = vaultWith((book) => ({
    ...world.valued(book),
    rules: [...book.rules, { ...OPEN, id: "small", effect: "allow", kinds: ["pay"], valueTo: EUR }],
  }));
  must(run(vault, {}));
});

test("a cancellation has no amount and meets no rule about values", () => {
  const vault = ruled({ kinds: ["cancel"], valueFrom: 0n }, (book) => world.valued(book));
  const paid = payment(vault);
  must(send(vault, paid));
  const { maxFeePerGas, maxPriorityFeePerGas } = world.CONTEXT;
  must(
    send(vault, cancelOf(vault, paid), { maxFeePerGas: 2n * maxFeePerGas, maxPriorityFeePerGas: 2n * maxPriorityFeePerGas }),
  );
});

// time

const UTC = { id: "utc", offset: 0, changes: [], until: NOW + 400 * DAY };
const minuteOf = (at: number) => Math.floor((at % DAY) / 60_000);
const EVERY_DAY = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
/** From this minute on for so many minutes. */
const around = (minutes: number) => {
  return [{ calendar: "utc", days: EVERY_DAY, from: minuteOf(NOW), to: minuteOf(NOW) + minutes }];
};
const only = (times: Rule["times"], more: Partial<Rulebook> = {}) =>
  vaultWith((book) => ({
    calendars: [UTC],
    ...more,
    rules: [...setUp(book), { ...OPEN, id: "office", effect: "allow", kinds: ["pay"], times }],
    sources: [...book.sources, { id: "clock-a", type: "clock", publicKey: KEYS.pricerA.publicKey }],
  }));

test("an allow for some hours needs both bounds of the time within them", () => {
  const vault = only(around(10));
  must(run(vault, {}));
  vault.now = { lo: vault.now.lo, hi: vault.now.lo + 10 * 60_000 };
  refused(vault, "NOT_ALLOWED", () => run(vault, { reference: "b" }));
  vault.now = { lo: vault.now.hi, hi: vault.now.hi };
  refused(vault, "NOT_ALLOWED", () => run(vault, { reference: "b" }));
});

test("a deny and a requirement for some hours bind when either bound is within them", () => {
  const vault = ruled({ times: around(1) }, () => ({ calendars: [UTC] }));
  refused(vault, "DENIED", () => run(vault, {}), "rules.new");
  vault.now = { lo: vault.now.lo, hi: vault.now.hi + 3 * HOUR };
  refused(vault, "DENIED", () => run(vault, {}), "rules.new");
  vault.now = { lo: vault.now.hi, hi: vault.now.hi };
  must(run(vault, {}));
  const delayed = ruled({ ...NOTHING, id: "slow", delayMs: HOUR, times: around(1) } as Partial<Rule>, () => ({
    calendars: [UTC],
  }));
  refused(delayed, "NOT_REGISTERED", () => run(delayed, {}));
  delayed.now = { lo: delayed.now.lo, hi: delayed.now.hi + 3 * HOUR };
  refused(delayed, "NOT_REGISTERED", () => run(delayed, {}));
  delayed.now = { lo: delayed.now.hi, hi: delayed.now.hi };
  must(run(delayed, {}));
});

test("sources of the time raise the lower bound for schedules and for nothing else", () => {
  const clock = (vault: MemoryVault, at: number) => {
    const { deployment } = bookOf(vault).document;
    const fact = { version: 1, type: "clock", deployment, source: "clock-a", subject: "clock", at } as const;
    return { facts: [world.signFact(fact, KEYS.pricerA)] };
  };
  const vault = only(around(10), { clock: { sources: ["clock-a"], atLeast: 1 } });
  vault.now = { lo: NOW - 5 * HOUR, hi: NOW };
  refused(vault, "NOT_ALLOWED", () => run(vault, {}));
  must(run(vault, {}, clock(vault, NOW)));
  const ahead = only(around(10), { clock: { sources: ["clock-a"], atLeast: 1 } });
  ahead.now = { lo: NOW - 5 * HOUR, hi: NOW + 9 * 60_000 };
  must(run(ahead, {}, clock(ahead, ahead.now.hi + 5_000)));
  const early = only(around(10), { clock: { sources: ["clock-a"], atLeast: 1 } });
  const opens = NOW - (NOW % 60_000);
  early.now = { lo: opens - 5 * HOUR, hi: opens - 2_000 };
  refused(early, "NOT_ALLOWED", () => run(early, {}, clock(early, opens + 1_000)));
  const unheard = only(around(10));
  unheard.now = { lo: NOW - 5 * HOUR, hi: NOW };
  refused(unheard, "NOT_ALLOWED", () => run(unheard, {}, clock(unheard, NOW)));
});
