/** A server: the production workers, follower, observers, handlers and link of `server/src`, over a database that it shares
 *  with others of its kind. Here is only what takes jobs and leases when they are due, as `server/src/jobs/jobs.ts` does with
 *  timers. */
import type { EndpointName } from "../../../sdk/src/contract/table.ts";
import { openGateway } from "../../../server/src/chain/gateway.ts";
import { chainKeepers } from "../../../server/src/chain/jobs.ts";
import type { ChainConfig, Observers } from "../../../server/src/chain/types.ts";
import { executionWorkers } from "../../../server/src/executions/jobs.ts";
import { facts } from "../../../server/src/facts/http.ts";
import { factWorkers } from "../../../server/src/facts/jobs.ts";
import type { House } from "../../../server/src/host/context.ts";
import { Fault } from "../../../server/src/host/fault.ts";
import { limits } from "../../../server/src/host/limits.ts";
import { observers } from "../../../server/src/host/observers.ts";
import { type Call, Problem } from "../../../server/src/http/call.ts";
import type { Job, Keeper, Workers } from "../../../server/src/jobs/jobs.ts";
import { endAfter, wordsOf } from "../../../server/src/jobs/rules.ts";
import type { JobRow, Lease } from "../../../server/src/jobs/store.ts";
import { requests } from "../../../server/src/requests/http.ts";
import { expiryKeeper, requestWorkers } from "../../../server/src/requests/jobs.ts";
import type { Caller } from "../../../server/src/users/rules.ts";
import { openVaultLink } from "../../../server/src/vault/link.ts";
import * as world from "../../world/world.ts";
import type { Owner, Time } from "../machine/time.ts";
import { START } from "../stage.ts";
import { type Database, type Handle, readerOf } from "../store/database.ts";
import { endJob, jobsIn, keepJobs, keepLease, takeJobs, takeLease } from "../store/jobs.ts";
import { transact } from "../store/transact.ts";
import { BLOCK_MS, type Chain, DEPTH, openThrough, type Sight } from "./chain.ts";
import { type Network, openFor } from "./wire.ts";

const CONFIG: ChainConfig = {
  nodes: [],
  quorum: 1,
  confirmations: [{ blocks: DEPTH + 1 }],
  reorgDepth: DEPTH,
  trace: false,
  pollMs: BLOCK_MS,
  stuckMs: 4 * BLOCK_MS,
  resendMs: 2 * BLOCK_MS,
  start: 1,
};
const LEASE_MS = 2 * BLOCK_MS;
/** What only repeats a question is asked less often than in a real server. */
Object.assign(limits, { askAgainMs: 30_000, expireMs: 30_000 });
/** Everybody who calls is of the root unit. */
export const caller = (name: string): Caller => ({
  ...{ name, role: "admin" as Caller["role"], unit: "root", client: null, person: null },
  units: ["root"],
});

const WORKERS: Workers = { ...executionWorkers, ...requestWorkers, ...factWorkers };
const HANDLERS = { ...requests, ...facts } as unknown as {
  readonly [name: string]: (call: Call, given: object) => Promise<unknown>;
};
/** Says nothing: what matters is told by events. */
const SILENT = {
  warn: () => undefined,
  info: () => undefined,
  error: () => undefined,
  debug: () => undefined,
} as unknown as House["log"];

/** `observe`: what stands around the production observers. */
export type Ground = {
  readonly time: Time;
  readonly base: Database;
  readonly network: Network;
  readonly chain: Chain;
  readonly observe: (observers: Observers) => Observers;
};

export class ServerProcess {
  readonly name: string;
  readonly sight: Sight;
  owner: Owner = { isDead: true };
  #house: House | null = null;
  #db: Handle;
  #wakeAt = Number.POSITIVE_INFINITY;
  #wallMs = 0;
  readonly #ground: Ground;

  constructor(name: string, ground: Ground) {
    [this.name, this.#ground] = [name, ground];
    const { chain, time } = ground;
    this.sight = { chain, owner: this.owner, time, lag: 0, isBlind: false, loss: 0 };
    this.#db = { base: ground.base, owner: this.owner, inside: false };
  }

  /** Its wall clock is off by so much. */
  setWall(ms: number): void {
    this.#wallMs = ms;
  }

  get isUp(): boolean {
    return !this.owner.isDead;
  }

  start(): void {
    const { time, base, network, chain } = this.#ground;
    const owner: Owner = { isDead: false };
    this.owner = owner;
    this.#db = { base, owner, inside: false };
    const db = readerOf(this.#db);
    const eyes = Object.assign(Object.create(this.sight), { chain, owner, time }) as Sight;
    openThrough(eyes);
    openFor(network, owner);
    const vault = openVaultLink({ socket: "", pin: START.deployment });
    const assets = async () => {
      const { book } = await vault.view();
      const found = book.chains.get(world.CHAIN);
      return { name: found?.name ?? "", native: found?.native ?? "", tokens: [] };
    };
    const chains = openGateway({ chains: new Map([[world.CHAIN, CONFIG]]), db, assets, now: () => time.now });
    const wake = () => this.wake(time.now);
    const metrics = { measure: (_kind: string, _name: string, work: () => Promise<unknown>) => work() };
    const parts = { config: {}, db, vault, chains, log: SILENT, metrics, now: () => time.now + this.#wallMs, wake };
    this.#house = parts as unknown as House;
    this.#wakeAt = Number.POSITIVE_INFINITY;
    time.tell(`${this.name} starts`);
    this.wake(time.now);
    const keepers = [expiryKeeper, ...chainKeepers([world.CHAIN], this.#ground.observe(observers(this.#house)))];
    for (const keeper of keepers) time.after(0, owner, () => void this.#keep(keeper, owner));
  }

  kill(): void {
    if (!this.isUp) return;
    this.#ground.time.tell(`${this.name} is killed`);
    this.owner.isDead = true;
    this.#ground.base.forget(this.owner);
  }

  /** A job is due then. */
  wake(at: number): void {
    const { time } = this.#ground;
    const due = Math.max(at, time.now) + time.chance.between(1, 200);
    if (!this.isUp || due >= this.#wakeAt) return;
    this.#wakeAt = due;
    const { owner } = this;
    time.after(due - time.now, owner, () => {
      if (this.#wakeAt !== due) return;
      this.#wakeAt = Number.POSITIVE_INFINITY;
      void this.#work(owner);
    });
  }

  /** The nodes were looked at again. */
  look(): void {
    if (this.isUp) this.#house?.chains.hurry(world.CHAIN);
  }

  async #work(owner: Owner): Promise<void> {
    const { base } = this.#ground;
    const db = readerOf(this.#db);
    const rows = await takeJobs(db, { kinds: Object.keys(WORKERS), most: limits.jobsAtOnce, leaseMs: limits.leaseMs });
    for (const row of rows) void this.#run(row, owner);
    const open = jobsIn(base).where(({ state }) => state === "waiting" || state === "running");
    const next = Math.min(...open.map(({ due_at }) => due_at.getTime()));
    if (Number.isFinite(next)) this.wake(next);
  }

  async #run(row: JobRow, owner: Owner): Promise<void> {
    const { time } = this.#ground;
    const { id, kind, subject, data, attempts, epoch } = row;
    const fence = { job: id, epoch };
    let isOver = false;
    const beat = (): void => {
      time.after(limits.leaseMs / 3, owner, () => {
        if (isOver) return;
        void keepJobs(readerOf(this.#db), [fence], limits.leaseMs);
        beat();
      });
    };
    beat();
    const { signal } = new AbortController();
    const end = await this.#try({ id, kind, subject, data, attempts, fence, signal });
    isOver = true;
    await endJob(readerOf(this.#db), fence, end);
  }

  async #try(job: Job): Promise<Parameters<typeof endJob>[2]> {
    const { time } = this.#ground;
    try {
      const end = await WORKERS[job.kind]?.(this.#house as House, job);
      if (end === "done" || end === undefined) return { state: "done" };
      return { state: "again", inMs: Math.max(0, end.again.getTime() - (this.#house as House).now()) };
    } catch (error) {
      if (!(error instanceof Problem || error instanceof Fault)) time.fault = error;
      time.tell(`${this.name} job ${job.kind}: ${wordsOf(error, 90)}`);
      return endAfter(error, { attempts: job.attempts, chance: time.chance.part() });
    }
  }

  /** Runs a keeper whenever it holds the lease. */
  async #keep(keeper: Keeper, owner: Owner): Promise<void> {
    const { time } = this.#ground;
    const house = this.#house as House;
    const db = readerOf(this.#db);
    for (;;) {
      const lease = await takeLease(db, { name: keeper.name, holder: this.name as Lease["holder"], leaseMs: LEASE_MS });
      if (lease !== null) {
        time.tell(`${this.name} keeps ${keeper.name}`);
        const lost = new AbortController();
        const beat = (): void => {
          time.after(LEASE_MS / 3, owner, () => {
            if (lost.signal.aborted) return;
            void keepLease(db, lease, LEASE_MS).then((isKept) => (isKept ? beat() : lost.abort()));
          });
        };
        beat();
        await keeper.run(house, { lease, signal: lost.signal }).catch((error: unknown) => {
          if (!(error instanceof Problem || error instanceof Fault)) time.fault = error;
          time.tell(`${this.name} ${keeper.name}: ${wordsOf(error, 90)}`);
        });
        lost.abort();
      }
      await time.pause(LEASE_MS / 2, owner);
    }
  }

  /** It stands still for so long, and does not know. */
  stall(ms: number): void {
    this.#ground.time.tell(`${this.name} stands still for ${ms} ms`);
    this.owner.frozenUntil = this.#ground.time.now + ms;
  }

  /** A call of the API. Fails: `Problem`, as the handler. */
  call<N extends EndpointName>(name: N, who: string, given: object): Promise<unknown> {
    const house = this.#house as House;
    const handler = HANDLERS[name] as (call: Call, given: object) => Promise<unknown>;
    return transact(house.db, (tx) =>
      handler({ house, caller: caller(who), tx, requestId: "", demandMatch: () => undefined }, given),
    );
  }
}
