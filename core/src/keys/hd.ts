/** Key trees: paths as text, mnemonics, private derivation for the keystore and public derivation for everybody.
 *
 *  Only hardened steps lead to an account; below it derivation is public, so that addresses are made without the seed.
 *  Whoever calls a function that returns secret bytes owns them and clears them. Texts cannot be cleared: mnemonics are for
 *  ceremonies only. */
import { sha256 } from "@noble/hashes/sha2.js";
import { base58 } from "@scure/base";
import { HARDENED_OFFSET, HDKey } from "@scure/bip32";
import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeedSync, validateMnemonic } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { equal, toHex } from "../bytes.ts";
import { demand } from "../errors.ts";
import { isPublicKey } from "./secp256k1.ts";

/** A node of the tree without its secret: compressed point (33 bytes) and chain code (32 bytes). */
export type PublicNode = { readonly publicKey: Uint8Array; readonly chainCode: Uint8Array };

/** Deepest path, in steps. BIP-32 would allow 255; BIP-44 needs 5. */
export const DEPTH_MAX = 10;

const STEP = /^(0|[1-9]\d{0,9})('?)$/;
const XPUB = /^xpub[1-9A-HJ-NP-Za-km-z]{107}$/;
const XPUB_VERSION = "0488b21e";
/** Source: SLIP-44, registered coin types. */
const COIN_TYPES = { evm: 60 } as const;

/** Steps of a path text `m/44'/60'/0'/0/5`; hardened steps have 2^31 added. `m` alone is the root.
 *  Fails: BAD_VALUE unless it is `m`, then up to ten numbers below 2^31 without leading zeros, each with ' or nothing.
 *  Source: BIP-32, "The key tree". */
export function parsePath(text: string, field = "path"): readonly number[] {
  const [root, ...steps] = text.split("/");
  demand(root === "m" && steps.length <= DEPTH_MAX, "BAD_VALUE", field, `m and at most ${DEPTH_MAX} steps are expected`);
  return steps.map((step) => {
    const index = Number.parseInt(step, 10);
    demand(STEP.test(step) && index < HARDENED_OFFSET, "BAD_VALUE", field, "a step is a number below 2^31, then ' or nothing");
    return step.endsWith("'") ? index + HARDENED_OFFSET : index;
  });
}

/** Path text of an account, `m/44'/60'/account'`. Fails: BAD_VALUE unless `account` is 0 to 2^31−1.
 *  Source: BIP-44, "Path levels". */
export function accountPath(chain: keyof typeof COIN_TYPES, account: number): string {
  demand(isIndex(account), "BAD_VALUE", "account", "0 to 2^31-1 is expected");
  return `m/44'/${COIN_TYPES[chain]}'/${account}'`;
}

/** Path text of the receiving address `index` of an account, `m/44'/60'/account'/0/index`. Fails: BAD_VALUE. */
export function addressPath(chain: keyof typeof COIN_TYPES, account: number, index: number): string {
  demand(isIndex(index), "BAD_VALUE", "index", "0 to 2^31-1 is expected");
  return `${accountPath(chain, account)}/0/${index}`;
}

/** Compressed public key (33 bytes) of account/0/index, by public derivation only.
 *  Fails: BAD_VALUE for a node that is none or an index outside 0..2^31−1.
 *  Source: BIP-32, "Public parent key → public child key". */
export function deriveAddressKey(account: PublicNode, index: number): Uint8Array {
  demand(isPublicKey(account.publicKey), "BAD_VALUE", "publicKey", "a compressed secp256k1 point is expected");
  demand(account.chainCode.length === 32, "BAD_VALUE", "chainCode", "32 bytes are expected");
  demand(isIndex(index), "BAD_VALUE", "index", "0 to 2^31-1 is expected");
  return publicHalf(new HDKey({ ...account }).deriveChild(0).deriveChild(index)).publicKey;
}

/** The node at `path` without its secret. Fails: BAD_VALUE for the path or a seed that is not of 16 to 64 bytes. */
export function derivePublicNode(seed: Uint8Array, path: string): PublicNode {
  const node = descend(seed, path);
  node.wipePrivateData();
  return publicHalf(node);
}

/** The private key at `path`, 32 bytes; the caller clears it. Fails: BAD_VALUE as `derivePublicNode`.
 *  Source: BIP-32, "Private parent key → private child key". */
export function derivePrivateKey(seed: Uint8Array, path: string): Uint8Array {
  const node = descend(seed, path);
  const { privateKey } = node;
  demand(privateKey !== null, "BAD_VALUE", "path", "a node below a seed has a secret");
  const key = Uint8Array.from(privateKey);
  node.wipePrivateData();
  privateKey.fill(0);
  return key;
}

/** The node of an extended public key text (`xpub…`). Fails: BAD_VALUE for secrets, other versions and anything malformed.
 *  Shape: version 4, depth 1, parent fingerprint 4, index 4, chain code 32, point 33, checksum 4, in base 58.
 *  Source: BIP-32, "Serialization format" and test vector 5. */
export function nodeOf(text: string, field = "xpub"): PublicNode {
  demand(XPUB.test(text), "BAD_VALUE", field, "111 letters of base 58 that begin with xpub are expected");
  const whole = base58.decode(text);
  const payload = whole.subarray(0, -4);
  const publicKey = payload.subarray(45);
  const isWhole = equal(sha256(sha256(payload)).subarray(0, 4), whole.subarray(-4));
  demand(isWhole && isPublicKey(publicKey), "BAD_VALUE", field, "the checksum or the point is wrong");
  demand(toHex(payload.subarray(0, 4)) === XPUB_VERSION, "BAD_VALUE", field, "another version is expected");
  const isRoot = payload[4] === 0;
  demand(!isRoot || payload.subarray(5, 13).every((byte) => byte === 0), "BAD_VALUE", field, "a root has no parent");
  return { publicKey, chainCode: payload.subarray(13, 45) };
}

/** English words of 16, 20, 24, 28 or 32 bytes. Fails: BAD_VALUE.   Source: BIP-39, "Generating the mnemonic". */
export function mnemonicOf(entropy: Uint8Array): string {
  const isSize = entropy.length >= 16 && entropy.length <= 32 && entropy.length % 4 === 0;
  demand(isSize, "BAD_VALUE", "entropy", "16, 20, 24, 28 or 32 bytes are expected");
  return entropyToMnemonic(entropy, wordlist);
}

/** Entropy of English words with one space between. Fails: BAD_VALUE for unknown words, count or checksum. */
export function entropyOf(mnemonic: string): Uint8Array {
  checkMnemonic(mnemonic);
  return mnemonicToEntropy(mnemonic, wordlist);
}

/** Seed of 64 bytes. Fails: BAD_VALUE as `entropyOf`.   Source: BIP-39, "From mnemonic to seed". */
export function seedOf(mnemonic: string, passphrase = ""): Uint8Array {
  checkMnemonic(mnemonic);
  return mnemonicToSeedSync(mnemonic, passphrase);
}

function checkMnemonic(mnemonic: string): void {
  const isOneForm = /^[a-z]+( [a-z]+)*$/.test(mnemonic);
  demand(isOneForm && validateMnemonic(mnemonic, wordlist), "BAD_VALUE", "mnemonic", "12 to 24 English words are expected");
}

function descend(seed: Uint8Array, path: string): HDKey {
  demand(seed.length >= 16 && seed.length <= 64, "BAD_VALUE", "seed", "16 to 64 bytes are expected");
  const steps = parsePath(path);
  let node = HDKey.fromMasterSeed(seed);
  for (const step of steps) {
    const child = node.deriveChild(step);
    node.wipePrivateData();
    node = child;
  }
  return node;
}

function publicHalf({ publicKey, chainCode }: HDKey): PublicNode {
  demand(publicKey !== null && chainCode !== null, "BAD_VALUE", "node", "a node has a point and a chain code");
  return { publicKey, chainCode };
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value < HARDENED_OFFSET;
}
