/** `strongroom balance` and `strongroom deposits`: what the server's books say, in amounts that people read. */
import { formatAmount } from "@strongroom/core/money/amount";
import type { Book } from "@strongroom/core/rulebook/book";
import type { Account } from "@strongroom/sdk/contract/books";
import { fault } from "../../faults.ts";
import { limits } from "../../limits.ts";
import { columns } from "../../screen.ts";
import { type At, asName, type Context, named, type Verb, withSession } from "../../verb.ts";

export const balance: Verb = {
  name: "balance",
  takes: "",
  what: "positions by the server's books: what is booked, what is on its way in, what is set aside for payments",
  options: {
    client: { value: "CLIENT", what: "only this client's" },
    wallets: { what: "what each wallet holds, besides whose it is" },
  },
  examples: ["balance", "balance --client acme"],
  async run(context) {
    named(context);
    const client = asName(context.text("client"), "client");
    return withSession(context, async (session, at) => {
      const query = client === undefined ? {} : { client };
      const rows: Account[] = [];
      for await (const account of demandServer(at).each("accounts.list", { query })) {
        if (context.on("wallets") || account.type !== "wallet") rows.push(account);
      }
      const book = session.book();
      const amounts = (one: Account) =>
        [one.posted, one.incoming, one.held, one.available].map((units) => amountOf(book, one.asset, units));
      const lines = rows.map((one) => [nameOf(one), one.asset, ...amounts(one)]);
      const title = ["", "asset", "booked", "incoming", "held", "available"];
      const json = rows.map((one) => {
        const [posted = "", incoming = "", held = "", available = ""] = amounts(one);
        return { type: one.type, subject: one.subject, pool: one.pool, asset: one.asset, posted, incoming, held, available };
      });
      return { text: rows.length === 0 ? "nothing is booked" : columns([title, ...lines]), json: { balances: json } };
    });
  },
};

/** Whose an account is, for people. */
export function nameOf({ type, subject, pool }: Pick<Account, "type" | "subject" | "pool">): string {
  if (type === "house") return "institution";
  if (type === "unassigned") return "nobody yet";
  if (type === "unexplained") return "unexplained";
  return type === "wallet" ? `wallet ${subject}` : `${subject}${pool === "omnibus" ? "" : `, in wallet ${pool}`}`;
}

export const deposits: Verb = {
  name: "deposits",
  takes: "",
  what: "movements to addresses of ours, the newest first, and what has become of them",
  options: {
    client: { value: "CLIENT", what: "only this client's" },
    wallet: { value: "WALLET", what: "only to this wallet" },
    most: { value: "N", what: "how many at most (default 50)" },
  },
  examples: ["deposits", "deposits --wallet treasury --most 5"],
  async run(context) {
    named(context);
    const [client, wallet] = [asName(context.text("client"), "client"), asName(context.text("wallet"), "wallet")];
    const limit = countFrom(context);
    return withSession(context, async (session, at) => {
      const query = { limit, ...(client === undefined ? {} : { client }), ...(wallet === undefined ? {} : { wallet }) };
      const { items } = await demandServer(at).call("deposits.list", { query });
      const rows = items.map(({ id, asset, contract, amount, state, booked, wallet: to, tx, block, reason }) => {
        const name = asset ?? contract ?? "unknown";
        return {
          id,
          asset: name,
          amount: amountOf(session.book(), name, amount),
          state,
          booked,
          wallet: to,
          tx,
          block,
          reason,
        };
      });
      const lines = rows.map((row) => {
        const words = row.booked ? "booked" : [row.state, row.reason].filter((text) => text !== "").join(": ");
        return [`${row.amount} ${row.asset}`, `to ${row.wallet}`, `block ${row.block}`, row.tx, words];
      });
      return { text: rows.length === 0 ? "no deposits" : columns(lines), json: { deposits: rows } };
    });
  },
};

function countFrom(context: Context): string {
  const text = context.text("most") ?? "50";
  const fits = /^[1-9]\d{0,2}$/.test(text) && Number(text) <= limits.page;
  return fits ? text : fault("USAGE", "most", `a number from 1 to ${limits.page} is expected`);
}

/** Base units as an amount; of an asset that the rulebook does not know, as they are. */
export function amountOf(book: Book, asset: string, units: bigint): string {
  const digits = formatAmount(units < 0n ? -units : units, book.assets.get(asset)?.decimals ?? 0);
  return units < 0n ? `-${digits}` : digits;
}

function demandServer({ client }: At) {
  return client ?? fault("USAGE", "server", "only a server has books; leave --direct out");
}
