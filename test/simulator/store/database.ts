/** The database in memory: what was not committed is lost with whoever was writing it.
 *
 *  Transactions come one after another: whoever reads or begins another one while one is open waits for its end, so that nobody
 *  sees what is not committed. Between any two statements outside of a transaction others may have their turn. */
import type { Reader, Tx } from "../../../server/src/db/tables.ts";
import type { Owner, Time } from "../machine/time.ts";

type Waiter = { readonly owner: Owner; readonly go: () => void };

export class Database {
  readonly time: Time;
  /** Chance that others get their turn before a statement. */
  readonly unrest: number;
  readonly tables = new Map<string, Map<string, object>>();
  /** Told when a job is due. */
  onDue: (at: number) => void = () => undefined;
  #undo: (() => void)[] | null = null;
  #writer: Owner | null = null;
  #waiters: Waiter[] = [];

  constructor(time: Time, unrest: number) {
    [this.time, this.unrest] = [time, unrest];
  }

  get isBusy(): boolean {
    return this.#undo !== null;
  }
  /** Until no transaction is open. */
  async idle(owner: Owner): Promise<void> {
    while (this.isBusy) await new Promise<void>((resolve) => this.#waiters.push({ owner, go: resolve }));
  }
  begin(owner: Owner): void {
    if (this.isBusy) throw new Error("two transactions at once");
    [this.#undo, this.#writer] = [[], owner];
  }
  commit(): void {
    this.#end();
  }
  rollback(): void {
    for (const undo of (this.#undo ?? []).reverse()) undo();
    this.#end();
  }
  /** A process died: what it has not committed is gone. */
  forget(owner: Owner): void {
    if (this.#writer === owner) this.rollback();
  }
  #end(): void {
    [this.#undo, this.#writer] = [null, null];
    for (const { owner, go } of this.#waiters.splice(0)) this.time.after(0, owner, go);
  }

  undo(step: () => void): void {
    this.#undo?.push(step);
  }
}

/** Rows by one text that is their key. They are never changed in place. */
export class Table<R extends object> {
  readonly #base: Database;
  readonly #rows: Map<string, R>;

  constructor(base: Database, name: string) {
    const rows = base.tables.get(name) ?? new Map<string, object>();
    base.tables.set(name, rows);
    [this.#base, this.#rows] = [base, rows as Map<string, R>];
  }
  get(key: string): R | undefined {
    return this.#rows.get(key);
  }
  all(): R[] {
    return [...this.#rows.values()];
  }
  where(fits: (row: R) => boolean): R[] {
    const found: R[] = [];
    for (const row of this.#rows.values()) if (fits(row)) found.push(row);
    return found;
  }
  put(key: string, row: R): R {
    const before = this.#rows.get(key);
    this.#base.undo(() => (before === undefined ? this.#rows.delete(key) : this.#rows.set(key, before)));
    this.#rows.set(key, row);
    return row;
  }
  /** Puts a row in unless there is one; gives whether there was none. */
  add(key: string, row: R): boolean {
    if (this.#rows.has(key)) return false;
    this.put(key, row);
    return true;
  }
  /** Fails when it is not there. */
  change(key: string, change: Partial<R>): R {
    const before = this.#rows.get(key);
    if (before === undefined) throw new Error(`no row ${key}`);
    return this.put(key, { ...before, ...change });
  }
  drop(key: string): R | undefined {
    const before = this.#rows.get(key);
    if (before === undefined) return undefined;
    this.#base.undo(() => this.#rows.set(key, before));
    this.#rows.delete(key);
    return before;
  }
}

/** What a process holds of the database, outside of a transaction or in one. */
export type Handle = { readonly base: Database; readonly owner: Owner; readonly inside: boolean };

export const readerOf = (handle: Handle): Reader => handle as unknown as Reader;
export const txOf = (handle: Handle): Tx => handle as unknown as Tx;
export const handleOf = (db: Reader): Handle => db as unknown as Handle;

/** Every statement begins here. */
export async function enter(db: Reader): Promise<Database> {
  const { base, owner, inside } = handleOf(db);
  if (inside) return base;
  if (base.time.chance.happens(base.unrest)) await base.time.pause(base.time.chance.between(1, 40), owner);
  await base.idle(owner);
  return base;
}

export const byText =
  <R>(of: (row: R) => string) =>
  (a: R, b: R): number =>
    of(a) < of(b) ? -1 : 1;

/** By a time, and by id where that is the same. */
export const byTime =
  <R extends { readonly id: string }>(of: (row: R) => Date) =>
  (a: R, b: R): number =>
    of(a).getTime() - of(b).getTime() || (a.id < b.id ? -1 : 1);
