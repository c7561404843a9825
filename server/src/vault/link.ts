/** The vault as the server sees it: every reply is checked before anything of it is used, by the key that the pinned genesis
 *  names.
 *
 *  Not for deciding anything: whatever is wrong with a reply, it counts as none. */
import { randomBytes } from "node:crypto";
import { fromHex, type Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { keyId } from "@strongroom/core/keys/id";
import { Command, type CommandOf, requestId, StatusBody, tightens } from "@strongroom/core/protocol/command";
import { type Book, openBook } from "@strongroom/core/rulebook/book";
import type { Nonce } from "@strongroom/core/signed/fields";
import { Genesis } from "@strongroom/core/signed/genesis";
import { Head } from "@strongroom/core/signed/head";
import { challengeOf, decode, encode, idOf, type Kind, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { limits } from "../host/limits.ts";
import { Problem, problem } from "../http/call.ts";
import { isSigned, openSigned } from "./signed.ts";
import { openWire, type WireLimits } from "./wire.ts";

/** A command without what this side adds. */
export type Asked = { [K in Command["command"]]: Omit<CommandOf<K>, "version" | "nonce"> }[Command["command"]];

/** What the vault is and holds in force. Signed bytes go out with it, so that whoever is shown it can check it himself. */
export type View = {
  readonly genesis: Genesis;
  readonly signedGenesis: Uint8Array;
  readonly deployment: Hash;
  /** The identity key, and the hash that names it. */
  readonly vaultKey: Uint8Array;
  /** The identity keys of all vaults that its journal has had, its own last: any of them may have signed what is stored. */
  readonly line: readonly Uint8Array[];
  readonly vault: Hash;
  readonly book: Book;
  readonly signedRulebook: Uint8Array;
  readonly head: Head;
  readonly signedHead: Uint8Array;
};

export type VaultLink = {
  /** The checked receipt, whatever its code, with its signed bytes. Fails: VAULT_UNREACHABLE. */
  ask(command: Asked): Promise<Receipt & { readonly bytes: Uint8Array }>;
  /** A receipt with the code OK. Fails: the vault's own code, VAULT_UNREACHABLE. */
  demand(command: Asked): Promise<{ readonly receipt: Receipt; readonly signed: Uint8Array }>;
  /** Carries a device's command and gives the signed receipt. Fails: FORBIDDEN, BAD_REQUEST, VAULT_UNREACHABLE. */
  relay(bytes: Uint8Array): Promise<Uint8Array>;
  /** What holds now; at most a second old where nothing has shown that it changed. Fails: VAULT_UNREACHABLE. */
  view(): Promise<View>;
  close(): void;
};

/** Who answers: learnt once from the genesis whose hash is pinned. */
type Identity = Pick<View, "genesis" | "signedGenesis" | "deployment" | "vaultKey" | "line" | "vault">;

/** What anybody may send through the server. */
const CARRIED: readonly Command["command"][] = ["status", "head", "show", "protections", "witness"];

export type LinkOptions = {
  readonly socket: string;
  readonly pin: Hash;
  readonly wire?: Partial<WireLimits>;
  readonly viewMs?: number;
};

/** Opens a link; nothing is sent before it is used. */
export function openVaultLink({ socket, pin, wire: own, viewMs = limits.vaultViewMs }: LinkOptions): VaultLink {
  const wire = openWire(socket, { ...limits.vaultWire, ...own });
  const identity = once(() => learn(wire.call, pin));
  const views = cachedView({ demand, identity, viewMs });

  async function send(bytes: Uint8Array): Promise<{ receipt: Receipt; signed: Uint8Array }> {
    const known = await identity();
    const signed = await wire.call(bytes);
    const receipt = checkReceipt(signed, bytes, known);
    views.heard(receipt);
    return { receipt, signed };
  }
  async function demand(command: Asked): Promise<{ receipt: Receipt; signed: Uint8Array }> {
    const answer = await send(commandBytes(command));
    if (answer.receipt.code !== "OK") refused(answer.receipt);
    return answer;
  }
  return {
    demand,
    async ask(command) {
      const { receipt, signed } = await send(commandBytes(command));
      return { ...receipt, bytes: signed };
    },
    async relay(bytes) {
      demandHarmless(bytes);
      return (await send(bytes)).signed;
    },
    view: views.get,
    close: () => wire.close(),
  };
}

/** Asks with approvals that were good when they came. One that the vault refuses now would spoil those beside it, so it is
 *  asked again without that one. Fails: VAULT_UNREACHABLE. */
export async function askWith(
  vault: Pick<VaultLink, "ask">,
  approvals: readonly Uint8Array[],
  asking: (approvals: readonly Uint8Array[]) => Asked,
): ReturnType<VaultLink["ask"]> {
  const receipt = await vault.ask(asking(approvals));
  const [, spoilt] = /^approvals\.(\d+)/.exec(receipt.field) ?? [];
  const rest = approvals.filter((_, at) => at !== Number(spoilt));
  return receipt.code === "OK" || rest.length === approvals.length ? receipt : askWith(vault, rest, asking);
}

/** The bytes of a command with a fresh nonce. Fails: TOO_LARGE, BAD_REQUEST for what no command can carry. */
function commandBytes(asked: Asked): Uint8Array {
  const nonce = randomBytes(16).toString("hex") as Nonce;
  const made = attempt(() => encode(Command, { version: 1, nonce, ...asked } as Command));
  if (made.ok) return made.value;
  return problem(
    made.code === "TOO_LARGE" ? "TOO_LARGE" : "BAD_REQUEST",
    made.field,
    `The vault takes no such command: ${made.detail}.`,
  );
}

/** The vault's own refusal, as the API tells it. */
function refused({ code, field, detail }: Receipt): never {
  throw new Problem("SIGNED_WRONG", { field, detail, vaultCode: code });
}

/** Only what reads, shows a head or tightens goes through unseen; everything else has an endpoint of its own. */
function demandHarmless(bytes: Uint8Array): void {
  const parsed = attempt(() => decode(Command, bytes));
  if (!parsed.ok) problem("BAD_REQUEST", `command.${parsed.field}`, `it is no command of the vault: ${parsed.code}`);
  const { command } = parsed.value;
  if (CARRIED.includes(command) || tightens(bytes)) return;
  problem("FORBIDDEN", "command", `${command} is not relayed; only what reads or tightens is`);
}

function unreachable(field: string, detail: string): never {
  problem("VAULT_UNREACHABLE", field, detail);
}

/** The receipt in a reply to `command`. Fails: VAULT_UNREACHABLE for anything but the pinned vault's own answer to it. */
function checkReceipt(reply: Uint8Array, command: Uint8Array, { vaultKey, vault, deployment }: Identity): Receipt {
  const receipt = openSigned(Receipt, reply, [vaultKey]);
  if (receipt === null) unreachable("receipt.signature", "the reply is not signed by the pinned vault");
  if (receipt.request !== requestId(command)) unreachable("receipt.request", "the reply is to another command");
  if (receipt.vault !== vault) unreachable("receipt.vault", "the receipt names another vault");
  if (receipt.deployment !== deployment) unreachable("receipt.deployment", `the vault states ${receipt.deployment}`);
  return receipt;
}

/** Asks for the genesis and, when it is the pinned one, learns the key with which this very answer must be signed: that of the
 *  genesis, or that of a successor, which the rulebook must name. */
async function learn(call: (command: Uint8Array) => Promise<Uint8Array>, pin: Hash): Promise<Identity> {
  const command = commandBytes({ command: "status" });
  const reply = await call(command);
  const shown = attempt(() => decode(StatusBody, decode(Receipt, decode(Signed, reply).body).body));
  if (!shown.ok || shown.value.genesis === undefined) unreachable("vault.genesis", "the vault shows no genesis");
  const { genesis: signedGenesis, line: keys } = shown.value;
  const opened = attempt(() => openGenesis(signedGenesis, pin));
  if (!opened.ok) unreachable(opened.field, `the genesis cannot be read: ${opened.code}`);
  const line = (keys ?? [opened.value.vaultKey]).map((key) => fromHex(key));
  const vaultKey = line.at(-1) as Uint8Array;
  const vault = keyId("ed25519", vaultKey);
  const identity = { genesis: opened.value, signedGenesis, deployment: pin, vaultKey, line, vault };
  checkReceipt(reply, command, identity);
  return identity;
}

function openGenesis(signed: Uint8Array, pin: Hash): Genesis {
  const { body, signatures } = decode(Signed, signed);
  const id = idOf(Genesis as Kind<unknown>, body);
  if (id !== pin) unreachable("vault.genesis", `the vault shows ${id}, pinned is ${pin}`);
  const genesis = decode(Genesis, body);
  const challenge = challengeOf(Genesis as Kind<unknown>, body);
  for (const { person, publicKey } of genesis.administrators) {
    const key = fromHex(publicKey);
    const made = signatures.find((item) => item.key === keyId("ed25519", key));
    const holds = made !== undefined && isSigned(key, challenge, made.signature);
    if (!holds) unreachable("vault.genesis", `${person} has not signed the genesis`);
  }
  return genesis;
}

/** Runs `work` once; after a failure again. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  return () => {
    running ??= work().catch((error: unknown) => {
      running = null;
      throw error;
    });
    return running;
  };
}

type ViewSource = {
  readonly demand: (command: Asked) => Promise<{ receipt: Receipt }>;
  readonly identity: () => Promise<Identity>;
  readonly viewMs: number;
};

/** The newest view. A receipt that shows a later head or another boot makes it stale; whoever asks meanwhile shares one
 *  refresh, which fetches the rulebook only when it is another one. */
function cachedView({ demand, identity, viewMs }: ViewSource): { get(): Promise<View>; heard(receipt: Receipt): void } {
  let known: View | null = null;
  let heard: Pick<Receipt, "head" | "boot"> | null = null;
  let until = 0;
  let running: Promise<View> | null = null;

  const isFresh = (view: View): boolean => {
    const isNewest = heard === null || (heard.boot === view.head.boot && heard.head.seq <= view.head.head.seq);
    return isNewest && performance.now() < until;
  };
  async function fetch(): Promise<View> {
    const self = await identity();
    const since = performance.now();
    const signedHead = (await demand({ command: "head" })).receipt.body;
    const head = openSigned(Head, signedHead, [self.vaultKey]);
    if (head === null || head.deployment !== self.deployment) unreachable("head", "it is not a head of the pinned vault");
    const rulebook = known?.book.id === head.rulebook ? known : await fetchRulebook(demand, head.rulebook);
    const active = rulebook.book.document.vault;
    if (active !== self.vault) unreachable("rulebook.vault", `the rulebook makes ${active} the active vault`);
    known = { ...self, book: rulebook.book, signedRulebook: rulebook.signedRulebook, head, signedHead };
    until = since + viewMs;
    return known;
  }
  const refresh = (): Promise<View> => {
    running ??= fetch().finally(() => {
      running = null;
    });
    return running;
  };
  return {
    async get() {
      if (known !== null && isFresh(known)) return known;
      // One that was begun before the caller's last command may know less than he does.
      const isShared = running !== null;
      const view = await refresh();
      return isShared && !isFresh(view) ? await refresh() : view;
    },
    heard({ head, boot }) {
      if (heard === null || heard.boot !== boot || heard.head.seq < head.seq) heard = { head, boot };
    },
  };
}

async function fetchRulebook(demand: ViewSource["demand"], id: Hash): Promise<Pick<View, "book" | "signedRulebook">> {
  const signedRulebook = (await demand({ command: "show", what: "rulebook", name: "" })).receipt.body;
  const opened = attempt(() => openBook(decode(Rulebook, decode(Signed, signedRulebook).body)));
  if (!opened.ok) unreachable(`rulebook.${opened.field}`, `it cannot be read: ${opened.code}`);
  if (opened.value.id !== id) unreachable("rulebook", "it changed while it was read; try again");
  return { book: opened.value, signedRulebook };
}
