/** What a bank does with a payment, from a deposit that covers it to what its sources say of it in the end, by people who ask until they
 *  are answered and sign again when the vault has been started anew. */
import { randomBytes } from "node:crypto";
import type { Hash } from "../../../core/src/bytes.ts";
import { Fact } from "../../../core/src/signed/fact.ts";
import { ApiProblem } from "../../../sdk/src/client/problem.ts";
import { decide, initiate } from "../../../sdk/src/device/decision.ts";
import { makePayment } from "../../../sdk/src/device/make.ts";
import { openRequest } from "../../../sdk/src/device/show.ts";
import { CHAIN, calls } from "../../world/chain.ts";
import { signerOf } from "../../world/house.ts";
import { device } from "../../world/keys.ts";
import { TOKEN } from "../../world/rulebook.ts";
import { ETH, signValue } from "../../world/world.ts";
import type { Stage } from "./stage.ts";

/** One payment: the request's id is its intent's. `deposit`: the transaction that covered it. `renewals`: how often people signed again
 *  because the vault had been started anew before it had committed itself. */
export type Paid = {
  readonly request: string;
  readonly asset: "eth" | "usdx";
  readonly amount: bigint;
  readonly deposit: string;
  readonly renewals: number;
};

/** Plays the story to its end. Every second one pays in the token. `between` happens when one of two has approved. */
export async function play(
  stage: Stage,
  number: number,
  between: (request: string) => Promise<void> = async () => undefined,
): Promise<Paid> {
  const asset = number % 2 === 0 ? "eth" : "usdx";
  const amount = 1_000n + BigInt(number);
  let deposit = await cover(stage, asset, amount);
  let signedAt = stage.deaths.vault;
  let renewals = 0;
  const request = await ask(stage, asset, amount);
  await approve(stage, request, ["amy"]);
  await between(request);
  await approve(stage, request, ["bob"]);
  const transaction = await stage.patiently("the payment is settled", async () => {
    const now = await stateOf(stage, request);
    if (now.transaction !== null && now.execution === "settled") return now.transaction;
    const isOpen = now.request === "open" || now.request === "approved";
    const vault = stage.deaths.vault;
    if (isOpen && vault > signedAt && !(await isCommitted(stage, request))) {
      await approve(stage, request, ["tom", "amy", "bob"]);
      [signedAt, renewals] = [vault, renewals + 1];
    }
    if (!isOpen) await mineWhenFollowed(stage);
    return null;
  });
  await state(stage, transaction);
  deposit = await booked(stage, deposit, () => cover(stage, asset, amount));
  await numbered(stage);
  return { request, asset, amount, deposit, renewals };
}

/** What comes after the approvals, where nobody has to sign again. */
export async function finish(stage: Stage, request: string): Promise<void> {
  const transaction = await stage.patiently("the payment is settled", async () => {
    const now = await stateOf(stage, request);
    if (now.transaction !== null && now.execution === "settled") return now.transaction;
    if (now.execution !== null) await mineWhenFollowed(stage);
    return null;
  });
  await state(stage, transaction);
  await numbered(stage);
}

/** Whether the vault has it in its journal: then it needs nobody any more. */
async function isCommitted({ house }: Stage, request: string): Promise<boolean> {
  return (await house.vault.ask({ command: "show", what: "execution", name: request as Hash })).code === "OK";
}

/** A deposit of just what is to be paid. */
function cover({ house, address, patiently }: Stage, asset: Paid["asset"], amount: bigint): Promise<string> {
  const way = asset === "eth" ? { to: address, value: amount } : { to: TOKEN, data: calls.transfer(address, amount) };
  return patiently("money is sent", () => house.chain.send(way));
}

/** Once the deposit is booked nothing stands in the way of the request. */
async function ask(stage: Stage, asset: Paid["asset"], amount: bigint): Promise<string> {
  const { house, patiently } = stage;
  const tom = signerOf("tom");
  const body = await patiently("tom signs", async () => {
    const known = await house.session();
    const by = { known, signer: tom, words: { purpose: "invoice" } };
    const what = { wallet: "treasury", to: "kraken", asset, amount, totalFee: ETH / 100n };
    return initiate(known, tom, await makePayment(by, what));
  });
  const idempotencyKey = randomBytes(16).toString("hex");
  const { id } = await patiently("it is requested", async () => {
    await mineWhenFollowed(stage);
    return house.as("admin").call("requests.create", { body }, { idempotencyKey }).catch(unless("POSITION_SHORT"));
  });
  return id;
}

/** Each of them signs, under a key of his own; whoever comes too late has no say. */
export async function approve({ house, patiently }: Stage, request: string, people: readonly string[]): Promise<void> {
  for (const person of people) {
    const signer = signerOf(person);
    const idempotencyKey = randomBytes(16).toString("hex");
    const body = await patiently(`${person} signs`, async () => {
      const session = await house.session();
      const { id, intent } = await house.as("admin").call("requests.get", { params: { id: request } });
      return decide(session, signer, { shown: openRequest(session, { id, intent }), decision: "approve" });
    });
    await patiently(`${person} is heard`, () =>
      house
        .as("admin")
        .call("requests.decide", { params: { id: request }, body }, { idempotencyKey })
        .then(() => true, unless("STATE_CONFLICT", "SIGNED_WRONG"))
        .then((heard) => heard ?? true),
    );
  }
}

/** Turns problems with these codes into null. */
function unless(...codes: readonly string[]) {
  return (error: unknown): null => {
    if (error instanceof ApiProblem && codes.includes(error.code)) return null;
    throw error;
  };
}

type State = { readonly request: string; readonly execution: string | null; readonly transaction: string | null };

async function stateOf({ house: { database } }: Stage, id: string): Promise<State> {
  const request = await database.db.selectFrom("request").select("state").where("id", "=", id).executeTakeFirstOrThrow();
  const execution = await database.db
    .selectFrom("execution as e")
    .leftJoin("chain_tx as t", "t.execution", "e.id")
    .select(["e.state", "t.id"])
    .where("e.request", "=", id)
    .where("e.state", "<>", "aborted")
    .executeTakeFirst();
  return { request: request.state, execution: execution?.state ?? null, transaction: execution?.id ?? null };
}

/** One more block, when the last one was followed. What the node knows by then it keeps. */
async function mineWhenFollowed({ house, keepers }: Stage): Promise<void> {
  const { number } = await house.chain.head();
  const cursor = await house.database.db.selectFrom("chain_cursor").select("processed").executeTakeFirst();
  if (cursor?.processed !== number) return;
  for (const keep of keepers) await keep();
  await house.chain.mine(1);
}

/** Both sources say that it is final, until the vault knows. */
async function state({ house, patiently }: Stage, tx: string): Promise<void> {
  const subject = `transaction:${CHAIN}:${tx}`;
  const { deployment } = house.vault.made;
  for (const source of ["finality-a", "finality-b"]) {
    const fact: Fact = { version: 1, type: "finality", deployment, source, subject, at: Date.now(), outcome: "succeeded" };
    const body = { fact: signValue(Fact, fact, device(source)) };
    const idempotencyKey = randomBytes(16).toString("hex");
    await patiently("a source is heard", () => house.as("source").call("facts.create", { body }, { idempotencyKey }));
  }
  await patiently("the vault knows that it is final", async () => {
    const facts = await house.database.db.selectFrom("fact").select("informed").where("subject", "=", subject).execute();
    return facts.length === 2 && facts.every(({ informed }) => informed) ? true : null;
  });
}

/** Waits for a deposit; what the node has forgotten is sent once more. */
async function booked(stage: Stage, sent: string, again: () => Promise<string>): Promise<string> {
  const { chain, database } = stage.house;
  let tx = sent;
  return stage.patiently("the deposit is booked", async () => {
    if ((await chain.rpc("eth_getTransactionReceipt", tx)) === null) tx = await again();
    await mineWhenFollowed(stage);
    const row = await database.db.selectFrom("deposit").select("state").where("tx", "=", tx).executeTakeFirst();
    return row?.state === "final" ? tx : null;
  });
}

async function numbered(stage: Stage): Promise<void> {
  const { db } = stage.house.database;
  await stage.patiently("events have their numbers", async () => {
    const waiting = await db.selectFrom("event_outbox").select("id").limit(1).executeTakeFirst();
    return waiting === undefined ? true : null;
  });
}
