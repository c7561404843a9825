/** The vault in memory at the end of a wire, as the SDK reaches it: its answers signed by the vault's own identity key and in
 *  the receipts of the vault's host. */

import type { Hash } from "../../core/src/bytes.ts";
import { Command, ProtectionsBody } from "../../core/src/protocol/command.ts";
import { decode, encode } from "../../core/src/signed/object.ts";
import type { Wire } from "../../sdk/src/vault/session.ts";
import { receiptsOf, requestHash } from "../../vault/src/host/receipts.ts";
import type { Device } from "../world/keys.ts";
import type { MemoryVault } from "../world/vault.ts";
import { KEYS } from "../world/world.ts";

/** `change` may do to a reply what a hostile carrier could; `signer` signs in the vault's place. */
export type Carrier = { readonly change?: (reply: Uint8Array, command: Command) => Uint8Array; readonly signer?: Device };

export function wireTo(vault: MemoryVault, { change = (reply) => reply, signer = KEYS.vault }: Carrier = {}): Wire {
  const identity = {
    id: signer.id,
    publicKey: signer.publicKey,
    sign: (challenge: Uint8Array) => signer.sign(challenge).signature,
    signCheckpoint: () => {
      throw new Error("no checkpoint is asked for here");
    },
  };
  return {
    async call(bytes) {
      const command = decode(Command, bytes);
      const protections = { code: "OK", field: "", detail: "", body: encode(ProtectionsBody, { protections: [] }) } as const;
      const answer = command.command === "protections" ? protections : vault.send(bytes);
      const { seq, head, boot, deployment } = vault.state;
      const stand = { deployment, seq, chain: head, at: vault.now.lo };
      return change(receiptsOf(identity, boot as Hash)(requestHash(bytes), answer, stand), command);
    },
    close: () => undefined,
  };
}
