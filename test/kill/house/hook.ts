/** Preloaded into servers by the kill tests: counts what a server does outwardly (commits, what it takes and gives back of
 *  jobs, commands to the vault, broadcasts), and at one of them kills the process with SIGKILL. Not part of the product.
 *
 *  In the folder STRONGROOM_STEPS each step is told as a line of `steps`. `armed` says where to die: `<before|after> <number>
 *  <name>`, the number counted from when it was armed. It is read at every step, so a server that runs can be armed. A second
 *  line names another process that is killed with its children in the server's place. */
import { appendFileSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import pg from "pg";
import { Command } from "../../../core/src/protocol/command.ts";
import { decode } from "../../../core/src/signed/object.ts";

const folder = process.env["STRONGROOM_STEPS"] ?? "";
const [steps, armed] = [join(folder, "steps"), join(folder, "armed")];

let order = { text: "", step: "", victim: process.pid };
let counts = new Map<string, number>();

function die(): void {
  const { victim } = order;
  const children = readFileSync(`/proc/${victim}/task/${victim}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  for (const pid of [victim, ...(victim === process.pid ? [] : children)]) end(pid);
  if (victim === process.pid) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** What has ended meanwhile is as it should be. */
function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ESRCH") throw error;
  }
}

function readOrder(text: string): typeof order {
  const [step = "", victim = ""] = text.split("\n");
  return { text, step, victim: victim === "" ? process.pid : Number(victim) };
}

/** A step begins; what it gives is to be called when the step is done. */
function begin(name: string): () => void {
  const now = readFileSync(armed, "utf8");
  if (now !== order.text) [order, counts] = [readOrder(now), new Map()];
  const count = (counts.get(name) ?? 0) + 1;
  counts.set(name, count);
  appendFileSync(steps, `${name}\n`);
  if (order.step === `before ${count} ${name}`) die();
  return () => {
    if (order.step === `after ${count} ${name}`) die();
  };
}

// the database

type Query = (text: string, values?: readonly unknown[]) => Promise<pg.QueryResult> | undefined;

/** What the open transaction of each connection writes. */
const writing = new WeakMap<object, Set<string>>();
/** Kinds of jobs that were taken. */
const kinds = new Map<unknown, string>();
const WRITES = /^(?:insert into|update|delete from) "(\w+)"/;
const EVENT = /^[a-z]+(?:-[a-z]+)*\.[a-z]+(?:-[a-z]+)*$/;
/** Written beside everything else. */
const ASIDE = new Set(["commit_mark", "idempotency", "lease", "audit_look", "ledger_mark"]);

function notedIn(names: Set<string>, text: string, values: readonly unknown[]): void {
  const table = WRITES.exec(text)?.[1];
  if (table === undefined || ASIDE.has(table)) return;
  const type = table === "event_outbox" ? values.find((value) => typeof value === "string" && EVENT.test(value)) : undefined;
  names.add(typeof type === "string" ? type : table);
}

/** The steps that a commit is: one for each event that it tells, since a block may bring several, or else one by the tables
 *  that it writes. */
function stepsOf(names: ReadonlySet<string>): readonly string[] {
  const events = [...names].filter((name) => name.includes("."));
  return events.length > 0 ? events : [[...names].sort().join(" ")];
}

const prototype = pg.Client.prototype as unknown as { query: Query };
const { query } = prototype;
prototype.query = function (this: object, text: string, values: readonly unknown[] = []) {
  const names = writing.get(this);
  if (/^(?:begin|start transaction)/.test(text)) writing.set(this, new Set());
  else if (names !== undefined) notedIn(names, text, values);
  if (/^(?:commit|rollback)/.test(text)) writing.delete(this);
  if (text === "commit" && names !== undefined && names.size > 0) {
    const ends = stepsOf(names).map((name) => begin(`commit ${name}`));
    return done(() => ends.forEach((end) => void end()), this, text, values);
  }
  if (names === undefined && text.startsWith('update "job"') && text.includes("last_error")) {
    const kind = values.map((value) => kinds.get(value)).find((one) => one !== undefined);
    return done(begin(`end ${kind}`), this, text, values);
  }
  const result = query.call(this, text, values);
  return text.startsWith('with "due"') ? result?.then(taken) : result;
};

async function done(end: () => void, client: object, ...asked: Parameters<Query>): Promise<pg.QueryResult> {
  const result = (await query.call(client, ...asked)) as pg.QueryResult;
  end();
  return result;
}

function taken(result: pg.QueryResult<{ id: string; kind: string }>): pg.QueryResult {
  for (const { id, kind } of result.rows) {
    kinds.set(id, kind);
    begin(`take ${kind}`)();
  }
  return result;
}

// the vault's socket and the chain's nodes

const paths = new WeakMap<Socket, string>();
const { connect } = Socket.prototype;
Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
  const [options] = [args[0]].flat() as [{ path?: string } | undefined];
  if (typeof options?.path === "string") paths.set(this, options.path);
  return (connect as (...all: unknown[]) => Socket).apply(this, args);
} as typeof connect;

function sentBy(socket: Socket, bytes: unknown): string | null {
  if (typeof bytes === "string") return bytes.includes('"eth_sendRawTransaction"') ? "broadcast" : null;
  if (!(bytes instanceof Uint8Array)) return null;
  if (paths.get(socket)?.endsWith("/socket") === true) return commandIn(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('"eth_sendRawTransaction"') ? "broadcast" : null;
}

/** Commands that only read change nothing. */
const READS = new Set(["status", "head", "show", "protections", "witness"]);
function commandIn(frame: Uint8Array): string | null {
  const { command } = decode(Command, new Uint8Array(frame.subarray(4)));
  return READS.has(command) ? null : `vault ${command}`;
}

const { write } = Socket.prototype;
Socket.prototype.write = function (this: Socket, ...args: Parameters<typeof write>) {
  const name = sentBy(this, args[0]);
  if (name !== null) this.prependOnceListener("data", begin(name));
  return write.apply(this, args);
} as typeof write;
