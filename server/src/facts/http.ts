/** Facts over the API: sources state them, the vault is told what it has to know. */
import { Hash, Time } from "@strongroom/sdk/contract/fields";
import type { StatedFact } from "@strongroom/sdk/contract/governance";
import { emit, seesAll } from "../events/store.ts";
import { limits } from "../host/limits.ts";
import { type Handlers, problem } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import { enqueue } from "../jobs/store.ts";
import { factRecord, isFactWhole, readFact } from "./rules.ts";
import { type FactRow, findFact, insertFact, listFacts } from "./store.ts";

/** A fact as it is shown. Fails: RECORD_TAMPERED. */
function show(row: FactRow): StatedFact {
  if (!isFactWhole(row)) problem("RECORD_TAMPERED", "fact", `the record of fact ${row.id} is not what was signed`);
  const { id, source, type, subject, fact, informed } = row;
  return { id, source, type, subject, at: row.at.toISOString(), fact, informed };
}

export const facts: Handlers<"facts"> = {
  async "facts.create"({ house, caller, tx }, { body }) {
    const { book } = await house.vault.view();
    const read = readFact(body.fact, book);
    if (!read.ok) problem("SIGNED_WRONG", "body.fact", read.detail);
    const { id, fact } = read;
    if (fact.at > house.now() + limits.factAheadMs) problem("SIGNED_WRONG", "body.fact", "it is dated in the future");
    const known = await findFact(tx, id);
    if (known !== undefined) return show(known);
    const { source, type, subject } = fact;
    const row = { id, source, type, subject, at: new Date(fact.at), fact: body.fact, informed: false };
    const entered = { ...row, created_at: new Date(house.now()) };
    if (!(await insertFact(tx, entered))) problem("CONFLICT", "body.fact", "it is being sent at the same time; send it again");
    const told = { data: { source, type, about: subject }, signed: body.fact, record: factRecord(entered) };
    await emit(tx, { type: "fact.stated", subject: `fact:${id}`, actor: caller.name, ...told });
    await enqueue(tx, { kind: type === "finality" ? "inform" : "retry-facts", subject });
    return show(entered);
  },
  /** Their subjects are transactions and screened addresses of all units and clients, so only who sees all sees any. */
  async "facts.list"({ tx, caller }, { query }) {
    if (!(await seesAll(tx, caller))) return { items: [], next: null };
    return paged({
      list: "facts.list",
      query,
      key: [Time, Hash],
      keyOf: (row: FactRow) => [row.created_at.toISOString(), row.id] as const,
      read: ({ after, take }) => {
        const before = after === null ? null : { at: new Date(after[0]), id: after[1] };
        return listFacts(tx, { before, limit: take, type: query.type, source: query.source });
      },
      show,
    });
  },
};
