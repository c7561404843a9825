import assert from "node:assert/strict";
import { test } from "node:test";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { evm } from "@strongroom/core/chain/evm/evm";
import { deriveAddressKey, derivePublicNode } from "@strongroom/core/keys/hd";
import type { WalletBody } from "@strongroom/core/protocol/command";
import type { Attestation } from "@strongroom/core/signed/attestation";
import { checkAttestation } from "./attestation.ts";

const CHAIN = 31_337;
const PAYEE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const hash = (byte: number) => byte.toString(16).padStart(2, "0").repeat(32) as Hash;

const account = derivePublicNode(new Uint8Array(32).fill(1), "m/44'/60'/0'");
const wallet: WalletBody = {
  wallet: "treasury",
  chain: CHAIN,
  walletClass: "warm",
  client: "acme",
  path: "m/44'/60'/0'",
  publicKey: toHex(account.publicKey),
  chainCode: toHex(account.chainCode),
};
const publicKey = deriveAddressKey(account, 2);
const attestation: Attestation = {
  version: 1,
  deployment: hash(1),
  vault: hash(2),
  client: "acme",
  wallet: "treasury",
  chain: CHAIN,
  index: 2,
  path: "m/44'/60'/0'/0/2",
  publicKey: toHex(publicKey),
  address: evm.address(publicKey),
};

test("an attestation must fit client, wallet, chain, index, path, key and address", () => {
  checkAttestation(attestation, wallet, 2);
  const { client: _, ...nobody } = attestation;
  const other = deriveAddressKey(account, 3);
  const wrong: readonly Attestation[] = [
    { ...attestation, client: "other" },
    nobody,
    { ...attestation, wallet: "other" },
    { ...attestation, chain: 1 },
    { ...attestation, index: 3 },
    { ...attestation, path: "m/44'/60'/0'/0/3" },
    { ...attestation, publicKey: toHex(other), address: evm.address(other) },
    { ...attestation, address: PAYEE },
    { ...attestation, address: attestation.address.toLowerCase() },
  ];
  for (const one of wrong) assert.throws(() => checkAttestation(one, wallet, 2), { code: "ATTESTATION_WRONG" });
  assert.throws(() => checkAttestation(attestation, { ...wallet, publicKey: toHex(other) }, 2), { code: "ATTESTATION_WRONG" });
});
