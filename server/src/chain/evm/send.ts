/** Hands a signed transaction to all nodes in good standing and says in one word what came of it. */
import { toHex } from "@strongroom/core/bytes";
import type { Sent } from "../types.ts";
import type { Nodes } from "./nodes.ts";
import { NodeFault } from "./rpc.ts";

type Outcome = Sent["outcome"];

/** How nodes word their refusals; the first that fits counts. A transaction that is mined already is a nonce too low.
 *  Source: what go-ethereum, Nethermind, Besu, Erigon, Reth and anvil answer to eth_sendRawTransaction. */
const WORDS: readonly (readonly [RegExp, Outcome])[] = [
  [/already known|alreadyknown|already imported|already exists|known transaction|same hash was already/i, "known"],
  [/nonce too low|oldnonce|nonce is too low|nonce has already been used/i, "nonce-too-low"],
  [
    /underpriced|feetoolow|replacementnotallowed|fee too low|(?:below|less than) block base fee|below configured minimum/i,
    "underpriced",
  ],
  [/insufficient funds|insufficientfunds|upfront cost exceeds|insufficient balance/i, "insufficient-funds"],
];

export function outcomeOf(fault: NodeFault): Outcome {
  if (fault.kind !== "refused") return "unreachable";
  return WORDS.find(([words]) => words.test(fault.message))?.[1] ?? "refused";
}

/** What one says counts in this order: whoever has it has it; a nonce that is gone is gone. */
const ORDER: readonly Outcome[] = [
  "accepted",
  "known",
  "nonce-too-low",
  "insufficient-funds",
  "underpriced",
  "refused",
  "unreachable",
];

export async function broadcast(nodes: Nodes, raw: Uint8Array): Promise<Sent> {
  const answers = await nodes.each((rpc) => rpc.call("eth_sendRawTransaction", `0x${toHex(raw)}`));
  const given = answers.map((answer) => {
    const fault = answer instanceof NodeFault ? answer : null;
    return { outcome: fault === null ? ("accepted" as const) : outcomeOf(fault), detail: fault?.message ?? "" };
  });
  const outcome = ORDER.find((one) => given.some((it) => it.outcome === one)) ?? "unreachable";
  const accepted = given.filter((it) => it.outcome === "accepted" || it.outcome === "known").length;
  return { outcome, accepted, detail: given.find((it) => it.outcome === outcome)?.detail ?? "No node is good." };
}
