/** Rulebooks over the API: signed by administrators elsewhere, brought to the vault here, with `seen` and `veto` on what
 *  waits. */
import { Approval } from "@strongroom/core/signed/approval";
import { decode, idOf, Signed } from "@strongroom/core/signed/object";
import { Hash, Time } from "@strongroom/sdk/contract/fields";
import type { Proposal } from "@strongroom/sdk/contract/governance";
import { emit } from "../events/store.ts";
import { type Call, type Handlers, Problem, problem } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import { openByPerson } from "../vault/signed.ts";
import { bringRulebook, noteOutcome } from "./jobs.ts";
import { isRulebookWhole, readRulebook, rulebookDecisionRecord, rulebookRecord, whyUnseen } from "./rules.ts";
import { decisionsOn, findRulebook, insertRulebook, insertRulebookDecision, listRulebooks, type RulebookRow } from "./store.ts";

/** A rulebook as it is shown. Fails: RECORD_TAMPERED. */
function show(row: RulebookRow): Proposal {
  if (!isRulebookWhole(row)) problem("RECORD_TAMPERED", "rulebook", `the record of rulebook ${row.id} is not what was signed`);
  const { id, epoch, state, rulebook, until, code, field, detail } = row;
  const answer = code === null ? null : { code, field: field ?? "", detail: detail ?? "" };
  return { id, epoch, state, rulebook, until: until?.toISOString() ?? null, answer, createdAt: row.created_at.toISOString() };
}

async function demandRulebook({ tx }: Pick<Call, "tx">, id: string): Promise<RulebookRow> {
  return (await findRulebook(tx, id)) ?? problem("NOT_FOUND", "params.id", `there is no rulebook ${id}`);
}

type Said = { readonly id: string; readonly key: string; readonly decision: "seen" | "veto" };

/** A `seen` or `veto` on this rulebook by a key that is enrolled, and a `seen` that would count as things stand. Whether its
 *  person may say it is the vault's to judge. Fails: SIGNED_WRONG, STATE_CONFLICT. */
async function readSaid({ house }: Pick<Call, "house">, row: RulebookRow, envelope: Uint8Array): Promise<Said> {
  const view = await house.vault.view();
  const { book, deployment } = view;
  const opened = openByPerson(Approval, envelope, book);
  const wrong = (detail: string) => problem("SIGNED_WRONG", "body.approval", detail);
  if (opened === null) return wrong("it is not signed by a key that is enrolled");
  const { object, key } = opened;
  if (object.deployment !== deployment || object.subject !== row.id) return wrong("it is about something else");
  if (object.key !== key) return wrong("it names another key than the one that signed it");
  const { decision } = object;
  if (decision !== "seen" && decision !== "veto") return wrong(`${decision} is no decision on a rulebook`);
  if (decision === "seen") {
    if (row.state !== "waiting") problem("STATE_CONFLICT", "params.id", `rulebook ${row.id} is ${row.state}; nothing waits`);
    const unfit = whyUnseen(object, row, view);
    if (unfit !== null) return wrong(unfit);
  }
  return { id: idOf(Approval, decode(Signed, envelope).body), key, decision };
}

export const rulebooks: Handlers<"rulebooks"> = {
  async "rulebooks.create"({ house, tx, caller }, { body }) {
    const { deployment } = await house.vault.view();
    const read = readRulebook(body.rulebook, deployment);
    if (!read.ok) problem("SIGNED_WRONG", "body.rulebook", read.detail);
    const { id, document } = read;
    const noting = { actor: caller.name, now: house.now() };
    const known = await findRulebook(tx, id);
    if (known !== undefined) return show(known);
    const draft = { id, epoch: document.epoch, state: "proposed", rulebook: body.rulebook, until: null } as const;
    const row = { ...draft, code: null, field: null, detail: null, created_at: new Date(house.now()) };
    if (!(await insertRulebook(tx, row)))
      problem("CONFLICT", "body.rulebook", "it is being sent at the same time; send it again");
    const told = { data: { epoch: document.epoch }, signed: body.rulebook, record: rulebookRecord(row) };
    await emit(tx, { type: "rulebook.proposed", subject: `rulebook:${id}`, actor: caller.name, ...told });
    return show(await noteOutcome(tx, row, await bringRulebook(house, body.rulebook, []), noting));
  },
  async "rulebooks.list"({ tx }, { query }) {
    return paged({
      list: "rulebooks.list",
      query,
      key: [Time, Hash],
      keyOf: (row: RulebookRow) => [row.created_at.toISOString(), row.id] as const,
      read: ({ after, take }) =>
        listRulebooks(tx, { before: after === null ? null : { at: new Date(after[0]), id: after[1] }, limit: take }),
      show,
    });
  },
  async "rulebooks.get"(call, { params }) {
    return show(await demandRulebook(call, params.id));
  },
  async "rulebooks.decide"(call, { params, body }) {
    const { house, tx, caller } = call;
    const noting = { actor: caller.name, now: house.now() };
    const row = await demandRulebook(call, params.id);
    const said = await readSaid(call, row, body.approval);
    const entered = { ...said, rulebook: row.id, approval: body.approval, created_at: new Date(house.now()) };
    if (await insertRulebookDecision(tx, entered)) {
      const data = { kind: said.decision, key: said.key };
      const type = said.decision === "veto" ? "rulebook.objected" : "rulebook.seen";
      const told = { data, signed: body.approval, decision: rulebookDecisionRecord(entered) };
      await emit(tx, { type, subject: `rulebook:${row.id}`, actor: caller.name, ...told });
    }
    if (said.decision === "veto") {
      const { code, field, detail } = await house.vault.ask({ command: "object", approval: body.approval });
      if (code !== "OK") throw new Problem("SIGNED_WRONG", { field, detail, vaultCode: code });
      const vetoed = { state: "vetoed", until: null, code: null, field: null, detail: null } as const;
      return show(await noteOutcome(tx, row, vetoed, noting));
    }
    const change = await bringRulebook(house, row.rulebook, await decisionsOn(tx, row.id));
    return show(await noteOutcome(tx, row, change, noting));
  },
};
