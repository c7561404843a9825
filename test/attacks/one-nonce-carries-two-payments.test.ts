/** Two different payments share one nonce, a replacement does not replace what it says, or a nonce is left open so that
 *  what comes later can be kept back. */
import assert from "node:assert/strict";
import { evm } from "../../core/src/chain/evm/evm.ts";
import { openRecord } from "../../core/src/journal/record.ts";
import type { IntentOf } from "../../core/src/signed/intent.ts";
import { execution, type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { aside, attacks, besiege, fails, honestlySigned, refused, request, type Siege, TWO } from "./attack.ts";

const { KEYS, ETH, USDX } = world;
/** Both rates up by an eighth and more. */
const BUMP = { maxFeePerGas: 30_000_000_000n, maxPriorityFeePerGas: 2_000_000_000n };

/** Every unsigned transaction of the journal. */
function built(vault: MemoryVault) {
  return vault.journal
    .map((bytes) => openRecord(bytes).value)
    .flatMap((record) => (record.kind === "committed" ? record.parts : []))
    .map((part) => evm.read(part.unsigned));
}

attacks("nonces are contiguous and never shared, in whatever order requests come", () => {
  const { vault, book } = besiege();
  const pay = (reference: string) => world.pay(book, { reference });
  const batch = ["a", "b", "c"].map(pay);
  must(vault.run(pay("first"), TWO));
  vault.hold = true;
  must({ ...vault.run(pay("slow"), TWO), code: "OK" });
  vault.hold = false;
  must(
    vault.send(
      world.execute(
        batch,
        batch.flatMap((item) => world.approveAll(vault.ground(), item, TWO)),
      ),
    ),
  );
  const dear = request(vault, pay("refused"), { context: { maxFeePerGas: 2n ** 127n } });
  refused(vault, "FEE_TOO_HIGH", "a refusal takes no nonce", () => vault.send(dear));
  must(vault.run(pay("last"), TWO));
  assert.deepEqual(
    built(vault).map(({ nonce }) => nonce),
    [0, 1, 2, 3, 4, 5],
  );
});

attacks("a batch that fails in the middle takes nothing", () => {
  const { vault, book } = besiege();
  const good = world.pay(book, { reference: "good" });
  const bad = world.pay(book, { reference: "bad", amount: 0n });
  const approvals = [good, bad].flatMap((item) => world.approveAll(vault.ground(), item, TWO));
  honestlySigned(vault, () => vault.send(world.execute([good], approvals.slice(0, 3))));
  refused(vault, "AMOUNT_ZERO", "the second is refused", () => vault.send(world.execute([good, bad], approvals)));
  const [transaction] = execution(vault.run(world.pay(book), TWO)).transactions;
  assert.match(transaction?.slots[0] as string, /:0$/);
});

function paid(): Siege & { first: IntentOf<"pay"> } {
  const siege = besiege();
  const { vault, book } = siege;
  must(vault.run(world.wallet(book, { wallet: "second" }), [KEYS.carl]));
  must(vault.send(world.command({ command: "address", wallet: "second", index: 0 })));
  must(vault.send(world.command({ command: "address", wallet: "treasury", index: 1 })));
  const first = world.pay(book);
  must(vault.run(first, TWO));
  return { ...siege, first };
}

attacks("a replacement pays somebody or something else", () => {
  const { vault, book, first } = paid();
  const replaces = world.intentId(first);
  const again = (change: Partial<IntentOf<"pay">>, context: Partial<typeof world.CONTEXT> = BUMP) =>
    vault.run(world.pay(book, { reference: "pay-2", replaces, ...change }), TWO, {
      context,
      facts: change.destination === undefined ? [] : [world.screening(book, world.zoe(book))],
    });
  const slots = honestlySigned(vault, () => again({})).transactions[0]?.slots;
  assert.match(slots?.[0] as string, /:0$/, "it takes the nonce of what it replaces");
  const differing: { readonly [how: string]: Partial<IntentOf<"pay">> } = {
    "another payee": { destination: world.destinationOf(world.zoe(book)) },
    "a larger amount": { amount: ETH + 1n },
    "a smaller amount": { amount: ETH - 1n },
    "another asset, the same number": { asset: "usdx" },
    "another asset": { asset: "usdx", amount: USDX },
    "another wallet": { wallet: "second" },
  };
  for (const [how, change] of Object.entries(differing)) refused(vault, "REPLACES_MISMATCH", how, () => again(change));
  aside(vault, () => {
    const renamed = { ...world.acme(book), party: "Acme Exchange Ltd" };
    must(vault.run(world.retire(book, world.acme(book)), [KEYS.carl]));
    must(vault.run(world.enter(book, renamed, { reference: "renamed" }), [KEYS.carl]));
    const destination = world.destinationOf(renamed);
    const run = () => vault.run(world.pay(book, { reference: "pay-2", replaces, destination }), TWO, { context: BUMP });
    refused(vault, "REPLACES_MISMATCH", "another entry of the same name and address", run);
  });
  refused(vault, "REPLACES_MISMATCH", "another address of the wallet", () => again({}, { ...BUMP, index: 1 }));
});

attacks("a replacement does not conflict with what it replaces", () => {
  const { vault, book, first } = paid();
  const again = (replaces: IntentOf<"cancel">["replaces"], reference = "pay-2") =>
    vault.run(world.pay(book, { reference, replaces }), TWO, { context: BUMP });
  honestlySigned(vault, () => again(world.intentId(first)));
  refused(vault, "REPLACES_UNKNOWN", "nothing", () => again(world.ZERO));
  refused(vault, "REPLACES_UNKNOWN", "itself", () => again(world.intentId(world.pay(book, { reference: "pay-2" }))));
  refused(vault, "REPLACES_UNKNOWN", "a wallet's opening", () => again(world.intentId(world.wallet(book))));
  vault.hold = true;
  const slow = world.pay(book, { reference: "slow" });
  vault.run(slow, TWO);
  vault.held.length = 0;
  refused(vault, "REPLACES_UNKNOWN", "what is not signed yet", () => again(world.intentId(slow)));
  const [a, b] = [1, 2].map((at) => world.pay(book, { reference: `r${at}`, replaces: world.intentId(first) }));
  const both = [a, b] as [IntentOf<"pay">, IntentOf<"pay">];
  const approvals = both.flatMap((item) => world.approveAll(vault.ground(), item, TWO));
  refused(vault, "SLOT_TAKEN", "twice in one batch", () => vault.send(world.execute(both, approvals, { context: BUMP })));
});

attacks("a replacement is signed after what it replaces was final", async () => {
  const { vault, book, first } = paid();
  const { transactions } = execution(vault.run(first, TWO));
  vault.hold = true;
  vault.run(world.pay(book, { reference: "pay-2", replaces: world.intentId(first) }), TWO, { context: BUMP });
  vault.hold = false;
  honestlySigned(vault, () => vault.release()[0] as never);
  await fails(() => {
    must(vault.send(world.command({ command: "inform", facts: world.finality(book, transactions[0]?.id as string) })));
    assert.deepEqual(
      vault.release().map((answer) => answer.code),
      ["SLOT_TAKEN"],
    );
  });
});

attacks("a replacement is too cheap to replace", () => {
  const { vault, book, first } = paid();
  const { maxFeePerGas, maxPriorityFeePerGas } = world.CONTEXT;
  const replaces = world.intentId(first);
  const again = (context: Partial<typeof world.CONTEXT>) =>
    vault.run(world.pay(book, { reference: "pay-2", replaces }), TWO, { context });
  const enough = { maxFeePerGas: (maxFeePerGas * 9n) / 8n, maxPriorityFeePerGas: (maxPriorityFeePerGas * 9n) / 8n };
  honestlySigned(vault, () => again(enough));
  refused(vault, "FEE_TOO_LOW", "the same rates", () => again({}));
  refused(vault, "FEE_TOO_LOW", "one wei less", () => again({ ...enough, maxFeePerGas: enough.maxFeePerGas - 1n }));
  refused(vault, "FEE_TOO_LOW", "only the fee", () => again({ maxFeePerGas: enough.maxFeePerGas }));
  refused(vault, "FEE_TOO_LOW", "only the priority", () => again({ maxPriorityFeePerGas: enough.maxPriorityFeePerGas }));
});

attacks("what is final or cancelled is replaced", () => {
  const { vault, book, first } = paid();
  const cancelled = world.cancel(book, world.intentId(first));
  const replaces = world.intentId(first);
  const again = () =>
    vault.run(world.pay(book, { reference: "pay-2", replaces }), TWO, {
      context: { ...BUMP, maxFeePerGas: 60_000_000_000n, maxPriorityFeePerGas: 4_000_000_000n },
    });
  honestlySigned(vault, again);
  const body = execution(vault.run(cancelled, TWO, { context: BUMP }));
  refused(vault, "REPLACES_MISMATCH", "a payment that was cancelled is paid after all", again);
  refused(vault, "REPLACES_MISMATCH", "from its cancellation", () =>
    vault.run(world.pay(book, { reference: "pay-3", replaces: world.intentId(cancelled) }), TWO, { context: BUMP }),
  );
  const facts = world.finality(book, body.transactions[0]?.id as string);
  must(vault.send(world.command({ command: "inform", facts })));
  refused(vault, "REPLACES_UNKNOWN", "a payment whose nonce is final", again);
  refused(vault, "REPLACES_UNKNOWN", "a cancellation of it", () =>
    vault.run(world.cancel(book, replaces, { reference: "cancel-2" }), TWO, { context: BUMP }),
  );
});

attacks("signed payments pile up to be sent later", () => {
  const { vault, book } = besiege({
    rulebook: (demo) => ({ chains: demo.chains.map((chain) => ({ ...chain, maxOutstanding: 3 })) }),
  });
  const pay = (reference: string) => world.pay(book, { reference });
  honestlySigned(vault, () => vault.run(pay("a"), TWO));
  const four = ["a", "b", "c", "d"].map(pay);
  const approvals = four.flatMap((item) => world.approveAll(vault.ground(), item, TWO));
  honestlySigned(vault, () => vault.send(world.execute(four.slice(0, 3), approvals.slice(0, 9))));
  refused(vault, "TOO_MANY_OUTSTANDING", "in one batch", () => vault.send(world.execute(four, approvals)));
  for (const item of four.slice(0, 3)) must(vault.run(item, TWO));
  refused(vault, "TOO_MANY_OUTSTANDING", "one by one", () => vault.run(pay("d"), TWO));
});
