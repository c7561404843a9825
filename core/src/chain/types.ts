/** What every chain's offline half offers. Adding a chain is adding one folder and one line in `table.ts`.
 *
 *  `read` is written without any code that `build` uses, so that one mistake cannot hide in both. Comparing an effect with
 *  the intents, and keeping slots exclusive, is generic and lives in the vault. */

/** One movement of value. `asset` is "native" or the token contract's address text; `amount` is in base units. */
export type Transfer = { readonly asset: string; readonly to: string; readonly amount: bigint };

/** A call of a contract's method: its canonical signature, and its encoded arguments without what selects it. */
export type Call = { readonly method: string; readonly arguments: Uint8Array };

/** What the vault has decided to put on the chain. `nonce` is assigned by the vault, never by the caller. With a `call`, the
 *  transfer is the native value that goes along to the contract. */
export type Order = { readonly chainId: number; readonly nonce: number; readonly transfer: Transfer; readonly call?: Call };

/** What the bytes call beyond a plain transfer: the contract, the native value that goes along, and all of the calldata.
 *  `name`: what the reader calls it. */
export type Called = {
  readonly to: string;
  readonly amount: bigint;
  readonly data: Uint8Array;
  readonly name: string;
};

/** What unsigned bytes would do, read back from the bytes alone.
 *  `feeMax`: the most that the transaction can cost in base units of the native asset.
 *  `nonce`: the chain's own exclusive number (EVM: account nonce).
 *  `called`: the call that it makes, or null when it is a plain transfer.
 *  `other`: the name of whatever it does beyond plain transfers (a contract call, an allowance, a delegation …), or null; for a
 *  call and nothing else it is the name of the call. */
export type Effect = {
  readonly chainId: number;
  readonly nonce: number;
  readonly transfers: readonly Transfer[];
  readonly feeMax: bigint;
  readonly called: Called | null;
  readonly other: string | null;
};

/** How rules speak of a call. `all`: every text by which a rule can mean it: the signature and, of a dangerous call, what kind
 *  it is. `needed`: of a dangerous call those of which an allow has to name one; null for any other call. */
export type CallNames = { readonly all: readonly string[]; readonly needed: readonly string[] | null };

/** The offline half of one chain family.
 *  Signatures are 65 bytes: r ‖ s ‖ recovery id (0 or 1), s in the lower half. */
export interface Chain<Context> {
  /** Address text of a compressed public key (33 bytes). */
  address(publicKey: Uint8Array): string;
  /** The canonical address text. Fails: ADDRESS_INVALID when the text is not exactly that. */
  parseAddress(text: string, field: string): string;
  /** Unsigned bytes. Fails: CONTEXT_INVALID, GAS_TOO_LOW. */
  build(order: Order, context: Context): Uint8Array;
  /** The context of the dearest transaction that costs at most `fee` in base units of the native asset. Fails: ADDRESS_INVALID,
   *  BAD_VALUE. */
  dearest(order: Omit<Order, "chainId" | "nonce">, fee: bigint): Context;
  /** Four bytes, as hex, that select a method. Not the builder's code. */
  selector(method: string): string;
  /** The dangerous kind of call that a method makes, or null. Fails: CALL_INVALID for a method that can never be called. */
  kindOf(method: string, field: string): string | null;
  /** Fails: CALL_INVALID as `kindOf`, and for arguments that nobody knows the meaning of. */
  namesOf(call: Call): CallNames;
  /** Every way in which rules can speak of a dangerous call. */
  readonly dangerous: readonly CallNames[];
  /** Whether a rule can mean calls by this text: a canonical signature, or a dangerous kind. */
  isCallName(text: string): boolean;
  /** The lines that people read of the arguments. Fails: CALL_INVALID unless they are the one encoding for the method. */
  argumentLines(call: Call): readonly string[];
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
