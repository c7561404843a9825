/** What a transfer would do, by a node that runs it on the newest block without sending it: whether it moves exactly what its
 *  intent says from one address to the other, and nothing else.
 *
 *  Balances are read before and after in the same run, so a fee that a token takes on the way shows. A token may answer true or
 *  nothing. Any other movement or approval that is logged, of any token, is something else.
 *  Source: execution-apis, eth_simulateV1; EIP-20, EIP-721, EIP-1155. */
import { quantity } from "../../chain/evm.ts";
import type { Rpc } from "../../chain/rpc.ts";
import { fault } from "../../faults.ts";

/** `token`: its contract, or null for the native asset. */
export type Transfer = {
  readonly from: string;
  readonly to: string;
  readonly token: string | null;
  readonly amount: bigint;
};

/** Where the simulated state holds code that answers with the balance of the address in its input; nobody is there.
 *  PUSH1 0 CALLDATALOAD BALANCE PUSH1 0 MSTORE PUSH1 32 PUSH1 0 RETURN. */
const PROBE = { address: "0x5c7a7c4b0000000000000000000000005c7a7c4b", code: "0x6000353160005260206000f3" };
/** What nodes name as the token when value moves. */
const NATIVE = "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";
const TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
/** Transfer, Approval, ApprovalForAll, TransferSingle, TransferBatch. */
const MOVES = new Set([
  TRANSFER,
  "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925",
  "0x17307eab39ab6107e8899845ad3d59bd9653f200f220920489ca2b5937696c31",
  "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62",
  "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb",
]);
const TRUE = word(1n);

/** Fails: CHAIN_UNREACHABLE, CHAIN_ERROR when the node cannot run it, as for a payer who has too little. */
export async function simulate(rpc: Rpc, transfer: Transfer): Promise<"as-stated" | "differs"> {
  const { from, to, token, amount } = transfer;
  const holders = [...new Set([from, to])];
  const probes = holders.flatMap((holder) => [nativeOf(holder), ...(token === null ? [] : [tokenOf(token, holder)])]);
  const call =
    token === null
      ? { from, to, value: `0x${amount.toString(16)}` }
      : { from, to: token, data: `0xa9059cbb${addressWord(to)}${word(amount)}` };
  const state = { stateOverrides: { [PROBE.address]: { code: PROBE.code } }, calls: [...probes, call, ...probes] };
  const answer = await rpc("eth_simulateV1", { blockStateCalls: [state], traceTransfers: true, validation: false }, "latest");
  const calls = callsIn(answer, state.calls.length);
  const done = calls[probes.length] as Call;
  const isPaid = done.succeeded && (token === null || done.data === "0x" || done.data === `0x${TRUE}`);
  if (!isPaid || !movesOnly(done, transfer)) return "differs";
  const [before, after] = [calls.slice(0, probes.length), calls.slice(probes.length + 1)].map((of) => of.map(balanceIn));
  const changes = probes.map((_, at) => (after?.[at] ?? 0n) - (before?.[at] ?? 0n));
  const due = holders.flatMap((holder) => {
    const change = from === to ? 0n : holder === from ? -amount : amount;
    return token === null ? [change] : [0n, change];
  });
  return changes.every((change, at) => change === due[at]) ? "as-stated" : "differs";
}

const nativeOf = (holder: string) => ({ to: PROBE.address, data: `0x${addressWord(holder)}` });
const tokenOf = (token: string, holder: string) => ({ to: token, data: `0x70a08231${addressWord(holder)}` });

type Log = { readonly address: string; readonly topics: readonly string[]; readonly data: string };
type Call = { readonly succeeded: boolean; readonly data: string; readonly logs: readonly Log[] };

/** Whether the only movement that it logs is the transfer itself; one of nothing may go without. */
function movesOnly({ logs }: Call, { from, to, token, amount }: Transfer): boolean {
  const moves = logs.filter(({ topics }) => MOVES.has(topics[0] ?? ""));
  const [move, ...others] = moves;
  if (move === undefined) return amount === 0n;
  const words = [TRANSFER, ...[from, to].map((address) => `0x${addressWord(address)}`)];
  const isOwn = move.address === (token ?? NATIVE).toLowerCase() && move.topics.join() === words.join();
  return others.length === 0 && isOwn && move.data === `0x${word(amount)}`;
}

function callsIn(answer: unknown, count: number): readonly Call[] {
  const [block] = Array.isArray(answer) ? answer : [];
  const calls: unknown = (block as { readonly calls?: unknown } | undefined)?.calls;
  if (!Array.isArray(calls) || calls.length !== count) fault("CHAIN_ERROR", "eth_simulateV1", "not every call was run");
  return (calls as readonly { readonly [name: string]: unknown }[]).map(({ status, returnData, logs }) => ({
    succeeded: quantity(status, "status") === 1n,
    data: typeof returnData === "string" ? returnData : "0x",
    logs: Array.isArray(logs) ? logs.map(logIn) : [],
  }));
}

function logIn(log: { readonly [name: string]: unknown }): Log {
  const { address, topics, data } = log;
  const words = Array.isArray(topics) ? topics.map((topic) => String(topic).toLowerCase()) : [];
  return { address: String(address).toLowerCase(), topics: words, data: String(data).toLowerCase() };
}

function balanceIn({ succeeded, data }: Call): bigint {
  const fits = succeeded && /^0x[0-9a-f]{64}$/.test(data);
  return fits ? BigInt(data) : fault("CHAIN_ERROR", "eth_simulateV1", "a balance is not told");
}

function word(value: bigint): string {
  return value.toString(16).padStart(64, "0");
}

function addressWord(address: string): string {
  return address.slice(2).toLowerCase().padStart(64, "0");
}
