/** The key store, or whoever sits between it and the vault, returns another signature, too few, or none; or a foreign
 *  public key. */
import assert from "node:assert/strict";
import { secp256k1 } from "../../core/node_modules/@noble/curves/secp256k1.js";
import { evm } from "../../core/src/chain/evm/evm.ts";
import type { RefusalCode } from "../../core/src/errors.ts";
import { derivePrivateKey } from "../../core/src/keys/hd.ts";
import type { Job, KeyFault } from "../../vault/src/types.ts";
import { type MemoryVault, must, signJob } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { aside, attacks, besiege, fails, honestlySigned, TWO } from "./attack.ts";

const { KEYS } = world;
const ORDER = secp256k1.Point.Fn.ORDER;

/** A vault that waits for the signatures of a batch of two payments. */
function waiting() {
  const { vault, book } = besiege();
  const intents = ["a", "b"].map((reference) => world.pay(book, { reference }));
  const approvals = intents.flatMap((intent) => world.approveAll(vault.ground(), intent, TWO));
  honestlySigned(vault, () => vault.send(world.execute(intents, approvals)));
  vault.hold = true;
  vault.send(world.execute(intents, approvals));
  const [effect] = vault.held.splice(0);
  assert.ok(effect !== undefined && "sign" in effect);
  return { vault, job: effect.sign };
}

/** The code of what those who wait are told when the key store gives this. Nothing may be recorded as signed. */
async function lied(vault: MemoryVault, job: Job, code: RefusalCode, result: readonly Uint8Array[] | KeyFault): Promise<void> {
  await fails(() =>
    aside(vault, () => {
      const answers = vault.feed({ now: vault.now, signed: job.id, result });
      assert.deepEqual(
        answers.map((answer) => [answer.code, answer.body.length]),
        [[code, 0]],
      );
      assert.notEqual(vault.state.pending.size + vault.state.live.size, 0);
      assert.equal(vault.state.transactions.size, 0, "no transaction was signed");
    }),
  );
}

function scalars(signature: Uint8Array): { r: Uint8Array; s: bigint; recovery: number } {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32, 64)).toString("hex")}`);
  return { r: signature.subarray(0, 32), s, recovery: signature[64] as number };
}

attacks("signatures are exchanged, bent or missing", async () => {
  const { vault, job } = waiting();
  const [a, b] = signJob(job) as [Uint8Array, Uint8Array];
  assert.equal(must(aside(vault, () => vault.feed({ now: vault.now, signed: job.id, result: [a, b] }))[0] as never).code, "OK");
  const { r, s, recovery } = scalars(a);
  const high = Buffer.from((ORDER - s).toString(16).padStart(64, "0"), "hex");
  const stranger = signWith("m/44'/60'/9'/0/0", job);
  const lies: { readonly [how: string]: readonly Uint8Array[] } = {
    none: [],
    "one too few": [a],
    "one too many": [a, b, b],
    exchanged: [b, a],
    "the same twice": [a, a],
    zeros: [a, new Uint8Array(65)],
    "a byte too few": [a, b.subarray(0, 64)],
    "a byte too many": [a, Uint8Array.of(...b, 0)],
    "another recovery": [Uint8Array.of(...a.subarray(0, 64), 1 - recovery), b],
    "a recovery of 27": [Uint8Array.of(...a.subarray(0, 64), 27 + recovery), b],
    "the high half of s": [Uint8Array.of(...r, ...high, 1 - recovery), b],
    "another key's": [stranger, b],
  };
  for (const result of Object.values(lies)) await lied(vault, job, "SIGNATURE_WRONG", result);
});

/** The first part of a job signed with another path of the same seed. */
function signWith(path: string, job: Job): Uint8Array {
  const [part] = job.parts as [Job["parts"][number]];
  const [signature] = signJob({ ...job, parts: [{ ...part, path }] });
  assert.notDeepEqual(
    derivePrivateKey(new Uint8Array(64).fill(7), path),
    derivePrivateKey(new Uint8Array(64).fill(7), part.path),
  );
  assert.equal(evm.read(part.bytes).other, null);
  return signature as Uint8Array;
}

attacks("the key store fails", async () => {
  const { vault, job } = waiting();
  for (const next of ["ask", "stop"] as const) {
    await lied(vault, job, "KEYSTORE_FAULT", { fault: true, code: "KEY_GONE", next, culprits: [] });
  }
  await fails(() =>
    aside(vault, () => {
      const fault = { fault: true, code: "KEY_BUSY", next: "retry", culprits: [] } as const;
      assert.deepEqual(vault.feed({ now: vault.now, signed: job.id, result: fault }), [], "those who wait go on waiting");
      assert.equal(vault.held.length, 1, "it is asked again");
    }),
  );
  const after = (next: "ask" | "stop") =>
    aside(vault, () => {
      vault.feed({ now: vault.now, signed: job.id, result: { fault: true, code: "KEY_GONE", next, culprits: [] } });
      return vault.state.pending.size;
    });
  assert.deepEqual([after("ask"), after("stop")], [1, 0], "what can never be signed does not stay pending");
  const [a, b] = signJob(job) as [Uint8Array, Uint8Array];
  assert.deepEqual(vault.feed({ now: vault.now, signed: KEYS.mallory.id, result: [a, b] }), [], "a job that nobody gave");
  vault.feed({ now: vault.now, signed: job.id, result: [a, b] });
  const { seq } = vault.state;
  assert.deepEqual(vault.feed({ now: vault.now, signed: job.id, result: [b, a] }), [], "an answer that comes twice");
  assert.equal(vault.state.seq, seq);
});

attacks("the key store gives a foreign or broken public key", async () => {
  const { vault, book } = besiege();
  const intent = world.wallet(book, { wallet: "second" });
  vault.hold = true;
  vault.run(intent, [KEYS.carl]);
  const id = world.intentId(intent);
  const good = {
    publicKey: `02${"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"}`,
    chainCode: "11".repeat(32),
  };
  assert.equal(aside(vault, () => vault.feed({ now: vault.now, created: id, result: good }))[0]?.code, "OK");
  assert.deepEqual(vault.feed({ now: vault.now, created: KEYS.mallory.id, result: good }), [], "a key that nobody asked for");
  vault.held.length = 0;
  vault.run(intent, [KEYS.carl]);
  assert.equal(vault.held.length, 1, "whoever asks again has it made again");
  aside(vault, () => {
    vault.feed({ now: vault.now, created: id, result: good });
    const { seq } = vault.state;
    assert.equal(vault.run(intent, [KEYS.carl]).code, "OK", "and afterwards hears of it");
    assert.equal(vault.state.seq, seq);
  });
  const broken = [
    { ...good, publicKey: "" },
    { ...good, publicKey: `04${good.publicKey.slice(2)}` },
    { ...good, publicKey: `02${"ff".repeat(32)}` },
    { ...good, publicKey: "no hex" },
    { ...good, chainCode: "11".repeat(31) },
    { ...good, chainCode: "XX".repeat(32) },
  ];
  for (const result of [...broken, { fault: true, code: "KEY_GONE", next: "stop", culprits: [] } as const]) {
    await fails(() =>
      aside(vault, () => {
        const answers = vault.feed({ now: vault.now, created: id, result });
        assert.deepEqual(
          answers.map((answer) => answer.code),
          ["KEYSTORE_FAULT"],
        );
        assert.equal(vault.send(world.command({ command: "show", what: "wallet", name: "second" })).code, "WALLET_UNKNOWN");
      }),
    );
  }
});
