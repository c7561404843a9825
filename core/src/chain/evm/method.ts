/** Methods of contracts: a canonical signature, like `deposit(uint256,address[])`, and the types of its arguments.
 *
 *  Only what a contract's interface can name is read, in the one way in which its four bytes are made: no names of arguments,
 *  no spaces, no short forms. Not for encoding; see `abi.ts`.
 *  Source: Solidity 0.8, "Contract ABI Specification", Function Selector and Types. */
import { demand, refuse } from "../../errors.ts";

/** One type of an argument. `bytes` without a size is as long as it is, `array` without a length too. */
export type Type =
  | { readonly is: "uint" | "int"; readonly bits: number }
  | { readonly is: "address" | "bool" | "string" }
  | { readonly is: "bytes"; readonly size: number | undefined }
  | { readonly is: "array"; readonly of: Type; readonly length: number | undefined }
  | { readonly is: "tuple"; readonly of: readonly Type[] };

export type Method = { readonly signature: string; readonly types: readonly Type[] };

/** Longest signature, in characters. */
export const MAX_SIGNATURE = 128;
/** How deep arrays and tuples may lie within one another, the innermost types counted too. */
export const MAX_DEPTH = 4;
/** Elements of an array whose length is part of its type: as many words as the longest arguments have. */
export const MAX_LENGTH = 128;

const NAME = /^[A-Za-z_$][A-Za-z0-9_$]*(?=\()/;
const ELEMENTARY = /(?:(u?int)([1-9]\d{0,2})|address|bool|string|bytes([1-9]\d?)?)(?![a-z0-9])/y;
const ARRAY = /\[([1-9]\d{0,2})?\]/y;

/** What is left to read of a signature. */
type Cursor = { readonly text: string; at: number };

/** The method of a signature. Fails: CALL_INVALID unless the text is exactly one canonical signature.
 *  The types `function`, `fixed` and `ufixed` are not taken. */
export function parseMethod(signature: string, field: string): Method {
  demand(signature.length <= MAX_SIGNATURE, "CALL_INVALID", field, `a signature has at most ${MAX_SIGNATURE} characters`);
  const name = NAME.exec(signature)?.[0];
  if (name === undefined) invalid(field, "a name and its types in brackets are expected, like deposit(uint256)");
  const from: Cursor = { text: signature, at: name.length };
  const types = signature.startsWith("()", from.at) ? none(from) : members(from, field);
  demand(from.at === signature.length, "CALL_INVALID", field, "something follows the types");
  const shallow = types.every((type) => depthOf(type) <= MAX_DEPTH);
  demand(shallow, "CALL_INVALID", field, `types lie at most ${MAX_DEPTH} deep`);
  return { signature, types };
}

function invalid(field: string, detail: string): never {
  refuse("CALL_INVALID", field, detail);
}

function none(from: Cursor): readonly Type[] {
  from.at += 2;
  return [];
}

/** Types in brackets, one at least. */
function members(from: Cursor, field: string): readonly Type[] {
  const types: Type[] = [];
  for (let mark = "("; mark !== ")"; mark = from.text.charAt(from.at)) {
    demand(mark === "(" || mark === ",", "CALL_INVALID", field, "types are parted by commas and end with a bracket");
    from.at += 1;
    types.push(typeAt(from, field));
  }
  from.at += 1;
  return types;
}

function typeAt(from: Cursor, field: string): Type {
  const isTuple = from.text.charAt(from.at) === "(";
  let type: Type = isTuple ? { is: "tuple", of: members(from, field) } : elementary(from, field);
  for (let suffix = next(ARRAY, from); suffix !== null; suffix = next(ARRAY, from)) {
    const length = suffix[1] === undefined ? undefined : Number(suffix[1]);
    demand(length === undefined || length <= MAX_LENGTH, "CALL_INVALID", field, `arrays have at most ${MAX_LENGTH} elements`);
    type = { is: "array", of: type, length };
  }
  return type;
}

/** How deep a type is: 1 for one that holds no others. */
function depthOf(type: Type): number {
  if (type.is === "array") return 1 + depthOf(type.of);
  return type.is === "tuple" ? 1 + type.of.reduce((most, one) => Math.max(most, depthOf(one)), 0) : 1;
}

function next(pattern: RegExp, from: Cursor): RegExpExecArray | null {
  pattern.lastIndex = from.at;
  const found = pattern.exec(from.text);
  if (found !== null) from.at += found[0].length;
  return found;
}

function elementary(from: Cursor, field: string): Type {
  const found = next(ELEMENTARY, from);
  if (found === null) invalid(field, `no type can be read at character ${from.at + 1}`);
  const [word, number, bits, size] = found;
  if (number !== undefined) {
    const width = Number(bits);
    demand(width % 8 === 0 && width <= 256, "CALL_INVALID", field, `${word}: whole numbers have 8, 16, … 256 bits`);
    return { is: number as "uint" | "int", bits: width };
  }
  if (word.startsWith("bytes")) {
    demand(Number(size ?? 1) <= 32, "CALL_INVALID", field, `${word}: at most 32 bytes have a fixed size`);
    return { is: "bytes", size: size === undefined ? undefined : Number(size) };
  }
  return { is: word as "address" | "bool" | "string" };
}

/** A type as signatures write it. */
export function typeText(type: Type): string {
  switch (type.is) {
    case "uint":
    case "int":
      return `${type.is}${type.bits}`;
    case "bytes":
      return `bytes${type.size ?? ""}`;
    case "array":
      return `${typeText(type.of)}[${type.length ?? ""}]`;
    case "tuple":
      return `(${type.of.map(typeText).join(",")})`;
    default:
      return type.is;
  }
}

/** Whether the size of a value is not part of its type; then it stands behind all that have one. */
export function isDynamic(type: Type): boolean {
  switch (type.is) {
    case "string":
      return true;
    case "bytes":
      return type.size === undefined;
    case "array":
      return type.length === undefined || isDynamic(type.of);
    case "tuple":
      return type.of.some(isDynamic);
    default:
      return false;
  }
}

/** Bytes that a value takes in its place: its own, or those of the offset at which it stands. */
export function headSize(type: Type): number {
  if (isDynamic(type)) return 32;
  if (type.is === "array") return (type.length as number) * headSize(type.of);
  return type.is === "tuple" ? type.of.reduce((sum, one) => sum + headSize(one), 0) : 32;
}
