/** The onlooker of a whole run: a ghost beside each vault, who has really signed what, what was given out, what the chain
 *  shows, what the books say, and what must be so once all is quiet. Every check throws `Broken`. */
import { type Hash, hashBytes, toHex } from "../../core/src/bytes.ts";
import type { Sealed } from "../../core/src/journal/record.ts";
import { advance } from "../../core/src/journal/segment.ts";
import { Command, ExecutionBody, FreezeBody } from "../../core/src/protocol/command.ts";
import { type Intent, Intent as IntentKind } from "../../core/src/signed/intent.ts";
import { decode, idOf } from "../../core/src/signed/object.ts";
import type { Receipt } from "../../core/src/signed/receipt.ts";
import { addressKey, readSigned } from "../../server/src/chain/evm/signed.ts";
import * as world from "../world/world.ts";
import { Broken, Ghost, type Given, hold, type Known } from "./ghost.ts";
import { type Chain, DEPTH } from "./house/chain.ts";
import type { VaultProcess, Watcher } from "./house/vault.ts";
import type { Time } from "./machine/time.ts";
import { FIRST, type Law, START } from "./stage.ts";
import { sentIn } from "./store/chain.ts";
import type { Database } from "./store/database.ts";
import { executionTable } from "./store/executions.ts";
import { rowsIn } from "./store/ledger.ts";
import { outflowsIn } from "./store/outflows.ts";
import { requestsIn } from "./store/requests.ts";

const ENTRIES = new Map([world.acme(FIRST.book), world.zoe(FIRST.book)].map((entry) => [entry.name, world.entryId(entry)]));
const START_HEAD = START.journal.reduce<Uint8Array>((chain, bytes) => advance(chain, bytes, hashBytes), new Uint8Array(32));

/** Refusals of one kind that a few people and servers bring about in a minute. */
const MOST_A_MINUTE = 150;

/** Where a vault's history is, beside its disk. `batches`: how many steps of the ghost lie before each batch. */
type Line = { ghost: Ghost; chain: Uint8Array; readonly marks: number[] };

export class Onlooker implements Watcher {
  readonly given = new Map<string, Given>();
  readonly intents = new Map<Hash, Intent>();
  readonly laws = new Map<Hash, Law>([[FIRST.id, FIRST]]);
  readonly signers = new Map<string, { readonly law: Law; readonly by: readonly string[] }>();
  readonly goals = new Map<string, number>();
  /** What was given out, by transaction id. */
  readonly released = new Map<string, Hash>();
  readonly raws = new Map<string, Uint8Array>();
  /** A disk was put back, or copied: what one vault has forgotten, another one or the chain may remember. */
  isForked = false;
  /** By code: the newest minute, and how often within it. */
  readonly #answers = new Map<string, readonly [number, number]>();
  readonly #time: Time;
  readonly #chain: Chain;
  readonly #base: Database;
  readonly #lines = new Map<VaultProcess, Line>();

  constructor(parts: { readonly time: Time; readonly chain: Chain; readonly base: Database }) {
    [this.#time, this.#chain, this.#base] = [parts.time, parts.chain, parts.base];
  }

  goal(goal: string): void {
    this.goals.set(goal, (this.goals.get(goal) ?? 0) + 1);
  }
  ghostOf(vault: VaultProcess): Ghost {
    return this.#lineOf(vault).ghost;
  }
  /** A copy of a vault's disk begins a life of its own. */
  copied(from: VaultProcess, to: VaultProcess): void {
    const { ghost, chain, marks } = this.#lineOf(from);
    this.#lines.set(to, { ghost: this.#ghost(ghost.steps), chain, marks: [...marks] });
  }

  #ghost(steps: Ghost["steps"] = []): Ghost {
    const { given, intents, laws, signers } = this;
    const known: Known = {
      ...{ given, intents, laws, signers },
      isFinal: (id) => this.#isFinal(id),
      goal: (goal) => this.goal(goal),
    };
    return new Ghost(known, ENTRIES, steps);
  }
  #lineOf(vault: VaultProcess): Line {
    const known = this.#lines.get(vault) ?? { ghost: this.#ghost(), chain: START_HEAD, marks: [] };
    this.#lines.set(vault, known);
    return known;
  }
  #isFinal(id: string): boolean {
    const deep = this.#chain.blocks.slice(0, Math.max(0, this.#chain.blocks.length - DEPTH));
    return deep.some(({ done }) => done.some((one) => one.id === id));
  }

  // what a vault does

  recorded(vault: VaultProcess, { value, bytes }: Sealed): void {
    const line = this.#lineOf(vault);
    while (line.marks.length < vault.disk.length) line.marks.push(line.ghost.steps.length);
    line.chain = advance(line.chain, bytes, hashBytes);
    const seq = START.journal.length + line.ghost.steps.length + 1;
    line.ghost.record(value, { seq, chain: toHex(line.chain) as Hash, at: vault.decidedAt });
    this.#time.tell(`${vault.name} ${seq} ${value.kind}`);
  }

  /** `kept`: batches on its disk. */
  started(vault: VaultProcess, kept: number): void {
    const line = this.#lineOf(vault);
    if (kept < line.marks.length) {
      const steps = line.ghost.steps.slice(0, line.marks[kept]);
      line.marks.splice(kept);
      line.ghost = this.#ghost(steps);
      line.chain = steps.length === 0 ? START_HEAD : Uint8Array.from(Buffer.from(steps.at(-1)?.chain as string, "hex"));
    }
    const { chain } = vault.head;
    hold(chain === toHex(line.chain), "a restart loses nothing", `${vault.name} starts at another head than it wrote`);
    for (const { intent, id } of line.ghost.versions.filter(({ status }) => status === "signed")) {
      if (line.ghost.halted || !this.released.has(id)) continue;
      hold(
        vault.show(intent).includes(id),
        "a restart loses nothing",
        `${id.slice(0, 10)} was given out and is not known any more`,
      );
    }
  }

  answered(vault: VaultProcess, command: Uint8Array, { code, body }: Receipt): void {
    this.goal(`answer ${code}`);
    this.#countAnswer(code);
    if (code !== "OK") return;
    const asked = decode(Command, command);
    const { ghost } = this.#lineOf(vault);
    if (asked.command === "execute" && asked.orders[0] !== undefined) {
      const id = idOf(IntentKind, asked.orders[0].intent);
      const intent = this.intents.get(id);
      if (intent?.kind === "freeze") this.#frozen(ghost, id, body);
      if (intent?.kind !== "pay" && intent?.kind !== "cancel") return;
    } else if (asked.command !== "reprice" && !(asked.command === "show" && asked.what === "execution")) return;
    const { transactions, earlier = [] } = decode(ExecutionBody, body);
    for (const { intent, id, raw } of transactions) this.#out(ghost, { intent, id, raw });
    for (const { intent, id } of earlier) this.#out(ghost, { intent, id, raw: null });
  }

  /** A question whose answer cannot have changed is not asked again and again. */
  #countAnswer(code: string): void {
    const minute = Math.floor(this.#time.now / world.MINUTE);
    const [before = minute, count = 0] = this.#answers.get(code) ?? [];
    this.#answers.set(code, [minute, before === minute ? count + 1 : 1]);
    const isMuch = code !== "OK" && before === minute && count >= MOST_A_MINUTE;
    hold(!isMuch, "nobody asks without end", `${code} is answered ${count} times within a minute`);
  }

  /** Something signed leaves a vault. */
  #out(ghost: Ghost, { intent, id, raw }: { intent: Hash; id: string; raw: Uint8Array | null }): void {
    const version = ghost.versions.find((one) => one.id === id && one.intent === intent);
    hold(
      version?.status === "signed",
      "no signature without quorum",
      `${id.slice(0, 10)} is given out, it is ${version?.status}`,
    );
    if (raw !== null) hold(readSigned(raw).id === id, "an answer is true", `${id} is not the name of its bytes`);
    for (const { intent: freeze, before } of ghost.ended.has(version.nonce) ? [] : ghost.freezes.values()) {
      if (!ghost.stops(freeze, intent)) continue;
      hold(
        before.has(id),
        "freeze is final",
        `${id.slice(0, 10)} is given out under ${freeze.reference}, which did not list it`,
      );
    }
    this.released.set(id, intent);
    if (raw !== null) this.raws.set(id, raw);
    this.goal("released");
  }

  #frozen(ghost: Ghost, id: Hash, body: Uint8Array): void {
    const listed = new Set(decode(FreezeBody, body).live.map((one) => one.id));
    hold(ghost.freezes.has(id), "an answer is true", "a freeze is answered OK and does not hold");
    const live = ghost.versions.filter(({ status, nonce }) => status === "signed" && !ghost.ended.has(nonce));
    const missing = live.filter((one) => !listed.has(one.id));
    hold(missing.length === 0, "an answer is true", `the answer to a freeze does not list ${missing.map((one) => one.id)}`);
  }

  // what the chain shows

  /** Looks at a new block, and at all that the chain holds. */
  mined(): void {
    const paid = new Map<string, string>();
    for (const { done } of this.#chain.blocks) {
      for (const { id, from, amount, fee } of done) {
        if (from !== addressKey(START.address)) continue;
        const intentId = this.released.get(id);
        hold(intentId !== undefined, "no signature without quorum", `${id.slice(0, 10)} was mined and never given out`);
        const intent = this.intents.get(intentId);
        if (intent?.kind !== "pay" && intent?.kind !== "cancel") throw new Broken("an answer is true", "no payment");
        hold(fee <= intent.totalFee, "fees stay within what was approved", `${intent.reference} has cost ${fee}`);
        if (intent.kind === "cancel" || amount === 0n) continue;
        const root = this.#rootOf(intentId);
        const other = paid.get(root);
        hold(other === undefined, "one payment on the chain", `${intent.reference} was paid by ${other} and by ${id}`);
        paid.set(root, id);
      }
    }
  }

  /** The first of the intents that replace one another. */
  #rootOf(id: Hash): Hash {
    const intent = this.intents.get(id);
    const replaces = intent?.kind === "pay" ? intent.replaces : undefined;
    return replaces === undefined ? id : this.#rootOf(replaces);
  }

  // what the books say

  /** What must be so once faults have stopped and time has passed. */
  quiet(vault: VaultProcess): void {
    const ghost = this.ghostOf(vault);
    this.#demandBooks();
    for (const row of executionTable(this.#base).all()) {
      const isOver = row.state === "settled" || row.state === "aborted";
      hold(isOver, "everything comes to an end", `execution of ${this.#nameOf(row.request as Hash)} is ${row.state}`);
      this.goal(`execution ${row.state}`);
    }
    for (const row of requestsIn(this.#base).all()) {
      const isOver = row.state !== "open" && row.state !== "approved";
      hold(isOver, "everything comes to an end", `request ${row.reference} is ${row.state}: ${row.answer_code}`);
      this.goal(`request ${row.state}`);
    }
    for (const { state, id } of sentIn(this.#base).all()) {
      const isOver = state === "final" || state === "failed" || state === "replaced";
      hold(isOver, "everything comes to an end", `transaction ${id.slice(0, 10)} is ${state}`);
    }
    for (const { status, intent, nonce } of ghost.versions) {
      const isOver = status === "withheld" || ghost.ended.has(nonce);
      hold(isOver, "everything comes to an end", `the vault has ${this.#nameOf(intent)} ${status}, nonce ${nonce}`);
    }
  }

  #demandBooks(): void {
    const promise = "the books follow the chain";
    const rows = rowsIn(this.#base).all();
    const resolved = new Set(rows.map(({ pending }) => pending));
    const held = rows.filter(({ id, kind }) => kind === "pending" && !resolved.has(id));
    hold(held.length === 0, "everything comes to an end", `held still: ${held.map(({ cause }) => cause)}`);
    let [assets, owed] = [0n, 0n];
    for (const { kind, amount, debit, credit } of rows) {
      if (kind !== "posted" && kind !== "post") continue;
      if (debit.key.type === "wallet") assets += amount;
      else owed -= amount;
      if (credit.key.type === "wallet") assets -= amount;
      else owed += amount;
    }
    hold(assets === owed, promise, `wallets hold ${assets}, ${owed} is owed`);
    const real = this.#chain.balance(START.address) + this.#around();
    hold(assets === real, promise, `the books say ${assets}, the chain says ${real}`);
  }

  /** What was paid by transactions that others had the vault sign for requests that were over here; the books lack it, unless
   *  they have it as what has left the address without a request. */
  #around(): bigint {
    const tracked = new Set(
      sentIn(this.#base)
        .all()
        .map(({ id }) => id),
    );
    const paid = this.#chain.blocks.flatMap(({ done }) => done).filter(({ from }) => from === addressKey(START.address));
    const around = paid.filter(({ id }) => !tracked.has(id));
    for (const { id } of around) {
      const request = requestsIn(this.#base).get(this.released.get(id) ?? "");
      const isOver = request !== undefined && request.state !== "consumed";
      hold(isOver, "the books follow the chain", `${id.slice(0, 10)} of a request that is ${request?.state} is not tracked`);
      this.goal("signed around the server");
    }
    const booked = new Set(
      outflowsIn(this.#base)
        .where(({ state }) => state === "final")
        .map(({ tx }) => tx),
    );
    return around.reduce((sum, { id, amount, fee }) => (booked.has(id) ? sum : sum + amount + fee), 0n);
  }

  #nameOf(id: Hash): string {
    return this.intents.get(id)?.reference ?? id.slice(0, 8);
  }
}
