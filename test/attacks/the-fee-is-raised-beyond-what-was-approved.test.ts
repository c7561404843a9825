/** A hostile server, which needs no approval to make a stuck payment dearer, burns more than was approved, revives what was
 *  cancelled, frozen, final or approved long ago, or fills the disk. */
import assert from "node:assert/strict";
import { evm } from "../../core/src/chain/evm/evm.ts";
import { openRecord } from "../../core/src/journal/record.ts";
import type { EvmContext } from "../../core/src/protocol/command.ts";
import { Head } from "../../core/src/signed/head.ts";
import type { Intent, IntentOf } from "../../core/src/signed/intent.ts";
import { decode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { MAX_VERSIONS } from "../../vault/src/limits.ts";
import { apply } from "../../vault/src/state/apply.ts";
import { emptyState } from "../../vault/src/state/state.ts";
import { someHash } from "../world/keys.ts";
import { execution, MemoryVault, must, signJob } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { aside, attacks, besiege, honest, honestlySigned, refused, type Siege, TWO } from "./attack.ts";

const { KEYS } = world;
const GAS = BigInt(world.CONTEXT.gasLimit);

/** Both rates of the first version times `percent` / 100. */
const at = (percent: bigint): Pick<EvmContext, "maxFeePerGas" | "maxPriorityFeePerGas"> => ({
  maxFeePerGas: (world.CONTEXT.maxFeePerGas * percent) / 100n,
  maxPriorityFeePerGas: (world.CONTEXT.maxPriorityFeePerGas * percent) / 100n,
});

/** A payment that is out and stuck. */
function stuck(parts: Parameters<typeof besiege>[0] = {}): Siege & { intent: IntentOf<"pay">; id: string } {
  const siege = besiege(parts);
  const intent = world.pay(siege.book);
  const [transaction] = execution(must(siege.vault.run(intent, TWO))).transactions;
  return { ...siege, intent, id: transaction?.id as string };
}

const raise = (vault: MemoryVault, intent: Intent, context: Partial<EvmContext> = at(120n)) =>
  vault.send(world.reprice(intent, context));

/** Every transaction that the vault has committed itself to. */
function built(vault: MemoryVault) {
  const records = vault.journal.map((bytes) => openRecord(bytes).value);
  const parts = records.flatMap((record) =>
    record.kind === "committed" ? record.parts : record.kind === "repriced" ? [record.part] : [],
  );
  return parts.map((part) => evm.read(part.unsigned));
}

attacks("more than the approved total fee, or than the chain's greatest, is spent", () => {
  const { vault, intent } = stuck();
  honestlySigned(vault, () => raise(vault, intent));
  const most = intent.totalFee / GAS;
  const dearest = { maxFeePerGas: most, maxPriorityFeePerGas: most };
  honestlySigned(vault, () => raise(vault, intent, dearest));
  refused(vault, "FEE_TOO_HIGH", "one wei per gas more", () => raise(vault, intent, { ...dearest, maxFeePerGas: most + 1n }));
  refused(vault, "FEE_TOO_HIGH", "more gas", () => raise(vault, intent, { ...dearest, gasLimit: world.CONTEXT.gasLimit + 1 }));
  refused(vault, "FEE_TOO_HIGH", "absurd rates", () => raise(vault, intent, { maxFeePerGas: 2n ** 127n }));
  aside(vault, () => {
    must(raise(vault, intent, dearest));
    for (const percent of [100n, 120n, 1_000n]) {
      const code = percent === 1_000n ? "FEE_TOO_HIGH" : "FEE_TOO_LOW";
      refused(vault, code, `after the dearest, ${percent} percent`, () => raise(vault, intent, at(percent)));
    }
    const fees = built(vault).map(({ feeMax }) => feeMax);
    assert.ok(fees.every((fee) => fee <= intent.totalFee));
  });
});

attacks("a version changes anything but the fee", () => {
  const { vault, intent } = stuck();
  must(raise(vault, intent));
  must(raise(vault, intent, at(140n)));
  const does = built(vault).map(({ feeMax: _, ...effect }) => JSON.stringify(effect, (_name, value) => String(value)));
  assert.equal(built(vault).length, 3);
  assert.deepEqual(new Set(does).size, 1, "one nonce, one payee, one amount");
  must(vault.send(world.command({ command: "address", wallet: "treasury", index: 1 })));
  refused(vault, "CONTEXT_INVALID", "another paying address", () => raise(vault, intent, { ...at(200n), index: 1 }));
});

attacks("fees that nodes would not take are signed for nothing", () => {
  const { vault, intent } = stuck();
  for (const percent of [0n, 50n, 99n, 101n, 112n])
    refused(vault, "FEE_TOO_LOW", `${percent} percent`, () => raise(vault, intent, at(percent)));
  const one = { maxFeePerGas: at(120n).maxFeePerGas };
  refused(vault, "FEE_TOO_LOW", "only the greatest fee rises", () => raise(vault, intent, one));
  const other = { maxPriorityFeePerGas: at(120n).maxPriorityFeePerGas };
  refused(vault, "FEE_TOO_LOW", "only the priority fee rises", () => raise(vault, intent, other));
  honestlySigned(vault, () => raise(vault, intent, at(113n)));
});

attacks("what is frozen is sent off faster", () => {
  const levels = [
    { level: "institution", subject: "" },
    { level: "chain", subject: "31337" },
    { level: "asset", subject: "eth" },
    { level: "wallet", subject: "treasury" },
    { level: "destination", subject: "acme" },
    { level: "person", subject: "tom" },
    { level: "person", subject: "bob" },
  ] as const;
  for (const { level, subject } of levels) {
    const { vault, book, intent } = stuck();
    honestlySigned(vault, () => raise(vault, intent));
    must(vault.run(world.freeze(book, { level, subject }), []));
    refused(vault, "FROZEN", `${level} ${subject}`, () => raise(vault, intent));
  }
  const { vault, book, intent } = stuck();
  vault.hold = true;
  raise(vault, intent);
  vault.hold = false;
  const [effect] = vault.held.splice(0);
  assert.ok(effect !== undefined && "sign" in effect);
  must(vault.run(world.freeze(book), []));
  refusedSignature(vault, effect.sign);
});

/** The signature of a version that was frozen meanwhile is not given out, however often it comes. */
function refusedSignature(vault: MemoryVault, job: Parameters<typeof signJob>[0]): void {
  const result = signJob(job);
  const [answer] = vault.feed({ now: vault.now, signed: job.id, result });
  assert.equal(answer?.code, "FROZEN");
  assert.deepEqual(vault.feed({ now: vault.now, signed: job.id, result }), []);
  assert.equal(vault.state.transactions.size, 1);
}

attacks("what is final or cancelled is revived", () => {
  const { vault, book, intent, id } = stuck();
  aside(vault, () => {
    must(vault.send(world.command({ command: "inform", facts: world.finality(book, id) })));
    refused(vault, "REPRICE_NOT_LIVE", "after it is final", () => raise(vault, intent));
    refused(vault, "REPRICE_NOT_LIVE", "the version that is final", () => raise(vault, intent, at(100n)));
  });
  const cancel = world.cancel(book, world.intentId(intent));
  aside(vault, () => {
    vault.hold = true;
    vault.run(cancel, TWO, { context: at(120n) });
    vault.hold = false;
    refused(vault, "REPRICE_NOT_LIVE", "while the cancellation is being signed", () => raise(vault, intent, at(200n)));
  });
  must(vault.run(cancel, TWO, { context: at(120n) }));
  refused(vault, "REPRICE_NOT_LIVE", "after it was cancelled", () => raise(vault, intent, at(200n)));
  refused(vault, "REPRICE_NOT_LIVE", "the first version again", () => raise(vault, intent, at(100n)));
  honestlySigned(vault, () => raise(vault, cancel, at(140n)));
});

attacks("a foreign, unknown or unsigned intent is made dearer", () => {
  const { vault, book } = stuck();
  const other = world.pay(book, { reference: "other" });
  refused(vault, "INTENT_UNKNOWN", "one that was never approved", () => raise(vault, other));
  refused(vault, "INTENT_UNKNOWN", "one that opened a wallet", () => raise(vault, world.wallet(book)));
  const foreign = world.pay(book, { deployment: someHash("another bank") });
  refused(vault, "INTENT_UNKNOWN", "one of another deployment", () => raise(vault, foreign));
  vault.hold = true;
  vault.run(other, TWO);
  vault.hold = false;
  refused(vault, "REPRICE_NOT_LIVE", "one that is being signed", () => raise(vault, other));
});

attacks("approvals that do not count any more are used for it", () => {
  const { vault, book, intent } = stuck();
  honestlySigned(vault, () => raise(vault, intent));
  aside(vault, () => {
    vault.boot();
    refused(vault, "BOOT_STALE", "after a start", () => raise(vault, intent));
  });
  aside(vault, () => {
    const next = world.nextRulebook(book, { persons: book.document.persons.filter(({ id }) => id !== "tina") });
    const groups = next.groups.map((group) => ({ ...group, members: group.members.filter((member) => member !== "tina") }));
    const rulebook = world.signValue(Rulebook, { ...next, groups }, KEYS.ada, KEYS.ben);
    must(vault.send(world.command({ command: "rulebook", rulebook, approvals: [] })));
    refused(vault, "WRONG_RULEBOOK", "after a tightening", () => raise(vault, intent));
  });
  aside(vault, () => {
    vault.now = { lo: vault.now.lo, hi: intent.notAfter };
    refused(vault, "EXPIRED", "after it has expired", () => raise(vault, intent));
  });
  aside(vault, () => {
    must(vault.run(world.retire(book, world.acme(book)), [KEYS.carl]));
    refused(vault, "ENTRY_UNKNOWN", "after its destination was retired", () => raise(vault, intent));
  });
});

attacks("the disk is rolled back to before a freeze or a cancellation, and the payment is made dearer there", () => {
  const { vault, book, intent } = stuck();
  const { length } = vault.journal;
  const head = () => world.sign(Head, must(vault.send(world.command({ command: "head" }))).body, KEYS.vault);
  must(vault.run(world.cancel(book, world.intentId(intent)), TWO, { context: at(120n) }));
  must(vault.run(world.freeze(book), []));
  const journal = vault.journal.slice(0, length);
  const old = new MemoryVault(journal.map(openRecord).reduce(apply, emptyState(vault.state.vaultKey)));
  old.feed({ now: old.now, booted: someHash("another start") });
  for (const percent of [120n, 200n])
    refused(old, "BOOT_STALE", "an old vault has started anew", () => raise(old, intent, at(percent)));
  old.send(world.command({ command: "witness", head: head() }));
  assert.equal(decode(Head, must(old.send(world.command({ command: "head" }))).body).halted, true);
  refused(old, "ROLLED_BACK", "one that was shown what it lost", () => raise(old, intent));
});

attacks("versions are made without end", () => {
  const { vault, intent } = stuck();
  const first = vault.journal.length;
  for (let times = 0; times < 50; times++) must(raise(vault, intent));
  assert.equal(vault.journal.length, first + 2, "the same again writes nothing");
  const low = { ...world.CONTEXT, gasLimit: 21_000 };
  const many = besiege();
  const cheap = world.pay(many.book);
  let rate = 1_000_000n;
  must(many.vault.run(cheap, TWO, { context: { ...low, maxFeePerGas: rate, maxPriorityFeePerGas: rate } }));
  const next = () => {
    rate = (rate * 9n) / 8n + 1n;
    return raise(many.vault, cheap, { ...low, maxFeePerGas: rate, maxPriorityFeePerGas: rate });
  };
  for (let version = 1; version < MAX_VERSIONS; version++) must(next());
  refused(many.vault, "TOO_MANY_VERSIONS", "one too many", next);
  honest(many.vault, () => many.vault.send(world.command({ command: "show", what: "execution", name: world.intentId(cheap) })));
  assert.equal(built(many.vault).length, MAX_VERSIONS);
});
