/** Where requests lie and are decided on: in this folder, or on a server. Verbs do not see which. */

import type { Hash } from "@strongroom/core/bytes";
import type { Book } from "@strongroom/core/rulebook/book";
import type { Approval } from "@strongroom/core/signed/approval";
import type { Intent } from "@strongroom/core/signed/intent";
import type { Client } from "@strongroom/sdk/client";
import { shortId, wordsOf } from "@strongroom/sdk/device/show";
import type { Known } from "@strongroom/sdk/vault/session";
import { isOnChain } from "../vault/fees.ts";
import { folderDesk } from "./folder.ts";
import { serverDesk } from "./server.ts";

/** A request whose id is the hash of its bytes, with the approvals that are signed as they say. */
export type Request = {
  readonly id: Hash;
  readonly intent: Intent;
  readonly bytes: Uint8Array;
  readonly approvals: readonly { readonly bytes: Uint8Array; readonly approval: Approval }[];
  /** Index of the paying address in its wallet. */
  readonly index: number;
};

/** What an initiator hands in. `client`: whose position pays out of an omnibus wallet. */
export type Draft = {
  readonly bytes: Uint8Array;
  readonly approval: Uint8Array;
  readonly index?: number | undefined;
  readonly client?: string | undefined;
};

export type Desk = {
  /** The server that it is on, or null. */
  readonly server: Client | null;
  /** Keeps a request; again, the same. Fails: `ApiProblem`. */
  create(draft: Draft): Promise<Request>;
  /** The request with this id, or with the only id that begins so. Fails: REQUEST_MISSING, FILE_UNFIT, REQUEST_FORGED. */
  load(name: string): Promise<Request>;
  /** The request with this full id, or null. Fails: FILE_UNFIT, REQUEST_FORGED. */
  find(id: Hash): Promise<Request | null>;
  /** What has become of a request, in words; it begins with `open` while it waits for somebody. */
  stateOf(request: Request): Promise<string>;
  /** All of them with what has become of each, in words. */
  list(): Promise<readonly { readonly request: Request; readonly state: string }[]>;
  /** Adds a signed approval. Fails: `ApiProblem`. */
  approve(request: Request, approval: Uint8Array): Promise<Request>;
  /** Notes a rejection that the vault has confirmed. */
  noteRejection(id: Hash, it: { readonly approval: Uint8Array; readonly by: string }): Promise<void>;
  /** Notes a freeze that the vault has confirmed. */
  noteFreeze(draft: Draft): Promise<void>;
};

/** The desk of a folder, or the server's. `known`: what approvals are checked against. */
export function openDesk(known: Known & { readonly home: string }, client: Client | null): Desk {
  return client === null ? folderDesk(known.home) : serverDesk(known, client);
}

/** For an intent that replaces another one: which, in words; its signed text names it by its id only. */
export async function formerWords(desk: Pick<Desk, "find">, intent: Intent, book: Book): Promise<string | null> {
  if (!isOnChain(intent) || intent.replaces === undefined) return null;
  const former = await desk.find(intent.replaces);
  const words = former === null ? "a request that is not here" : wordsOf(former.intent, book);
  return `${intent.kind === "cancel" ? "cancels" : "replaces"} ${shortId(intent.replaces)}: ${words}`;
}
