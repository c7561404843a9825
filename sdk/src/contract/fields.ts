/** The parts that the endpoint table is made of: names, hashes, amounts, bytes, times, pages.
 *
 *  Every part is checked on both sides. In JSON amounts are decimal strings, bytes are base64, times are RFC 3339 in UTC; in
 * code
 *  they are bigint, Uint8Array and string. */
import { base64 } from "@scure/base";
import { z } from "zod";

/** Most items of one page. */
export const PAGE_MAX = 200;
/** Items of a page where nothing is asked. */
export const PAGE = 50;
/** Longest signed object, in base64. */
const BYTES_MAX = 1_900_000;

/** A name as the vault takes them. */
export const Slug = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "a name of a-z, 0-9 and hyphens is expected, at most 32");
/** A hash, 32 bytes as lower-case hex. */
export const Hash = z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hex digits are expected");
/** An id that the server makes (RFC 9562, version 7). */
export const Id = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, "a UUID of version 7 is expected");
/** A text of printable ASCII, as signed objects hold them. */
export const Text = z
  .string()
  .max(400)
  .regex(/^[ -~]*$/, "printable ASCII is expected");
/** A name for people in any language, without control characters or direction marks. */
export const Label = z
  .string()
  .min(1)
  .max(120)
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]+$/u, "a text without control characters is expected");
/** RFC 3339 in UTC with milliseconds. */
export const Time = z.iso.datetime({ precision: 3 });
/** A calendar day. */
export const Day = z.iso.date();
export const ChainId = z.int().min(1).max(4_294_967_295);
/** Index of an address in its wallet. */
export const Index = z.int().min(0).max(2_147_483_647);
export const Count = z.int().min(0);
/** An address in its chain's canonical form. */
export const AddressText = z
  .string()
  .min(1)
  .max(90)
  .regex(/^[!-~]+$/, "an address is expected");
/** Id of a transaction on its chain. */
export const TxId = z
  .string()
  .min(1)
  .max(90)
  .regex(/^[0-9a-zA-Z]+$/, "a transaction id is expected");

/** Base units, at most 256 bits: a decimal string in JSON, a bigint in code. */
export const Amount = z.codec(
  z.string().regex(/^(?:0|[1-9]\d{0,77})$/, "a whole number of base units is expected, as a string"),
  z.bigint(),
  { decode: (text) => BigInt(text), encode: (value) => value.toString() },
);

/** Base units that may be negative. */
export const SignedAmount = z.codec(z.string().regex(/^(?:0|-?[1-9]\d{0,77})$/), z.bigint(), {
  decode: (text) => BigInt(text),
  encode: (value) => value.toString(),
});

/** Bytes as they are; in no JSON. */
export const RawBytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "bytes are expected");
/** Bytes: base64 with padding in JSON, a Uint8Array in code. */
export const Bytes = z.codec(
  z
    .string()
    .max(BYTES_MAX)
    .regex(/^[A-Za-z0-9+/]*={0,2}$/, "base64 is expected"),
  RawBytes,
  {
    decode: (text, context) => {
      try {
        return base64.decode(text);
      } catch {
        context.issues.push({ code: "invalid_format", format: "base64", input: text, message: "base64 is expected" });
        return z.NEVER;
      }
    },
    encode: (bytes) => base64.encode(bytes),
  },
);

/** Where a page ends; opaque. */
export const Cursor = z
  .string()
  .min(1)
  .max(400)
  .regex(/^[\w-]+$/, "a cursor of an earlier page is expected");
/** A whole number in a query string. */
export const QueryCount = (least: number, most: number) =>
  z
    .string()
    .regex(/^(?:0|[1-9]\d{0,15})$/, "a whole number is expected")
    .refine((text) => Number(text) >= least && Number(text) <= most, `a number from ${least} to ${most} is expected`);
/** What every list takes. */
export const paging = { after: Cursor.optional(), limit: QueryCount(1, PAGE_MAX).optional() };
/** What every list answers: `next` is the cursor of the next page, null at the end. */
export const page = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item).max(PAGE_MAX), next: Cursor.nullable() });
