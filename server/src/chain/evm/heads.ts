/** The heads of several nodes: the newest block that enough of them agree on, and what each is that says otherwise. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../host/limits.ts";
import {
  type Answered,
  blockAt,
  faultOf,
  firstQuorum,
  type Given,
  type Member,
  put,
  resultOf,
  rule,
  type Seen,
} from "./ballot.ts";
import { NodeFault } from "./rpc.ts";
import type { Verdict } from "./standing.ts";
import { count, type Header, readHeader } from "./wire.ts";

export type Pool = {
  readonly members: readonly Member[];
  readonly chain: number;
  readonly quorum: number;
  /** How far a node may be from the others. */
  readonly lagBlocks: number;
  /** How far back a common block is looked for when heads differ. */
  readonly depth: number;
  readonly now: () => number;
};
/** `trouble`: why there is no head, or why it stays behind; else empty. */
export type Outlook = { readonly head: Header | null; readonly trouble: string };

/** What a node is asked in each look, to people. */
const HEAD = "the head";
const SLOW: Verdict = {
  state: "lagging",
  reason: `It takes more than ${limits.nodePatienceMs} ms to tell its head.`,
  about: HEAD,
};

/** Looks at all nodes and judges them. Whoever is away or was slow is asked as well and holds nobody up: what he says is
 *  seen by the look in which it comes. */
export async function lookAtHeads(pool: Pool): Promise<Outlook> {
  const { members, quorum, now } = pool;
  const seen: Seen[] = [];
  const looks = members.map((member) => {
    const isAway = member.standing.state === "unreachable" || member.look !== null;
    member.look ??= lookAt(pool, member).finally(() => {
      member.look = null;
    });
    const noted = member.look.then((one) => void (one !== null && seen.push(one)));
    return { noted, isAway };
  });
  const areAllAway = looks.every(({ isAway }) => isAway);
  const waited = Promise.all(looks.filter(({ isAway }) => areAllAway || !isAway).map(({ noted }) => noted));
  await patiently(waited);
  // Where the others are not enough there is no hurry.
  if (seen.length < quorum) await waited;
  for (const member of members) if (member.look !== null && member.standing.state === "good") rule(member, SLOW, now());
  const answered = [...seen];
  if (answered.length >= quorum) return agreedHead(pool, answered);
  return { head: null, trouble: `${answered.length} nodes answer and ${quorum} are needed` };
}

/** Until it is done or patience ends. */
async function patiently(work: Promise<unknown>): Promise<void> {
  const calm = new AbortController();
  const end = sleep(limits.nodePatienceMs, undefined, { signal: calm.signal }).catch(() => undefined);
  await Promise.race([work, end]);
  calm.abort();
}

/** Asks one node which chain it serves and what its newest block is. */
async function lookAt({ chain, now }: Pool, member: Member): Promise<Seen | null> {
  const since = performance.now();
  try {
    const [id, block] = await member.rpc.batch([
      { method: "eth_chainId", params: [] },
      { method: "eth_getBlockByNumber", params: ["latest", false] },
    ]);
    const served = count(resultOf(id), "eth_chainId");
    const header = readHeader(resultOf(block));
    member.latencyMs = Math.round(performance.now() - since);
    if (header === null) throw new NodeFault("unreadable", "it knows no block");
    member.head = header.number;
    if (served === chain) return { member, header };
    rule(member, { state: "forked", reason: `It serves chain ${served}.`, about: HEAD }, now());
  } catch (error) {
    member.head = null;
    rule(member, { state: "unreachable", reason: faultOf(error).message, about: HEAD }, now());
  }
  return null;
}

/** The newest block that a quorum agrees on; judges all by it whose head was seen. */
async function agreedHead(pool: Pool, seen: readonly Seen[]): Promise<Outlook> {
  const { quorum, depth, lagBlocks } = pool;
  const newest = seen.map(({ header }) => header.number).sort((a, b) => b - a)[quorum - 1] ?? 0;
  for (let number = newest; number >= Math.max(0, newest - depth); number--) {
    const able = seen.filter(({ header }) => header.number >= number);
    const given = able.map(({ member, header }) =>
      put(member, async (rpc) => (header.number === number ? header : blockAt(rpc, number))),
    );
    const won = await firstQuorum(given, quorum);
    if (won === null || won.value === null) continue;
    await judgeHeads(pool, { seen, told: await Promise.all(given), key: won.key, found: won.value });
    return { head: won.value, trouble: number < newest - lagBlocks ? `The nodes disagree from block ${number + 1} on.` : "" };
  }
  return { head: null, trouble: `no ${quorum} nodes agree on any of the last ${depth} blocks` };
}

type Told = {
  readonly seen: readonly Seen[];
  readonly told: readonly Given<Header>[];
  readonly key: string;
  readonly found: Header;
};

async function judgeHeads(pool: Pool, { seen, told, key, found }: Told): Promise<void> {
  const agreeing = told.filter(({ answer }) => !(answer instanceof NodeFault) && answer.key === key);
  const answers = new Map(told.map(({ member, answer }) => [member, answer]));
  for (const one of seen) {
    const isBehind = one.header.number < found.number;
    const answer = isBehind ? { key: "", value: one.header } : answers.get(one.member);
    const truth = isBehind ? await olderBlock(pool, agreeing, one.header.number) : found;
    rule(one.member, verdictOnHead(one, { answer, truth, found, lagBlocks: pool.lagBlocks }), pool.now());
  }
}

/** An older block of those that agree on the head. */
async function olderBlock({ quorum }: Pool, agreeing: readonly Given<Header>[], number: number): Promise<Header | null> {
  const asked = agreeing.map(({ member }) => put(member, (rpc) => blockAt(rpc, number)));
  return (await firstQuorum(asked, quorum))?.value ?? null;
}

type Compared = {
  readonly answer: Answered<Header> | undefined;
  readonly truth: Header | null;
  readonly found: Header;
  readonly lagBlocks: number;
};

/** `answer`: what a node says of the block that is in `truth` what enough others say. */
function verdictOnHead({ header }: Seen, { answer, truth, found, lagBlocks }: Compared): Verdict {
  const ahead = header.number - found.number;
  if (answer instanceof NodeFault) return { state: "unreachable", reason: answer.message, about: HEAD };
  if (answer?.value === null) return { state: "lagging", reason: `It does not have block ${found.number}.`, about: HEAD };
  if (answer !== undefined && truth !== null && answer.value.hash !== truth.hash) {
    const reason = `Its block ${truth.number} is ${answer.value.hash}, that of the others ${truth.hash}.`;
    return { state: "forked", reason, about: HEAD };
  }
  if (ahead > lagBlocks) {
    return { state: "lying", reason: `It claims block ${header.number}, ${ahead} beyond the others.`, about: HEAD };
  }
  if (-ahead > lagBlocks) return { state: "lagging", reason: `It is ${-ahead} blocks behind.`, about: HEAD };
  return { state: "good", reason: "", about: HEAD };
}
