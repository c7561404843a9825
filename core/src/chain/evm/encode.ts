/** RLP, writing half. Used by the builder and by assembly, never by the reader. */
import { concat, fromHex } from "../../bytes.ts";

/** A string of bytes or a list of items. */
export type Item = Uint8Array | readonly Item[];

/** RLP of one item; always the shortest form.   Source: Yellow Paper, appendix B. */
export function encode(item: Item): Uint8Array {
  if (item instanceof Uint8Array) {
    const [first] = item;
    if (item.length === 1 && first !== undefined && first < 0x80) return item;
    return concat(header(0x80, item.length), item);
  }
  return list(item.map(encode));
}

/** The list of items that are encoded already. */
export function list(items: readonly Uint8Array[]): Uint8Array {
  const size = items.reduce((sum, { length }) => sum + length, 0);
  return concat(header(0xc0, size), ...items);
}

/** Big-endian bytes of a number of zero or more without leading zeros; zero is empty. */
export function integer(value: bigint | number): Uint8Array {
  const digits = value.toString(16);
  if (digits === "0") return new Uint8Array();
  return fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
}

function header(base: number, size: number): Uint8Array {
  if (size <= 55) return Uint8Array.of(base + size);
  const length = integer(size);
  return Uint8Array.of(base + 55 + length.length, ...length);
}
