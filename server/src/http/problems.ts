/** How failures are told (RFC 9457): a problem as it is, everything else as what a stranger may know of it. */
import { PROBLEMS, type ProblemCode } from "@strongroom/sdk/contract/problems";
import { troubleOf } from "../db/fault.ts";
import { codeOf, Fault, type FaultCode } from "../host/fault.ts";
import { Problem } from "./call.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** Operational faults that a caller hears of as themselves; the others are bugs to him. */
const TOLD: Partial<Record<FaultCode, string>> = {
  DATABASE_UNREACHABLE: "The database does not answer. Nothing was changed.",
  DATABASE_BUSY: "Too many calls want the same thing at once. Nothing was changed.",
  OUTCOME_UNKNOWN: "The database went away while it was being written. Send the same call with the same Idempotency-Key.",
};

/** The problem that a failure is for the caller. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const told = error instanceof Fault ? TOLD[error.code] : undefined;
  if (told !== undefined) return new Problem("DATABASE_UNREACHABLE", { detail: told, waitSeconds: 1, cause: error });
  if (troubleOf(error) !== null) {
    return new Problem("DATABASE_UNREACHABLE", { detail: "The database does not answer.", waitSeconds: 1, cause: error });
  }
  return new Problem("INTERNAL", { detail: "Nothing was changed by this call.", cause: error });
}

/** Codes of the framework and of Node's parser for requests that never reach a handler. */
const EARLY: Record<string, ProblemCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "TOO_LARGE",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "UNSUPPORTED_MEDIA",
  HPE_HEADER_OVERFLOW: "TOO_LARGE",
};

/** The problem that a refusal of the framework is, or null when it is none. A caller who goes away in his body is one too. */
export function earlyProblem(error: unknown): Problem | null {
  const isRefusal = error instanceof Error && "statusCode" in error && Number(error.statusCode) < 500;
  return isRefusal
    ? new Problem(EARLY[codeOf(error)] ?? "BAD_REQUEST", { detail: "The request cannot be read.", cause: error })
    : null;
}

/** The document of a problem. `instance` names the request, so that it can be found in the log. */
export function document(failure: Problem, requestId: string): string {
  const { what, next } = PROBLEMS[failure.code];
  return JSON.stringify({
    type: `urn:strongroom:problem:${failure.code.toLowerCase().replaceAll("_", "-")}`,
    title: what,
    status: failure.status,
    detail: failure.detail,
    instance: `urn:strongroom:request:${requestId}`,
    code: failure.code,
    field: failure.field,
    next,
    requestId,
    ...(failure.vaultCode === undefined ? {} : { vaultCode: failure.vaultCode }),
  });
}

/** Headers that go with a problem. */
export function problemHeaders(failure: Problem): Record<string, string> {
  return {
    "content-type": PROBLEM_TYPE,
    ...(failure.waitSeconds === undefined ? {} : { "retry-after": String(failure.waitSeconds) }),
    ...(failure.code === "UNAUTHENTICATED" ? { "www-authenticate": "Bearer" } : {}),
  };
}
