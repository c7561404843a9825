/** Receiving addresses: derived from the wallet's public key, remembered, and attested for client, wallet, chain and path. */
import { fromHex, toHex } from "@strongroom/core/bytes";
import { chainOf } from "@strongroom/core/chain/table";
import { demand, refuse } from "@strongroom/core/errors";
import { deriveAddressKey } from "@strongroom/core/keys/hd";
import type { CommandOf } from "@strongroom/core/protocol/command";
import { Attestation } from "@strongroom/core/signed/attestation";
import { encode } from "@strongroom/core/signed/object";
import { findChain } from "@strongroom/core/text/render";
import { MAX_ADDRESSES } from "../limits.ts";
import { get } from "../state/map.ts";
import type { Address, Wallet } from "../state/state.ts";
import type { Now, Outcome } from "../types.ts";
import type { Founded } from "./approvals.ts";
import { ok, recordAt } from "./draft.ts";

/** Fails: WALLET_UNKNOWN, TABLE_FULL. */
export function attest(state: Founded, now: Now, { wallet: name, index }: CommandOf<"address">): Outcome {
  const wallet = get(state.wallets, name);
  if (wallet === undefined) refuse("WALLET_UNKNOWN", "wallet", `there is no wallet ${name}`);
  const known = get(state.addresses, `${name}/${index}`);
  if (known !== undefined) return { records: [], effects: [ok(attestation(state, wallet, known), "attestation")] };
  demand(state.addresses.size < MAX_ADDRESSES, "TABLE_FULL", "addresses", `${MAX_ADDRESSES} addresses are attested`);
  const account = { publicKey: fromHex(wallet.publicKey), chainCode: fromHex(wallet.chainCode) };
  const key = deriveAddressKey(account, index);
  const address = chainOf(findChain(state.book, wallet.chain).family).address(key);
  const fresh: Address = { wallet: name, index, address, publicKey: toHex(key) };
  const record = recordAt(now, { kind: "addressed", ...fresh });
  return { records: [record], effects: [ok(attestation(state, wallet, fresh), "attestation")] };
}

function attestation(state: Founded, wallet: Wallet, { index, address, publicKey }: Address): Uint8Array {
  return encode(Attestation, {
    version: 1,
    deployment: state.deployment,
    vault: state.vault,
    ...(wallet.client !== undefined && { client: wallet.client }),
    wallet: wallet.name,
    chain: wallet.chain,
    index,
    path: `${wallet.path}/0/${index}`,
    publicKey,
    address,
  });
}
