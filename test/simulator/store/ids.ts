/** Chance and rest for the server: ids that grow with virtual time, nonces of its commands, and sleep. */
import type { Uuid } from "../../../server/src/db/ids.ts";
import { Chance } from "../machine/time.ts";

let chance = new Chance(0);
let clock: { readonly now: number } = { now: 0 };
let count = 0;

/** From here on everything follows from this chance and this time. */
export function beginIds(from: Chance, time: { readonly now: number }): void {
  [chance, clock, count] = [from, time, 0];
}

/** As the server's own, a UUID of version 7; here its chance comes from the seed. */
export function uuid(now: number = clock.now): Uuid {
  count += 1;
  const [time, number] = [now.toString(16).padStart(12, "0"), count.toString(16).padStart(15, "0")];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${number.slice(0, 3)}-8${number.slice(3, 6)}-${number.slice(6)}000` as Uuid;
}

/** Stands for that of node:crypto in the server's link to the vault. */
export function randomBytes(size: number): Buffer {
  return Buffer.from(chance.bytes(size));
}

/** Stands for that of `node:timers/promises` in the server: it sleeps by the virtual time. */
export function setTimeout(ms: number): Promise<void> {
  return new Promise((resolve) => void globalThis.setTimeout(resolve, ms));
}
