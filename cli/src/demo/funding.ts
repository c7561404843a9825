/** Money for the demonstration: the token's contract, deposits from anvil's own accounts, whose keys are public, and invented
 *  prices. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Node, waitMined } from "../chain/evm.ts";
import { ROOT } from "../config.ts";
import { writeWhole } from "../device/files.ts";
import { fault } from "../faults.ts";
import { limits } from "../limits.ts";
import { ETH, TOKEN, USDX } from "./rulebook.ts";

/** Supply of the token in base units. */
const SUPPLY = 1_000_000_000n * 10n ** 6n;

type Transaction = { readonly to?: string; readonly value?: bigint; readonly data?: string };

/** Sends a transaction of anvil's first account, which the node signs itself, and waits for it. Fails: TRANSACTION_FAILED. */
async function sendFromAnvil({ rpc, ...node }: Node, { to, value, data }: Transaction): Promise<string> {
  const [from] = (await rpc("eth_accounts")) as readonly string[];
  const fields = { from, ...(to === undefined ? {} : { to }), ...(data === undefined ? {} : { data }) };
  const id = String(await rpc("eth_sendTransaction", { ...fields, value: `0x${(value ?? 0n).toString(16)}` }));
  const mined = await waitMined({ rpc, ...node }, [id]);
  return mined.succeeded ? id : fault("TRANSACTION_FAILED", id, "a deposit of the demonstration failed");
}

/** Deploys the token where it is missing. Gives the transaction, or null when it was there. Fails: STEP_FAILED. */
export async function ensureToken(node: Node): Promise<string | null> {
  if ((await codeAt(node)) !== "0x") return null;
  const { bytecode } = JSON.parse(readFileSync(join(ROOT, "tools", "demo", "token.json"), "utf8")) as { bytecode: string };
  const id = await sendFromAnvil(node, { data: `0x${bytecode}${SUPPLY.toString(16).padStart(64, "0")}` });
  if ((await codeAt(node)) === "0x") fault("STEP_FAILED", "token", `its contract is not at ${TOKEN}`);
  return id;
}

const codeAt = (node: Node): Promise<unknown> => node.rpc("eth_getCode", TOKEN, "latest");

/** Deposits wei. */
export function depositEther(node: Node, to: string, value: bigint): Promise<string> {
  return sendFromAnvil(node, { to, value });
}

/** Deposits tokens.   Source: EIP-20, transfer(address,uint256). */
export function depositTokens(node: Node, to: string, amount: bigint): Promise<string> {
  const words = [to.slice(2).toLowerCase(), amount.toString(16)].map((word) => word.padStart(64, "0"));
  return sendFromAnvil(node, { to: TOKEN, data: `0xa9059cbb${words.join("")}` });
}

/** Where the prices lie. */
export const pricesPath = (home: string): string => join(home, "sources", "prices.json");

/** Cents for a whole unit of each asset; ether moves by up to a euro. */
function pricesAt(at: number): readonly object[] {
  const minute = Math.floor(at / 60_000);
  const of = (asset: string, cents: number, unit: bigint) => {
    return { asset, currency: "eur", numerator: String(cents), denominator: String(unit) };
  };
  return [of("eth", 250_000 + (minute % 100), ETH), of("usdx", 92, USDX)];
}

/** Writes the prices now and from time to time, into the file that their source reads, as a market feed would; gives what ends
 *  that. */
export async function startPrices(home: string): Promise<() => void> {
  const write = () => writeWhole(pricesPath(home), `${JSON.stringify(pricesAt(Date.now()))}\n`);
  await write();
  // A folder that is gone is noticed by the programs that work in it.
  const timer = setInterval(() => void write().catch(() => undefined), limits.pricesMs);
  return () => clearInterval(timer);
}
