/** What becomes of stated facts: finality goes to the vault, which ends transactions there, and with them what they hold; all
 *  others go with the intents that want them. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import type { Book } from "@strongroom/core/rulebook/book";
import { Entry } from "@strongroom/core/signed/entry";
import { SUBJECT } from "@strongroom/core/signed/fact";
import type { Intent } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import { findAddress } from "../addresses/store.ts";
import type { Reader } from "../db/tables.ts";
import { currentEntry } from "../entries/store.ts";
import { isOnChain } from "../executions/rules.ts";
import type { House } from "../host/context.ts";
import { limits } from "../host/limits.ts";
import type { Workers } from "../jobs/jobs.ts";
import { enqueue, transactHolding } from "../jobs/store.ts";
import { intentOf } from "../requests/rules.ts";
import { type RequestRow, refusedRequests } from "../requests/store.ts";
import { chosenFacts, type Facing, readFact, type Wish, wishesOf } from "./rules.ts";
import { markInformed, newestFacts } from "./store.ts";

type Asked = Pick<RequestRow, "id" | "index">;

/** The signed facts that go to the vault with an intent. */
export async function factsFor(house: Pick<House, "db" | "vault" | "now">, asked: Asked, intent: Intent) {
  const { book } = await house.vault.view();
  const wishes = await wishesFor(house.db, { asked, intent, book });
  const held = await goodFacts(house.db, [...new Set(wishes.map(({ subject }) => subject))], book);
  return chosenFacts(held, wishes, house.now()).map(({ row }) => row.fact);
}

/** The newest facts on these subjects. What a source has signed with a key that was taken from it since would spoil the
 *  rest. */
async function goodFacts(db: Reader, subjects: readonly string[], book: Book) {
  const rows = await newestFacts(db, subjects);
  return rows.flatMap((row) => {
    const read = readFact(row.fact, book);
    return read.ok ? [{ fact: read.fact, row }] : [];
  });
}

type Wanting = { readonly asked: Asked; readonly intent: Intent; readonly book: Book };

async function wishesFor(db: Reader, { asked, intent, book }: Wanting): Promise<readonly Wish[]> {
  const paying = isOnChain(intent) ? await findAddress(db, intent.wallet, asked.index) : undefined;
  const facing: Facing = { id: asked.id as Hash, intent, from: paying?.address ?? null, entry: await entryIn(db, intent) };
  return wishesOf(facing, book);
}

/** The entry that an intent puts into force or ends. */
async function entryIn(db: Reader, intent: Intent): Promise<Entry | null> {
  const bytes = intent.kind === "retire" ? (await currentEntry(db, intent.name))?.entry : undefined;
  const entry = intent.kind === "entry" ? intent.entry : bytes;
  const read = entry === undefined ? null : attempt(() => decode(Entry, entry));
  return read?.ok === true ? read.value : null;
}

/** What the vault says that another fact may change; where schedules go by sources of the time, that of the time more. */
const WAITS = ["FACT_MISSING", "FACT_STALE", "FACT_MOVED", "FACT_ADVERSE", "FACT_SUPERSEDED", "FACT_FUTURE"] as const;
const TIMED = ["NOT_ALLOWED", "DENIED", "QUORUM_MISSING"] as const;

export const factWorkers: Workers = {
  /** All that was stated on one subject goes in one command, because the vault counts sources within a command. */
  async inform(house, { subject, fence }) {
    const { book } = await house.vault.view();
    const newest = (await goodFacts(house.db, [subject], book)).map(({ row }) => row);
    const left = newest.filter(({ informed }) => !informed);
    if (left.length === 0) return "done";
    const { code } = await house.vault.ask({ command: "inform", facts: newest.map(({ fact }) => fact) });
    // It passes: a clock that is behind, or a source that contradicts the others until it is corrected.
    if (code !== "OK") return { again: new Date(house.now() + limits.informAgainMs) };
    await transactHolding(house.db, fence, (tx) =>
      markInformed(
        tx,
        left.map(({ id }) => id),
      ),
    );
    return "done";
  },
  /** Something was stated on a subject: requests that wait for a fact on it are carried out again. */
  async "retry-facts"(house, { subject, fence }) {
    const { book } = await house.vault.view();
    const isTime = book.document.clock !== undefined && subject === SUBJECT.clock();
    const refused = { codes: isTime ? [...WAITS, ...TIMED] : WAITS, limit: limits.batch };
    const ids: string[] = [];
    for (let after: RequestRow | undefined, isLast = false; !isLast; ) {
      const waiting = await refusedRequests(house.db, { ...refused, after });
      for (const request of waiting) {
        const intent = intentOf(request);
        const wishes = intent === null ? [] : await wishesFor(house.db, { asked: request, intent, book });
        if (wishes.some((wish) => wish.subject === subject)) ids.push(request.id);
      }
      isLast = waiting.length < limits.batch;
      after = waiting.at(-1);
    }
    await transactHolding(house.db, fence, async (tx) => {
      for (const id of ids) await enqueue(tx, { kind: "carry-out", subject: id });
    });
    return "done";
  },
};
