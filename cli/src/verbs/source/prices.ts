/** Prices of a source, from a file that somebody else writes:
 *  `[{"asset":"eth","currency":"usd","numerator":"…","denominator":"…"}]`, exact ratios of base units of the currency to
 *  base units of the asset. */
import { stat } from "node:fs/promises";
import { parseJson, readWhole } from "../../device/files.ts";
import { fault, systemWords } from "../../faults.ts";

export type Price = { readonly subject: string; readonly numerator: bigint; readonly denominator: bigint };

/** The prices of a file, and when it was written. Fails: FILE_UNFIT. */
export async function readPrices(path: string): Promise<{ readonly writtenMs: number; readonly prices: readonly Price[] }> {
  const { mtimeMs } = await stat(path).catch((error: unknown) =>
    fault("FILE_UNFIT", path, `it cannot be read: ${systemWords(error)}`, error),
  );
  const json = parseJson(await readWhole(path), path);
  if (!Array.isArray(json)) return fault("FILE_UNFIT", path, "a list of prices is expected");
  return { writtenMs: Math.round(mtimeMs), prices: json.map((item, at) => priceIn(item, `${path}: ${at}`)) };
}

function priceIn(item: unknown, at: string): Price {
  const isObject = typeof item === "object" && item !== null;
  const { asset, currency, numerator, denominator, ...others } = (isObject ? item : {}) as { [name: string]: unknown };
  const named = [asset, currency].every((name) => typeof name === "string" && /^[a-z0-9][a-z0-9-]{0,31}$/.test(name));
  const exact = [numerator, denominator].every((units) => typeof units === "string" && /^[1-9]\d{0,77}$/.test(units));
  if (!named || !exact || Object.keys(others).length > 0)
    return fault(
      "FILE_UNFIT",
      at,
      "asset, currency, numerator and denominator are expected, the last two as whole numbers in quotes",
    );
  return {
    subject: `price:${asset}:${currency}`,
    numerator: BigInt(String(numerator)),
    denominator: BigInt(String(denominator)),
  };
}
