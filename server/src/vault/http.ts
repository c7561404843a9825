/** The vault through the server: what it is, signed by itself, and the way of a device's own commands to it. */
import { attempt } from "@strongroom/core/errors";
import { Command, StatusBody } from "@strongroom/core/protocol/command";
import { decode } from "@strongroom/core/signed/object";
import { seesAll } from "../events/store.ts";
import { type Call, type Handlers, problem } from "../http/call.ts";
import { visibleRequest } from "../requests/store.ts";
import { visibleWallet } from "../wallets/store.ts";

/** What the server does not show a caller, the vault does not show him through it: it knows of no units and clients. Rulebook
 *  and address book are everybody's. Fails: FORBIDDEN. */
async function demandVisible({ tx, caller }: Call, command: Uint8Array): Promise<void> {
  const read = attempt(() => decode(Command, command));
  if (!read.ok || read.value.command !== "show" || (await seesAll(tx, caller))) return;
  const { what, name } = read.value;
  const visible = { wallet: visibleWallet, execution: visibleRequest, entry: null, rulebook: null }[what];
  if (visible === null || (await visible(tx, caller, name)) !== undefined) return;
  problem("FORBIDDEN", "body.command", `There is no ${what} of that name that you may see.`);
}

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
  async "vault.relay"(call, { body }) {
    await demandVisible(call, body.command);
    return { receipt: await call.house.vault.relay(body.command) };
  },
};
