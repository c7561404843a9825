/** What a keystore throws when it cannot do what it is asked. The vault writes the fault down, so it never holds a secret. */
import type { KeyFault } from "../../types.ts";

export const KEY_FAULTS = {
  KEY_UNKNOWN: { next: "stop", what: "The path is not one that this keystore derives." },
  KEY_SCHEME: { next: "stop", what: "The keystore does not sign with this scheme or for this chain." },
  KEY_PURPOSE: { next: "stop", what: "The bytes are not what this key signs." },
  KEY_LIMIT: { next: "stop", what: "The job has more parts than the keystore takes." },
  KEY_ABORTED: { next: "retry", what: "The call was given up before it ended." },
  KEY_CLOSED: { next: "retry", what: "The keystore is closed." },
} as const satisfies Record<string, { next: KeyFault["next"]; what: string }>;

export class KeyFaultError extends Error {
  readonly fault: KeyFault;
  constructor(code: keyof typeof KEY_FAULTS) {
    super(`${code}: ${KEY_FAULTS[code].what}`);
    this.name = "KeyFaultError";
    this.fault = { fault: true, code, next: KEY_FAULTS[code].next, culprits: [] };
  }
}
