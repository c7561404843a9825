/** What calldata would do, as far as it can be told without asking the chain. Reading half: never used by the builder.
 *
 *  One row per known function: its signature, its four bytes (a test recomputes them) and the name of the kind of call, which
 *  only a rule that names it allows. A plain token transfer is the only call without a name; whatever is not in the table is
 *  an unknown call. Not an ABI library: only arguments that change the name are looked at. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { ascii, concat, fromHex, toHex } from "../../bytes.ts";
import { demand } from "../../errors.ts";
import type { Call, CallNames, Transfer } from "../types.ts";
import { addressText, bigOf } from "./decode.ts";

/** What a call does beyond plain transfers, or null; and the token movement that it makes. */
type Seen = { readonly other: string | null; readonly moves: readonly Transfer[] };

/** Allowances from here on are called unlimited: no supply is worth that much, and uint96 tokens stop there. */
export const UNLIMITED = 2n ** 96n - 1n;

const UNKNOWN = "unknown call";
const MALFORMED = "malformed call";
const TRANSFER = "token transfer";
const ALLOWANCE = "allowance";
const EXECUTION = "wallet execution";
const DELEGATECALL = "delegatecall";
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
  // EIP-20; increase and decrease: OpenZeppelin Contracts 4.9 ERC20 and 1.x; Uniswap Permit2 AllowanceTransfer; ERC-6909;
  // ERC-1363
  ...rows(TRANSFER, { "transfer(address,uint256)": "a9059cbb" }),
  ...rows(ALLOWANCE, {
    "approve(address,uint256)": "095ea7b3",
    "increaseAllowance(address,uint256)": "39509351",
    "increaseApproval(address,uint256)": "d73dd623",
    "decreaseAllowance(address,uint256)": "a457c2d7",
    "approve(address,address,uint160,uint48)": "87517c45",
    "approve(address,uint256,uint256)": "426a8493",
    "approveAndCall(address,uint256)": "3177029f",
    "approveAndCall(address,uint256,bytes)": "cae9ca51",
  }),
  // EIP-2612, "Specification"; the second is the older form of Dai; the others: Uniswap Permit2 AllowanceTransfer
  ...rows(ALLOWANCE, {
    "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)": "d505accf",
    "permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)": "8fcbaf0c",
    "permit(address,((address,uint160,uint48,uint48),address,uint256),bytes)": "2b67b570",
    "permit(address,((address,uint160,uint48,uint48)[],address,uint256),bytes)": "2a2d80d1",
  }),
  // EIP-721, EIP-1155, ERC-777 and ERC-6909, "Specification"
  ...rows("approval for all", {
    "setApprovalForAll(address,bool)": "a22cb465",
    "authorizeOperator(address)": "959b8c3f",
    "setOperator(address,bool)": "558a7297",
  }),
  // The same; ERC-1363; Uniswap Permit2 AllowanceTransfer
  ...rows("transfer on behalf", {
    "transferFrom(address,address,uint256)": "23b872dd",
    "transferFrom(address,address,uint256,uint256)": "fe99049a",
    "transferFrom(address,address,uint160,address)": "36c78516",
    "transferFromAndCall(address,address,uint256)": "d8fbe994",
    "transferFromAndCall(address,address,uint256,bytes)": "c1d34b89",
    "operatorSend(address,address,uint256,bytes,bytes)": "62ad1b83",
    "safeTransferFrom(address,address,uint256)": "42842e0e",
    "safeTransferFrom(address,address,uint256,bytes)": "b88d4fde",
    "safeTransferFrom(address,address,uint256,uint256,bytes)": "f242432a",
    "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)": "2eb2c2d6",
  }),
  // ERC-6909, ERC-1363 and ERC-777, "Specification"
  ...rows("transfer of tokens", {
    "transfer(address,uint256,uint256)": "095bcdb6",
    "transferAndCall(address,uint256)": "1296ee62",
    "transferAndCall(address,uint256,bytes)": "4000aea0",
    "send(address,uint256,bytes)": "9bd9bbc6",
  }),
  // OpenZeppelin Contracts: TransparentUpgradeableProxy, UUPSUpgradeable, ProxyAdmin, UpgradeableBeacon; Safe before 1.3;
  // EIP-2535
  ...rows("proxy upgrade", {
    "upgradeTo(address)": "3659cfe6",
    "upgradeToAndCall(address,bytes)": "4f1ef286",
    "upgrade(address,address)": "99a88ec4",
    "upgradeAndCall(address,address,bytes)": "9623609d",
    "changeMasterCopy(address)": "7de7edef",
    "setImplementation(address)": "d784d426",
    "diamondCut((address,uint8,bytes4[])[],address,bytes)": "1f931c1c",
  }),
  // OpenZeppelin Contracts: Ownable, Ownable2Step, AccessControl and its default admin, proxies; Safe 1.4.1 OwnerManager and
  // setup; Solmate Owned; Compound Unitroller
  ...rows("owner change", {
    "transferOwnership(address)": "f2fde38b",
    "acceptOwnership()": "79ba5097",
    "renounceOwnership()": "715018a6",
    "setOwner(address)": "13af4035",
    "setPendingAdmin(address)": "4dd18bf5",
    "acceptAdmin()": "0e18b681",
    "beginDefaultAdminTransfer(address)": "634e93da",
    "acceptDefaultAdminTransfer()": "cefc1429",
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
  // Safe 1.4.1: ModuleManager, GuardManager, FallbackManager; Safe 1.5: ModuleManager
  ...rows("module change", {
    "enableModule(address)": "610b5925",
    "disableModule(address,address)": "e009cfde",
    "setGuard(address)": "e19a9dd9",
    "setModuleGuard(address)": "e068df37",
    "setFallbackHandler(address)": "f08a0323",
  }),
  // Safe 1.4.1: Safe and ModuleManager; ERC-6551; ERC-4337 accounts; OpenZeppelin Contracts: AccessManager, TimelockController.
  // Where there is an operation, the name says what operation 0 does, operation 1 is a delegatecall
  ...rows(EXECUTION, {
    "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)": "6a761202",
    "execTransactionFromModule(address,uint256,bytes,uint8)": "468721a7",
    "execTransactionFromModuleReturnData(address,uint256,bytes,uint8)": "5229073f",
    "execute(address,uint256,bytes,uint8)": "51945447",
    "execute(address,uint256,bytes)": "b61d27f6",
    "execute(address,bytes)": "1cff79cd",
    "execute(address,uint256,bytes,bytes32,bytes32)": "134008d3",
  }),
  // ERC-725 and ERC-7579, "Specification": other forms of a mode, which may be that of a delegatecall
  ...rows(DELEGATECALL, {
    "execute(uint256,address,uint256,bytes)": "44c028fe",
    "execute(bytes32,bytes)": "e9ae5c53",
  }),
  // OpenZeppelin Multicall, Uniswap periphery and Universal Router, Multicall3, Safe MultiSend; ERC-4337 accounts
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
    "execute((address,uint256,bytes)[])": "3f707e6b",
    "executeBatch((address,uint256,bytes)[])": "34fcd5be",
    "executeBatch(address[],uint256[],bytes[])": "47e1da2a",
    "executeBatch(address[],bytes[])": "18dfb3c7",
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
  ["426a8493", 2],
  ["3177029f", 1],
  ["cae9ca51", 1],
  ["2b67b570", 2],
]);
/** Functions whose argument of this number is an operation. */
const OPERATIONS: ReadonlySet<string> = new Set(["6a761202", "468721a7", "5229073f", "51945447"]);
const OPERATION_AT = 3;

/** Names a call of `to` with non-empty `data` that carries `value` wei. Never fails: what it cannot name is an unknown or
 *  malformed call. */
export function classify(to: string, value: bigint, data: Uint8Array): Seen {
  const row = BY_SELECTOR.get(toHex(data.subarray(0, 4)));
  if (row === undefined) return { other: UNKNOWN, moves: [] };
  const body = data.subarray(4);
  if (row.words !== null && body.length !== row.words * WORD) return { other: MALFORMED, moves: [] };
  const words = split(body);
  if (row.name === TRANSFER) return tokenTransfer(to, value, words);
  if (row.name === ALLOWANCE) return { other: allowance(row.selector, words), moves: [] };
  if (OPERATIONS.has(row.selector)) return { other: execution(words), moves: [] };
  return { other: row.name, moves: [] };
}

/** The four bytes that select a method, as hex.
 *  Source: Solidity, "Contract ABI Specification", Function Selector. */
export function selectorOf(method: string): string {
  return toHex(keccak_256(ascii(method)).subarray(0, 4));
}

/** The kind of a method that is in the table, or null. A token is paid as an asset of the rulebook, so its transfer is never
 *  called; nor is a method with another name whose four bytes are those of one in the table.
 *  Fails: CALL_INVALID. */
export function kindOf(method: string, field: string): string | null {
  const row = BY_SELECTOR.get(selectorOf(method));
  if (row === undefined) return null;
  demand(row.signature === method, "CALL_INVALID", field, `its four bytes are those of ${row.signature}`);
  demand(row.name !== TRANSFER, "CALL_INVALID", field, "a token is paid as an asset of the rulebook, never by a call");
  return row.name;
}

/** Every name of a call. What its arguments make worse than its kind has to be allowed by that name; the signature is not
 *  enough. Fails: CALL_INVALID as `kindOf`, and when the arguments of a known method make no sense. */
export function namesOf({ method, arguments: body }: Call): CallNames {
  const kind = kindOf(method, "intent.method");
  if (kind === null) return { all: [method], needed: null };
  const name = classify("", 0n, concat(fromHex(selectorOf(method)), body)).other as string;
  demand(name !== MALFORMED, "CALL_INVALID", "intent.arguments", `it is no ${kind} that is known`);
  return name === kind ? { all: [method, kind], needed: [method, kind] } : { all: [method, kind, name], needed: [name] };
}

/** Every way in which rules can speak of a dangerous call: for each known method what its arguments can make of it. */
export const DANGEROUS: readonly CallNames[] = CALLS.filter((row) => row.name !== TRANSFER).flatMap(
  ({ signature, selector, name }) => {
    const plain: CallNames = { all: [signature, name], needed: [signature, name] };
    const worse = (other: string): CallNames => ({ all: [signature, name, other], needed: [other] });
    if (name === ALLOWANCE) return [...(AMOUNT_AT.has(selector) ? [plain] : []), worse(`unlimited ${ALLOWANCE}`)];
    return OPERATIONS.has(selector) ? [plain, worse(DELEGATECALL)] : [plain];
  },
);

/** Names of kinds of calls that a rule can mean. */
export const KINDS: ReadonlySet<string> = new Set([
  ...CALLS.map((row) => row.name).filter((name) => name !== TRANSFER),
  `unlimited ${ALLOWANCE}`,
  DELEGATECALL,
]);

function tokenTransfer(token: string, value: bigint, words: readonly Uint8Array[]): Seen {
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
  if (operation === 0n) return EXECUTION;
  return operation === 1n ? DELEGATECALL : MALFORMED;
}

function split(body: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: Math.floor(body.length / WORD) }, (_, at) => body.subarray(at * WORD, (at + 1) * WORD));
}

function bytes20(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 20 }, (_, at) => Number((value >> BigInt(8 * (19 - at))) & 255n));
}
