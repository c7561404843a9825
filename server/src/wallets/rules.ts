/** What a stored wallet must be: the columns say what the vault's own signed receipt says. Pure. */
import { attempt } from "@strongroom/core/errors";
import { WalletBody } from "@strongroom/core/protocol/command";
import { decode } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { openSigned } from "../vault/signed.ts";
import type { WalletRow } from "./store.ts";

/** Columns that only index the receipt. */
export type WalletColumns = {
  readonly name: string;
  readonly chain: number;
  readonly wallet_class: string;
  readonly client: string | null;
  readonly receipt: Uint8Array;
};

/** The wallet that the receipt shows, or null when it is not the vault's or says something else than the columns. */
export function walletOf(row: WalletColumns, line: readonly Uint8Array[]): WalletBody | null {
  const receipt = openSigned(Receipt, row.receipt, line);
  if (receipt === null || receipt.code !== "OK") return null;
  const body = attempt(() => decode(WalletBody, receipt.body));
  if (!body.ok) return null;
  const { wallet, chain, walletClass, client = null } = body.value;
  const same = wallet === row.name && chain === row.chain && walletClass === row.wallet_class && client === row.client;
  return same ? body.value : null;
}

/** What the events about a wallet say of its row. */
export const walletRecord = ({ unit, label, client, created_at, version }: Omit<WalletRow, "receipt">) => ({
  ...{ unit, label, client },
  created_at: created_at.toISOString(),
  version,
});
