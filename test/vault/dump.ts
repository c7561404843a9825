/** The vault's state as plain data that two ways to it must agree on: tables as sorted lists, bytes as hex. */
import { toHex } from "../../core/src/bytes.ts";
import { entries, type PMap } from "../../vault/src/state/map.ts";
import { hashAt, type Positions } from "../../vault/src/state/positions.ts";
import { openJob, type State } from "../../vault/src/state/state.ts";

type Plain = string | number | boolean | null | readonly Plain[] | { readonly [name: string]: Plain };

export function dump(state: State): { readonly [name: string]: Plain } {
  return Object.fromEntries(Object.entries(state).map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): Plain {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Uint8Array) return toHex(value);
  if (value instanceof Map) return [...value].map(([key, item]) => [plain(key), plain(item)]);
  if (value instanceof Set) return [...value].map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object") return object(value);
  return value as string | number | boolean;
}

function object(value: object): Plain {
  if ("room" in value) return positions(value as Positions);
  if ("root" in value && "size" in value && !("origin" in value)) return table(value as PMap<unknown>);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

function positions(list: Positions): Plain {
  return Array.from({ length: list.length }, (_, at) => hashAt(list, at + 1) ?? null);
}

function table(map: PMap<unknown>): Plain {
  const all = [...entries(map)].map(
    ([key, value]) => [key, plain(value instanceof Uint8Array ? openJob(value) : value)] as const,
  );
  return [map.size, ...all.toSorted(([a], [b]) => (a < b ? -1 : 1))];
}
