/** Wallets, addresses and clients in memory: there is one wallet with one address, and no client. */
import type * as addresses from "../../../server/src/addresses/store.ts";
import type { AddressRow } from "../../../server/src/addresses/store.ts";
import type * as clients from "../../../server/src/clients/store.ts";
import type * as own from "../../../server/src/wallets/store.ts";
import type { WalletRow } from "../../../server/src/wallets/store.ts";
import { type Database, enter, Table } from "./database.ts";

export const walletsIn = (base: Database) => new Table<WalletRow>(base, "wallet");
export const addressesIn = (base: Database) => new Table<AddressRow>(base, "address");

export const findWallet: typeof own.findWallet = async (db, name) => walletsIn(await enter(db)).get(name);
export const visibleWallet: typeof own.visibleWallet = async (db, _caller, name) => walletsIn(await enter(db)).get(name);
export const findWallets: typeof own.findWallets = async (db, names) => {
  const table = walletsIn(await enter(db));
  return new Map(names.flatMap((name) => table.get(name) ?? []).map((row) => [row.name, row]));
};

export const findAddress: typeof addresses.findAddress = async (db, wallet, index) =>
  addressesIn(await enter(db)).get(`${wallet}/${index}`);

export const findClient: typeof clients.findClient = async (db) => {
  await enter(db);
  return undefined;
};
