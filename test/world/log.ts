/** A small audit log for tests: leaves from names, and the checkpoints and proofs that an honest server would send. */
import * as tree from "../../core/src/audit/tree.ts";
import { ascii, type Hash, toHex } from "../../core/src/bytes.ts";
import type { CommandOf } from "../../core/src/protocol/command.ts";
import * as world from "./world.ts";

export const LOG_NAME = "log.example/1";

/** A log of these leaves. */
export type Log = {
  /** Root of its first `size` leaves. */
  root(size: number): Hash;
  /** That its first `size` leaves continue its first `first`. */
  proof(first: number, size: number): readonly Hash[];
};

export function logOf(names: readonly string[]): Log {
  const leaves = names.map((name) => tree.leafHash(ascii(name)));
  const grow = (from: number, to: number) => tree.rootOf(tree.append(tree.NO_LEAVES, leaves.slice(from, to)).tree);
  const hashOf = ({ level, index }: tree.Node) => grow(index * 2 ** level, (index + 1) * 2 ** level);
  const hex = (hash: Uint8Array) => toHex(hash) as Hash;
  return {
    root: (size) => hex(grow(0, size)),
    proof: (first, size) => tree.gather(tree.planConsistency({ first, size }), hashOf).map(hex),
  };
}

/** `count` names of leaves. */
export function leavesOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `leaf ${at}`);
}

/** What an honest server sends to have the log's first `size` leaves signed, after the first `last`. */
export function checkpoint(
  log: Log,
  { last, size }: { last: number; size: number },
  change: Partial<Pick<CommandOf<"checkpoint">, "origin" | "size" | "root" | "proof">> = {},
): CommandOf<"checkpoint"> {
  const body = { origin: LOG_NAME, size, root: log.root(size), proof: log.proof(last, size) };
  return world.command({ command: "checkpoint", ...body, ...change }, `checkpoint ${size}`) as CommandOf<"checkpoint">;
}
