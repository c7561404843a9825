/** Wallets and their receiving addresses: a wallet is an account key of the key store, an address is derived from its public
 *  half, remembered, and attested for client, wallet, chain and path. */
import { fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import { chainOf } from "@strongroom/core/chain/table";
import { demand, refuse } from "@strongroom/core/errors";
import { accountPath, deriveAddressKey } from "@strongroom/core/keys/hd";
import type { CommandOf } from "@strongroom/core/protocol/command";
import { Attestation } from "@strongroom/core/signed/attestation";
import { SUBJECT } from "@strongroom/core/signed/fact";
import type { IntentOf } from "@strongroom/core/signed/intent";
import { encode } from "@strongroom/core/signed/object";
import { findChain } from "@strongroom/core/text/render";
import { MAX_ADDRESSES, MAX_WALLETS } from "../limits.ts";
import { get, has, values } from "../state/map.ts";
import type { Address, Founded, Opening, Wallet } from "../state/state.ts";
import type { Effect, KeySpec, Now, Outcome } from "../types.ts";
import { ok, recordAt } from "./draft.ts";
import type { Change } from "./entry.ts";
import { whenOf } from "./evidence/clock.ts";
import { demandUnit, type Order, walletSubject } from "./payment/resolve.ts";
import { demandRules, type Judged } from "./rules.ts";

/** Asks for a wallet's key. Fails: those of `openingOf`, rules and `demandRoom`. */
export function openWallet(state: Founded, now: Now, order: Order<IntentOf<"wallet">>, change: Change): Outcome {
  const { id, intent, bytes } = order;
  demandRules(state, now, openingOf(state, now, order, change));
  demandRoom(state);
  const path = accountPath(findChain(state.book, intent.chain).family, state.accounts);
  const record = recordAt(now, { kind: "creating", intent: bytes, approvals: change.approvals, path });
  return { records: [record], effects: createKey(id, { path }) };
}

/** A wallet as the rules are asked about it. Fails: CHAIN_UNKNOWN, WALLET_EXISTS, UNIT_UNKNOWN. */
export function openingOf(
  state: Founded,
  now: Now,
  { id, intent }: Order<IntentOf<"wallet">>,
  { person, approvers, stated }: Change,
): Judged {
  const { wallet } = intent;
  const chain = findChain(state.book, intent.chain);
  const asked = values(state.openings, (opening) => opening.intent.wallet === wallet);
  demand(asked.length === 0 && !has(state.wallets, wallet), "WALLET_EXISTS", "intent.wallet", `there is a wallet ${wallet}`);
  demandUnit(state, intent.unit);
  const source = walletSubject(state, { class: intent.walletClass, client: intent.client, unit: intent.unit });
  const touched = { chain: chain.id, wallet, ...(source.units !== undefined && { units: source.units }) };
  const subject = { kind: "wallet", initiator: person, when: whenOf(state, now), chain: chain.id, wallet, ...source } as const;
  const about = { subjects: { simulation: SUBJECT.intent(id), clock: SUBJECT.clock() } };
  return { id, subject, touched, approvers, stated, about, quotes: new Map() };
}

/** Fails: TABLE_FULL. */
export function demandRoom({ accounts }: Founded): void {
  demand(accounts < MAX_WALLETS, "TABLE_FULL", "wallets", `${MAX_WALLETS} wallets are open`);
}

/** Whoever asked waits for the key. */
export function createKey(id: Hash, opening: Pick<Opening, "path">): readonly Effect[] {
  return [{ reply: { wait: id } }, { create: keySpec(id, opening) }];
}

/** What the key store is asked to make. */
export function keySpec(id: Hash, { path }: Pick<Opening, "path">): KeySpec {
  return { id, path, scheme: "secp256k1" };
}

/** Fails: WALLET_UNKNOWN, CHAIN_UNKNOWN, TABLE_FULL. */
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
