/** Bookings for tests: deposits and payments of a few clients in a few wallets. */
import { transferId } from "../../core/src/ledger/transfer.ts";
import { uuid } from "../../server/src/db/ids.ts";
import {
  type Creditor,
  type DepositBooking,
  type Holding,
  type PaymentBooking,
  positionKey,
} from "../../server/src/ledger/rules.ts";

export const HOT: Holding = { wallet: "hot", client: null };
export const COLD: Holding = { wallet: "cold-alice", client: "alice" };
export const HOUSE = { type: "house", subject: "" } as const;
const AT = 1_900_000_000_000;

export const clientOf = (name: string) => ({ type: "client", subject: name }) as const;
/** The position of a client, or of another creditor, in the pool of a wallet. */
export const position = (of: string | Creditor, { wallet = HOT, asset = "eth" } = {}) =>
  positionKey(typeof of === "string" ? clientOf(of) : of, wallet, asset);

export function depositOf(amount: bigint, to: string, over: Partial<DepositBooking> = {}): DepositBooking {
  return { id: uuid(), at: AT, wallet: HOT, creditor: clientOf(to), asset: "eth", amount, ...over };
}

export function paymentOf(amount: bigint, by: string, over: Partial<PaymentBooking> = {}): PaymentBooking {
  return { id: uuid(), at: AT, wallet: HOT, payer: clientOf(by), asset: "eth", amount, native: "eth", totalFee: 0n, ...over };
}

/** An id that belongs to nothing. */
export const freshId = () => transferId({ cause: `test:${uuid()}`, step: "none", at: AT });
