/** Two servers on one database, both at work, are asked for the same at the same time, and one of them is killed in the middle:
 *  there is one request, one execution, one transaction and one settlement, and the other one takes over when the lease has
 *  run out. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { ApiProblem } from "../../../sdk/src/client/problem.ts";
import type { Client } from "../../../sdk/src/client.ts";
import { decide, initiate } from "../../../sdk/src/device/decision.ts";
import { makePayment } from "../../../sdk/src/device/make.ts";
import { openRequest } from "../../../sdk/src/device/show.ts";
import { signerOf } from "../../world/house.ts";
import { ETH } from "../../world/world.ts";
import { demandOnce, demandWhole } from "./books.ts";
import { hasEnded, openStage, type Stage } from "./stage.ts";
import { finish, type Paid, play } from "./story.ts";

const ROUNDS = process.env["STRONGROOM_LONG"] === "1" ? 50 : 8;
/** How long a lease lasts after its holder's last word, and what may be added until somebody looks. Milliseconds. */
const LEASE = { runs: 10_000, seen: 8_000 };

let stage: Stage;
const paid: Paid[] = [];
before(async () => {
  stage = await openStage({}, { isPatient: true });
  await stage.house.serve();
});
after(() => stage.close());

const newKey = () => randomBytes(16).toString("hex");
const both = () => stage.house.servers.map((server) => stage.house.as("admin", server));

/** Asks everybody at once, and gives what they answered; who is told to try again does. */
async function atOnce<T extends { id: string }>(ask: (client: Client, at: number) => Promise<T>): Promise<readonly string[]> {
  const again = async (client: Client, at: number): Promise<T> => {
    try {
      return await ask(client, at);
    } catch (error) {
      if (error instanceof ApiProblem && error.code === "CONFLICT") return again(client, at);
      throw error;
    }
  };
  const clients = [...both(), ...both()];
  return (await Promise.all(clients.map(again))).map(({ id }) => id);
}

/** One payment of which everything is sent four times at once, with one idempotency key or with four. */
async function payAtOnce(number: number): Promise<void> {
  const { house } = stage;
  const keys = number % 2 === 0 ? Array.from({ length: 4 }, newKey) : Array(4).fill(newKey());
  const how = (at: number, what: string) => ({ idempotencyKey: `${keys[at]}${what}` });
  const known = await house.session();
  const amount = 5_000n + BigInt(number);
  const what = { wallet: "treasury", to: "kraken", asset: "eth", amount, totalFee: ETH / 100n };
  const tom = signerOf("tom");
  const body = await initiate(known, tom, await makePayment({ known, signer: tom, words: { purpose: "invoice" } }, what));
  const ids = await atOnce((client, at) => client.call("requests.create", { body }, how(at, "c")));
  assert.equal(new Set(ids).size, 1);
  const [request = ""] = ids;
  const shown = openRequest(known, { id: request as never, intent: body.intent });
  for (const person of ["amy", "bob"]) {
    const said = await decide(known, signerOf(person), { shown, decision: "approve" });
    await atOnce((client, at) => client.call("requests.decide", { params: { id: request }, body: said }, how(at, person)));
  }
  await finish(stage, request);
  const one = { request, asset: "eth", amount, deposit: "", renewals: 0 } as const;
  paid.push(one);
  await demandOnce(stage, [one]);
}

test("asked for the same at the same time, two servers make one payment", async (t) => {
  for (let number = 0; number < ROUNDS; number++) await payAtOnce(number);
  await demandWhole(stage, paid);
  assert.equal(stage.deaths.server, 0);
  t.diagnostic(`count: two servers asked at once: ${ROUNDS} payments, ${ROUNDS * 12} calls`);
});

test("when one of two is killed in the middle, the other one takes over once the lease has run out", async (t) => {
  const kills = ["after 1 commit execution.reserved", "after 1 commit execution.signed"];
  for (const kill of kills) {
    stage.arm(kill);
    const since = performance.now();
    paid.push(await play(stage, 0));
    assert.equal(stage.house.servers.filter((server) => !hasEnded(server)).length, 1);
    assert.ok(performance.now() - since < LEASE.runs + LEASE.seen);
    await demandOnce(stage, paid.slice(-1));
    await stage.house.serve();
  }
  await demandWhole(stage, paid);
  t.diagnostic(`count: kills of one of two servers: ${kills.length} kills`);
});
