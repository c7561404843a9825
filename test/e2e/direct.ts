/** A deployment without a server: a vault and a chain node, furnished as the demonstration furnishes them, for the
 *  command's way straight to the vault. */

import type { Hash } from "@strongroom/core/bytes";
import { evm } from "@strongroom/core/chain/evm/evm";
import { Fact } from "@strongroom/core/signed/fact";
import { encode, type Kind } from "@strongroom/core/signed/object";
import { decide, initiate } from "@strongroom/sdk/device/decision";
import { type Asks, makeEntry, makeWallet } from "@strongroom/sdk/device/make";
import type { Shown } from "@strongroom/sdk/device/show";
import { signObject } from "@strongroom/sdk/device/signer";
import { attestedAddress } from "@strongroom/sdk/vault/show";
import type { Node } from "../../cli/src/chain/evm.ts";
import { writeConfig } from "../../cli/src/config.ts";
import { CHAIN, startAnvil } from "../../cli/src/demo/anvil.ts";
import { ensureKeys, holdCeremony, type Keys, openKeys } from "../../cli/src/demo/ceremony.ts";
import { depositEther, depositTokens, ensureToken } from "../../cli/src/demo/funding.ts";
import { ETH, USDX, WALLET } from "../../cli/src/demo/rulebook.ts";
import { ENTRIES } from "../../cli/src/demo/setting.ts";
import { ensureVault, launchVault, socketPath } from "../../cli/src/demo/vault.ts";
import type { DeviceKey } from "../../cli/src/device/keyFile.ts";
import { openSession } from "../../cli/src/vault/session.ts";
import { openWire } from "../../cli/src/vault/wire.ts";

export type Direct = { readonly node: Node; end(): Promise<void> };

/** What the source of prices states; the vault remembers it. */
function pricesBy(key: DeviceKey, deployment: Hash): Promise<Uint8Array[]> {
  const stated = [
    { subject: "price:eth:eur", numerator: 250_000n, denominator: ETH },
    { subject: "price:usdx:eur", numerator: 92n, denominator: USDX },
  ];
  const signed = stated.map((price) => {
    const fact: Fact = { version: 1, type: "price", deployment, source: "prices", at: Date.now(), ...price };
    return signObject(Fact as Kind<unknown>, encode(Fact, fact), [key]);
  });
  return Promise.all(signed);
}

/** Brings it up in a home, with the wallet, the address book and deposits of the demonstration. `papers`: writes those of
 *  another ceremony than the demonstration's. */
export async function startDirect(home: string, papers?: (keys: Keys, vaultKey: string) => Promise<void>): Promise<Direct> {
  await ensureVault(home);
  const [{ node, child }, vault] = await Promise.all([startAnvil(home, null), launchVault(home)]);
  const [socket, keys] = [socketPath(home), openKeys(home, await ensureKeys(home))];
  await writeConfig(home, { socket, chains: { [CHAIN]: node.url } });
  await papers?.(keys, vault.identityKey);
  await holdCeremony(home, keys, { socket, vaultKey: vault.identityKey });
  await ensureToken(node);
  const session = await openSession(home, () => openWire(socket));
  const carryOut = async (make: (by: Asks) => Shown) => {
    const [tina, carl] = [await keys("tina"), await keys("carl")];
    const shown = make({ known: session, signer: tina, words: { purpose: "set-up" } });
    const { intent, approval: first } = await initiate(session, tina, shown);
    const { approval: second } = await decide(session, carl, { shown, decision: "approve" });
    await session.demand({ command: "execute", orders: [{ intent }], approvals: [first, second], facts: [] });
  };
  await carryOut((by) => makeWallet(by, { chain: CHAIN, wallet: WALLET, walletClass: "warm" }));
  for (const entry of ENTRIES) {
    await carryOut((by) =>
      makeEntry(by, { ...entry, assets: "any", address: evm.parseAddress(entry.address, "address"), chain: CHAIN }),
    );
  }
  await session.demand({ command: "inform", facts: await pricesBy(await keys("prices"), session.deployment) });
  const { address } = await attestedAddress(session, WALLET, 0);
  session.close();
  await depositEther(node, address, 10n * ETH);
  await depositTokens(node, address, 100_000n * USDX);
  return {
    node,
    async end() {
      await vault.child.stop();
      await child.stop();
    },
  };
}
