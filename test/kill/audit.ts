/** Reads a stopped vault's journal, verifies it, and holds it against what a client was told. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { equal, fromHex, type Hash, toHex } from "../../core/src/bytes.ts";
import { chainOf } from "../../core/src/chain/table.ts";
import { type Record as Journaled, openRecord, type Part } from "../../core/src/journal/record.ts";
import { advance, CHAIN_START } from "../../core/src/journal/segment.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { idOf } from "../../core/src/signed/object.ts";
import { readJournal } from "../../vault/src/host/journal/read.ts";
import { openKeystore } from "../../vault/src/host/keys/software.ts";
import { PASSPHRASE } from "./process.ts";
import type { Memory } from "./scenario.ts";

/** One transaction of the journal. */
export type Booked = { readonly intent: Hash; readonly from: string; readonly nonce: number; readonly raw: Uint8Array | null };

/** The records of a journal with the chain hash after each. Fails: the JOURNAL_ codes. */
async function read(data: string): Promise<{ records: Journaled[]; chain: string[] }> {
  const keystore = await openKeystore(join(data, "keystore"), Buffer.from(PASSPHRASE));
  const records: Journaled[] = [];
  const chain: string[] = [];
  let head: string = CHAIN_START;
  try {
    for await (const batch of readJournal({ folder: join(data, "journal"), owner: keystore.owner })) {
      for (const bytes of batch.records) {
        head = toHex(advance(fromHex(head), bytes));
        records.push(openRecord(new Uint8Array(bytes)).value);
        chain.push(head);
      }
    }
  } finally {
    keystore.close();
  }
  return { records, chain };
}

/** All transactions of a journal in the order of their commitments. Every one is committed once, signed at most once, has the
 *  next nonce of its address, and is what the client was given; every head that the client was told is there. */
export async function audit(data: string, memory: Memory): Promise<readonly Booked[]> {
  const { records, chain } = await read(data);
  for (const { seq, hash } of memory.heads) assert.equal(chain[seq - 1], hash, `the vault has lost position ${seq}`);
  const parts = new Map<Hash, readonly Part[]>();
  const booked = new Map<Hash, Booked>();
  for (const record of records) {
    if (record.kind === "committed") {
      assert.ok(!parts.has(record.job), "a job is committed twice");
      parts.set(record.job, record.parts);
      for (const { intent, from, nonce } of record.parts) {
        const id = idOf(Intent, intent);
        assert.ok(!booked.has(id), "an intent is committed twice");
        booked.set(id, { intent: id, from, nonce, raw: null });
      }
    }
    if (record.kind === "signed") {
      for (const [at, { raw }] of record.transactions.entries()) {
        const part: Part | undefined = parts.get(record.job)?.[at];
        assert.ok(part, "a job is signed that was not committed");
        assert.equal(chainOf(part.family).read(part.unsigned).nonce, part.nonce);
        const id = idOf(Intent, part.intent);
        assert.equal(booked.get(id)?.raw, null, "a transaction is signed twice");
        booked.set(id, { intent: id, from: part.from, nonce: part.nonce, raw });
      }
    }
  }
  const all = [...booked.values()];
  assert.deepEqual(
    all.map(({ nonce }) => nonce),
    all.map((_, at) => at),
    "nonces have gaps or come twice",
  );
  for (const [intent, { raw }] of memory.given) {
    const known = booked.get(intent)?.raw;
    assert.ok(known && equal(known, raw), "a transaction was given out that the journal does not have");
  }
  return all;
}
