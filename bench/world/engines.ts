/** The same rules in the engines that one would pick instead: Cedar, Casbin and json-rules-engine, each in its own way of
 *  writing them. They know neither quorums nor delays, so a requirement is a rule of theirs that is evaluated and decides
 *  nothing; what is compared is whether an action is allowed. Cedar's numbers end at 64 bits; the amounts of the bench fit. */
import { preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs";
import { newEnforcer, newModelFromString } from "casbin";
import { Engine, type RuleProperties } from "json-rules-engine";
import type { Book, Subject } from "../../core/src/rulebook/book.ts";
import type { Rule } from "../../core/src/signed/rulebook.ts";

/** Whether an engine allows a subject. */
export type Evaluator = (subject: Subject) => boolean | Promise<boolean>;

const LISTS = [
  ["chains", "chain"],
  ["assets", "asset"],
  ["wallets", "wallet"],
  ["destinations", "destination"],
  ["classes", "class"],
] as const;
const MOST_LONG = (1n << 63n) - 1n;

// Cedar: the initiator is the principal, the kind the action, everything else the context

function cedarPolicy(rule: Rule, at: number): readonly [id: string, text: string] {
  const strings = (values: readonly (string | number)[]) =>
    `[${values.map((value) => JSON.stringify(String(value))).join(", ")}]`;
  const when = LISTS.flatMap(([list, one]) => {
    const values = rule[list];
    return values === "any" ? [] : [`${strings(values)}.contains(context.${one})`];
  });
  const bounded = (amount: bigint) => (amount > MOST_LONG ? MOST_LONG : amount);
  if (rule.initiators !== "any") when.push(`(${rule.initiators.map((id) => `principal in Group::"${id}"`).join(" || ")})`);
  if (rule.amountFrom !== undefined) when.push(`context.amount >= ${bounded(rule.amountFrom)}`);
  if (rule.amountTo !== undefined) when.push(`context.amount <= ${bounded(rule.amountTo)}`);
  const kinds = rule.kinds === "any" ? "" : ` in [${rule.kinds.map((kind) => `Action::"${kind}"`).join(", ")}]`;
  if (rule.effect === "require") when.push("context.never");
  const effect = rule.effect === "deny" ? "forbid" : "permit";
  const clause = when.length === 0 ? "" : ` when { ${when.join(" && ")} }`;
  return [`p${at}`, `${effect}(principal, action${kinds}, resource)${clause};`];
}

/** Cedar compiled to WebAssembly, its policies parsed once. */
export function cedar(book: Book): Evaluator {
  const id = `bench ${book.document.rules.length}`;
  const staticPolicies = Object.fromEntries(book.document.rules.map(cedarPolicy));
  const parsed = preparsePolicySet(id, { staticPolicies });
  if (parsed.type !== "success") throw new Error(`cedar: ${JSON.stringify(parsed)}`);
  const entities = book.document.persons.map((person) => ({
    uid: { type: "User", id: person.id },
    attrs: {},
    parents: (book.groupsOf.get(person.id) ?? []).map((group) => ({ type: "Group", id: group })),
  }));
  return (subject) => {
    const answer = statefulIsAuthorized({
      principal: { type: "User", id: subject.initiator },
      action: { type: "Action", id: subject.kind },
      resource: { type: "Payment", id: "one" },
      context: {
        ...Object.fromEntries(LISTS.map(([, one]) => [one, String(subject[one])])),
        amount: Number(subject.amount),
        never: false,
      },
      preparsedPolicySetId: id,
      entities,
    });
    if (answer.type !== "success") throw new Error(`cedar: ${JSON.stringify(answer)}`);
    return answer.response.decision === "allow";
  };
}

// Casbin: one policy line a rule, lists as text, a function for each sort of condition

const MODEL = `
[request_definition]
r = kind, chain, asset, wallet, destination, class, groups, amount
[policy_definition]
p = kinds, chains, assets, wallets, destinations, classes, initiators, least, most, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = has(p.kinds, r.kind) && has(p.chains, r.chain) && has(p.assets, r.asset) && has(p.wallets, r.wallet) && \
has(p.destinations, r.destination) && has(p.classes, r.class) && meets(p.initiators, r.groups) && \
within(p.least, p.most, r.amount)
`;

export async function casbin(book: Book): Promise<Evaluator> {
  const enforcer = await newEnforcer(newModelFromString(MODEL));
  await enforcer.addFunction("has", (list: string, one: string) => list === "any" || list.includes(`|${one}|`));
  await enforcer.addFunction("meets", (list: string, groups: string) => {
    return list === "any" || groups.split(",").some((group) => list.includes(`|${group}|`));
  });
  await enforcer.addFunction("within", (least: string, most: string, amount: string) => {
    return (least === "" || BigInt(amount) >= BigInt(least)) && (most === "" || BigInt(amount) <= BigInt(most));
  });
  const text = (list: "any" | readonly (string | number)[]) => (list === "any" ? list : `|${list.join("|")}|`);
  for (const rule of book.document.rules) {
    const lists = [rule.kinds, ...LISTS.map(([list]) => rule[list]), rule.initiators].map(text);
    const bounds = [rule.amountFrom, rule.amountTo].map((amount) => amount?.toString() ?? "");
    await enforcer.addPolicy(...lists, ...bounds, rule.effect);
  }
  return (subject) => {
    const groups = (book.groupsOf.get(subject.initiator) ?? []).join(",");
    const { kind, chain, asset, wallet, destination, class: type, amount } = subject;
    return enforcer.enforceSync(kind, String(chain), asset, wallet, destination, type, groups, String(amount));
  };
}

// json-rules-engine: one rule each, with conditions that must all hold

export function jsonRules(book: Book): Evaluator {
  const engine = new Engine([], { allowUndefinedFacts: false });
  engine.addOperator<readonly string[], readonly string[]>("meets", (groups, list) =>
    groups.some((group) => list.includes(group)),
  );
  engine.addOperator<bigint, bigint>("atLeast", (amount, least) => amount >= least);
  engine.addOperator<bigint, bigint>("atMost", (amount, most) => amount <= most);
  for (const rule of book.document.rules) engine.addRule(jsonRule(rule));
  return async (subject) => {
    const facts = { ...subject, groups: book.groupsOf.get(subject.initiator) ?? [] };
    const { events } = await engine.run(facts);
    return events.some(({ type }) => type === "allow") && !events.some(({ type }) => type === "deny");
  };
}

function jsonRule(rule: Rule): RuleProperties {
  const all = LISTS.flatMap(([list, one]) =>
    rule[list] === "any" ? [] : [{ fact: one as string, operator: "in", value: rule[list] as unknown }],
  );
  if (rule.kinds !== "any") all.push({ fact: "kind", operator: "in", value: rule.kinds });
  if (rule.initiators !== "any") all.push({ fact: "groups", operator: "meets", value: rule.initiators });
  if (rule.amountFrom !== undefined) all.push({ fact: "amount", operator: "atLeast", value: rule.amountFrom });
  if (rule.amountTo !== undefined) all.push({ fact: "amount", operator: "atMost", value: rule.amountTo });
  if (all.length === 0) all.push({ fact: "kind", operator: "notEqual", value: "" });
  return { conditions: { all }, event: { type: rule.effect } };
}
