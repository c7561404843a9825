/** A long history for the figures about restarts: a journal as a busy vault leaves it. Its founding is made by the real
 *  judgement, then come pairs of "committed" and "signed", sealed and chained by the host's own writer.
 *
 *  The pairs are varied cheaply: every intent, reference, job, nonce, slot, unsigned transaction and transaction id is its own,
 *  the signatures in them are copies. A fold verifies none of them again (the journal is authenticated), so it costs what that
 *  of a real history costs. */
import { join } from "node:path";
import { fromHex, type Hash, hash } from "../../core/src/bytes.ts";
import { build } from "../../core/src/chain/evm/build.ts";
import { type Record, type RecordOf, sealRecord } from "../../core/src/journal/record.ts";
import type { Nonce } from "../../core/src/signed/fields.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { decode, encode } from "../../core/src/signed/object.ts";
import { foundedVault } from "../../test/world/vault.ts";
import { CHAIN, CONTEXT } from "../../test/world/world.ts";
import { type Batch, readJournal } from "../../vault/src/host/journal/read.ts";
import { continueJournal, type Journal } from "../../vault/src/host/journal/write.ts";
import { openKeystore } from "../../vault/src/host/keys/software.ts";
import { firstPair } from "./bare.ts";
import { makePayments } from "./loop.ts";
import { paymentOf } from "./payments.ts";
import { makeData, PASSPHRASE } from "./process.ts";
import { rulesOf } from "./rulebook.ts";

const BATCH = 512;
const SEED = new Uint8Array(64).fill(7);
/** Between two payments of the history. */
const STEP_MS = 200;

type Pattern = { readonly committed: RecordOf<"committed">; readonly signed: RecordOf<"signed"> };
type Part = RecordOf<"committed">["parts"][number];

/** The records of a founding, and one real payment to copy. */
function realStart(vaultKey: Uint8Array): { records: readonly Uint8Array[]; pattern: Pattern } {
  const { vault } = foundedVault({ vaultKey, rulebook: rulesOf(50) });
  const payment = paymentOf(vault.ground(), "pattern", 0);
  const journal: Record[] = [];
  const seen = (record: Record) => journal.push(record);
  makePayments({ state: vault.state, now: vault.now, pair: firstPair(SEED) }, [payment], { callers: 1, seen });
  const [committed, signed] = journal;
  if (committed?.kind !== "committed" || signed?.kind !== "signed") throw new Error("a payment leaves two records");
  return { records: vault.journal, pattern: { committed, signed } };
}

/** Payment number `at` as two records. */
function pairOf({ committed, signed }: Pattern, at: number): readonly Uint8Array[] {
  const [part] = committed.parts;
  const [transaction] = signed.transactions;
  const intent = decode(Intent, part?.intent ?? new Uint8Array());
  if (part === undefined || transaction === undefined || intent.kind !== "pay") throw new Error("the pattern is a payment");
  const name = hash("bench/history", fromHex(at.toString(16).padStart(16, "0")));
  const transfer = { asset: "native", to: intent.destination.address, amount: intent.amount };
  const own: Part = {
    ...part,
    intent: encode(Intent, { ...intent, reference: `history-${at}`, nonce: name.slice(0, 32) as Nonce }),
    unsigned: build({ chainId: CHAIN, nonce: at, transfer }, CONTEXT),
    slots: [`evm:${CHAIN}:${part.from.toLowerCase()}:${at}`],
    nonce: at,
  };
  const time = committed.at + at * STEP_MS;
  const job: Hash = name;
  const one = sealRecord({ ...committed, at: time, job, parts: [own] });
  const two = sealRecord({ ...signed, at: time, job, transactions: [{ ...transaction, id: `0x${name}` }] });
  return [one.bytes, two.bytes];
}

/** Makes a vault in `folder` whose journal has exactly `count` records, and gives its data folder. */
export async function makeHistory(folder: string, count: number, said: (done: number) => void): Promise<string> {
  const data = await makeData(folder);
  const keystore = await openKeystore(join(data, "keystore"), Buffer.from(PASSPHRASE));
  try {
    const place = { folder: join(data, "journal"), owner: keystore.owner };
    let made: Batch | undefined;
    for await (const batch of readJournal(place)) made = batch;
    const journal = await continueJournal(place, made as Batch);
    await fill(journal, keystore.identity.publicKey, { count, said });
    await journal.close();
  } finally {
    keystore.close();
  }
  return data;
}

async function fill(
  journal: Journal,
  vaultKey: Uint8Array,
  { count, said }: { count: number; said: (done: number) => void },
): Promise<void> {
  const { records, pattern } = realStart(vaultKey);
  let waiting = [...records];
  let made = waiting.length;
  for (let at = 0; made < count; at++) {
    const pair = pairOf(pattern, at).slice(0, count - made);
    waiting.push(...pair);
    made += pair.length;
    if (waiting.length < BATCH) continue;
    await journal.append(waiting);
    waiting = [];
    if (at % 10_000 < BATCH / 2) said(made);
  }
  if (waiting.length > 0) await journal.append(waiting);
}
