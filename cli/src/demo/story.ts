/** What a demonstration plays through the server's API: the set-up, which is skipped where it is there already, and the
 *  main job. */

import type { Hash } from "@strongroom/core/bytes";
import { formatAmount } from "@strongroom/core/money/amount";
import { StatusBody } from "@strongroom/core/protocol/command";
import { decode } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { makeFreeze, makePayment, makeUnfreeze } from "@strongroom/sdk/device/make";
import { type Shown, showIntent } from "@strongroom/sdk/device/show";
import { openObject } from "@strongroom/sdk/verify/receipt";
import { transactionOf } from "@strongroom/sdk/verify/transaction";
import { watchedAddress } from "../desk/address.ts";
import { fault } from "../faults.ts";
import { duration } from "../screen.ts";
import { CHAIN } from "./anvil.ts";
import { ETH, FINALITY, USDX, WALLET } from "./rulebook.ts";
import { enter } from "./setting.ts";
import { approveBy, byPerson, carriedOut, executionOf, refusalTo, requestBy, type Stage, until } from "./stage.ts";

type Wish = { readonly entry: string; readonly asset: "eth" | "usdx"; readonly amount: bigint; readonly purpose: string };

/** A payment that tom requests. The server's quote for its fee is only a figure: what it may cost is in the text that he
 *  signs. */
async function requestPayment(stage: Stage, { entry, asset, amount, purpose }: Wish): Promise<Shown> {
  const client = await stage.as("tom");
  const { attestation } = await watchedAddress(stage.session, client, { wallet: WALLET, index: 0 });
  const params = { chain: String(CHAIN) };
  const draft = { wallet: WALLET, to: entry, asset, amount, totalFee: 0n };
  const by = await byPerson(stage, "tom", purpose);
  const { intent } = await makePayment(by, { ...draft, totalFee: 1n });
  const to = intent.kind === "pay" ? intent.destination.address : fault("STEP_FAILED", entry, "it is no payment");
  const { totalFee } = await client.call("chains.quote", { params, body: { from: attestation.address, to, asset, amount } });
  return requestBy(stage, "tom", await makePayment(by, { ...draft, totalFee }));
}

function amountOf({ entry, asset, amount }: Wish): string {
  return `${formatAmount(amount, asset === "eth" ? 18 : 6)} ${asset} to ${entry}`;
}

/** Requested, approved by two, judged and signed, sent and mined. `early`: also shows that one approval is not enough. */
async function playPayment(stage: Stage, name: string, wish: Wish, early = false): Promise<Hash> {
  const { steps } = stage;
  const asset = wish.asset === "eth" ? "ETH" : "ERC-20";
  let made: Shown | null = null;
  await steps.take(`${name}-request`, `${asset} payment requested`, async () => {
    made = await requestPayment(stage, wish);
    return { detail: `${amountOf(wish)}, by tom`, hash: made.id, shown: made.text };
  });
  const { id, bytes } = made ?? fault("STEP_FAILED", name, "there is no request");
  await steps.take(`${name}-approve-1`, "approved by amy", async () => {
    await approveBy(stage, "amy", id);
    return { detail: "she read the text that her device rendered" };
  });
  if (early) {
    await steps.refused(`${name}-quorum`, "one approval is refused", "QUORUM_MISSING", () =>
      refusalTo(stage, id, "QUORUM_MISSING"),
    );
  }
  await steps.take(`${name}-approve-2`, "approved by bob", async () => {
    await approveBy(stage, "bob", id);
    return { detail: "two approvers, neither of them the initiator" };
  });
  await finishPayment(stage, name, bytes);
  return id;
}

/** Judged and signed by the vault, sent and mined: all of it by the server, and checked here. */
async function finishPayment(stage: Stage, name: string, bytes: Uint8Array): Promise<void> {
  const { steps, session } = stage;
  const { id, intent } = showIntent(session, bytes);
  await steps.take(`${name}-sign`, "judged and signed by the vault", async () => {
    const { receipt } = await executionOf(stage, id, (execution) => execution.receipt !== null);
    const signed = receipt ?? fault("STEP_FAILED", name, "there is no receipt");
    transactionOf(session.book(), openObject(Receipt, signed, session).body, { id, intent });
    return { detail: "receipt checked, transaction read back" };
  });
  await steps.take(`${name}-mined`, "sent and mined", async () => {
    const { transactions } = await executionOf(stage, id, (it) => it.transactions.some(({ block }) => block !== null));
    const mined = transactions.find(({ block }) => block !== null) ?? fault("STEP_FAILED", name, "it is in no block");
    return { detail: `block ${mined.block}`, hash: mined.id };
  });
}

/** Waits until payments are final by the server's policy and booked, and until the sources have told the vault. */
async function playFinality(stage: Stage, paid: readonly Hash[]): Promise<void> {
  await stage.steps.take("settled", "settled and booked", async () => {
    for (const id of paid) await executionOf(stage, id, ({ state }) => state === "settled");
    return { detail: `${paid.length} payment${paid.length === 1 ? "" : "s"}: the real amounts and fees are in the books` };
  });
  await stage.steps.take("final", `final, say ${FINALITY.length} sources`, async () => {
    await until("the vault has heard that all is final", async () => {
      const { live } = await stage.server.call("vault.get");
      return live === 0 || null;
    });
    return { detail: "each looked at its own node; 0 live in the vault" };
  });
}

/** The main job of a first start. */
export async function playMainJob(stage: Stage): Promise<void> {
  const { steps } = stage;
  const eth = { entry: "northwind", asset: "eth", amount: ETH / 4n, purpose: "invoice 4711" } as const;
  const usdx = { entry: "harbor", asset: "usdx", amount: 1_250n * USDX, purpose: "monthly settlement" } as const;
  const paid = [await playPayment(stage, "pay-eth", eth, true)];
  const young = await playYoung(stage);
  paid.push(await playPayment(stage, "pay-usdx", usdx));
  for (const [name, label, code, wish] of [
    ["pay-outside", "payment outside of the rules refused", "NOT_ALLOWED", OUTSIDE],
    ["pay-denied", "payment to the deny list refused", "DENIED", { ...OUTSIDE, entry: "wanted" }],
    ["pay-worth", "more than a day's value refused", "LIMIT_EXCEEDED", WORTH],
  ] as const)
    await steps.refused(name, label, code, () => refusedPayment(stage, wish, code));
  await finishPayment(stage, "pay-young", young.bytes);
  await playFinality(stage, [...paid, young.id]);
  await playFreeze(stage);
}

const OUTSIDE = { entry: "paper-wallet", asset: "eth", amount: ETH / 10n, purpose: "a favour" } as const;
/** Within the limits of its asset, and worth more than may go out in a day. */
const WORTH = { entry: "northwind", asset: "usdx", amount: 16_500n * USDX, purpose: "a large settlement" } as const;

/** A new destination, and a payment to it that comes too early: it waits with its approvals until it is due. */
async function playYoung(stage: Stage): Promise<Shown> {
  const { steps } = stage;
  await steps.take("entry-new", "a new destination entered", async () => {
    await enter(stage, LAKESIDE);
    return { detail: `${LAKESIDE.name} (${LAKESIDE.class}), requested by tina, approved by carl` };
  });
  const wish = { entry: LAKESIDE.name, asset: "eth", amount: ETH / 20n, purpose: "first invoice" } as const;
  const shown = await requestPayment(stage, wish);
  await Promise.all(["amy", "bob"].map((name) => approveBy(stage, name, shown.id)));
  await steps.refused("entry-young", "payment before it has cooled off refused", "ENTRY_TOO_YOUNG", () =>
    refusalTo(stage, shown.id, "ENTRY_TOO_YOUNG"),
  );
  return shown;
}

const LAKESIDE = {
  name: "lakeside",
  party: "Lakeside Trust AG",
  class: "vasp",
  address: "0x976EA74026E726554dB657fA54763abd0C3a0aa9",
} as const;

/** Two approve a payment that the vault refuses; tom takes it back then. Fails: `Told` with the refusal. */
async function refusedPayment(stage: Stage, wish: Wish, code: string): Promise<void> {
  const { id } = await requestPayment(stage, wish);
  await approveBy(stage, "amy", id);
  await approveBy(stage, "bob", id);
  try {
    await refusalTo(stage, id, code);
  } finally {
    await (await stage.as("tom")).call("requests.withdraw", { params: { id }, body: {} });
  }
}

/** Freeze by one officer, a payment that is refused, unfreeze by a quorum after a delay, and the same payment goes on. */
async function playFreeze(stage: Stage): Promise<void> {
  const { steps, session } = stage;
  let freeze: Hash | null = null;
  await steps.take("freeze", "frozen by one officer", async () => {
    const made = makeFreeze(await byPerson(stage, "olga", "drill"), { level: "institution", subject: "" });
    freeze = (await requestBy(stage, "olga", made)).id;
    const { freezes, live } = decode(StatusBody, await session.demand({ command: "status" }));
    const holds = freezes.some(({ intent }) => intent === freeze);
    if (!holds) fault("STEP_FAILED", "freeze", "the vault's own receipt does not show it");
    return { detail: `everything, by olga; ${live} signed transactions live`, hash: made.id };
  });
  const frozen = freeze ?? fault("STEP_FAILED", "freeze", "there is none");
  const wish = { entry: "northwind", asset: "eth", amount: ETH / 50n, purpose: "after the drill" } as const;
  const held = await requestPayment(stage, wish);
  await approveBy(stage, "amy", held.id);
  await approveBy(stage, "bob", held.id);
  await steps.refused("frozen", "approved payment refused", "FROZEN", () => refusalTo(stage, held.id, "FROZEN"));
  const lifting = await requestBy(stage, "ada", makeUnfreeze(await byPerson(stage, "ada", "drill is over"), frozen));
  await approveBy(stage, "ben", lifting.id);
  await approveBy(stage, "otto", lifting.id);
  await steps.refused("unfreeze-early", "unfreeze before its delay refused", "DELAY_RUNNING", () =>
    refusalTo(stage, lifting.id, "DELAY_RUNNING"),
  );
  await steps.take("unfreeze", "unfrozen by quorum and delay", async () => {
    await carriedOut(stage, lifting.id);
    return { detail: `ada, ben and officer otto, after ${duration(session.book().document.governance.unfreezeDelayMs)}` };
  });
  await finishPayment(stage, "pay-thawed", held.bytes);
  await playFinality(stage, [held.id]);
}

/** What a second start plays: one fresh payment. What was on its way the server brings to its end by itself. */
export async function playAgain(stage: Stage): Promise<void> {
  const { freezes } = decode(StatusBody, await stage.session.demand({ command: "status" }));
  const wish = { entry: "northwind", asset: "eth", amount: ETH / 100n } as const;
  if (freezes.length === 0) {
    const paid = await playPayment(stage, "pay-eth", { ...wish, purpose: "a fresh payment" });
    return playFinality(stage, [paid]);
  }
  await stage.steps.refused("frozen", "payment refused: it is still frozen", "FROZEN", () =>
    refusedPayment(stage, { ...wish, purpose: "while it is frozen" }, "FROZEN"),
  );
}
