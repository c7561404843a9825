/** What every chain's offline half offers. Adding a chain is adding one folder and one line in `table.ts`.
 *
 *  `read` is written without any code that `build` uses, so that one mistake cannot hide in both. Comparing an effect with
 *  the intents, and keeping slots exclusive, is generic and lives in the vault. */

/** One movement of value. `asset` is "native" or the token contract's address text; `amount` is in base units. */
export type Transfer = { readonly asset: string; readonly to: string; readonly amount: bigint };

/** What the vault has decided to put on the chain. `nonce` is assigned by the vault, never by the caller. */
export type Order = { readonly chainId: number; readonly nonce: number; readonly transfer: Transfer };

/** What unsigned bytes would do, read back from the bytes alone.
 *  `feeMax`: the most that the transaction can cost in base units of the native asset.
 *  `nonce`: the chain's own exclusive number (EVM: account nonce).
 *  `other`: the name of whatever it does beyond plain transfers (a contract call, an allowance, a delegation …), or null.
 *  An effect with `other` set is refused unless a rule names it. */
export type Effect = {
  readonly chainId: number;
  readonly nonce: number;
  readonly transfers: readonly Transfer[];
  readonly feeMax: bigint;
  readonly other: string | null;
};

/** The offline half of one chain family.
 *  Signatures are 65 bytes: r ‖ s ‖ recovery id (0 or 1), s in the lower half. */
export interface Chain<Context> {
  /** Address text of a compressed public key (33 bytes). */
  address(publicKey: Uint8Array): string;
  /** The canonical address text. Fails: ADDRESS_INVALID when the text is not exactly that. */
  parseAddress(text: string, field: string): string;
  /** Unsigned bytes. Fails: CONTEXT_INVALID, GAS_TOO_LOW. */
  build(order: Order, context: Context): Uint8Array;
  /** Fails: EFFECT_UNREADABLE when the bytes are not one canonical unsigned transaction. */
  read(bytes: Uint8Array): Effect;
  /** What makes two transactions exclusive on chain, as texts that are unique over all chains. */
  slots(effect: Effect, from: string): readonly string[];
  /** The digest that the key signs. */
  digest(bytes: Uint8Array): Uint8Array;
  /** Whether `signature` over `bytes` comes from `from`. */
  verify(bytes: Uint8Array, signature: Uint8Array, from: string): boolean;
  /** The signed transaction and its id on the chain. */
  assemble(bytes: Uint8Array, signature: Uint8Array): { readonly raw: Uint8Array; readonly id: string };
}
