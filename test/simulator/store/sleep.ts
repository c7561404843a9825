/** Stands for `node:timers/promises` in the server: it sleeps by the virtual time. */
export function setTimeout(ms: number): Promise<void> {
  return new Promise((resolve) => void globalThis.setTimeout(resolve, ms));
}
