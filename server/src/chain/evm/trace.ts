/** The calls inside a block's transactions that moved value, from either of the two kinds of traces that nodes give. Both
 *  come to the same list, so that nodes of different makes can agree.
 *
 *  Source: trace_block as OpenEthereum defined it and Erigon, Nethermind, Besu, Reth and anvil serve it;
 *  debug_traceBlockByHash with callTracer as go-ethereum documents it. */
import { limits } from "../../host/limits.ts";
import { NO_METHOD, NodeFault, type Rpc } from "./rpc.ts";
import { address, type Fields, fields, hashText, list, quantity, unreadable } from "./wire.ts";

/** A call inside a transaction that carried value and was not undone. `path`: its place in the tree of calls, `0.2`. */
export type InnerCall = {
  readonly tx: string;
  readonly path: string;
  readonly from: string;
  readonly to: string;
  readonly value: bigint;
};
/** `transactions`: how many the block has, each of which must be there. */
export type Traced = { readonly number: number; readonly hash: string; readonly transactions: number };

/** Null when the node has another block of that number. Fails: NodeFault, when it can do neither. */
export async function traceBlock(rpc: Rpc, block: Traced): Promise<readonly InnerCall[] | null> {
  try {
    return readFlat(await rpc.call("trace_block", `0x${block.number.toString(16)}`), block);
  } catch (error) {
    const isUnable = error instanceof NodeFault && error.kind === "refused" && error.number === NO_METHOD;
    if (!isUnable) throw error;
    return readTree(await rpc.call("debug_traceBlockByHash", block.hash, { tracer: "callTracer" }), block);
  }
}

/** A list in which each call names its place, in the order in which they were made. */
export function readFlat(value: unknown, { hash, transactions }: Traced): readonly InnerCall[] | null {
  const found: InnerCall[] = [];
  let roots = 0;
  /** The call that failed last: all below it is undone. */
  let undone = { tx: "", path: "" };
  for (const one of list(value, "trace")) {
    const it = fields(one, "trace");
    if (it["type"] === "reward") continue;
    if (it["blockHash"] !== hash) return null;
    const tx = hashText(it["transactionHash"], "trace.transactionHash");
    const path = list(it["traceAddress"], "trace.traceAddress").map(step).join(".");
    if (path === "") roots += 1;
    if (undone.tx === tx && (undone.path === "" || path.startsWith(`${undone.path}.`))) continue;
    if (it["error"] !== undefined && it["error"] !== null) undone = { tx, path };
    else if (path !== "") push(found, tx, path, flatMove(it));
  }
  return roots === transactions ? found : unreadable("trace", `${transactions} transactions`);
}

function step(value: unknown): number {
  const isStep = typeof value === "number" && Number.isInteger(value) && value >= 0;
  return isStep ? value : unreadable("trace.traceAddress", "a list of places");
}

type Move = { readonly from: unknown; readonly to: unknown; readonly value: unknown };

/** What a call moves if it is of a kind that can. A delegated call names the value of its caller's and moves nothing. */
function flatMove(it: Fields): Move | null {
  const action = fields(it["action"], "trace.action");
  const { from, to, value, callType } = action;
  if (it["type"] === "call") return callType === "call" ? { from, to, value } : null;
  if (it["type"] === "create") return { from, to: fields(it["result"], "trace.result")["address"], value };
  return it["type"] === "suicide" ? { from: action["address"], to: action["refundAddress"], value: action["balance"] } : null;
}

/** A tree of calls for each transaction. */
export function readTree(value: unknown, { transactions }: Traced): readonly InnerCall[] {
  const found: InnerCall[] = [];
  const all = list(value, "trace");
  if (all.length !== transactions) unreadable("trace", `${transactions} transactions`);
  for (const one of all) {
    const traced = fields(one, "trace");
    const tx = hashText(traced["txHash"], "trace.txHash");
    const root = fields(traced["result"], "trace.result");
    if (root["error"] === undefined) walk({ tx, frame: root, path: "", depth: 0 }, found);
  }
  return found;
}

type Step = { readonly tx: string; readonly frame: Fields; readonly path: string; readonly depth: number };

function walk({ tx, frame, path, depth }: Step, found: InnerCall[]): void {
  if (frame["calls"] === undefined) return;
  if (depth >= limits.traceDepth) unreadable("trace", "a tree less deep");
  for (const [at, one] of list(frame["calls"], "trace.calls").entries()) {
    const inner = fields(one, "trace.call");
    if (inner["error"] !== undefined) continue;
    const place = path === "" ? String(at) : `${path}.${at}`;
    if (MOVING.has(inner["type"])) push(found, tx, place, { from: inner["from"], to: inner["to"], value: inner["value"] });
    walk({ tx, frame: inner, path: place, depth: depth + 1 }, found);
  }
}

const MOVING: ReadonlySet<unknown> = new Set(["CALL", "CREATE", "CREATE2", "SELFDESTRUCT"]);

/** A call without value and one to oneself move nothing. */
function push(found: InnerCall[], tx: string, path: string, move: Move | null): void {
  if (move === null || move.value === undefined || move.to === undefined) return;
  const value = quantity(move.value, "trace.value");
  const [from, to] = [address(move.from, "trace.from"), address(move.to, "trace.to")];
  if (value === 0n || from === to) return;
  if (found.length >= limits.traceMoves) unreadable("trace", "fewer calls");
  found.push({ tx, path, from, to, value });
}
