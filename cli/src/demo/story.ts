/** What a demonstration plays: the set-up, which is skipped where it is there already, and the main job. */

import { formatAmount } from "@strongroom/core/money/amount";
import { FreezeBody, StatusBody } from "@strongroom/core/protocol/command";
import { Entry } from "@strongroom/core/signed/entry";
import type { IntentOf } from "@strongroom/core/signed/intent";
import { decode, encode } from "@strongroom/core/signed/object";
import { findAsset } from "@strongroom/core/text/render";
import { shortId } from "@strongroom/sdk/device/show";
import { VaultRefused } from "@strongroom/sdk/vault/session";
import { attestedAddress, destinationOf } from "@strongroom/sdk/vault/show";
import { balanceOf, tokenBalanceOf } from "../chain/evm.ts";
import { closeRequest, type Request } from "../device/requests.ts";
import { fault } from "../faults.ts";
import { duration } from "../screen.ts";
import { bringToChain, execute, executeOnChain, register, sendSigned, waitUntil } from "../vault/execute.ts";
import { quote } from "../vault/fees.ts";
import { CHAIN } from "./anvil.ts";
import { depositEther, depositTokens } from "./funding.ts";
import { ETH, TOKEN, USDX, WALLET } from "./rulebook.ts";
import { approveBy, requestBy, type Stage, settleRequest } from "./stage.ts";
import { dueFacts, stateFinal } from "./watch.ts";

/** Destinations of the address book; the addresses are anvil's own. */
export const ENTRIES = [
  { name: "northwind", party: "Northwind Exchange", class: "exchange", address: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" },
  { name: "harbor", party: "Harbor Custody Ltd", class: "vasp", address: "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC" },
  { name: "paper-wallet", party: "somebody", class: "self-hosted", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" },
] as const;

const FEE_ROOM = 3n;
const DEPOSIT = { ether: 10n * ETH, tokens: 100_000n * USDX };

/** Wallet, attested address, address book and deposits, each unless it is there. */
export async function setTheStage(stage: Stage): Promise<void> {
  const { session, steps, node } = stage;
  const isThere = async (what: "wallet" | "entry", name: string) =>
    (await session.ask({ command: "show", what, name })).code === "OK";
  if (!(await isThere("wallet", WALLET))) await steps.take("wallet", "wallet opened", () => openWallet(stage));
  await steps.take("address", "address attested and checked", async () => {
    const { address, path } = await attestedAddress(session, WALLET, 0);
    return { detail: `${address}  ${path}` };
  });
  const missing: (typeof ENTRIES)[number][] = [];
  for (const entry of ENTRIES) if (!(await isThere("entry", entry.name))) missing.push(entry);
  if (missing.length > 0) await steps.take("book", "address book entered", () => enterAll(stage, missing));
  const { address } = await attestedAddress(session, WALLET, 0);
  if ((await balanceOf(node, address)) < DEPOSIT.ether / 10n) {
    await steps.take("deposit-eth", "deposit of ETH", async () => {
      const hash = await depositEther(node, address, DEPOSIT.ether);
      return { detail: `${formatAmount(DEPOSIT.ether, 18)} eth`, hash };
    });
  }
  if ((await tokenBalanceOf(node, TOKEN, address)) < DEPOSIT.tokens / 10n) {
    await steps.take("deposit-usdx", "deposit of an ERC-20", async () => {
      const hash = await depositTokens(node, address, DEPOSIT.tokens);
      return { detail: `${formatAmount(DEPOSIT.tokens, 6)} usdx`, hash };
    });
  }
}

async function openWallet(stage: Stage) {
  const content = { kind: "wallet", chain: CHAIN, wallet: WALLET, walletClass: "warm" } as const;
  const { request } = await requestBy(stage, "tina", content, "the bank's own funds");
  await settleRequest(stage, await approveBy(stage, "carl", request));
  return { detail: `${WALLET}, requested by tina, approved by carl` };
}

async function enterAll(stage: Stage, entries: readonly (typeof ENTRIES)[number][]) {
  for (const { name, party, class: type, address } of entries) {
    const { deployment } = stage.session;
    const entry = encode(Entry, { version: 1, deployment, name, party, chain: CHAIN, address, class: type });
    const { request } = await requestBy(stage, "tina", { kind: "entry", entry }, `new destination ${name}`);
    await settleRequest(stage, await approveBy(stage, "carl", request));
  }
  return { detail: entries.map(({ name, class: type }) => `${name} (${type})`).join(", ") };
}

type Wish = { readonly entry: string; readonly asset: "eth" | "usdx"; readonly amount: bigint; readonly purpose: string };

/** A payment that tom requests, with a fee limit of three times today's. */
async function requestPayment(
  stage: Stage,
  { entry, asset, amount, purpose }: Wish,
): Promise<{ request: Request; shown: string }> {
  const { session, node } = stage;
  const destination = await destinationOf(session, entry);
  const content = { kind: "pay", chain: CHAIN, wallet: WALLET, destination, asset, amount } as const;
  const { most } = await quote(session, node, content, { index: 0 });
  return requestBy(stage, "tom", { ...content, totalFee: most * FEE_ROOM }, purpose);
}

function amountOf(stage: Stage, request: Request): string {
  const intent = request.intent as IntentOf<"pay">;
  const { decimals } = findAsset(stage.session.book(), intent);
  return `${formatAmount(intent.amount, decimals)} ${intent.asset} to ${intent.destination.entry}`;
}

/** Requested, approved by two, judged and signed, sent and mined. `early`: also shows that one approval is not enough. */
export async function playPayment(stage: Stage, name: string, wish: Wish, early = false): Promise<void> {
  const { steps, session, node } = stage;
  const asset = wish.asset === "eth" ? "ETH" : "ERC-20";
  let request: Request | null = null;
  const made = (): Request => request ?? fault("STEP_FAILED", name, "there is no request");
  await steps.take(`${name}-request`, `${asset} payment requested`, async () => {
    const asked = await requestPayment(stage, wish);
    request = asked.request;
    return { detail: `${amountOf(stage, asked.request)}, by tom`, hash: asked.request.id, shown: asked.shown };
  });
  await steps.take(`${name}-approve-1`, "approved by amy", async () => {
    request = await approveBy(stage, "amy", made());
    return { detail: "she read the text that her device rendered" };
  });
  if (early) {
    const attempt = () => executeOnChain(session, made(), node);
    await steps.refused(`${name}-quorum`, "one approval is refused", "QUORUM_MISSING", attempt);
  }
  await steps.take(`${name}-approve-2`, "approved by bob", async () => {
    request = await approveBy(stage, "bob", made());
    return { detail: "two approvers, neither of them the initiator" };
  });
  await finishPayment(stage, name, made);
}

/** Judged and signed by the vault, sent and mined. */
async function finishPayment(stage: Stage, name: string, request: () => Request): Promise<void> {
  const { steps, session, node } = stage;
  let signed: Request | null = null;
  await steps.take(`${name}-sign`, "judged and signed by the vault", async () => {
    signed = await executeOnChain(session, request(), node);
    return { detail: "receipt checked, transaction read back" };
  });
  await steps.take(`${name}-mined`, "sent and mined", async () => {
    const mined = await bringToChain(session, signed ?? request(), node);
    return { detail: `block ${mined.block}, gas ${mined.gasUsed}`, hash: mined.id };
  });
}

/** States everything that is mined to be final. */
export async function playFinality(stage: Stage): Promise<void> {
  await stage.steps.take("final", "final, say two sources", async () => {
    const due = await dueFacts(stage.home, stage.node);
    for (const one of due) await stateFinal(stage.session, stage.keys, one);
    const { live } = decode(StatusBody, await stage.session.demand({ command: "status" }));
    return { detail: `${due.length} settled, ${live} live` };
  });
}

/** The main job of a first start. */
export async function playMainJob(stage: Stage): Promise<void> {
  const { steps, session, node } = stage;
  await playPayment(stage, "pay-eth", { entry: "northwind", asset: "eth", amount: ETH / 4n, purpose: "invoice 4711" }, true);
  await playPayment(stage, "pay-usdx", {
    entry: "harbor",
    asset: "usdx",
    amount: 1_250n * USDX,
    purpose: "monthly settlement",
  });
  const outside = { entry: "paper-wallet", asset: "eth", amount: ETH / 10n, purpose: "a favour" } as const;
  await steps.refused("pay-outside", "payment outside of the rules refused", "NOT_ALLOWED", async () => {
    const { request } = await requestPayment(stage, outside);
    const approved = await approveBy(stage, "bob", await approveBy(stage, "amy", request));
    try {
      await executeOnChain(session, approved, node);
    } finally {
      await closeRequest(approved, "refused");
    }
  });
  await playFinality(stage);
  await playFreeze(stage);
}

/** Freeze by one officer, a payment that is refused, unfreeze by a quorum after a delay, and the same payment again. */
async function playFreeze(stage: Stage): Promise<void> {
  const { steps, session, node } = stage;
  const freezing = await requestBy(stage, "olga", { kind: "freeze", level: "institution", subject: "" }, "drill");
  await steps.take("freeze", "frozen by one officer", async () => {
    const body = await execute(session, freezing.request, {});
    const { live } = decode(FreezeBody, body);
    return { detail: `everything, by olga; ${live.length} signed transactions live`, hash: freezing.request.id };
  });
  await closeRequest(freezing.request, "carried out");
  const wish = { entry: "northwind", asset: "eth", amount: ETH / 50n, purpose: "after the drill" } as const;
  const asked = await requestPayment(stage, wish);
  const approved = await approveBy(stage, "bob", await approveBy(stage, "amy", asked.request));
  await steps.refused("frozen", "approved payment refused", "FROZEN", () => executeOnChain(session, approved, node));
  const lifting = await requestBy(stage, "ada", { kind: "unfreeze", freeze: freezing.request.id }, "drill is over");
  const lifted = await approveBy(stage, "otto", await approveBy(stage, "ben", lifting.request));
  let until = 0;
  await steps.refused("unfreeze-early", "unfreeze before its delay refused", "DELAY_RUNNING", async () => {
    until = (await register(session, lifted)) + session.book().document.governance.unfreezeDelayMs;
    await execute(session, lifted, {});
  });
  await steps.take("unfreeze", "unfrozen by quorum and delay", async () => {
    await waitUntil(session, until, () => undefined);
    await settleRequest(stage, lifted);
    return { detail: `ada, ben and officer otto, after ${duration(session.book().document.governance.unfreezeDelayMs)}` };
  });
  await finishPayment(stage, "pay-thawed", () => approved);
  await playFinality(stage);
}

/** What a second start plays: what was left open is brought to its end, and one fresh payment. */
export async function playAgain(stage: Stage, unsent: readonly Request[]): Promise<void> {
  // All of them first: a later one waits for the nonces of those before.
  for (const request of unsent) await sendSigned(request, stage.node);
  for (const request of unsent) {
    await stage.steps.take("resume", "signed before, brought to the chain", async () => {
      const mined = await bringToChain(stage.session, request, stage.node);
      return { detail: `request ${shortId(request.id)}, block ${mined.block}`, hash: mined.id };
    });
  }
  const { freezes } = decode(StatusBody, await stage.session.demand({ command: "status" }));
  if (freezes.length === 0) {
    await playPayment(stage, "pay-eth", { entry: "northwind", asset: "eth", amount: ETH / 100n, purpose: "a fresh payment" });
  } else {
    const wish = { entry: "northwind", asset: "eth", amount: ETH / 100n, purpose: "while it is frozen" } as const;
    await stage.steps.refused("frozen", "payment refused: it is still frozen", "FROZEN", async () => {
      const { request } = await requestPayment(stage, wish);
      const approved = await approveBy(stage, "bob", await approveBy(stage, "amy", request));
      await executeOnChain(stage.session, approved, stage.node).catch(async (error: unknown) => {
        if (error instanceof VaultRefused) await closeRequest(approved, "refused");
        throw error;
      });
    });
  }
  await playFinality(stage);
}
