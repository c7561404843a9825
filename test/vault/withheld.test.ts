/** Between a commitment and its signature: what comes back from the key store, what holds a signature back, and what becomes
 *  of it then. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RefusalCode } from "../../core/src/errors.ts";
import { Command } from "../../core/src/protocol/command.ts";
import type { IntentOf } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { get } from "../../vault/src/state/map.ts";
import type { Answer, Effect, Job, KeyFault, KeySpec } from "../../vault/src/types.ts";
import { device } from "../world/keys.ts";
import { keyOf } from "../world/rulebook.ts";
import { createKey, execution, type MemoryVault, must, signJob } from "../world/vault.ts";
import * as world from "../world/world.ts";
import {
  adopt,
  bookOf,
  bumped,
  cancelOf,
  freezeBy,
  kinds,
  LATER,
  payment,
  propose,
  refused,
  register,
  reject,
  send,
  sendAll,
  settle,
  thaw,
  transactionOf,
  vaultWith,
} from "./ground.ts";

const { KEYS } = world;

/** Commits and keeps the signing job back. */
function hold(vault: MemoryVault, ...intents: readonly (IntentOf<"pay"> | IntentOf<"cancel">)[]): Job {
  vault.hold = true;
  const contexts = intents.map(({ replaces }) => (replaces === undefined ? {} : bumped(8n)));
  assert.equal(sendAll(vault, intents, contexts).detail, "waiting");
  vault.hold = false;
  return jobIn(vault.held.splice(0));
}

function jobIn(effects: readonly Effect[]): Job {
  const [effect] = effects;
  assert.ok(effect !== undefined && "sign" in effect);
  return effect.sign;
}

/** The key store's answer arrives. */
function arrive(vault: MemoryVault, job: Job, result: readonly Uint8Array[] | KeyFault = signJob(job)): Answer[] {
  return vault.feed({ now: vault.now, signed: job.id, result });
}

/** The answer to whoever waits for the job. */
function told(vault: MemoryVault, job: Job, code: RefusalCode, result?: readonly Uint8Array[] | KeyFault): void {
  const [answer, ...more] = arrive(vault, job, result);
  assert.deepEqual([answer?.to, answer?.code, more.length], [job.id, code, 0]);
  assert.equal(answer?.body.length, 0);
}

/** A payment whose signature olga's freeze has held back. */
function withheld(vault: MemoryVault, change: Partial<IntentOf<"pay">> = {}) {
  const intent = payment(vault, change);
  const job = hold(vault, intent);
  const frozen = freezeBy(vault);
  must(vault.run(frozen, []));
  told(vault, job, "FROZEN");
  return { intent, job, frozen };
}

test("a freeze that comes before the signature holds it back; fresh approvals release the same bytes", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  const old = world.approveAll(vault.ground({ notAfter: vault.now.hi + world.DAY }), intent, [KEYS.amy, KEYS.bob]);
  const job = hold(vault, intent);
  const frozen = freezeBy(vault);
  must(vault.run(frozen, []));
  told(vault, job, "FROZEN");
  assert.deepEqual(kinds(vault).slice(-2), ["froze", "withheld"]);
  assert.deepEqual(arrive(vault, job), []);
  const shown = () => vault.send(world.command({ command: "show", what: "execution", name: world.intentId(intent) }));
  assert.equal(execution(shown()).state, "withheld");
  assert.deepEqual(execution(shown()).transactions, []);
  refused(vault, "FROZEN", () => send(vault, intent));
  must(thaw(vault, frozen));
  refused(vault, "APPROVAL_SPENT", () => vault.send(world.execute([intent], old)));
  refused(vault, "INITIATOR_MISSING", () => vault.send(world.execute([intent], [])));
  const released = execution(send(vault, intent, { index: 77 }));
  assert.deepEqual([released.job, released.state], [job.id, "signed"]);
  assert.equal(vault.state.live.size, 1);
});

test("a freeze of anybody who approved, or of what is paid, holds a signature back", () => {
  const asset: Partial<IntentOf<"freeze">>[] = [
    { level: "person", subject: "bob" },
    { level: "person", subject: "tom" },
    { level: "chain", subject: "31337" },
    { level: "asset", subject: "eth" },
    { level: "wallet", subject: "treasury" },
    { level: "destination", subject: "acme" },
    { level: "destination", subject: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" },
  ];
  for (const change of asset) {
    const vault = vaultWith();
    const job = hold(vault, payment(vault));
    must(vault.run(freezeBy(vault, change), []));
    told(vault, job, "FROZEN");
  }
  const vault = vaultWith();
  const job = hold(vault, payment(vault));
  must(vault.run(freezeBy(vault, { level: "person", subject: "carl" }), []));
  assert.equal(arrive(vault, job)[0]?.code, "OK");
});

test("a cancellation is held back only by a freeze of its persons", () => {
  for (const [change, code] of [
    [{}, "OK"],
    [{ level: "person", subject: "amy" }, "FROZEN"],
  ] as const) {
    const vault = vaultWith();
    const first = payment(vault);
    must(send(vault, first));
    const job = hold(vault, cancelOf(vault, first));
    must(vault.run(freezeBy(vault, change), []));
    assert.equal(arrive(vault, job)[0]?.code, code);
  }
});

test("a rejection that comes before the signature holds it back for good", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  const job = hold(vault, intent);
  must(reject(vault, intent));
  told(vault, job, "INTENT_REJECTED");
  refused(vault, "INTENT_REJECTED", () => send(vault, intent));
  must(send(vault, cancelOf(vault, intent), bumped()));
  must(settle(vault, transactionOf(send(vault, cancelOf(vault, intent), bumped()))));
  assert.equal(vault.state.outstanding.size, 0);
});

test("a vault that has stopped for good releases nothing", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  must(send(vault, intent));
  const job = hold(vault, payment(vault, { reference: "b" }));
  vault.state = { ...vault.state, halted: true };
  const again: Effect[] = [];
  vault.hold = true;
  vault.boot();
  again.push(...vault.held.splice(0));
  assert.deepEqual(again, []);
  vault.hold = false;
  told(vault, job, "ROLLED_BACK");
  refused(vault, "ROLLED_BACK", () => send(vault, intent));
  const name = world.intentId(intent);
  refused(vault, "ROLLED_BACK", () => vault.send(world.command({ command: "show", what: "execution", name })));
  must(vault.send(world.command({ command: "show", what: "wallet", name: "treasury" })));
});

test("a vault that has stopped for good opens no wallet that its key store was asked for", () => {
  const vault = vaultWith();
  vault.hold = true;
  vault.run(world.wallet(bookOf(vault), { wallet: "second" }), [KEYS.carl]);
  const [asked] = vault.held.splice(0) as [{ create: KeySpec }];
  const { id } = asked.create;
  vault.state = { ...vault.state, halted: true };
  const [answer, ...more] = vault.feed({ now: vault.now, created: id, result: createKey(asked.create) });
  assert.deepEqual([answer?.code, answer?.to, more], ["ROLLED_BACK", id, []]);
  assert.equal(get(vault.state.wallets, "second"), undefined);
});

test("what is committed and not signed is given out again after a start, and signed once", () => {
  const vault = vaultWith();
  const job = hold(vault, payment(vault));
  vault.hold = true;
  vault.restart();
  vault.hold = false;
  assert.deepEqual(jobIn(vault.held.splice(0)), job);
  assert.equal(arrive(vault, job)[0]?.code, "OK");
  assert.deepEqual(arrive(vault, job), []);
  assert.deepEqual(arrive(vault, { ...job, id: world.ZERO }), []);
  assert.equal(kinds(vault).filter((kind) => kind === "signed").length, 1);
});

test("signatures that do not verify, or too few or too many, are refused; asking again tries again", () => {
  const vault = vaultWith();
  const intents = ["a", "b"].map((reference) => payment(vault, { reference }));
  const job = hold(vault, ...intents);
  const [one, other] = signJob(job) as [Uint8Array, Uint8Array];
  for (const result of [[], [one], [one, other, other], [other, one], [one, other.with(3, (other[3] as number) ^ 1)]]) {
    const before = vault.journal.length;
    told(vault, job, "SIGNATURE_WRONG", result);
    assert.equal(vault.journal.length, before);
  }
  assert.equal(execution(sendAll(vault, intents)).state, "signed");
});

test("a key store that is in trouble: tried again at once, on request, or never", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  const job = hold(vault, intent);
  const fault = (next: KeyFault["next"]): KeyFault => ({ fault: true, code: "KEY_TROUBLE", next, culprits: [] });
  vault.hold = true;
  assert.deepEqual(arrive(vault, job, fault("retry")), []);
  assert.deepEqual(jobIn(vault.held.splice(0)), job);
  vault.hold = false;
  told(vault, job, "KEYSTORE_FAULT", fault("ask"));
  assert.equal(vault.state.pending.size, 1);
  told(vault, job, "KEYSTORE_FAULT", fault("stop"));
  assert.equal(vault.state.pending.size, 0);
  assert.equal(execution(send(vault, cancelOf(vault, intent), bumped())).state, "signed");
  refused(vault, "SLOT_TAKEN", () => send(vault, intent));
});

test("a rulebook that comes between does not touch what is committed, as long as its approvers keep their keys", () => {
  const vault = vaultWith();
  const job = hold(vault, payment(vault));
  adopt(vault, (book) => ({
    chains: [{ ...(book.chains[0] as Rulebook["chains"][number]), id: 5, native: "five" }],
    assets: [{ id: "five", chain: 5, decimals: 18 }],
    rules: [],
    limits: [],
    ...without(book, "tina"),
  }));
  const [answer] = arrive(vault, job);
  assert.ok(answer);
  const before = vault.journal.length;
  must(vault.send(world.command({ command: "inform", facts: [] })));
  assert.equal(settle(vault, transactionOf(answer)).code, "OK");
  assert.ok(!kinds(vault, before).includes("settled"), "nobody states finality of a chain that the rulebook does not know");
});

/** The same without a person, which is a tightening. */
function without({ persons, groups }: Rulebook, person: string): Pick<Rulebook, "persons" | "groups"> {
  return {
    persons: persons.filter(({ id }) => id !== person),
    groups: groups.map((group) => ({ ...group, members: group.members.filter((id) => id !== person) })),
  };
}

/** Has administrators tighten the rulebook at once; the answers. */
function tighten(vault: MemoryVault, change: (book: Rulebook) => Partial<Rulebook>): Answer[] {
  const rulebook = world.signValue(
    Rulebook,
    world.nextRulebook(bookOf(vault), change(bookOf(vault).document)),
    KEYS.ada,
    KEYS.ben,
  );
  const command = encode(Command, world.command({ command: "rulebook", rulebook, approvals: [] }));
  return vault.feed({ now: vault.now, command });
}

/** What a rulebook that comes between commitment and signature brings: whoever waits is told so, or gets his signature. */
function between(vault: MemoryVault, job: Job, change: (book: Rulebook) => Partial<Rulebook>): RefusalCode | "OK" {
  const [adopted, told, ...more] = tighten(vault, change);
  assert.deepEqual([adopted?.code, more.length], ["OK", 0]);
  if (told === undefined) return arrive(vault, job)[0]?.code as RefusalCode | "OK";
  assert.deepEqual([told.to, told.field, kinds(vault).at(-1)], [job.id, "approvals", "withheld"]);
  assert.deepEqual(arrive(vault, job), []);
  return told.code;
}

test("the removal of a key that a commitment rests on withholds it; fresh approvals release it", () => {
  const amys = [KEYS.amy, device("amy's tablet")].map(keyOf);
  const keep = (book: Rulebook, at: number) => {
    return book.persons.map((person) => (person.id === "amy" ? { ...person, keys: [amys[at] as (typeof amys)[0]] } : person));
  };
  const cases: readonly [string, (book: Rulebook) => Partial<Rulebook>, RefusalCode | "OK"][] = [
    ["an approver", (book) => without(book, "bob"), "KEY_UNKNOWN"],
    ["the initiator", (book) => without(book, "tom"), "KEY_UNKNOWN"],
    ["the key that an approver used", (book) => ({ persons: keep(book, 1) }), "KEY_UNKNOWN"],
    ["another key of his", (book) => ({ persons: keep(book, 0) }), "OK"],
    ["somebody else", (book) => without(book, "carl"), "OK"],
  ];
  for (const [who, change, code] of cases) {
    const vault = vaultWith(({ persons }) => ({
      persons: persons.map((person) => (person.id === "amy" ? { ...person, keys: amys } : person)),
    }));
    const intent = payment(vault);
    const job = hold(vault, intent);
    assert.equal(between(vault, job, change), code, who);
    if (who !== "an approver") continue;
    const released = execution(must(vault.run(intent, [KEYS.amy, KEYS.carl])));
    assert.deepEqual([released.job, released.state], [job.id, "signed"]);
    must(vault.send(world.reprice(intent, bumped())));
  }
});

test("a key that was removed and enrolled again, or that is another person's now, brings no approval back", () => {
  const again = vaultWith();
  const { persons, groups } = bookOf(again).document;
  const first = hold(again, payment(again));
  assert.equal(
    between(again, first, (book) => without(book, "bob")),
    "KEY_UNKNOWN",
  );
  adopt(again, () => ({ persons, groups }));
  assert.deepEqual(arrive(again, first), []);
  refused(again, "INITIATOR_MISSING", () => again.send(world.execute([payment(again)], [])));
  const renamed = vaultWith();
  const second = hold(renamed, payment(renamed));
  must(renamed.run(freezeBy(renamed, { level: "person", subject: "bob" }), []));
  const name = (id: string) => (id === "bob" ? "robert" : id);
  adopt(renamed, (book) => ({
    persons: book.persons.map((person) => ({ ...person, id: name(person.id) })),
    groups: book.groups.map((group) => ({ ...group, members: group.members.map(name) })),
  }));
  assert.deepEqual(arrive(renamed, second), []);
});

test("a cancellation is withheld by the removal of a key too, and another one takes its place", () => {
  const vault = vaultWith();
  const first = payment(vault);
  must(send(vault, first));
  const job = hold(vault, cancelOf(vault, first));
  assert.equal(
    between(vault, job, (book) => without(book, "tom")),
    "KEY_UNKNOWN",
  );
  const again = cancelOf(vault, first, { reference: "cancelled by tina", initiator: KEYS.tina.id });
  assert.equal(execution(vault.run(again, [KEYS.amy, KEYS.bob], { context: bumped(24n) })).state, "signed");
});

const [BY_BOB, BY_CARL] = [
  [KEYS.amy, KEYS.bob],
  [KEYS.amy, KEYS.carl],
];

/** Two payments at once, the first approved by amy and bob, the second by amy and carl; kept back. `again`: withheld by a
 *  freeze in between, and approved anew by the same. */
function holdBoth(vault: MemoryVault, again: boolean): { readonly batch: readonly IntentOf<"pay">[]; readonly job: Job } {
  const batch = ["first", "second"].map((reference) => payment(vault, { reference }));
  const run = () => {
    const approvals = batch.flatMap((intent, at) => world.approveAll(vault.ground(), intent, at === 0 ? BY_BOB : BY_CARL));
    vault.hold = true;
    assert.equal(vault.send(world.execute(batch, approvals)).detail, "waiting");
    vault.hold = false;
    return jobIn(vault.held.splice(0));
  };
  const job = run();
  if (!again) return { batch, job };
  const frozen = freezeBy(vault);
  must(vault.run(frozen, []));
  told(vault, job, "FROZEN");
  must(thaw(vault, frozen));
  return { batch, job: run() };
}

test("each part of a command rests on its own approvers, and all of it waits for each of them", () => {
  for (const again of [false, true]) {
    for (const gone of ["bob", "carl"]) {
      const vault = vaultWith();
      const { job } = holdBoth(vault, again);
      assert.equal(
        between(vault, job, (book) => without(book, gone)),
        "KEY_UNKNOWN",
      );
      const other = vaultWith();
      const both = holdBoth(other, again);
      must(other.run(freezeBy(other, { level: "person", subject: gone, reference: "late" }, KEYS.otto), []));
      told(other, both.job, "FROZEN");
    }
    for (const [at, gone, code] of [
      [0, "carl", "OK"],
      [1, "carl", "KEY_UNKNOWN"],
      [1, "bob", "OK"],
      [0, "bob", "KEY_UNKNOWN"],
    ] as const) {
      const vault = vaultWith();
      const { batch, job } = holdBoth(vault, again);
      must(arrive(vault, job)[0] as Answer);
      vault.hold = true;
      vault.send(world.reprice(batch[at] as IntentOf<"pay">, bumped()));
      vault.hold = false;
      const dearer = jobIn(vault.held.splice(0));
      assert.equal(
        between(vault, dearer, (book) => without(book, gone)),
        code,
        `part ${at} without ${gone}`,
      );
    }
  }
});

test("what was resumed rests on the approvals that it was given anew, and is held back by their persons alone", () => {
  for (const [subject, code] of [
    ["carl", "FROZEN"],
    ["bob", "FROZEN"],
    ["tom", "FROZEN"],
    ["amy", "OK"],
  ] as const) {
    const vault = vaultWith();
    const { intent, job, frozen } = withheld(vault);
    must(thaw(vault, frozen));
    vault.hold = true;
    assert.equal(vault.run(intent, [KEYS.bob, KEYS.carl]).detail, "waiting");
    vault.hold = false;
    must(vault.run(freezeBy(vault, { level: "person", subject }), []));
    assert.deepEqual(
      arrive(vault, job).map((answer) => answer.code),
      [code],
      subject,
    );
  }
});

test("a withheld payment whose nonce was taken is never signed", () => {
  const vault = vaultWith();
  const { intent, frozen } = withheld(vault);
  must(send(vault, cancelOf(vault, intent), bumped()));
  must(thaw(vault, frozen));
  refused(vault, "SLOT_TAKEN", () => send(vault, intent));
});

test("a version that is still to be signed when another one becomes final is held back", () => {
  const vault = vaultWith();
  const first = payment(vault);
  const answer = send(vault, first);
  const job = hold(vault, cancelOf(vault, first));
  must(settle(vault, transactionOf(answer)));
  told(vault, job, "SLOT_TAKEN");
});

test("a withheld replacement is taken up again as itself", () => {
  const vault = vaultWith();
  const first = payment(vault);
  must(send(vault, first));
  const second = payment(vault, { reference: "second", replaces: world.intentId(first) });
  const job = hold(vault, second);
  const frozen = freezeBy(vault);
  must(vault.run(frozen, []));
  told(vault, job, "FROZEN");
  must(thaw(vault, frozen));
  assert.equal(execution(send(vault, second)).job, job.id);
});

test("the delay that a withheld payment has waited for is not asked for again", () => {
  const vault = vaultWith();
  const intent = payment(vault, { amount: 6n * world.ETH });
  const three = () => vault.run(intent, [KEYS.amy, KEYS.bob, KEYS.otto]);
  must(register(vault, intent));
  vault.wait(world.HOUR);
  vault.hold = true;
  three();
  vault.hold = false;
  const job = jobIn(vault.held.splice(0));
  const frozen = freezeBy(vault);
  must(vault.run(frozen, []));
  told(vault, job, "FROZEN");
  must(thaw(vault, frozen));
  assert.equal(execution(three()).state, "signed");
  assert.equal(vault.state.registered.size, 0);
});

test("a withheld payment is taken up only as long as it counts in every limit", () => {
  const days = (count: number) => vaultWithLimits({ window: { type: "rolling", ms: count * world.DAY } });
  const vaultWithLimits = (change: Partial<Rulebook["limits"][number]>) =>
    vaultWith((book) => ({ limits: book.limits.map((limit) => ({ ...limit, ...change })) }));
  const released = (vault: MemoryVault, between: () => void) => {
    const { intent, frozen } = withheld(vault, { notAfter: LATER });
    must(thaw(vault, frozen));
    between();
    return () => send(vault, intent);
  };
  const long = days(30);
  must(released(long, () => long.wait(2 * world.DAY))());
  const short = days(2);
  refused(
    short,
    "LIMIT_EXCEEDED",
    released(short, () => short.wait(3 * world.DAY)),
    "limits.institution-eth",
  );
  const lowered = days(30);
  const lower = (book: Rulebook) => ({ limits: book.limits.map((limit) => ({ ...limit, most: limit.most / 1000n })) });
  refused(
    lowered,
    "LIMIT_EXCEEDED",
    released(lowered, () => adopt(lowered, lower)),
  );
  const added = days(30);
  const more = (book: Rulebook): Partial<Rulebook> => {
    return {
      limits: [
        ...book.limits,
        {
          id: "more",
          measure: "amount",
          level: "destination",
          assets: ["eth"],
          most: 10n * world.ETH,
          window: { type: "rolling", ms: world.DAY },
        },
      ],
    };
  };
  refused(
    added,
    "LIMIT_EXCEEDED",
    released(added, () => adopt(added, more)),
    "limits.more",
  );
});

test("a withheld payment is judged anew: rules, facts, persons and bytes", () => {
  const cases: readonly [RefusalCode, (book: Rulebook) => Partial<Rulebook>][] = [
    [
      "DENIED",
      (book) => ({ rules: [...book.rules, { ...(book.rules.at(-1) as Rulebook["rules"][number]), id: "no", classes: "any" }] }),
    ],
    [
      "EFFECT_MISMATCH",
      (book) => ({ assets: book.assets.map((a) => (a.id === "usdx" ? { ...a, contract: OTHER_TOKEN } : a)) }),
    ],
    ["FEE_TOO_HIGH", (book) => ({ chains: book.chains.map((chain) => ({ ...chain, maxFee: 1n })) })],
  ];
  for (const [code, change] of cases) {
    const vault = vaultWith((book) => ({
      limits: book.limits.map((limit) => ({ ...limit, window: { type: "rolling" as const, ms: 30 * world.DAY } })),
    }));
    const { intent, frozen } = withheld(vault, { asset: "usdx", amount: world.USDX });
    must(thaw(vault, frozen));
    adopt(vault, change);
    refused(vault, code, () => send(vault, intent));
  }
});

const OTHER_TOKEN = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512";

test("a batch with one rejected payment is held back whole; each of its nonces is cancelled", () => {
  const vault = vaultWith();
  const intents = ["a", "b"].map((reference) => payment(vault, { reference })) as [IntentOf<"pay">, IntentOf<"pay">];
  const job = hold(vault, ...intents);
  must(reject(vault, intents[1]));
  told(vault, job, "INTENT_REJECTED");
  refused(vault, "INTENT_REJECTED", () => sendAll(vault, intents));
  must(
    sendAll(
      vault,
      intents.map((intent) => cancelOf(vault, intent)),
      [bumped(), bumped()],
    ),
  );
  assert.equal(vault.state.live.size, 2);
});

test("what was rejected stays rejected, what is out cannot be", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  must(reject(vault, intent));
  const length = vault.journal.length;
  must(reject(vault, intent, KEYS.bob));
  assert.equal(vault.journal.length, length);
  const other = payment(vault, { reference: "other" });
  must(send(vault, other));
  refused(vault, "INTENT_USED", () => reject(vault, other));
  refused(vault, "INTENT_USED", () => reject(vault, world.wallet(bookOf(vault))));
  assert.equal(propose(vault, world.nextRulebook(bookOf(vault), { limits: [] })).code, "OK");
});

test("a withheld payment whose destination has left the address book is not taken up", () => {
  const vault = vaultWith();
  const { intent, frozen } = withheld(vault, { notAfter: LATER });
  must(thaw(vault, frozen));
  const book = bookOf(vault);
  must(vault.run(world.retire(book, world.acme(book), { notAfter: LATER }), [KEYS.carl]));
  refused(vault, "ENTRY_UNKNOWN", () => send(vault, intent), "intent.destination.entry");
});
