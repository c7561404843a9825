/** Approvals: every field that they name, who counts, and what a rulebook in between does to them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Hash } from "../../core/src/bytes.ts";
import type { RefusalCode } from "../../core/src/errors.ts";
import { Approval } from "../../core/src/signed/approval.ts";
import { challengeOf, decode, encode, Signed } from "../../core/src/signed/object.ts";
import type { Rulebook } from "../../core/src/signed/rulebook.ts";
import { hashAt } from "../../vault/src/state/positions.ts";
import { type Device, device, ORIGIN, passkey, RP_ID_HASH, someHash } from "../world/keys.ts";
import { keyOf } from "../world/rulebook.ts";
import { type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { adopt, bookOf, payment, refused, vaultWith } from "./ground.ts";

const { KEYS } = world;

/** The payment with good approvals of tom and amy, and one of bob with this change. */
function withBob(vault: MemoryVault, by: Omit<Parameters<typeof world.approve>[2], "key"> & { key?: Device }) {
  const intent = payment(vault);
  const [initiate, amy] = world.approveAll(vault.ground(), intent, [KEYS.amy]) as [Uint8Array, Uint8Array];
  const bob = world.approve(vault.ground(), intent, { key: KEYS.bob, ...by });
  return () => vault.send(world.execute([intent], [initiate, amy, bob]));
}

test("an approval fits this deployment, vault, rulebook, boot, position, time and text, or it is refused", () => {
  const vault = vaultWith();
  const other = someHash("other");
  const { state, now } = vault;
  const cases: readonly [Partial<Approval>, RefusalCode][] = [
    [{ deployment: other }, "WRONG_DEPLOYMENT"],
    [{ vault: other }, "WRONG_VAULT"],
    [{ subject: other }, "APPROVAL_FOREIGN"],
    [{ rulebook: other }, "WRONG_RULEBOOK"],
    [{ epoch: 2 }, "WRONG_RULEBOOK"],
    [{ boot: other }, "BOOT_STALE"],
    [{ head: { seq: state.seq, hash: other } }, "HEAD_UNKNOWN"],
    [{ head: { seq: state.seq + 1, hash: state.head } }, "HEAD_UNKNOWN"],
    [{ head: { seq: 0, hash: world.ZERO } }, "HEAD_UNKNOWN"],
    [{ notAfter: now.hi }, "EXPIRED"],
    [{ notAfter: now.hi + world.DAY + 1 }, "NOT_AFTER_TOO_FAR"],
    [{ key: KEYS.mallory.id }, "KEY_UNKNOWN"],
    [{ key: KEYS.carl.id }, "KEY_UNKNOWN"],
    [{ decision: "reject" }, "DECISION_WRONG"],
    [{ decision: "seen" }, "DECISION_WRONG"],
    [{ decision: "initiate" }, "DECISION_WRONG"],
    [{ textHash: other }, "TEXT_MISMATCH"],
  ];
  for (const [change, code] of cases) refused(vault, code, withBob(vault, { change }));
  refused(vault, "KEY_UNKNOWN", withBob(vault, { key: KEYS.mallory }));
  must(withBob(vault, { change: { notAfter: now.hi + world.DAY, head: { seq: 1, hash: firstHead(vault) } } })());
});

function firstHead({ journal }: MemoryVault): Hash {
  const fresh = vaultWith();
  assert.deepEqual(fresh.journal[0], journal[0]);
  return hashAt(fresh.state.positions, 1) as Hash;
}

test("an approval carries one signature, over exactly its bytes, by the key that it names", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  const [initiate, amy, bob] = world.approveAll(vault.ground(), intent, [KEYS.amy, KEYS.bob]) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const { body, signatures } = decode(Signed, bob);
  const send = (bytes: Uint8Array) => () => vault.send(world.execute([intent], [initiate, amy, bytes]));
  refused(vault, "BAD_VALUE", send(encode(Signed, { body, signatures: [...signatures, ...signatures] })));
  const forged = KEYS.mallory.sign(challengeOf(Approval, body));
  refused(vault, "SIGNATURE_INVALID", send(encode(Signed, { body, signatures: [{ ...forged, key: KEYS.bob.id }] })));
  refused(vault, "KEY_UNKNOWN", send(encode(Signed, { body, signatures: [forged] })));
  refused(vault, "APPROVAL_TWICE", () => vault.send(world.execute([intent], [initiate, amy, bob, bob])));
  refused(vault, "INITIATOR_MISSING", () => vault.send(world.execute([intent], [amy, bob])));
  const approves = world.approve(vault.ground(), intent, { key: KEYS.tom });
  refused(vault, "INITIATOR_MISSING", () => vault.send(world.execute([intent], [approves, amy, bob])));
});

test("one person counts once: with two keys, in two groups, or as the initiator", () => {
  const second = device("amy's second");
  const vault = vaultWith((book) => ({
    persons: book.persons.map((one) => (one.id === "amy" ? { ...one, keys: [...one.keys, keyOf(second)] } : one)),
    groups: book.groups.map((group) => (group.id === "approvers" ? { ...group, members: [...group.members, "tom"] } : group)),
  }));
  const intent = payment(vault);
  const own = world.approve(vault.ground(), intent, { key: KEYS.tom });
  const twice = [
    ...world.approveAll(vault.ground(), intent, [KEYS.amy]),
    world.approve(vault.ground(), intent, { key: second }),
  ];
  refused(vault, "QUORUM_MISSING", () => vault.send(world.execute([intent], twice)), "rules.two-approvers");
  const [initiate, amy] = world.approveAll(vault.ground(), intent, [KEYS.amy]) as [Uint8Array, Uint8Array];
  refused(vault, "APPROVAL_TWICE", () => vault.send(world.execute([intent], [initiate, amy, own])));
  refused(vault, "QUORUM_MISSING", () => vault.send(world.execute([intent], [initiate, amy])));
});

/** A rulebook in which bob approves with a passkey. */
function withPasskey(servedCounts: boolean, cls: "served" | "device") {
  const key = passkey("bob");
  const rpIdHash = Buffer.from(RP_ID_HASH).toString("hex") as Hash;
  const line = {
    scheme: "webauthn-es256",
    publicKey: key.publicKey,
    class: cls,
    rpIdHash,
    origin: ORIGIN,
    synced: false,
  } as const;
  const vault = vaultWith((book) => ({
    persons: book.persons.map((one) => (one.id === "bob" ? { ...one, keys: [line] } : one)),
    rules: book.rules.map((rule) => (rule.effect === "require" ? { ...rule, servedCounts } : rule)),
  }));
  return { vault, key };
}

test("a passkey counts as its class says", () => {
  const counting = withPasskey(true, "served");
  must(withBob(counting.vault, { key: counting.key })());
  const device = withPasskey(false, "device");
  must(withBob(device.vault, { key: device.key })());
  const idle = withPasskey(false, "served");
  refused(idle.vault, "QUORUM_MISSING", withBob(idle.vault, { key: idle.key }));
});

test("a rejection or veto is signed with a device key", () => {
  const { vault, key } = withPasskey(true, "served");
  const approval = world.approve(vault.ground(), payment(vault), { key, decision: "reject" });
  refused(vault, "KEY_CLASS", () => vault.send(world.command({ command: "object", approval })));
});

test("a tightening that removes a key voids its approvals at once, and all that were given before", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  const before = world.approveAll(vault.ground(), intent, [KEYS.amy, KEYS.bob]);
  const removeBob = (book: Rulebook) => ({
    persons: book.persons.filter(({ id }) => id !== "bob"),
    groups: book.groups.map((group) => ({ ...group, members: group.members.filter((id) => id !== "bob") })),
  });
  adopt(vault, removeBob);
  assert.equal(bookOf(vault).document.epoch, 2);
  refused(vault, "WRONG_RULEBOOK", () => vault.send(world.execute([intent], before)));
  refused(vault, "KEY_UNKNOWN", withBob(vault, {}));
  must(withBob(vault, { key: KEYS.carl })());
});

test("an initiator whose key is not enrolled cannot have his intent carried out by others", () => {
  const vault = vaultWith();
  const intent = payment(vault, { initiator: KEYS.mallory.id });
  const approvals = [KEYS.amy, KEYS.bob].map((key) => world.approve(vault.ground(), intent, { key }));
  const claim = world.approve(vault.ground(), intent, { key: KEYS.tom, decision: "initiate" });
  refused(vault, "KEY_UNKNOWN", () => vault.send(world.execute([intent], approvals)), "intent.initiator");
  refused(vault, "KEY_UNKNOWN", () => vault.send(world.execute([intent], [claim, ...approvals])), "intent.initiator");
});

test("an intent is for this deployment and has not expired", () => {
  const vault = vaultWith();
  const foreign = payment(vault, { deployment: someHash("other") });
  refused(vault, "WRONG_DEPLOYMENT", () => vault.send(world.execute([foreign], [])));
  const late = payment(vault, { notAfter: vault.now.hi });
  refused(vault, "EXPIRED", () => vault.send(world.execute([late], [])));
  const approvals = world.approveAll(vault.ground(), payment(vault), [KEYS.amy, KEYS.bob]);
  vault.now = { lo: vault.now.lo, hi: vault.now.hi + world.HOUR };
  refused(vault, "EXPIRED", () => vault.send(world.execute([payment(vault)], approvals)));
});
