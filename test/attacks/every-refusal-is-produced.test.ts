/** The suite produces every refusal of the product at least once: the vault's own ones here, by the shortest way to each;
 *  those of its host where they are named. The compiler holds the tables complete, the test holds them true. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { emptyRoot } from "../../core/src/audit/tree.ts";
import { fromHex, type Hash, toHex } from "../../core/src/bytes.ts";
import { build } from "../../core/src/chain/evm/build.ts";
import { REFUSALS, type RefusalCode } from "../../core/src/errors.ts";
import { type CommandOf, MAX_COMMAND_BYTES } from "../../core/src/protocol/command.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import type { Approval } from "../../core/src/signed/approval.ts";
import type { Entry } from "../../core/src/signed/entry.ts";
import { Genesis } from "../../core/src/signed/genesis.ts";
import { Head } from "../../core/src/signed/head.ts";
import { Intent, type IntentOf } from "../../core/src/signed/intent.ts";
import { decode, encode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { MAX_REJECTED, MAX_VERSIONS } from "../../vault/src/limits.ts";
import { emptyMap } from "../../vault/src/state/map.ts";
import type { Answer, KeyFault } from "../../vault/src/types.ts";
import { type Device, passkey, someHash } from "../world/keys.ts";
import { demoDocument, TOKEN } from "../world/rulebook.ts";
import { MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { type Builder, besiege, nested, passkeyLine, type request, type Siege, TWO, withBuilder, withKeys } from "./attack.ts";

const { KEYS, ETH, HOUR, DAY } = world;
const BUMP = { context: { maxFeePerGas: 40_000_000_000n, maxPriorityFeePerGas: 4_000_000_000n } };

/** Codes that do not come from a judgement on a command in memory, and the attack that produces each. */
const ELSEWHERE = {
  JOURNAL_MISSING: "the-journal-is-tampered-with",
  JOURNAL_TRUNCATED: "the-journal-is-tampered-with",
  JOURNAL_CORRUPT: "the-journal-is-tampered-with",
  JOURNAL_FOREIGN: "the-journal-is-tampered-with",
  JOURNAL_GAP: "the-journal-is-tampered-with",
  JOURNAL_CHAIN: "the-journal-is-tampered-with",
  JOURNAL_KEY: "the-journal-is-tampered-with",
  JOURNAL_VERSION: "the-journal-is-tampered-with",
  SNAPSHOT_CORRUPT: "a-snapshot-is-tampered-with",
  SNAPSHOT_FOREIGN: "a-snapshot-is-tampered-with",
  SNAPSHOT_AHEAD: "a-snapshot-is-tampered-with",
  SNAPSHOT_CHAIN: "a-snapshot-is-tampered-with",
  OVERLOADED: "a-payment-comes-through-the-back-door",
  NOT_TIGHTENING: "a-payment-comes-through-the-back-door",
} as const satisfies Partial<Record<RefusalCode, string>>;

type VaultCode = Exclude<RefusalCode, keyof typeof ELSEWHERE>;
type Way = (siege: Siege) => Answer | undefined;

const raw =
  (hex: string): Way =>
  ({ vault }) =>
    vault.send(fromHex(hex.replaceAll(" ", "")));

/** A payment with these fields changed, approved honestly. */
const paying =
  (change: (book: Siege["book"]) => Partial<IntentOf<"pay">>, more: Parameters<typeof request>[2] = {}): Way =>
  ({ vault, book }) =>
    vault.run(world.pay(book, change(book)), TWO, more);

/** A payment with bob's approval changed. */
const approving =
  (change: (siege: Siege) => Partial<Approval>): Way =>
  (siege) => {
    const { vault, book } = siege;
    const intent = world.pay(book);
    const [tom, amy] = world.approveAll(vault.ground(), intent, TWO) as [Uint8Array, Uint8Array];
    const bob = world.approve(vault.ground(), intent, { key: KEYS.bob, change: change(siege) });
    return vault.send(world.execute([intent], [tom, amy, bob]));
  };

/** A payment to the self-hosted "zoe" with this screening. */
const screened =
  (change: Parameters<typeof world.screening>[2] | null): Way =>
  ({ vault, book }) => {
    const facts = change === null ? [] : [world.screening(book, world.zoe(book), change)];
    return vault.run(world.pay(book, { destination: world.destinationOf(world.zoe(book)) }), TWO, { facts });
  };

const entering =
  (change: Partial<Entry>): Way =>
  ({ vault, book }) => {
    const entry = world.entryOf(book, { name: "new", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906", ...change });
    return vault.run(world.enter(book, entry, { reference: "new" }), [KEYS.carl]);
  };

const ruling =
  (change: (book: Siege["book"]) => Partial<Rulebook>, by: readonly Device[] = [KEYS.ada, KEYS.ben]): Way =>
  ({ vault, book }) => {
    const rulebook = world.signValue(Rulebook, world.nextRulebook(book, change(book)), ...by);
    return vault.send(world.command({ command: "rulebook", rulebook, approvals: [] }));
  };

const freezing =
  (change: Parameters<typeof world.freeze>[1], before: readonly Parameters<typeof world.freeze>[1][] = []): Way =>
  ({ vault, book }) => {
    for (const one of before) must(vault.run(world.freeze(book, one), []));
    return vault.run(world.freeze(book, change), []);
  };

/** What those hear who wait for a payment when the key store answers so. */
const answering =
  (result: readonly Uint8Array[] | KeyFault): Way =>
  ({ vault, book }) => {
    vault.hold = true;
    vault.run(world.pay(book), TWO);
    const [effect] = vault.held.splice(0);
    assert.ok(effect !== undefined && "sign" in effect);
    return vault.feed({ now: vault.now, signed: effect.sign.id, result })[0];
  };

const founding =
  (change: Partial<Genesis>, by: readonly Device[] = [KEYS.ada, KEYS.ben, KEYS.cleo]): Way =>
  () => {
    const value = world.demoGenesis(change);
    const [genesis, rulebook] = [
      world.signValue(Genesis, value, ...by),
      world.signValue(Rulebook, demoDocument(world.demoGenesis()), KEYS.ada, KEYS.ben),
    ];
    return new MemoryVault().send(world.command({ command: "found", genesis, rulebook }));
  };

const shown =
  (what: "wallet" | "entry" | "execution", name: string): Way =>
  ({ vault }) =>
    vault.send(world.command({ command: "show", what, name }));

/** A weakening that was proposed `ms` ago, with these statements. */
const waited =
  (ms: number, vetoed = false): Way =>
  ({ vault, book }) => {
    const next = world.nextRulebook(book, { limits: [] });
    const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
    const send = () => vault.send(world.command({ command: "rulebook", rulebook, approvals: [] }));
    must(send());
    vault.wait(ms);
    const approval = world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "veto" });
    if (vetoed) must(vault.send(world.command({ command: "object", approval })));
    return send();
  };

/** A second transaction for the nonce of a first one. */
const replacing =
  (change: Partial<IntentOf<"pay">>, more: Parameters<typeof request>[2] = BUMP): Way =>
  ({ vault, book }) => {
    const first = world.pay(book);
    must(vault.run(first, TWO));
    return vault.run(world.pay(book, { reference: "second", replaces: world.intentId(first), ...change }), TWO, more);
  };

const capped = (change: Partial<Rulebook["chains"][number]>, way: Way): Way => {
  return () => way(besiege({ rulebook: (demo) => ({ chains: demo.chains.map((chain) => ({ ...chain, ...change })) }) }));
};

const withRules = (rules: (demo: Rulebook) => Rulebook["rules"], way: Way): Way => {
  return () => way(besiege({ rulebook: (demo) => ({ rules: [...demo.rules, ...rules(demo)] }) }));
};

const objecting =
  (intent: (book: Siege["book"]) => Intent, before: Way): Way =>
  (siege) => {
    const { vault, book } = siege;
    before(siege);
    const approval = world.approve(vault.ground(), intent(book), { key: KEYS.amy, decision: "reject" });
    return vault.send(world.command({ command: "object", approval }));
  };

/** A second checkpoint of the audit log, which is the first one with this change. */
const logging =
  (change: Partial<Pick<CommandOf<"checkpoint">, "origin" | "size" | "root">>): Way =>
  ({ vault }) => {
    const first = { command: "checkpoint", origin: "log.example/1", size: 1, root: someHash("root"), proof: [] } as const;
    must(vault.send(world.command(first)));
    return vault.send(world.command({ ...first, ...change }));
  };

/** Builds a payment to the token's contract, whoever was to be paid. */
const otherPayee: Builder = ({ transfer, ...order }, context) =>
  build({ ...order, transfer: { ...transfer, to: TOKEN } }, context);

/** Shows the vault a head that it signed and does not have. */
function lostHead(vault: Siege["vault"]): CommandOf<"witness"> {
  const head = decode(Head, must(vault.send(world.command({ command: "head" }))).body);
  const lost = world.signValue(Head, { ...head, head: { seq: 999, hash: world.ZERO } }, KEYS.vault);
  return world.command({ command: "witness", head: lost }) as CommandOf<"witness">;
}

/** The rest of a command after its version and kind. */
const HEADLESS = "02 50 00000000000000000000000000000000";

/** The shortest way to each refusal of the vault. */
const WAYS: Readonly<Record<VaultCode, Way>> = {
  MALFORMED: raw("ff"),
  NOT_CANONICAL: raw(`a3 00 18 01 01 0a ${HEADLESS}`),
  UNKNOWN_FIELD: raw(`a4 00 01 01 0a ${HEADLESS} 03 00`),
  MISSING_FIELD: raw("a2 00 01 01 0a"),
  BAD_VALUE: ({ vault }) => vault.send(world.command({ command: "protections" })),
  TOO_LARGE: ({ vault }) => vault.send(new Uint8Array(MAX_COMMAND_BYTES + 1)),
  TOO_DEEP: ({ vault, book }) => {
    const rulebook = world.sign(Rulebook, nested(book, 1), KEYS.ada, KEYS.ben);
    return vault.send(world.command({ command: "rulebook", rulebook, approvals: [] }));
  },
  ADDRESS_INVALID: entering({ address: "0x90f79bf6eb2c4f870365e785982e1f101e93b906" }),
  CONTEXT_INVALID: paying(() => ({}), { context: { gasLimit: 16_777_217 } }),
  GAS_TOO_LOW: paying(() => ({}), { context: { gasLimit: 20_999 } }),
  EFFECT_UNREADABLE: (siege) =>
    withBuilder(
      () => new Uint8Array(32),
      () => paying(() => ({}))(siege),
    ),
  EFFECT_MISMATCH: (siege) => withBuilder(otherPayee, () => paying(() => ({}))(siege)),
  CALL_INVALID: ({ vault, book }) => vault.send(world.execute([world.call(book, { arguments: new Uint8Array(33) })], [])),
  WEBAUTHN_INVALID: () => {
    const key = passkey("bob");
    const { vault, book } = besiege({
      rulebook: (demo) => ({ persons: withKeys(demo, { bob: [passkeyLine(key, "device")] }) }),
    });
    return vault.run(world.pay(book), [
      KEYS.amy,
      { ...key, sign: (challenge) => ({ ...KEYS.bob.sign(challenge), key: key.id }) },
    ]);
  },
  NOT_FOUNDED: () => new MemoryVault().send(world.command({ command: "show", what: "rulebook", name: "" })),
  ALREADY_FOUNDED: ({ vault, made }) => {
    return vault.send(world.command({ command: "found", genesis: made.signedGenesis, rulebook: made.signedRulebook }));
  },
  WRONG_DEPLOYMENT: paying(() => ({ deployment: world.ZERO })),
  WRONG_VAULT: approving(() => ({ vault: world.ZERO })),
  WRONG_RULEBOOK: approving(() => ({ epoch: 2 })),
  BOOT_STALE: approving(() => ({ boot: world.ZERO })),
  HEAD_UNKNOWN: approving(() => ({ head: { seq: 1, hash: world.ZERO } })),
  VAULT_RETIRED: (siege) => {
    siege.vault.state = { ...siege.vault.state, vault: KEYS.mallory.id };
    return paying(() => ({}))(siege);
  },
  SUCCESSION_WAITS: (siege) => {
    siege.vault.state = { ...siege.vault.state, succession: { lifeMs: DAY, until: siege.vault.now.lo + 1 } };
    return paying(() => ({}))(siege);
  },
  START_UNCONFIRMED: (siege) => {
    siege.vault.restart("behind");
    return paying(() => ({}))(siege);
  },
  HEAD_LOST: ({ vault }) => {
    vault.feed({ now: vault.now, booted: someHash("repaired"), suspicion: "repaired" });
    return vault.send(lostHead(vault));
  },
  ROLLED_BACK: ({ vault }) => vault.send(lostHead(vault)),
  EXPIRED: paying(() => ({ notAfter: world.NOW })),
  NOT_AFTER_TOO_FAR: approving(({ vault }) => ({ notAfter: vault.now.hi + DAY + 1 })),
  KEY_UNKNOWN: ({ vault, book }) => vault.run(world.pay(book), [KEYS.amy, KEYS.mallory]),
  KEY_CLASS: founding({
    administrators: world.demoGenesis().administrators.map((one) => ({ ...one, scheme: "webauthn-es256" })),
  }),
  KEY_REJECTED: founding({
    administrators: world.demoGenesis().administrators.map((one, at) => (at === 2 ? { ...one, publicKey: world.ZERO } : one)),
  }),
  SIGNATURE_INVALID: ({ vault, book }) => {
    const posed = { ...KEYS.bob, sign: (challenge: Uint8Array) => ({ ...KEYS.mallory.sign(challenge), key: KEYS.bob.id }) };
    return vault.run(world.pay(book), [KEYS.amy, posed]);
  },
  TEXT_MISMATCH: approving(() => ({ textHash: world.ZERO })),
  DECISION_WRONG: approving(() => ({ decision: "seen" })),
  INITIATOR_MISSING: ({ vault, book }) => vault.send(world.execute([world.pay(book)], [])),
  APPROVAL_FOREIGN: approving(() => ({ subject: world.ZERO })),
  APPROVAL_SPENT: (siege) => {
    const { vault, book } = siege;
    const intent = world.pay(book, { notAfter: world.NOW + DAY });
    const command = world.execute([intent], world.approveAll(vault.ground({ notAfter: world.NOW + DAY }), intent, TWO));
    vault.hold = true;
    vault.send(command);
    vault.hold = false;
    const freeze = world.freeze(book);
    must(vault.run(freeze, []));
    vault.release();
    thaw(siege, freeze);
    return vault.send(command);
  },
  APPROVAL_TWICE: ({ vault, book }) => vault.run(world.pay(book), [KEYS.amy, KEYS.amy]),
  INTENT_REJECTED: (siege) => {
    objecting(
      (book) => world.pay(book),
      () => undefined,
    )(siege);
    return paying(() => ({}))(siege);
  },
  INTENT_USED: objecting(
    (book) => world.pay(book),
    paying(() => ({})),
  ),
  INTENT_UNKNOWN: shown("execution", world.ZERO),
  REFERENCE_USED: paying(() => ({ reference: "entry-acme" })),
  BATCH_MIXED: ({ vault, book }) => vault.send(world.execute([world.pay(book), world.freeze(book)], [])),
  REPLACES_UNKNOWN: paying(() => ({ replaces: world.ZERO })),
  REPLACES_MISMATCH: replacing({ amount: 1n }),
  FEE_TOO_LOW: replacing({}, {}),
  REPRICE_NOT_LIVE: (siege) => {
    const { vault, book } = siege;
    vault.hold = true;
    paying(() => ({}))(siege);
    return vault.send(world.reprice(world.pay(book)));
  },
  TOO_MANY_VERSIONS: (siege) => {
    const { vault, book } = siege;
    paying(() => ({}), { context: { maxFeePerGas: 1n, maxPriorityFeePerGas: 1n } })(siege);
    const raise = (rate: bigint) =>
      vault.send(world.reprice(world.pay(book), { maxFeePerGas: rate, maxPriorityFeePerGas: rate }));
    let rate = 1n;
    for (let version = 1; version < MAX_VERSIONS; version++) {
      rate = (rate * 9n) / 8n + 1n;
      must(raise(rate));
    }
    return raise(2n * rate);
  },
  CHAIN_UNKNOWN: ({ vault, book }) => vault.send(world.execute([world.wallet(book, { chain: 7, wallet: "second" })], [])),
  ASSET_UNKNOWN: ({ vault, book }) => vault.send(world.execute([world.pay(book, { asset: "btc" })], [])),
  WALLET_UNKNOWN: shown("wallet", "second"),
  WALLET_EXISTS: ({ vault, book }) => vault.run(world.wallet(book, { reference: "again" }), [KEYS.carl]),
  ADDRESS_UNKNOWN: paying(() => ({}), { context: { index: 1 } }),
  ENTRY_UNKNOWN: shown("entry", "new"),
  ENTRY_MISMATCH: paying((book) => ({ destination: { ...world.destinationOf(world.acme(book)), hash: world.ZERO } })),
  METHOD_UNKNOWN: ({ vault, book }) => {
    const pool = world.pool(book, { methods: [{ method: "withdraw(uint256)", value: false }] });
    must(vault.run(world.enter(book, pool), [KEYS.carl]));
    return vault.run(world.call(book, { destination: world.contractOf(pool) }), TWO);
  },
  ENTRY_EXISTS: entering({ name: "acme" }),
  ENTRY_TOO_YOUNG: withRules(
    () => [{ ...OPEN, ...NOTHING, id: "old", kinds: ["pay"], entryAgeMs: DAY }],
    paying(() => ({})),
  ),
  UNIT_UNKNOWN: ({ vault, book }) => vault.run(world.wallet(book, { wallet: "second", unit: "desk" }), [KEYS.carl]),
  AMOUNT_ZERO: paying(() => ({ amount: 0n })),
  FACT_MISSING: screened(null),
  FACT_STALE: screened({ at: 0 }),
  FACT_FUTURE: screened({ at: world.NOW + DAY }),
  FACT_SUPERSEDED: (siege) => {
    screened({ at: world.NOW + 1 })(siege);
    const facts = [world.screening(siege.book, world.zoe(siege.book))];
    return siege.vault.send(world.command({ command: "inform", facts }));
  },
  FACT_ADVERSE: screened({ verdict: "adverse" }),
  FACT_MOVED: () => {
    const { vault, book } = besiege({ rulebook: (demo) => world.valued(demo) });
    const at = (numerator: bigint, later: number) => {
      const facts = { asset: "eth", source: "pricer-a", numerator, denominator: world.ETH, at: vault.now.hi + later };
      return world.command({ command: "inform", facts: [world.price(book, { ...facts, key: KEYS.pricerA })] });
    };
    must(vault.send(at(250_000n, 0)));
    return vault.send(at(300_000n, 1));
  },
  SOURCE_UNKNOWN: screened({ source: "nobody" }),
  FROZEN: (siege) => {
    must(siege.vault.run(world.freeze(siege.book), []));
    return paying(() => ({}))(siege);
  },
  OFFICER_UNKNOWN: freezing({ initiator: KEYS.tom.id }),
  OFFICER_SPENT: freezing({ level: "asset", subject: "eth" }, [{ reference: "freeze-0" }]),
  ALREADY_FROZEN: freezing({ initiator: KEYS.otto.id }, [{ reference: "freeze-0" }]),
  NOT_FROZEN: ({ vault, book }) => vault.run(world.unfreeze(book, world.ZERO), [KEYS.ben, KEYS.otto]),
  DENIED: (siege) => {
    must(entering({ class: "contract" })(siege) as Answer);
    const proxy = world.entryOf(siege.book, {
      name: "new",
      address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
      class: "contract",
    });
    return paying(() => ({ destination: world.destinationOf(proxy) }))(siege);
  },
  NOT_ALLOWED: paying(() => ({ amount: 11n * ETH })),
  QUORUM_MISSING: ({ vault, book }) => vault.run(world.pay(book), [KEYS.amy]),
  NOT_REGISTERED: ({ vault, book }) => vault.run(world.pay(book, { amount: 6n * ETH }), [...TWO, KEYS.olga]),
  DELAY_RUNNING: waited(0),
  LIMIT_EXCEEDED: ({ vault, book }) => {
    for (const reference of ["a", "b"]) must(vault.run(world.pay(book, { reference, amount: 4n * ETH }), TWO));
    for (const reference of ["c", "d"]) must(vault.run(world.pay(book, { reference, amount: 4n * ETH }), TWO));
    return vault.run(world.pay(book, { amount: 4n * ETH }), TWO);
  },
  FEE_TOO_HIGH: paying(() => ({ totalFee: 1n })),
  SLOT_TAKEN: ({ vault, book }) => {
    const first = world.pay(book);
    must(vault.run(first, TWO));
    const both = ["a", "b"].map((reference) => world.pay(book, { reference, replaces: world.intentId(first) }));
    return vault.send(
      world.execute(
        both,
        both.flatMap((one) => world.approveAll(vault.ground(), one, TWO)),
        BUMP,
      ),
    );
  },
  TOO_MANY_OUTSTANDING: capped({ maxOutstanding: 1 }, (siege) => {
    paying(() => ({ reference: "first" }))(siege);
    return paying(() => ({}))(siege);
  }),
  LOG_FOREIGN: logging({ origin: "log.example/2" }),
  LOG_SHRUNK: logging({ size: 0, root: toHex(emptyRoot()) as Hash }),
  LOG_FORKED: logging({ root: world.ZERO }),
  RULEBOOK_INVALID: ruling(({ document }) => ({ rules: [...document.rules, ...document.rules.slice(0, 1)] })),
  RULEBOOK_BASE: ruling(() => ({ epoch: 3 })),
  GOVERNANCE_MISSING: ruling(() => ({}), [KEYS.ada]),
  GOVERNANCE_UNSATISFIABLE: ruling(({ document }) => ({ governance: { ...document.governance, threshold: 3 } })),
  RULEBOOK_VETOED: waited(DAY, true),
  SEEN_MISSING: waited(DAY),
  TABLE_FULL: (siege) => {
    const { vault } = siege;
    vault.state = { ...vault.state, rejected: { ...vault.state.rejected, size: MAX_REJECTED } };
    return objecting(
      (book) => world.pay(book),
      () => undefined,
    )(siege);
  },
  KEYSTORE_FAULT: answering({ fault: true, code: "KEY_GONE", next: "ask", culprits: [] }),
  SIGNATURE_WRONG: answering([new Uint8Array(65)]),
  INTERNAL: (siege) => {
    const { vault, book } = siege;
    must(vault.run(world.pay(book), TWO));
    vault.state = { ...vault.state, jobs: emptyMap() };
    return vault.run(world.cancel(book, world.intentId(world.pay(book))), TWO, BUMP);
  },
};

/** Lifts a freeze with honest approvals, after its delay. */
function thaw({ vault, book }: Siege, freeze: IntentOf<"freeze">): void {
  const intent = world.unfreeze(book, world.intentId(freeze));
  const approvals = world.approveAll(vault.ground(), intent, []);
  must(vault.send(world.command({ command: "register", intent: encode(Intent, intent), approvals })));
  vault.wait(HOUR);
  must(vault.run(intent, [KEYS.ben, KEYS.otto]));
}

test("every refusal of the vault is produced", (t) => {
  const codes = Object.entries(WAYS) as [VaultCode, Way][];
  for (const [code, way] of codes) {
    const answer = way(besiege());
    assert.equal(answer?.code, code, `${code}: ${answer?.code} at ${answer?.field}: ${answer?.detail}`);
    assert.equal(answer.body.length, 0);
  }
  const missing = Object.keys(REFUSALS).filter((code) => !(code in WAYS) && !(code in ELSEWHERE));
  assert.deepEqual(missing, []);
  t.diagnostic(`count: refusals: ${codes.length} of the vault and ${Object.keys(ELSEWHERE).length} of its host are produced`);
});

test("what is said to be produced elsewhere is asserted there", () => {
  for (const [code, file] of Object.entries(ELSEWHERE)) {
    const text = readFileSync(new URL(`./${file}.test.ts`, import.meta.url), "utf8");
    assert.ok(text.includes(`"${code}"`), `${code} in ${file}`);
  }
});
