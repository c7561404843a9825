/** Every problem that the API answers (RFC 9457): its code, status, what it means and what to do next. Refusals of the vault
 *  come through with the vault's own code and status 422. */
export const PROBLEMS = {
  BAD_REQUEST: { status: 400, what: "The request cannot be read.", next: "Correct the field that is named." },
  UNAUTHENTICATED: {
    status: 401,
    what: "There is no valid token.",
    next: "Send Authorization: Bearer with a token that is in force.",
  },
  FORBIDDEN: { status: 403, what: "Your role does not allow this.", next: "Ask an administrator for a role that does." },
  NOT_FOUND: { status: 404, what: "There is no such thing, or none that you may see.", next: "Check the id and your unit." },
  METHOD_NOT_ALLOWED: { status: 405, what: "This path does not take that method.", next: "See /v1/openapi.json." },
  NOT_ACCEPTABLE: { status: 406, what: "The answer has no such form.", next: "Ask for application/json." },
  CONFLICT: {
    status: 409,
    what: "There is another one of this name or reference.",
    next: "Use another name, or send the same content.",
  },
  KEY_REUSED: {
    status: 409,
    what: "This idempotency key was used for another request.",
    next: "Use a fresh key for a fresh request.",
  },
  STATE_CONFLICT: { status: 409, what: "Its state does not allow this any more.", next: "Read it again." },
  STALE: { status: 412, what: "It has changed since you read it.", next: "Read it again and repeat with its new ETag." },
  TOO_LARGE: { status: 413, what: "The body is too large.", next: "Send less at once." },
  UNSUPPORTED_MEDIA: { status: 415, what: "The body is not of a type that is taken.", next: "Send application/json." },
  SIGNED_WRONG: {
    status: 422,
    what: "The signed object does not hold.",
    next: "Sign again with an enrolled key, after fetching the newest head and rulebook.",
  },
  POSITION_SHORT: {
    status: 422,
    what: "The position does not cover this.",
    next: "Wait for a deposit to be booked, or pay less.",
  },
  RATE_LIMITED: { status: 429, what: "Too many requests.", next: "Wait for the seconds that Retry-After names." },
  INTERNAL: { status: 500, what: "This is a bug of the server.", next: "Report the request id." },
  VAULT_UNREACHABLE: { status: 503, what: "The vault does not answer.", next: "Nothing was decided. Try again." },
  CHAIN_UNREACHABLE: { status: 503, what: "Not enough nodes of the chain agree.", next: "See /v1/health. Try again." },
  DATABASE_UNREACHABLE: { status: 503, what: "The database does not answer.", next: "Try again; nothing was lost." },
  RECORD_TAMPERED: {
    status: 503,
    what: "A stored record does not match its signed bytes.",
    next: "Stop and investigate: somebody has edited the database. See /v1/health.",
  },
} as const;
export type ProblemCode = keyof typeof PROBLEMS;
