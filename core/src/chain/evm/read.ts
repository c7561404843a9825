/** What unsigned EVM bytes would do, told from the bytes alone.
 *
 *  Shares no code with the builder. It judges nothing: whoever calls it compares the effect with what was approved. */
import { demand, refuse } from "../../errors.ts";
import type { Called, Effect, Transfer } from "../types.ts";
import { classify } from "./calls.ts";
import { addressText, bytesOf, decode, listOf, type Node, uintOf } from "./decode.ts";

const INTEGER_LIMIT = 2n ** 53n; // what a chain id or nonce can be; below EIP-2294 and EIP-2681
const GAS_LIMIT = 2n ** 63n; // EIP-4803
const FEE_LIMIT = 2n ** 128n;
const VALUE_LIMIT = 2n ** 256n;
const TYPE_FEE_MARKET = 2; // EIP-1559
const TYPE_DELEGATION = 4; // EIP-7702
const ZERO_ADDRESS = `0x${"0".repeat(40)}`;

/** Effect of one unsigned transaction of type 2 (EIP-1559) or 4 (EIP-7702, always named).
 *  `feeMax` is gas limit × fee per gas; what some layer-2 chains add for data is not in the bytes.
 *  `other` joins, with " + ", everything beyond one plain transfer; native value that goes along stays in `transfers`.
 *  Fails: EFFECT_UNREADABLE for other types, signed bytes, and every encoding but the canonical one. */
export function read(bytes: Uint8Array): Effect {
  const [type] = bytes;
  if (type !== TYPE_FEE_MARKET && type !== TYPE_DELEGATION) {
    refuse("EFFECT_UNREADABLE", "type", "only transactions of type 2 and 4 are read");
  }
  const fields = listOf(decode(bytes.subarray(1)), "transaction");
  const count = type === TYPE_DELEGATION ? 10 : 9;
  demand(fields.length === count, "EFFECT_UNREADABLE", "transaction", `${count} fields are expected`);
  const [chain, nonce, priority, fee, gas, to, value, data, access, delegations] = fields;
  const chainId = uintOf(chain, "chainId", INTEGER_LIMIT);
  const maxFee = uintOf(fee, "maxFeePerGas", FEE_LIMIT);
  const names: string[] = [];
  if (type === TYPE_DELEGATION) names.push(delegation(delegations));
  if (accessList(access) > 0) names.push("access list");
  demand(chainId > 0n, "EFFECT_UNREADABLE", "chainId", "a chain must be named");
  demand(
    uintOf(priority, "maxPriorityFeePerGas", FEE_LIMIT) <= maxFee,
    "EFFECT_UNREADABLE",
    "maxFeePerGas",
    "it is below its part",
  );
  const moved = movement(bytesOf(to, "to"), uintOf(value, "value", VALUE_LIMIT), bytesOf(data, "data"));
  return {
    chainId: Number(chainId),
    nonce: Number(uintOf(nonce, "nonce", INTEGER_LIMIT)),
    transfers: moved.transfers,
    feeMax: uintOf(gas, "gasLimit", GAS_LIMIT) * maxFee,
    called: moved.called,
    other: [...moved.names, ...names].join(" + ") || null,
  };
}

type Movement = {
  readonly transfers: readonly Transfer[];
  readonly called: Called | null;
  readonly names: readonly string[];
};

function movement(to: Uint8Array, value: bigint, data: Uint8Array): Movement {
  if (to.length === 0) return { transfers: [], called: null, names: ["contract creation"] };
  demand(to.length === 20, "EFFECT_UNREADABLE", "to", "20 bytes are expected");
  const target = addressText(to);
  const native: Transfer = { asset: "native", to: target, amount: value };
  if (data.length === 0) return { transfers: [native], called: null, names: burn([native]) };
  const { other: name, moves } = classify(target, value, data);
  const transfers = value > 0n ? [native, ...moves] : moves;
  if (name === null) return { transfers, called: null, names: burn(transfers) };
  return { transfers, called: { to: target, amount: value, data, name }, names: [name, ...burn(transfers)] };
}

function burn(transfers: readonly Transfer[]): readonly string[] {
  return transfers.some(({ asset, to }) => asset === ZERO_ADDRESS || to === ZERO_ADDRESS) ? ["zero address"] : [];
}

/** How many entries an access list has; its shape is checked.   Source: EIP-2930, "Specification". */
function accessList(node: Node | undefined): number {
  const entries = listOf(node, "accessList");
  for (const entry of entries) {
    const [address, keys, ...rest] = listOf(entry, "accessList");
    demand(bytesOf(address, "accessList").length === 20, "EFFECT_UNREADABLE", "accessList", "20 bytes are expected");
    for (const key of listOf(keys, "accessList")) {
      demand(bytesOf(key, "accessList").length === 32, "EFFECT_UNREADABLE", "accessList", "32 bytes are expected");
    }
    demand(rest.length === 0, "EFFECT_UNREADABLE", "accessList", "address and keys are expected");
  }
  return entries.length;
}

/** The name, when at least one authorisation is there and each is a list of six.   Source: EIP-7702, "Specification". */
function delegation(node: Node | undefined): string {
  const entries = listOf(node, "authorizationList");
  demand(entries.length > 0, "EFFECT_UNREADABLE", "authorizationList", "at least one is expected");
  for (const entry of entries) {
    const tuple = listOf(entry, "authorizationList");
    demand(tuple.length === 6, "EFFECT_UNREADABLE", "authorizationList", "six fields are expected");
    for (const field of tuple) bytesOf(field, "authorizationList");
  }
  return "delegation (EIP-7702)";
}
