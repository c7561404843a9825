/** Several nodes of one chain, none of which is believed alone: what counts is what `quorum` of them say, and whoever says
 *  otherwise is set aside with the reason.
 *
 *  A quorum is more than half, so that no two can disagree. All nodes in good standing are asked, the answer is there as
 *  soon as enough agree, and those that come later are judged by it. Liars are asked too, without a vote, so that they can
 *  come back. */
import { limits } from "../../host/limits.ts";
import { problem } from "../../http/call.ts";
import type { NodeHealth } from "../types.ts";
import { ABSENT, type Ask, blockAt, faultOf, firstQuorum, type Given, type Member, put, rule, type Won } from "./ballot.ts";
import { lookAtHeads, type Outlook, type Pool } from "./heads.ts";
import { NO_METHOD, NodeFault, openRpc, type Rpc } from "./rpc.ts";
import { newStanding, type Verdict } from "./standing.ts";
import type { Header } from "./wire.ts";

export type NodesConfig = Omit<Pool, "members"> & {
  readonly nodes: readonly { readonly name: string; readonly url: string }[];
  readonly timeoutMs?: number;
};

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
  /** What each good node answers, without comparing. */
  each<T>(ask: (rpc: Rpc) => Promise<T>): Promise<readonly (T | NodeFault)[]>;
  close(): Promise<void>;
};

/** `about` names it to people; `dissent` is what whoever answers otherwise is. */
type Question = { readonly about: string; readonly dissent: "lying" | "forked" };

export function openNodes({ nodes, timeoutMs, ...config }: NodesConfig): Nodes {
  const { quorum, chain, now } = config;
  if (nodes.length > limits.nodes || quorum > nodes.length || quorum * 2 <= nodes.length) {
    throw new Error(
      `chain ${chain}: a quorum is more than half of at most ${limits.nodes} nodes, not ${quorum} of ${nodes.length}`,
    );
  }
  const members = nodes.map(({ name, url }): Member => {
    return { name, rpc: openRpc(url, timeoutMs), standing: newStanding(now()), head: null, latencyMs: null, look: null };
  });
  const pool = { ...config, members };
  /** What is still under way when an answer is given. */
  const late = new Set<Promise<void>>();
  let outlook: Outlook = { head: null, trouble: "no node was asked yet" };

  async function agree<T>(ask: Ask<T>, { at, ...question }: Question & { readonly at: number }): Promise<T | null> {
    const able = members.filter(({ head }) => head !== null && head >= at);
    const voters = able.filter(({ standing }) => standing.state === "good");
    const shadows = able.filter(({ standing }) => standing.state === "lying");
    if (voters.length < quorum) return divided(pool, `${voters.length} nodes are good and ${quorum} are needed.`);
    const asked = voters.map((member) => put(member, ask));
    const overheard = shadows.map((member) => put(member, ask));
    const winner = firstQuorum(asked, quorum);
    const rest = judgeAll(pool, { winner, asked: [...asked, ...overheard], question });
    late.add(rest);
    rest.finally(() => late.delete(rest));
    const won = await winner;
    if (won !== null) return won.value;
    return divided(pool, `no ${quorum} nodes agree on ${question.about}: ${wordsOf(await Promise.all(asked))}.`);
  }

  return {
    async poll() {
      outlook = await lookAtHeads(pool);
    },
    agree: (about, ask, at) => agree(ask, { about, at, dissent: "lying" }),
    block: (number) => agree((rpc) => blockAt(rpc, number), { about: `block ${number}`, at: number, dissent: "forked" }),
    head: () => outlook.head,
    trouble: () => outlook.trouble,
    health: () => members.map(healthOf),
    each(ask) {
      const good = members.filter(({ standing }) => standing.state === "good");
      return Promise.all(good.map(({ rpc }) => ask(rpc).catch(faultOf)));
    },
    async close() {
      for (const { rpc } of members) rpc.close();
      await Promise.all([...late, ...members.map(({ look }) => look)]);
    },
  };
}

function divided({ chain }: Pool, why: string): never {
  return problem("CHAIN_UNREACHABLE", "chain", `Of chain ${chain} ${why}`);
}

type Vote<T> = {
  readonly winner: Promise<Won<T>>;
  readonly asked: readonly Promise<Given<T>>[];
  readonly question: Question;
};

async function judgeAll<T>({ now }: Pool, { winner, asked, question }: Vote<T>): Promise<void> {
  const won = await winner;
  if (won === null) return;
  for (const one of await Promise.all(asked)) rule(one.member, verdictOn(one, won.key, question), now());
}

function verdictOn<T>({ answer }: Given<T>, key: string, { about, dissent }: Question): Verdict {
  if (answer instanceof NodeFault) {
    // What it cannot do is no fault of its standing.
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

function healthOf({ name, head, latencyMs, standing }: Member): NodeHealth {
  const { state, reason, since } = standing;
  return { name, state, head, latencyMs, reason: reason.slice(0, REASON), since: new Date(since).toISOString() };
}
/** As long as the contract lets a reason be. */
const REASON = 400;
