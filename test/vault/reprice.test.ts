/** Dearer versions of one intent's transaction: what is answered, what counts, how one ends, and what comes in between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { evm } from "../../core/src/chain/evm/evm.ts";
import { openRecord } from "../../core/src/journal/record.ts";
import { type EvmContext, type ExecutionBody, FreezeBody } from "../../core/src/protocol/command.ts";
import type { Entry } from "../../core/src/signed/entry.ts";
import type { Intent, IntentOf } from "../../core/src/signed/intent.ts";
import { decode } from "../../core/src/signed/object.ts";
import { MAX_VERSIONS } from "../../vault/src/limits.ts";
import { get, set } from "../../vault/src/state/map.ts";
import { rollingSpan, used } from "../../vault/src/state/usage.ts";
import type { Answer, Effect, Job } from "../../vault/src/types.ts";
import { execution, type MemoryVault, must, signJob } from "../world/vault.ts";
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
  refused,
  send,
  sendAll,
  settle,
  thaw,
  transactionOf,
  vaultWith,
} from "./ground.ts";

const { KEYS, ETH } = world;

const reprice = (vault: MemoryVault, intent: Intent, context: Partial<EvmContext> = bumped()): Answer =>
  vault.send(world.reprice(intent, context));
const shown = (vault: MemoryVault, intent: Intent): ExecutionBody =>
  execution(vault.send(world.command({ command: "show", what: "execution", name: world.intentId(intent) })));
const idsOf = ({ transactions }: ExecutionBody) => transactions.map(({ id }) => id);

/** A vault with one signed payment. */
function paid(change: Partial<IntentOf<"pay">> = {}) {
  const vault = vaultWith();
  const intent = payment(vault, change);
  const id = transactionOf(must(send(vault, intent)));
  return { vault, intent, id };
}

/** Asks for a dearer version and keeps its signing job back. */
function hold(vault: MemoryVault, intent: Intent, context: Partial<EvmContext> = bumped()): Job {
  vault.hold = true;
  assert.equal(reprice(vault, intent, context).detail, "waiting");
  vault.hold = false;
  const [effect] = vault.held.splice(0) as [Effect];
  assert.ok("sign" in effect);
  return effect.sign;
}

/** What the newest record would put on the chain. */
function built(vault: MemoryVault) {
  const { value } = openRecord(vault.journal.at(-2) as Uint8Array);
  assert.ok(value.kind === "repriced");
  return { part: value.part, effect: evm.read(value.part.unsigned) };
}

test("a dearer version pays the same from the same place", () => {
  for (const asset of ["eth", "usdx"]) {
    const { vault, intent, id } = paid({ asset, amount: 7n });
    const from = vault.journal.length;
    const answer = execution(reprice(vault, intent));
    assert.deepEqual(kinds(vault, from), ["repriced", "signed"]);
    const [transaction] = answer.transactions;
    assert.equal(answer.transactions.length, 1);
    assert.notEqual(transaction?.id, id);
    const { part, effect } = built(vault);
    const original = openRecord(vault.journal.at(from - 2) as Uint8Array).value;
    assert.ok(original.kind === "committed");
    const [before] = original.parts as readonly [(typeof original.parts)[number]];
    assert.deepEqual({ ...part, unsigned: 0, rates: 0, counted: 0 }, { ...before, unsigned: 0, rates: 0, counted: 0 });
    const { feeMax: dearer, ...does } = effect;
    const { feeMax, ...did } = evm.read(before.unsigned);
    assert.deepEqual(does, did);
    assert.ok(dearer > feeMax);
  }
});

test("whoever asks hears of the newest version, and of the ids of the others", () => {
  const { vault, intent, id } = paid();
  const [second] = idsOf(execution(reprice(vault, intent)));
  const [third] = idsOf(execution(reprice(vault, intent, bumped(3n))));
  for (const body of [shown(vault, intent), execution(send(vault, intent))]) {
    assert.deepEqual(idsOf(body), [third]);
    assert.deepEqual(
      body.earlier?.map((one) => one.id),
      [second, id],
    );
    assert.equal(body.state, "signed");
  }
  const from = vault.journal.length;
  assert.deepEqual(idsOf(execution(reprice(vault, intent, bumped(3n)))), [third], "the same version again is the same answer");
  assert.equal(vault.journal.length, from);
  refused(vault, "FEE_TOO_LOW", () => reprice(vault, intent));
});

test("one payment of a batch is made dearer, and the batch stays one execution", () => {
  const vault = vaultWith();
  const batch = ["a", "b"].map((reference) => payment(vault, { reference }));
  const before = execution(must(sendAll(vault, batch)));
  const [, second] = idsOf(before);
  const [dearer] = idsOf(execution(reprice(vault, batch[0] as Intent)));
  const body = execution(sendAll(vault, batch));
  assert.equal(body.job, before.job);
  assert.deepEqual(idsOf(body), [dearer, second]);
  refused(vault, "INTENT_USED", () => send(vault, batch[0] as Intent));
});

test("a cancellation and a replacement are made dearer too", () => {
  const { vault, intent } = paid();
  const again = payment(vault, { reference: "again", replaces: world.intentId(intent) });
  must(send(vault, again, bumped()));
  must(reprice(vault, again, bumped(3n)));
  const cancel = cancelOf(vault, intent);
  must(send(vault, cancel, bumped(5n)));
  must(reprice(vault, cancel, bumped(7n)));
  const { effect } = built(vault);
  assert.deepEqual([effect.nonce, effect.transfers[0]?.amount], [0, 0n]);
  for (const gone of [intent, again]) refused(vault, "REPRICE_NOT_LIVE", () => reprice(vault, gone, bumped(12n)), "intent");
  refused(vault, "FEE_TOO_LOW", () => send(vault, cancelOf(vault, cancel, { reference: "c" }), bumped(7n)));
});

test("whichever version is final ends the intent", () => {
  for (const which of [0, 1, 2]) {
    const { vault, intent, id } = paid();
    const ids = [id, ...[1n, 3n].flatMap((eighths) => idsOf(execution(reprice(vault, intent, bumped(eighths)))))];
    must(settle(vault, ids[which] as string));
    assert.equal(shown(vault, intent).state, "settled");
    assert.equal(vault.state.live.size + vault.state.outstanding.size, 0);
    refused(vault, "REPRICE_NOT_LIVE", () => reprice(vault, intent, bumped(5n)), "intent");
    refused(vault, "REPRICE_NOT_LIVE", () => reprice(vault, intent, bumped(3n)), "intent");
  }
  const { vault, intent } = paid();
  must(reprice(vault, intent));
  const cancelled = transactionOf(must(send(vault, cancelOf(vault, intent), bumped(4n))));
  must(settle(vault, cancelled));
  assert.equal(shown(vault, intent).state, "replaced");
});

test("limits count the dearest version, once", () => {
  const { vault, intent } = paid({ asset: "usdx", amount: 7n });
  const fee = () => {
    const [total] = [...bookOf(vault).document.limits].filter(({ assets }) => assets.includes("eth"));
    assert.ok(total);
    return used(
      get(vault.state.usage, "institution|")?.get(`${total.id}|amount|${world.DAY}`) as never,
      rollingSpan(world.DAY, vault.now.lo),
    );
  };
  const gas = BigInt(world.CONTEXT.gasLimit);
  assert.equal(fee(), gas * world.CONTEXT.maxFeePerGas);
  for (const eighths of [1n, 3n]) {
    must(reprice(vault, intent, bumped(eighths)));
    assert.equal(fee(), gas * bumped(eighths).maxFeePerGas);
  }
  const low = { ...bumped(5n), gasLimit: 60_000 };
  must(reprice(vault, intent, low));
  assert.equal(fee(), gas * bumped(3n).maxFeePerGas, "a version that costs less counts nothing more");
});

test("a limit may keep a version back", () => {
  const vault = vaultWith((book) => ({
    limits: book.limits.map((limit) =>
      limit.assets.includes("eth") ? { ...limit, most: ETH + (21n * ETH) / 10_000n } : limit,
    ),
  }));
  const intent = payment(vault, { amount: ETH });
  must(send(vault, intent));
  must(reprice(vault, intent));
  refused(vault, "LIMIT_EXCEEDED", () => reprice(vault, intent, bumped(3n)));
});

test("only what is signed is made dearer", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  refused(vault, "INTENT_UNKNOWN", () => reprice(vault, intent), "intent");
  const entry = world.entryOf(bookOf(vault), { name: "new", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" });
  const entering = world.enter(bookOf(vault), entry, { notAfter: LATER });
  must(vault.run(entering, [KEYS.carl]));
  refused(vault, "INTENT_UNKNOWN", () => reprice(vault, entering), "intent");
  vault.hold = true;
  send(vault, intent);
  vault.hold = false;
  refused(vault, "REPRICE_NOT_LIVE", () => reprice(vault, intent), "intent");
  must(vault.run(freezeBy(vault), []));
  vault.release();
  refused(vault, "REPRICE_NOT_LIVE", () => reprice(vault, intent), "intent");
});

test("while one version is being signed, the same is waited for and another is refused", () => {
  const { vault, intent, id } = paid();
  const job = hold(vault, intent);
  const from = vault.journal.length;
  assert.deepEqual(hold(vault, intent), job);
  assert.equal(vault.journal.length, from);
  refused(vault, "REPRICE_NOT_LIVE", () => reprice(vault, intent, bumped(3n)), "intent");
  refused(vault, "REPLACES_UNKNOWN", () => send(vault, cancelOf(vault, intent), bumped(3n)));
  assert.deepEqual(idsOf(shown(vault, intent)), [id]);
  const [answer] = vault.feed({ now: vault.now, signed: job.id, result: signJob(job) });
  const body = execution(must(answer as Answer));
  assert.deepEqual([body.job, body.earlier?.map((one) => one.id)], [job.id, [id]]);
  assert.deepEqual(idsOf(shown(vault, intent)), idsOf(body));
});

test("a version that was committed and not signed is signed after a start", () => {
  const { vault, intent } = paid();
  const job = hold(vault, intent);
  const [answer] = vault.restart();
  assert.equal(execution(must(answer as Answer)).job, job.id);
  assert.equal(shown(vault, intent).transactions[0]?.id, execution(answer as Answer).transactions[0]?.id);
});

test("a freeze holds the signature back; what was withheld is never signed, a dearer one may be", () => {
  const { vault, intent, id } = paid();
  const job = hold(vault, intent);
  const freeze = freezeBy(vault, { level: "destination", subject: "acme" });
  const { live } = decode(FreezeBody, must(vault.run(freeze, [])).body);
  assert.deepEqual(live, [{ intent: world.intentId(intent), id }]);
  const [answer] = vault.feed({ now: vault.now, signed: job.id, result: signJob(job) });
  assert.equal(answer?.code, "FROZEN");
  assert.deepEqual(idsOf(shown(vault, intent)), [id]);
  refused(vault, "FROZEN", () => reprice(vault, intent, bumped(3n)), "freeze.destination");
  must(thaw(vault, freeze));
  refused(vault, "FEE_TOO_LOW", () => reprice(vault, intent));
  const body = execution(reprice(vault, intent, bumped(3n)));
  assert.deepEqual(
    body.earlier?.map((one) => one.id),
    [id],
  );
  assert.deepEqual(vault.feed({ now: vault.now, signed: job.id, result: signJob(job) }), []);
});

test("what was withheld gives its place to a cancellation", () => {
  const { vault, intent } = paid();
  const job = hold(vault, intent);
  must(vault.run(freezeBy(vault), []));
  vault.feed({ now: vault.now, signed: job.id, result: signJob(job) });
  const cancel = cancelOf(vault, intent);
  must(send(vault, cancel, bumped(4n)));
  refused(vault, "REPRICE_NOT_LIVE", () => reprice(vault, intent, bumped(8n)), "intent");
});

test("it ends with what the approvals name: this start, this rulebook, the intent's life", () => {
  const { vault, intent } = paid();
  const aside = (work: () => void) => {
    const { state, now } = vault;
    work();
    vault.state = state;
    vault.now = now;
  };
  aside(() => {
    vault.boot();
    refused(vault, "BOOT_STALE", () => reprice(vault, intent), "intent");
  });
  aside(() => {
    adopt(vault, ({ limits }) => ({ limits: limits.map((limit) => ({ ...limit, most: limit.most - 1n })) }));
    refused(vault, "WRONG_RULEBOOK", () => reprice(vault, intent), "intent");
  });
  aside(() => {
    vault.now = { lo: vault.now.lo, hi: intent.notAfter };
    refused(vault, "EXPIRED", () => reprice(vault, intent), "intent.notAfter");
  });
  must(reprice(vault, intent));
});

test("a payment that was withheld and approved again rests on the newer approvals", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  vault.hold = true;
  send(vault, intent);
  vault.hold = false;
  const freeze = freezeBy(vault);
  must(vault.run(freeze, []));
  vault.release();
  must(thaw(vault, freeze));
  vault.boot();
  must(send(vault, intent));
  must(reprice(vault, intent));
});

test("names, rules and screenings are looked at once more", () => {
  const { vault, intent } = paid({ destination: world.destinationOf(world.acme(bookOf(vaultWith()))) });
  const aside = (work: () => void) => {
    const { state } = vault;
    work();
    vault.state = state;
  };
  aside(() => {
    must(vault.run(world.retire(bookOf(vault), world.acme(bookOf(vault)), { notAfter: LATER }), [KEYS.carl]));
    refused(vault, "ENTRY_UNKNOWN", () => reprice(vault, intent));
  });
  aside(() => {
    const { entries } = vault.state;
    const acme = get(entries, "acme");
    assert.ok(acme);
    const entry: Entry = { ...acme.entry, class: "contract" };
    vault.state = { ...vault.state, entries: set(entries, "acme", { ...acme, entry }) };
    refused(vault, "DENIED", () => reprice(vault, intent));
  });
  aside(() => {
    const { state } = vault;
    const book = vaultWith((demo) => ({
      rules: demo.rules.filter(({ effect, kinds }) => effect !== "allow" || !kinds.includes("pay")),
    })).state.book;
    assert.ok(book && state.book);
    const named = { ...book, id: state.book.id };
    vault.state = { ...state, book: named };
    refused(vault, "NOT_ALLOWED", () => reprice(vault, intent));
  });
  const zoe = payment(vault, { reference: "zoe", destination: world.destinationOf(world.zoe(bookOf(vault))) });
  const screened = (at: number, verdict: "clean" | "adverse") => [
    world.screening(bookOf(vault), world.zoe(bookOf(vault)), { at, verdict }),
  ];
  must(vault.run(zoe, [KEYS.amy, KEYS.bob], { facts: screened(vault.now.hi - 2, "clean") }));
  must(reprice(vault, zoe));
  must(vault.send(world.command({ command: "inform", facts: screened(vault.now.hi - 1, "adverse") })));
  refused(vault, "FACT_ADVERSE", () => reprice(vault, zoe, bumped(3n)));
});

test("an intent has a greatest number of versions, withheld ones included", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  const rates = Array.from({ length: MAX_VERSIONS + 1 }, (_, version) => {
    let fee = 1_000_000n;
    for (let at = 0; at < version; at++) fee = (fee * 9n) / 8n + 1n;
    return { maxFeePerGas: fee, maxPriorityFeePerGas: fee };
  });
  must(send(vault, intent, rates[0]));
  for (let version = 1; version < MAX_VERSIONS - 1; version++) must(reprice(vault, intent, rates[version]));
  const job = hold(vault, intent, rates[MAX_VERSIONS - 1]);
  const freeze = freezeBy(vault);
  must(vault.run(freeze, []));
  vault.feed({ now: vault.now, signed: job.id, result: signJob(job) });
  must(thaw(vault, freeze));
  refused(vault, "TOO_MANY_VERSIONS", () => reprice(vault, intent, rates[MAX_VERSIONS]), "intent");
  must(send(vault, cancelOf(vault, intent), rates[MAX_VERSIONS]));
});

test("rates rise from zero as well, so that no version is made twice", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  const zero = { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n };
  must(send(vault, intent, zero));
  const from = vault.journal.length;
  must(reprice(vault, intent, zero));
  assert.equal(vault.journal.length, from, "the same version again");
  refused(vault, "FEE_TOO_LOW", () => reprice(vault, intent, { ...zero, gasLimit: 60_000 }));
  refused(vault, "FEE_TOO_LOW", () => reprice(vault, intent, { ...zero, maxFeePerGas: 1n }));
  must(reprice(vault, intent, { maxFeePerGas: 1n, maxPriorityFeePerGas: 1n }));
});

test("a freeze lists one version of each payment before a second one of any", () => {
  const vault = vaultWith();
  const intents = ["a", "b"].map((reference) => payment(vault, { reference }));
  const first = intents.map((intent) => transactionOf(must(send(vault, intent))));
  const [dear] = idsOf(execution(reprice(vault, intents[1] as Intent)));
  const { live } = decode(FreezeBody, must(vault.run(freezeBy(vault), [])).body);
  assert.deepEqual(
    live.map(({ id }) => id),
    [dear, first[0], first[1]],
  );
});

test("another address, absurd fees and little gas are refused", () => {
  const { vault, intent } = paid();
  const context = bumped();
  refused(vault, "CONTEXT_INVALID", () => reprice(vault, intent, { ...context, index: 1 }), "context.index");
  refused(vault, "CONTEXT_INVALID", () => reprice(vault, intent, { ...context, gasLimit: 16_777_217 }));
  refused(vault, "GAS_TOO_LOW", () => reprice(vault, intent, { ...context, gasLimit: 20_999 }));
  refused(vault, "FEE_TOO_HIGH", () => reprice(vault, intent, bumped(100n)), "orders.context");
});
