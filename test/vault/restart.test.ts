/** A restart is a fold: whatever happened, the journal alone gives the state that the running vault has, and so does a snapshot
 *  with the journal after it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openRecord } from "../../core/src/journal/record.ts";
import type { Intent, IntentOf } from "../../core/src/signed/intent.ts";
import { apply } from "../../vault/src/state/apply.ts";
import { encodeState } from "../../vault/src/state/snapshot.ts";
import { emptyState, type State } from "../../vault/src/state/state.ts";
import { checkpoint, leavesOf, logOf } from "../world/log.ts";
import { execution, type MemoryVault, throughSnapshot } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { dump } from "./dump.ts";
import {
  bookOf,
  bumped,
  cancelOf,
  freezeBy,
  kinds,
  LATER,
  payment,
  propose,
  register,
  reject,
  send,
  sendAll,
  settle,
  vaultWith,
} from "./ground.ts";

const { KEYS } = world;
const LEAVES = 20;
const LOG = logOf(leavesOf(LEAVES));

/** A vault with what a history has done in it so far. */
type Stage = { readonly vault: MemoryVault; readonly paid: IntentOf<"pay">[]; readonly frozen: Intent[]; count: number };
type Step = (stage: Stage, pick: number) => void;

function name(stage: Stage): string {
  stage.count += 1;
  return `step ${stage.count}`;
}

function pickOf<T>(list: readonly T[], pick: number): T | undefined {
  return list[pick % Math.max(1, list.length)];
}

/** Says that the transaction of a payment is final, if there is one. */
function settleOne(vault: MemoryVault, intent: Intent): void {
  const answer = vault.send(world.command({ command: "show", what: "execution", name: world.intentId(intent) }));
  if (answer.code !== "OK") return;
  for (const { id } of execution(answer).transactions) settle(vault, id);
}

const STEPS: { readonly [name: string]: Step } = {
  pay: (stage) => {
    const intent = payment(stage.vault, { reference: name(stage) });
    stage.paid.push(intent);
    send(stage.vault, intent);
  },
  payTwo: (stage) => {
    const intents = [0, 1].map(() => payment(stage.vault, { reference: name(stage), asset: "usdx", amount: 5n }));
    stage.paid.push(...intents);
    sendAll(stage.vault, intents);
  },
  again: (stage, pick) => {
    const intent = pickOf(stage.paid, pick);
    if (intent !== undefined) send(stage.vault, intent);
  },
  replace: (stage, pick) => {
    const intent = pickOf(stage.paid, pick);
    if (intent === undefined) return;
    const { asset, amount } = intent;
    const replaces = world.intentId(intent);
    send(stage.vault, payment(stage.vault, { reference: name(stage), replaces, asset, amount }), bumped(BigInt(pick % 9)));
  },
  cancel: (stage, pick) => {
    const intent = pickOf(stage.paid, pick);
    if (intent !== undefined)
      send(stage.vault, cancelOf(stage.vault, intent, { reference: name(stage) }), bumped(BigInt(pick % 20)));
  },
  reprice: (stage, pick) => {
    const intent = pickOf(stage.paid, pick);
    if (intent !== undefined) stage.vault.send(world.reprice(intent, bumped(BigInt(pick % 12))));
  },
  settle: (stage, pick) => {
    const intent = pickOf(stage.paid, pick);
    if (intent !== undefined) settleOne(stage.vault, intent);
  },
  reject: (stage, pick) => {
    const intent = pickOf(stage.paid, pick) ?? payment(stage.vault, { reference: name(stage) });
    reject(stage.vault, intent);
  },
  register: (stage) => {
    const notAfter = stage.vault.now.hi + world.HOUR;
    register(stage.vault, payment(stage.vault, { reference: name(stage), notAfter }));
  },
  freeze: (stage, pick) => {
    const by = pick % 2 === 0 ? KEYS.olga : KEYS.otto;
    const level = pick % 3 === 0 ? ({ level: "destination", subject: "acme" } as const) : {};
    const intent = freezeBy(stage.vault, { reference: name(stage), ...level }, by);
    stage.frozen.push(intent);
    stage.vault.run(intent, []);
  },
  lift: (stage, pick) => {
    const intent = pickOf(stage.frozen, pick);
    if (intent !== undefined && stage.vault.state.freezes.size > 0) lift(stage, intent);
  },
  interrupted: (stage) => {
    const intent = payment(stage.vault, { reference: name(stage), asset: "usdx", amount: 7n });
    stage.vault.hold = true;
    send(stage.vault, intent);
    const frozen = freezeBy(stage.vault, { reference: name(stage), level: "asset", subject: "usdx" }, KEYS.otto);
    stage.vault.run(frozen, []);
    stage.vault.release();
    lift(stage, frozen);
    send(stage.vault, intent);
  },
  wallet: (stage, pick) => {
    const wallet = `wallet-${pick % 5}`;
    stage.vault.run(world.wallet(bookOf(stage.vault), { wallet, notAfter: LATER, reference: name(stage) }), [KEYS.carl]);
    stage.vault.send(world.command({ command: "address", wallet, index: pick % 3 }));
  },
  entry: (stage, pick) => {
    const acme = world.acme(bookOf(stage.vault));
    const changes = [world.retire(bookOf(stage.vault), acme), world.enter(bookOf(stage.vault), acme)];
    const intent = pickOf(changes, pick) as Intent;
    stage.vault.run({ ...intent, notAfter: LATER, reference: name(stage) }, [KEYS.carl]);
  },
  fact: (stage, pick) => {
    const verdict = pick % 2 === 0 ? "clean" : "adverse";
    const facts = [world.screening(bookOf(stage.vault), world.zoe(bookOf(stage.vault)), { at: stage.vault.now.hi, verdict })];
    stage.vault.send(world.command({ command: "inform", facts }));
  },
  rulebook: (stage, pick) => {
    const { vault } = stage;
    const { limits } = bookOf(vault).document;
    const tighter = limits.map((limit) => ({ ...limit, most: limit.most - 1n }));
    const next = world.nextRulebook(bookOf(vault), { limits: pick % 2 === 0 ? tighter : limits.slice(1), createdAt: pick });
    propose(vault, next);
    const decision = pick % 3 === 0 ? "veto" : "seen";
    const approval = world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision });
    if (decision === "veto") vault.send(world.command({ command: "object", approval }));
    else if (pick % 5 === 0) adoptSeen(vault, next);
  },
  log: ({ vault }, pick) => {
    const last = vault.state.log?.head.size ?? 0;
    vault.send(checkpoint(LOG, { last, size: Math.min(LEAVES, last + (pick % 3)) }));
  },
  hold: ({ vault }) => {
    vault.hold = true;
  },
  release: ({ vault }) => {
    vault.release();
  },
  boot: ({ vault }) => {
    vault.boot();
  },
  restart: ({ vault }) => {
    vault.restart();
  },
  snapshot: ({ vault }) => {
    const { state } = vault;
    vault.state = throughSnapshot(state);
    assert.deepEqual(dump(vault.state), dump(state));
    assert.deepEqual(written(vault.state), written(state), "equal states are written in one way");
    vault.boot();
  },
  wait: ({ vault }, pick) => {
    vault.wait((pick % 50) * 60_000);
    vault.feed({ now: vault.now, tick: true });
  },
};

/** The bytes of a snapshot. */
function written(state: State): Buffer {
  const chunks: Uint8Array[] = [];
  for (const chunk of encodeState(state)) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

function lift({ vault }: Stage, intent: Intent): void {
  const reference = `unfreeze ${intent.reference}`;
  const lifted = world.unfreeze(bookOf(vault), world.intentId(intent), { notAfter: LATER, reference });
  register(vault, lifted);
  vault.wait(world.HOUR);
  vault.run(lifted, [KEYS.ben, KEYS.otto]);
}

function adoptSeen(vault: MemoryVault, next: Parameters<typeof propose>[1]): void {
  vault.wait(world.DAY);
  const seen = world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" });
  propose(vault, next, [seen]);
}

test("the fold over the journal's bytes gives the state of the running vault, after every history", () => {
  const step = fc.record({ how: fc.constantFrom(...Object.keys(STEPS)), pick: fc.nat(1000) });
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 12, maxLength: 40, size: "max" }), (steps) => {
      const stage: Stage = { vault: vaultWith(), paid: [], frozen: [], count: 0 };
      for (const { how, pick } of steps) STEPS[how]?.(stage, pick);
      const { vault } = stage;
      const folded = vault.journal.map(openRecord).reduce(apply, emptyState(vault.state.vaultKey));
      assert.deepEqual(dump(folded), dump(vault.state));
      assert.deepEqual(written(folded), written(vault.state));
      for (const kind of kinds(vault)) seen.add(kind);
    }),
    { numRuns: 60, seed: 20_261_122 },
  );
  const rare = [
    "adopted",
    "vetoed",
    "proposed",
    "withheld",
    "resumed",
    "settled",
    "unfroze",
    "ticked",
    "retired",
    "rejected",
    "checkpointed",
    "repriced",
  ];
  assert.deepEqual(
    rare.filter((kind) => !seen.has(kind)),
    [],
    "the histories reach every kind of record",
  );
});
