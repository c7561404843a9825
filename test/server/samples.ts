/** What may be given to the parts of an endpoint, and what may not: made from their schemas, so that a new endpoint is tried
 *  too. */
import { z } from "zod";

/** Texts of every kind that the table has; what a schema takes is found among them. */
const TEXTS = [
  "x1",
  "a".repeat(64),
  "018f0000-0000-7000-8000-000000000000",
  "1",
  "AA==",
  "unit.created",
  "2026-01-01T00:00:00.000Z",
  "0/000",
];
const VALUES: readonly unknown[] = [...TEXTS, 0, 1, 60, 100, true, [], {}, null];

/** A value that the schema takes, before it is decoded; nothing when it can be left out. */
function valid(schema: z.ZodType): unknown {
  if (schema.safeParse(undefined).success) return undefined;
  const options = schema instanceof z.ZodEnum ? schema.options : VALUES;
  const found = options.find((value) => schema.safeParse(value).success);
  if (found === undefined) throw new Error("no sample fits; add one to TEXTS");
  return found;
}

/** The least that a part takes. */
export function validPart(part: z.ZodObject | undefined): Record<string, unknown> {
  const all = Object.entries(part?.shape ?? {}).map(([name, schema]) => [name, valid(schema as z.ZodType)] as const);
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}

const LONG = "x".repeat(2_000);
const STRANGE: readonly unknown[] = [
  ...[
    "",
    " ",
    "X",
    "é",
    "\u0000",
    "a\u0000",
    "\u202e",
    "\ud800",
    "' or 1=1 --",
    "../..",
    "%00",
    LONG,
    "-1",
    "1.5",
    "1e3",
    "0x10",
  ],
  ...[
    "00",
    "99999999999999999999999",
    "null",
    "true",
    "A".repeat(33),
    "b".repeat(63),
    "=",
    "A===",
    "018f0000-0000-4000-8000-000000000000",
  ],
  ...[0, -1, 1.5, 1e300, 2 ** 53, 31_622_401, true, false, null, [], ["x1"], {}, { $ne: null }, [[[]]]],
];

/** Values that a field does not take, and of which text can be put into a path or query. */
export function strangeValues(schema: z.ZodType, textOnly: boolean): readonly unknown[] {
  const isWanted = (value: unknown) => !textOnly || (typeof value === "string" && value.isWellFormed());
  return STRANGE.filter((value) => isWanted(value) && !schema.safeParse(value).success);
}

/** The path of an endpoint with its parameters filled in. */
export function fill(path: string, params: Readonly<Record<string, unknown>>): string {
  const text = (name: string) => String(params[name]);
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(text(name))).replace("*", () => text("*"));
}
