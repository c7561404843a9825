/** Writes the field tables of docs/spec/objects.md and docs/rulebook.schema.json from the tables in the code:
 *  `node tools/spec.ts`. A test fails while they differ. What the page has outside of its markers is written by hand. */
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { Leaf } from "@strongroom/core/audit/leaf";
import { Record } from "@strongroom/core/journal/record";
import * as protocol from "@strongroom/core/protocol/command";
import { ExplanationBody } from "@strongroom/core/protocol/explanation";
import { Approval } from "@strongroom/core/signed/approval";
import { Attestation } from "@strongroom/core/signed/attestation";
import { Checkpoint } from "@strongroom/core/signed/checkpoint";
import { Entry } from "@strongroom/core/signed/entry";
import { Fact } from "@strongroom/core/signed/fact";
import { time } from "@strongroom/core/signed/fields";
import { Genesis } from "@strongroom/core/signed/genesis";
import { Head, Start } from "@strongroom/core/signed/head";
import { Intent } from "@strongroom/core/signed/intent";
import { type Kind, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import type { Line } from "@strongroom/core/signed/table";
import * as schema from "./schema.ts";

const { Command, StatusBody, ExecutionBody, FreezeBody, DelayBody, GivenUpBody, WalletBody, CheckpointBody, ProtectionsBody } =
  protocol;

/** Everything that has a table, in the order of the page. */
const SECTIONS: readonly { readonly title: string; readonly kinds: readonly Kind<unknown>[] }[] = [
  {
    title: "Signed kinds",
    kinds: [Genesis, Rulebook, Intent, Approval, Entry, Fact, Attestation, Receipt, Head, Start, Checkpoint],
  },
  { title: "The envelope", kinds: [Signed] },
  { title: "The audit log", kinds: [Leaf] },
  { title: "Commands", kinds: [Command] },
  {
    title: "Bodies of receipts",
    kinds: [
      StatusBody,
      ExecutionBody,
      FreezeBody,
      DelayBody,
      GivenUpBody,
      WalletBody,
      CheckpointBody,
      ProtectionsBody,
      ExplanationBody,
    ],
  },
  { title: "Journal records", kinds: [Record] },
];

const BEGIN = "<!-- tables: begin (written by tools/spec.ts) -->";
const END = "<!-- tables: end -->";
const PAGE = fileURLToPath(new URL("../docs/spec/objects.md", import.meta.url));

type Node = schema.Node;
/** A map that has a table of its own further down, by the path that leads to it. */
type Below = { readonly path: string; readonly shape: Node };

/** The page with its tables as the code has them. */
export function withTables(page: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error("docs/spec/objects.md has lost its markers");
  const sections = SECTIONS.flatMap(({ title, kinds }) => [`## ${title}`, ...kinds.flatMap(kindLines)]);
  return `${before}${BEGIN}\n\n${sections.join("\n\n")}\n\n${END}${after}`;
}

function kindLines({ name, tag, shape, maxBytes }: Kind<unknown>): readonly string[] {
  const size = maxBytes.toLocaleString("en-US");
  return [`### ${name}`, `Tag \`${tag}\`, at most ${size} bytes.`, ...tables({ path: name, shape }, new Set())];
}

/** The table of a map and, below it, of every map inside. */
function tables({ path, shape }: Below, seen: Set<Node>): readonly string[] {
  if (seen.has(shape)) return [];
  seen.add(shape);
  const inside: Below[] = [];
  const own = shape.kinds === undefined ? [table(path, shape.lines ?? [], inside)] : variantTables(path, shape.kinds, inside);
  const below = inside.flatMap((item) => {
    const found = tables(item, seen);
    return found.length === 0 ? [] : [`**${item.path}**`, ...found];
  });
  return [...own, ...below];
}

/** What all kinds share, then what each has of its own. */
function variantTables(path: string, kinds: ReadonlyMap<string, readonly Line[]>, inside: Below[]): readonly string[] {
  const all = [...kinds];
  const isCommon = (line: Line) =>
    all.every(([, lines]) => lines.some((other) => other.key === line.key && other.name === line.name));
  const common = (all[0]?.[1] ?? []).filter(isCommon);
  const own = all.flatMap(([name, lines]) => {
    const rows = lines.filter((line) => !isCommon(line));
    return [`*${path}: ${name}*`, rows.length === 0 ? "No further fields." : table(path, rows, inside)];
  });
  return [table(path, common, inside), ...own];
}

function table(path: string, lines: readonly Line[], inside: Below[]): string {
  const rows = lines.map((line) => {
    const type = typeOf(line.shape as Node, `${path}.${line.name}`, inside);
    return `| ${line.key} | \`${line.name}\` | ${type} | ${line.optional ? "optional" : ""} | ${line.doc} |`;
  });
  return ["| key | name | type | | meaning |", "|---|---|---|---|---|", ...rows].join("\n");
}

/** The words of a shape; maps are put into `inside` and named by their path. */
function typeOf(shape: Node, path: string, inside: Below[]): string {
  const inner = shape.inner?.() as Node | undefined;
  const [list] = /^list \d+…\d+ of (?=\()/.exec(shape.words) ?? [];
  if (list !== undefined && inner !== undefined) return `${list}${typeOf(inner, `${path}[]`, inside)}`;
  if (shape.words.startsWith('"any", or ') && inner !== undefined) return `"any", or ${typeOf(inner, path, inside)}`;
  if (inner !== undefined) {
    typeOf(inner, path, inside);
    return shape.words;
  }
  if (shape.lines === undefined && shape.kinds === undefined) return shortened(shape.words);
  inside.push({ path, shape });
  return "map, below";
}

/** The names that encoding.md gives to what comes often. */
function shortened(words: string): string {
  if (/^(slug|amount): /.test(words)) return words.startsWith("slug") ? "slug" : "amount";
  if (words === "0 no, 1 yes") return "flag";
  return words === time.words ? "time" : words;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  fs.writeFileSync(PAGE, withTables(fs.readFileSync(PAGE, "utf8")));
  fs.writeFileSync(schema.PAGE, schema.written());
}
