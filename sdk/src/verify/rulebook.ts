/** The chain of trust of a deployment: its pinned genesis, and every rulebook since, each signed by administrators of the one
 *  before. */
import { fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { verifyEd25519 } from "@strongroom/core/keys/ed25519";
import { keyId } from "@strongroom/core/keys/id";
import { type Book, openBook } from "@strongroom/core/rulebook/book";
import { checkRulebook } from "@strongroom/core/rulebook/check";
import { Genesis } from "@strongroom/core/signed/genesis";
import { challengeOf, decode, encode, idOf, type Kind, Signed } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { raise } from "../faults.ts";

const DEPLOYMENT = /^[0-9a-f]{64}$/;

/** The text as a deployment id, or null. */
export function asDeployment(text: string): Hash | null {
  return DEPLOYMENT.test(text) ? (text as Hash) : null;
}

/** The genesis in a signed envelope, when it is the pinned one. Its hash names it and all administrators have signed, so it
 *  needs no further trust. Fails: GENESIS_FOREIGN. */
export function openGenesis(signed: Uint8Array, pin: Hash): Genesis {
  const opened = attempt(() => {
    const envelope = decode(Signed, signed);
    const genesis = decode(Genesis, envelope.body);
    return { id: idOf(Genesis, envelope.body), genesis, signers: signersOf(Genesis, envelope, genesis.administrators) };
  });
  if (!opened.ok) raise("GENESIS_FOREIGN", opened.field, `it cannot be read: ${opened.code}`);
  const { id, genesis, signers } = opened.value;
  if (id !== pin) raise("GENESIS_FOREIGN", "genesis", `the vault shows ${id}, expected is ${pin}`);
  if (signers.size !== genesis.administrators.length)
    raise("GENESIS_FOREIGN", "genesis", "not every administrator has signed it");
  return genesis;
}

type PersonKey = { readonly person: string; readonly publicKey: string };

/** The persons whose Ed25519 keys (hex) have signed. */
function signersOf(kind: Kind<unknown>, signed: Signed, keys: readonly PersonKey[]): ReadonlySet<string> {
  const challenge = challengeOf(kind, signed.body);
  const persons = keys.filter(({ publicKey }) => {
    const bytes = fromHex(publicKey);
    const found = signed.signatures.find((item) => item.key === keyId("ed25519", bytes));
    return found !== undefined && verifyEd25519(bytes, challenge, found.signature);
  });
  return new Set(persons.map(({ person }) => person));
}

/** Who may sign the next rulebook: by the genesis, or by the newest rulebook that is verified. */
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

/** The rulebook in a signed envelope, when the administrators that are known here have signed it. A device that has missed some
 *  epochs asks for the signatures of the administrators that it knows. Fails: RULEBOOK_UNTRUSTED. */
export function openRulebook(signed: Uint8Array, genesis: Genesis, known: Book | null): Book {
  const opened = attempt(() => {
    const envelope = decode(Signed, signed);
    const document = decode(Rulebook, envelope.body);
    checkRulebook(document);
    return { envelope, book: openBook(document) };
  });
  if (!opened.ok) raise("RULEBOOK_UNTRUSTED", opened.field, `it is not sound: ${opened.code}`);
  const { envelope, book } = opened.value;
  const { epoch, base } = book.document;
  if (known !== null && book.id === known.id) return known;
  const first = known === null ? 1 : known.document.epoch + 1;
  if (known !== null && epoch < first) raise("RULEBOOK_UNTRUSTED", "rulebook.epoch", `epoch ${first - 1} is known here`);
  const expected = known?.id ?? deploymentOf(genesis);
  if (book.document.deployment !== deploymentOf(genesis))
    raise("RULEBOOK_UNTRUSTED", "rulebook.deployment", "it is of another deployment");
  if (epoch === first && base !== expected)
    raise("RULEBOOK_UNTRUSTED", "rulebook.base", "it does not continue the one known here");
  const { keys, threshold } = signatories(genesis, known);
  const signers = signersOf(Rulebook, envelope, keys);
  if (signers.size < threshold)
    raise("RULEBOOK_UNTRUSTED", "rulebook.signatures", `${signers.size} of ${threshold} administrators have signed it`);
  return book;
}

/** The last of a deployment's rulebooks, given all of them from epoch 1 without a gap. Fails: RULEBOOK_UNTRUSTED. */
export function openRulebooks(signed: readonly Uint8Array[], genesis: Genesis): Book {
  let book: Book | null = null;
  for (const [at, one] of signed.entries()) {
    const next: Book = openRulebook(one, genesis, book);
    if (next.document.epoch !== at + 1) raise("RULEBOOK_UNTRUSTED", "rulebook.epoch", `epoch ${at + 1} is missing`);
    book = next;
  }
  return book ?? raise("RULEBOOK_UNTRUSTED", "rulebook", "there is none");
}

function deploymentOf(genesis: Genesis): Hash {
  return idOf(Genesis, encode(Genesis, genesis));
}
