/** Kinds of signed objects: how one is encoded, named by its hash, and wrapped with signatures.
 *
 *  An object's id is H("strongroom/<kind>/1", bytes), and that hash is what a key signs. Source: docs/spec/objects.md. */
import { type Hash, hash, hashBytes } from "../bytes.ts";
import { Reader, Writer, within } from "../cbor.ts";
import { refuse } from "../errors.ts";
import { blob, field, hex, type Json, list, type Of, optional, type Shape } from "./codec.ts";
import { record } from "./table.ts";

/** Size limit of an object unless its kind says otherwise. */
export const MAX_OBJECT_BYTES = 65_536;

/** One kind of object. `tag` goes into its hash. */
export type Kind<T> = { readonly name: string; readonly tag: string; readonly shape: Shape<T>; readonly maxBytes: number };

/** Declares a kind. */
export function kind<T>(name: string, shape: Shape<T>, maxBytes = MAX_OBJECT_BYTES): Kind<T> {
  return { name, tag: `strongroom/${name}/1`, shape, maxBytes };
}

/** Runs `work`; a refusal's field starts with the name of the kind. */
function named<R>(of: Kind<unknown>, work: () => R): R {
  try {
    return work();
  } catch (error) {
    throw within(of.name, error);
  }
}

function checkSize(of: Kind<unknown>, bytes: Uint8Array): void {
  if (bytes.length > of.maxBytes) refuse("TOO_LARGE", of.name, `an object of this kind has at most ${of.maxBytes} bytes`);
}

/** The one encoding of `value`. Fails: the codes of `Shape`, TOO_LARGE. */
export function encode<T>(of: Kind<T>, value: T): Uint8Array {
  const out = new Writer();
  named(of, () => of.shape.write(out, value));
  const bytes = out.done();
  checkSize(of, bytes);
  return bytes;
}

/** The value that `bytes` encode; only the one canonical encoding is accepted. Fails: the codes of `Shape`, TOO_LARGE. */
export function decode<T>(of: Kind<T>, bytes: Uint8Array): T {
  checkSize(of, bytes);
  const from = new Reader(bytes);
  return named(of, () => {
    const value = of.shape.read(from);
    from.end();
    return value;
  });
}

/** Id of the object with these bytes. */
export function idOf(of: Kind<unknown>, bytes: Uint8Array): Hash {
  return hash(of.tag, bytes);
}

/** What a key signs for the object with these bytes: 32 bytes. */
export function challengeOf(of: Kind<unknown>, bytes: Uint8Array): Uint8Array {
  return hashBytes(of.tag, bytes);
}

/** The view for people. */
export function toJson<T>(of: Kind<T>, value: T): Json {
  return of.shape.toJson(value);
}

/** From the view for people; use the result only through `encode`. */
export function fromJson<T>(of: Kind<T>, json: unknown): T {
  return named(of, () => of.shape.fromJson(json));
}

/** One signature. Ed25519: `signature` is R ‖ S (64 bytes), `clientData` and `authenticatorData` are absent.
 *  WebAuthn: `signature` is the DER of ES256 and both are there. */
const Signature = record({
  key: field(0, hex<Hash>(32), "id of the key that signed"),
  signature: field(1, blob(80, 1), "Ed25519: R ‖ S; WebAuthn: ES256 as DER"),
  clientData: optional(2, blob(1024, 1), "WebAuthn: clientDataJSON"),
  authenticatorData: optional(3, blob(37, 37), "WebAuthn: authenticatorData"),
});
export type Signature = Of<typeof Signature>;

/** Most signatures that one object carries. */
export const MAX_SIGNATURES = 32;

/** An object's bytes and the signatures over its hash. */
export const Signed = kind(
  "signed",
  record({
    body: field(0, blob(1_048_576, 1), "bytes of the object"),
    signatures: field(1, list(Signature, MAX_SIGNATURES, 1), "signatures over the object's hash, one per key"),
  }),
  1_048_576 + 65_536,
);
export type Signed = Of<(typeof Signed)["shape"]>;
