/** What this device believes, kept in files: the pinned deployment, the newest head that it has seen, and the newest rulebook
 *  that it has verified. Nobody but this device writes them, and a vault that contradicts them raises the alarm. */
import { join } from "node:path";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { verifyEd25519 } from "@strongroom/core/keys/ed25519";
import { keyId } from "@strongroom/core/keys/id";
import { type Book, openBook } from "@strongroom/core/rulebook/book";
import { checkRulebook } from "@strongroom/core/rulebook/check";
import { Genesis } from "@strongroom/core/signed/genesis";
import { Head } from "@strongroom/core/signed/head";
import { challengeOf, decode, idOf, type Kind, Signed } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { fault } from "../faults.ts";
import { readIfThere, writeWhole } from "./files.ts";

const PIN = /^[0-9a-f]{64}$/;

/** The pinned deployment id, or null. Fails: FILE_UNFIT. */
export async function readPin(home: string): Promise<Hash | null> {
  const path = join(home, "genesis.pin");
  const found = await readIfThere(path);
  if (found === null) return null;
  return asDeployment(found.toString("latin1").trim()) ?? fault("FILE_UNFIT", path, "64 hex digits are expected");
}

/** The text as a deployment id, or null. */
export function asDeployment(text: string): Hash | null {
  return PIN.test(text) ? (text as Hash) : null;
}

/** Pins a deployment. Fails: GENESIS_FOREIGN when another one is pinned. */
export async function writePin(home: string, deployment: Hash): Promise<void> {
  const known = await readPin(home);
  if (known !== null && known !== deployment) fault("GENESIS_FOREIGN", "genesis.pin", `this device has pinned ${known}`);
  if (known === null) await writeWhole(join(home, "genesis.pin"), `${deployment}\n`);
}

/** The genesis in a signed envelope, when it is the pinned one. Its hash names it and all administrators have signed, so it
 *  needs no further trust. Fails: GENESIS_FOREIGN. */
export function openGenesis(signed: Uint8Array, pin: Hash): Genesis {
  const opened = attempt(() => {
    const { body, signatures } = decode(Signed, signed);
    return { id: idOf(Genesis, body), genesis: decode(Genesis, body), body, signatures };
  });
  if (!opened.ok) fault("GENESIS_FOREIGN", opened.field, `it cannot be read: ${opened.code}`);
  const { id, genesis, body, signatures } = opened.value;
  if (id !== pin) fault("GENESIS_FOREIGN", "genesis", `the vault shows ${id}, expected is ${pin}`);
  const keys = genesis.administrators.map((item) => ({ person: item.person, publicKey: item.publicKey }));
  const signers = signersOf(Genesis, { body, signatures }, keys);
  if (signers.size !== keys.length) fault("GENESIS_FOREIGN", "genesis", "not every administrator has signed it");
  return genesis;
}

type PersonKey = { readonly person: string; readonly publicKey: string };

/** The persons whose Ed25519 keys (hex) have signed. */
function signersOf(kind: Kind<unknown>, signed: Signed, keys: readonly PersonKey[]): ReadonlySet<string> {
  const challenge = challengeOf(kind, signed.body);
  const persons = keys.filter(({ publicKey }) => {
    const bytes = Uint8Array.from(Buffer.from(publicKey, "hex"));
    const found = signed.signatures.find((item) => item.key === keyId("ed25519", bytes));
    return found !== undefined && verifyEd25519(bytes, challenge, found.signature);
  });
  return new Set(persons.map(({ person }) => person));
}

/** Who may sign the next rulebook: by the genesis, or by the newest rulebook that this device has verified. */
function signatories(genesis: Genesis, known: Book | null): { keys: readonly PersonKey[]; threshold: number } {
  if (known === null) return { keys: genesis.administrators, threshold: genesis.threshold };
  const { administrators, threshold } = known.document.governance;
  const persons = known.document.persons.filter((person) => administrators.includes(person.id));
  const keys = persons.flatMap((person) =>
    person.keys
      .filter((key) => key.scheme === "ed25519" && key.class === "device")
      .map((key) => ({ person: person.id, publicKey: toHex(key.publicKey) })),
  );
  return { keys, threshold };
}

/** The rulebook in a signed envelope, when the administrators that this device knows have signed it. A device that has missed
 *  some epochs asks for the signatures of the administrators that it knows. Fails: RULEBOOK_UNTRUSTED. */
export function openRulebook(signed: Uint8Array, genesis: Genesis, known: Book | null): Book {
  const opened = attempt(() => {
    const envelope = decode(Signed, signed);
    const document = decode(Rulebook, envelope.body);
    checkRulebook(document);
    return { envelope, book: openBook(document) };
  });
  if (!opened.ok) fault("RULEBOOK_UNTRUSTED", opened.field, `it is not sound: ${opened.code}`);
  const { envelope, book } = opened.value;
  const { deployment, epoch, base } = book.document;
  if (known !== null && book.id === known.id) return known;
  const first = known === null ? 1 : known.document.epoch + 1;
  if (known !== null && epoch < first) fault("RULEBOOK_UNTRUSTED", "rulebook.epoch", `this device knows epoch ${first - 1}`);
  const expected = known?.id ?? deployment;
  if (epoch === first && base !== expected)
    fault("RULEBOOK_UNTRUSTED", "rulebook.base", "it does not continue the one known here");
  const { keys, threshold } = signatories(genesis, known);
  const signers = signersOf(Rulebook, envelope, keys);
  if (signers.size < threshold) {
    fault("RULEBOOK_UNTRUSTED", "rulebook.signatures", `${signers.size} of ${threshold} administrators have signed it`);
  }
  return book;
}

/** The newest rulebook that this device has verified, or null. Fails: FILE_UNFIT. */
export async function readBook(home: string): Promise<Book | null> {
  const path = join(home, "rulebook.cbor");
  const found = await readIfThere(path);
  if (found === null) return null;
  const opened = attempt(() => openBook(decode(Rulebook, decode(Signed, found).body)));
  return opened.ok ? opened.value : fault("FILE_UNFIT", path, `it is not a signed rulebook: ${opened.code}`);
}

export async function writeBook(home: string, signed: Uint8Array): Promise<void> {
  await writeWhole(join(home, "rulebook.cbor"), signed);
}

/** The newest head that this device has seen, in its envelope, or null. */
export async function readHead(home: string): Promise<Uint8Array | null> {
  const found = await readIfThere(join(home, "head.cbor"));
  return found === null ? null : new Uint8Array(found);
}

/** Fails: VAULT_ROLLED_BACK when `next` is older than what this device has seen, or says something else of the same place. */
export function checkHead(seen: Head, next: Head): void {
  const [old, now] = [seen.head, next.head];
  if (now.seq < old.seq)
    fault("VAULT_ROLLED_BACK", "head.seq", `it stands at record ${now.seq}; this device has seen ${old.seq}`);
  if (now.seq === old.seq && now.hash !== old.hash) fault("VAULT_ROLLED_BACK", "head.hash", `record ${now.seq} is another one`);
  if (next.epoch < seen.epoch) fault("VAULT_ROLLED_BACK", "head.epoch", `this device has seen rulebook epoch ${seen.epoch}`);
}

/** Keeps a head that `checkHead` has accepted, unless another process of this device has kept a newer one meanwhile. */
export async function writeHead(home: string, signed: Uint8Array): Promise<void> {
  const kept = await readHead(home);
  if (kept === null || positionOf(kept) < positionOf(signed)) await writeWhole(join(home, "head.cbor"), signed);
}

function positionOf(signed: Uint8Array): number {
  return decode(Head, decode(Signed, signed).body).head.seq;
}
