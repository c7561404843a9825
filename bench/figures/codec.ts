/** How long it takes to read and write signed objects, beside JSON of the same view, which checks nothing. */
import { Approval } from "../../core/src/signed/approval.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { decode, encode, type Kind, Signed, toJson } from "../../core/src/signed/object.ts";
import { foundedVault } from "../../test/world/vault.ts";
import type { Figure, Table } from "../figure.ts";
import { timeSideBySide } from "../stats.ts";
import { objectsOf, paymentOf } from "../world/payments.ts";
import { rulesOf } from "../world/rulebook.ts";

export const codec: Figure = async ({ quick, say }) => {
  const { vault } = foundedVault({ rulebook: rulesOf(50) });
  const objects = objectsOf(paymentOf(vault.ground(), "codec", 0));
  const kinds: readonly (readonly [string, Kind<unknown>, Uint8Array])[] = [
    ["intent", Intent as Kind<unknown>, objects.intent],
    ["approval", Approval as Kind<unknown>, objects.approval],
    ["signed approval", Signed as Kind<unknown>, objects.signed],
  ];
  const results = kinds.map(([name, kind, bytes]) => {
    say(`codec: ${name}`);
    const value = decode(kind, bytes);
    const text = JSON.stringify(toJson(kind, value));
    const view: unknown = JSON.parse(text);
    const times = timeSideBySide(
      {
        decode: () => decode(kind, bytes),
        encode: () => encode(kind, value),
        parse: () => JSON.parse(text),
        stringify: () => JSON.stringify(view),
      },
      { rounds: quick ? 9 : 31 },
    );
    return { name, bytes: bytes.length, json: text.length, ...times };
  });
  const table: Table = {
    title: "Encoding: strict CBOR, beside JSON.parse and JSON.stringify of the same view",
    columns: results.map(({ name }) => name),
    rows: [
      { what: "decode (all checks)", unit: "µs", values: results.map((one) => one.decode) },
      { what: "JSON.parse (no checks)", unit: "µs", values: results.map((one) => one.parse) },
      { what: "decode / JSON.parse", unit: "×", values: results.map((one) => one.decode / one.parse) },
      { what: "encode (all checks)", unit: "µs", values: results.map((one) => one.encode) },
      { what: "JSON.stringify (no checks)", unit: "µs", values: results.map((one) => one.stringify) },
      { what: "encode / JSON.stringify", unit: "×", values: results.map((one) => one.encode / one.stringify) },
      { what: "size as CBOR", unit: "bytes", values: results.map((one) => one.bytes) },
      { what: "size as JSON", unit: "bytes", values: results.map((one) => one.json) },
    ],
    notes: [
      "Processor time of the thread.",
      "JSON here is a view only: the vault never reads it. It knows no byte strings, so keys and hashes are hex in it.",
    ],
  };
  return [table];
};
