/** A page that the server delivers shows A and obtains a passkey's assertion over B. Keys of class served count nowhere
 *  unless a rule says so, and never for freezes, objections or governance; and an assertion is bound to challenge, origin
 *  and site. */
import { createECDH, createHash, createPrivateKey, sign } from "node:crypto";
import { concat } from "../../core/src/bytes.ts";
import { Approval } from "../../core/src/signed/approval.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { challengeOf, decode, encode, type Signature, Signed } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { device, ORIGIN, passkey } from "../world/keys.ts";
import { keyOf } from "../world/rulebook.ts";
import type { MemoryVault } from "../world/vault.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honest, honestlySigned, passkeyLine, refused, type Siege, TWO, withKeys } from "./attack.ts";

const { KEYS } = world;
const [amyServed, bobDevice] = [passkey("amy served"), passkey("bob device")];

function siegeOf(servedCounts: boolean): Siege {
  return besiege({
    rulebook: (demo) => ({
      persons: withKeys(demo, {
        amy: [passkeyLine(amyServed, "served")],
        bob: [passkeyLine(bobDevice, "device")],
        olga: [passkeyLine(passkey("olga served"), "served")],
        cleo: [{ ...keyOf(device("cleo served")), class: "served" }],
        tina: [passkeyLine(passkey("tina served"), "served")],
        carl: [passkeyLine(passkey("carl served"), "served")],
      }),
      rules: demo.rules.map((rule) => (rule.id === "two-approvers" ? { ...rule, servedCounts } : rule)) as typeof demo.rules,
    }),
  });
}

attacks("a served key counts as an approver", () => {
  const { vault, book } = siegeOf(false);
  const intent = world.pay(book);
  honestlySigned(vault, () => vault.run(intent, [KEYS.amy, bobDevice]));
  refused(vault, "QUORUM_MISSING", "where no rule says so", () => vault.run(intent, [amyServed, KEYS.bob]));
  refused(vault, "QUORUM_MISSING", "beside another served one", () => vault.run(intent, [amyServed, passkey("carl served")]));
  const retire = world.retire(book, world.acme(book));
  honest(vault, () => vault.run(retire, [KEYS.carl]));
  refused(vault, "QUORUM_MISSING", "for the address book", () => vault.run(retire, [passkey("carl served")]));
  const open = siegeOf(true);
  const second = world.pay(open.book);
  honestlySigned(open.vault, () => open.vault.run(second, [amyServed, KEYS.bob]));
  const large = world.pay(open.book, { amount: 6n * world.ETH, notAfter: open.vault.now.hi + world.DAY });
  const approvals = world.approveAll(open.vault.ground(), large, []);
  must(open.vault.send(world.command({ command: "register", intent: encode(Intent, large), approvals })));
  open.vault.wait(world.HOUR);
  honestlySigned(open.vault, () => open.vault.run(large, [...TWO, KEYS.olga]));
  refused(open.vault, "QUORUM_MISSING", "where another rule does not say so", () =>
    open.vault.run(large, [amyServed, KEYS.bob, KEYS.olga]),
  );
});

attacks("a served key freezes, objects or governs", () => {
  const { vault, book } = siegeOf(true);
  const served = passkey("olga served");
  const freezeBy = (key: typeof served) => {
    const intent = world.freeze(book, { initiator: key.id });
    const approval = world.approve(vault.ground(), intent, { key, decision: "initiate" });
    return vault.send(world.execute([intent], [approval]));
  };
  honest(vault, () => freezeBy(KEYS.olga));
  refused(vault, "KEY_CLASS", "a freeze", () => freezeBy(served));
  const rejectBy = (key: typeof served) => {
    const approval = world.approve(vault.ground(), world.pay(book), { key, decision: "reject" });
    return vault.send(world.command({ command: "object", approval }));
  };
  honest(vault, () => rejectBy(KEYS.amy));
  refused(vault, "KEY_CLASS", "a rejection", () => rejectBy(amyServed));
  const cleo = device("cleo served");
  const next = world.nextRulebook(book, { limits: [] });
  const vetoBy = (key: typeof served) => {
    const approval = world.approveRulebook(vault.ground(), next, { key, decision: "veto" });
    return vault.send(world.command({ command: "object", approval }));
  };
  honest(vault, () => vetoBy(KEYS.cleo));
  refused(vault, "KEY_CLASS", "a veto", () => vetoBy(cleo));
  const signBy = (key: typeof served) => {
    const rulebook = world.signValue(Rulebook, next, KEYS.ada, key);
    return vault.send(world.command({ command: "rulebook", rulebook, approvals: [] }));
  };
  honest(vault, () => signBy(KEYS.cleo));
  refused(vault, "KEY_UNKNOWN", "a rulebook", () => signBy(cleo));
});

attacks("a served key lifts a freeze", () => {
  const { vault, book } = siegeOf(true);
  const freeze = world.freeze(book);
  must(vault.run(freeze, []));
  const intent = world.unfreeze(book, world.intentId(freeze));
  const approvals = world.approveAll(vault.ground(), intent, []);
  must(vault.send(world.command({ command: "register", intent: encode(Intent, intent), approvals })));
  vault.wait(world.HOUR);
  honest(vault, () => vault.run(intent, [KEYS.cleo, KEYS.olga]));
  refused(vault, "QUORUM_MISSING", "as an administrator", () => vault.run(intent, [device("cleo served"), KEYS.olga]));
  refused(vault, "QUORUM_MISSING", "as an officer", () => vault.run(intent, [KEYS.cleo, passkey("olga served")]));
});

/** Sends a payment with bob's assertion as it is given here. */
function asserted(vault: MemoryVault, book: Siege["book"]) {
  const intent = world.pay(book);
  const [tom, amy, bob] = world.approveAll(vault.ground(), intent, [KEYS.amy, bobDevice]) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const { body, signatures } = decode(Signed, bob);
  const signature = signatures[0] as Required<Signature>;
  const send = (change: Partial<Signature>) =>
    vault.send(world.execute([intent], [tom, amy, encode(Signed, { body, signatures: [{ ...signature, ...change }] })]));
  honestlySigned(vault, () => send({}));
  return { intent, body, signature, send };
}

attacks("an assertion over another challenge, site, origin or ceremony", () => {
  const { vault, book } = siegeOf(false);
  const { intent, body, signature, send } = asserted(vault, book);
  const words = Buffer.from(signature.clientData).toString();
  const other = bobDevice.sign(
    challengeOf(Approval, encode(Approval, { ...decode(Approval, body), notAfter: vault.now.hi + 1 })),
  );
  const invalid = (how: string, change: Partial<Signature>) => refused(vault, "WEBAUTHN_INVALID", how, () => send(change));
  invalid("over another approval", other);
  invalid("another approval's client data", { clientData: other.clientData as Uint8Array });
  const tricks: { readonly [how: string]: string } = {
    "a registration": words.replace("webauthn.get", "webauthn.create"),
    "another origin": words.replace(ORIGIN, "http://evil:7070"),
    "a longer origin": words.replace(ORIGIN, `${ORIGIN}.evil`),
    "cross origin": words.replace("false", "true"),
    "a space": words.replace(",", ", "),
    "another order": `{"origin":"${ORIGIN}",${words.slice(1)}`,
    "the challenge twice": words.replace("}", `,"challenge":"x"}x`),
    "cut short": words.slice(0, -1),
    "text after the end": `${words} `,
  };
  for (const [how, text] of Object.entries(tricks)) invalid(how, { clientData: new Uint8Array(Buffer.from(text)) });
  const flags = (value: number) => concat(signature.authenticatorData.subarray(0, 32), Uint8Array.of(value, 0, 0, 0, 0));
  const named = {
    "nobody present": 0x04,
    "nobody verified": 0x01,
    synced: 0x0d,
    "backed up": 0x1d,
    attested: 0x45,
    extended: 0x85,
  };
  for (const [how, value] of Object.entries(named)) invalid(how, { authenticatorData: flags(value) });
  invalid("another site", { authenticatorData: concat(new Uint8Array(32), flags(5).subarray(32)) });
  invalid("not DER", { signature: new Uint8Array(64).fill(1) });
  invalid("zeros", { signature: new Uint8Array(Buffer.from("3006020100020100", "hex")) });
  const { key } = signature;
  const { clientData, authenticatorData, ...least } = signature;
  for (const some of [
    { ...least, clientData },
    { ...least, authenticatorData },
  ]) {
    const [one, two] = world.approveAll(vault.ground(), intent, [KEYS.amy]) as [Uint8Array, Uint8Array];
    const approval = encode(Signed, { body, signatures: [some] });
    refused(vault, "WEBAUTHN_INVALID", "with half of its answer", () =>
      vault.send(world.execute([intent], [one, two, approval])),
    );
  }
  const bare = encode(Signed, { body, signatures: [{ key, signature: signature.signature }] });
  const [tom, amy] = world.approveAll(vault.ground(), intent, [KEYS.amy]) as [Uint8Array, Uint8Array];
  refused(vault, "WEBAUTHN_INVALID", "without client data", () => vault.send(world.execute([intent], [tom, amy, bare])));
});

type Bend = { readonly flags?: number; readonly site?: string; readonly origin?: string };

/** What bob's own key signs when his authenticator is told to lie. */
function bent(challenge: Uint8Array, { flags = 0x05, site = "localhost", origin = ORIGIN }: Bend): Signature {
  const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest();
  const url = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");
  const pair = createECDH("prime256v1");
  pair.setPrivateKey(bobDevice.seed);
  const point = pair.getPublicKey(null, "uncompressed");
  const [x, y] = [url(point.subarray(1, 33)), url(point.subarray(33))];
  const secret = createPrivateKey({ key: { kty: "EC", crv: "P-256", d: url(bobDevice.seed), x, y }, format: "jwk" });
  const words = `{"type":"webauthn.get","challenge":"${url(challenge)}","origin":"${origin}","crossOrigin":false}`;
  const authenticatorData = new Uint8Array(Buffer.concat([sha256(site), Buffer.of(flags, 0, 0, 0, 0)]));
  const clientData = new Uint8Array(Buffer.from(words));
  const signature = new Uint8Array(sign("sha256", concat(authenticatorData, sha256(words)), secret));
  return { key: bobDevice.id, signature, clientData, authenticatorData };
}

attacks("an authenticator that lies signs other flags or another site well", () => {
  const { vault, book } = siegeOf(false);
  const intent = world.pay(book);
  const sent = (change: Bend) => vault.run(intent, [KEYS.amy, { ...bobDevice, sign: (challenge) => bent(challenge, change) }]);
  honestlySigned(vault, () => sent({}));
  for (const change of [
    { flags: 0x0d },
    { flags: 0x04 },
    { flags: 0x01 },
    { site: "evil" },
    { origin: "http://evil" },
    { flags: 0x45 },
  ]) {
    refused(vault, "WEBAUTHN_INVALID", JSON.stringify(change), () => sent(change));
  }
});
