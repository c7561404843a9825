/** A token, or a contract that is called, changes its code: what people approved is not what would run. The rulebook states the
 *  code of a token, an entry that of a contract, and sources state what is on the chain. The server holds facts back, sends old
 *  ones, mixes them, or takes them from elsewhere. */
import type { Hash } from "../../core/src/bytes.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import type { Intent } from "../../core/src/signed/intent.ts";
import { decode, Signed } from "../../core/src/signed/object.ts";
import type { Rulebook } from "../../core/src/signed/rulebook.ts";
import { type Device, device, someHash } from "../world/keys.ts";
import { TOKEN } from "../world/rulebook.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { aside, attacks, besiege, honest, honestlySigned, refused, request, TWO, withBody } from "./attack.ts";

const { KEYS, NOW, HOUR, CHAIN } = world;
const [one, two] = [device("coder-1"), device("coder-2")];
/** What was read when the rulebook and the entry were made, and what an upgrade puts in its place. */
const [CODE, UPGRADED] = [someHash("code"), someHash("upgraded code")];

/** A quarter more than what came first. */
const RATES = { maxFeePerGas: 25_000_000_000n, maxPriorityFeePerGas: 1_250_000_000n };

/** Payments of the token and calls need the word of one of two sources on the code, or of as many as `atLeast` says. */
function coded(atLeast: number, codeHash: Hash | null = CODE) {
  const code = codeHash === null ? {} : { codeHash };
  const facts = [{ type: "code", sources: [one.name, two.name], atLeast, maxAgeMs: HOUR }] as const;
  const same = { ...OPEN, ...NOTHING, facts } as const;
  const rulebook = (demo: Rulebook): Partial<Rulebook> => ({
    assets: demo.assets.map((asset) => (asset.id === "usdx" ? { ...asset, ...code } : asset)),
    sources: [...demo.sources, ...[one, two].map(({ name: id, publicKey }) => ({ id, type: "code" as const, publicKey }))],
    rules: [
      ...[...demo.rules, ...world.CALLING],
      { ...same, id: "same-token", kinds: ["pay"], assets: ["usdx"] },
      { ...same, id: "same-contract", kinds: ["call"] },
    ],
  });
  const siege = besiege({ rulebook, entries: (book) => [world.acme(book), world.pool(book, code)] });
  return { ...siege, entry: world.pool(siege.book, code) };
}

type Coded = ReturnType<typeof coded>;
type Target = {
  readonly name: string;
  readonly intent: Intent;
  readonly contract: string;
  readonly run: (...facts: readonly Uint8Array[]) => () => Reply;
};
type Reply = ReturnType<Coded["vault"]["send"]>;

/** What may be done: the token is paid, the contract is called. */
function targets({ vault, book, entry }: Coded): readonly Target[] {
  const paid = world.pay(book, { asset: "usdx", amount: 5n });
  const called = world.call(book, { destination: world.contractOf(entry) });
  const run =
    (intent: typeof paid | typeof called) =>
    (...facts: readonly Uint8Array[]) =>
    () =>
      vault.send(request(vault, intent, { facts }));
  return [
    { name: "a payment of the token", contract: TOKEN, intent: paid, run: run(paid) },
    { name: "a call", contract: entry.address, intent: called, run: run(called) },
  ];
}

type Said = Partial<{ by: Device; source: string; codeHash: Hash; at: number; chain: number; deployment: Hash }>;

/** The word of a source on the code of a contract: the right one, now. */
function said({ book }: Coded, contract: string, change: Said = {}): Uint8Array {
  const {
    by = one,
    source = by.name,
    codeHash = CODE,
    at = NOW,
    chain = CHAIN,
    deployment = book.document.deployment,
  } = change;
  const subject = `code:${chain}:${contract}`;
  return world.signFact({ version: 1, type: "code", deployment, source, subject, at, codeHash }, by);
}

attacks("the code has changed, or nobody says that it has not", () => {
  const siege = coded(1);
  const { vault } = siege;
  for (const { name, contract, run } of targets(siege)) {
    honestlySigned(vault, run(said(siege, contract)));
    refused(vault, "FACT_MISSING", `${name}: nothing is said`, run());
    refused(vault, "FACT_ADVERSE", `${name}: it has changed`, run(said(siege, contract, { codeHash: UPGRADED })));
    refused(vault, "FACT_ADVERSE", `${name}: it is gone`, run(said(siege, contract, { codeHash: world.ZERO })));
  }
});

attacks("the word on the code is too old, or made to last", () => {
  const siege = coded(1);
  const { vault } = siege;
  for (const { name, contract, run } of targets(siege)) {
    honestlySigned(vault, run(said(siege, contract, { at: NOW - HOUR })));
    refused(vault, "FACT_STALE", `${name}: by a millisecond`, run(said(siege, contract, { at: NOW - HOUR - 1 })));
    refused(vault, "FACT_STALE", `${name}: from 1970`, run(said(siege, contract, { at: 0 })));
    honestlySigned(vault, run(said(siege, contract, { at: NOW + 5_000 })));
    refused(vault, "FACT_FUTURE", `${name}: from the future`, run(said(siege, contract, { at: NOW + 5_001 })));
    refused(vault, "FACT_STALE", `${name}: by the upper bound of the time`, () => {
      vault.now = { lo: NOW, hi: NOW + HOUR + 1 };
      return run(said(siege, contract))();
    });
    refused(vault, "FACT_STALE", `${name}: one of two`, run(said(siege, contract), said(siege, contract, { by: two, at: 0 })));
  }
});

attacks("the word is about another contract, chain or deployment, or by somebody else", () => {
  const siege = coded(1);
  const { vault } = siege;
  const all = targets(siege);
  for (const { name, contract, run } of all) {
    const other = all.find((target) => target.contract !== contract) as Target;
    honestlySigned(vault, run(said(siege, contract)));
    refused(vault, "FACT_MISSING", `${name}: another contract`, run(said(siege, other.contract)));
    refused(vault, "FACT_MISSING", `${name}: another spelling`, run(said(siege, contract.toLowerCase())));
    refused(vault, "FACT_MISSING", `${name}: another chain`, run(said(siege, contract, { chain: 1 })));
    refused(vault, "WRONG_DEPLOYMENT", `${name}: elsewhere`, run(said(siege, contract, { deployment: someHash("other") })));
    for (const by of [two, KEYS.mallory, KEYS.screening, KEYS.amy])
      refused(vault, "SIGNATURE_INVALID", `${name}: ${by.name} as it`, run(said(siege, contract, { by, source: one.name })));
    refused(vault, "SOURCE_UNKNOWN", `${name}: a stranger`, run(said(siege, contract, { by: KEYS.mallory })));
    refused(vault, "SOURCE_UNKNOWN", `${name}: a source of screenings`, run(said(siege, contract, { by: KEYS.screening })));
    const changed = said(siege, contract, { codeHash: UPGRADED });
    const right = decode(Signed, said(siege, contract)).body;
    refused(vault, "SIGNATURE_INVALID", `${name}: rewritten`, run(withBody(changed, right)));
    const common = { version: 1, deployment: siege.book.document.deployment, source: one.name, at: NOW } as const;
    const subject = `code:${CHAIN}:${contract}`;
    const simulated = world.signFact({ ...common, type: "simulation", subject, effect: "as-stated" }, one);
    refused(vault, "SOURCE_UNKNOWN", `${name}: as a simulation`, run(simulated));
  }
});

attacks("sources contradict each other, and the one that warns is left out", () => {
  const siege = coded(1);
  const { vault } = siege;
  for (const { name, contract, run } of targets(siege)) {
    const right = said(siege, contract);
    const warning = said(siege, contract, { by: two, codeHash: UPGRADED });
    honestlySigned(vault, run(right, said(siege, contract, { by: two })));
    refused(vault, "FACT_ADVERSE", `${name}: both are sent`, run(right, warning));
    refused(vault, "FACT_ADVERSE", `${name}: in the other order`, run(warning, right));
    const told = (work: () => Reply, ...facts: readonly Uint8Array[]) => {
      must(vault.send(world.command({ command: "inform", facts })));
      return work();
    };
    refused(vault, "FACT_ADVERSE", `${name}: it was heard before`, () => told(run(right), warning));
    aside(vault, () => {
      must(vault.send(world.command({ command: "inform", facts: [warning] })));
      vault.restart();
      refused(vault, "FACT_ADVERSE", `${name}: after a restart`, run(right));
    });
    refused(vault, "FACT_ADVERSE", `${name}: its word is old by now`, () => {
      return told(run(right), said(siege, contract, { by: two, codeHash: UPGRADED, at: NOW - 2 * HOUR }));
    });
    refused(vault, "FACT_ADVERSE", `${name}: it came with a request that was refused`, () => {
      run(right, warning)();
      return run(right)();
    });
    const back = said(siege, contract, { by: two, at: NOW + 1 });
    honestlySigned(vault, () => told(run(right, back), warning));
  }
});

attacks("an older word is sent again after the change", () => {
  const siege = coded(1);
  const { vault } = siege;
  for (const { name, contract, run } of targets(siege)) {
    const before = said(siege, contract, { at: NOW - 2 });
    const after = (at: number) => said(siege, contract, { at, codeHash: UPGRADED });
    honestlySigned(vault, run(before));
    refused(vault, "FACT_SUPERSEDED", `${name}: both in one command`, run(before, after(NOW)));
    const told = (fact: Uint8Array, work: () => Reply) => () => {
      must(vault.send(world.command({ command: "inform", facts: [fact] })));
      return work();
    };
    refused(vault, "FACT_SUPERSEDED", `${name}: the older one`, told(after(NOW), run(before)));
    refused(vault, "FACT_SUPERSEDED", `${name}: of the same time`, told(after(NOW - 2), run(before)));
    refused(vault, "FACT_MISSING", `${name}: nothing more is sent`, told(after(NOW), run()));
    refused(
      vault,
      "FACT_ADVERSE",
      `${name}: another source is asked`,
      told(after(NOW), run(said(siege, contract, { by: two }))),
    );
    honestlySigned(vault, told(after(NOW - 3), run(before)));
  }
});

attacks("two sources must agree, and one speaks for both", () => {
  const siege = coded(2);
  const { vault } = siege;
  for (const { name, contract, run } of targets(siege)) {
    const [right, second] = [said(siege, contract), said(siege, contract, { by: two })];
    honestlySigned(vault, run(right, second));
    refused(vault, "FACT_MISSING", `${name}: one`, run(right));
    refused(vault, "FACT_MISSING", `${name}: the other`, run(second));
    refused(vault, "FACT_SUPERSEDED", `${name}: one twice`, run(right, right));
    refused(vault, "FACT_SUPERSEDED", `${name}: one at two times`, run(right, said(siege, contract, { at: NOW - 1 })));
    refused(vault, "SIGNATURE_INVALID", `${name}: one in both names`, run(right, said(siege, contract, { source: two.name })));
    refused(vault, "FACT_ADVERSE", `${name}: they differ`, run(right, said(siege, contract, { by: two, codeHash: UPGRADED })));
  }
});

attacks("a transaction that is stuck is made dearer after the change", () => {
  const siege = coded(1);
  const { vault } = siege;
  for (const { name, contract, intent, run } of targets(siege)) {
    aside(vault, () => {
      must(run(said(siege, contract))());
      const dearer = () => vault.send(world.reprice(intent, RATES));
      honestlySigned(vault, dearer);
      const changed = said(siege, contract, { by: two, codeHash: UPGRADED });
      must(vault.send(world.command({ command: "inform", facts: [changed] })));
      refused(vault, "FACT_ADVERSE", name, dearer);
    });
  }
});

attacks("nobody has written down what the code is", () => {
  const siege = coded(1, null);
  const { vault, book } = siege;
  honestlySigned(vault, () => vault.send(request(vault, world.pay(book))));
  for (const { name, contract, run } of targets(siege))
    for (const codeHash of [CODE, UPGRADED, world.ZERO])
      refused(vault, "FACT_ADVERSE", `${name}: ${codeHash}`, run(said(siege, contract, { codeHash })));
});

attacks("the entry of a contract is exchanged for one with the new code", () => {
  const siege = coded(1);
  const { vault, book, entry } = siege;
  const [, call] = targets(siege) as readonly [Target, Target];
  const upgraded = said(siege, entry.address, { codeHash: UPGRADED });
  honestlySigned(vault, call.run(said(siege, entry.address)));
  const renewed = world.pool(book, { codeHash: UPGRADED });
  const approvals = world.approveAll(vault.ground(), world.call(book, { destination: world.contractOf(entry) }), TWO);
  must(vault.run(world.retire(book, entry), [KEYS.carl]));
  refused(vault, "ENTRY_UNKNOWN", "the old entry is gone", call.run(upgraded));
  must(vault.run(world.enter(book, renewed, { reference: "renewed" }), [KEYS.carl]));
  refused(vault, "ENTRY_MISMATCH", "approvals of the old entry", call.run(upgraded));
  const now = world.call(book, { destination: world.contractOf(renewed) });
  refused(vault, "APPROVAL_FOREIGN", "approvals of the old entry for the new one", () =>
    vault.send(world.execute([now], approvals, { facts: [upgraded] })),
  );
  refused(vault, "FACT_ADVERSE", "the old code under the new entry", () =>
    vault.send(request(vault, now, { facts: [said(siege, entry.address)] })),
  );
  honest(vault, () => vault.send(request(vault, now, { facts: [upgraded] })));
});
