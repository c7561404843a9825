/** What a row must be: its columns say what its signed bytes say, and what no signature covers is what the newest event
 *  about it told.
 *  Each judge gives the first thing that differs, or null. Pure. */
import { attempt } from "@strongroom/core/errors";
import type { Book } from "@strongroom/core/rulebook/book";
import { Approval } from "@strongroom/core/signed/approval";
import type { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { addressRecord, attestationOf } from "../addresses/rules.ts";
import type { AddressRow } from "../addresses/store.ts";
import { addressKey, readSigned } from "../chain/evm/signed.ts";
import type { DepositRow, TransactionRow, Watched } from "../chain/store.ts";
import { clientRecord } from "../clients/rules.ts";
import type { ClientRow } from "../clients/store.ts";
import { entryOf, entryRecord } from "../entries/rules.ts";
import type { EntryRow } from "../entries/store.ts";
import type { EventData } from "../events/store.ts";
import { isOnChain, isReceiptWhole, progressOf } from "../executions/rules.ts";
import type { ExecutionRow, ExecutionState } from "../executions/store.ts";
import { explanationOf } from "../explanations/rules.ts";
import type { ExplanationRow } from "../explanations/store.ts";
import { factRecord, isFactWhole, readFact } from "../facts/rules.ts";
import type { FactRow } from "../facts/store.ts";
import type { OutflowRow } from "../outflows/store.ts";
import { approvalOf, decisionRecord, intentOf, requestRecord } from "../requests/rules.ts";
import type { DecisionRow, RequestRow } from "../requests/store.ts";
import { isRulebookWhole, rulebookDecisionRecord, rulebookRecord } from "../rulebooks/rules.ts";
import type { RulebookDecisionRow, RulebookRow } from "../rulebooks/store.ts";
import { unitRecord } from "../units/rules.ts";
import type { UnitRow } from "../units/store.ts";
import { tokenRecord, userRecord } from "../users/rules.ts";
import type { TokenRow, UserRow } from "../users/store.ts";
import type { View } from "../vault/link.ts";
import { openByPerson, openSigned } from "../vault/signed.ts";
import { confirmationRecord } from "../vault/starts/rules.ts";
import type { ConfirmationRow } from "../vault/starts/store.ts";
import { walletOf, walletRecord } from "../wallets/rules.ts";
import type { WalletRow } from "../wallets/store.ts";

export type Known = Pick<View, "line" | "deployment" | "book">;
/** The newest event about a row. `data`: null once it was erased. */
export type Told = {
  readonly type: string;
  readonly subject: string;
  readonly unit: string | null;
  readonly client: string | null;
  readonly data: EventData | null;
};

/** What is wrong with a row. `missing`: it was told of and is not there; `untold`: it is there and nobody told of it;
 *  `twice`: there are
 *  two of it. */
export type Finding = {
  readonly noun: string;
  readonly id: string;
  readonly flaw: "missing" | "untold" | "twice" | "edited";
  /** For `edited`: the columns that differ, or the bytes that do not hold. */
  readonly what: string;
};

export const textOf = ({ noun, id, flaw, what }: Finding): string =>
  `${noun} ${id} is ${flaw}${what === "" ? "" : `: ${what}`}`;

/** The names under which two accounts of a row differ; null when none does. Only what both state is compared. */
function differing(told: unknown, row: EventData): string | null {
  if (told === undefined || told === null) return null;
  const said = told as EventData;
  const names = Object.keys(row).filter((name) => name in said && said[name] !== row[name]);
  return names.length === 0 ? null : names.join(", ");
}

const asTold = ({ data }: Told, row: EventData) => differing(data?.record, row);
const asDecided = ({ data }: Told, row: EventData) => differing(data?.decision, row);
/** The columns of an event that say who may see its subject. */
const asSeen = ({ unit, client }: Told, row: { unit: string; client: string | null }) =>
  differing({ unit, client }, { unit: row.unit, client: row.client });

export const judgeUnit = (row: UnitRow, told: Told) => asTold(told, unitRecord(row));
export const judgeClient = (row: ClientRow, told: Told) => asTold(told, clientRecord(row));
export const judgeUser = (row: UserRow, told: Told) => asTold(told, userRecord(row));
export const judgeToken = (row: TokenRow, told: Told) => asTold(told, tokenRecord(row));

export function judgeWallet(row: WalletRow, told: Told, { line }: Known): string | null {
  return walletOf(row, line) === null ? "receipt" : asTold(told, walletRecord(row));
}

export function judgeAddress(row: AddressRow, told: Told, known: Known): string | null {
  return attestationOf(row, known) === null ? "attestation" : asTold(told, addressRecord(row));
}

/** What is watched for an address, with the address and its wallet. */
export type WatchRow = Watched & {
  readonly attested: string | null;
  readonly attested_chain: number | null;
  readonly owner: string | null;
  readonly home: string | null;
};

export function judgeWatch(row: WatchRow): string | null {
  if (row.attested === null) return "address";
  const { chain, key, address, client, unit } = row;
  const own = { chain, key, address, client, unit };
  const due = { chain: row.attested_chain, key: addressKey(row.attested), address: row.attested, client: row.owner };
  return differing({ ...due, unit: row.home }, own);
}

export function judgeEntry(row: EntryRow, told: Told, known: Known): string | null {
  return entryOf(row, known) === null ? "entry" : asTold(told, entryRecord(row));
}

/** A source that is still named must have signed its fact; one that was removed cannot be asked any more. */
export function judgeFact(row: FactRow, told: Told, { book }: Known): string | null {
  if (!isFactWhole(row)) return "fact";
  const edited = asTold(told, factRecord(row));
  if (edited !== null) return edited;
  return told.data === null && book.sources.has(row.source) && !readFact(row.fact, book).ok ? "signature" : null;
}

export function judgeRulebook(row: RulebookRow, told: Told): string | null {
  return isRulebookWhole(row) ? asTold(told, rulebookRecord(row)) : "rulebook";
}

export function judgeRulebookDecision(row: RulebookDecisionRow, told: Told, { book }: Known): string | null {
  const opened = attempt(() => {
    const { body } = decode(Signed, row.approval);
    return { id: idOf(Approval, body), ...decode(Approval, body) };
  });
  if (!opened.ok) return "approval";
  const { id, subject, key, decision } = opened.value;
  const columns = { id: row.id, rulebook: row.rulebook, key: row.key, decision: row.decision };
  const wrong = differing({ id, rulebook: subject, key, decision }, columns);
  if (wrong !== null) return wrong;
  if (book.holders.has(key) && openByPerson(Approval, row.approval, book) === null) return "signature";
  return asDecided(told, rulebookDecisionRecord(row));
}

export function judgeConfirmation(row: ConfirmationRow, told: Told, { book }: Known): string | null {
  const read = approvalOf({ ...row, request: row.start, decision: "confirm" }, book);
  return read === null ? "approval" : asDecided(told, confirmationRecord(row));
}

/** A request with what is there of its executions. `carried`: whether the one that it names has the vault's receipt; null
 *  when it is none
 *  of this request's. `begun`: there is or was any. `alive`: the one that was not aborted. */
export type AskedRow = RequestRow & {
  readonly carried: boolean | null;
  readonly begun: boolean;
  readonly alive: string | null;
};

/** Its execution moves a request on without an event of its own: reserved, it is approved; signed, it is consumed and
 *  answered. */
export function judgeRequest(row: AskedRow, told: Told): string | null {
  if (intentOf(row) === null) return "intent";
  const isNamed = row.execution === null ? row.alive === null : row.carried !== null;
  if (!isNamed || (row.alive !== null && row.alive !== row.execution)) return "execution";
  const { state, answer_code, answer_field, ...record } = requestRecord(row);
  const said = told.data?.record as EventData | undefined;
  const states =
    row.carried === true ? ["consumed"] : said?.state === "open" && row.begun ? ["open", "approved"] : [said?.state];
  if (said !== undefined && !states.includes(state)) return "state";
  const isAnswered = row.carried === true && answer_code === "OK" && answer_field === "";
  return asTold(told, isAnswered ? record : { ...record, answer_code, answer_field });
}

export function judgeDecision(row: DecisionRow & { readonly asked: boolean }, told: Told, { book }: Known): string | null {
  if (!row.asked) return "request";
  return approvalOf(row, book) === null ? "approval" : asDecided(told, decisionRecord(row));
}

/** An explanation is the vault's, and what it was told of is its request. */
export function judgeExplanation(row: ExplanationRow, { subject, data }: Told, known: Known): string | null {
  if (explanationOf(row, known) === null) return "receipt";
  const about = (data?.request as string | undefined) ?? subject.split(":")[1];
  return about === row.request ? null : "request";
}

/** An execution with its request and its wallet. */
export type PlannedRow = ExecutionRow & {
  readonly intent: Uint8Array | null;
  readonly reference: string | null;
  readonly kind: string | null;
  readonly not_after: Date | null;
};

const AFTER: { readonly [type: string]: readonly ExecutionState[] } = {
  "execution.reserved": ["reserved", "held"],
  "execution.signed": ["signed"],
  "execution.repriced": ["signed", "broadcasting"],
  "execution.rebroadcast": ["signed", "broadcasting"],
  "execution.included": ["broadcasting"],
  "execution.reorged": ["broadcasting"],
  "execution.threatened": ["held"],
  "execution.displaced": ["aborted"],
  "execution.settled": ["settled"],
  "execution.aborted": ["aborted"],
};
/** Events about executions, of which each says in what state it leaves its subject. */
export const EXECUTION_EVENTS = Object.keys(AFTER);

export function judgeExecution(row: PlannedRow, told: Told, known: Known): string | null {
  const intent = row.intent === null ? null : attempt(() => intentOf(askedBy(row)));
  if (intent === null || !intent.ok || intent.value === null) return "request";
  const planned = differing(plan(intent.value, row, known.book), { ...plannedBy(row) });
  if (planned !== null) return planned;
  if (!isReceiptWhole(row, known)) return "receipt";
  const said = (told.data?.request as string | undefined) ?? row.request;
  if (said !== row.request) return "request";
  if (!(AFTER[told.type] ?? []).includes(row.state)) return "state";
  return slotOf(row, known) === row.slot ? asSeen(told, row) : "slot";
}

const askedBy = (row: PlannedRow) => ({
  id: row.request,
  kind: row.kind ?? "",
  reference: row.reference ?? "",
  intent: row.intent ?? new Uint8Array(),
  not_after: row.not_after ?? new Date(0),
});

const plannedBy = ({ chain, wallet, asset, native, amount, total_fee, held_amount, held_fee }: PlannedRow) => ({
  ...{ chain, wallet, asset, native, amount: amount.toString(), total_fee: total_fee.toString() },
  ...{ held_amount: held_amount.toString(), held_fee: held_fee.toString() },
});

/** What an intent makes of an execution. A replacement holds only what those before it do not. */
function plan(intent: Intent, row: PlannedRow, book: Book): EventData {
  if (!isOnChain(intent)) return { chain: null };
  const native = book.chains.get(intent.chain)?.native ?? row.native;
  const asset = intent.kind === "pay" ? intent.asset : native;
  const amount = intent.kind === "cancel" ? 0n : intent.amount;
  const [most, mostFee] = [amount.toString(), intent.totalFee.toString()];
  const isFirst = intent.replaces === undefined;
  const isWithin = row.held_amount <= amount && row.held_fee <= intent.totalFee;
  const held = isFirst || !isWithin ? { held_amount: most, held_fee: mostFee } : {};
  return { chain: intent.chain, wallet: intent.wallet, native, asset, amount: most, total_fee: mostFee, ...held };
}

/** The slots of its transaction by the vault's receipt. */
function slotOf(row: ExecutionRow, { line }: Known): string | null {
  if (row.receipt === null) return null;
  const receipt = openSigned(Receipt, row.receipt, line);
  const transaction = receipt === null ? null : progressOf(receipt.body, row.request)?.transaction;
  return transaction?.slots.join(" ") ?? null;
}

/** A version of a transaction. `followed`: the hash of its block, where that block is remembered. `…_due`: of its execution. */
export type SentRow = TransactionRow & {
  readonly followed: string | null;
  readonly unit_due: string | null;
  readonly asset_due: string | null;
};

export const TRANSACTION_EVENTS = ["signed", "repriced", "included", "reorged", "threatened", "settled"].map(
  (what) => `execution.${what}`,
);

export function judgeTransaction(row: SentRow, told: Told): string | null {
  const read = attempt(() => readSigned(row.raw));
  if (!read.ok) return "raw";
  const { chain, id, slot, from: sender, nonce, contract, to: payee, amount, ...fees } = read.value;
  const signed = { chain, id, slot, sender, nonce, contract, payee, amount: amount.toString() };
  const offered = { max_fee_per_gas: `${fees.maxFeePerGas}`, max_priority_fee_per_gas: `${fees.maxPriorityFeePerGas}` };
  const columns = { ...row, ...textsOf(row) } as unknown as EventData;
  const edited = differing({ ...signed, ...offered }, columns);
  if (edited !== null) return edited;
  if (told.subject !== `execution:${row.execution}` || row.unit_due === null) return "execution";
  const strange = differing({ unit: row.unit_due, asset: row.asset_due }, { unit: row.unit, asset: row.asset });
  if (strange !== null) return strange;
  if (row.block_hash !== null && row.followed !== null && row.block_hash !== row.followed) return "block_hash";
  return differing(told.data, columns);
}

const textsOf = (row: TransactionRow) => ({
  amount: `${row.amount}`,
  max_fee_per_gas: `${row.max_fee_per_gas}`,
  max_priority_fee_per_gas: `${row.max_priority_fee_per_gas}`,
  fee: row.fee?.toString() ?? null,
  moved: row.moved?.toString() ?? null,
});

/** A deposit with the address that it came to. `followed`: the hash of its block, where that block is remembered. */
export type CameRow = DepositRow & { readonly attested: string | null; readonly followed: string | null };

const CAME: { readonly [type: string]: readonly DepositRow["state"][] } = {
  "deposit.seen": ["seen"],
  "deposit.booked": ["final"],
  "deposit.reorged": ["reorged"],
  "deposit.suspected": ["unknown", "suspect"],
};
export const DEPOSIT_EVENTS = Object.keys(CAME);

export function judgeDeposit(row: CameRow, told: Told): string | null {
  if (row.attested !== row.address) return "address";
  if (!(CAME[told.type] ?? []).includes(row.state)) return "state";
  if (row.state !== "reorged" && row.followed !== null && row.followed !== row.block_hash) return "block_hash";
  const texts = { amount: `${row.amount}`, logged: `${row.logged}`, transaction: row.tx };
  return differing(told.data, { ...row, ...texts } as unknown as EventData) ?? asSeen(told, row);
}

/** What left an address, with that address. `followed`: the hash of its block, where that block is remembered. */
export type LeftRow = OutflowRow & { readonly attested: string | null; readonly followed: string | null };

const LEFT: { readonly [type: string]: readonly OutflowRow["state"][] } = {
  "outflow.seen": ["seen"],
  "outflow.booked": ["final"],
  "outflow.reorged": ["reorged"],
  "outflow.explained": ["explained"],
};
export const OUTFLOW_EVENTS = Object.keys(LEFT);

export function judgeOutflow(row: LeftRow, told: Told): string | null {
  if (row.attested !== row.address) return "address";
  if (!(LEFT[told.type] ?? []).includes(row.state)) return "state";
  if (row.state !== "reorged" && row.followed !== null && row.followed !== row.block_hash) return "block_hash";
  const texts = { amount: `${row.amount}`, covered: row.covered?.toString() ?? null, transaction: row.tx };
  return (
    differing(told.data, { ...row, ...texts } as unknown as EventData) ?? differing({ unit: told.unit }, { unit: row.unit })
  );
}

/** A followed block with the one before it. */
export type FollowedRow = { readonly number: number; readonly parent: string; readonly before: string | null };

export const judgeBlock = ({ parent, before }: FollowedRow) => (before === null || before === parent ? null : "parent");

/** Where a chain is, and the newest block that was followed. */
export type PlaceRow = { readonly processed: number | null; readonly hash: string | null } & {
  readonly top: number | null;
  readonly top_hash: string | null;
};

export const judgePlace = ({ processed, hash, top, top_hash }: PlaceRow) =>
  differing({ processed: top, hash: top_hash }, { processed, hash });
