/** A source makes up subjects that all have one hash, so that a table of the vault becomes slow, or so deep that the vault ends
 *  and its journal cannot be folded again. */
import assert from "node:assert/strict";
import { openRecord } from "../../core/src/journal/record.ts";
import { MAX_FACTS } from "../../core/src/protocol/command.ts";
import { apply } from "../../vault/src/state/apply.ts";
import { get } from "../../vault/src/state/map.ts";
import { emptyState } from "../../vault/src/state/state.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, fails, honestlySigned, request } from "./attack.ts";

const { KEYS, NOW } = world;

/** FNV-1a, as the tables use it, over more of a text. */
function fnv(text: string, from: number): number {
  let hash = from;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/** Two texts of four signs that lead from one hash to the same next one: a birthday search over some hundred thousand. */
function pairFrom(start: number): readonly [string, string] {
  const seen = new Map<number, string>();
  for (let number = 0; ; number++) {
    const text = number.toString(36).padStart(4, "0");
    const hash = fnv(text, start);
    const other = seen.get(hash);
    if (other !== undefined) return [other, text];
    seen.set(hash, text);
  }
}

/** 2^`steps` texts that end with one hash after `before`: any choice of one from each pair.
 *  Source: Joux, "Multicollisions in Iterated Hash Functions", CRYPTO 2004. */
function colliding(before: string, steps: number): readonly string[] {
  let texts = [""];
  for (let step = 0, hash = fnv(before, 0x811c9dc5); step < steps; step++) {
    const pair = pairFrom(hash);
    hash = fnv(pair[0], hash);
    texts = texts.flatMap((text) => pair.map((next) => text + next));
  }
  return texts;
}

attacks("a source states thousands of facts under one hash", async () => {
  const { vault, book } = besiege();
  const subjects = colliding("screening|", 14).slice(0, 40 * MAX_FACTS);
  const hashes = new Set(subjects.map((subject) => fnv(`screening|${subject}`, 0x811c9dc5)));
  assert.deepEqual([subjects.length, new Set(subjects).size, hashes.size], [10_240, 10_240, 1]);
  const { deployment } = book.document;
  const common = { version: 1, type: "screening", deployment, source: "screening", at: NOW, verdict: "clean" } as const;
  const facts = subjects.map((subject) => world.signFact({ ...common, subject }, KEYS.screening));
  await fails(() => {
    for (let at = 0; at < facts.length; at += MAX_FACTS)
      must(vault.send(world.command({ command: "inform", facts: facts.slice(at, at + MAX_FACTS) })));
    for (const subject of subjects) assert.equal(get(vault.state.facts, `screening|${subject}`)?.at, NOW);
    honestlySigned(vault, () => vault.send(request(vault, world.pay(book))));
  });
  await fails(() => {
    const again = vault.journal.map(openRecord).reduce(apply, emptyState(vault.state.vaultKey));
    assert.equal(again.facts.size, vault.state.facts.size, "the journal leads to the same table again");
  });
});
