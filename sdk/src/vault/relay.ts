/** The way to the vault through the server: commands go and receipts come by the endpoint `vault.relay`. The server can delay
 *  and withhold; it cannot change anything that a session would not notice. */
import type { Client } from "../client.ts";
import { raise, SdkFault } from "../faults.ts";
import type { Wire } from "./session.ts";

/** A wire through the server. Its calls fail as `Client.call` until a first reply was heard; then a silence of the network is
 *  NO_RECEIPT. */
export function openRelay(client: Pick<Client, "call">): Wire {
  let heard = false;
  return {
    async call(command) {
      try {
        const { receipt } = await client.call("vault.relay", { body: { command } });
        heard = true;
        return receipt;
      } catch (error) {
        if (heard && error instanceof SdkFault) raise("NO_RECEIPT", "vault.relay", error.detail, error);
        throw error;
      }
    },
    close: () => undefined,
  };
}
