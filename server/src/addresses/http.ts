/** Receiving addresses over the API. The vault derives and attests them; an address whose attestation does not hold is not
 *  shown. */
import { Attestation } from "@strongroom/core/signed/attestation";
import type { Address } from "@strongroom/sdk/contract/custody";
import { z } from "zod";
import { watchAddress } from "../chain/store.ts";
import { findClient } from "../clients/store.ts";
import { emit } from "../events/store.ts";
import { type Call, type Handlers, problem } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import type { View } from "../vault/link.ts";
import { openSigned } from "../vault/signed.ts";
import { demandWallet } from "../wallets/http.ts";
import type { WalletRow } from "../wallets/store.ts";
import { addressRecord, attestationOf } from "./rules.ts";
import { type AddressRow, findAddress, insertAddress, listAddresses, nextIndex } from "./store.ts";

const IndexText = z.string().regex(/^(?:0|[1-9]\d{0,9})$/);

/** An address as it is shown. Fails: RECORD_TAMPERED. */
function show(row: AddressRow, view: Pick<View, "line" | "deployment">): Address {
  const whole = attestationOf(row, view) !== null;
  if (!whole)
    problem("RECORD_TAMPERED", "address", `address ${row.index} of wallet ${row.wallet} is not what the vault attested`);
  const { wallet, index, chain, address, client, attestation } = row;
  return { wallet, index, chain, address, client, attestation, createdAt: row.created_at.toISOString() };
}

/** Whose deposits to a new address are: the wallet's client, or for an omnibus wallet the client that is named. */
async function clientFor(call: Call, wallet: WalletRow, named: string | undefined): Promise<string | null> {
  const client = named ?? wallet.client ?? call.caller.client;
  if (wallet.client !== null && client !== wallet.client)
    problem("CONFLICT", "body.client", `wallet ${wallet.name} is ${wallet.client}'s alone`);
  if (client === null) return null;
  const found = await findClient(call.tx, call.caller, client);
  if (found === undefined) problem("NOT_FOUND", "body.client", `there is no client ${client} that you may see`);
  if (found.state === "closed") problem("STATE_CONFLICT", "body.client", `client ${client} is closed`);
  return client;
}

/** Has the vault attest it, and enters it with everything that hangs on it. */
async function attest(call: Call, wallet: WalletRow, it: { index: number; client: string | null }): Promise<AddressRow> {
  const { house, tx, caller } = call;
  const { index, client } = it;
  const { receipt } = await house.vault.demand({ command: "address", wallet: wallet.name, index });
  const view = await house.vault.view();
  const attestation = receipt.body;
  const draft = { wallet: wallet.name, index, chain: wallet.chain, client, attestation, created_at: new Date(house.now()) };
  const attested = attestationOf({ ...draft, address: addressIn(attestation, view) }, view);
  if (attested === null) problem("VAULT_UNREACHABLE", "attestation", "the vault's answer is not about this address");
  const row = { ...draft, address: attested.address };
  if (!(await insertAddress(tx, row))) problem("CONFLICT", "body.index", "it is being attested at the same time; ask again");
  const { unit } = wallet;
  await watchAddress(tx, { chain: row.chain, address: row.address, wallet: wallet.name, index, client, unit });
  const data = { wallet: wallet.name, index, address: row.address };
  const subject = `address:${wallet.name}/${index}`;
  await emit(tx, {
    type: "address.attested",
    subject,
    actor: caller.name,
    unit,
    client,
    data,
    signed: attestation,
    record: addressRecord(row),
  });
  return row;
}

function addressIn(attestation: Uint8Array, view: Pick<View, "line">): string {
  return openSigned(Attestation, attestation, view.line)?.address ?? "";
}

export const addresses: Handlers<"addresses"> = {
  async "addresses.create"(call, { params, body }) {
    const wallet = await demandWallet(call, params.wallet, "params.wallet");
    const view = await call.house.vault.view();
    const client = await clientFor(call, wallet, body.client);
    const index = body.index ?? (await nextIndex(call.tx, wallet.name));
    const known = await findAddress(call.tx, wallet.name, index);
    if (known === undefined) return show(await attest(call, wallet, { index, client }), view);
    if (known.client !== client)
      problem("CONFLICT", "body.index", `address ${index} of wallet ${wallet.name} has another client`);
    return show(known, view);
  },
  async "addresses.list"(call, { params, query }) {
    const wallet = await demandWallet(call, params.wallet, "params.wallet");
    const view = await call.house.vault.view();
    const client = call.caller.client ?? query.client;
    return paged({
      list: "addresses.list",
      query,
      key: [IndexText],
      keyOf: (row: AddressRow) => [String(row.index)] as const,
      read: ({ after, take }) =>
        listAddresses(call.tx, wallet.name, { after: after === null ? -1 : Number(after[0]), limit: take, client }),
      show: (row) => show(row, view),
    });
  },
  async "addresses.get"(call, { params }) {
    const wallet = await demandWallet(call, params.wallet, "params.wallet");
    const row = await findAddress(call.tx, wallet.name, Number(params.index));
    const foreign = call.caller.client !== null && row?.client !== call.caller.client;
    if (row === undefined || foreign)
      problem("NOT_FOUND", "params.index", `wallet ${wallet.name} has no address ${params.index}`);
    return show(row, await call.house.vault.view());
  },
};
