/** `strongroom api`: every endpoint of the server, by the table that the server itself is made of. */
import process from "node:process";
import type { Json } from "@strongroom/core/signed/codec";
import type { Client, ListName } from "@strongroom/sdk/client";
import type { Endpoint } from "@strongroom/sdk/contract/endpoint";
import { ENDPOINTS, type EndpointName } from "@strongroom/sdk/contract/table";
import { clientFrom } from "../../desk/reach.ts";
import { parseJson, readWhole } from "../../device/files.ts";
import { fault } from "../../faults.ts";
import { columns, indent, paintsFor, wideOf, wrap } from "../../screen.ts";
import type { Answer, Context, Verb } from "../../verb.ts";
import { askedFrom, endpointOf, type Field, fieldsOf, jsonOf } from "./asked.ts";

export const api: Verb = {
  name: "api",
  takes: "[NAME] [field=value …]",
  what: "call any endpoint of the server; without a name all of them are listed, and `api NAME --help` says what one takes",
  options: {
    body: { value: "FILE", what: "JSON of the body; fields that are named besides go before it" },
    all: { what: "of a list all pages" },
    "if-match": { value: "ETAG", what: "change it only if it is still this version" },
    "idempotency-key": { value: "KEY", what: "the server does this change once under this key, however often it is asked" },
  },
  examples: [
    "api clients.create name=acme label='Acme AG' unit=bank",
    "api accounts.list asset=eth --all",
    "api facts.create fact=@price.fact",
  ],
  about: (word) => (Object.hasOwn(ENDPOINTS, word) ? describe(word as EndpointName) : null),
  async run(context) {
    const [word, ...words] = context.positionals;
    if (word === undefined) return listAll();
    const { name, endpoint } = endpointOf(word);
    const path = context.text("body");
    const body = path === undefined ? undefined : parseJson(await readWhole(path), path);
    const asked = await askedFrom(endpoint, words, body);
    const client = await clientFrom(context);
    if (context.on("all")) return all(client, { name, endpoint, asked });
    const { value, etag } = await client.answer(name, asked as never, optionsFrom(context));
    return shown(jsonOf(endpoint, value), etag);
  },
};

function optionsFrom(context: Context) {
  const [ifMatch, idempotencyKey] = [context.text("if-match"), context.text("idempotency-key")];
  return { ...(ifMatch === undefined ? {} : { ifMatch }), ...(idempotencyKey === undefined ? {} : { idempotencyKey }) };
}

function shown(answer: Json, etag: string | null): Answer {
  const text = typeof answer === "string" ? answer : JSON.stringify(answer, null, 2);
  return { text, json: { answer, ...(etag === null ? {} : { etag }) } };
}

type Listing = { readonly name: EndpointName; readonly endpoint: Endpoint; readonly asked: object };

async function all(client: Client, { name, endpoint, asked }: Listing): Promise<Answer> {
  const isList = endpoint.query?.shape["after"] !== undefined && name !== "events.list";
  if (!isList) fault("USAGE", "all", `${name} has no pages`);
  const found: unknown[] = [];
  for await (const item of client.each(name as ListName, asked as never)) found.push(item);
  const { items: answer } = jsonOf(endpoint, { items: found, next: null }) as { items: Json };
  return shown(answer, null);
}

function listAll(): Answer {
  const rows = Object.entries(ENDPOINTS) as [EndpointName, Endpoint][];
  const lines = rows.map(([name, { method, path, summary }]) => [name, method, path, summary]);
  const endpoints = rows.map(([name, { method, path, summary, permission }]) => ({
    name,
    method,
    path,
    summary,
    permission: permission ?? "",
  }));
  return { text: columns(lines), json: { endpoints } };
}

/** What one endpoint is and takes. */
function describe(name: EndpointName): string {
  const endpoint: Endpoint = ENDPOINTS[name];
  const { bold } = paintsFor(process.stdout);
  const { method, path, summary, permission, problems = [] } = endpoint;
  const fields = fieldsOf(endpoint).map((it) => [
    `${it.name}=VALUE`,
    `${it.optional ? "may be left out" : "must be there"}${kindOf(it.field)}`,
  ]);
  const facts = [["needs", permission ?? "no token"], ...(problems.length === 0 ? [] : [["refuses", problems.join(", ")]])];
  const parts = [
    `${bold(`strongroom api ${name}`)}   ${method} ${path}\n${indent(wrap(summary, wideOf(process.stdout) - 2).join("\n"), 2)}`,
  ];
  if (fields.length > 0) parts.push(`${bold("Fields")}\n${indent(columns(fields), 2)}`);
  return [...parts, indent(columns(facts), 2)].join("\n\n");
}

/** The words that a field takes, where there are only some. */
function kindOf(field: Field): string {
  const inner = "unwrap" in field && typeof field.unwrap === "function" ? (field.unwrap() as Field) : field;
  const { options } = inner as { options?: readonly unknown[] };
  return options === undefined || options.some((one) => typeof one !== "string") ? "" : `: ${options.join(", ")}`;
}
