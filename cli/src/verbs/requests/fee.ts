/** What a payment, call or cancellation may cost: told on the command line, or some times today's fees, by the chain's node
 *  or by the server. What could never be carried out is told here, before anybody signs. */

import { fromHex } from "@strongroom/core/bytes";
import { demand } from "@strongroom/core/errors";
import { formatAmount } from "@strongroom/core/money/amount";
import { findChain } from "@strongroom/core/text/render";
import type { Client } from "@strongroom/sdk/client";
import { attestedAddress } from "@strongroom/sdk/vault/show";
import type { Node } from "../../chain/evm.ts";
import { watchedAddress } from "../../desk/address.ts";
import type { Request } from "../../desk/desk.ts";
import { demandPosition } from "../../desk/position.ts";
import {
  type Calling,
  type Cancellation,
  calldataOf,
  contextOf,
  dearest,
  demandFunds,
  NOTHING,
  offersOf,
  outbid,
  type Payment,
  type Quote,
  quote,
} from "../../vault/fees.ts";
import type { Session } from "../../vault/session.ts";
import { versionsHere, versionsThere } from "../../vault/versions.ts";
import { type At, amountFrom, type Context, nodeFor, type Verb } from "../../verb.ts";

/** The approved fee is this many times today's, so that a payment can wait or be bumped. */
const FEE_ROOM = 3n;

export const COSTS: Verb["options"] = {
  fee: { value: "AMOUNT", what: "most that the fees may come to, in the native asset (default: three times today's)" },
};

/** What is to be signed, but for its fee. `former`: what it replaces. `payer`: the client whose position pays. */
export type Wish = {
  readonly session: Session;
  readonly at: At;
  readonly content:
    | ((Payment | Calling) & { readonly replaces?: Request["id"] })
    | (Cancellation & { readonly replaces: Request["id"] });
  readonly index: number;
  readonly former: Request | null;
  readonly payer: string | undefined;
};

/** What the fees may come to: as told, or some times today's.
 *  Fails: FEE_TOO_LOW, FEE_TOO_HIGH, FEES_RISEN, FUNDS_SHORT, WALLET_UNKNOWN, as `quote`, `ApiProblem`. */
export async function feeFor(context: Context, { session, at, content, index, former, payer }: Wish): Promise<bigint> {
  const { chain: id, wallet } = content;
  const chain = findChain(session.book(), id);
  const decimals = session.book().assets.get(chain.native)?.decimals ?? 0;
  const words = (fee: bigint) => nativeWords(session, id, fee);
  const text = context.text("fee");
  const told = text === undefined ? undefined : amountFrom(text, decimals, "fee");
  const allowed = told === undefined || told <= chain.maxFee;
  demand(allowed, "FEE_TOO_HIGH", "fee", `the rulebook allows ${words(chain.maxFee)} for one transaction`);
  const attested =
    at.client === null
      ? await attestedAddress(session, wallet, index)
      : (await watchedAddress(session, at.client, { wallet, index })).attestation;
  demand(attested.chain === id, "WALLET_UNKNOWN", "from", `${wallet} is a wallet on chain ${attested.chain}, not ${id}`);
  const asked = { session, content, index, former, from: attested.address, told, maxFee: chain.maxFee };
  if (at.client !== null) return feeByServer(at.client, { ...asked, payer });
  // A device that knows no node may still say what a payment is to cost.
  if (told !== undefined && former === null && at.config.chains[String(id)] === undefined) return told;
  return feeByNode(await nodeFor(at.config, id), asked);
}

type Asked = Pick<Wish, "session" | "content" | "index" | "former"> & {
  readonly from: string;
  readonly told: bigint | undefined;
  readonly maxFee: bigint;
};

/** As the chain's node says. */
async function feeByNode(node: Node, { session, content, index, former, from, told, maxFee }: Asked): Promise<bigint> {
  if (told === undefined) await demandFunds(session, node, content, { from, feeMax: 0n });
  const offers = former === null ? {} : { offers: await offersOf(session, versionsHere(session, node), former.id) };
  const quoted = await quote(session, node, content, { index, ...offers });
  const fee = settle(session, { content, told, maxFee, roomy: quoted.most * FEE_ROOM, ...quoted });
  contextOf(quoted, fee, index);
  return fee;
}

/** As the server says, which knows the nodes and the positions. */
async function feeByServer(client: Client, it: Asked & Pick<Wish, "payer">): Promise<bigint> {
  const { session, content, former, from, told, maxFee } = it;
  const { chain } = content;
  const asset = content.kind === "pay" ? content.asset : findChain(session.book(), chain).native;
  const [to, amount] = content.kind === "cancel" ? [from, 0n] : [content.destination.address, content.amount];
  const data = content.kind === "call" ? { data: fromHex(calldataOf(content).slice(2)) } : {};
  if (former === null) await demandPosition(client, { session, content, payer: it.payer, fee: told ?? 0n });
  const quoted = await client.call("chains.quote", {
    params: { chain: String(chain) },
    body: { from, to, asset, amount, ...data },
  });
  const { gasLimit, maxFeePerGas, maxPriorityFeePerGas, totalFee } = quoted;
  const offers = former === null ? NOTHING : await offersOf(session, versionsThere(client), former.id);
  const least = outbid(offers);
  const fees = dearest([{ maxFeePerGas, maxPriorityFeePerGas }, least]);
  const bid = BigInt(gasLimit) * fees.maxFeePerGas * FEE_ROOM;
  const fee = settle(session, { content, told, maxFee, roomy: totalFee > bid ? totalFee : bid, gasLimit, least });
  // The server offers twice the coming base fee and a tip, so half of it is the least that a block takes.
  const base = (maxFeePerGas - maxPriorityFeePerGas) / 2n;
  contextOf({ fees, gasLimit, most: 0n, from, least, base }, fee, it.index);
  return fee;
}

type Bid = Pick<Asked, "content" | "told" | "maxFee"> & Pick<Quote, "gasLimit" | "least"> & { readonly roomy: bigint };

/** The fee as told, else with room, within the rulebook's bound. Fails: FEE_TOO_LOW, FEE_TOO_HIGH where it replaces nothing. */
function settle(session: Session, { content, told, maxFee, roomy, gasLimit, least }: Bid): bigint {
  const fee = told ?? (roomy < maxFee ? roomy : maxFee);
  const required = BigInt(gasLimit) * least.maxFeePerGas;
  const code = told === undefined ? "FEE_TOO_HIGH" : "FEE_TOO_LOW";
  const words = (amount: bigint) => nativeWords(session, content.chain, amount);
  demand(fee >= required, code, "fee", `to replace what was sent takes ${words(required)}, and this may cost ${words(fee)}`);
  return fee;
}

function nativeWords(session: Session, id: number, amount: bigint): string {
  const { native } = findChain(session.book(), id);
  return `${formatAmount(amount, session.book().assets.get(native)?.decimals ?? 0)} ${native}`;
}
