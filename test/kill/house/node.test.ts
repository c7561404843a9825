/** The chain's node is killed with SIGKILL around the broadcast of a payment and comes back without its newest block, which it
 *  had not kept, and without its pool; or its answer to a broadcast is cut off, an error, or that it knows it already. There
 *  is one payment all the same. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Front, startProxy } from "../../world/chain.ts";
import { demandOnce, demandWhole } from "./books.ts";
import { openStage, type Stage } from "./stage.ts";
import { type Paid, play } from "./story.ts";

/** Where the node dies, and where its newest block is lost with it. */
const KILLS = [
  "before 1 commit deposit.seen",
  "after 1 commit deposit.seen",
  "before 1 vault execute",
  "before 1 commit execution.signed",
  "before 1 broadcast",
  "after 1 broadcast",
  "before 1 commit chain_tx",
  "after 1 commit chain_tx",
  "before 1 commit execution.included",
  "after 1 commit execution.included",
  "before 1 commit execution.settled",
  "after 1 commit execution.settled",
];

let folder: string;
let front: Front;
let stage: Stage;
const paid: Paid[] = [];
/** Deaths of the node. */
let deaths = 0;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "node "));
  const nodes: NonNullable<Parameters<typeof openStage>[0]>["nodes"] = async ({ url }) => {
    front = await startProxy(url);
    return { urls: [front.url], quorum: 1 };
  };
  // A node that was started anew cannot trace what it did before.
  stage = await openStage({ nodes, chain: { resendMs: 200, trace: false } });
  // Before each block is made all others are kept. So the newest one is all that can be lost, and it is never final: what
  // undoes what is final halts the chain.
  await stage.house.chain.rpc("evm_setAutomine", false);
  stage.menders.push(mend);
  stage.keepers.push(keep);
});
after(async () => {
  await stage.close();
  await front.stop();
  await rm(folder, { recursive: true });
});

const state = () => join(folder, "state.json");

/** Starts the node again with what it has kept. */
async function mend(): Promise<void> {
  const { chain } = stage.house;
  if (chain.isRunning()) return;
  deaths++;
  stage.arm("");
  await chain.again(state(), { byHand: true });
}

const playOne = async () => {
  const one = await play(stage, paid.length);
  paid.push(one);
  return one;
};

test("killed around a broadcast, the node carries out one payment", async (t) => {
  const since = performance.now();
  for (const kill of KILLS) {
    const dead = deaths;
    await keep();
    stage.arm(kill, stage.house.chain.pid());
    await demandOnce(stage, [await playOne()]);
    assert.equal(deaths, dead + 1, `${kill} was never reached`);
  }
  await demandWhole(stage, paid);
  t.diagnostic(`count: kills of the node: ${KILLS.length} kills, ${paid.length} payments`);
  t.diagnostic(`figure: ${Math.round((performance.now() - since) / KILLS.length)} ms each`);
});

async function keep(): Promise<void> {
  await writeFile(state(), await stage.house.chain.dump());
}

/** What comes in place of the node's answer to a broadcast that it has taken. */
const ANSWERS: Readonly<Record<string, () => unknown>> = {
  nothing() {
    throw new Error("the connection is cut");
  },
  "an error": () => new Error("internal error"),
  "that it is known": () => new Error("already known"),
};

test("whatever comes in place of the answer to a broadcast, there is one payment", async (t) => {
  for (const answer of Object.values(ANSWERS)) {
    const before = front.asked.get("eth_sendRawTransaction") ?? 0;
    front.faults = { lie: ({ method }, result) => (method === "eth_sendRawTransaction" ? answer() : result) };
    await demandOnce(stage, [await playOne()]);
    assert.ok((front.asked.get("eth_sendRawTransaction") ?? 0) > before);
  }
  front.faults = {};
  await demandWhole(stage, paid);
  t.diagnostic(`count: broadcasts without an answer: ${Object.keys(ANSWERS).length} ways`);
});
