/** What one decision has come to so far. Records that must outlive a refusal (facts that were seen) are put in at once; all
 *  others only when nothing can refuse any more. */
import type { RefusalCode } from "@strongroom/core/errors";
import { type Record, type Sealed, sealRecord } from "@strongroom/core/journal/record";
import type { Answer, Effect, Now } from "../types.ts";

type Body = Record extends infer R ? (R extends Record ? Omit<R, "version" | "at"> : never) : never;

/** A record dated now. */
export function recordAt(now: Now, body: Body): Sealed {
  return sealRecord({ version: 1, at: now.lo, ...body } as Record);
}

/** The answer OK to the command that is being decided. */
export function ok(body: Uint8Array = new Uint8Array(), object?: Answer["object"]): Effect {
  const answer = { to: null, code: "OK", field: "", detail: "", body } as const;
  return { reply: object === undefined ? answer : { ...answer, object } };
}

/** A text cut to `size`, in printable ASCII. */
export function plain(text: string, size: number): string {
  return text.slice(0, size).replace(/[^\x20-\x7e]/g, "?");
}

/** A refusal, to the command that is being decided or to those who wait for `to`. */
export function refusal(code: RefusalCode, at: { to?: Answer["to"]; field: string; detail: string }): Effect {
  const { to = null } = at;
  return { reply: { to, code, field: plain(at.field, 96), detail: plain(at.detail, 400), body: new Uint8Array() } };
}
