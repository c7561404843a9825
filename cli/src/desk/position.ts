/** Whether the position that a payment or call takes covers it, by the server's books. It only advises: the server holds what
 *  it needs in its own transaction, and the vault judges. */
import { formatAmount } from "@strongroom/core/money/amount";
import { findChain } from "@strongroom/core/text/render";
import type { Client } from "@strongroom/sdk/client";
import type { Account } from "@strongroom/sdk/contract/books";
import { fault } from "../faults.ts";
import type { Transacting } from "../vault/fees.ts";
import type { Session } from "../vault/session.ts";

type Asked = {
  readonly session: Pick<Session, "book">;
  readonly content: Transacting;
  /** The client who is to pay out of an omnibus wallet. */
  readonly payer: string | undefined;
  readonly fee: bigint;
};

/** Fails: FUNDS_SHORT, `ApiProblem`. */
export async function demandPosition(client: Client, { session, content, payer, fee }: Asked): Promise<void> {
  if (content.kind === "cancel") return;
  const { native } = findChain(session.book(), content.chain);
  const moved = content.kind === "pay" ? content.asset : native;
  const wallet = await client.call("wallets.get", { params: { name: content.wallet } });
  const owner = wallet.client ?? payer ?? null;
  const position = { owner, pool: wallet.client === null ? "omnibus" : wallet.name };
  const inNative = moved === native ? content.amount + fee : fee;
  const needs = [...(moved === native ? [] : [{ asset: moved, amount: content.amount }]), { asset: native, amount: inNative }];
  for (const { asset, amount } of needs) {
    const held = availableIn(await accountsOf(client, asset), position);
    const words = (units: bigint) => `${formatAmount(units, session.book().assets.get(asset)?.decimals ?? 0)} ${asset}`;
    const whose = owner === null ? "the institution" : `client ${owner}`;
    if (held < amount) fault("FUNDS_SHORT", asset, `${whose} has ${words(held)} available, and this takes ${words(amount)}`);
  }
}

async function accountsOf(client: Client, asset: string): Promise<readonly Account[]> {
  const accounts: Account[] = [];
  for await (const account of client.each("accounts.list", { query: { asset } })) accounts.push(account);
  return accounts;
}

function availableIn(accounts: readonly Account[], { owner, pool }: { owner: string | null; pool: string }): bigint {
  const type = owner === null ? "house" : "client";
  return accounts.find((one) => one.type === type && one.subject === (owner ?? "") && one.pool === pool)?.available ?? 0n;
}
