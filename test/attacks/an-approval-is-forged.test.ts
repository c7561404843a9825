/** An approval is forged: by a key that is not enrolled, in another person's name, with a signature that only looks like
 *  one, or by passing a signature over one kind of object off as one over another. */
import { createHash } from "node:crypto";
import { Approval } from "../../core/src/signed/approval.ts";
import { Fact } from "../../core/src/signed/fact.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { challengeOf, decode, encode, type Signature, Signed } from "../../core/src/signed/object.ts";
import { type Device, someHash } from "../world/keys.ts";
import type { MemoryVault } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honestlySigned, refused, type Siege, TWO } from "./attack.ts";

const { KEYS } = world;
/** Order of the base point of Ed25519. Source: RFC 8032, section 5.1. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

type Forger = {
  readonly vault: MemoryVault;
  readonly body: Uint8Array;
  /** Sends bob's approval as it is given here, beside tom's and amy's honest ones. */
  readonly send: (bob: Uint8Array) => ReturnType<MemoryVault["send"]>;
};

function forger({ vault, book }: Siege): Forger {
  const intent = world.pay(book);
  const [tom, amy, bob] = world.approveAll(vault.ground(), intent, TWO) as [Uint8Array, Uint8Array, Uint8Array];
  const send = (bytes: Uint8Array) => vault.send(world.execute([intent], [tom, amy, bytes]));
  honestlySigned(vault, () => send(bob));
  return { vault, body: decode(Signed, bob).body, send };
}

function envelope(body: Uint8Array, ...signatures: readonly Signature[]): Uint8Array {
  return encode(Signed, { body, signatures });
}

attacks("a stranger signs", () => {
  const { vault, body, send } = forger(besiege());
  const challenge = challengeOf(Approval, body);
  const { signature } = KEYS.mallory.sign(challenge);
  refused(vault, "SIGNATURE_INVALID", "in bob's name", () => send(envelope(body, { key: KEYS.bob.id, signature })));
  refused(vault, "KEY_UNKNOWN", "under bob's approval", () => send(envelope(body, KEYS.mallory.sign(challenge))));
  const own = encode(Approval, { ...decode(Approval, body), key: KEYS.mallory.id });
  refused(vault, "KEY_UNKNOWN", "in his own name", () => send(envelope(own, KEYS.mallory.sign(challengeOf(Approval, own)))));
  const named = encode(Approval, { ...decode(Approval, body), key: KEYS.mallory.id });
  const bob = KEYS.bob.sign(challengeOf(Approval, named));
  refused(vault, "KEY_UNKNOWN", "bob under a stranger's approval", () => send(envelope(named, bob)));
  for (const source of [KEYS.screening, KEYS.finalityA, KEYS.vault]) {
    const theirs = encode(Approval, { ...decode(Approval, body), key: source.id });
    refused(vault, "KEY_UNKNOWN", `as ${source.name}`, () =>
      send(envelope(theirs, source.sign(challengeOf(Approval, theirs)))),
    );
  }
});

attacks("an enrolled colleague signs in another's name", () => {
  const { vault, body, send } = forger(besiege());
  const challenge = challengeOf(Approval, body);
  for (const key of [KEYS.amy, KEYS.tom, KEYS.ada]) {
    const { signature } = key.sign(challenge);
    refused(vault, "SIGNATURE_INVALID", key.name, () => send(envelope(body, { key: KEYS.bob.id, signature })));
    refused(vault, "KEY_UNKNOWN", `${key.name} openly`, () => send(envelope(body, key.sign(challenge))));
  }
  const both = [KEYS.bob.sign(challenge), KEYS.amy.sign(challenge)];
  refused(vault, "BAD_VALUE", "two signatures under one approval", () => send(envelope(body, ...both)));
  refused(vault, "BAD_VALUE", "bob's own twice", () => send(envelope(body, ...both.slice(0, 1), ...both.slice(0, 1))));
  refused(vault, "BAD_VALUE", "the colleague's first", () => send(envelope(body, ...both.toReversed())));
});

attacks("a signature is bent into another form", () => {
  const { vault, body, send } = forger(besiege());
  const { key, signature } = KEYS.bob.sign(challengeOf(Approval, body));
  const bent = (how: string, bytes: Uint8Array) =>
    refused(vault, "SIGNATURE_INVALID", how, () => send(envelope(body, { key, signature: bytes })));
  bent("zeros", new Uint8Array(64));
  bent("one byte less", signature.subarray(0, 63));
  bent("one byte more", Uint8Array.of(...signature, 0));
  bent("S plus the group's order", Uint8Array.of(...signature.subarray(0, 32), ...plusOrder(signature.subarray(32))));
  bent("R of small order, S zero", Uint8Array.of(1, ...new Uint8Array(63)));
  bent("halves swapped", Uint8Array.of(...signature.subarray(32), ...signature.subarray(0, 32)));
  const dressed = { key, signature, clientData: Uint8Array.of(0x7b), authenticatorData: new Uint8Array(37) };
  refused(vault, "SIGNATURE_INVALID", "dressed as a passkey's", () => send(envelope(body, dressed)));
  const { clientData } = dressed;
  refused(vault, "SIGNATURE_INVALID", "with client data", () => send(envelope(body, { key, signature, clientData })));
  const { authenticatorData } = dressed;
  refused(vault, "SIGNATURE_INVALID", "with authenticator data", () =>
    send(envelope(body, { key, signature, authenticatorData })),
  );
});

attacks("a holder makes a second signature that some libraries take and others do not", () => {
  const { vault, body, send } = forger(besiege());
  const message = challengeOf(Approval, body);
  const secret = createHash("sha512").update(KEYS.bob.seed).digest();
  secret[0] = (secret[0] as number) & 248;
  secret[31] = ((secret[31] as number) & 63) | 64;
  const little = (bytes: Uint8Array) => bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
  for (const commitment of [Uint8Array.of(1, ...new Uint8Array(31))]) {
    const k = little(createHash("sha512").update(commitment).update(KEYS.bob.publicKey).update(message).digest());
    const s = (k * little(secret.subarray(0, 32))) % ORDER;
    const signature = Uint8Array.of(...commitment, ...bytes32(s));
    refused(vault, "SIGNATURE_INVALID", "R is the neutral point", () => send(envelope(body, { key: KEYS.bob.id, signature })));
  }
});

function bytes32(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, at) => Number((value >> BigInt(8 * at)) & 255n));
}

/** S + L, little-endian, which a verifier that reduces S takes for S. */
function plusOrder(s: Uint8Array): Uint8Array {
  return bytes32(s.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n) + ORDER);
}

attacks("a signature over another kind of object is passed off as an approval", () => {
  const { vault, body, send } = forger(besiege());
  for (const kind of [Intent, Fact, Signed]) {
    const { key, signature } = KEYS.bob.sign(challengeOf(kind, body));
    refused(vault, "SIGNATURE_INVALID", kind.name, () => send(envelope(body, { key, signature })));
  }
  const plain = KEYS.bob.sign(body.subarray(0, 32));
  refused(vault, "SIGNATURE_INVALID", "the bytes without their tag", () => send(envelope(body, plain)));
});

attacks("an approval is for another deployment or another vault", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const [tom, amy] = world.approveAll(vault.ground(), intent, TWO) as [Uint8Array, Uint8Array];
  const bob = (change: Partial<Approval>, key: Device = KEYS.bob) => world.approve(vault.ground(), intent, { key, change });
  const send = (approval: Uint8Array) => vault.send(world.execute([intent], [tom, amy, approval]));
  honestlySigned(vault, () => send(bob({})));
  refused(vault, "WRONG_DEPLOYMENT", "deployment", () => send(bob({ deployment: someHash("other") })));
  refused(vault, "WRONG_VAULT", "vault", () => send(bob({ vault: KEYS.mallory.id })));
  refused(vault, "BOOT_STALE", "boot", () => send(bob({ boot: someHash("other") })));
  refused(vault, "HEAD_UNKNOWN", "head", () => send(bob({ head: { seq: vault.state.seq, hash: someHash("other") } })));
  refused(vault, "HEAD_UNKNOWN", "future head", () =>
    send(bob({ head: { seq: vault.state.seq + 1, hash: vault.state.head } })),
  );
  refused(vault, "HEAD_UNKNOWN", "no head", () => send(bob({ head: { seq: 0, hash: world.ZERO } })));
  const foreign = world.pay(book, { deployment: someHash("other") });
  refused(vault, "WRONG_DEPLOYMENT", "the intent itself", () => vault.run(foreign, TWO));
});
