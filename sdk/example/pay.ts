/** Requests a payment through the server and signs it here, after its text was shown. The server need not be trusted: the
 *  vault's answers are checked against the pinned deployment, and what is signed is the text that this program renders. */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { env } from "node:process";
import { openClient } from "@strongroom/sdk/client";
import { initiate } from "@strongroom/sdk/device/decision";
import { makePayment } from "@strongroom/sdk/device/make";
import { openSigner } from "@strongroom/sdk/device/signer";
import { openRelay } from "@strongroom/sdk/vault/relay";
import { openSession, shortMemory } from "@strongroom/sdk/vault/session";
import { fetchEntry, fetchWallet } from "@strongroom/sdk/vault/show";
import { openAttestation } from "@strongroom/sdk/verify/attestation";
import { asDeployment } from "@strongroom/sdk/verify/rulebook";

const {
  STRONGROOM_URL = "",
  STRONGROOM_TOKEN = "",
  STRONGROOM_PIN = "",
  STRONGROOM_KEY = "",
  STRONGROOM_PASSPHRASE = "",
} = env;

// A device key as `strongroom key new` makes it; any other holder of an Ed25519 key or a passkey serves as well.
const key = createPrivateKey({ key: await readFile(STRONGROOM_KEY), passphrase: STRONGROOM_PASSPHRASE });
const publicKey = new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32));
const signer = openSigner({ name: "tom", publicKey, sign: (challenge) => new Uint8Array(sign(null, challenge, key)) });

// The pin is the deployment id that you were told in person. A real device keeps its memory in a place of its own.
const pin = asDeployment(STRONGROOM_PIN);
if (pin === null) throw new Error("STRONGROOM_PIN: 64 hex digits are expected");
const client = openClient({ url: STRONGROOM_URL, token: STRONGROOM_TOKEN });
const session = await openSession({ wire: openRelay(client), memory: shortMemory(), pin });

const [wallet, to, asset, amount] = ["treasury", "northwind", "eth", 250_000_000_000_000_000n] as const;
const { attestation } = await client.call("addresses.get", { params: { wallet, index: "0" } });
const known = await fetchWallet(session, wallet);
const from = openAttestation(attestation, { wallet: known, index: 0, expected: session });
const { entry } = await fetchEntry(session, to);
const { totalFee } = await client.call("chains.quote", {
  params: { chain: String(entry.chain) },
  body: { from: from.address, to: entry.address, asset, amount },
});

const words = { purpose: "invoice 4711" };
const payment = await makePayment({ known: session, signer, words }, { wallet, to, asset, amount, totalFee });
console.log(payment.text);

const request = await client.call("requests.create", { body: await initiate(session, signer, payment) });
console.log(`request ${request.id} is ${request.state}`);
session.close();
