/** A conversation with the pinned vault, over whatever carries bytes to it: every reply is checked, the newest head is kept,
 *  the rulebook is verified.
 *
 *  At its start the device shows the vault the newest head that it has seen: a vault that lacks it was rolled back or is a
 *  twin, stops for good, and this side raises the alarm. */
import { type Hash, toHex } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { Command, type CommandOf, StatusBody } from "@strongroom/core/protocol/command";
import { type Book, openBook } from "@strongroom/core/rulebook/book";
import type { Nonce } from "@strongroom/core/signed/fields";
import type { Genesis } from "@strongroom/core/signed/genesis";
import { Head } from "@strongroom/core/signed/head";
import { decode, encode, Signed } from "@strongroom/core/signed/object";
import type { Receipt } from "@strongroom/core/signed/receipt";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { raise } from "../faults.ts";
import { HERE, type Here } from "../here.ts";
import { checkHead, checkReceipt, type Expected, NO_DEPLOYMENT, openObject, peek, vaultOf } from "../verify/receipt.ts";
import { openGenesis, openRulebook } from "../verify/rulebook.ts";
import { demandGivenUp } from "../verify/start.ts";

/** What carries one command to the vault and its reply back: a socket, or the server. It need not be trusted. */
export type Wire = {
  /** One at a time. Fails: NO_RECEIPT, or what its own kind fails with. */
  call(command: Uint8Array): Promise<Uint8Array>;
  close(): void;
};

/** What a device keeps from one session to the next: signed bytes that it has verified. Nobody but the device may write it. */
export type Memory = {
  read(what: "head" | "rulebook"): Promise<Uint8Array | null>;
  write(what: "head" | "rulebook", signed: Uint8Array): Promise<void>;
};

/** A memory that ends with the program: it notices no vault that was rolled back before. */
export function shortMemory(): Memory {
  const kept = new Map<string, Uint8Array>();
  return {
    read: async (what) => kept.get(what) ?? null,
    write: async (what, signed) => {
      kept.set(what, signed);
    },
  };
}

/** A command without what this side adds. */
export type Ask = { [K in Command["command"]]: Omit<CommandOf<K>, "version" | "nonce"> }[Command["command"]];

/** The vault said no. `receipt` proves it. */
export class VaultRefused extends Error {
  readonly receipt: Receipt;
  constructor(receipt: Receipt) {
    super(`${receipt.code} at ${receipt.field}: ${receipt.detail}`);
    this.name = "VaultRefused";
    this.receipt = receipt;
  }
}

/** What signing needs to know: a session, or what a device has kept of the last one. */
export type Known = {
  readonly deployment: Hash;
  /** Hash of the vault's identity key. */
  readonly vault: Hash;
  /** Newest head: fetched at the start of a session and by `refresh`. */
  head(): Head;
  book(): Book;
};

export type Session = Known & {
  readonly genesis: Genesis;
  /** The vault's identity key as hex. */
  readonly vaultKey: string;
  /** The checked receipt, whatever its code. Fails: the alarms of `checkReceipt`, VAULT_ROLLED_BACK, what the wire fails with.
   *  */
  ask(command: Ask): Promise<Receipt>;
  /** The body of a receipt with code OK. Fails: `VaultRefused`, as `ask`. */
  demand(command: Ask): Promise<Uint8Array>;
  /** Fetches head and rulebook again, and keeps them. Fails: `VaultRefused`, RULEBOOK_UNTRUSTED, MEMORY_UNFIT, as `ask`. */
  refresh(): Promise<void>;
  close(): void;
};

/** The bytes of a command with a fresh nonce. */
export function commandBytes(command: Ask, here: Here = HERE): Uint8Array {
  return encode(Command, { version: 1, nonce: toHex(here.random(16)) as Nonce, ...command } as Command);
}

/** How to reach a vault, and what is believed of it. `lossy`: whoever asks wants to see what a repaired vault has lost, so it
 *  is no alarm that this device has seen more; nothing is kept then. */
export type Way = {
  readonly wire: Wire;
  readonly memory: Memory;
  readonly pin: Hash;
  readonly here?: Here;
  readonly lossy?: boolean;
};

/** Opens a session with the vault at the end of the wire, and closes the wire when that fails.
 *  Fails: GENESIS_FOREIGN, RECEIPT_FORGED, and as `refresh`. */
export async function openSession(way: Way): Promise<Session> {
  try {
    const session = await begin(way);
    await session.refresh();
    return session;
  } catch (error) {
    way.wire.close();
    throw error;
  }
}

/** What a device has kept of its last session, for what must be signed while the vault cannot be reached: a freeze, a
 *  rejection, a veto. Fails: MEMORY_UNFIT. */
export async function keptOf(memory: Memory, pin: Hash): Promise<Known> {
  const [book, signed] = [await keptBook(memory), await memory.read("head")];
  if (book === null || signed === null) raise("MEMORY_UNFIT", "memory", "this device has had no session with the vault yet");
  const head = keptHead(signed);
  return { deployment: pin, vault: book.document.vault, head: () => head, book: () => book };
}

/** The newest rulebook that a device has verified, or null. Fails: MEMORY_UNFIT. */
export async function keptBook(memory: Memory): Promise<Book | null> {
  const signed = await memory.read("rulebook");
  if (signed === null) return null;
  const opened = attempt(() => openBook(decode(Rulebook, decode(Signed, signed).body)));
  return opened.ok ? opened.value : raise("MEMORY_UNFIT", "rulebook", `it is not a signed rulebook: ${opened.code}`);
}

function keptHead(signed: Uint8Array): Head {
  const opened = attempt(() => decode(Head, decode(Signed, signed).body));
  return opened.ok ? opened.value : raise("MEMORY_UNFIT", "head", `it is not a signed head: ${opened.code}`);
}

/** Keeps a head that `checkHead` has accepted, unless another process of this device has kept a newer one meanwhile.
 *  Fails: MEMORY_UNFIT. */
export async function keepHead(memory: Memory, signed: Uint8Array): Promise<void> {
  const kept = await memory.read("head");
  if (kept === null || keptHead(kept).head.seq < keptHead(signed).head.seq) await memory.write("head", signed);
}

/** Asks a vault that is not founded yet, or whose founding is about to be checked by `openSession`.
 *  Fails: RECEIPT_FORGED, what the wire fails with. */
export async function askUnfounded(wire: Wire, vaultKey: string, ask: Ask, here: Here = HERE): Promise<Receipt> {
  const command = commandBytes(ask, here);
  return checkReceipt(await wire.call(command), command, { vaultKey, deployment: null });
}

/** Who answers: `vaultKey` is the identity key that the vault claims, the genesis' own or that of a successor. Only the
 *  rulebook says whether that vault is the active one. */
export type Answering = { readonly genesis: Genesis; readonly boot: Hash; readonly vaultKey: string };

/** The genesis of the vault at the end of the wire, when it is the pinned one, and who answers there.
 *  Fails: GENESIS_FOREIGN, RECEIPT_FORGED, what the wire fails with. */
export async function fetchGenesis(wire: Wire, pin: Hash, here: Here = HERE): Promise<Answering> {
  const command = commandBytes({ command: "status" }, here);
  const reply = await wire.call(command);
  const { body, deployment } = peek(reply);
  if (deployment === NO_DEPLOYMENT) raise("GENESIS_FOREIGN", "genesis", "the vault has no deployment; one is pinned here");
  const status = attempt(() => decode(StatusBody, body));
  if (!status.ok || status.value.genesis === undefined) raise("RECEIPT_FORGED", "status", "it shows no genesis");
  const genesis = openGenesis(status.value.genesis, pin);
  const vaultKey = status.value.line?.at(-1) ?? genesis.vaultKey;
  const { boot } = checkReceipt(reply, command, { vaultKey, deployment: pin });
  return { genesis, boot, vaultKey };
}

/** What a vault answers that lacks a head which this device has seen. */
const MISSES: readonly string[] = ["ROLLED_BACK", "HEAD_LOST", "HEAD_UNKNOWN"];

/** Whether a head is of a vault that had handed over by then: its successor need not have it. */
async function isAfterHandover(memory: Memory, { vault, rulebook }: Head): Promise<boolean> {
  const known = await keptBook(memory);
  return known?.id === rulebook && known.document.vault !== vault;
}

async function begin({ wire, memory, pin, here = HERE, lossy = false }: Way): Promise<Session> {
  const { genesis, boot, vaultKey } = await fetchGenesis(wire, pin, here);
  const expected: Expected = { vaultKey, deployment: pin, boot };
  let book: Book | null = null;
  let head: Head | null = null;

  const ask = async (asked: Ask): Promise<Receipt> => {
    const command = commandBytes(asked, here);
    const receipt = checkReceipt(await wire.call(command), command, expected);
    if (head !== null) checkHead(head, { ...head, head: receipt.head });
    return receipt;
  };
  const demand = async (asked: Ask): Promise<Uint8Array> => {
    const receipt = await ask(asked);
    if (receipt.code !== "OK") throw new VaultRefused(receipt);
    return receipt.body;
  };
  /** Whether the vault has the head that this device has seen, or can prove that the administrators have given it up. */
  const witness = async (signed: Uint8Array, seen: Head): Promise<"there" | "given up" | "lost"> => {
    const receipt = await ask({ command: "witness", head: signed });
    if (receipt.code === "HEAD_LOST" && lossy) return "lost";
    if (receipt.code === "HEAD_UNKNOWN" && (await isAfterHandover(memory, seen))) return "there";
    if (receipt.code === "WRONG_VAULT") raise("VAULT_INACTIVE", receipt.field, `this device has met vault ${seen.vault}`);
    if (MISSES.includes(receipt.code)) raise("VAULT_ROLLED_BACK", receipt.field, receipt.detail);
    if (receipt.code !== "OK") throw new VaultRefused(receipt);
    if (receipt.body.length === 0) return "there";
    const known = (await keptBook(memory)) ?? raise("MEMORY_UNFIT", "rulebook", "a head is kept without its rulebook");
    demandGivenUp(receipt.body, seen, { deployment: pin, vault: vaultOf(vaultKey), book: known });
    return "given up";
  };
  const refresh = async (): Promise<void> => {
    const kept = await memory.read("head");
    const seen = kept === null ? null : keptHead(kept);
    const state = kept === null || seen === null ? "there" : await witness(kept, seen);
    const signed = await demand({ command: "head" });
    const next = openObject(Head, signed, expected);
    const same = seen === null || seen.vault === next.vault;
    if (seen !== null && same && state === "there") checkHead(seen, next);
    if (next.halted) raise("VAULT_ROLLED_BACK", "head.halted", "the vault has stopped");
    const known = await keptBook(memory);
    if (known?.id === next.rulebook) book = known;
    else {
      const shown = await demand({ command: "show", what: "rulebook", name: "" });
      book = openRulebook(shown, genesis, known);
      await memory.write("rulebook", shown);
    }
    const active = book.document.vault;
    if (active !== next.vault) raise("VAULT_INACTIVE", "rulebook.vault", `the rulebook makes ${active} the active one`);
    if (state === "there" && same) await keepHead(memory, signed);
    else if (state !== "lost") await memory.write("head", signed);
    head = next;
  };
  return {
    genesis,
    deployment: pin,
    vault: vaultOf(vaultKey),
    vaultKey,
    head: () => head ?? raise("NO_RECEIPT", "head", "no head was fetched"),
    book: () => book ?? raise("RULEBOOK_UNTRUSTED", "rulebook", "no rulebook was fetched"),
    ask,
    demand,
    refresh,
    close: () => wire.close(),
  };
}
