/** One question to several nodes, and what enough of them answer. Who a node is and whether it counts is kept here as well. */
import { type Answer, NodeFault, type Rpc } from "./rpc.ts";
import { judge, type Standing, type Verdict } from "./standing.ts";
import { type Header, readHeader } from "./wire.ts";

/** One node. `look`: a look at its head that is under way. */
export type Member = {
  readonly name: string;
  readonly rpc: Rpc;
  standing: Standing;
  head: number | null;
  latencyMs: number | null;
  look: Promise<Seen | null> | null;
};
export type Seen = { readonly member: Member; readonly header: Header };

/** What is asked of a node. Null is a good answer: it is not there. */
export type Ask<T> = (rpc: Rpc) => Promise<T | null>;
/** Answers with one key are one answer. */
export type Answered<T> = { readonly key: string; readonly value: T | null } | NodeFault;
export type Given<T> = { readonly member: Member; readonly answer: Answered<T> };
export type Won<T> = { readonly key: string; readonly value: T | null } | null;

export function rule(member: Member, verdict: Verdict, now: number): void {
  member.standing = judge(member.standing, verdict, now);
}

export async function put<T>(member: Member, ask: Ask<T>): Promise<Given<T>> {
  try {
    const value = await ask(member.rpc);
    return { member, answer: { key: keyOf(value), value } };
  } catch (error) {
    return { member, answer: faultOf(error) };
  }
}

/** The answer that `quorum` of them give, as soon as there is one; null when all have answered and there is none. */
export function firstQuorum<T>(asked: readonly Promise<Given<T>>[], quorum: number): Promise<Won<T>> {
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

/** Key of what is not there. */
export const ABSENT = "null";

/** One text for equal values. */
function keyOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? part.toString() : part)) ?? ABSENT;
}

/** A block by its number, which is another one on a fork. */
export async function blockAt(rpc: Rpc, number: number): Promise<Header | null> {
  return readHeader(await rpc.call("eth_getBlockByNumber", `0x${number.toString(16)}`, false));
}

/** The result of one call of a batch. Fails: NodeFault. */
export function resultOf(answer: Answer | undefined): unknown {
  if (answer === undefined) throw new NodeFault("unreadable", "an answer is missing");
  if ("fault" in answer) throw answer.fault;
  return answer.result;
}

export function faultOf(error: unknown): NodeFault {
  if (error instanceof NodeFault) return error;
  throw error;
}
