/** What the vault says of a request before it decides: asked for through the server or straight, checked here, told to people.
 *
 *  Nothing can come of asking. Through a server the vault judges what the server sends along; the answer shows what that is. */
import type { Hash } from "@strongroom/core/bytes";
import { formatAmount } from "@strongroom/core/money/amount";
import type { Explained, ExplainedLack, ExplainedStep, MissingFact } from "@strongroom/core/protocol/explanation";
import type { Book } from "@strongroom/core/rulebook/book";
import type { Demand } from "@strongroom/core/rulebook/quorum";
import { formatTime } from "@strongroom/core/text/render";
import type { Client } from "@strongroom/sdk/client";
import { ApiProblem } from "@strongroom/sdk/client/problem";
import { VaultRefused } from "@strongroom/sdk/vault/session";
import { readExplanation, readTold, type Told } from "@strongroom/sdk/verify/explanation";
import type { Request } from "../desk/desk.ts";
import { columns, duration, type Paints } from "../screen.ts";
import { detailWords, limitOf, measureWords } from "./advice.ts";
import { currentApprovals } from "./execute.ts";
import type { Session } from "./session.ts";

/** A rulebook that is not in force: its bytes, signed or not, and the id that the answer has to name. */
export type Draft = { readonly id: Hash; readonly bytes: Uint8Array };
type With = { readonly draft?: Draft | undefined; readonly facts?: readonly Uint8Array[] };

/** The vault's explanation of a request. `client`: the server to ask through, or null.
 *  Fails: `VaultRefused`, `ApiProblem`, RECEIPT_FORGED. */
export async function explain(
  session: Session,
  client: Client | null,
  request: Request,
  { draft, facts = [] }: With = {},
): Promise<Told> {
  const { id, bytes: intent, index } = request;
  const wanted = { intents: [id], ...(draft !== undefined && { draft: draft.id }) };
  const by = draft === undefined ? {} : { draft: draft.bytes };
  if (client !== null) {
    const told = await client.call("explanations.create", { body: { intent, index, ...by } });
    return readTold(told, wanted, { ...session, boot: session.head().boot });
  }
  const approvals = currentApprovals(session, request).sent;
  const receipt = await session.ask({ command: "explain", orders: [{ intent, index }], approvals, facts, ...by });
  if (receipt.code !== "OK") throw new VaultRefused(receipt);
  return { ...readExplanation(receipt.body, wanted), at: receipt.at };
}

/** Why the vault would refuse whatever is added, and what is still to be added. */
export type Advice = { readonly against?: string; readonly missing: readonly string[] };

/** Codes that people, sources or time can still cure. */
const CURABLE: ReadonlySet<string | undefined> = new Set([
  ...["QUORUM_MISSING", "INITIATOR_MISSING", "NOT_AFTER_TOO_FAR", "FACT_MISSING", "FACT_STALE"],
  ...["NOT_REGISTERED", "DELAY_RUNNING", "ENTRY_TOO_YOUNG"],
]);

/** What a request still lacks; nothing where the vault does not say. */
export async function adviceOn(session: Session, client: Client | null, request: Request): Promise<Advice> {
  try {
    const { orders } = await explain(session, client, request);
    return adviceIn(orders[0] as Explained, session.book());
  } catch (error) {
    if (error instanceof VaultRefused || error instanceof ApiProblem) return { missing: [] };
    throw error;
  }
}

/** The same, read from an explanation. */
export function adviceIn(order: Explained, book: Book): Advice {
  const open = order.steps.filter(({ met }) => !met);
  const against = open.find(({ code }) => !CURABLE.has(code));
  if (against !== undefined) return { against: detailWords(against.field ?? "", against.detail ?? "", book), missing: [] };
  return { missing: open.map((step) => `${lackWords(order, step) ?? wordsOf(step)}${ruleOf(step)}`) };
}

const ruleOf = ({ rule }: Pick<ExplainedStep, "rule">): string =>
  rule.startsWith("rules.") ? `, by rule ${rule.slice("rules.".length)}` : "";

/** What a step demands, with its times for people. */
export function wordsOf({ words }: Pick<ExplainedStep, "words">): string {
  return words.replace(/\b(\d{1,15}) ms\b/g, (_, ms: string) => duration(Number(ms)));
}

const seatWords = (way: readonly Demand[]): string => way.map(({ group, count }) => `${count} of ${group}`).join(" and ");

/** What a quorum lacks: "1 more of approvers: bob, carl"; null for any other step. */
function lackWords({ lacking, could }: Explained, { rule, code }: ExplainedStep): string | null {
  const lack = code === "QUORUM_MISSING" ? lacking.find((one) => one.rule === rule) : undefined;
  if (lack === undefined) return null;
  const who = could.length === 0 ? "" : ` (${could.slice(0, NAMES).join(", ")}${could.length > NAMES ? ", …" : ""})`;
  return `${lackOf(lack)}${lack.persons > 0 ? "" : who}`;
}

/** Persons that one line names. */
const NAMES = 8;

function lackOf({ ways, groups, persons }: ExplainedLack): string {
  if (persons > 0) return `${persons} more of any group`;
  if (ways.length === 0) return `persons of ${groups} more ${groups === 1 ? "group" : "groups"}`;
  return ways.map(seatWords).join(" or ");
}

function missingWords({ type, subject, sources }: MissingFact): string {
  return `${type} on ${subject || "nothing here"} by ${sources.join(", ")}`;
}

/** An explanation for people: a table of all demands, and what is missing, used and left. `book`: the rulebook of the
 *  explanation. */
export function describe(told: Told, book: Book, { good, bad, dim }: Paints): string {
  const order = told.orders[0] as Explained;
  const { code, field, detail, draft, unfit, facts, at, limits = [] } = told;
  const verdict =
    code === "OK" ? good("it would be carried out") : `${bad(code)}  ${field}: ${detailWords(field, detail, book)}`;
  const by = `${draft ? "a draft, epoch" : "the rulebook in force, epoch"} ${book.document.epoch}`;
  const head = [
    ["verdict", order.done ? good("it was carried out before") : verdict],
    ["judged by", `${by}, at ${formatTime(at)} by the vault's own time`],
    ...(told.limits === undefined ? [] : [["told by", "the server, without the vault's signature: you are bound to a client"]]),
  ];
  const steps = order.steps.map((step) => {
    const why = step.met ? "" : dim(`${step.code}: ${detailWords(step.field ?? "", step.detail ?? "", book)}`);
    return [step.met ? good("✓") : bad("✗"), step.rule, wordsOf(step), why];
  });
  return [
    columns(head),
    ...(steps.length === 0 ? [] : [columns(steps)]),
    ...(order.more ? ["and more, which did not fit into the answer"] : []),
    columns([
      ...labelled(
        "unfit",
        unfit.map((one) => `${one.at}: ${one.code}, ${one.detail}`),
      ),
      ...labelled("approved", order.approved.length === 0 ? [] : [order.approved.join(", ")]),
      ...labelled("missing", [
        ...order.lacking.map((lack) => `${lackOf(lack)}, for ${lack.rule}`),
        ...order.missing.map(missingWords),
      ]),
      ...labelled("could approve", order.could.length === 0 ? [] : [order.could.join(", ")]),
      ...labelled(
        "facts",
        facts.map((fact) => `${fact.type} by ${fact.source} on ${fact.subject}, ${ageWords(at - fact.at)}`),
      ),
      ...labelled("value", valueWords(order, book)),
      ...labelled("limits", [...order.limits.map((limit) => standingWords(limit, book)), ...limits.map(narrowWords)]),
    ]),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** Rows of one label. */
function labelled(label: string, lines: readonly string[]): readonly (readonly string[])[] {
  return lines.map((line, at) => [at === 0 ? label : "", line]);
}

/** How old a fact is; the vault's time is only its lower bound. */
const ageWords = (ms: number): string => (ms < 1_000 ? "just now" : `${duration(Math.floor(ms / 1_000) * 1_000)} ago`);

function valueWords({ value }: Explained, { document }: Book): readonly string[] {
  if (value === undefined || document.valuation === undefined) return [];
  return [`${formatAmount(value, document.valuation.decimals)} ${document.valuation.currency}`];
}

const narrowWords = ({ limit, holds }: NonNullable<Told["limits"]>[number]): string =>
  `${limit}: ${holds ? "holds" : "does not hold"}`;

function standingWords({ limit: name, of, used, adding, most }: Explained["limits"][number], book: Book): string {
  const limit = limitOf(name, book);
  const measure = (amount: bigint) => (limit === undefined ? String(amount) : measureWords(amount, limit, book));
  const rest = most - used - adding;
  const left = rest < 0n ? `${measure(-rest)} too much` : `leaves ${measure(rest)}`;
  return `${name}${of === "" ? "" : ` of ${of}`}: ${measure(used)} used, ${measure(adding)} added, ${left} of ${measure(most)}`;
}
