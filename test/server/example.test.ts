/** The SDK's example, as its README shows it, run as a program of its own against a whole house; the payment that it
 *  requests is approved and settled. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createPrivateKey, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { furnish, openHouse, PAYEE, say, settled, type TestHouse } from "../world/house.ts";
import { device } from "../world/keys.ts";

const EXAMPLE = join(import.meta.dirname, "../../sdk/example/pay.ts");
/** Header of PrivateKeyInfo for an Ed25519 key.   Source: RFC 8410, section 7. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

let house: TestHouse;
before(async () => {
  house = await openHouse();
  await furnish(house, { payee: "northwind" });
});
after(() => house.close());

test("the example requests a payment that is approved and settled", async () => {
  const passphrase = randomBytes(12).toString("hex");
  const der = Buffer.concat([PKCS8, device("tom").seed]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const pem = key.export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase });
  const file = join(house.folder, "tom.pem");
  await writeFile(file, pem, { mode: 0o600 });
  const env = {
    ...process.env,
    STRONGROOM_URL: house.servers[0]?.url,
    STRONGROOM_TOKEN: house.token("admin"),
    STRONGROOM_PIN: house.vault.made.deployment,
    STRONGROOM_KEY: file,
    STRONGROOM_PASSPHRASE: passphrase,
  };
  const { stdout } = await promisify(execFile)(process.execPath, [EXAMPLE], { env });
  assert.match(stdout, /PAYMENT\n/);
  const [, id = ""] = /^request ([0-9a-f]{64}) is open$/m.exec(stdout) ?? [];
  await say(house, id, { by: "amy" });
  await say(house, id, { by: "bob" });
  const execution = await settled(house, id);
  assert.equal(execution.transactions[0]?.succeeded, true);
  assert.ok(BigInt(await house.chain.rpc<string>("eth_getBalance", PAYEE, "latest")) >= 250_000_000_000_000_000n);
});
