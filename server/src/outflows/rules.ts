/** How what left without a payment of ours is booked, and taken back when it turns out to be one. Pure. */
import type { AccountKey } from "@strongroom/core/ledger/account";
import { type Transfer, transferId } from "@strongroom/core/ledger/transfer";
import type { Outflow } from "../chain/types.ts";
import { type Holding, payerOf, positionKey, walletKey } from "../ledger/rules.ts";

/** The position that pays first: the wallet's client's, or else the institution's. */
export const ownerKey = (wallet: Holding, asset: string): AccountKey => positionKey(payerOf(wallet, null), wallet, asset);

/** It is final: the owner's position pays what it covers, and the rest is unexplained. */
export function bookOutflow(outflow: Outflow, wallet: Holding): readonly Transfer[] {
  const { amount, asset, covered } = outflow;
  const owner = ownerKey(wallet, asset);
  const paid = covered ?? 0n;
  const parts = [
    { step: "owner", amount: paid, debit: owner },
    { step: "unexplained", amount: amount - paid, debit: { ...owner, type: "unexplained", subject: "" } as const },
  ];
  return parts.flatMap((part) => {
    const leg = { amount: part.amount, asset, debit: part.debit, credit: walletKey(wallet, asset), cause: causeOf(outflow) };
    return part.amount === 0n ? [] : [{ ...leg, id: idOf(outflow, part.step), kind: "posted" }];
  });
}

/** Its transaction is ours: what was booked goes back, and the payment is booked as every other one. */
export function reverseOutflow(outflow: Outflow, wallet: Holding): readonly Transfer[] {
  if (outflow.covered === null) return [];
  return bookOutflow(outflow, wallet).map(({ id, amount, asset, debit, credit, cause }) => {
    return { id: idOf(outflow, `back ${id}`), kind: "posted", amount, asset, debit: credit, credit: debit, cause };
  });
}

const causeOf = ({ id }: Outflow): string => `outflow:${id}`;

function idOf(outflow: Outflow, step: string): string {
  return transferId({ cause: causeOf(outflow), step, at: outflow.seenAt.getTime() });
}
