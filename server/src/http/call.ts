/** What a noun's `http.ts` offers: one handler per endpoint of the table, given what was checked and decoded. Handlers know
 *  neither the framework nor JSON.
 *
 *  A handler of an endpoint that is followed (`text/event-stream`) only gives the page after `after`; waiting for it to fill
 *  and streaming are the mount's work. */
import type { Given, Returned } from "@strongroom/sdk/contract/endpoint";
import { PROBLEMS, type ProblemCode } from "@strongroom/sdk/contract/problems";
import type { EndpointName, Endpoints } from "@strongroom/sdk/contract/table";
import type { Tx } from "../db/tables.ts";
import type { House } from "../host/context.ts";
import { limits } from "../host/limits.ts";
import type { Caller } from "../users/rules.ts";

/** One call. `tx`: the transaction that holds all that the call changes, its idempotency record included; one that only reads
 *  sees one state of the database in it and cannot write. A handler may run again when the database asks for it, so whatever it
 *  does besides must bear that. */
export type Call = {
  readonly house: House;
  readonly caller: Caller;
  readonly tx: Tx;
  readonly requestId: string;
  /** Refuses with STALE unless If-Match is absent or names this representation. A handler that changes a thing calls it once it
   *  holds the thing's lock. */
  readonly demandMatch: (current: unknown) => void;
};
/** A call of an endpoint that needs no token: nobody is known, and no database is needed. */
export type OpenCall = Pick<Call, "house" | "requestId">;

export type Handler<N extends EndpointName> = (
  call: Endpoints[N]["permission"] extends null ? OpenCall : Call,
  given: Given<Endpoints[N]>,
) => Promise<Returned<Endpoints[N]>>;
/** Handlers of the endpoints whose names begin with one of these nouns. */
export type Handlers<Noun extends string> = { readonly [N in Extract<EndpointName, `${Noun}.${string}`>]: Handler<N> };
/** A handler for every endpoint. */
export type AllHandlers = { readonly [N in EndpointName]: Handler<N> };

/** An expected failure, told to the caller. `field`: where it lies; `detail`: one sentence. `vaultCode`: the vault's own
 *  refusal. `waitSeconds`: when to come again. `pauseMs`: how long a job that met it waits at least. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly field: string;
  readonly detail: string;
  readonly vaultCode: string | undefined;
  readonly waitSeconds: number | undefined;
  readonly pauseMs: number;
  constructor(
    code: ProblemCode,
    at: { field?: string; detail: string; vaultCode?: string; waitSeconds?: number; pauseMs?: number; cause?: unknown },
  ) {
    super(`${code} at ${at.field ?? ""}: ${at.detail}`, at.cause === undefined ? {} : { cause: at.cause });
    this.name = "Problem";
    this.code = code;
    this.field = at.field ?? "";
    this.detail = at.detail;
    this.vaultCode = at.vaultCode;
    this.waitSeconds = at.waitSeconds;
    this.pauseMs = at.pauseMs ?? 0;
  }
  get status(): number {
    return this.vaultCode === undefined ? PROBLEMS[this.code].status : 422;
  }
}

/** Throws a problem. */
export function problem(code: ProblemCode, field: string, detail: string, cause?: unknown): never {
  throw new Problem(code, { field, detail, cause });
}

/** Throws that the vault answers and does not say what it was asked for: it has stopped, or has too much to do. A job asks it
 *  again seldom; a caller is told at once. */
export function notSaid(field: string, detail: string): never {
  throw new Problem("VAULT_UNREACHABLE", { field, detail, pauseMs: limits.askAgainMs });
}
