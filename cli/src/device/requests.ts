/** Requests of this device, one folder each, named by the intent's id: `intent.cbor`, `approvals/<key id>.cbor`, `index`
 *  where the payer is not the wallet's first address, and, once the vault has answered, `execution.cbor`. This is where
 *  requests lie for whoever goes straight to the vault: nothing in it is believed without its signature or hash. Every file
 *  is written whole, so that any step can be taken again after a crash. */

import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { ExecutionBody } from "@strongroom/core/protocol/command";
import { Approval } from "@strongroom/core/signed/approval";
import { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf, Signed } from "@strongroom/core/signed/object";
import { fault, systemCode, systemWords } from "../faults.ts";
import { limits } from "../limits.ts";
import { makeFolder, readIfThere, readWhole, writeWhole } from "./files.ts";

export type Request = {
  readonly id: Hash;
  readonly folder: string;
  readonly intent: Intent;
  readonly bytes: Uint8Array;
  /** Signed approvals, in the order of their keys. */
  readonly approvals: readonly { readonly bytes: Uint8Array; readonly approval: Approval }[];
  /** Index of the paying address in its wallet. */
  readonly index: number;
  /** What the vault has answered, or null. */
  readonly execution: ExecutionBody | null;
};

/** A signed transaction, and the request that it was signed for. */
export type Version = { readonly request: Request; readonly transaction: ExecutionBody["transactions"][number] };

const ID = /^[0-9a-f]{64}$/;
const PREFIX = /^[0-9a-f]{6,64}$/;

/** Makes the folder of an intent; it appears with the intent in it, or not at all. Making it again changes nothing.
 *  `index`: that of the paying address. */
export async function createRequest(home: string, bytes: Uint8Array, index = 0): Promise<Request> {
  const id = idOf(Intent, bytes);
  const folder = join(home, "requests", id);
  if ((await readIfThere(join(folder, "intent.cbor"))) === null) {
    const temporary = join(home, "requests", `.${id}.new`);
    await rm(temporary, { recursive: true, force: true });
    await makeFolder(join(temporary, "approvals"));
    if (index !== 0) await writeWhole(join(temporary, "index"), `${index}\n`);
    await writeWhole(join(temporary, "intent.cbor"), bytes);
    await rename(temporary, folder);
  }
  return loadRequest(home, id);
}

/** The request with this id, or with the only id that begins so. Fails: REQUEST_MISSING, FILE_UNFIT. */
export async function loadRequest(home: string, name: string): Promise<Request> {
  if (!PREFIX.test(name)) fault("REQUEST_MISSING", "request", "an id, or at least its first 6 digits, is expected");
  const [id, ...others] = ID.test(name) ? [name] : (await requestIds(home)).filter((item) => item.startsWith(name));
  if (id === undefined) fault("REQUEST_MISSING", name, "no request begins like this");
  if (others.length > 0) fault("REQUEST_MISSING", name, "more than one request begins like this; add more digits");
  const folder = join(home, "requests", id);
  const found = await readIfThere(join(folder, "intent.cbor"));
  if (found === null) fault("REQUEST_MISSING", name, "there is no such folder");
  const bytes = new Uint8Array(found);
  if (idOf(Intent, bytes) !== id)
    fault("FILE_UNFIT", join(folder, "intent.cbor"), "it is not the intent that its folder names");
  const intent = read(join(folder, "intent.cbor"), () => decode(Intent, bytes));
  return {
    id: id as Hash,
    folder,
    intent,
    bytes,
    approvals: await loadApprovals(folder),
    index: await loadIndex(folder),
    execution: await loadExecution(folder),
  };
}

/** The request with this full id, or null. Fails: FILE_UNFIT. */
export async function findRequest(home: string, id: string): Promise<Request | null> {
  const found = await readIfThere(join(home, "requests", id, "intent.cbor"));
  return found === null ? null : loadRequest(home, id);
}

/** All requests, newest expiry first. */
export async function listRequests(home: string): Promise<readonly Request[]> {
  const all: Request[] = [];
  for (const id of await requestIds(home)) all.push(await loadRequest(home, id));
  return all.sort((a, b) => b.intent.notAfter - a.intent.notAfter);
}

/** The signed transaction of a request, or null. */
export function versionOf(request: Request): Version | null {
  const transaction = request.execution?.transactions.find((item) => item.intent === request.id);
  return transaction === undefined ? null : { request, transaction };
}

/** Every signed transaction on this device that holds one of these slots: at most one of them is ever mined. */
export async function versionsAt(home: string, slots: readonly string[]): Promise<readonly Version[]> {
  const signed = (await listRequests(home)).map(versionOf);
  return signed.filter((version) => version?.transaction.slots.some((slot) => slots.includes(slot)) === true) as Version[];
}

/** The other versions of what was signed for a request. */
export async function rivalsOf(home: string, request: Request): Promise<readonly Version[]> {
  const own = versionOf(request);
  const all = own === null ? [] : await versionsAt(home, own.transaction.slots);
  return all.filter((version) => version.request.id !== request.id);
}

async function requestIds(home: string): Promise<readonly string[]> {
  const names = await readdir(join(home, "requests")).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return [];
    fault("FILE_UNFIT", join(home, "requests"), `it cannot be read: ${systemWords(error)}`, error);
  });
  return names.filter((name) => ID.test(name)).slice(0, limits.requests);
}

/** Keeps a signed approval, in place of an older one of the same key. */
export async function addApproval(request: Request, bytes: Uint8Array): Promise<Request> {
  const { key } = decode(Approval, decode(Signed, bytes).body);
  const folder = join(request.folder, "approvals");
  await makeFolder(folder);
  await writeWhole(join(folder, `${key}.cbor`), bytes);
  return { ...request, approvals: await loadApprovals(request.folder) };
}

/** Keeps what the vault has answered. */
export async function keepExecution(request: Request, bytes: Uint8Array): Promise<Request> {
  await writeWhole(join(request.folder, "execution.cbor"), bytes);
  return { ...request, execution: await loadExecution(request.folder) };
}

/** Notes that nothing more is to be done. `words` is for people. */
export async function closeRequest(request: Request, words: string): Promise<void> {
  await writeWhole(join(request.folder, "closed"), `${words}\n`);
}

/** Why nothing more is to be done, or null. */
export async function closingOf(request: Request): Promise<string | null> {
  return (await readIfThere(join(request.folder, "closed")))?.toString("utf8").trim() ?? null;
}

async function loadApprovals(folder: string): Promise<Request["approvals"]> {
  const names = await readdir(join(folder, "approvals")).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return [];
    fault("FILE_UNFIT", folder, `it cannot be read: ${systemWords(error)}`, error);
  });
  const files = names.filter((name) => ID.test(name.replace(/\.cbor$/, ""))).sort();
  const found: { bytes: Uint8Array; approval: Approval }[] = [];
  for (const name of files) {
    const path = join(folder, "approvals", name);
    const bytes = new Uint8Array(await readWhole(path));
    found.push({ bytes, approval: read(path, () => decode(Approval, decode(Signed, bytes).body)) });
  }
  return found;
}

async function loadIndex(folder: string): Promise<number> {
  const text = (await readIfThere(join(folder, "index")))?.toString("latin1").trim() ?? "0";
  return /^(?:0|[1-9]\d{0,9})$/.test(text) ? Number(text) : fault("FILE_UNFIT", join(folder, "index"), "it is no index");
}

async function loadExecution(folder: string): Promise<ExecutionBody | null> {
  const path = join(folder, "execution.cbor");
  const found = await readIfThere(path);
  return found === null ? null : read(path, () => decode(ExecutionBody, new Uint8Array(found)));
}

function read<T>(path: string, work: () => T): T {
  const result = attempt(work);
  return result.ok ? result.value : fault("FILE_UNFIT", path, `${result.code} at ${result.field}`);
}
