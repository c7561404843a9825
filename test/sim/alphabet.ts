/** What may happen next: the letters of which histories are made. A letter offers events at a point, each with the name by
 *  which a trace shows it. People approve whatever they are asked to; the sender chooses which approvals he sends. */
import { Head } from "../../core/src/signed/head.ts";
import { get } from "../../vault/src/state/map.ts";
import { type Founded, jobAt, startOf } from "../../vault/src/state/state.ts";
import * as world from "../world/world.ts";
import type { Move, Sent } from "./ghost.ts";
import type { Event, Node } from "./node.ts";
import {
  APPROVAL_LIFE,
  approval,
  BOOKS,
  type BookName,
  bumped,
  bytesOf,
  CONTEXTS,
  type Ground,
  INTENTS,
  type IntentName,
  onBook,
  onStart,
  PEOPLE,
  START,
  STEP,
  signedBook,
} from "./stage.ts";

export type Offer = { readonly name: string; readonly event: Event };
export type Letter = (node: Node) => readonly Offer[];

/** What stands when an approval is given now. The newest head matters only once something was withheld, and is named then. */
function present({ state, ghost }: Node): Ground {
  const { boot, book, clock, committed } = ghost;
  const withheld = Object.values(committed).some(({ status }) => status === "withheld");
  return { boot, book, clock, head: withheld ? { seq: state.seq, hash: state.head } : null };
}
const PAST: Ground = { boot: 0, book: "first", clock: 0, head: null };
const isPast = ({ boot, book, clock, head }: Ground) => boot === 0 && book === "first" && clock === 0 && head === null;

type Given = { readonly bytes: Uint8Array; readonly sent: Sent };

function give(ground: Ground, intent: IntentName, who: string, decision: "initiate" | "approve"): Given {
  const { boot, book, clock, head } = ground;
  const key = (PEOPLE[who] as (typeof PEOPLE)[string]).id;
  const bytes = approval(ground, intent, { who, decision });
  return { bytes, sent: { who, key, decision, boot, book, until: clock + APPROVAL_LIFE, newest: head !== null } };
}

function initiatorOf(intent: IntentName): string {
  const { initiator } = INTENTS[intent];
  return Object.keys(PEOPLE).find((name) => PEOPLE[name]?.id === initiator) as string;
}

function giveAll(intent: IntentName, who: readonly string[], groundOf: (at: number) => Ground): readonly Given[] {
  const first = give(groundOf(0), intent, initiatorOf(intent), "initiate");
  return [first, ...who.map((name, at) => give(groundOf(at + 1), intent, name, "approve"))];
}

/** When approvals were given: now, at the start, or all but the last at the start. */
type When = "present" | "past" | "mixed";

function grounds(node: Node, when: When, count: number): ((at: number) => Ground) | null {
  const now = present(node);
  if (when === "present") return () => now;
  if (isPast(now)) return null;
  return (at) => (when === "past" || at < count ? PAST : now);
}

function command(event: { command: Parameters<typeof world.command>[0]; move: Move }): Event {
  return { kind: "command", command: world.command(event.command), move: event.move };
}

/** Carries out intents on the approvals of `who`, given for each of them. */
export function execute(intents: readonly IntentName[], who: readonly string[], when: When = "present"): Letter {
  const name = `execute ${intents.join(" and ")} by ${who.join(", ") || "nobody"}${when === "present" ? "" : ` (${when})`}`;
  return (node) => {
    const groundOf = grounds(node, when, who.length);
    if (groundOf === null) return [];
    const given = intents.flatMap((intent) => giveAll(intent, who, groundOf));
    const orders = intents.map((intent) => {
      const { kind } = INTENTS[intent];
      const context = { ...world.CONTEXT, ...CONTEXTS[intent] };
      return kind === "pay" || kind === "cancel" ? { intent: bytesOf(intent), context } : { intent: bytesOf(intent) };
    });
    const approvals = given.map(({ bytes }) => bytes);
    const move = { does: "execute", intents, sent: given.map(({ sent }) => sent) } as const;
    return [{ name, event: command({ command: { command: "execute", orders, approvals, facts: [] }, move }) }];
  };
}

/** Starts the delay of an intent. */
export function register(intent: IntentName): Letter {
  return (node) => {
    const given = giveAll(intent, [], () => present(node));
    const approvals = given.map(({ bytes }) => bytes);
    const move = { does: "register", intent, sent: given.map(({ sent }) => sent) } as const;
    const event = command({ command: { command: "register", intent: bytesOf(intent), approvals }, move });
    return [{ name: `register ${intent}`, event }];
  };
}

/** The server wants a dearer version, at this many tenths of the usual rates; nobody is asked. */
export function reprice(intent: IntentName, tenths: bigint): Letter {
  const context = bumped(tenths);
  const move = { does: "reprice", intent, rate: context.maxFeePerGas } as const;
  const event: Event = { kind: "command", command: world.reprice(INTENTS[intent], context), move };
  return () => [{ name: `reprice ${intent} at ${tenths} tenths`, event }];
}

/** Administrators say that this start goes on from the newest record. */
export function confirm(...who: readonly string[]): Letter {
  return (node) => {
    const start = startOf(node.state as Founded);
    const approvals = who.map((name) => onStart(present(node), start, name));
    const event = command({ command: { command: "confirm", approvals }, move: { does: "confirm", who } });
    return [{ name: `confirm the start as ${who.join(", ")}`, event }];
  };
}

/** An approver says no. */
export function reject(intent: IntentName): Letter {
  const bytes = world.approve({ book: BOOKS.first, head: START.head, boot: world.ZERO }, INTENTS[intent], {
    key: world.KEYS.carl,
    decision: "reject",
  });
  const event = command({ command: { command: "object", approval: bytes }, move: { does: "reject", intent } });
  return () => [{ name: `reject ${intent}`, event }];
}

/** Administrators send a rulebook. `seen`: who else states that he has seen it. */
export function book(next: BookName, signers: readonly string[], seen: string | null = null): Letter {
  const rulebook = signedBook(
    next,
    signers.map((name) => PEOPLE[name] as (typeof PEOPLE)[string]),
  );
  const name = `rulebook ${next} by ${signers.join(", ")}${seen === null ? "" : `, seen by ${seen}`}`;
  return (node) => {
    const ground = present(node);
    const approvals = seen === null ? [] : [onBook(ground, next, { who: seen, decision: "seen" })];
    const move = { does: "book", book: next, signers, seen: seen === null ? [] : [seen] } as const;
    return [{ name, event: command({ command: { command: "rulebook", rulebook, approvals }, move }) }];
  };
}

/** An administrator forbids a rulebook. */
export function veto(next: BookName): Letter {
  const bytes = onBook(PAST, next, { who: "cleo", decision: "veto" });
  const event = command({ command: { command: "object", approval: bytes }, move: { does: "veto", book: next } });
  return () => [{ name: `veto ${next}`, event }];
}

/** The key store answers a job that it was given in this boot, whenever and as often as it likes. */
export function keystore(...results: readonly ("right" | "wrong" | "fault")[]): Letter {
  return ({ given, state }) =>
    given.flatMap((job) => {
      const names = jobAt(state, job)
        ?.parts.map((part) => part.pay.reference)
        .join(" and ");
      return results.map((result) => ({
        name: `the key store answers ${names}: ${result}`,
        event: { kind: "signed", job, result } as const,
      }));
    });
}

/** One step of time passes, at most `most` of them. */
export function time(most: number): Letter {
  return ({ ghost }) => (ghost.clock < most * STEP ? [{ name: "a step of time", event: { kind: "time" } }] : []);
}

/** The wall clock jumps ahead, once, by two steps. */
export const wallAhead: Letter = ({ wall, lo, ghost }) =>
  wall - world.NOW === ghost.clock && lo <= wall
    ? [{ name: "the wall clock jumps ahead", event: { kind: "wall", ms: 2 * STEP } }]
    : [];

/** The vault is killed and started again, at most `most` times; also after it was down for a step while `steps` are left. */
export function crash(most: number, steps = 0): Letter {
  return ({ ghost }) => {
    if (ghost.boot >= most) return [];
    const down = ghost.clock < steps * STEP ? [STEP] : [];
    return [0, ...down].map((downMs) => ({
      name: downMs === 0 ? "killed, started again" : "killed, down for a step, started again",
      event: { kind: "crash", downMs } as const,
    }));
  };
}

/** The successor that the rulebook names starts on the journal, once. */
export const succeed: Letter = ({ old, ghost }) =>
  old === null && ghost.book === "heir" ? [{ name: "the successor starts", event: { kind: "succeed" } }] : [];

/** The same as long as no successor has started, or once one has. */
export function alone(letter: Letter): Letter {
  return (node) => (node.old === null ? letter(node) : []);
}
export function heir(letter: Letter): Letter {
  return (node) => (node.old === null ? [] : letter(node));
}

/** The same for the vault that has handed over and lives on. */
export function old(letter: Letter): Letter {
  return (node) => {
    const offers = node.old === null ? [] : letter(node.old);
    return offers.map(({ name, event }) => ({ name: `at the old vault: ${name}`, event: { kind: "old", event } as const }));
  };
}

/** The same, but the host suspects that the journal is an older one. */
export function suspectedCrash(most: number): Letter {
  return ({ ghost }) => {
    if (ghost.boot >= most) return [];
    return [{ name: "killed, started on a suspected journal", event: { kind: "crash", downMs: 0, suspicion: "behind" } }];
  };
}

/** The chain takes one of the transactions that were given out for a nonce. */
export function settle(...intents: readonly IntentName[]): Letter {
  return ({ state, ghost }) =>
    intents.flatMap((intent) => {
      const used = get(state.intents, world.intentId(INTENTS[intent]));
      const part = used !== undefined && "job" in used ? jobAt(state, used.job)?.parts[used.part] : undefined;
      const taken = Object.keys(ghost.final).some((name) => ghost.committed[name]?.nonce === part?.nonce);
      if (part?.transaction === undefined || ghost.released[intent] === undefined || taken) return [];
      const { id, raw } = part.transaction;
      const told = world.command({ command: "inform", facts: world.finality(BOOKS.first, id) });
      return [
        { name: `${intent} is final`, event: { kind: "settle", intent: { intent: part.id, raw }, command: told } as const },
      ];
    });
}

/** The chain takes the newest version of one that was made dearer. */
export function settleDearer(...intents: readonly IntentName[]): Letter {
  return ({ state, ghost }) =>
    intents.flatMap((intent) => {
      const used = get(state.intents, world.intentId(INTENTS[intent]));
      const slot = used !== undefined && "job" in used ? jobAt(state, used.job)?.parts[used.part]?.slots[0] : undefined;
      const place = slot === undefined ? undefined : get(state.live, slot);
      const part = place && jobAt(state, place.job)?.parts[place.part];
      if (part?.transaction === undefined || (ghost.released[intent]?.length ?? 0) < 2) return [];
      if (part.id !== world.intentId(INTENTS[intent])) return [];
      const { id, raw } = part.transaction;
      const told = world.command({ command: "inform", facts: world.finality(BOOKS.first, id) });
      const event = { kind: "settle", intent: { intent: part.id, raw }, command: told } as const;
      return [{ name: `${intent} is final, dearer`, event }];
    });
}

/** Somebody shows the vault a head that it signed and does not have. */
export const witness: Letter = () => {
  const head = {
    ...{ version: 1, deployment: BOOKS.first.document.deployment, vault: BOOKS.first.document.vault },
    ...{ rulebook: BOOKS.first.id, epoch: 1, head: { seq: 1_000, hash: world.ZERO }, boot: world.ZERO, at: world.NOW },
    halted: false,
  };
  const bytes = world.signValue(Head, head, world.KEYS.vault);
  return [
    { name: "a lost head is shown", event: command({ command: { command: "witness", head: bytes }, move: { does: "other" } }) },
  ];
};
