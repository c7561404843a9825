/** What the vault shows of itself through a session: wallets, attested addresses, address-book entries. */
import type { Hash } from "@strongroom/core/bytes";
import { evm } from "@strongroom/core/chain/evm/evm";
import { attempt } from "@strongroom/core/errors";
import type { WalletBody } from "@strongroom/core/protocol/command";
import type { Attestation } from "@strongroom/core/signed/attestation";
import { Entry } from "@strongroom/core/signed/entry";
import type { IntentOf } from "@strongroom/core/signed/intent";
import { decode, idOf } from "@strongroom/core/signed/object";
import { raise } from "../faults.ts";
import { openAttestation, readWallet } from "../verify/attestation.ts";
import type { Session } from "./session.ts";

/** What asking about one thing needs of a session. */
export type Asking = Pick<Session, "demand" | "deployment">;

/** A wallet as the vault knows it. Fails: RECEIPT_FORGED, as `Session.demand`. */
export async function fetchWallet(session: Asking, name: string): Promise<WalletBody> {
  return readWallet(await session.demand({ command: "show", what: "wallet", name }), name);
}

/** The attested address of a wallet, derived here once more. Fails: ATTESTATION_WRONG, RECEIPT_FORGED, as `Session.demand`. */
export async function attestedAddress(
  session: Asking & Pick<Session, "vaultKey">,
  name: string,
  index: number,
): Promise<Attestation> {
  const wallet = await fetchWallet(session, name);
  const signed = await session.demand({ command: "address", wallet: name, index });
  return openAttestation(signed, { wallet, index, expected: session });
}

/** An entry in force, and the hash of its bytes. Fails: RECEIPT_FORGED, as `Session.demand`. */
export async function fetchEntry(session: Asking, name: string): Promise<{ hash: Hash; entry: Entry }> {
  const bytes = await session.demand({ command: "show", what: "entry", name });
  const opened = attempt(() => {
    const entry = decode(Entry, bytes);
    evm.parseAddress(entry.address, "entry.address");
    return entry;
  });
  const fits = opened.ok && opened.value.name === name && opened.value.deployment === session.deployment;
  return fits
    ? { hash: idOf(Entry, bytes), entry: opened.value }
    : raise("RECEIPT_FORGED", "entry", "it is not the entry that was asked for");
}

/** The destination of a payment: the entry in force, as the vault shows it. Fails: as `fetchEntry`. */
export async function destinationOf(session: Asking, name: string): Promise<IntentOf<"pay">["destination"]> {
  const { hash, entry } = await fetchEntry(session, name);
  return { entry: entry.name, hash, address: entry.address };
}
