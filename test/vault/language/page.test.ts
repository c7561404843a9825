/** The tables of docs/spec/rulebook.md that only a vault can judge: payments against limits, facts, minimums; freezes. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { Fact, SUBJECT } from "../../../core/src/signed/fact.ts";
import { type FreezeLevel, freezeLevel, type WalletClass } from "../../../core/src/signed/fields.ts";
import type { IntentOf } from "../../../core/src/signed/intent.ts";
import { Rulebook } from "../../../core/src/signed/rulebook.ts";
import { type Example, examplesIn, type Fields, jsonOf } from "../../../core/test/page.ts";
import type { Answer } from "../../../vault/src/types.ts";
import { device } from "../../world/keys.ts";
import { type MemoryVault, must } from "../../world/vault.ts";
import * as world from "../../world/world.ts";
import { addressOf, bookOf, freezeBy, payment, vaultWith } from "../ground.ts";

const examples = examplesIn(fs.readFileSync(new URL("../../../docs/spec/rulebook.md", import.meta.url), "utf8"));
const tables = (asked: Example["asked"]) => examples.filter((example) => example.asked === asked);

/** A payment as the page writes it. */
type Row = {
  readonly when?: string;
  readonly initiator?: string;
  readonly wallet?: string;
  readonly walletClass?: WalletClass;
  readonly client?: string;
  readonly units?: readonly [string];
  readonly destination?: string;
  readonly asset?: string;
  readonly amount?: string;
  readonly approvers?: readonly string[];
  readonly facts?: { readonly [source: string]: Fields };
};

/** A founded vault under the demonstration's rulebook with an example on top, whose rules are added. */
function vaultOf(fields: Fields): MemoryVault {
  const base = world.demoRulebook();
  const { rules = [], ...others } = fields;
  const json = jsonOf({ rules, ...others }, base, (name) => device(name).publicKey);
  const { rules: added, ...rest } = Rulebook.shape.fromJson(json);
  return vaultWith({ ...rest, rules: [...added, ...base.rules] });
}

const PRICES: { readonly [asset: string]: Fields } = {
  eth: { numerator: "250000", denominator: `${world.ETH}` },
  usdx: { numerator: "90", denominator: `${world.USDX}` },
};

/** What a source says now about what its type speaks of in this payment. */
function said(vault: MemoryVault, intent: IntentOf<"pay">, source: string, fields: Fields, asset = intent.asset): Uint8Array {
  const { sources, document } = bookOf(vault);
  const { type } = sources.get(source) as { readonly type: "travel-rule" | "nonce" | "price" | "clock" };
  const subject = {
    "travel-rule": () => SUBJECT.intent(world.intentId(intent)),
    nonce: () => SUBJECT.nonce(world.CHAIN, addressOf(vault, intent.wallet)),
    price: () => SUBJECT.price(asset, "eur"),
    clock: SUBJECT.clock,
  }[type]();
  const { deployment } = document;
  const fact = { version: 1, deployment, source, type, subject, at: vault.now.hi, ...fields };
  return world.signFact(Fact.shape.fromJson(fact), device(source));
}

/** Where the row states no facts, the prices above it on the page. */
function factsOf(vault: MemoryVault, intent: IntentOf<"pay">, { facts }: Row): Uint8Array[] {
  if (facts !== undefined) return Object.entries(facts).map(([source, fields]) => said(vault, intent, source, fields));
  const { valuation } = bookOf(vault).document;
  const priced = valuation === undefined ? [] : valuation.sources;
  return priced.flatMap((source) =>
    Object.entries(PRICES).map(([asset, fields]) => said(vault, intent, source, fields, asset)),
  );
}

function open(vault: MemoryVault, wallet: string, { client, units, walletClass = "hot" }: Row): void {
  const change = {
    wallet,
    walletClass,
    ...(client !== undefined && { client }),
    ...(units !== undefined && { unit: units[0] }),
  };
  must(vault.run(world.wallet(bookOf(vault), change), [world.KEYS.carl]));
  must(vault.send(world.command({ command: "address", wallet, index: 0 })));
}

let payments = 0;
function pay(vault: MemoryVault, opened: Set<string>, row: Row): Answer {
  const { when, initiator = "tom", wallet = "treasury", destination, asset = "usdx", amount = `${world.USDX}` } = row;
  vault.wait(when === undefined ? 1_000 : Date.parse(when) - vault.now.hi);
  if (!opened.has(wallet)) open(vault, wallet, row);
  opened.add(wallet);
  payments += 1;
  const intent = payment(vault, {
    reference: `payment ${payments}`,
    initiator: device(initiator).id,
    wallet,
    asset,
    amount: BigInt(amount),
    ...(destination !== undefined && { destination: { address: destination } }),
  });
  const approvers = (row.approvers ?? ["amy", "bob"]).map(device);
  return vault.run(intent, approvers, { facts: factsOf(vault, intent, row) });
}

const wordsOf = ({ code, field }: Answer) => (code === "OK" ? "paid" : `\`${code}\` at \`${field}\``);

test("every payment of the page is judged by a vault as it says", (t) => {
  let count = 0;
  for (const { fields, rows } of tables("payment")) {
    const vault = vaultOf(fields);
    const opened = new Set(["treasury"]);
    for (const [it, says] of rows) {
      assert.equal(wordsOf(pay(vault, opened, JSON.parse(it) as Row)), says, it);
      count += 1;
    }
  }
  assert.ok(count >= 30);
  t.diagnostic(`count: rulebook page: ${count} payments judged by a vault`);
});

test("every freeze of the page stops the payment or does not, as it says, and every level is there", (t) => {
  const levels = new Set<string>();
  let count = 0;
  for (const { fields, rows } of tables("freeze")) {
    for (const [it, says] of rows) {
      const freeze = JSON.parse(it) as { readonly level: FreezeLevel; readonly subject: string };
      const vault = vaultOf(fields);
      open(vault, "desk-1", { units: ["desk"] });
      must(vault.run(freezeBy(vault, freeze), []));
      assert.equal(wordsOf(pay(vault, new Set(["desk-1"]), { wallet: "desk-1" })), says, it);
      levels.add(freeze.level);
      count += 1;
    }
  }
  const all = freezeLevel.words.split(", ").map((word) => word.replace(/^\d+ /, ""));
  assert.deepEqual([...levels].sort(), all.sort());
  t.diagnostic(`count: rulebook page: ${count} freezes judged by a vault`);
});
