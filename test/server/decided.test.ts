/** A decision that the server has stored, read again: what it says, whether it counts, and what of it was tampered with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Book, openBook } from "../../core/src/rulebook/book.ts";
import { Approval } from "../../core/src/signed/approval.ts";
import { decode, idOf, Signed } from "../../core/src/signed/object.ts";
import type { Rulebook } from "../../core/src/signed/rulebook.ts";
import { approvalOf } from "../../server/src/requests/rules.ts";
import { foundedVault } from "../world/vault.ts";
import * as world from "../world/world.ts";

const { vault, made } = foundedVault();
const { book } = made;
const intent = world.pay(book);
const approval = world.approve(vault.ground(), intent, { key: world.KEYS.bob, decision: "approve" });
const { body } = decode(Signed, approval);
const row = {
  id: idOf(Approval, body),
  request: world.intentId(intent),
  key: world.KEYS.bob.id,
  person: "bob",
  decision: "approve",
  approval,
};

/** The next rulebook, in which bob's key is held by `person`, or by nobody. */
function heldBy(person: string | null): Book {
  const { persons, groups } = book.document;
  const change: Partial<Rulebook> = {
    persons: persons.flatMap((one) => (one.id !== "bob" ? [one] : person === null ? [] : [{ ...one, id: person }])),
    groups: groups.map((group) => ({
      ...group,
      members: group.members.flatMap((id) => (id !== "bob" ? [id] : person === null ? [] : [person])),
    })),
  };
  return openBook(world.nextRulebook(book, change));
}

test("a decision counts as long as its key is its person's", () => {
  const countsIn = (one: Book) => approvalOf(row, one)?.enrolled;
  assert.equal(countsIn(book), true);
  assert.equal(countsIn(heldBy("bob")), true);
  assert.equal(countsIn(heldBy("robert")), false, "it was his under the rulebook that it names");
  assert.equal(countsIn(heldBy(null)), false);
});

test("columns or bytes that were changed are noticed", () => {
  const other = world.approve(vault.ground(), intent, { key: { ...world.KEYS.bob, sign: world.KEYS.mallory.sign } });
  const changes: Partial<typeof row>[] = [
    { id: world.ZERO },
    { request: world.ZERO },
    { key: world.KEYS.amy.id },
    { person: "amy" },
    { decision: "reject" },
    { approval: new Uint8Array(4) },
    { approval: other, id: idOf(Approval, decode(Signed, other).body) },
  ];
  for (const change of changes) assert.equal(approvalOf({ ...row, ...change }, book), null, Object.keys(change).join());
});
