/** What a stored address-book entry must be: the columns say what its bytes say, and the vault has shown those bytes. Pure. */
import type { Hash } from "@strongroom/core/bytes";
import { equal } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { Entry } from "@strongroom/core/signed/entry";
import { decode, idOf } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { openSigned } from "../vault/signed.ts";
import type { EntryRow } from "./store.ts";

/** Columns that only index the entry. */
export type EntryColumns = {
  readonly hash: string;
  readonly name: string;
  readonly chain: number;
  readonly address: string;
  readonly class: string;
  readonly party: string;
  readonly entry: Uint8Array;
  readonly receipt: Uint8Array;
};

/** The entry, or null when bytes, columns and receipt do not belong together. */
export function entryOf(
  row: EntryColumns,
  { line, deployment }: { readonly line: readonly Uint8Array[]; readonly deployment: Hash },
): Entry | null {
  const receipt = openSigned(Receipt, row.receipt, line);
  const entry = attempt(() => decode(Entry, row.entry));
  if (receipt === null || receipt.code !== "OK" || !entry.ok || !equal(receipt.body, row.entry)) return null;
  const { name, chain, address, class: kind, party } = entry.value;
  const own = entry.value.deployment === deployment && idOf(Entry, row.entry) === row.hash;
  const same = name === row.name && chain === row.chain && address === row.address && kind === row.class && party === row.party;
  return own && same ? entry.value : null;
}

/** What the events about an entry say of its row. */
export const entryRecord = ({ hash, state, request, created_at, retired_at }: EntryRow) => ({
  ...{ id: hash, state, request },
  created_at: created_at.toISOString(),
  retired_at: retired_at?.toISOString() ?? null,
});
