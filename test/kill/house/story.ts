/** What a bank does with a payment, from a deposit that covers it to what its sources say of it in the end, by people who ask
 *  until they are answered and sign again when the vault has been started anew. */
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

/** One payment: the request's id is its intent's. `deposit`: the transaction that covered it. `renewals`: how often people
 *  signed again because the vault had been started anew before it had committed itself. */
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
  const deposit = await cover(stage, asset, amount);
  const signedAt = stage.deaths.vault;
  const request = await ask(stage, { asset, amount, deposit });
  await approve(stage, request, ["amy"]);
  await between(request);
  await approve(stage, request, ["bob"]);
  const renewals = await finish(stage, request, signedAt);
  await booked(stage, deposit);
  await numbered(stage);
  return { request, asset, amount, deposit: deposit.tx, renewals };
}

/** What comes after the approvals. `signedAt`: how often the vault had died by then. Gives how often they were renewed. */
export async function finish(stage: Stage, request: string, signedAt = stage.deaths.vault): Promise<number> {
  let [signed, renewals] = [signedAt, 0];
  const transaction = await stage.patiently("the payment is settled", async () => {
    const now = await stateOf(stage, request);
    if (now.transaction !== null && now.execution === "settled") return now.transaction;
    const isOpen = now.request === "open" || now.request === "approved";
    const { vault } = stage.deaths;
    if (isOpen && vault > signed && !(await isCommitted(stage, request))) {
      await approve(stage, request, ["tom", "amy", "bob"]);
      [signed, renewals] = [vault, renewals + 1];
    }
    if (!isOpen) await mineWhenFollowed(stage);
    return null;
  });
  await state(stage, transaction);
  await numbered(stage);
  return renewals;
}

/** Whether the vault has it in its journal: then it needs nobody any more. */
async function isCommitted({ house }: Stage, request: string): Promise<boolean> {
  return (await house.vault.ask({ command: "show", what: "execution", name: request as Hash })).code === "OK";
}

/** The transaction that brings what is to be paid; another one when the node has forgotten it. */
type Deposit = { tx: string; readonly send: () => Promise<string> };

async function cover(stage: Stage, asset: Paid["asset"], amount: bigint): Promise<Deposit> {
  const { house, address } = stage;
  const way = asset === "eth" ? { to: address, value: amount } : { to: TOKEN, data: calls.transfer(address, amount) };
  const send = () => house.chain.send(way);
  return { tx: await stage.patiently("money is sent", send), send };
}

/** Sends a deposit that the node has forgotten once more, and makes a block. */
async function bringOn(stage: Stage, deposit: Deposit): Promise<void> {
  const { chain } = stage.house;
  if ((await chain.rpc("eth_getTransactionByHash", deposit.tx)) === null) deposit.tx = await deposit.send();
  await mineWhenFollowed(stage);
}

/** Once the deposit is booked nothing stands in the way of the request. */
async function ask(
  stage: Stage,
  { asset, amount, deposit }: Pick<Paid, "asset" | "amount"> & { readonly deposit: Deposit },
): Promise<string> {
  const { house } = stage;
  const tom = signerOf("tom");
  const body = await stage.patiently("tom signs", async () => {
    const known = await house.session();
    const by = { known, signer: tom, words: { purpose: "invoice" } };
    const what = { wallet: "treasury", to: "kraken", asset, amount, totalFee: ETH / 100n };
    return initiate(known, tom, await makePayment(by, what));
  });
  const idempotencyKey = randomBytes(16).toString("hex");
  const { id } = await stage.patiently("it is requested", async () => {
    await bringOn(stage, deposit);
    return house.as("admin").call("requests.create", { body }, { idempotencyKey }).catch(unless("POSITION_SHORT"));
  });
  return id;
}

/** Each of them signs, under a key of his own; whoever comes too late has no say. */
export async function approve(stage: Stage, request: string, people: readonly string[]): Promise<void> {
  const { house } = stage;
  for (const person of people) {
    const signer = signerOf(person);
    const idempotencyKey = randomBytes(16).toString("hex");
    const body = await stage.patiently(`${person} signs`, async () => {
      const session = await house.session();
      const { id, intent } = await house.as("admin").call("requests.get", { params: { id: request } });
      return decide(session, signer, { shown: openRequest(session, { id, intent }), decision: "approve" });
    });
    await stage.patiently(`${person} is heard`, () =>
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
  if ((cursor?.processed ?? 0) < number) return;
  for (const keep of keepers) await keep();
  await house.chain.mine(1);
}

/** Both sources say that it is final, until the vault knows. */
async function state(stage: Stage, tx: string): Promise<void> {
  const { house } = stage;
  const subject = `transaction:${CHAIN}:${tx}`;
  const { deployment } = house.vault.made;
  for (const source of ["finality-a", "finality-b"]) {
    const fact: Fact = { version: 1, type: "finality", deployment, source, subject, at: Date.now(), outcome: "succeeded" };
    const body = { fact: signValue(Fact, fact, device(source)) };
    const idempotencyKey = randomBytes(16).toString("hex");
    await stage.patiently("a source is heard", () => house.as("source").call("facts.create", { body }, { idempotencyKey }));
  }
  await stage.patiently("the vault knows that it is final", async () => {
    const facts = await house.database.db.selectFrom("fact").select("informed").where("subject", "=", subject).execute();
    return facts.length === 2 && facts.every(({ informed }) => informed) ? true : null;
  });
}

async function booked(stage: Stage, deposit: Deposit): Promise<void> {
  const { db } = stage.house.database;
  await stage.patiently("the deposit is booked", async () => {
    await bringOn(stage, deposit);
    const rows = await db.selectFrom("deposit").select("state").where("tx", "=", deposit.tx).execute();
    return rows.some(({ state }) => state === "final") ? true : null;
  });
}

async function numbered(stage: Stage): Promise<void> {
  const { db } = stage.house.database;
  await stage.patiently("events have their numbers", async () => {
    const waiting = await db.selectFrom("event_outbox").select("id").limit(1).executeTakeFirst();
    return waiting === undefined ? true : null;
  });
}
