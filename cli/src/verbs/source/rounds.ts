/** What a source of each type does in one round: it looks at what it has of its own and states what is new, or what a request
 *  may want once more. The server only says which requests there are; an intent is read from its own bytes. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import type { Book } from "@strongroom/core/rulebook/book";
import { Attestation } from "@strongroom/core/signed/attestation";
import { type Fact, type FactType, SUBJECT } from "@strongroom/core/signed/fact";
import { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf } from "@strongroom/core/signed/object";
import type { Client } from "@strongroom/sdk/client";
import type { Execution } from "@strongroom/sdk/contract/requests";
import { openObject } from "@strongroom/sdk/verify/receipt";
import { quantity } from "../../chain/evm.ts";
import type { Rpc } from "../../chain/rpc.ts";
import { Fault, fault } from "../../faults.ts";
import { limits } from "../../limits.ts";
import type { Judge } from "./judge.ts";
import { readPrices } from "./prices.ts";
import { simulate, type Transfer } from "./simulate.ts";
import type { Statements } from "./statements.ts";

/** What every statement of this source says. */
export type Common = Pick<Fact, "version" | "deployment" | "source" | "at">;

export type Round = {
  readonly client: Client;
  readonly deployment: Hash;
  readonly vaultKey: string;
  readonly statements: Statements;
  /** The rulebook that holds now. */
  readonly book: () => Promise<Book>;
  /** Its own nodes. Fails: USAGE where none is named. */
  readonly judge: () => Promise<Judge>;
  /** The file of prices. Fails: USAGE where none is named. */
  readonly prices: () => string;
  readonly everyMs: number;
  /** Whether all that there ever was is to be looked at. */
  readonly sweep: boolean;
  /** When each subject was stated last, by a clock that only goes forward. */
  readonly statedAt: Map<string, number>;
  /** Paying addresses whose attestation was checked, by wallet and index. */
  readonly payers: Map<string, string>;
  /** Signs, writes down and sends. */
  state(make: (common: Common) => Fact, says: string): Promise<void>;
  say(line: string): void;
};

/** Facts of these types are found by a program. Screening and the travel rule take a provider: `source state`. */
export const ROUNDS: { readonly [T in FactType]?: (round: Round) => Promise<void> } = {
  finality: stateFinality,
  price: statePrices,
  code: stateCode,
  nonce: stateNonces,
  simulation: stateSimulations,
  clock: stateClock,
};
/** What these state is true for good, or until it is stated otherwise; all others state a moment. */
export const LASTING: readonly FactType[] = ["finality", "price"];

/** States what is final and was not stated yet. All that there ever was is looked at in a sweep, else what is recent. */
async function stateFinality({ client, statements, sweep, judge: nodes, state }: Round): Promise<void> {
  const judge = await nodes();
  let quiet = 0;
  for await (const execution of client.each("executions.list", { query: { limit: String(limits.page) } })) {
    const open = openIn(execution, judge.chain, statements);
    quiet = open.length === 0 ? quiet + 1 : 0;
    if (!sweep && quiet >= limits.page) return;
    for (const { id, subject } of open) {
      const verdict = await judge.verdictOn(id);
      if (verdict === null) continue;
      const { outcome } = verdict;
      await state((common) => ({ ...common, subject, type: "finality", outcome }), outcome);
    }
  }
}

/** Transactions that the server says are in a block and on which nothing was stated. */
function openIn({ transactions }: Execution, chain: number, statements: Statements) {
  return transactions.flatMap((one) => {
    const subject = SUBJECT.transaction(one.chain, one.id);
    return one.chain === chain && one.block !== null && statements.saidOn(subject) === null ? [{ id: one.id, subject }] : [];
  });
}

/** States each price of the file, once for each time that it was written. */
async function statePrices({ statements, prices: path, state }: Round): Promise<void> {
  const { writtenMs, prices } = await readPrices(path());
  for (const { subject, numerator, denominator } of prices) {
    const says = `${numerator}/${denominator} written ${writtenMs}`;
    if (statements.saidOn(subject) === says) continue;
    await state((common) => ({ ...common, subject, type: "price", numerator, denominator }), says);
  }
}

/** States the code of each token that a request pays, and of each contract that one calls. */
async function stateCode(round: Round): Promise<void> {
  const judge = await round.judge();
  const { assets } = await round.book();
  for (const { intent } of await onChain(round, judge.chain)) {
    const called = intent.kind === "call" ? intent.destination.address : undefined;
    const contract = intent.kind === "pay" ? assets.get(intent.asset)?.contract : called;
    if (contract === undefined) continue;
    await restate(round, SUBJECT.code(judge.chain, contract), async (subject) => {
      const codeHash = await judge.agreed((rpc) => codeHashOf(rpc, contract));
      if (codeHash === null) return null;
      return { says: codeHash, make: (common) => ({ ...common, subject, type: "code", codeHash }) };
    });
  }
}

async function codeHashOf(rpc: Rpc, contract: string): Promise<Hash> {
  const code = await rpc("eth_getCode", contract, "latest");
  const fits = typeof code === "string" && /^0x(?:[0-9a-f]{2})*$/i.test(code);
  return fits
    ? (toHex(keccak_256(Buffer.from(code.slice(2), "hex"))) as Hash)
    : fault("CHAIN_ERROR", "eth_getCode", "the answer holds no code");
}

/** States how many transactions each paying address of a request has on the chain. */
async function stateNonces(round: Round): Promise<void> {
  const judge = await round.judge();
  for (const alive of await onChain(round, judge.chain)) {
    const from = await payerOf(round, alive);
    await restate(round, SUBJECT.nonce(judge.chain, from), async (subject) => {
      const next = await judge.agreed(async (rpc) =>
        Number(quantity(await rpc("eth_getTransactionCount", from, "latest"), "nonce")),
      );
      return next === null ? null : { says: String(next), make: (common) => ({ ...common, subject, type: "nonce", next }) };
    });
  }
}

/** States what each payment and cancellation that is requested would do. Of a call no intent says all that it does. */
async function stateSimulations(round: Round): Promise<void> {
  const judge = await round.judge();
  const { assets } = await round.book();
  for (const alive of await onChain(round, judge.chain)) {
    const from = await payerOf(round, alive);
    const transfer = transferOf(alive.intent, from, assets);
    if (transfer === null) continue;
    await restate(round, SUBJECT.intent(alive.id), async (subject) => {
      const effect = await judge.agreed((rpc) => simulate(rpc, transfer));
      return effect === null ? null : { says: effect, make: (common) => ({ ...common, subject, type: "simulation", effect }) };
    });
  }
}

/** What a transaction for this intent moves; null for a call, and an asset that the rulebook does not know. */
function transferOf(intent: OnChain, from: string, assets: Book["assets"]): Transfer | null {
  if (intent.kind === "cancel") return { from, to: from, token: null, amount: 0n };
  if (intent.kind === "call") return null;
  const asset = assets.get(intent.asset);
  const { address: to } = intent.destination;
  return asset === undefined ? null : { from, to, token: asset.contract ?? null, amount: intent.amount };
}

/** States the time, as long as there is a request that may want it. */
async function stateClock(round: Round): Promise<void> {
  if ((await alive(round)).length === 0) return;
  await restate(round, SUBJECT.clock(), async (subject) => ({
    says: "now",
    make: (common) => ({ ...common, subject, type: "clock" }),
  }));
}

type Said = { readonly says: string; readonly make: (common: Common) => Fact };

/** States something unless it was stated a moment ago. What a node cannot answer about one subject keeps no other back. */
async function restate(round: Round, subject: string, look: (subject: string) => Promise<Said | null>): Promise<void> {
  const { statedAt, everyMs, state, say } = round;
  const last = statedAt.get(subject);
  if (last !== undefined && performance.now() - last < everyMs) return;
  try {
    const said = await look(subject);
    if (said !== null) await state(said.make, said.says);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "CHAIN_ERROR") throw error;
    say(`${error.code}  ${subject}: ${error.message}`);
  }
  statedAt.set(subject, performance.now());
}

type OnChain = Extract<Intent, { readonly kind: "pay" | "cancel" | "call" }>;
type Alive<I extends Intent = Intent> = { readonly id: Hash; readonly intent: I; readonly index: number };

/** Requests that may still be carried out, each as its own bytes say it. */
async function alive({ client, deployment }: Round): Promise<readonly Alive[]> {
  const found: Alive[] = [];
  for (const state of ["open", "approved"] as const) {
    for await (const asked of client.each("requests.list", { query: { state, limit: String(limits.page) } })) {
      const read = attempt(() => decode(Intent, asked.intent));
      if (!read.ok || read.value.deployment !== deployment) continue;
      found.push({ id: idOf(Intent, asked.intent), intent: read.value, index: asked.index });
    }
  }
  return found;
}

async function onChain(round: Round, chain: number): Promise<readonly Alive<OnChain>[]> {
  return (await alive(round)).flatMap(({ intent, ...rest }) => {
    const pays = intent.kind === "pay" || intent.kind === "cancel" || intent.kind === "call";
    return pays && intent.chain === chain ? [{ ...rest, intent }] : [];
  });
}

/** The address that pays, which the vault has attested. Which of a wallet it is the server says: the vault takes it from there
 *  too. Fails: RECEIPT_FORGED, ATTESTATION_WRONG. */
async function payerOf({ client, vaultKey, deployment, payers }: Round, { intent, index }: Alive<OnChain>): Promise<string> {
  const { wallet, chain } = intent;
  const known = payers.get(`${wallet}/${index}`);
  if (known !== undefined) return known;
  const { attestation } = await client.call("addresses.get", { params: { wallet, index: String(index) } });
  const attested = openObject(Attestation, attestation, { vaultKey, deployment });
  const isIt = attested.wallet === wallet && attested.index === index && attested.chain === chain;
  if (!isIt) fault("ATTESTATION_WRONG", wallet, "the server shows the address of another wallet");
  payers.set(`${wallet}/${index}`, attested.address);
  return attested.address;
}
