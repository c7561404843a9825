/** What must be there before anything is paid, each thing unless it is there: a client, wallets, attested addresses that
 *  are watched, the address book, and deposits that are seen, confirmed and booked. */

import { formatAmount } from "@strongroom/core/money/amount";
import type { Entry } from "@strongroom/core/signed/entry";
import { makeEntry, makeWallet } from "@strongroom/sdk/device/make";
import { watchedAddress } from "../desk/address.ts";
import { CHAIN } from "./anvil.ts";
import { depositEther, depositTokens } from "./funding.ts";
import { CLIENT, DESK, ETH, USDX, WALLET } from "./rulebook.ts";
import { CONFIRMATIONS, UNIT } from "./server.ts";
import { approveBy, byPerson, carriedOut, requestBy, type Stage, until } from "./stage.ts";

/** Destinations of the address book; the addresses are anvil's own. */
export const ENTRIES = [
  { name: "northwind", party: "Northwind Exchange", class: "exchange", address: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" },
  { name: "harbor", party: "Harbor Custody Ltd", class: "vasp", address: "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC" },
  { name: "paper-wallet", party: "somebody", class: "self-hosted", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" },
  { name: "wanted", party: "on a sanctions list", class: "denied", address: "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc" },
] as const;

/** The wallets: the bank's own, and one that is a client's alone. */
const WALLETS = [
  { wallet: WALLET, client: undefined },
  { wallet: CLIENT.wallet, client: CLIENT.name },
] as const;

/** Fails: STEP_FAILED, `ApiProblem`, the alarms. */
export async function setTheStage(stage: Stage): Promise<void> {
  const { name, label } = CLIENT;
  const { items: clients } = await stage.server.call("clients.list", {});
  if (!clients.some((client) => client.name === name)) {
    await stage.steps.take("client", "client added", async () => {
      await stage.server.call("clients.create", { body: { name, label, unit: UNIT } });
      return { detail: `${name}, ${label}` };
    });
  }
  const missing: (typeof WALLETS)[number][] = [];
  for (const one of WALLETS) if (!(await isThere(stage, "wallet", one.wallet))) missing.push(one);
  if (missing.length > 0) await stage.steps.take("wallet", "wallets opened", () => openWallets(stage, missing));
  await stage.steps.take("address", "addresses attested and checked", () => attest(stage));
  const unknown: (typeof ENTRIES)[number][] = [];
  for (const entry of ENTRIES) if (!(await isThere(stage, "entry", entry.name))) unknown.push(entry);
  if (unknown.length > 0) await stage.steps.take("book", "address book entered", () => enterAll(stage, unknown));
  await deposit(stage);
}

async function isThere({ session }: Stage, what: "wallet" | "entry", name: string): Promise<boolean> {
  return (await session.ask({ command: "show", what, name })).code === "OK";
}

async function openWallets(stage: Stage, wallets: readonly (typeof WALLETS)[number][]) {
  const open = async ({ wallet, client }: (typeof WALLETS)[number]) => {
    const by = await byPerson(stage, "tina", client === undefined ? "the bank's own funds" : `segregated for ${client}`);
    const whose = client === undefined ? {} : { client };
    const made = makeWallet(by, { chain: CHAIN, wallet, walletClass: "warm", unit: DESK, ...whose });
    const { id } = await requestBy(stage, "tina", made);
    await approveBy(stage, "carl", id);
    await carriedOut(stage, id);
  };
  await Promise.all(wallets.map(open));
  const names = wallets.map(({ wallet, client }) => `${wallet} (${client ?? "omnibus"})`);
  return { detail: `${names.join(", ")}, requested by tina, approved by carl` };
}

/** One address of each wallet. */
export async function addressesOf(stage: Stage): Promise<readonly { readonly wallet: string; readonly address: string }[]> {
  const server = await stage.as("tina");
  const found: { wallet: string; address: string }[] = [];
  for (const { wallet } of WALLETS) {
    const { attestation } = await watchedAddress(stage.session, server, { wallet, index: 0 });
    found.push({ wallet, address: attestation.address });
  }
  return found;
}

async function attest(stage: Stage) {
  const found = await addressesOf(stage);
  return { detail: found.map(({ wallet, address }) => `${wallet} ${address}`).join(", ") };
}

/** Enters a destination: requested by tina, approved by carl. */
export async function enter(stage: Stage, entry: Pick<Entry, "name" | "party" | "class" | "address">): Promise<void> {
  const by = await byPerson(stage, "tina", `new destination ${entry.name}`);
  const { id } = await requestBy(stage, "tina", makeEntry(by, { ...entry, chain: CHAIN, assets: "any" }));
  await approveBy(stage, "carl", id);
  await carriedOut(stage, id);
}

async function enterAll(stage: Stage, entries: readonly (typeof ENTRIES)[number][]) {
  await Promise.all(entries.map((entry) => enter(stage, entry)));
  return { detail: entries.map(({ name, class: type }) => `${name} (${type})`).join(", ") };
}

/** What is deposited where less than a tenth of it is booked. */
const DEPOSITS = [
  { name: "deposit-eth", label: "deposit of ETH", wallet: WALLET, asset: "eth", amount: 10n * ETH },
  { name: "deposit-usdx", label: "deposit of an ERC-20", wallet: WALLET, asset: "usdx", amount: 100_000n * USDX },
  { name: "deposit-client", label: "deposit of a client", wallet: CLIENT.wallet, asset: "eth", amount: 5n * ETH },
] as const;

async function deposit(stage: Stage): Promise<void> {
  const { node, steps, server } = stage;
  const addresses = new Map((await addressesOf(stage)).map(({ wallet, address }) => [wallet, address]));
  const made: string[] = [];
  for (const { name, label, wallet, asset, amount } of DEPOSITS) {
    const { items } = await server.call("accounts.list", { query: { type: "wallet", wallet, asset } });
    if (items.some(({ posted }) => posted >= amount / 10n)) continue;
    await steps.take(name, label, async () => {
      const [send, to] = [asset === "eth" ? depositEther : depositTokens, addresses.get(wallet) ?? ""];
      const hash = await send(node, to, amount);
      made.push(hash);
      return { detail: `${formatAmount(amount, asset === "eth" ? 18 : 6)} ${asset} to ${wallet}`, hash };
    });
  }
  if (made.length === 0) return;
  await steps.take("deposits-booked", "deposits seen, confirmed and booked", async () => {
    await until("the deposits are booked", async () => {
      const { items } = await server.call("deposits.list", {});
      const booked = items.filter((item) => item.booked && made.includes(item.tx));
      return booked.length === made.length || null;
    });
    return { detail: `${made.length} of ${made.length}, each ${CONFIRMATIONS} blocks deep` };
  });
}
