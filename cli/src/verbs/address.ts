/** `strongroom address` and `strongroom entry`: addresses of ours, attested by the vault and derived here once more, and those
 *  of others, which may be paid once they are in the address book. */
import { evm } from "@strongroom/core/chain/evm/evm";
import { formatAmount } from "@strongroom/core/money/amount";
import { Entry } from "@strongroom/core/signed/entry";
import { encode } from "@strongroom/core/signed/object";
import { balanceOf, tokenBalanceOf } from "../chain/evm.ts";
import { openKey } from "../device/keyFile.ts";
import { fault } from "../faults.ts";
import { columns } from "../screen.ts";
import { attestedAddress } from "../vault/address.ts";
import { makeIntent } from "../vault/intents.ts";
import type { Session } from "../vault/session.ts";
import { type Answer, type Context, named, needed, nodeFor, SIGNING, type Verb, withSession } from "../verb.ts";
import { requestIntent } from "./pay.ts";

export const address: Verb = {
  name: "address",
  takes: "WALLET [INDEX]",
  what: "a receiving address, attested by the vault for wallet, client and chain",
  options: { balance: { what: "ask the chain's node what lies there" } },
  examples: ["address treasury", "address treasury 1 --balance"],
  async run(context) {
    const [wallet = "", index = "0"] = named(context, "WALLET", "INDEX?");
    if (!/^(0|[1-9]\d{0,9})$/.test(index)) fault("USAGE", "INDEX", "a whole number is expected");
    return withSession(context, async (session, config) => {
      const attestation = await attestedAddress(session, wallet, Number(index));
      const facts = [
        ["address", attestation.address],
        ["wallet", attestation.wallet],
        ["client", attestation.client ?? "(omnibus: no single client)"],
        ["chain", String(attestation.chain)],
        ["path", attestation.path],
        ["checked", "signed by the pinned vault, derived from the wallet's public key here"],
      ];
      const balances: { [asset: string]: string } = {};
      if (context.on("balance")) {
        const node = await nodeFor(config, attestation.chain);
        for (const asset of session.book().document.assets.filter((item) => item.chain === attestation.chain)) {
          const { contract } = asset;
          const amount = await (contract === undefined
            ? balanceOf(node, attestation.address)
            : tokenBalanceOf(node, contract, attestation.address));
          balances[asset.id] = formatAmount(amount, asset.decimals);
          facts.push(["balance", `${formatAmount(amount, asset.decimals)} ${asset.id}`]);
        }
      }
      const { version: _, client, ...rest } = attestation;
      return { text: columns(facts), json: { ...rest, ...(client === undefined ? {} : { client }), balances } };
    });
  },
};

const CLASSES = ["exchange", "vasp", "self-hosted", "contract", "own"] as const;

export const entryNew: Verb = {
  name: "entry new",
  takes: "NAME",
  what: "request an address-book entry: a destination that may be paid once it is approved",
  options: {
    address: { value: "ADDRESS", what: "the address itself, with its checksum" },
    class: { value: "CLASS", what: `what it is: ${CLASSES.join(", ")}` },
    party: { value: "TEXT", what: "who is behind the address" },
    chain: { value: "ID", what: "chain id (default: the rulebook's only chain)" },
    own: { value: "WALLET/INDEX", what: "for class own: where the vault derives the address" },
    purpose: { value: "TEXT", what: "why, in your words" },
    ...SIGNING,
  },
  examples: ["entry new harbor --address 0x… --class exchange --party 'Harbor Exchange' --key tina"],
  async run(context) {
    const [name = ""] = named(context, "NAME");
    return withSession(context, (session) => requestEntry(context, session, name));
  },
};

async function requestEntry(context: Context, session: Session, name: string): Promise<Answer> {
  const word = needed(context, "class");
  const destination =
    CLASSES.find((item) => item === word) ?? fault("USAGE", "class", `one of ${CLASSES.join(", ")} is expected`);
  const { chains } = session.book().document;
  const chain = Number(
    context.text("chain") ?? (chains.length === 1 ? chains[0]?.id : fault("USAGE", "chain", "--chain is missing")),
  );
  const [, wallet, index] = /^([a-z0-9-]+)\/(\d+)$/.exec(context.text("own") ?? "") ?? [];
  const entry = encode(Entry, {
    version: 1,
    deployment: session.deployment,
    name,
    party: needed(context, "party"),
    chain,
    address: evm.parseAddress(needed(context, "address"), "address"),
    class: destination,
    ...(wallet === undefined ? {} : { own: { wallet, index: Number(index) } }),
  });
  const key = await openKey(context.home, needed(context, "key"), context.text("passphrase-file"));
  const bytes = makeIntent(session, key, { kind: "entry", entry }, { purpose: context.text("purpose") ?? "" });
  return requestIntent(context, session, { key, bytes });
}
