/** The unsigned chain context is absurd: fees, gas, priority, paying address. Whatever it says, it costs at most what was
 *  approved, and the same intent never comes to a second transaction by a second context. */
import assert from "node:assert/strict";
import { equal } from "../../core/src/bytes.ts";
import { evm } from "../../core/src/chain/evm/evm.ts";
import { openRecord } from "../../core/src/journal/record.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { execution, type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honestlySigned, refused, request, TWO } from "./attack.ts";

const { ETH, USDX } = world;
type Context = Partial<typeof world.CONTEXT>;

attacks("fees and gas beyond what was approved", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book, { totalFee: ETH / 100n });
  const send = (context: Context) => vault.send(request(vault, intent, { context }));
  honestlySigned(vault, () => send({}));
  honestlySigned(vault, () => send({ gasLimit: 100_000, maxFeePerGas: 100_000_000_000n }));
  refused(vault, "FEE_TOO_HIGH", "one gas more", () => send({ gasLimit: 100_001, maxFeePerGas: 100_000_000_000n }));
  refused(vault, "FEE_TOO_HIGH", "one wei more per gas", () => send({ gasLimit: 100_000, maxFeePerGas: 100_000_000_001n }));
  refused(vault, "FEE_TOO_HIGH", "an absurd fee rate", () => send({ maxFeePerGas: 2n ** 127n }));
  refused(vault, "FEE_TOO_HIGH", "all the gas of a block", () => send({ gasLimit: 16_777_216 }));
  refused(vault, "CONTEXT_INVALID", "more gas than a transaction may use", () => send({ gasLimit: 16_777_217 }));
  refused(vault, "CONTEXT_INVALID", "a fee rate out of range", () => send({ maxFeePerGas: 2n ** 128n }));
  const priority = { maxPriorityFeePerGas: world.CONTEXT.maxFeePerGas + 1n };
  refused(vault, "CONTEXT_INVALID", "a priority above the whole", () => send(priority));
  refused(vault, "GAS_TOO_LOW", "no gas", () => send({ gasLimit: 0 }));
  refused(vault, "GAS_TOO_LOW", "one gas less than a transfer", () => send({ gasLimit: 20_999 }));
  const token = world.pay(book, { asset: "usdx", amount: USDX });
  const tokenGas = (gasLimit: number) => vault.send(request(vault, token, { context: { gasLimit } }));
  honestlySigned(vault, () => tokenGas(90_000));
  refused(vault, "GAS_TOO_LOW", "a plain transfer's gas for a token", () => tokenGas(21_000));
});

attacks("an intent allows itself more fee than the rulebook", () => {
  const { vault, book } = besiege();
  const send = (totalFee: bigint) => vault.run(world.pay(book, { totalFee }), TWO);
  honestlySigned(vault, () => send(ETH / 10n));
  refused(vault, "FEE_TOO_HIGH", "one wei above", () => send(ETH / 10n + 1n));
  refused(vault, "FEE_TOO_HIGH", "everything", () => send(2n ** 256n - 1n));
  refused(vault, "FEE_TOO_HIGH", "nothing at all", () => send(0n));
});

attacks("the paying address is none of the wallet's", () => {
  const { vault, book } = besiege();
  const send = (index: number) => vault.send(request(vault, world.pay(book), { context: { index } }));
  honestlySigned(vault, () => send(0));
  refused(vault, "ADDRESS_UNKNOWN", "never attested", () => send(1));
  refused(vault, "ADDRESS_UNKNOWN", "out of range", () => send(2_147_483_647));
  const { orders, ...rest } = request(vault, world.pay(book));
  const bare = orders.map(({ intent }) => ({ intent }));
  refused(vault, "CONTEXT_INVALID", "no context", () => vault.send({ ...rest, orders: bare }));
  must(vault.send(world.command({ command: "address", wallet: "treasury", index: 1 })));
  honestlySigned(vault, () => send(1));
});

attacks("the same intent comes with a second context", () => {
  const { vault, book } = besiege();
  must(vault.send(world.command({ command: "address", wallet: "treasury", index: 1 })));
  const intent = world.pay(book);
  const first = execution(vault.send(request(vault, intent)));
  const contexts: readonly Context[] = [
    { maxFeePerGas: 40_000_000_000n, maxPriorityFeePerGas: 4_000_000_000n },
    { gasLimit: 21_000 },
    { index: 1 },
    { gasLimit: 0, maxFeePerGas: 2n ** 127n },
  ];
  for (const context of contexts) {
    const before = vault.state.seq;
    assert.deepEqual(execution(vault.send(request(vault, intent, { context }))), first);
    assert.equal(vault.state.seq, before);
  }
  assert.equal(countOf(vault, intent), 1);
  const second = world.pay(book, { reference: "pay-2" });
  honestlySigned(vault, () => vault.run(second, TWO));
  const both = [intent, second].flatMap((item) => world.approveAll(vault.ground(), item, TWO));
  refused(vault, "INTENT_USED", "in a batch, from another address", () =>
    vault.send(world.execute([intent, second], both, { context: { index: 1 } })),
  );
});

/** How many transactions the journal holds for an intent. */
function countOf(vault: MemoryVault, intent: Intent): number {
  const bytes = encode(Intent, intent);
  const records = vault.journal.map((record) => openRecord(record).value);
  const parts = records.flatMap((record) => (record.kind === "committed" ? record.parts : []));
  return parts.filter((part) => equal(part.intent, bytes)).length;
}

attacks("while the key store is slow, another context is sent", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  vault.hold = true;
  vault.send(request(vault, intent));
  vault.send(request(vault, intent, { context: { maxFeePerGas: 40_000_000_000n } }));
  const jobs = vault.held.flatMap((effect) => ("sign" in effect ? [effect.sign] : []));
  assert.deepEqual(jobs[0], jobs[1], "the same bytes are asked for again");
  const second = world.pay(book, { reference: "pay-2" });
  const both = [intent, second].flatMap((item) => world.approveAll(vault.ground(), item, TWO));
  vault.held.length = 0;
  refused(vault, "INTENT_USED", "in a batch", () => vault.send(world.execute([intent, second], both)));
  const fees = jobs.map((job) => evm.read(job.parts[0]?.bytes as Uint8Array).feeMax);
  assert.deepEqual(new Set(fees), new Set([90_000n * 20_000_000_000n]));
});
