/** Who may call at all, before a body is read: from where, with which token, with which role, how often. */
import { createHash } from "node:crypto";
import type { Endpoint } from "@strongroom/sdk/contract/endpoint";
import type { EndpointName } from "@strongroom/sdk/contract/table";
import type { Reader } from "../db/tables.ts";
import type { House } from "../host/context.ts";
import { type Caller, mayDo } from "../users/rules.ts";
import { findCaller } from "../users/store.ts";
import { addressKey, type Buckets, type Taken } from "./buckets.ts";
import { Problem, problem } from "./call.ts";

/** A request as it came in. `header`: by lower-case name. */
export type Arrival = {
  readonly name: EndpointName;
  readonly endpoint: Endpoint;
  readonly requestId: string;
  readonly header: (name: string) => string | undefined;
};
/** Who is let in, and by the hash of which token; nobody where no token is needed. */
export type Admitted = { readonly caller: Caller; readonly tokenHash: string };

export type Gate = {
  /** Counts a call of an address. `tell` is given headers for the answer. */
  readonly knock: (address: string, tell: Tell) => void;
  readonly admit: (arrival: Arrival, tell: Tell) => Promise<Admitted | null>;
};
type Tell = (headers: Record<string, string>) => void;

export function openGate(house: House, buckets: { readonly users: Buckets; readonly addresses: Buckets }): Gate {
  const charge = (kind: "user" | "address", key: string, tell: Tell) => {
    const all = kind === "user" ? buckets.users : buckets.addresses;
    const taken = all.take(key, house.now());
    tell(rateHeaders(kind, all, taken));
    if (taken.ok) return;
    throw new Problem("RATE_LIMITED", { detail: `This ${kind} has called too often.`, waitSeconds: taken.wait });
  };
  return {
    knock: (address, tell) => charge("address", addressKey(address), tell),
    async admit(arrival, tell) {
      const { endpoint } = arrival;
      demandOwnOrigin(arrival);
      if (endpoint.permission === null) {
        demandForm(arrival);
        return null;
      }
      const tokenHash = readToken(arrival.header("authorization"));
      const caller = await demandCaller(house.db, endpoint, { tokenHash, now: house.now() });
      charge("user", caller.name, tell);
      demandForm(arrival);
      return { caller, tokenHash };
    },
  };
}

/** Source: draft-ietf-httpapi-ratelimit-headers. */
function rateHeaders(kind: string, { rate }: Buckets, { left, reset }: Taken): Record<string, string> {
  const window = Math.ceil(rate.burst / rate.perSecond);
  return { "ratelimit-policy": `"${kind}";q=${rate.burst};w=${window}`, ratelimit: `"${kind}";r=${left};t=${reset}` };
}

/** A page of another site may not make a browser change anything here. */
function demandOwnOrigin({ endpoint, header }: Arrival): void {
  const origin = header("origin");
  if (endpoint.method === "GET" || origin === undefined) return;
  const host = URL.canParse(origin) ? new URL(origin).host : "";
  if (host === "" || host !== header("host")) problem("FORBIDDEN", "headers.origin", "Another site may change nothing here.");
}

/** One answer for every token that is none, so that it tells nothing. */
const unknown = (): never => problem("UNAUTHENTICATED", "headers.authorization", "This call needs a token that is in force.");

function readToken(authorization: string | undefined): string {
  const token = /^bearer +(sr_[0-9a-f]{64})$/i.exec(authorization ?? "")?.[1] ?? unknown();
  return createHash("sha256").update(token).digest("hex");
}

/** The user of the token, if it is in force now and his role allows this. */
export async function demandCaller(
  db: Reader,
  { permission }: Endpoint,
  { tokenHash, now }: { tokenHash: string; now: number },
): Promise<Caller> {
  const caller = (await findCaller(db, { hash: tokenHash, at: new Date(now) })) ?? unknown();
  if (permission !== null && mayDo(caller, permission)) return caller;
  return problem("FORBIDDEN", "headers.authorization", `The role ${caller.role} lacks the permission ${permission}.`);
}

/** What body is sent, and what answer is wanted. */
function demandForm({ endpoint, header }: Arrival): void {
  const hasBody = header("transfer-encoding") !== undefined || (header("content-length") ?? "0") !== "0";
  if (hasBody && endpoint.body === undefined) problem("BAD_REQUEST", "body", "This endpoint takes no body.");
  const encoding = header("content-encoding") ?? "identity";
  const type = /^application\/json(?: *; *charset="?utf-8"?)?$/i.test(header("content-type") ?? "");
  if (hasBody && !type) problem("UNSUPPORTED_MEDIA", "headers.content-type", "A body is application/json.");
  if (hasBody && encoding !== "identity") {
    problem("UNSUPPORTED_MEDIA", "headers.content-encoding", "A body is not compressed.");
  }
  if (!formsOf(endpoint).some((form) => accepts(header("accept"), form))) {
    problem("NOT_ACCEPTABLE", "headers.accept", `The answer is ${formsOf(endpoint).join(" or ")}.`);
  }
}

/** Media types that an endpoint answers with. */
function formsOf({ media }: Endpoint): readonly string[] {
  if (media === "text/event-stream") return ["application/json", media];
  return [media ?? "application/json"];
}

/** Whether an Accept header takes this type. What is named with `q=0` is not taken. */
export function accepts(accept: string | undefined, type: string): boolean {
  if (accept === undefined) return true;
  const taken = accept
    .toLowerCase()
    .split(",")
    .map((part) => part.split(";").map((piece) => piece.trim()))
    .filter(([, ...rest]) => !rest.some((piece) => /^q *= *0(?:\.0*)?$/.test(piece)))
    .map(([range]) => range);
  return [type, `${type.split("/")[0]}/*`, "*/*"].some((range) => taken.includes(range));
}
