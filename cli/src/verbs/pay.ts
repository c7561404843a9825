/** `strongroom pay`: makes a payment request and signs it as its initiator. Nothing is paid before others have approved. */
import { parseAmount } from "@strongroom/core/money/amount";
import { Intent, type IntentOf } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import { findChain } from "@strongroom/core/text/render";
import type { Config } from "../config.ts";
import { type DeviceKey, openKey } from "../device/keyFile.ts";
import { addApproval, createRequest, shortId } from "../device/requests.ts";
import { fault } from "../faults.ts";
import { frame } from "../screen.ts";
import { quotePayment } from "../vault/execute.ts";
import { destinationOf, makeIntent, signDecision, textOf } from "../vault/intents.ts";
import type { Session } from "../vault/session.ts";
import {
  type Answer,
  type Context,
  confirmText,
  lineFor,
  named,
  needed,
  nodeFor,
  parseLife,
  SIGNING,
  type Verb,
  withSession,
} from "../verb.ts";

/** The approved fee is this many times today's, so that a payment can wait or be bumped. */
const FEE_ROOM = 3n;

export const pay: Verb = {
  name: "pay",
  takes: "AMOUNT ASSET",
  what: "request a payment; it gets a folder with the intent and your signature, and waits for approvals",
  options: {
    to: { value: "ENTRY", what: "address-book entry that is paid" },
    from: { value: "WALLET", what: "wallet that pays" },
    fee: { value: "AMOUNT", what: "most that the fees may come to, in the native asset (default: three times today's)" },
    purpose: { value: "TEXT", what: "why, in your words; approvers read it" },
    reference: { value: "TEXT", what: "your own reference; the same one never pays twice" },
    valid: { value: "TIME", what: "how long the request lives: 90s, 15m, 24h, 7d (default 24h)" },
    index: { value: "N", what: "index of the paying address in the wallet (default 0)" },
    ...SIGNING,
  },
  examples: ["pay 0.25 eth --from treasury --to northwind --key tom --purpose 'invoice 4711'"],
  async run(context) {
    const [amount = "", asset = ""] = named(context, "AMOUNT", "ASSET");
    return withSession(context, (session, config) => request(context, session, { amount, asset, config }));
  },
};

type Wish = { readonly amount: string; readonly asset: string; readonly config: Config };

async function request(context: Context, session: Session, { amount, asset: name, config }: Wish): Promise<Answer> {
  const asset = session.book().assets.get(name) ?? fault("USAGE", "ASSET", `the rulebook knows no asset ${name}`);
  const destination = await destinationOf(session, needed(context, "to"));
  const content = {
    kind: "pay" as const,
    chain: asset.chain,
    wallet: needed(context, "from"),
    destination,
    asset: asset.id,
    amount: parseAmount(amount, asset.decimals, "AMOUNT"),
  };
  const totalFee = await feeFor(context, session, { config, content });
  const key = await openKey(context.home, needed(context, "key"), context.text("passphrase-file"));
  const valid = context.text("valid");
  const lifeMs = valid === undefined ? undefined : parseLife(valid);
  const words = { purpose: context.text("purpose") ?? "", reference: context.text("reference"), lifeMs };
  const bytes = makeIntent(session, key, { ...content, totalFee }, words);
  return requestIntent(context, session, { key, bytes });
}

/** Shows an intent, signs it as its initiator, and puts it into a request folder. */
export async function requestIntent(
  context: Context,
  session: Session,
  it: { key: DeviceKey; bytes: Uint8Array },
): Promise<Answer> {
  const { key, bytes } = it;
  const intent = decode(Intent, bytes);
  const text = textOf(session, intent);
  await confirmText(context, frame(text), `Sign as ${key.name}?`);
  const made = await createRequest(context.home, bytes);
  const { id } = made;
  await addApproval(made, signDecision(session, key, { subject: id, text, decision: "initiate", notAfter: intent.notAfter }));
  const next = [`approve ${shortId(id)} --key NAME`, `send ${shortId(id)}${intent.kind === "unfreeze" ? " --wait" : ""}`];
  return {
    text: `request ${id}\nnext    ${next.map((words) => lineFor(context.home, words)).join("\n        ")}`,
    json: { request: id, text, next },
  };
}

type Content = Omit<
  IntentOf<"pay">,
  "totalFee" | "version" | "deployment" | "initiator" | "purpose" | "reference" | "notAfter" | "nonce"
>;

async function feeFor(
  context: Context,
  session: Session,
  { config, content }: { config: Config; content: Content },
): Promise<bigint> {
  const chain = findChain(session.book(), content.chain);
  const named = context.text("fee");
  const decimals = session.book().assets.get(chain.native)?.decimals ?? 0;
  if (named !== undefined) return parseAmount(named, decimals, "fee");
  const index = Number(context.text("index") ?? "0");
  const quote = await quotePayment(session, await nodeFor(config, chain.id), content, index);
  const roomy = quote.most * FEE_ROOM;
  return roomy < chain.maxFee ? roomy : chain.maxFee;
}
