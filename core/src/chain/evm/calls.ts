/** What calldata would do, as far as it can be told without asking the chain. Reading half: never used by the builder.
 *
 *  One row per known function: its signature, its four bytes (a test recomputes them) and the name under which it is
 *  refused unless a rule names it. A plain token transfer is the only call without a name; whatever is not in the table is
 *  an unknown call. Not an ABI library: only arguments that change the name are looked at. */
import { toHex } from "../../bytes.ts";
import type { Transfer } from "../types.ts";
import { addressText, bigOf } from "./decode.ts";

/** What a call does beyond plain transfers, or null; and the token movement that it makes. */
export type Call = { readonly other: string | null; readonly moves: readonly Transfer[] };

/** Allowances from here on are called unlimited: no supply is worth that much, and uint96 tokens stop there. */
export const UNLIMITED = 2n ** 96n - 1n;

const UNKNOWN = "unknown call";
const MALFORMED = "malformed call";
const ALLOWANCE = "allowance";
const WORD = 32;

/** `words` is the exact number of argument words of a function with static arguments, or null. */
type Row = { readonly signature: string; readonly selector: string; readonly name: string; readonly words: number | null };

function rows(name: string, source: Readonly<Record<string, string>>): readonly Row[] {
  return Object.entries(source).map(([signature, selector]) => {
    const list = signature.slice(signature.indexOf("(") + 1, -1);
    const isDynamic = /bytes(?!\d)|string|\[\]/.test(list);
    return { signature, selector, name, words: isDynamic ? null : list.split(",").filter((type) => type !== "").length };
  });
}

export const CALLS: readonly Row[] = [
  // EIP-20; increase and decrease: OpenZeppelin Contracts 4.9 ERC20 and 1.x; the last: Uniswap Permit2 AllowanceTransfer
  ...rows("token transfer", { "transfer(address,uint256)": "a9059cbb" }),
  ...rows(ALLOWANCE, {
    "approve(address,uint256)": "095ea7b3",
    "increaseAllowance(address,uint256)": "39509351",
    "increaseApproval(address,uint256)": "d73dd623",
    "decreaseAllowance(address,uint256)": "a457c2d7",
    "approve(address,address,uint160,uint48)": "87517c45",
  }),
  // EIP-2612, "Specification"; the second is the older form of Dai
  ...rows(ALLOWANCE, {
    "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)": "d505accf",
    "permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)": "8fcbaf0c",
  }),
  // EIP-721 and EIP-1155, "Specification"
  ...rows("approval for all", { "setApprovalForAll(address,bool)": "a22cb465" }),
  ...rows("transfer on behalf", {
    "transferFrom(address,address,uint256)": "23b872dd",
    "safeTransferFrom(address,address,uint256)": "42842e0e",
    "safeTransferFrom(address,address,uint256,bytes)": "b88d4fde",
    "safeTransferFrom(address,address,uint256,uint256,bytes)": "f242432a",
    "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)": "2eb2c2d6",
  }),
  // OpenZeppelin Contracts: TransparentUpgradeableProxy, UUPSUpgradeable, ProxyAdmin, UpgradeableBeacon; Safe before 1.3
  ...rows("proxy upgrade", {
    "upgradeTo(address)": "3659cfe6",
    "upgradeToAndCall(address,bytes)": "4f1ef286",
    "upgrade(address,address)": "99a88ec4",
    "upgradeAndCall(address,address,bytes)": "9623609d",
    "changeMasterCopy(address)": "7de7edef",
  }),
  // OpenZeppelin Contracts: Ownable, Ownable2Step, AccessControl, proxies; Safe 1.4.1 OwnerManager and setup
  ...rows("owner change", {
    "transferOwnership(address)": "f2fde38b",
    "acceptOwnership()": "79ba5097",
    "renounceOwnership()": "715018a6",
    "changeAdmin(address)": "8f283970",
    "changeProxyAdmin(address,address)": "7eff275e",
    "grantRole(bytes32,address)": "2f2ff15d",
    "revokeRole(bytes32,address)": "d547741f",
    "renounceRole(bytes32,address)": "36568abe",
    "addOwnerWithThreshold(address,uint256)": "0d582f13",
    "removeOwner(address,address,uint256)": "f8dc5dd9",
    "swapOwner(address,address,address)": "e318b52b",
    "changeThreshold(uint256)": "694e80c3",
    "setup(address[],uint256,address,bytes,address,address,uint256,address)": "b63e800d",
  }),
  // Safe 1.4.1: ModuleManager, GuardManager, FallbackManager
  ...rows("module change", {
    "enableModule(address)": "610b5925",
    "disableModule(address,address)": "e009cfde",
    "setGuard(address)": "e19a9dd9",
    "setFallbackHandler(address)": "f08a0323",
  }),
  // Safe 1.4.1: Safe and ModuleManager; the name says what operation 0 does, operation 1 is a delegatecall
  ...rows("wallet execution", {
    "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)": "6a761202",
    "execTransactionFromModule(address,uint256,bytes,uint8)": "468721a7",
    "execTransactionFromModuleReturnData(address,uint256,bytes,uint8)": "5229073f",
  }),
  // OpenZeppelin Multicall, Uniswap periphery and Universal Router, Multicall3, Safe MultiSend
  ...rows("several calls", {
    "multicall(bytes[])": "ac9650d8",
    "multicall(uint256,bytes[])": "5ae401dc",
    "multicall(bytes32,bytes[])": "1f0464d1",
    "aggregate((address,bytes)[])": "252dba42",
    "aggregate3((address,bool,bytes)[])": "82ad56cb",
    "aggregate3Value((address,bool,uint256,bytes)[])": "174dea71",
    "tryAggregate(bool,(address,bytes)[])": "bce38bd7",
    "multiSend(bytes)": "8d80ff0a",
    "execute(bytes,bytes[])": "24856bc3",
    "execute(bytes,bytes[],uint256)": "3593564c",
  }),
];

const BY_SELECTOR: ReadonlyMap<string, Row> = new Map(CALLS.map((row) => [row.selector, row]));
/** Which argument word of an allowance holds the amount; the form of Dai holds a flag that means everything. */
const AMOUNT_AT: ReadonlyMap<string, number> = new Map([
  ["095ea7b3", 1],
  ["39509351", 1],
  ["d73dd623", 1],
  ["a457c2d7", 1],
  ["87517c45", 2],
  ["d505accf", 2],
]);
const OPERATION_AT = 3;

/** Names a call of `to` with non-empty `data` that carries `value` wei. Never fails: what it cannot name is an unknown or
 *  malformed call. */
export function classify(to: string, value: bigint, data: Uint8Array): Call {
  const row = BY_SELECTOR.get(toHex(data.subarray(0, 4)));
  if (row === undefined) return { other: UNKNOWN, moves: [] };
  const body = data.subarray(4);
  if (row.words !== null && body.length !== row.words * WORD) return { other: MALFORMED, moves: [] };
  const words = split(body);
  if (row.name === "token transfer") return tokenTransfer(to, value, words);
  if (row.name === ALLOWANCE) return { other: allowance(row.selector, words), moves: [] };
  if (row.name === "wallet execution") return { other: execution(words), moves: [] };
  return { other: row.name, moves: [] };
}

function tokenTransfer(token: string, value: bigint, words: readonly Uint8Array[]): Call {
  const [payee, amount] = words.map(bigOf);
  if (payee === undefined || amount === undefined || payee >> 160n !== 0n) return { other: MALFORMED, moves: [] };
  const to = addressText(bytes20(payee));
  return { other: value === 0n ? null : "token transfer with value", moves: [{ asset: token, to, amount }] };
}

function allowance(selector: string, words: readonly Uint8Array[]): string {
  const at = AMOUNT_AT.get(selector);
  const amount = words.map(bigOf).find((_, index) => index === at);
  return amount !== undefined && amount < UNLIMITED ? ALLOWANCE : `unlimited ${ALLOWANCE}`;
}

function execution(words: readonly Uint8Array[]): string {
  const operation = words.map(bigOf).find((_, index) => index === OPERATION_AT);
  if (operation === 0n) return "wallet execution";
  return operation === 1n ? "delegatecall" : MALFORMED;
}

function split(body: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: Math.floor(body.length / WORD) }, (_, at) => body.subarray(at * WORD, (at + 1) * WORD));
}

function bytes20(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 20 }, (_, at) => Number((value >> BigInt(8 * (19 - at))) & 255n));
}
