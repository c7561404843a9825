/** The vault through the server: what it is, signed by itself, and the way of a device's own commands to it. */
import { StatusBody } from "@strongroom/core/protocol/command";
import { decode } from "@strongroom/core/signed/object";
import type { Handlers } from "../http/call.ts";

export const vault: Handlers<"vault"> = {
  async "vault.get"({ house }) {
    const [view, status] = await Promise.all([house.vault.view(), house.vault.demand({ command: "status" })]);
    const { live, waiting, waitingUntil, freezes } = decode(StatusBody, status.receipt.body);
    return {
      genesis: view.signedGenesis,
      rulebook: view.signedRulebook,
      head: view.signedHead,
      live,
      waiting: waiting === undefined ? null : { rulebook: waiting, until: new Date(waitingUntil ?? 0).toISOString() },
      freezes: freezes.map((freeze) => ({ ...freeze })),
    };
  },
  async "vault.relay"({ house }, { body }) {
    return { receipt: await house.vault.relay(body.command) };
  },
};
