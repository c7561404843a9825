/** One text is shown to the approver and another intent is submitted; and names are made to look like other names. */
import assert from "node:assert/strict";
import { attempt } from "../../core/src/errors.ts";
import type { Approval } from "../../core/src/signed/approval.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { renderChange } from "../../core/src/text/change.ts";
import { render, textHash } from "../../core/src/text/render.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, fails, honest, honestlySigned, refused, TWO } from "./attack.ts";

const { KEYS, ETH } = world;

attacks("the device shows one payment, the subject is another", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book, { amount: 4n * ETH });
  honestlySigned(vault, () => vault.run(intent, TWO));
  const shown = {
    "a smaller amount": render(world.pay(book, { amount: ETH / 2n }), book),
    "another payee": render(world.pay(book, { destination: world.destinationOf(world.zoe(book)) }), book),
    "a text without the fee": render(intent, book).replace(/^fees at most.*\n/m, ""),
    "a text without its mark": render(intent, book).replaceAll("DEMONSTRATION - no real value", "PRODUCTION"),
    "the same with one space more": `${render(intent, book)} `,
    nothing: "",
  };
  const [tom, amy, bob] = world.approveAll(vault.ground(), intent, TWO) as [Uint8Array, Uint8Array, Uint8Array];
  for (const [how, text] of Object.entries(shown)) {
    const change: Partial<Approval> = { textHash: textHash(text) };
    const fooled = world.approve(vault.ground(), intent, { key: KEYS.amy, change });
    refused(vault, "TEXT_MISMATCH", `to an approver: ${how}`, () => vault.send(world.execute([intent], [tom, fooled, bob])));
    const started = world.approve(vault.ground(), intent, { key: KEYS.tom, decision: "initiate", change });
    refused(vault, "TEXT_MISMATCH", `to the initiator: ${how}`, () => vault.send(world.execute([intent], [started, amy, bob])));
  }
});

attacks("the device shows one entry, wallet, retirement or unfreeze, the subject is another", () => {
  const { vault, book } = besiege();
  const freeze = world.freeze(book, { level: "asset", subject: "usdx" });
  must(vault.run(freeze, []));
  const entry = world.entryOf(book, { name: "new", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" });
  const intents: readonly Intent[] = [
    world.enter(book, entry),
    world.wallet(book, { wallet: "second" }),
    world.retire(book, world.acme(book)),
    world.unfreeze(book, world.intentId(freeze)),
  ];
  const wrong = { textHash: textHash(render(world.pay(book), book)) };
  for (const intent of intents) {
    const ground = vault.ground();
    const [first] = world.approveAll(ground, intent, []) as [Uint8Array];
    const fooled = world.approve(ground, intent, { key: KEYS.carl, change: wrong });
    refused(vault, "TEXT_MISMATCH", intent.kind, () => vault.send(world.execute([intent], [first, fooled])));
  }
  const large = world.pay(book, { amount: 6n * ETH });
  const begun = (change: Partial<Approval>) => {
    const approvals = [world.approve(vault.ground(), large, { key: KEYS.tom, decision: "initiate", change })];
    return vault.send(world.command({ command: "register", intent: encode(Intent, large), approvals }));
  };
  honest(vault, () => begun({}));
  refused(vault, "TEXT_MISMATCH", "registration", () => begun(wrong));
});

attacks("an administrator is shown another change of the rulebook than the one that waits", () => {
  const { vault, book } = besiege();
  const next = world.nextRulebook(book, { approvalLifeMs: 2 * world.DAY });
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  must(vault.send(world.command({ command: "rulebook", rulebook, approvals: [] })));
  vault.wait(world.DAY);
  const adopt = (change: Partial<Approval>) => {
    const seen = world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen", change });
    return vault.send(world.command({ command: "rulebook", rulebook, approvals: [seen] }));
  };
  honest(vault, () => adopt({}));
  const harmless = world.nextRulebook(book, { approvalLifeMs: world.DAY - 1 });
  refused(vault, "TEXT_MISMATCH", "a harmless change", () => adopt({ textHash: textHash(renderChange(book, harmless)) }));
});

attacks("a name looks like another name", () => {
  const { vault, book } = besiege();
  const bytes = world.execute([world.pay(book)], world.approveAll(vault.ground(), world.pay(book), TWO));
  honestlySigned(vault, () => vault.send(bytes));
  const intent = encode(Intent, world.pay(book));
  /** The intent with the text of `from` replaced by as many bytes, as only an attacker's encoder would make it. */
  const spoiled = (from: string, to: Buffer) => {
    const found = Buffer.from(intent);
    const at = found.indexOf(from);
    assert.ok(at > 0 && to.length === from.length);
    to.copy(found, at);
    return { ...bytes, orders: [{ ...(bytes.orders[0] as (typeof bytes.orders)[number]), intent: new Uint8Array(found) }] };
  };
  const tricks: readonly [string, string, Buffer][] = [
    ["a Cyrillic letter in the entry", "acme", Buffer.from("acмe").subarray(0, 4)],
    ["a right-to-left override in the purpose", "demonstration", Buffer.from("\u202edemonstrat\u202c".slice(0, 9), "utf8")],
    ["a zero-width space in the reference", "pay-1", Buffer.from("p\u200b1", "utf8")],
    ["a combining accent in the purpose", "demonstration", Buffer.from("demonstrati\u0301", "utf8")],
    ["a line break in the purpose", "demonstration", Buffer.from("demo\nto Acme!")],
    ["a carriage return in the purpose", "demonstration", Buffer.from("demonstratio\r")],
    ["an escape sequence in the purpose", "demonstration", Buffer.from("demo\u001b[2Kacme")],
    ["a null byte in the purpose", "demonstration", Buffer.from("demonstratio\0")],
    ["DEL in the purpose", "demonstration", Buffer.from("demonstratio\x7f")],
    ["upper case in the entry", "acme", Buffer.from("Acme")],
    ["a space in the entry", "acme", Buffer.from("a me")],
    ["an underscore in the wallet", "treasury", Buffer.from("treas_ry")],
    ["a leading hyphen in the wallet", "treasury", Buffer.from("-reasury")],
  ];
  for (const [how, from, to] of tricks) {
    refused(vault, "BAD_VALUE", how, () => {
      const padded = to.length < from.length ? Buffer.concat([to, Buffer.alloc(from.length - to.length, 0x20)]) : to;
      return vault.send(spoiled(from, padded.subarray(0, from.length)));
    });
  }
});

attacks("a text cannot be split into the lines of another text", async () => {
  const { book } = besiege();
  for (const purpose of ["x\ninitiated by  ada", "x\u2028to acme", "x\u0085to acme", "\u202e", "é"]) {
    await fails(() => {
      const made = attempt(() => encode(Intent, world.pay(book, { purpose })));
      assert.equal(made.ok ? "OK" : made.code, "BAD_VALUE");
    });
  }
  const lines = render(world.pay(book, { purpose: "x  to  acme" }), book).split("\n");
  assert.equal(lines.filter((line) => /^to /.test(line)).length, 1);
});
