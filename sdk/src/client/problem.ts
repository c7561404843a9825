/** What a server answers when it does not do what was asked: problem details of RFC 9457 with a code. */
import { z } from "zod";

/** The server's own word; it is not signed. */
export class ApiProblem extends Error {
  /** One of the contract's `PROBLEMS`. */
  readonly code: string;
  /** Where the vault has refused: its own code, else null. */
  readonly vaultCode: string | null;
  readonly status: number;
  readonly field: string;
  readonly detail: string;
  /** What to do next, in words. */
  readonly next: string;
  /** Names this call in the server's log. */
  readonly requestId: string;
  constructor(status: number, { code, vaultCode, field, detail, next, requestId }: Details) {
    super(`${vaultCode ?? code} at ${field}: ${detail}`);
    this.name = "ApiProblem";
    this.code = code;
    this.vaultCode = vaultCode;
    this.status = status;
    this.field = field;
    this.detail = detail;
    this.next = next;
    this.requestId = requestId;
  }
}

const Code = z.string().regex(/^[A-Z][A-Z0-9_]{0,31}$/);
/** Lenient: what a later version says besides is left aside. */
const Details = z.object({
  code: Code,
  vaultCode: Code.nullable().default(null),
  field: z.string().max(400).default(""),
  detail: z.string().max(4_000).default(""),
  next: z.string().max(4_000).default(""),
  requestId: z.string().max(200).default(""),
});
type Details = z.output<typeof Details>;

/** The problem in an answer, or null when it is none. */
export function problemIn(status: number, body: unknown): ApiProblem | null {
  const read = Details.safeParse(body);
  return read.success ? new ApiProblem(status, read.data) : null;
}
