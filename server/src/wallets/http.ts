/** Wallets over the API. A wallet comes by a request of its kind; here it is shown, labelled and given to a unit. */

import type { Wallet } from "@strongroom/sdk/contract/custody";
import { Slug } from "@strongroom/sdk/contract/fields";
import { moveWatched } from "../chain/store.ts";
import { emit } from "../events/store.ts";
import { type Call, type Handlers, problem } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import { walletOf, walletRecord } from "./rules.ts";
import { changeWallet, listWallets, visibleWallet, type WalletRow } from "./store.ts";

/** A wallet as it is shown; what is not the vault's own is not. Fails: RECORD_TAMPERED. */
export function showWallet(row: WalletRow, line: readonly Uint8Array[]): Wallet {
  const shown = walletOf(row, line);
  if (shown === null) problem("RECORD_TAMPERED", "wallet", `the record of wallet ${row.name} is not what the vault has signed`);
  return {
    name: row.name,
    chain: row.chain,
    walletClass: row.wallet_class,
    client: row.client,
    unit: row.unit,
    ruledAs: shown.unit ?? null,
    label: row.label,
    receipt: row.receipt,
    createdAt: row.created_at.toISOString(),
    version: row.version,
  };
}

/** A wallet that the caller may see. Fails: NOT_FOUND at `field`. */
export async function demandWallet(
  { tx, caller }: Pick<Call, "tx" | "caller">,
  name: string,
  field: string,
): Promise<WalletRow> {
  return (await visibleWallet(tx, caller, name)) ?? problem("NOT_FOUND", field, `there is no wallet ${name} that you may see`);
}

export const wallets: Handlers<"wallets"> = {
  async "wallets.list"({ house, caller, tx }, { query }) {
    const { line } = await house.vault.view();
    return paged({
      list: "wallets.list",
      query,
      key: [Slug],
      keyOf: (row: WalletRow) => [row.name] as const,
      read: ({ after, take }) =>
        listWallets(tx, caller, { after: after?.[0] ?? null, limit: take, client: query.client, unit: query.unit }),
      show: (row) => showWallet(row, line),
    });
  },
  async "wallets.get"(call, { params }) {
    const { line } = await call.house.vault.view();
    return showWallet(await demandWallet(call, params.name, "params.name"), line);
  },
  async "wallets.change"(call, { params, body }) {
    const { tx, caller, house } = call;
    const { line } = await house.vault.view();
    const row = await demandWallet(call, params.name, "params.name");
    call.demandMatch(showWallet(row, line));
    const foreign = body.unit !== undefined && !caller.units.includes(body.unit);
    if (foreign) problem("NOT_FOUND", "body.unit", `there is no unit ${body.unit} that you may see`);
    const changed = await changeWallet(tx, row.name, body);
    if (body.unit !== undefined) await moveWatched(tx, { wallet: row.name, unit: body.unit });
    const data = { before: { label: row.label, unit: row.unit }, after: { label: changed.label, unit: changed.unit } };
    await emit(tx, {
      type: "wallet.changed",
      subject: `wallet:${row.name}`,
      actor: caller.name,
      unit: changed.unit,
      client: row.client,
      data,
      record: walletRecord(changed),
    });
    return showWallet(changed, line);
  },
};
