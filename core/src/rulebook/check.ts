/** Whether a rulebook makes sense: names are unique and known, keys belong to one person, quorums can be filled.
 *
 *  A document that passes can always be changed again by its own governance. Fails: RULEBOOK_INVALID with the field,
 *  GOVERNANCE_UNSATISFIABLE, ADDRESS_INVALID for a token contract. */
import { chainOf } from "../chain/table.ts";
import { demand } from "../errors.ts";
import { isAcceptedKey } from "../keys/ed25519.ts";
import { keyId } from "../keys/id.ts";
import { isAcceptedP256Key } from "../keys/p256.ts";
import type { Calendar, Key, Limit, Quorum, Requirement, Rule, Rulebook } from "../signed/rulebook.ts";
import { alternatives, type Demand, fillsQuorum, type Groups, groupsIn } from "./quorum.ts";

/** Most alternatives that one quorum tree may unfold into, and most persons that one of them may ask for. */
export const MAX_ALTERNATIVES = 64;
export const MAX_SEATS = 64;
/** How deep units may lie within units. */
export const MAX_UNIT_DEPTH = 8;

type Ids = ReadonlySet<string | number>;
type Sections = { readonly [S in "chains" | "assets" | "persons" | "groups" | "units" | "calendars"]: Ids } & {
  readonly isValued: boolean;
  /** Whether calls on any of the chains go by this text. */
  readonly isMethod: (text: string) => boolean;
  readonly groupMembers: Groups;
  readonly seated: Groups;
  /** Type of each source. */
  readonly sources: ReadonlyMap<string, string>;
};

/** Fails unless `book` is sound. */
export function checkRulebook(book: Rulebook): void {
  const sections = checkNames(book);
  for (const chain of book.chains) checkChain(book, chain, sections);
  checkAssets(book);
  checkPersons(book, sections);
  for (const rule of book.rules) checkRule(rule, sections);
  checkUnits(book, sections);
  for (const calendar of book.calendars) checkCalendar(calendar);
  if (book.valuation !== undefined) checkAgreement(book.valuation, sections, { type: "price", at: "valuation" });
  if (book.clock !== undefined) checkAgreement(book.clock, sections, { type: "clock", at: "clock" });
  for (const limit of book.limits) checkLimit(limit, sections);
  checkGovernance(book, sections);
}

/** Whether an administrator signs and vetoes with this key: Ed25519, and used by software that the server does not deliver. */
export function governs(key: Key): boolean {
  return key.scheme === "ed25519" && key.class === "device";
}

function valid(condition: boolean, at: string, detail: string): asserts condition {
  demand(condition, "RULEBOOK_INVALID", at, detail);
}

function unique(values: readonly (string | number)[], at: string): Ids {
  const set = new Set(values);
  valid(set.size === values.length, at, "a name or id comes twice");
  return set;
}

function known(ids: Ids, id: string | number, at: string): void {
  valid(ids.has(id), at, `${id} is not defined in this rulebook`);
}

function checkNames(book: Rulebook): Sections {
  type Named = "chains" | "assets" | "persons" | "groups" | "sources" | "rules" | "limits" | "units" | "calendars";
  const ids = (section: Named) =>
    unique(
      book[section].map((item) => item.id),
      section,
    );
  const sections = {
    chains: ids("chains"),
    assets: ids("assets"),
    persons: ids("persons"),
    groups: ids("groups"),
    units: ids("units"),
    calendars: ids("calendars"),
    isValued: book.valuation !== undefined,
    isMethod: (text: string) => book.chains.some(({ family }) => chainOf(family).isCallName(text)),
    groupMembers: new Map(book.groups.map((group) => [group.id, new Set(group.members)])),
    seated: new Map(book.groups.map((group) => [group.id, new Set(group.members.slice(0, MAX_SEATS))])),
    sources: new Map(book.sources.map((source) => [source.id, source.type])),
  };
  for (const section of ["sources", "rules", "limits"] as const) ids(section);
  return sections;
}

function checkChain(book: Rulebook, chain: Rulebook["chains"][number], sections: Sections): void {
  const at = `chains.${chain.name}`;
  const native = book.assets.find((asset) => asset.id === chain.native);
  const fits = native !== undefined && native.chain === chain.id && native.contract === undefined;
  valid(fits, `${at}.native`, "an asset of this chain without a contract is expected");
  const { finality, finalityAtLeast } = chain;
  checkSources(sections, { type: "finality", sources: finality, at: `${at}.finality` });
  const reachable = finality.length === 0 || finalityAtLeast <= finality.length;
  valid(reachable, `${at}.finalityAtLeast`, "more sources must agree than are named");
}

function checkAssets(book: Rulebook): void {
  const chains = new Map(book.chains.map((chain) => [chain.id, chain]));
  for (const asset of book.assets) {
    const at = `assets.${asset.id}`;
    const chain = chains.get(asset.chain);
    valid(chain !== undefined, `${at}.chain`, "this chain is not defined in this rulebook");
    if (asset.contract !== undefined) chainOf(chain.family).parseAddress(asset.contract, `${at}.contract`);
    else valid(chain.native === asset.id, at, "an asset without contract is its chain's native one");
  }
  const contracts = book.assets.map((asset) => `${asset.chain} ${asset.contract}`);
  unique(contracts, "assets");
}

function checkPersons(book: Rulebook, { persons }: Sections): void {
  const ids = book.persons.flatMap((person) => person.keys.map((key) => checkKey(key, `persons.${person.id}`)));
  unique(ids, "persons.keys");
  for (const group of book.groups) {
    unique(group.members, `groups.${group.id}`);
    for (const member of group.members) known(persons, member, `groups.${group.id}`);
  }
  for (const source of book.sources)
    valid(isAcceptedKey(source.publicKey), `sources.${source.id}`, "not an accepted Ed25519 key");
}

function checkKey(key: Key, at: string): string {
  const webauthn = key.scheme === "webauthn-es256";
  const accepted = webauthn ? isAcceptedP256Key(key.publicKey) : isAcceptedKey(key.publicKey);
  valid(accepted, `${at}.publicKey`, "not an accepted public key of its scheme");
  const bound = [key.rpIdHash, key.origin, key.synced].filter((part) => part !== undefined).length;
  valid(bound === (webauthn ? 3 : 0), at, "rpIdHash, origin and synced belong to WebAuthn keys, all three");
  return keyId(key.scheme, key.publicKey);
}

function checkRule(rule: Rule, sections: Sections): void {
  const at = `rules.${rule.id}`;
  const { amountFrom = 0n, amountTo } = rule;
  const amounts = rule.amountFrom !== undefined || amountTo !== undefined;
  const oneAsset = rule.assets !== "any" && rule.assets.length === 1;
  valid(!amounts || oneAsset, `${at}.assets`, "amounts compare only within one asset");
  valid(amountTo === undefined || amountFrom <= amountTo, `${at}.amountTo`, "the range is empty");
  checkValues(rule, sections, at);
  each(rule.kinds, (kind) =>
    valid(kind !== "freeze" && kind !== "unfreeze", `${at}.kinds`, `no rule is asked about ${kind}; see governance`),
  );
  each(rule.chains, (id) => known(sections.chains, id, `${at}.chains`));
  each(rule.assets, (id) => known(sections.assets, id, `${at}.assets`));
  each(rule.initiators, (id) => known(sections.groups, id, `${at}.initiators`));
  each(rule.persons, (id) => known(sections.persons, id, `${at}.persons`));
  each(rule.units, (id) => known(sections.units, id, `${at}.units`));
  each(rule.times, ({ calendar, from, to }) => {
    known(sections.calendars, calendar, `${at}.times`);
    valid(from < to, `${at}.times`, "the time is empty; one that goes on after midnight is two");
  });
  each(rule.methods, (method) => valid(sections.isMethod(method), `${at}.methods`, "no signature and no kind of call"));
  if (rule.effect === "require") checkRequirement(rule, sections, at);
}

function checkValues(rule: Rule, { isValued }: Sections, at: string): void {
  const { valueFrom = 0n, valueTo } = rule;
  const asks = rule.valueFrom !== undefined || valueTo !== undefined;
  valid(!asks || isValued, `${at}.valueFrom`, "a value is compared and the rulebook has no valuation");
  valid(valueTo === undefined || valueFrom <= valueTo, `${at}.valueTo`, "the range is empty");
}

function checkUnits({ units }: Rulebook, sections: Sections): void {
  const parents = new Map(units.map((unit) => [unit.id, unit.parent]));
  for (const { id, parent } of units) {
    if (parent !== undefined) known(sections.units, parent, `units.${id}.parent`);
    let above = parent;
    for (let depth = 1; above !== undefined; depth++) {
      valid(depth < MAX_UNIT_DEPTH, `units.${id}.parent`, `units lie at most ${MAX_UNIT_DEPTH} deep, and none above itself`);
      above = parents.get(above);
    }
  }
}

function checkCalendar({ id, changes, until }: Calendar): void {
  const times = [...changes.map(({ at }) => at), until];
  const ascends = times.every((at, index) => index === 0 || at > (times[index - 1] as number));
  valid(ascends, `calendars.${id}.changes`, "changes come in the order of time, before the calendar's end");
}

type Agreement = { readonly sources: readonly string[]; readonly atLeast: number };

function checkAgreement(
  { sources, atLeast }: Agreement,
  sections: Sections,
  { type, at }: { type: "price" | "clock"; at: string },
): void {
  checkSources(sections, { type, sources, at: `${at}.sources` });
  valid(atLeast <= sources.length, `${at}.atLeast`, "more sources must agree than are named");
}

function checkLimit({ id, measure, assets, window }: Limit, sections: Sections): void {
  const at = `limits.${id}`;
  each(assets, (asset) => known(sections.assets, asset, `${at}.assets`));
  const oneAsset = assets !== "any" && assets.length === 1;
  valid(measure !== "amount" || oneAsset, `${at}.assets`, "amounts add up only within one asset");
  valid(measure !== "value" || sections.isValued, `${at}.measure`, "values are counted and the rulebook has no valuation");
  if (window.type === "fixed") known(sections.calendars, window.calendar, `${at}.window.calendar`);
}

function checkRequirement(rule: Requirement, sections: Sections, at: string): void {
  const { quorum, distinctGroups } = rule;
  if (quorum !== undefined) checkQuorum(quorum, sections.seated, `${at}.quorum`);
  const groups = quorum === undefined ? 0 : new Set(groupsIn(quorum)).size;
  valid(distinctGroups <= groups, `${at}.distinctGroups`, `the quorum names ${groups} groups`);
  for (const need of rule.facts) {
    const isPrice = need.type === "price";
    valid(!isPrice || sections.isValued, `${at}.facts`, "a price is demanded and the rulebook has no valuation");
    checkSources(sections, { ...need, at: `${at}.facts` });
    valid(need.atLeast <= need.sources.length, `${at}.facts`, "more sources must agree than are named");
  }
}

function checkSources(
  sections: Sections,
  { type, sources, at }: { type: string; sources: readonly string[]; at: string },
): void {
  unique(sources, at);
  for (const id of sources) valid(sections.sources.get(id) === type, at, `${id} is not a source of ${type} facts`);
}

function each<T>(values: "any" | readonly T[], check: (value: T) => void): void {
  if (values !== "any") values.forEach(check);
}

/** `groups`: as many members of each as one alternative can ask for. More make no difference, because a group that has a
 *  person for every seat never leaves one of its own empty. */
function checkQuorum(quorum: Quorum, groups: Groups, at: string): void {
  for (const name of groupsIn(quorum)) valid(groups.has(name), at, `group ${name} is not defined in this rulebook`);
  valid(size(quorum) <= MAX_ALTERNATIVES, at, `the tree unfolds into more than ${MAX_ALTERNATIVES} alternatives`);
  for (const demands of alternatives(quorum)) {
    const seats = demands.reduce((sum, { count }) => sum + count, 0);
    valid(seats <= MAX_SEATS, at, `one alternative asks for more than ${MAX_SEATS} persons`);
    const fillable = hasForEach(demands, groups) || hasForAll(demands, groups);
    valid(fillable, at, "a part of the quorum asks for more persons than its groups have");
  }
}

/** Whether each group has enough persons even if those of all smaller ones were among them and seated: the quick answer for
 *  all but groups that are nearly too small. */
function hasForEach(demands: readonly Demand[], groups: Groups): boolean {
  const sized = demands.map(({ group, count }) => ({ count, size: (groups.get(group) as ReadonlySet<string>).size }));
  let seats = 0;
  for (const { count, size } of sized.sort((a, b) => a.size - b.size)) {
    seats += count;
    if (seats > size) return false;
  }
  return true;
}

function hasForAll(demands: readonly Demand[], groups: Groups): boolean {
  const everybody = new Set(demands.flatMap(({ group }) => [...(groups.get(group) as ReadonlySet<string>)]));
  return fillsQuorum({ type: "allOf", of: demands.map((need) => ({ type: "group", ...need })) }, groups, everybody);
}

/** Number of alternatives, without unfolding them. */
function size(quorum: Quorum): number {
  if (quorum.type === "group") return 1;
  const sizes = quorum.of.map(size);
  return quorum.type === "anyOf" ? sizes.reduce((a, b) => a + b, 0) : sizes.reduce((a, b) => a * b, 1);
}

/** Somebody initiates and as many others as a wallet's class takes can approve. */
function checkMinimums({ governance, persons }: Rulebook): void {
  const { minimums } = governance;
  const at = "governance.minimums";
  unique(
    minimums.map((minimum) => minimum.class),
    at,
  );
  const able = persons.filter((person) => person.keys.some((key) => key.class === "device")).length;
  for (const { class: name, persons: count } of minimums)
    valid(count < able, `${at}.${name}`, "it takes more persons than have device keys, beside an initiator");
}

function checkGovernance(book: Rulebook, { persons, groupMembers, seated }: Sections): void {
  const { administrators, threshold, officers, unfreeze } = book.governance;
  const at = "governance";
  const names = unique(administrators, `${at}.administrators`);
  for (const id of administrators) known(persons, id, `${at}.administrators`);
  const able = book.persons.filter((person) => names.has(person.id) && person.keys.some(governs));
  const detail =
    "more administrators with an Ed25519 device key are needed than must sign, so that one who did not can confirm a weakening";
  demand(threshold < able.length, "GOVERNANCE_UNSATISFIABLE", `${at}.threshold`, detail);
  const members = groupMembers.get(officers);
  valid(members !== undefined, `${at}.officers`, "this group is not defined in this rulebook");
  const canFreeze = book.persons.some((person) => members.has(person.id) && person.keys.some((key) => key.class === "device"));
  valid(canFreeze, `${at}.officers`, "no officer has a device key to freeze with");
  checkQuorum(unfreeze, seated, `${at}.unfreeze`);
  checkMinimums(book);
}
