/** Whether a rulebook makes sense: names are unique and known, keys belong to one person, quorums can be filled.
 *
 *  A document that passes can always be changed again by its own governance. Fails: RULEBOOK_INVALID with the field,
 *  GOVERNANCE_UNSATISFIABLE. */
import { chainOf } from "../chain/table.ts";
import { demand } from "../errors.ts";
import { isAcceptedKey } from "../keys/ed25519.ts";
import { keyId } from "../keys/id.ts";
import { isAcceptedP256Key } from "../keys/p256.ts";
import type { Key, Quorum, Rule, Rulebook } from "../signed/rulebook.ts";
import { alternatives, fillsQuorum, type Groups, groupsIn } from "./quorum.ts";

/** Most alternatives that one quorum tree may unfold into. */
export const MAX_ALTERNATIVES = 64;

/** Fails unless `book` is sound. */
export function checkRulebook(book: Rulebook): void {
  checkNames(book);
  checkChains(book);
  checkPersons(book);
  const groups = new Map(book.groups.map((group) => [group.id, new Set(group.members)]));
  for (const rule of book.rules) checkRule(book, rule, groups);
  for (const limit of book.limits) known(book.assets, limit.asset, `limits.${limit.id}.asset`);
  checkGovernance(book, groups);
}

function valid(condition: boolean, at: string, detail: string): void {
  demand(condition, "RULEBOOK_INVALID", at, detail);
}

function unique(values: readonly (string | number)[], at: string): void {
  valid(new Set(values).size === values.length, at, "a name or id comes twice");
}

function known(items: readonly { readonly id: string | number }[], id: string | number, at: string): void {
  valid(
    items.some((item) => item.id === id),
    at,
    `${id} is not defined in this rulebook`,
  );
}

function checkNames(book: Rulebook): void {
  for (const section of ["chains", "assets", "persons", "groups", "sources", "rules", "limits"] as const) {
    unique(
      book[section].map((item) => item.id),
      section,
    );
  }
}

function checkChains(book: Rulebook): void {
  for (const chain of book.chains) {
    const native = book.assets.find((asset) => asset.id === chain.native);
    const fits = native !== undefined && native.chain === chain.id && native.contract === undefined;
    valid(fits, `chains.${chain.name}.native`, "an asset of this chain without a contract is expected");
    checkSources(book, { type: "finality", sources: chain.finality, at: `chains.${chain.name}.finality` });
  }
  for (const asset of book.assets) {
    const at = `assets.${asset.id}`;
    const chain = book.chains.find((item) => item.id === asset.chain);
    valid(chain !== undefined, `${at}.chain`, "this chain is not defined in this rulebook");
    if (asset.contract === undefined)
      valid(chain?.native === asset.id, at, "an asset without contract is its chain's native one");
    else chainOf(chain?.family as "evm").parseAddress(asset.contract, `${at}.contract`);
  }
  const contracts = book.assets.map((asset) => `${asset.chain} ${asset.contract}`);
  unique(contracts, "assets");
}

function checkPersons(book: Rulebook): void {
  const ids = book.persons.flatMap((person) => person.keys.map((key) => checkKey(key, `persons.${person.id}`)));
  unique(ids, "persons.keys");
  for (const group of book.groups) {
    unique(group.members, `groups.${group.id}`);
    for (const member of group.members) known(book.persons, member, `groups.${group.id}`);
  }
  for (const source of book.sources)
    valid(isAcceptedKey(source.publicKey), `sources.${source.id}`, "not an accepted Ed25519 key");
}

function checkKey(key: Key, at: string): string {
  const webauthn = key.scheme === "webauthn-es256";
  const accepted = webauthn ? isAcceptedP256Key(key.publicKey) : isAcceptedKey(key.publicKey);
  valid(accepted, `${at}.publicKey`, "not an accepted public key of its scheme");
  const bound = key.rpIdHash !== undefined && key.origin !== undefined && key.synced !== undefined;
  const free = key.rpIdHash === undefined && key.origin === undefined && key.synced === undefined;
  valid(webauthn ? bound : free, at, "rpIdHash, origin and synced belong to WebAuthn keys, all three");
  return keyId(key.scheme, key.publicKey);
}

function checkRule(book: Rulebook, rule: Rule, groups: Groups): void {
  const at = `rules.${rule.id}`;
  const amounts = rule.amountFrom !== undefined || rule.amountTo !== undefined;
  valid(
    !amounts || (rule.assets !== "any" && rule.assets.length === 1),
    `${at}.assets`,
    "amounts compare only within one asset",
  );
  valid((rule.amountFrom ?? 0n) <= (rule.amountTo ?? rule.amountFrom ?? 0n), `${at}.amountTo`, "the range is empty");
  each(rule.chains, (id) => known(book.chains, id, `${at}.chains`));
  each(rule.assets, (id) => known(book.assets, id, `${at}.assets`));
  each(rule.initiators, (id) => known(book.groups, id, `${at}.initiators`));
  if (rule.effect !== "require") return;
  if (rule.quorum !== undefined) checkQuorum(rule.quorum, groups, `${at}.quorum`);
  for (const need of rule.facts) {
    checkSources(book, { ...need, at: `${at}.facts` });
    valid(need.atLeast <= need.sources.length, `${at}.facts`, "more sources must agree than are named");
  }
}

function checkSources(book: Rulebook, { type, sources, at }: { type: string; sources: readonly string[]; at: string }): void {
  unique(sources, at);
  for (const id of sources) {
    const source = book.sources.find((item) => item.id === id);
    valid(source?.type === type, at, `${id} is not a source of ${type} facts`);
  }
}

function each<T>(values: "any" | readonly T[], check: (value: T) => void): void {
  if (values !== "any") values.forEach(check);
}

function checkQuorum(quorum: Quorum, groups: Groups, at: string): void {
  for (const name of groupsIn(quorum)) valid(groups.has(name), at, `group ${name} is not defined in this rulebook`);
  valid(size(quorum) <= MAX_ALTERNATIVES, at, `the tree unfolds into more than ${MAX_ALTERNATIVES} alternatives`);
  const everybody = new Set([...groups.values()].flatMap((members) => [...members]));
  const possible = alternatives(quorum).every((demands) =>
    fillsQuorum({ type: "allOf", of: demands.map((need) => ({ type: "group", ...need })) }, groups, everybody),
  );
  valid(possible, at, "a part of the quorum asks for more persons than its groups have");
}

/** Number of alternatives, without unfolding them. */
function size(quorum: Quorum): number {
  if (quorum.type === "group") return 1;
  const sizes = quorum.of.map(size);
  return quorum.type === "anyOf" ? sizes.reduce((a, b) => a + b, 0) : sizes.reduce((a, b) => a * b, 1);
}

function checkGovernance(book: Rulebook, groups: Groups): void {
  const { administrators, threshold, officers, unfreeze } = book.governance;
  const at = "governance";
  unique(administrators, `${at}.administrators`);
  const able = administrators.filter((id) => {
    const person = book.persons.find((item) => item.id === id);
    valid(person !== undefined, `${at}.administrators`, `${id} is not defined in this rulebook`);
    return person?.keys.some((key) => key.class === "device");
  });
  const reachable = threshold < able.length;
  const detail =
    "more administrators with a device key are needed than must sign, so that one who did not can confirm a weakening";
  demand(reachable, "GOVERNANCE_UNSATISFIABLE", `${at}.threshold`, detail);
  valid(groups.has(officers), `${at}.officers`, "this group is not defined in this rulebook");
  checkQuorum(unfreeze, groups, `${at}.unfreeze`);
}
