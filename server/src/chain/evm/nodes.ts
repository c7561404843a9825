/** Several nodes of one chain, none of which is believed alone: what counts is what `quorum` of them say, and whoever says
 *  otherwise is set aside with the reason.
 *
 *  A quorum is more than half, so that no two can disagree. All nodes in good standing are asked, the answer is there as soon as
 *  enough agree, and those that come later are judged by it. Liars are asked too, without a vote, so that they can come back. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../host/limits.ts";
import { problem } from "../../http/call.ts";
import type { NodeHealth } from "../types.ts";
import { type Answer, NodeFault, openRpc, type Rpc } from "./rpc.ts";
import { judge, newStanding, type Standing, type Verdict } from "./standing.ts";
import { count, type Header, readHeader } from "./wire.ts";

export type NodesConfig = {
  readonly chain: number;
  readonly nodes: readonly { readonly name: string; readonly url: string }[];
  readonly quorum: number;
  readonly lagBlocks: number;
  /** How far back a common block is looked for when heads differ. */
  readonly depth: number;
  readonly now: () => number;
  readonly timeoutMs?: number;
};

/** Null is a good answer: it is not there. */
type Ask<T> = (rpc: Rpc) => Promise<T | null>;

export type Nodes = {
  poll(): Promise<void>;
  head(): Header | null;
  trouble(): string;
  health(): readonly NodeHealth[];
  /** What enough nodes answer of those that have got as far as block `at`. `about` names the question to people.
   *  Fails: CHAIN_UNREACHABLE. */
  agree<T>(about: string, ask: Ask<T>, at: number): Promise<T | null>;
  /** The block of this number; whoever has another one is forked.   Fails: CHAIN_UNREACHABLE. */
  block(number: number): Promise<Header | null>;
  /** What each good node answers, without comparing; those that fail are left out. */
  each<T>(ask: (rpc: Rpc) => Promise<T>): Promise<readonly (T | NodeFault)[]>;
  close(): Promise<void>;
};

type Member = {
  readonly name: string;
  readonly rpc: Rpc;
  standing: Standing;
  head: number | null;
  latencyMs: number | null;
  /** A look at its head that is under way. */
  look: Promise<Seen | null> | null;
};
type Seen = { readonly member: Member; readonly header: Header };
type Answered<T> = { readonly key: string; readonly value: T | null } | NodeFault;
type Won<T> = { readonly key: string; readonly value: T | null } | null;
type Question = { readonly about: string; readonly dissent: "lying" | "forked" };
type Given<T> = { readonly member: Member; readonly answer: Answered<T> };

/** What a node is asked in each poll, to people. */
const HEAD = "the head";
const SLOW: Verdict = {
  state: "lagging",
  reason: `It takes more than ${limits.nodePatienceMs} ms to tell its head.`,
  about: HEAD,
};

export function openNodes(config: NodesConfig): Nodes {
  const { quorum, nodes, now } = config;
  if (nodes.length > limits.nodes || quorum > nodes.length || quorum * 2 <= nodes.length) {
    throw new Error(
      `chain ${config.chain}: a quorum is more than half of at most ${limits.nodes} nodes, not ${quorum} of ${nodes.length}`,
    );
  }
  const members: readonly Member[] = nodes.map(({ name, url }) => ({
    name,
    rpc: openRpc(url, config.timeoutMs),
    standing: newStanding(now()),
    head: null,
    latencyMs: null,
    look: null,
  }));
  const late = new Set<Promise<void>>();
  let agreed: Header | null = null;
  let trouble = "no node was asked yet";

  const rule = (member: Member, verdict: Verdict) => {
    member.standing = judge(member.standing, verdict, now());
  };

  /** `dissent`: what whoever answers otherwise is. */
  async function agree<T>(
    about: string,
    ask: Ask<T>,
    { at, dissent }: { at: number; dissent: "lying" | "forked" },
  ): Promise<T | null> {
    const able = members.filter(({ head }) => head !== null && head >= at);
    const voters = able.filter(({ standing }) => standing.state === "good");
    const shadows = able.filter(({ standing }) => standing.state === "lying");
    if (voters.length < quorum) {
      problem(
        "CHAIN_UNREACHABLE",
        "chain",
        `${voters.length} nodes of chain ${config.chain} are good and ${quorum} are needed.`,
      );
    }
    const asked = voters.map((member) => put(member, ask));
    const overheard = shadows.map((member) => put(member, ask));
    const winner = firstQuorum(asked, quorum);
    hold(judgeAll(winner, [...asked, ...overheard], { about, dissent }));
    const won = await winner;
    if (won !== null) return won.value;
    return problem(
      "CHAIN_UNREACHABLE",
      "chain",
      `No ${quorum} nodes of chain ${config.chain} agree on ${about}: ${wordsOf(await Promise.all(asked))}`,
    );
  }

  async function judgeAll<T>(winner: Promise<Won<T>>, asked: readonly Promise<Given<T>>[], question: Question): Promise<void> {
    const won = await winner;
    if (won === null) return;
    for (const one of await Promise.all(asked)) rule(one.member, verdictOn(one, won.key, question));
  }

  /** What is still under way when an answer is given. */
  function hold(rest: Promise<void>): void {
    late.add(rest);
    rest.finally(() => late.delete(rest));
  }

  /** Whoever is away or was slow is asked as well and holds nobody up: what he says is seen by the poll in which it comes. */
  async function poll(): Promise<void> {
    const seen: Seen[] = [];
    const looks = members.map((member) => {
      const isAway = member.standing.state === "unreachable" || member.look !== null;
      member.look ??= lookAt(member).finally(() => {
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
    for (const member of members) if (member.look !== null && member.standing.state === "good") rule(member, SLOW);
    const answered = [...seen];
    agreed = answered.length < quorum ? null : await common(answered);
    if (agreed !== null) return;
    trouble =
      answered.length < quorum
        ? `${answered.length} nodes answer and ${quorum} are needed`
        : `no ${quorum} nodes agree on any of the last ${config.depth} blocks`;
  }

  /** Asks one node which chain it serves and what its newest block is. */
  async function lookAt(member: Member): Promise<Seen | null> {
    const since = performance.now();
    try {
      const [id, block] = await member.rpc.batch([
        { method: "eth_chainId", params: [] },
        { method: "eth_getBlockByNumber", params: ["latest", false] },
      ]);
      const chain = count(resultOf(id), "eth_chainId");
      const header = readHeader(resultOf(block));
      member.latencyMs = Math.round(performance.now() - since);
      if (header === null) throw new NodeFault("unreadable", "it knows no block");
      member.head = header.number;
      if (chain === config.chain) return { member, header };
      rule(member, { state: "forked", reason: `It serves chain ${chain}.`, about: HEAD });
    } catch (error) {
      member.head = null;
      rule(member, { state: "unreachable", reason: faultOf(error).message, about: HEAD });
    }
    return null;
  }

  /** The newest block that a quorum agrees on; judges all by it whose head was seen. */
  async function common(seen: readonly Seen[]): Promise<Header | null> {
    const newest = seen.map(({ header }) => header.number).sort((a, b) => b - a)[quorum - 1] ?? 0;
    for (let number = newest; number >= Math.max(0, newest - config.depth); number--) {
      const able = seen.filter(({ header }) => header.number >= number);
      const given = able.map(({ member, header }) =>
        put(member, async (rpc) => (header.number === number ? header : blockAt(rpc, number))),
      );
      const won = await firstQuorum(given, quorum);
      if (won === null || won.value === null) continue;
      const found = won.value;
      const told = await Promise.all(given);
      const agreeing = told.filter(({ answer }) => !(answer instanceof NodeFault) && answer.key === won.key);
      const answers = new Map(told.map(({ member, answer }) => [member, answer]));
      for (const one of seen) {
        const isBehind = one.header.number < number;
        const answer = isBehind ? { key: "", value: one.header } : answers.get(one.member);
        const truth = isBehind ? await blockOf(agreeing, one.header.number) : found;
        rule(one.member, verdictOnHead(one, { answer, truth, found }));
      }
      trouble = number < newest - config.lagBlocks ? `The nodes disagree from block ${number + 1} on.` : "";
      return found;
    }
    return null;
  }

  /** An older block of those that agree on the head. */
  async function blockOf(agreeing: readonly Given<Header>[], number: number): Promise<Header | null> {
    const asked = agreeing.map(({ member }) => put(member, (rpc) => blockAt(rpc, number)));
    return (await firstQuorum(asked, quorum))?.value ?? null;
  }

  type Compared = { answer: Answered<Header> | undefined; truth: Header | null; found: Header };

  /** `answer`: what a node says of the block that is in `truth` what enough others say. */
  function verdictOnHead({ header }: Seen, { answer, truth, found }: Compared): Verdict {
    const ahead = header.number - found.number;
    if (answer instanceof NodeFault) return { state: "unreachable", reason: answer.message, about: HEAD };
    if (answer?.value === null) return { state: "lagging", reason: `It does not have block ${found.number}.`, about: HEAD };
    if (answer !== undefined && truth !== null && answer.value.hash !== truth.hash) {
      return { state: "forked", reason: forkWords(answer.value, truth), about: HEAD };
    }
    if (ahead > config.lagBlocks) {
      return { state: "lying", reason: `It claims block ${header.number}, ${ahead} beyond the others.`, about: HEAD };
    }
    if (-ahead > config.lagBlocks) return { state: "lagging", reason: `It is ${-ahead} blocks behind.`, about: HEAD };
    return { state: "good", reason: "", about: HEAD };
  }

  return {
    poll,
    agree: (about, ask, at) => agree(about, ask, { at, dissent: "lying" }),
    block: (number) => agree(`block ${number}`, (rpc) => blockAt(rpc, number), { at: number, dissent: "forked" }),
    head: () => agreed,
    trouble: () => trouble,
    health: () => members.map(healthOf),
    each: (ask) =>
      Promise.all(members.filter(({ standing }) => standing.state === "good").map(({ rpc }) => ask(rpc).catch(faultOf))),
    async close() {
      for (const { rpc } of members) rpc.close();
      await Promise.all([...late, ...members.map(({ look }) => look)]);
    },
  };
}

/** Until it is done or patience ends. */
async function patiently(work: Promise<unknown>): Promise<void> {
  const calm = new AbortController();
  const end = sleep(limits.nodePatienceMs, undefined, { signal: calm.signal }).catch(() => undefined);
  await Promise.race([work, end]);
  calm.abort();
}

async function put<T>(member: Member, ask: Ask<T>): Promise<Given<T>> {
  try {
    const value = await ask(member.rpc);
    return { member, answer: { key: keyOf(value), value } };
  } catch (error) {
    return { member, answer: faultOf(error) };
  }
}

/** The answer that `quorum` of them give, as soon as there is one; null when all have answered and there is none. */
function firstQuorum<T>(asked: readonly Promise<Given<T>>[], quorum: number): Promise<Won<T>> {
  const votes = new Map<string, number>();
  return new Promise((resolve) => {
    let left = asked.length;
    const take = ({ answer }: Given<T>) => {
      left -= 1;
      if (!(answer instanceof NodeFault)) {
        const sum = (votes.get(answer.key) ?? 0) + 1;
        votes.set(answer.key, sum);
        if (sum >= quorum) resolve(answer);
      }
      if (left === 0) resolve(null);
    };
    for (const one of asked) one.then(take);
    if (left === 0) resolve(null);
  });
}

/** Method that the node does not have; that is no fault of its standing.   Source: JSON-RPC 2.0, section 5.1. */
const NO_METHOD = -32_601;

function verdictOn<T>({ answer }: Given<T>, key: string, { about, dissent }: Question): Verdict {
  if (answer instanceof NodeFault) {
    if (answer.kind === "refused" && answer.number === NO_METHOD) return { state: "good", reason: "", about: "" };
    const state = answer.kind === "refused" ? "lagging" : "unreachable";
    return { state, reason: `Asked for ${about}: ${answer.message}`, about };
  }
  if (answer.key === key) return { state: "good", reason: "", about };
  if (answer.value === null) return { state: "lagging", reason: `It does not have ${about}.`, about };
  const reason = key === ABSENT ? `It claims ${about}, which the others do not have.` : `It tells ${about} unlike the others.`;
  return { state: dissent, reason, about };
}

function wordsOf<T>(given: readonly Given<T>[]): string {
  return given
    .map(({ member, answer }) => {
      if (answer instanceof NodeFault) return `${member.name}: ${answer.message}`;
      return `${member.name}: ${answer.value === null ? "not there" : "an answer of its own"}`;
    })
    .join("; ");
}

const ABSENT = "null";

/** One text for equal values. */
function keyOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? part.toString() : part)) ?? ABSENT;
}

/** A block by its number, which is another one on a fork. */
export async function blockAt(rpc: Rpc, number: number): Promise<Header | null> {
  return readHeader(await rpc.call("eth_getBlockByNumber", `0x${number.toString(16)}`, false));
}

function forkWords(own: Header, truth: Header): string {
  return `Its block ${own.number} is ${own.hash}, that of the others ${truth.hash}.`;
}

/** The result of one call of a batch. Fails: NodeFault. */
export function resultOf(answer: Answer | undefined): unknown {
  if (answer === undefined) throw new NodeFault("unreadable", "an answer is missing");
  if ("fault" in answer) throw answer.fault;
  return answer.result;
}

function faultOf(error: unknown): NodeFault {
  if (error instanceof NodeFault) return error;
  throw error;
}

function healthOf({ name, head, latencyMs, standing }: Member): NodeHealth {
  const { state, reason, since } = standing;
  return { name, state, head, latencyMs, reason: reason.slice(0, REASON), since: new Date(since).toISOString() };
}
/** As long as the contract lets a reason be. */
const REASON = 400;
