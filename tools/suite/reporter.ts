/** A reporter for node:test that writes one line of JSON per finished test, diagnostic and summary. It formats nothing: what
 *  counts and what is shown is decided by whoever reads the lines (`verdict.ts`). */

import { inspect } from "node:util";
import type { Line } from "./verdict.ts";

type Happening = {
  readonly type: string;
  readonly data?: {
    readonly name?: string;
    readonly nesting?: number;
    readonly message?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: {
      readonly type?: string;
      readonly duration_ms?: number;
      readonly error?: Error & { readonly failureType?: string };
    };
  };
};

/** The contract of node:test's `--test-reporter`, which takes the default export. */
// biome-ignore lint/style/noDefaultExport: node:test looks for the default export only
export default async function* report(happenings: AsyncIterable<Happening>): AsyncGenerator<string> {
  for await (const happening of happenings) {
    const line = lineOf(happening);
    if (line !== undefined) yield `${JSON.stringify(line)}\n`;
  }
}

export function lineOf({ type, data }: Happening): Line | undefined {
  if (type === "test:summary") return { kind: "end" };
  if (type === "test:diagnostic") return { kind: "note", text: data?.message ?? "" };
  if (type !== "test:pass" && type !== "test:fail") return undefined;
  const error = data?.details?.error;
  return {
    kind: "test",
    name: data?.name ?? "",
    nesting: data?.nesting ?? 0,
    suite: data?.details?.type === "suite",
    passed: type === "test:pass",
    ms: Math.round(data?.details?.duration_ms ?? 0),
    excuse: reason(data?.skip),
    undone: reason(data?.todo),
    onlyBelow: error?.failureType === "subtestsFailed",
    error: error === undefined ? null : inspect(error.cause ?? error, { depth: 6 }),
  };
}

/** Null when not set, the reason, or "" when none was given. */
function reason(value: string | boolean | undefined): string | null {
  if (value === undefined || value === false) return null;
  return value === true ? "" : value;
}
