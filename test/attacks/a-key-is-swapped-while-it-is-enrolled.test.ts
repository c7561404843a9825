/** A key is swapped while it is enrolled: in the ceremony, or in a rulebook on its way to the administrators. The
 *  administrators sign the keys themselves, so the server can exchange none; it can only bring them the wrong document,
 *  which they compare. */
import assert from "node:assert/strict";
import { toHex } from "../../core/src/bytes.ts";
import { Genesis } from "../../core/src/signed/genesis.ts";
import { challengeOf, decode, encode, Signed } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { renderChange } from "../../core/src/text/change.ts";
import { emptyState } from "../../vault/src/state/state.ts";
import { type Device, device, someHash } from "../world/keys.ts";
import { demoDocument, keyOf } from "../world/rulebook.ts";
import { MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honest, refused, withBody, withKeys } from "./attack.ts";

const { KEYS, DAY } = world;
const ADMINISTRATORS: readonly Device[] = [KEYS.ada, KEYS.ben, KEYS.cleo];

type Administrator = Genesis["administrators"][number];
type Founding = { readonly genesis?: Uint8Array; readonly rulebook?: Uint8Array };

/** A vault with an empty journal, and `found` with single parts replaced. */
function ceremony() {
  const made = world.makeWorld();
  const vault = new MemoryVault();
  const found = ({ genesis = made.signedGenesis, rulebook = made.signedRulebook }: Founding = {}) =>
    vault.send(world.command({ command: "found", genesis, rulebook }));
  honest(vault, () => found());
  return { vault, made, found };
}

/** Genesis and rulebook that fit together, with the genesis changed and signed by these. */
function founding(
  change: Partial<Genesis>,
  by: readonly Device[],
  book: (demo: Rulebook) => Rulebook = (demo) => demo,
): Founding {
  const genesis = world.demoGenesis(change);
  return {
    genesis: world.signValue(Genesis, genesis, ...by),
    rulebook: world.signValue(Rulebook, book(demoDocument(genesis)), ...by.slice(0, 2)),
  };
}

attacks("the ceremony's keys are swapped by whoever carries the documents", () => {
  const { vault, made, found } = ceremony();
  const mallory = toHex(KEYS.mallory.publicKey);
  const administrators = made.genesis.administrators.map((item, at) => (at === 2 ? { ...item, publicKey: mallory } : item));
  const swapped = encode(Genesis, { ...made.genesis, administrators });
  refused(vault, "SIGNATURE_INVALID", "an administrator's key", () =>
    found({ genesis: withBody(made.signedGenesis, swapped) }),
  );
  const lowered = encode(Genesis, { ...made.genesis, threshold: 1 });
  refused(vault, "SIGNATURE_INVALID", "the threshold", () => found({ genesis: withBody(made.signedGenesis, lowered) }));
  const persons = made.rulebook.persons.map((person) =>
    person.id === "amy" ? { ...person, keys: [keyOf(KEYS.mallory)] } : person,
  );
  const bent = encode(Rulebook, { ...made.rulebook, persons });
  refused(vault, "SIGNATURE_INVALID", "an approver's key", () => found({ rulebook: withBody(made.signedRulebook, bent) }));
  const foreign = world.makeWorld({ genesis: { vaultKey: mallory } });
  const half = world.demoGenesis({ vaultKey: mallory });
  const rulebook = world.signValue(Rulebook, { ...demoDocument(half), vault: made.vault }, KEYS.ada, KEYS.ben);
  const genesis = world.signValue(Genesis, half, ...ADMINISTRATORS);
  refused(vault, "WRONG_VAULT", "the vault's key in the genesis alone", () => found({ genesis, rulebook }));
  refused(vault, "WRONG_VAULT", "the vault's key", () =>
    found({ genesis: foreign.signedGenesis, rulebook: foreign.signedRulebook }),
  );
});

attacks("not every administrator signs the genesis, or somebody else does", () => {
  const { vault, found } = ceremony();
  honest(vault, () => found(founding({ nonce: world.nonceOf("other") }, ADMINISTRATORS)));
  refused(vault, "GOVERNANCE_MISSING", "two of three", () => found(founding({}, ADMINISTRATORS.slice(0, 2))));
  refused(vault, "KEY_UNKNOWN", "a stranger too", () => found(founding({}, [...ADMINISTRATORS, KEYS.mallory])));
  refused(vault, "APPROVAL_TWICE", "one twice", () => found(founding({}, [KEYS.ada, KEYS.ada, KEYS.ben])));
  const { genesis, rulebook } = founding({}, ADMINISTRATORS) as Required<Founding>;
  const { body, signatures } = decode(Signed, genesis);
  const [ada, ben] = signatures as [(typeof signatures)[number], (typeof signatures)[number]];
  const forged = { key: KEYS.cleo.id, signature: KEYS.mallory.sign(challengeOf(Genesis, body)).signature };
  const posed = encode(Signed, { body, signatures: [ada, ben, forged] });
  refused(vault, "SIGNATURE_INVALID", "a stranger in the third's name", () => found({ genesis: posed, rulebook }));
  const one = world.demoGenesis();
  const alone = world.signValue(Rulebook, demoDocument(one), KEYS.ada);
  refused(vault, "GOVERNANCE_MISSING", "one signs the rulebook", () => found({ rulebook: alone }));
  const strange = world.signValue(Rulebook, demoDocument(one), KEYS.ada, KEYS.olga);
  refused(vault, "KEY_UNKNOWN", "an officer signs the rulebook", () => found({ rulebook: strange }));
});

attacks("the genesis names one person or one key twice, or keys that do not govern", () => {
  const { vault, made, found } = ceremony();
  const [ada, ben, cleo] = made.genesis.administrators as readonly [Administrator, Administrator, Administrator];
  const third = (change: Partial<Administrator>) =>
    founding({ administrators: [ada, ben, { ...cleo, ...change }] }, ADMINISTRATORS);
  refused(vault, "BAD_VALUE", "one person with two keys", () => found(third({ person: "ada" })));
  refused(vault, "BAD_VALUE", "one administrator twice", () => found(third({ person: "ada", publicKey: ada.publicKey })));
  refused(vault, "KEY_REJECTED", "a key of small order", () => found(third({ publicKey: world.ZERO })));
  refused(vault, "BAD_VALUE", "one key with two persons", () => found(third({ publicKey: ada.publicKey })));
  refused(vault, "KEY_CLASS", "a passkey", () => found(third({ scheme: "webauthn-es256" })));
});

attacks("the first rulebook exchanges the administrators of the genesis", () => {
  const { vault, found } = ceremony();
  const sent = (book: (demo: Rulebook) => Rulebook) => found(founding({}, ADMINISTRATORS, book));
  const governed = (change: Partial<Rulebook["governance"]>) => (demo: Rulebook) => ({
    ...demo,
    governance: { ...demo.governance, ...change },
  });
  const invalid = (how: string, book: (demo: Rulebook) => Rulebook) =>
    refused(vault, "RULEBOOK_INVALID", how, () => sent(book));
  invalid("a contradiction", (demo) => ({ ...demo, rules: [...demo.rules, ...demo.rules.slice(0, 1)] }));
  invalid("a fourth", governed({ administrators: ["ada", "ben", "cleo", "olga"] }));
  invalid("another for one", governed({ administrators: ["ada", "ben", "olga"] }));
  invalid("a lower threshold", governed({ threshold: 1 }));
  invalid("a key of his own", (demo) => ({
    ...demo,
    persons: demo.persons.map((person) => (person.id === "cleo" ? { ...person, keys: [keyOf(KEYS.mallory)] } : person)),
  }));
  invalid("served instead of device", (demo) => ({
    ...demo,
    persons: demo.persons.map((person) =>
      person.id === "cleo"
        ? { ...person, keys: [{ ...keyOf(KEYS.cleo), class: "served" as const }, keyOf(device("spare"))] }
        : person,
    ),
  }));
  invalid("no demonstration", (demo) => ({ ...demo, demonstration: false }));
  refused(vault, "WRONG_DEPLOYMENT", "another deployment", () => sent((demo) => ({ ...demo, deployment: someHash("other") })));
  refused(vault, "WRONG_VAULT", "another vault", () => sent((demo) => ({ ...demo, vault: KEYS.mallory.id })));
  refused(vault, "RULEBOOK_BASE", "the second epoch", () => sent((demo) => ({ ...demo, epoch: 2 })));
  refused(vault, "RULEBOOK_BASE", "another base", () => sent((demo) => ({ ...demo, base: someHash("other") })));
});

attacks("the vault's own key is one that anybody could sign for", () => {
  const weak = `01${"00".repeat(31)}`;
  const vault = new MemoryVault(emptyState(weak));
  const value = world.demoGenesis({ vaultKey: weak });
  const genesis = world.signValue(Genesis, value, ...ADMINISTRATORS);
  const rulebook = world.signValue(Rulebook, demoDocument(value), KEYS.ada, KEYS.ben);
  refused(vault, "KEY_REJECTED", "of small order", () => vault.send(world.command({ command: "found", genesis, rulebook })));
});

attacks("a vault is founded twice, or used before", () => {
  const { vault, made, found } = ceremony();
  const early = world.execute([world.wallet(made.book)], []);
  refused(vault, "NOT_FOUNDED", "executed", () => vault.send(early));
  refused(vault, "NOT_FOUNDED", "shown", () => vault.send(world.command({ command: "show", what: "rulebook", name: "" })));
  must(found());
  refused(vault, "ALREADY_FOUNDED", "with the same genesis", () => found());
  refused(vault, "ALREADY_FOUNDED", "with another", () => found(founding({ nonce: world.nonceOf("other") }, ADMINISTRATORS)));
});

attacks("a key is exchanged in a rulebook on its way", async () => {
  const { vault, book } = besiege();
  const honestly = world.nextRulebook(book, { persons: withKeys(book.document, { amy: [keyOf(device("amy's new"))] }) });
  const evil = world.nextRulebook(book, { persons: withKeys(book.document, { amy: [keyOf(KEYS.mallory)] }) });
  const send = (rulebook: Uint8Array, seen: Uint8Array[] = []) =>
    vault.send(world.command({ command: "rulebook", rulebook, approvals: seen }));
  const signed = world.signValue(Rulebook, honestly, KEYS.ada, KEYS.ben);
  honest(vault, () => send(signed));
  refused(vault, "SIGNATURE_INVALID", "after it was signed", () => send(withBody(signed, encode(Rulebook, evil))));
  must(send(world.signValue(Rulebook, evil, KEYS.ada, KEYS.ben)));
  vault.wait(DAY);
  const seen = world.approveRulebook(vault.ground(), honestly, { key: KEYS.cleo, decision: "seen" });
  refused(vault, "APPROVAL_FOREIGN", "seen in another version", () =>
    send(world.signValue(Rulebook, evil, KEYS.ada, KEYS.ben), [seen]),
  );
  const shown = renderChange(book, evil).replace(/\s/g, "");
  assert.ok(shown.includes(toHex(KEYS.mallory.publicKey)), "the text shows the key itself");
});
