/** `strongroom wallet` and `strongroom address`: wallets of ours and their receiving addresses, which the vault attests and
 *  this device derives once more. */

import { demand } from "@strongroom/core/errors";
import { formatAmount } from "@strongroom/core/money/amount";
import type { WalletBody } from "@strongroom/core/protocol/command";
import { makeIntent } from "@strongroom/sdk/device/decision";
import { attestedAddress, fetchWallet } from "@strongroom/sdk/vault/show";
import { balanceOf, tokenBalanceOf } from "../../chain/evm.ts";
import { watchedAddress } from "../../desk/address.ts";
import { openKey } from "../../device/keyFile.ts";
import { fault } from "../../faults.ts";
import { columns } from "../../screen.ts";
import type { Session } from "../../vault/session.ts";
import { type Answer, asName, type Context, named, needed, nodeFor, SIGNING, type Verb, withSession } from "../../verb.ts";
import { OUT, requestIntent, WORDS, wordsFrom } from "./request.ts";

const CLASSES = ["hot", "warm", "cold"] as const;
const OMNIBUS = "(omnibus: no single client)";

export const walletNew: Verb = {
  name: "wallet new",
  takes: "NAME",
  what: "request a wallet: an account key that the vault makes and keeps, once it is approved and sent",
  options: {
    class: { value: "CLASS", what: `how exposed it is: ${CLASSES.join(", ")}` },
    chain: { value: "ID", what: "chain id (default: the rulebook's only chain)" },
    client: { value: "CLIENT", what: "the one client whose wallet it is (default: an omnibus wallet)" },
    unit: { value: "UNIT", what: "unit of the rulebook that it belongs to, for rules, limits and freezes (default: none)" },
    ...WORDS,
    ...OUT,
    ...SIGNING,
  },
  examples: ["wallet new acme-1 --class warm --client acme --unit desk --key tina"],
  async run(context) {
    const [text = ""] = named(context, "NAME");
    const wallet = asName(text, "NAME");
    const walletClass = oneOf(CLASSES, "class", needed(context, "class"));
    const [signer, words] = [needed(context, "key"), wordsFrom(context)];
    const [client, unit] = [asName(context.text("client"), "client"), asName(context.text("unit"), "unit")];
    return withSession(context, async (session, { desk }) => {
      const known = await session.ask({ command: "show", what: "wallet", name: wallet });
      demand(known.code !== "OK", "WALLET_EXISTS", "NAME", `there is a wallet ${wallet} already`);
      const chain = chainFrom(context, session);
      const units = session.book().unitsOf;
      const there = [...units.keys()].join(", ") || "none";
      demand(unit === undefined || units.has(unit), "UNIT_UNKNOWN", "unit", `${unit}; there is ${there}`);
      const of = { ...(client !== undefined && { client }), ...(unit !== undefined && { unit }) };
      const content = { kind: "wallet", chain, wallet, walletClass, ...of } as const;
      const key = await openKey(context.home, signer, context.text("passphrase-file"));
      return requestIntent(context, session, { desk, key, bytes: makeIntent(session, key, content, words) });
    });
  },
};

export const walletShow: Verb = {
  name: "wallet show",
  takes: "NAME",
  what: "a wallet as the vault knows it: chain, class, client, and the public half of its account key",
  options: {},
  examples: ["wallet show treasury"],
  async run(context) {
    const [name = ""] = named(context, "NAME");
    return withSession(context, async (session) => describeWallet(await fetchWallet(session, asName(name, "NAME"))));
  },
};

/** A wallet for people and programs. */
export function describeWallet(wallet: WalletBody): Answer {
  const { wallet: name, chain, walletClass, client, unit, path, publicKey, chainCode } = wallet;
  const facts = [
    ["wallet", name],
    ["chain", String(chain)],
    ["class", walletClass],
    ["client", client ?? OMNIBUS],
    ...(unit === undefined ? [] : [["unit", unit]]),
    ["path", path],
    ["public key", publicKey],
    ["chain code", chainCode],
  ];
  const of = { ...(client !== undefined && { client }), ...(unit !== undefined && { unit }) };
  return { text: columns(facts), json: { wallet: name, chain, class: walletClass, path, publicKey, chainCode, ...of } };
}

export const address: Verb = {
  name: "address",
  takes: "WALLET [INDEX]",
  what: "a receiving address, attested by the vault for wallet, client and chain; through a server it is watched from then on",
  options: {
    balance: { what: "ask the chain's node what lies there" },
    client: { value: "CLIENT", what: "client whose deposits come to this address of an omnibus wallet" },
  },
  examples: ["address treasury", "address treasury 1 --client acme"],
  async run(context) {
    const [name = "", index = "0"] = named(context, "WALLET", "INDEX?");
    const wallet = asName(name, "WALLET");
    if (!/^(0|[1-9]\d{0,8})$/.test(index)) fault("USAGE", "INDEX", "a whole number is expected");
    const owner = asName(context.text("client"), "client");
    return withSession(context, async (session, at) => {
      const place = { wallet, index: Number(index), client: owner };
      const watched = at.client === null ? null : await watchedAddress(session, at.client, place);
      const attestation = watched?.attestation ?? (await attestedAddress(session, wallet, place.index));
      const creditor = watched?.client ?? null;
      const facts = [
        ["address", attestation.address],
        ["wallet", attestation.wallet],
        ["client", attestation.client ?? OMNIBUS],
        ...(creditor === null || creditor === attestation.client ? [] : [["deposits", `${creditor}'s, says the server`]]),
        ["chain", String(attestation.chain)],
        ["path", attestation.path],
        ["checked", "signed by the pinned vault, derived from the wallet's public key here"],
      ];
      const balances: { [asset: string]: string } = {};
      if (context.on("balance")) {
        const node = await nodeFor(at.config, attestation.chain);
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

/** The chain that a command line names, or the rulebook's only one. Fails: USAGE. */
export function chainFrom(context: Context, session: Session): number {
  const { chains } = session.book().document;
  const there = chains.map(({ id, name }) => `${id} (${name})`).join(", ");
  const [only, ...others] = chains;
  const text = context.text("chain");
  if (text === undefined && only !== undefined && others.length === 0) return only.id;
  if (text === undefined) return fault("USAGE", "chain", `--chain is missing; there are ${there}`);
  const found = chains.find(({ id }) => String(id) === text);
  return found?.id ?? fault("USAGE", "chain", `the rulebook knows no chain ${text}; there is ${there}`);
}

/** A word of a list. Fails: USAGE at `field`. */
export function oneOf<T extends string>(words: readonly T[], field: string, word: string): T {
  return words.find((item) => item === word) ?? fault("USAGE", field, `one of ${words.join(", ")} is expected`);
}
