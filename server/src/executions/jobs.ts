/** From an approved payment to a settled one: reserve in the ledger, have the vault sign, hand to the chain, book what came
 *  of it.
 *
 *  Every step is a transaction of its own, fenced by its job, and may be taken again: the hold has the execution's id, the
 *  vault gives one intent its one execution whatever comes with it, and what the chain shows is told inside the block's own
 *  transaction. */
import type { Hash } from "@strongroom/core/bytes";
import type { Transfer } from "@strongroom/core/ledger/transfer";
import type { EvmContext } from "@strongroom/core/protocol/command";
import type { Receipt } from "@strongroom/core/signed/receipt";
import { findAddress } from "../addresses/store.ts";
import { trackedTransaction, trackTransaction, transactionsOf } from "../chain/store.ts";
import type { ChainTransaction, Fees, Observers } from "../chain/types.ts";
import { type Uuid, uuid } from "../db/ids.ts";
import type { Reader, Tx } from "../db/tables.ts";
import { emit } from "../events/store.ts";
import { type Content, type Explanation, explain, explainFit, keep } from "../explanations/jobs.ts";
import type { House } from "../host/context.ts";
import { limits } from "../host/limits.ts";
import { notSaid, Problem, problem } from "../http/call.ts";
import type { Workers } from "../jobs/jobs.ts";
import { enqueue, type Fence, transactHolding } from "../jobs/store.ts";
import { releasePayment, reservePayment } from "../ledger/rules.ts";
import { post } from "../ledger/store.ts";
import { intentOf, isAlive, isOver } from "../requests/rules.ts";
import { changeRequest, findRequest, lockRequest, type RequestRow } from "../requests/store.ts";
import { findWallet } from "../wallets/store.ts";
import {
  beyond,
  bookingOf,
  calldataOf,
  type Held,
  isOnChain,
  type Movement,
  movementOf,
  type OnChain,
  outbid,
  progressOf,
  settleSlot,
} from "./rules.ts";
import {
  changeExecution,
  type ExecutionRow,
  executionOf,
  executionsIn,
  findExecution,
  insertExecution,
  lockExecution,
  lockSlot,
} from "./store.ts";

/** What came of an attempt. `over`: the request was withdrawn or has ended meanwhile. `refused`: the vault's answer, with
 *  nothing left reserved. `held`: it stays reserved, because the vault has committed itself; `refusal`: why it does not sign.
 *  `short`: the position does not cover it. */
export type Attempt =
  | { readonly is: "signed" | "over" }
  | ({ readonly is: "held" } & Partial<Refused>)
  | ({ readonly is: "refused" } & Refused)
  | { readonly is: "short"; readonly detail: string };

type Refused = { readonly refusal: Receipt; readonly explained: Explanation };

type Payment = Pick<Content, "approvals" | "facts"> & { readonly request: RequestRow; readonly intent: OnChain };

/** A house in which something is done in the name of a job, or of whoever follows a chain: what it writes takes effect only
 *  as long as that is his. */
export type Acting = House & { readonly fence: Fence };

/** What the vault would say, without anything coming of it. It remembers nothing of a rehearsal, so it is told what speaks
 *  against the payment. Fails: VAULT_UNREACHABLE, CHAIN_UNREACHABLE. */
export async function rehearse(house: Acting, payment: Payment): Promise<Explanation> {
  const dearest = await explain(house, payment);
  // A limit may hold with the fees that nodes ask for, which are below all that the intent allows.
  const explained = dearest.verdict.code === "LIMIT_EXCEEDED" ? await rehearseOffered(house, payment, dearest) : dearest;
  const { facts } = payment;
  if (explained.verdict.code !== "OK" && facts.length > 0) await house.vault.ask({ command: "inform", facts });
  return explained;
}

async function rehearseOffered(house: Acting, payment: Payment, dearest: Explanation): Promise<Explanation> {
  const movement = movementOf(payment.intent, (await house.vault.view()).book);
  if (movement === null) return dearest;
  const offered = (before: EvmContext | null) => contextFor(house, movement, payment, before);
  return outbid<EvmContext, Explanation & { readonly code: string }>(offered, async (context) => {
    const explained = await explain(house, { ...payment, context });
    return { ...explained, code: explained.verdict.code };
  });
}

/** Reserves, has the vault explain and sign, and keeps what it signed. `rehearsed`: what it said before anything was reserved.
 *  Fails: VAULT_UNREACHABLE, CHAIN_UNREACHABLE; then it is tried again. LEASE_LOST when somebody else does so already. */
export async function carryToChain(house: Acting, payment: Payment, rehearsed?: Explanation): Promise<Attempt> {
  const execution = (await executionOf(house.db, payment.request.id)) ?? (await reserve(house, payment, rehearsed));
  if (execution === null) return { is: "over" };
  if (typeof execution === "string") return { is: "short", detail: execution };
  if (execution.state !== "reserved" && execution.state !== "held") return { is: "signed" };
  const answered = await askToSign(house, execution, payment);
  return answered.receipt.code === "OK" ? keepSigned(house, execution, answered) : giveUp(house, execution, answered);
}

/** Has the vault explain and sign with the fees that the nodes ask for, or with more. */
async function askToSign(house: Acting, execution: ExecutionRow, payment: Payment): Promise<Answered> {
  const { request, facts } = payment;
  let explained: Explanation | undefined;
  const moving = { ...execution, totalFee: execution.total_fee };
  const receipt = await outbid<EvmContext, Answered["receipt"]>(
    (before) => contextFor(house, moving, payment, before),
    async (context) => {
      const fit = await explainFit(house, { ...payment, context });
      explained = fit.explained;
      const { approvals } = fit;
      return house.vault.ask({ command: "execute", orders: [{ intent: request.intent, context }], approvals, facts });
    },
  );
  return { receipt, explained: explained as Explanation };
}

/** Sets the payment aside, or says why the position does not cover it; null when its request is over. */
async function reserve(
  house: Acting,
  { request, intent }: Payment,
  explained: Explanation | undefined,
): Promise<ExecutionRow | string | null> {
  const { book } = await house.vault.view();
  const movement = movementOf(intent, book);
  const wallet = await findWallet(house.db, intent.wallet);
  if (movement === null || wallet === undefined) return `wallet, chain or asset of the payment are not known here`;
  const id = uuid(house.now());
  const at = new Date(house.now());
  try {
    return await transactHolding(house.db, house.fence, async (tx) => {
      const present = await lockRequest(tx, request.id);
      const known = await executionOf(tx, request.id);
      if (known !== undefined) return known;
      if (present === undefined || !isAlive(present)) return null;
      const before = intent.replaces === undefined ? [] : await versionsOf(tx, intent.replaces);
      const more = beyond({ amount: movement.amount, fee: movement.totalFee }, await heldOf(tx, before));
      const row = { ...rowOf(movement, { id, request, at, client: wallet.client ?? request.client }), ...holdOf(more) };
      await insertExecution(tx, row);
      await changeRequest(tx, request.id, { state: "approved", execution: id });
      const { unit, client } = row;
      const why = explained === undefined ? {} : await keep(tx, explained, at);
      await emit(tx, {
        type: "execution.reserved",
        subject: `execution:${id}`,
        actor: "system",
        unit,
        client,
        data: { request: request.id, ...why },
        ...(explained !== undefined && { signed: explained.receipt }),
      });
      await post(tx, reservePayment(bookingOf(heldBy(row, wallet.client))));
      return row;
    });
  } catch (error) {
    if (error instanceof Problem && error.code === "POSITION_SHORT") return error.detail;
    throw error;
  }
}

const holdOf = ({ amount, fee }: { amount: bigint; fee: bigint }) => ({ held_amount: amount, held_fee: fee });

function rowOf(
  movement: Movement,
  { id, request, at, client }: { id: Uuid; request: RequestRow; at: Date; client: string | null },
): Omit<ExecutionRow, "held_amount" | "held_fee"> {
  const { chain, native, asset, wallet, amount, totalFee } = movement;
  const dates = { created_at: at, updated_at: at };
  const money = { native, asset, wallet, amount, total_fee: totalFee };
  return {
    id,
    request: request.id,
    unit: request.unit,
    client,
    state: "reserved",
    chain,
    ...money,
    slot: null,
    receipt: null,
    ...dates,
  };
}

/** All versions of the transaction that this intent's execution belongs to. */
async function versionsOf(tx: Tx, intent: string): Promise<readonly ExecutionRow[]> {
  const before = await executionOf(tx, intent);
  return before?.slot == null ? [] : lockSlot(tx, before.slot);
}

function heldBy(row: ExecutionRow, walletClient: string | null): Held {
  const { id, client, asset, native, created_at: createdAt, held_amount: heldAmount, held_fee: heldFee } = row;
  return { id, client, asset, native, createdAt, heldAmount, heldFee, wallet: { wallet: row.wallet, client: walletClient } };
}

/** The holds of these executions that the ledger still has. */
async function heldOf(db: Reader, rows: readonly ExecutionRow[]): Promise<readonly Held[]> {
  const open = rows.filter(({ state }) => state !== "aborted" && state !== "settled");
  const wallets = new Map<string, string | null>();
  for (const { wallet } of open) wallets.set(wallet, (await findWallet(db, wallet))?.client ?? null);
  return open.map((row) => heldBy(row, wallets.get(row.wallet) ?? null));
}

/** Fees that the nodes ask for, within what was approved, above those of what is replaced and of what was asked `before`. */
async function contextFor(
  house: Acting,
  { chain, asset, amount, totalFee }: Pick<Movement, "chain" | "asset" | "amount" | "totalFee">,
  { request, intent }: Payment,
  before: Fees | null,
): Promise<EvmContext> {
  const { book } = await house.vault.view();
  const paying = await findAddress(house.db, intent.wallet, request.index);
  const from = paying?.address ?? problem("NOT_FOUND", "index", `wallet ${intent.wallet} has no address ${request.index}`);
  const to = intent.kind === "cancel" ? from : intent.destination.address;
  const contract = book.assets.get(asset)?.contract;
  const offers = intent.replaces === undefined ? [] : [await offersOf(house, intent.replaces)];
  const over = dearestOf([...offers, ...(before === null ? [] : [before])]);
  const call = {
    from,
    to,
    amount,
    totalFee,
    ...(contract !== undefined && { contract }),
    ...calldataOf(intent),
  };
  const context = await house.chains.contextFor(chain, { ...call, ...(over !== undefined && { over }) });
  return { ...context, index: request.index };
}

/** The highest fees that any version of a transaction has offered, whichever intent it is of. */
async function offersOf(house: Acting, intent: string) {
  const before = await executionOf(house.db, intent);
  const all = before?.slot == null ? [] : await executionsIn(house.db, before.slot);
  const versions: ChainTransaction[] = [];
  for (const { id } of all) {
    await adopt(house, id);
    versions.push(...(await transactionsOf(house.db, id)));
  }
  return dearestOf(versions) ?? { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n };
}

/** The highest of each fee, or undefined where nothing was offered. */
function dearestOf(offers: readonly Fees[]): Fees | undefined {
  if (offers.length === 0) return undefined;
  const most = (of: (one: Fees) => bigint) => offers.map(of).reduce((a, b) => (a > b ? a : b));
  return { maxFeePerGas: most((one) => one.maxFeePerGas), maxPriorityFeePerGas: most((one) => one.maxPriorityFeePerGas) };
}

/** What the vault answered, and what it had said before. */
type Answered = { readonly receipt: Receipt & { readonly bytes: Uint8Array }; readonly explained: Explanation };

/** Keeps the signed transaction before anybody sends it. */
async function keepSigned(house: Acting, { id, request, chain }: ExecutionRow, answered: Answered): Promise<Attempt> {
  const { receipt, explained } = answered;
  const progress = progressOf(receipt.body, request);
  const transaction = progress?.transaction ?? null;
  const now = new Date(house.now());
  if (transaction === null) {
    await transactHolding(house.db, house.fence, async (tx) => {
      if ((await lockExecution(tx, id)).state === "reserved") await changeExecution(tx, id, { state: "held" }, now);
    });
    return { is: "held" };
  }
  // Somebody else may have had dearer ones signed meanwhile, and an older one may be in a block already.
  const older = await Promise.all((progress?.earlier ?? []).map((version) => house.chains.online(chain).raw(version)));
  const kept = await transactHolding(house.db, house.fence, async (tx) => {
    await lockRequest(tx, request);
    const row = await lockExecution(tx, id);
    if (row.state !== "reserved" && row.state !== "held") return row.state !== "aborted";
    const { unit, client, asset } = row;
    const slot = transaction.slots.join(" ");
    for (const raw of [...older.filter((one) => one !== null), transaction.raw])
      await trackTransaction(tx, { raw, execution: id, unit, asset, now });
    await changeExecution(tx, id, { state: "signed", slot, receipt: receipt.bytes }, now);
    const answer = { answer_code: "OK", answer_field: "", answer_detail: "", answer_at: now };
    await changeRequest(tx, request, { state: "consumed", ...answer });
    const why = await keep(tx, explained, now);
    const data = { request, transaction: transaction.id, slot, ...why };
    await emit(tx, {
      type: "execution.signed",
      subject: `execution:${id}`,
      actor: "vault",
      unit,
      client,
      data,
      signed: receipt.bytes,
    });
    return true;
  });
  house.wake();
  house.chains.hurry(chain);
  // Another worker was refused before, and gave it up only now: it is to be set aside once more.
  return { is: kept ? "signed" : "held" };
}

/** After a refusal nothing stays reserved, unless the vault has committed itself to the intent all the same. */
async function giveUp(house: Acting, execution: ExecutionRow, answered: Answered): Promise<Attempt> {
  const { receipt: refusal, explained } = answered;
  const { request } = execution;
  const shown = await house.vault.ask({ command: "show", what: "execution", name: request });
  const isWithheld = shown.code === "OK" && progressOf(shown.body, request)?.state === "withheld";
  // What was withheld is never given out for an intent that is over.
  if (isWithheld && isOver(refusal.code, refusal.field)) return abort(house, execution, answered);
  if (shown.code === "OK") {
    const kept = await keepSigned(house, execution, { receipt: shown, explained });
    return kept.is === "held" ? { ...kept, refusal, explained } : kept;
  }
  // A vault that is overloaded or has stopped does not say so.
  return shown.code === "INTENT_UNKNOWN" ? abort(house, execution, answered) : { is: "held" };
}

/** Ends an execution of which nothing will ever be signed, and releases what it holds. */
async function abort(house: Acting, { id, request }: ExecutionRow, answered: Answered): Promise<Attempt> {
  const { receipt: refusal, explained } = answered;
  const now = new Date(house.now());
  await transactHolding(house.db, house.fence, async (tx) => {
    await lockRequest(tx, request);
    const row = await lockExecution(tx, id);
    // What has a slot was signed, whatever a vault says that was rolled back.
    if ((row.state !== "reserved" && row.state !== "held") || row.slot !== null) return;
    await changeExecution(tx, id, { state: "aborted" }, now);
    await changeRequest(tx, request, { execution: null });
    const { unit, client } = row;
    const data = { request, code: refusal.code, field: refusal.field };
    await emit(tx, { type: "execution.aborted", subject: `execution:${id}`, actor: "vault", unit, client, data });
    const [held] = await heldOf(tx, [row]);
    if (held !== undefined) await post(tx, releasePayment(bookingOf(held)));
  });
  return { is: "refused", refusal, explained };
}

type OurObservers = Pick<
  Observers,
  "slotTaken" | "transactionIncluded" | "transactionFinal" | "transactionReorged" | "transactionReplaced" | "transactionStuck"
>;
/** Books transfers at the end of the block's transaction. */
type Book = (tx: Tx, transfers: readonly Transfer[]) => void;

/** What the chain shows of our transactions, inside the transaction of the block. */
export function observeExecutions(house: Omit<Keeping, "fence">, book: Book): OurObservers {
  const at = () => new Date(house.now());
  return {
    async slotTaken({ chain, id, by, lease }) {
      if ((await trackedTransaction(house.db, { chain, id: by })) !== null) return false;
      const ours = await trackedTransaction(house.db, { chain, id });
      return ours !== null && (await adopt({ ...house, fence: lease }, ours.execution, by));
    },
    transactionIncluded: (tx, it) => tell(tx, it, { what: "included", state: "broadcasting", at: at() }),
    transactionReorged: (tx, it) => tell(tx, it, { what: "reorged", state: "broadcasting", at: at() }),
    async transactionFinal(tx, it) {
      if (it.state !== "replaced") book(tx, await settle(tx, it, at()));
      else if (!(await isOurs(tx, it))) book(tx, await giveAway(tx, it, at()));
    },
    async transactionReplaced(tx, it) {
      // A version of ours that was mined instead ends all of them when it is final; only a stranger's leaves this one open.
      if (!(await isOurs(tx, it))) await tell(tx, it, { what: "threatened", state: "held", at: at() });
    },
    async transactionStuck(tx, it) {
      await enqueue(tx, { kind: "reprice", subject: it.execution });
    },
  };
}

/** Whether what took the place of a transaction is a transaction of ours. */
async function isOurs(tx: Tx, { chain, replacedBy }: ChainTransaction): Promise<boolean> {
  return replacedBy !== null && (await trackedTransaction(tx, { chain, id: replacedBy })) !== null;
}

type Told = { readonly what: string; readonly state: ExecutionRow["state"]; readonly at: Date };

async function tell(tx: Tx, it: ChainTransaction, { what, state, at }: Told): Promise<void> {
  const row = await lockExecution(tx, it.execution);
  if (row.state === "settled" || row.state === "aborted") return;
  await changeExecution(tx, row.id, { state }, at);
  const { unit, client, request } = row;
  const subject = `execution:${row.id}`;
  const cost = { succeeded: it.succeeded, fee: it.fee?.toString() ?? null, moved: it.moved?.toString() ?? null };
  const data = { request, transaction: it.id, block: it.block, block_hash: it.blockHash, ...cost };
  await emit(tx, { type: `execution.${what}`, subject, actor: "chain", unit, client, data });
}

/** One version of a transaction is final: it is paid, and every other version's hold is released. Gives what that books. */
async function settle(tx: Tx, it: ChainTransaction, at: Date): Promise<readonly Transfer[]> {
  const versions = await lockSlot(tx, (await lockExecution(tx, it.execution)).slot ?? "");
  const winner = versions.find(({ id }) => id === it.execution);
  if (winner === undefined || winner.state === "settled") return [];
  const [paying, ...others] = await heldOf(tx, [winner, ...versions.filter(({ id }) => id !== winner.id)]);
  const [moved, fee] = [it.moved ?? 0n, it.fee ?? 0n];
  for (const row of versions) {
    if (row.state === "settled" || row.state === "aborted") continue;
    const state = row.id === winner.id ? "settled" : "aborted";
    await changeExecution(tx, row.id, { state }, at);
    const { unit, client, request } = row;
    const subject = `execution:${row.id}`;
    const data = { request, transaction: it.id, succeeded: it.succeeded, fee: fee.toString(), moved: moved.toString() };
    await emit(tx, { type: `execution.${state}`, subject, actor: "chain", unit, client, data });
  }
  return paying === undefined ? [] : settleSlot(paying, { others, moved, fee });
}

/** A stranger's transaction has the place of ours for good: nothing of ours can be mined there any more, so nothing stays
 *  held. Who signed it with our key is for people to find out. A version that came when another one of ours was in a block
 *  already is not a stranger's doing: that other one ends it. */
async function giveAway(tx: Tx, it: ChainTransaction, at: Date): Promise<readonly Transfer[]> {
  const versions = await lockSlot(tx, (await lockExecution(tx, it.execution)).slot ?? "");
  const held = await heldOf(tx, versions);
  for (const { id } of held) if ((await transactionsOf(tx, id)).some(isMined)) return [];
  for (const { id } of held) {
    const { unit, client, request } = await changeExecution(tx, id, { state: "aborted" }, at);
    const data = { request, transaction: it.id, by: it.replacedBy };
    await emit(tx, { type: "execution.displaced", subject: `execution:${id}`, actor: "chain", unit, client, data });
  }
  return held.flatMap((one) => releasePayment(bookingOf(one)));
}

const isMined = ({ state }: ChainTransaction): boolean => state === "included" || state === "final" || state === "failed";

/** Nothing more can be done without people: they may approve a replacement or a cancellation. */
async function tellStuck(
  house: Acting,
  { id, request, unit, client }: ExecutionRow,
  { code, field, detail }: Receipt,
): Promise<"done"> {
  const data = { request, code, field, detail };
  const told = { type: "execution.stuck", subject: `execution:${id}`, actor: "vault", unit, client, data };
  await transactHolding(house.db, house.fence, (tx) => emit(tx, told));
  return "done";
}

export const executionWorkers: Workers = {
  /** Raises the fees of a transaction that is stuck, within what its intent allows. */
  async reprice(plain, { subject, fence }) {
    const house = { ...plain, fence };
    const execution = await findExecution(house.db, subject);
    if (execution === undefined || (execution.state !== "signed" && execution.state !== "broadcasting")) return "done";
    const over = await offersOf(house, execution.request);
    const versions = await transactionsOf(house.db, execution.id);
    const newest = versions.at(-1);
    if (newest === undefined || versions.some(isMined)) return "done";
    const { from, to, amount, contract } = newest;
    const request = await findRequest(house.db, execution.request);
    const intent = request === undefined ? null : intentOf(request);
    const data = intent !== null && isOnChain(intent) ? calldataOf(intent) : {};
    const call = { from, to, amount, totalFee: execution.total_fee, over, ...(contract !== null && { contract }), ...data };
    const index = request?.index ?? 0;
    const context = { ...(await house.chains.contextFor(execution.chain, call)), index };
    const receipt = await house.vault.ask({ command: "reprice", intent: execution.request as Hash, context });
    if (["FROZEN", "OVERLOADED", "START_UNCONFIRMED", "SUCCESSION_WAITS"].includes(receipt.code))
      return { again: new Date(house.now() + limits.repriceAgainMs) };
    if (receipt.code !== "OK") return tellStuck(house, execution, receipt);
    const transaction = progressOf(receipt.body, execution.request)?.transaction;
    if (transaction == null) return "done";
    await keepVersion(house, execution, { raw: transaction.raw, receipt: receipt.bytes });
    house.wake();
    house.chains.hurry(execution.chain);
    return "done";
  },
};

type Keeping = Pick<Acting, "now" | "db" | "vault" | "chains" | "fence">;

/** Keeps the newest version that the vault has signed, whoever asked for it: an answer may have been lost, and the server is
 *  not alone at the vault's socket. Gives whether `wanted` is that one, or an older one, which then is kept too.
 *  Fails: VAULT_UNREACHABLE, also when the vault does not say what it has signed; CHAIN_UNREACHABLE. */
async function adopt(house: Keeping, id: string, wanted: string | null = null): Promise<boolean> {
  const execution = await findExecution(house.db, id);
  if (execution === undefined || execution.receipt === null) return false;
  const { code, body, bytes } = await house.vault.ask({ command: "show", what: "execution", name: execution.request });
  if (code !== "OK") notSaid("vault", `it does not show what it has signed: ${code}`);
  const { transaction = null, earlier = [] } = progressOf(body, execution.request) ?? {};
  if (transaction !== null) await keepVersion(house, execution, { raw: transaction.raw, receipt: bytes });
  if (wanted === null || !earlier.includes(wanted)) return wanted !== null && transaction?.id === wanted;
  const raw = await house.chains.online(execution.chain).raw(wanted);
  if (raw === null) problem("CHAIN_UNREACHABLE", "chain", `No node gives the bytes of ${wanted}, which the vault has signed.`);
  await keepVersion(house, execution, { raw, receipt: bytes });
  return true;
}

/** Tracks a version, once. */
async function keepVersion(
  { db, now, fence }: Pick<Acting, "now" | "db" | "fence">,
  { id, request, unit, client, asset }: ExecutionRow,
  { raw, receipt }: { readonly raw: Uint8Array; readonly receipt: Uint8Array },
): Promise<void> {
  const at = new Date(now());
  await transactHolding(db, fence, async (tx) => {
    await lockExecution(tx, id);
    const before = await transactionsOf(tx, id);
    const kept = await trackTransaction(tx, { raw, execution: id, unit, asset, now: at });
    if (before.some((one) => one.id === kept.id)) return;
    await changeExecution(tx, id, { receipt }, at);
    const data = { request, transaction: kept.id };
    const told = { subject: `execution:${id}`, actor: "vault", unit, client, data, signed: receipt };
    await emit(tx, { type: "execution.repriced", ...told });
  });
}
