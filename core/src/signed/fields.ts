/** Shapes that several kinds of signed objects use, each defined once. */
import type { Brand, Hash } from "../bytes.ts";
import { MAX_SIGNATURE } from "../chain/evm/method.ts";
import { choice, field, hex, type Of, type Shape, slug, text, uint } from "./codec.ts";
import { record } from "./table.ts";

/** 16 bytes that make an object unique. */
export type Nonce = Brand<string, "Nonce">;

/** Version of every object kind; a new layout is a new tag and a new number. */
export const version = field(0, uint(1, 1), "version of the layout");
export const hash32 = hex<Hash>(32);
export const nonce16 = hex<Nonce>(16);
/** Milliseconds since 1970, up to the year 9999. */
export const time = uint(253_402_300_799_999);
/** Chain id as EIP-155 counts it. */
export const chainId = uint(4_294_967_295, 1);
/** Address text in its chain's canonical form. */
export const addressText = text(90, 1);
/** Signature of a contract's method, like `deposit(uint256)`. */
export const method = text(MAX_SIGNATURE, 1);
/** Local time minus UTC in minutes, -1,440…1,440; on the wire 1,440 more. */
const ahead = uint(2_880);
export const offset: Shape<number> = {
  words: "minutes -1440…1440, as a uint that is 1440 greater",
  write: (out, value) => ahead.write(out, value + 1_440),
  read: (from) => ahead.read(from) - 1_440,
  toJson: (value) => value,
  // A sum of floating point would round what is no integer into one.
  fromJson: (json) => ahead.fromJson(Number.isInteger(json) ? (json as number) + 1_440 : json) - 1_440,
};
/** Days of the week, as ISO 8601 numbers them. */
export const weekday = choice({ monday: 1, tuesday: 2, wednesday: 3, thursday: 4, friday: 5, saturday: 6, sunday: 7 });
export type Weekday = Of<typeof weekday>;
/** What people write for people. */
export const note = text(140);
export const reference = text(64, 1);
export { slug };

/** How keys are used. Numbers also enter the key id. */
export const scheme = choice({ ed25519: 1, "webauthn-es256": 2 });
export type Scheme = Of<typeof scheme>;

/** `device`: used by software that the server does not deliver. `served`: used in a page that the server delivers. */
export const keyClass = choice({ device: 1, served: 2 });

/** How exposed a wallet's key is. */
export const walletClass = choice({ hot: 1, warm: 2, cold: 3 });
export type WalletClass = Of<typeof walletClass>;

/** What a destination is declared to be. `denied` is on the deny list: its address is never paid. */
export const DESTINATION_CLASSES = { own: 1, exchange: 2, vasp: 3, "self-hosted": 4, contract: 5, denied: 7 } as const;
export const destinationClass = choice(DESTINATION_CLASSES);
export type DestinationClass = Of<typeof destinationClass>;

/** What a freeze stops. */
export const freezeLevel = choice({ institution: 1, chain: 2, asset: 3, wallet: 4, destination: 5, person: 6, unit: 7 });
export type FreezeLevel = Of<typeof freezeLevel>;

/** Position in the vault's journal: number of the last record and the chain hash after it. */
export const head = record({
  seq: field(0, uint(), "number of the last record; the first is 1"),
  hash: field(1, hash32, "chain hash after that record"),
});
export type Position = Of<typeof head>;
