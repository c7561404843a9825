/** Attack: whoever owns the server shows people an explanation that the vault has not given: edited, signed by himself, about
 *  another payment, by a rulebook that nobody signed, or from before a start of the vault. So people would think that somebody
 *  has approved or that a rule is met, or give up what could go through. */
import assert from "node:assert/strict";
import { openExplanation, readExplanation, type Told, type Wanted } from "@strongroom/sdk/verify/explanation";
import type { Hash } from "../../core/src/bytes.ts";
import { ExplanationBody } from "../../core/src/protocol/explanation.ts";
import { decode, encode, idOf, Signed } from "../../core/src/signed/object.ts";
import { Receipt } from "../../core/src/signed/receipt.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { explainOf } from "../world/explain.ts";
import { someHash } from "../world/keys.ts";
import { foundedVault, type MemoryVault } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, fails } from "./attack.ts";

const { KEYS } = world;
const { vault, made } = foundedVault();
const BOOT = vault.state.boot as Hash;
const mine = world.pay(made.book);
const other = world.pay(made.book, { reference: "other" });
const expected = { vaultKey: made.genesis.vaultKey, deployment: made.deployment, boot: BOOT };

type Change = Partial<Receipt>;

/** The vault's receipt for an explanation of these intents, with these approvals. */
function receiptFor(
  of: MemoryVault,
  intents: readonly ReturnType<typeof world.pay>[],
  draft?: Uint8Array,
  change: Change = {},
) {
  const approvals = intents.flatMap((intent) => world.approveAll(of.ground(), intent, [KEYS.amy]));
  const answer = of.send({ ...explainOf(world.execute(intents, approvals)), ...(draft !== undefined && { draft }) });
  return receiptOf(answer, change);
}

function receiptOf(
  { code, field, detail, body }: Pick<Receipt, "code" | "field" | "detail" | "body">,
  change: Change = {},
): Receipt {
  const place = { deployment: made.deployment, vault: made.vault, boot: BOOT, head: { seq: 1, hash: someHash("head") } };
  return { version: 1, ...place, request: someHash("request"), at: world.NOW, code, field, detail, body, ...change };
}

const signed = (receipt: Receipt, key = KEYS.vault) => world.signValue(Receipt, receipt, key);
const opened = (bytes: Uint8Array, wanted: Wanted = { intents: [world.intentId(mine)] }): Told =>
  openExplanation(bytes, wanted, expected);
const isForged = (work: () => unknown) => fails(() => assert.throws(work, { code: "RECEIPT_FORGED" }));

const honest = receiptFor(vault, [mine]);
const draft = world.nextRulebook(made.book, { rules: [] });

attacks("an explanation is edited, or signed by another key", async () => {
  assert.deepEqual([opened(signed(honest)).code, opened(signed(honest)).at], ["QUORUM_MISSING", world.NOW]);
  const body = decode(ExplanationBody, honest.body);
  const [order] = body.orders;
  assert.ok(order !== undefined);
  const better = { ...body, code: "OK", orders: [{ ...order, code: "OK", approved: ["tom", "amy", "bob"] }] };
  const edited = { ...honest, body: encode(ExplanationBody, better) };
  const { signatures } = decode(Signed, signed(honest));
  await isForged(() => opened(encode(Signed, { body: encode(Receipt, edited), signatures })));
  await isForged(() => opened(signed(edited, KEYS.mallory)));
  await isForged(() => opened(signed(edited, KEYS.amy)));
  const bytes = signed(honest);
  for (let at = 0; at < bytes.length; at += 17) await isForged(() => opened(bytes.with(at, (bytes[at] as number) ^ 1)));
});

attacks("an explanation of another payment, or of more than one, is shown", async () => {
  await isForged(() => opened(signed(receiptFor(vault, [other]))));
  await isForged(() => opened(signed(receiptFor(vault, [mine, other]))));
  const both = signed(receiptFor(vault, [mine, other]));
  const ids = [mine, other].map(world.intentId);
  assert.equal(opened(both, { intents: ids }).orders.length, 2);
  await isForged(() => opened(both, { intents: ids.toReversed() }));
});

attacks("what a draft would allow is passed off as what holds, and the other way round", async () => {
  const bytes = encode(Rulebook, draft);
  const dry = signed(receiptFor(vault, [mine], bytes));
  await isForged(() => opened(dry));
  const wanted = { intents: [world.intentId(mine)], draft: idOf(Rulebook, bytes) };
  assert.equal(opened(dry, wanted).code, "NOT_ALLOWED");
  await isForged(() => opened(signed(honest), wanted));
  await isForged(() => opened(dry, { ...wanted, draft: someHash("another draft") }));
});

attacks("an explanation of another vault, deployment or start is shown", async () => {
  await isForged(() => opened(signed({ ...honest, deployment: someHash("other") })));
  await isForged(() => opened(signed({ ...honest, vault: KEYS.amy.id })));
  await isForged(() => opened(signed({ ...honest, boot: someHash("before") })));
});

attacks("another answer of the vault is passed off as an explanation", async () => {
  const answers = [
    vault.send(world.command({ command: "status" })),
    vault.send(world.command({ command: "show", what: "rulebook", name: "" })),
    vault.send(world.command({ command: "show", what: "entry", name: "acme" })),
    vault.send({ ...explainOf(world.execute([mine], [])), draft: Uint8Array.of(1) }),
  ];
  for (const answer of answers) await isForged(() => opened(signed(receiptOf(answer))));
  for (const { body } of answers) await isForged(() => readExplanation(body, { intents: [world.intentId(mine)] }));
});
