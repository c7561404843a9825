/** Accounts, balances and statements over the API. */
import type { Account, Line } from "@strongroom/sdk/contract/books";
import { Id, QueryCount } from "@strongroom/sdk/contract/fields";
import { type Handlers, problem } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import * as store from "./store.ts";

const Sequence = QueryCount(0, Number.MAX_SAFE_INTEGER);

const showLine = ({ at, ...line }: store.LineView): Line => ({ ...line, at: new Date(at).toISOString() });

export const accounts: Handlers<"accounts"> = {
  async "accounts.list"({ tx, caller }, { query }) {
    const { type, client, wallet, asset } = query;
    return paged({
      list: "accounts.list",
      query,
      key: [Id],
      keyOf: (row: store.AccountView) => [row.id],
      read: ({ after, take }) => store.accountsOf(tx, caller, { after: after?.[0] ?? null, take, type, client, wallet, asset }),
      show: (row): Account => row,
    });
  },

  async "accounts.get"({ tx, caller }, { params }) {
    return (await store.findAccount(tx, caller, params.id)) ?? problem("NOT_FOUND", "params.id", "There is no such account.");
  },

  async "accounts.statement"({ tx, caller }, { params, query }) {
    const account = await store.findAccount(tx, caller, params.id);
    if (account === undefined) return problem("NOT_FOUND", "params.id", "There is no such account.");
    const first = Math.max(1, Number(query.from ?? 1));
    const to = Math.min(account.sequence, Number(query.to ?? account.sequence));
    return paged({
      list: "accounts.statement",
      query,
      key: [Sequence],
      keyOf: (row: store.LineView) => [String(row.sequence)],
      read: ({ after, take }) => {
        const from = after === null ? first : Math.max(first, Number(after[0]) + 1);
        return store.linesOf(tx, account.id, { from, to, take });
      },
      show: showLine,
    });
  },
};

export const ledger: Handlers<"ledger"> = {
  /** Sums make sense over everything only, so they are for those who see everything. */
  async "ledger.check"({ tx, caller }) {
    if (!(await store.seesAll(tx, caller)))
      problem("FORBIDDEN", "", "Users of the root unit who are bound to no client see the sums.");
    return store.checkLedger(tx);
  },
};
