import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import type { Hash } from "@strongroom/core/bytes";
import { evm } from "@strongroom/core/chain/evm/evm";
import { ExecutionBody } from "@strongroom/core/protocol/command";
import type { Nonce } from "@strongroom/core/signed/fields";
import { Intent } from "@strongroom/core/signed/intent";
import { encode } from "@strongroom/core/signed/object";
import type { Receipt } from "@strongroom/core/signed/receipt";
import { type Node, openNode } from "../chain/evm.ts";
import { createRequest } from "../device/requests.ts";
import { contextOf, feesOf, offersOf, outbid } from "./fees.ts";
import type { Session } from "./session.ts";
import { versionsHere } from "./versions.ts";

const CHAIN = 31_337;
const PAYEE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const ID = "44".repeat(32) as Hash;
const key = new Uint8Array(32).fill(7);
const from = evm.address(secp256k1.getPublicKey(key, true));

/** A signed transaction with these fees. */
function signed(maxFeePerGas: bigint, maxPriorityFeePerGas: bigint) {
  const order = { chainId: CHAIN, nonce: 0, transfer: { asset: "native", to: PAYEE, amount: 5n } };
  const unsigned = evm.build(order, { gasLimit: 21_000, maxFeePerGas, maxPriorityFeePerGas });
  const recovered = secp256k1.sign(evm.digest(unsigned), key, { prehash: false, format: "recovered" });
  return evm.assemble(unsigned, Uint8Array.of(...recovered.subarray(1), recovered[0] ?? 0));
}

/** A session with a vault that has this execution, on a device without requests. */
function knowing(code: string, state = "signed", transactions: ExecutionBody["transactions"] = []): Session {
  const body = code === "OK" ? encode(ExecutionBody, { job: ID, state, transactions }) : new Uint8Array();
  return { home: "nowhere", ask: async () => ({ code, body }) as Receipt } as unknown as Session;
}

/** A node where `mined` is the receipt of everything. */
async function beside<T>(mined: object | null, work: (node: Node) => Promise<T>): Promise<T> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { method } = JSON.parse(body) as { method: string };
    response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result: method === "eth_chainId" ? "0x7a69" : mined }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await work(await openNode(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, CHAIN));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("fees stay within what was approved", () => {
  const least = { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n };
  const fees = { maxFeePerGas: 100n, maxPriorityFeePerGas: 40n };
  const quote = { fees, gasLimit: 21_000, most: 2_100_000n, from, least, base: 25n };
  assert.equal(contextOf(quote, 21_000n * 200n, 0).maxFeePerGas, 100n);
  const scarce = contextOf(quote, 21_000n * 30n + 5n, 3);
  assert.deepEqual(scarce, { index: 3, gasLimit: 21_000, maxFeePerGas: 30n, maxPriorityFeePerGas: 30n });
  assert.throws(() => contextOf(quote, 21_000n * 24n, 0), { code: "FEES_RISEN" });
  const bound = { ...quote, least: { maxFeePerGas: 31n, maxPriorityFeePerGas: 0n } };
  assert.throws(() => contextOf(bound, 21_000n * 30n + 5n, 3), { code: "FEE_TOO_LOW" });
});

test("what outbids is an eighth more of each rate, rounded up", () => {
  for (const [before, after] of [
    [0n, 0n],
    [1n, 2n],
    [8n, 9n],
    [9n, 11n],
    [2_000_000_007n, 2_250_000_008n],
  ] as const) {
    const { maxFeePerGas, maxPriorityFeePerGas } = outbid({ maxFeePerGas: before, maxPriorityFeePerGas: before });
    assert.deepEqual([maxFeePerGas, maxPriorityFeePerGas], [after, after]);
    assert.ok(maxFeePerGas * 8n >= before * 9n);
  }
});

test("fees are read back from the signed bytes", () => {
  assert.deepEqual(feesOf(signed(100n, 3n).raw), { maxFeePerGas: 100n, maxPriorityFeePerGas: 3n });
  for (const raw of [new Uint8Array(), Uint8Array.of(2), Uint8Array.of(2, 0xc0), Uint8Array.of(2, 0xc2, 1, 2)]) {
    assert.throws(() => feesOf(raw), { code: "EXECUTION_WRONG" });
  }
});

test("an offer is what the vault's own version offers", async () => {
  const { raw, id } = signed(100n, 3n);
  const session = knowing("OK", "signed", [{ intent: ID, id, raw, from, slots: ["a"] }]);
  const offers = await beside(null, (node) => offersOf(session, versionsHere(session, node), ID));
  assert.deepEqual(offers, { maxFeePerGas: 100n, maxPriorityFeePerGas: 3n });
  const mined = { blockNumber: "0x1", status: "0x1", gasUsed: "0x5208" };
  await beside(mined, (node) =>
    assert.rejects(offersOf(session, versionsHere(session, node), ID), { code: "NOT_REPLACEABLE" }),
  );
});

test("what was never signed, is being signed or is final cannot be replaced", async () => {
  const refused = (session: Session, code: string) =>
    beside(null, (node) =>
      assert.rejects(offersOf(session, versionsHere(session, node), ID), (error: { code?: string; receipt?: Receipt }) => {
        assert.equal(error.code ?? error.receipt?.code, code);
        return true;
      }),
    );
  await refused(knowing("INTENT_UNKNOWN"), "NOT_REPLACEABLE");
  for (const state of ["committed", "settled", "replaced"]) await refused(knowing("OK", state), "NOT_REPLACEABLE");
  await refused(knowing("ROLLED_BACK"), "ROLLED_BACK");
});

test("a transaction whose signature is withheld can have offered its whole fee for the least gas", async () => {
  const home = await mkdtemp(join(tmpdir(), "strongroom-fees-"));
  const hash = "11".repeat(32) as Hash;
  const cancel = { kind: "cancel", chain: CHAIN, wallet: "treasury", totalFee: 42_000n, replaces: ID } as const;
  const common = { version: 1, deployment: hash, initiator: hash, purpose: "", reference: "r", notAfter: 9 };
  const { id } = await createRequest(home, encode(Intent, { ...common, nonce: "00".repeat(16) as Nonce, ...cancel }));
  try {
    const session = { ...knowing("OK", "withheld"), home };
    const offers = await beside(null, (node) => offersOf(session, versionsHere(session, node), id));
    assert.deepEqual(offers, { maxFeePerGas: 2n, maxPriorityFeePerGas: 2n });
    const unknown = await beside(null, (node) => offersOf(session, versionsHere(session, node), ID));
    assert.deepEqual(unknown, { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n });
  } finally {
    await rm(home, { recursive: true });
  }
});
