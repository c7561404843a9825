/** A screening verdict or a statement of finality is stale, forged, for another subject, or by someone whom the rulebook
 *  does not name. */
import assert from "node:assert/strict";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import { Approval } from "../../core/src/signed/approval.ts";
import { Fact } from "../../core/src/signed/fact.ts";
import { challengeOf, decode, encode, Signed } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { device, someHash } from "../world/keys.ts";
import { execution, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honest, honestlySigned, refused, request, TWO, withBody, withRule } from "./attack.ts";

const { KEYS, NOW, HOUR } = world;

function screened() {
  const siege = besiege();
  const { vault, book } = siege;
  const zoe = world.zoe(book);
  const intent = world.pay(book, { destination: world.destinationOf(zoe) });
  const send = (...facts: readonly Uint8Array[]) => vault.send(request(vault, intent, { facts }));
  honestlySigned(vault, () => send(world.screening(book, zoe)));
  return { ...siege, zoe, intent, send };
}

attacks("a verdict is missing, adverse, stale or from the future", () => {
  const { vault, book, zoe, send } = screened();
  const at = (change: Parameters<typeof world.screening>[2]) => world.screening(book, zoe, change);
  refused(vault, "FACT_MISSING", "none", () => send());
  refused(vault, "FACT_ADVERSE", "adverse", () => send(at({ verdict: "adverse" })));
  honestlySigned(vault, () => send(at({ at: NOW - HOUR })));
  refused(vault, "FACT_STALE", "one millisecond too old", () => send(at({ at: NOW - HOUR - 1 })));
  refused(vault, "FACT_STALE", "from 1970", () => send(at({ at: 0 })));
  honestlySigned(vault, () => send(at({ at: NOW + 5_000 })));
  refused(vault, "FACT_FUTURE", "from the future", () => send(at({ at: NOW + 5_001 })));
  refused(vault, "FACT_FUTURE", "made to last", () => send(at({ at: 253_402_300_799_999 })));
});

attacks("a verdict is about something else", () => {
  const { vault, book, zoe, send } = screened();
  const acme = world.acme(book);
  refused(vault, "FACT_MISSING", "another address", () => send(world.screening(book, acme)));
  refused(vault, "FACT_MISSING", "another chain", () => send(world.screening(book, { ...zoe, chain: 1 })));
  const lower = { ...zoe, address: zoe.address.toLowerCase() };
  refused(vault, "FACT_MISSING", "another spelling", () => send(world.screening(book, lower)));
  const subject = `transaction:${world.CHAIN}:${zoe.address}`;
  refused(vault, "FACT_MISSING", "a transaction", () => send(world.screening(book, zoe, { subject })));
  refused(vault, "WRONG_DEPLOYMENT", "another deployment", () =>
    send(world.screening(book, zoe, { deployment: someHash("other") })),
  );
});

attacks("a verdict is by someone whom the rulebook does not name", () => {
  const { vault, book, zoe, send } = screened();
  const by = (change: Parameters<typeof world.screening>[2]) => world.screening(book, zoe, change);
  refused(vault, "SOURCE_UNKNOWN", "an unknown source", () => send(by({ source: "mallory", key: KEYS.mallory })));
  refused(vault, "SOURCE_UNKNOWN", "a source of finality", () => send(by({ source: "finality-a", key: KEYS.finalityA })));
  for (const key of [KEYS.mallory, KEYS.finalityA, KEYS.amy, KEYS.vault]) {
    refused(vault, "SIGNATURE_INVALID", `${key.name} in its name`, () => send(by({ key })));
  }
  const { body } = decode(Signed, by({}));
  const { signature } = KEYS.mallory.sign(challengeOf(Fact, body));
  const posed = encode(Signed, { body, signatures: [{ key: KEYS.screening.id, signature }] });
  refused(vault, "SIGNATURE_INVALID", "under its key's name", () => send(posed));
  const named = encode(Signed, {
    body,
    signatures: [{ ...KEYS.screening.sign(challengeOf(Fact, body)), key: KEYS.mallory.id }],
  });
  refused(vault, "SIGNATURE_INVALID", "its signature under another key's name", () => send(named));
  const twice = encode(Signed, {
    body,
    signatures: [KEYS.mallory, KEYS.screening].map((key) => key.sign(challengeOf(Fact, body))),
  });
  refused(vault, "BAD_VALUE", "two signatures", () => send(twice));
  const foreign = encode(Signed, { body, signatures: [KEYS.screening.sign(challengeOf(Approval, body))] });
  refused(vault, "SIGNATURE_INVALID", "a signature over another kind", () => send(foreign));
  const one = KEYS.screening.sign(challengeOf(Fact, body));
  for (const dress of [{ clientData: Uint8Array.of(0x7b) }, { authenticatorData: new Uint8Array(37) }]) {
    const dressed = encode(Signed, { body, signatures: [{ ...one, ...dress }] });
    refused(vault, "SIGNATURE_INVALID", "dressed as a passkey's", () => send(dressed));
  }
});

attacks("an adverse verdict is turned into a clean one", () => {
  const { vault, book, zoe, send } = screened();
  const adverse = world.screening(book, zoe, { verdict: "adverse" });
  const clean = decode(Signed, world.screening(book, zoe)).body;
  refused(vault, "SIGNATURE_INVALID", "by rewriting it", () => send(withBody(adverse, clean)));
  refused(vault, "FACT_SUPERSEDED", "by sending both", () => send(adverse, world.screening(book, zoe)));
  refused(vault, "FACT_SUPERSEDED", "in the other order", () => send(world.screening(book, zoe), adverse));
  refused(vault, "FACT_SUPERSEDED", "the same twice", () => send(world.screening(book, zoe), world.screening(book, zoe)));
});

attacks("one source speaks for two", () => {
  const other = device("screening-2");
  const need = { type: "screening", sources: ["screening", "screening-2"], atLeast: 2, maxAgeMs: HOUR } as const;
  const { vault, book } = besiege({
    rulebook: (demo) => ({
      sources: [
        ...demo.sources,
        { id: "screening-2", type: "screening", publicKey: other.publicKey },
        { id: "screening-3", type: "screening", publicKey: KEYS.mallory.publicKey },
      ],
      ...withRule(demo, { ...OPEN, ...NOTHING, id: "two-screenings", kinds: ["pay"], facts: [need] }),
    }),
  });
  const acme = world.acme(book);
  const [one, two] = [world.screening(book, acme), world.screening(book, acme, { source: "screening-2", key: other })];
  const send = (...facts: readonly Uint8Array[]) => vault.send(request(vault, world.pay(book), { facts }));
  honestlySigned(vault, () => send(one, two));
  refused(vault, "FACT_MISSING", "one of two", () => send(one));
  refused(vault, "FACT_MISSING", "the other of two", () => send(two));
  const third = world.screening(book, acme, { source: "screening-3", key: KEYS.mallory });
  refused(vault, "FACT_MISSING", "one of two and a source that the rule does not name", () => send(one, third));
  refused(vault, "SIGNATURE_INVALID", "under both names", () =>
    send(one, world.screening(book, acme, { source: "screening-2" })),
  );
  const adverse = world.screening(book, acme, { source: "screening-2", key: other, verdict: "adverse" });
  refused(vault, "FACT_ADVERSE", "outvoting the second", () => send(one, adverse));
  const stale = world.screening(book, acme, { source: "screening-2", key: other, at: NOW - HOUR - 1 });
  refused(vault, "FACT_STALE", "with a stale second", () => send(one, stale));
});

attacks("statements on two transactions are added up, or a source of another chain joins in", () => {
  const third = device("finality-c");
  const { vault, book } = besiege({
    rulebook: (demo) => ({
      chains: demo.chains.map((chain) => ({ ...chain, maxOutstanding: 2 })),
      sources: [...demo.sources, { id: "finality-c", type: "finality", publicKey: third.publicKey }],
    }),
  });
  const ids = ["a", "b"].map((reference) => {
    return execution(vault.run(world.pay(book, { reference }), TWO)).transactions[0]?.id as string;
  }) as [string, string];
  const next = () => vault.run(world.pay(book, { reference: "next" }), TWO);
  const [a, b] = ids.map((id) => world.finality(book, id)) as [Uint8Array[], Uint8Array[]];
  const inform = (...facts: readonly (Uint8Array | undefined)[]) =>
    must(vault.send(world.command({ command: "inform", facts: facts as Uint8Array[] })));
  honest(vault, () => {
    inform(...a);
    return next();
  });
  refused(vault, "TOO_MANY_OUTSTANDING", "one on each", () => {
    inform(a[0], b[1]);
    return next();
  });
  const fact = decode(Fact, decode(Signed, a[1] as Uint8Array).body);
  const stranger = world.signValue(Fact, { ...fact, source: "finality-c" }, third);
  refused(vault, "TOO_MANY_OUTSTANDING", "a source that this chain does not name", () => {
    inform(a[0], stranger);
    return next();
  });
  refused(vault, "TOO_MANY_OUTSTANDING", "one now and one later", () => {
    inform(a[0]);
    inform(a[1]);
    return next();
  });
});

attacks("two versions of one payment are both said to be final", () => {
  const { vault, book } = besiege();
  const first = world.pay(book);
  const idOf = (answer: ReturnType<typeof vault.send>) => execution(answer).transactions[0]?.id as string;
  const one = idOf(vault.run(first, TWO));
  const context = { maxFeePerGas: 30_000_000_000n, maxPriorityFeePerGas: 2_000_000_000n };
  const two = idOf(vault.run(world.pay(book, { reference: "again", replaces: world.intentId(first) }), TWO, { context }));
  const inform = (...facts: readonly Uint8Array[]) => vault.send(world.command({ command: "inform", facts }));
  honest(vault, () => inform(...world.finality(book, two)));
  refused(vault, "FACT_ADVERSE", "at once", () => inform(...world.finality(book, one), ...world.finality(book, two)));
  must(inform(...world.finality(book, one)));
  const { state } = vault;
  must(inform(...world.finality(book, two)));
  assert.deepEqual(vault.state.outstanding, state.outstanding, "one after the other: the second changes nothing");
});

attacks("a source's older word on a transaction is replayed", () => {
  const { vault, book } = besiege();
  const { transactions } = execution(vault.run(world.pay(book), TWO));
  const id = transactions[0]?.id as string;
  const inform = (...facts: readonly Uint8Array[]) => vault.send(world.command({ command: "inform", facts }));
  const [a, b] = world.finality(book, id) as [Uint8Array, Uint8Array];
  const [newer] = world.finality(book, id, { at: NOW + 1, outcome: "failed" }) as [Uint8Array];
  honest(vault, () => inform(a, b));
  must(inform(newer));
  refused(vault, "FACT_SUPERSEDED", "the older one", () => inform(a, b));
});

attacks("finality is stated on a chain that the rulebook no longer knows", () => {
  const { vault, book } = besiege({
    rulebook: (demo) => ({
      chains: [...demo.chains, { ...(demo.chains[0] as (typeof demo.chains)[number]), id: 1, name: "other", native: "oth" }],
      assets: [...demo.assets, { id: "oth", chain: 1, decimals: 18 }],
    }),
  });
  const { transactions } = execution(vault.run(world.pay(book), TWO));
  const [, other] = book.document.chains;
  const next = world.nextRulebook(book, {
    chains: [other as NonNullable<typeof other>],
    assets: book.document.assets.filter((asset) => asset.chain === 1),
    rules: book.document.rules.filter((rule) => rule.assets === "any"),
    limits: [],
  });
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  const adopt = (...approvals: readonly Uint8Array[]) =>
    must(vault.send(world.command({ command: "rulebook", rulebook, approvals })));
  adopt();
  vault.wait(world.DAY);
  adopt(world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" }));
  const { state } = vault;
  must(
    vault.send(
      world.command({ command: "inform", facts: world.finality(book, transactions[0]?.id as string, { at: vault.now.hi }) }),
    ),
  );
  assert.deepEqual(vault.state.outstanding, state.outstanding, "nothing is settled");
});

attacks("finality is stated by too few, in disagreement, or by strangers", () => {
  const { vault, book } = besiege({
    rulebook: (demo) => ({ chains: demo.chains.map((chain) => ({ ...chain, maxOutstanding: 1 })) }),
  });
  const { transactions } = execution(vault.run(world.pay(book), TWO));
  const id = transactions[0]?.id as string;
  const [a, b] = world.finality(book, id) as [Uint8Array, Uint8Array];
  const next = () => vault.run(world.pay(book, { reference: "pay-2" }), TWO);
  const inform = (...facts: readonly Uint8Array[]) => vault.send(world.command({ command: "inform", facts }));
  honest(vault, () => {
    must(inform(a, b));
    return next();
  });
  refused(vault, "TOO_MANY_OUTSTANDING", "nobody", next);
  const useless: { readonly [how: string]: readonly Uint8Array[] } = {
    "one of two": [a],
    "another transaction": world.finality(book, `0x${"ab".repeat(32)}`),
    "another chain": world.finality(book, id, { subject: `transaction:1:${id}` }),
    "upper case": world.finality(book, id, { subject: `transaction:${world.CHAIN}:${id.toUpperCase()}` }),
    "another kind": world.finality(book, id, { subject: `approximate:${world.CHAIN}:${id}` }),
    "without its kind": world.finality(book, id, { subject: `${world.CHAIN}:${id}x` }),
  };
  for (const [how, facts] of Object.entries(useless)) {
    refused(vault, "TOO_MANY_OUTSTANDING", how, () => {
      assert.equal(inform(...facts).code, "OK");
      return next();
    });
  }
  const [failed] = world.finality(book, id, { outcome: "failed" }) as [Uint8Array];
  refused(vault, "FACT_ADVERSE", "in disagreement", () => inform(failed, b));
  refused(vault, "FACT_SUPERSEDED", "one source twice", () => inform(a, failed));
  refused(vault, "SIGNATURE_INVALID", "one in the other's name", () => {
    const fact = decode(Signed, b).body;
    return inform(a, world.sign(Fact, fact, KEYS.finalityA));
  });
  refused(vault, "FACT_FUTURE", "from the future", () => inform(...world.finality(book, id, { at: NOW + 5_001 })));
});
