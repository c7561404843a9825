/** Prices of the demonstration: invented, written again and again into the file that its source reads, as a market feed would. */
import { join } from "node:path";
import { writeWhole } from "../device/files.ts";
import { limits } from "../limits.ts";
import { ETH, USDX } from "./rulebook.ts";

/** Where the prices lie. */
export const pricesPath = (home: string): string => join(home, "sources", "prices.json");

/** Cents for a whole unit of each asset; ether moves by up to a euro. */
function pricesAt(at: number): readonly object[] {
  const minute = Math.floor(at / 60_000);
  const of = (asset: string, cents: number, unit: bigint) => {
    return { asset, currency: "eur", numerator: String(cents), denominator: String(unit) };
  };
  return [of("eth", 250_000 + (minute % 100), ETH), of("usdx", 92, USDX)];
}

/** Writes the prices now and from time to time; gives what ends that. */
export async function startPrices(home: string): Promise<() => void> {
  const write = () => writeWhole(pricesPath(home), `${JSON.stringify(pricesAt(Date.now()))}\n`);
  await write();
  // A folder that is gone is noticed by the programs that work in it.
  const timer = setInterval(() => void write().catch(() => undefined), limits.pricesMs);
  return () => clearInterval(timer);
}
