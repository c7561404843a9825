/** Reads JSON that a person wrote, part by part. What does not fit is refused with its place and what is expected there. */
import { Fault } from "./fault.ts";

/** Takes a value and the place where it stands (`chains.1.quorum`). */
export type Part<T> = (value: unknown, at: string) => T;
type Parts = { readonly [name: string]: Part<unknown> };
type Whole<P extends Parts> = { readonly [N in keyof P]: ReturnType<P[N]> };

/** Fails: CONFIG. */
export function refuse(at: string, expected: string): never {
  throw new Fault("CONFIG", `At ${at === "" ? "the top" : at}: ${expected} is expected.`);
}

export function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Fault("CONFIG", `It is not JSON: ${error instanceof Error ? error.message : ""}`, error);
  }
}

const MISSING = Symbol("missing");

/** An object with these parts and no others. */
export function object<P extends Parts>(value: unknown, parts: P, at = ""): Whole<P> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(at, "an object");
  const inside = (name: string) => (at === "" ? name : `${at}.${name}`);
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined) return refuse(inside(unknown), "nothing, since it is not known,");
  const given = new Map(Object.entries(value));
  const entries = Object.entries(parts).map(([name, part]) => [name, part(given.get(name) ?? MISSING, inside(name))]);
  return Object.fromEntries(entries) as Whole<P>;
}

export const fields =
  <P extends Parts>(parts: P): Part<Whole<P>> =>
  (value, at) =>
    object(value, parts, at);

/** A part that may be left out. */
export const optional =
  <T, const O>(part: Part<T>, otherwise: O): Part<T | O> =>
  (value, at) =>
    value === MISSING ? otherwise : part(value, at);

export const text: Part<string> = (value, at) =>
  typeof value === "string" && value !== "" && value.length <= 4_096 ? value : refuse(at, "a text");

export const flag: Part<boolean> = (value, at) => (typeof value === "boolean" ? value : refuse(at, "true or false"));

export const whole =
  (least: number, most: number): Part<number> =>
  (value, at) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most
      ? value
      : refuse(at, `a whole number from ${least} to ${most}`);

/** Base units, as text: JSON has no whole numbers of that size. */
export const amount: Part<bigint> = (value, at) =>
  typeof value === "string" && /^(?:0|[1-9]\d{0,77})$/.test(value)
    ? BigInt(value)
    : refuse(at, "a whole number of base units, as text,");

export const oneOf =
  <const W extends readonly string[]>(words: W): Part<W[number]> =>
  (value, at) =>
    words.find((word) => word === value) ?? refuse(at, `one of ${words.join(", ")}`);

export const list =
  <T>(part: Part<T>, { least, most }: { least: number; most: number }): Part<readonly T[]> =>
  (value, at) => {
    if (!Array.isArray(value) || value.length < least || value.length > most)
      return refuse(at, `a list of ${least} to ${most}`);
    return value.map((item, index) => part(item, `${at}.${index}`));
  };

/** An object whose names are read as well. */
export const map =
  <K, T>(name: Part<K>, part: Part<T>, most: number): Part<ReadonlyMap<K, T>> =>
  (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(at, "an object");
    const entries = Object.entries(value);
    if (entries.length > most) return refuse(at, `at most ${most} of them`);
    return new Map(entries.map(([key, item]) => [name(key, `${at}.${key}`), part(item, `${at}.${key}`)]));
  };
