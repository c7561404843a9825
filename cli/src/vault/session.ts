/** A conversation with the pinned vault: every reply is checked, the newest head is kept, the rulebook is verified.
 *
 *  At its start the device shows the vault the newest head that it has seen: a vault that lacks it was rolled back or is a
 *  twin, stops for good, and this side raises the alarm. */
import { randomBytes } from "node:crypto";
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { Command, type CommandOf, StatusBody } from "@strongroom/core/protocol/command";
import type { Book } from "@strongroom/core/rulebook/book";
import type { Nonce } from "@strongroom/core/signed/fields";
import type { Genesis } from "@strongroom/core/signed/genesis";
import { Head } from "@strongroom/core/signed/head";
import { decode, encode, type Kind, Signed } from "@strongroom/core/signed/object";
import type { Receipt } from "@strongroom/core/signed/receipt";
import {
  checkHead,
  openGenesis,
  openRulebook,
  readBook,
  readHead,
  readPin,
  writeBook,
  writeHead,
  writePin,
} from "../device/trust.ts";
import { type Failure, fault, refusal } from "../faults.ts";
import { checkReceipt, type Expected, NO_DEPLOYMENT, openSigned, peek, vaultOf } from "./receipt.ts";
import { openWire, type Wire } from "./wire.ts";

/** A command without what this side adds. */
export type Asked = { [K in Command["command"]]: Omit<CommandOf<K>, "version" | "nonce"> }[Command["command"]];

/** The vault said no. `receipt` proves it. */
export class VaultRefused extends Error {
  readonly receipt: Receipt;
  constructor(receipt: Receipt) {
    super(`${receipt.code} at ${receipt.field}: ${receipt.detail}`);
    this.name = "VaultRefused";
    this.receipt = receipt;
  }
  failure(): Failure {
    return refusal(this.receipt.code, this.receipt.field, this.receipt.detail);
  }
}

export type Session = {
  readonly home: string;
  readonly genesis: Genesis;
  readonly deployment: Hash;
  /** Hash of the vault's identity key, and the key itself as hex. */
  readonly vault: Hash;
  readonly vaultKey: string;
  /** Newest head of this session: fetched at its start and by `refresh`. */
  head(): Head;
  book(): Book;
  /** The checked receipt, whatever its code. */
  ask(command: Asked): Promise<Receipt>;
  /** The body of a receipt with code OK. Fails: `VaultRefused`. */
  demand(command: Asked): Promise<Uint8Array>;
  /** Fetches head and rulebook again, and keeps them. */
  refresh(): Promise<void>;
  close(): void;
};

/** The bytes of a command with a fresh nonce. */
export function commandBytes(asked: Asked): Uint8Array {
  return encode(Command, { version: 1, nonce: randomBytes(16).toString("hex") as Nonce, ...asked } as Command);
}

/** Opens a session with the vault on `socket`. Fails: VAULT_UNREACHABLE, NO_PIN, the alarms. */
export async function openSession(home: string, socket: string): Promise<Session> {
  const pin = (await readPin(home)) ?? fault("NO_PIN", home, "there is no file genesis.pin");
  const wire = await openWire(socket);
  try {
    const session = await begin(home, wire, pin);
    await session.refresh();
    return session;
  } catch (error) {
    wire.close();
    throw error;
  }
}

/** What this device has kept of its last session, for what must be signed while the vault cannot be reached: a freeze, a
 *  rejection, a veto. Fails: NO_PIN, FILE_UNFIT. */
export async function keptOf(home: string): Promise<Pick<Session, "deployment" | "vault" | "head" | "book">> {
  const deployment = (await readPin(home)) ?? fault("NO_PIN", home, "there is no file genesis.pin");
  const [book, signed] = [await readBook(home), await readHead(home)];
  if (book === null || signed === null) fault("FILE_UNFIT", home, "this device has had no session with the vault yet");
  const head = decode(Head, decode(Signed, signed).body);
  return { deployment, vault: book.document.vault, head: () => head, book: () => book };
}

/** Pins the deployment of the vault on `socket` when it is `pin`. */
export async function pinDeployment(home: string, socket: string, pin: Hash): Promise<void> {
  const wire = await openWire(socket);
  try {
    await fetchGenesis(wire, pin);
    await writePin(home, pin);
  } finally {
    wire.close();
  }
}

/** Asks a vault that is not founded yet, or whose founding is about to be checked by `openSession`. */
export async function askUnfounded(socket: string, vaultKey: string, asked: Asked): Promise<Receipt> {
  const wire = await openWire(socket);
  try {
    const command = commandBytes(asked);
    return checkReceipt(await wire.call(command), command, { vaultKey, deployment: null });
  } finally {
    wire.close();
  }
}

async function fetchGenesis(wire: Wire, pin: Hash): Promise<{ genesis: Genesis; boot: Hash }> {
  const command = commandBytes({ command: "status" });
  const reply = await wire.call(command);
  const { body, deployment } = peek(reply);
  if (deployment === NO_DEPLOYMENT)
    fault("GENESIS_FOREIGN", "genesis", "the vault has no deployment; this device has pinned one");
  const status = attempt(() => decode(StatusBody, body));
  if (!status.ok || status.value.genesis === undefined) fault("RECEIPT_FORGED", "status", "it shows no genesis");
  const genesis = openGenesis(status.value.genesis, pin);
  const { boot } = checkReceipt(reply, command, { vaultKey: genesis.vaultKey, deployment: pin });
  return { genesis, boot };
}

async function begin(home: string, wire: Wire, deployment: Hash): Promise<Session> {
  const { genesis, boot } = await fetchGenesis(wire, deployment);
  const { vaultKey } = genesis;
  const expected: Expected = { vaultKey, deployment, boot };
  let book: Book | null = null;
  let head: Head | null = null;

  const ask = async (asked: Asked): Promise<Receipt> => {
    const command = commandBytes(asked);
    const receipt = checkReceipt(await wire.call(command), command, expected);
    if (head !== null) checkHead(head, { ...head, head: receipt.head });
    return receipt;
  };
  const demand = async (asked: Asked): Promise<Uint8Array> => {
    const receipt = await ask(asked);
    if (receipt.code !== "OK") throw new VaultRefused(receipt);
    return receipt.body;
  };
  const witness = async (seen: Uint8Array): Promise<void> => {
    const receipt = await ask({ command: "witness", head: seen });
    if (receipt.code === "ROLLED_BACK") fault("VAULT_ROLLED_BACK", receipt.field, receipt.detail);
    if (receipt.code !== "OK") throw new VaultRefused(receipt);
  };
  const refresh = async (): Promise<void> => {
    const seen = await readHead(home);
    if (seen !== null) await witness(seen);
    const signed = await demand({ command: "head" });
    const next = openObject(Head, signed, expected);
    const kept = seen === null ? null : openObject(Head, seen, expected);
    if (kept !== null) checkHead(kept, next);
    if (next.halted) fault("VAULT_ROLLED_BACK", "head.halted", "the vault has stopped for good");
    const known = await readBook(home);
    if (known?.id === next.rulebook) book = known;
    else {
      const shown = await demand({ command: "show", what: "rulebook", name: "" });
      book = openRulebook(shown, genesis, known);
      if (book.document.vault !== vaultOf(vaultKey)) fault("RULEBOOK_UNTRUSTED", "rulebook.vault", "it names another vault");
      await writeBook(home, shown);
    }
    await writeHead(home, signed);
    head = next;
  };
  return {
    home,
    genesis,
    deployment,
    vault: vaultOf(vaultKey),
    vaultKey,
    head: () => head ?? fault("NO_RECEIPT", "head", "no head was fetched"),
    book: () => book ?? fault("RULEBOOK_UNTRUSTED", "rulebook", "no rulebook was fetched"),
    ask,
    demand,
    refresh,
    close: () => wire.close(),
  };
}

/** An object that the vault has signed for this deployment. Fails: RECEIPT_FORGED. */
export function openObject<T extends { readonly deployment: Hash; readonly vault: Hash }>(
  kind: Kind<T>,
  bytes: Uint8Array,
  { vaultKey, deployment }: Expected,
): T {
  const opened = attempt(() => openSigned(kind, bytes, vaultKey));
  const object = opened.ok ? opened.value : null;
  const fits = object !== null && object.deployment === deployment && object.vault === vaultOf(vaultKey);
  return fits ? object : fault("RECEIPT_FORGED", kind.name, "it is not an object of the pinned vault");
}
