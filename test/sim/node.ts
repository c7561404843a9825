/** One point of a history: the vault's state, its journal, its key store's work, its clocks, and the onlooker beside it.
 *
 *  `step` is the host of DESIGN §5 without disk and threads: it decides, applies, makes durable, then performs. A kill may come
 *  after each of these, so every input that writes also leads to the point where the vault died before it acted. */
import { type Hash, toHex } from "../../core/src/bytes.ts";
import { openRecord, type Sealed } from "../../core/src/journal/record.ts";
import { Command, ExecutionBody, FreezeBody } from "../../core/src/protocol/command.ts";
import type { Suspicion } from "../../core/src/signed/head.ts";
import { decode, encode } from "../../core/src/signed/object.ts";
import { entries, type PMap } from "../../vault/src/state/map.ts";
import { emptyState, jobAt, openJob, type State } from "../../vault/src/state/state.ts";
import type { Answer, Effect, Input, KeyFault, Now, Outcome } from "../../vault/src/types.ts";
import { signJob, throughSnapshot } from "../world/vault.ts";
import * as world from "../world/world.ts";
import * as ghosts from "./ghost.ts";
import { bootOf, digest, HEIR, INTENTS, type IntentName, nameOf, START, STEP } from "./stage.ts";

/** The judgement that is searched: the production functions, or these with a bug planted around them. */
export type Mind = {
  readonly decide: (state: State, input: Input) => Outcome;
  readonly apply: (state: State, record: Sealed) => State;
};

/** `key`: the vault's identity. `old`: the vault that has handed over to it and lives on beside it. `journal`: what was written
 *  since the start, newest first. `given`: jobs that the key store of this boot was given; it may answer each of them late,
 *  often, wrongly or never. `wall`: the wall clock, which may be wrong. */
export type Node = {
  readonly key: string;
  readonly old: Node | null;
  readonly state: State;
  readonly journal: Trail;
  readonly lo: number;
  readonly wall: number;
  readonly given: readonly Hash[];
  readonly ghost: ghosts.Ghost;
};
type Trail = { readonly bytes: Uint8Array; readonly before: Trail } | null;

export type Event =
  | { readonly kind: "command"; readonly command: Command; readonly move: ghosts.Move }
  | { readonly kind: "signed"; readonly job: Hash; readonly result: "right" | "wrong" | "fault" }
  | { readonly kind: "settle"; readonly intent: ghosts.Released; readonly command: Command }
  | { readonly kind: "time" }
  | { readonly kind: "wall"; readonly ms: number }
  | { readonly kind: "succeed" }
  | { readonly kind: "old"; readonly event: Event }
  | { readonly kind: "crash"; readonly downMs: number; readonly suspicion?: Suspicion };

/** What a step tells: refusal codes and goals that were reached. */
export type Notes = { readonly code: (code: string) => void; readonly goal: (goal: string) => void };

export function beginning(mind: Mind): Node {
  const { vaultKey: key, now } = START;
  const state = foldOf(mind, key, null);
  return { key, old: null, state, journal: null, lo: now, wall: now, given: [], ghost: ghosts.BEGINNING };
}

function nowOf({ lo, wall }: Node): Now {
  return { lo, hi: Math.max(lo, wall) };
}

/** The points that an event leads to. Fails: `Broken`. */
export function step(mind: Mind, node: Node, event: Event, notes: Notes, boots: number): readonly Node[] {
  switch (event.kind) {
    case "command":
      return input(mind, node, { command: encode(Command, event.command) }, event.move, notes, boots);
    case "settle": {
      const ghost = ghosts.settledOn(node.ghost, nameOf(event.intent.intent));
      return input(mind, { ...node, ghost }, { command: encode(Command, event.command) }, { does: "other" }, notes, boots);
    }
    case "signed":
      return input(mind, node, { signed: event.job, result: answerOf(node, event) }, { does: "other" }, notes, boots);
    case "time": {
      const later = { ...node, lo: node.lo + STEP, wall: node.wall + STEP, ghost: ghosts.later(node.ghost, STEP) };
      return input(mind, later, { tick: true }, { does: "other" }, notes, boots);
    }
    case "succeed":
      return [succeed(mind, node, notes)];
    case "old": {
      const old = node.old as Node;
      return step(mind, old, event.event, notes, boots).map((next) => {
        ghosts.together(next.ghost, node.ghost);
        return { ...node, old: next };
      });
    }
    case "wall":
      return [{ ...node, wall: node.wall + event.ms }];
    case "crash":
      return [restart(mind, node, notes, event)];
  }
}

type Bare<T> = T extends unknown ? Omit<T, "now"> : never;

function input(mind: Mind, node: Node, bare: Bare<Input>, move: ghosts.Move, notes: Notes, boots: number): readonly Node[] {
  const now = nowOf(node);
  const { records, effects } = judge(mind, node, { ...bare, now });
  const durable = write(mind, node, records, { move, lo: now.lo - START.now, hi: now.hi - START.now, note: notes.goal });
  const done = perform(durable, effects, move, notes);
  const dies = records.length > 0 && node.ghost.boot < boots;
  return dies ? [done, restart(mind, durable, notes, { downMs: 0 })] : [done];
}

const judged = new WeakMap<Mind, Map<string, Outcome>>();
const MAX_JUDGED = 200_000;

/** `decide`, called once for equal states and inputs: it is pure, and points often differ only in what the onlooker knows. */
function judge(mind: Mind, { state }: Node, given: Input): Outcome {
  const known = judged.get(mind) ?? new Map<string, Outcome>();
  judged.set(mind, known);
  const { now, ...rest } = given;
  const question = "command" in rest ? digest(rest.command) : JSON.stringify(rest, replacer);
  const name = `${dump(state)} ${now.lo} ${now.hi} ${question}`;
  const before = known.get(name);
  if (before !== undefined) return before;
  const outcome = mind.decide(state, given);
  if (known.size >= MAX_JUDGED) known.clear();
  known.set(name, outcome);
  return outcome;
}

function write(mind: Mind, node: Node, records: readonly Sealed[], seen: ghosts.Seen): Node {
  let { state, journal, ghost } = node;
  for (const record of records) {
    state = mind.apply(state, record);
    journal = { bytes: record.bytes, before: journal };
    ghost = ghosts.afterRecord(ghost, record.value, seen);
  }
  return { ...node, state, journal, ghost };
}

function perform(node: Node, effects: readonly Effect[], move: ghosts.Move, notes: Notes): Node {
  let { given, ghost } = node;
  for (const effect of effects) {
    if ("sign" in effect) given = [...new Set([...given, effect.sign.id])].sort();
    else if ("reply" in effect && "code" in effect.reply) ghost = heard(ghost, effect.reply, move, notes);
  }
  return { ...node, given, ghost };
}

/** The one kind of body that each move is answered with is known, so that nothing given out stays unseen. */
function heard(ghost: ghosts.Ghost, { to, code, body }: Answer, move: ghosts.Move, notes: Notes): ghosts.Ghost {
  notes.code(code);
  if (code !== "OK") return ghost;
  const freezes = move.does === "execute" && (move.intents[0] === "freeze" || move.intents[0] === "stolen");
  ghosts.afterOk(ghost, move, freezes ? decode(FreezeBody, body).live.map(({ intent }) => nameOf(intent)) : null);
  const pays = move.does === "reprice" || (move.does === "execute" && !freezes && body.length > 0);
  if (to === null && !pays) return ghost;
  return ghosts.afterRelease(ghost, decode(ExecutionBody, body).transactions, notes.goal);
}

const snapshots = new WeakMap<State, State>();

/** A start from the journal alone. What was held in memory is lost, and the lower bound of the time stands still meanwhile. */
function restart(mind: Mind, node: Node, notes: Notes, how: Omit<Extract<Event, { kind: "crash" }>, "kind">): Node {
  const { downMs, suspicion } = how;
  const folded = foldOf(mind, node.key, node.journal);
  ghosts.hold(whole(folded) === whole(node.state), "a restart loses nothing", "the fold is not what the vault was");
  const boot = node.ghost.boot + 1;
  const ghost = ghosts.started(ghosts.later(node.ghost, downMs), boot, suspicion !== undefined);
  // Whatever comes after is played from what a snapshot gives back.
  const state = snapshots.get(folded) ?? throughSnapshot(folded);
  snapshots.set(folded, state);
  ghosts.hold(whole(state) === whole(folded), "a restart loses nothing", "a snapshot gives another state");
  const down: Node = { ...node, state, lo: folded.at, wall: node.wall + downMs, given: [], ghost };
  const { records: made, effects } = mind.decide(state, { now: nowOf(down), booted: bootOf(boot), suspicion });
  const seen = { move: { does: "other" }, lo: 0, hi: 0, note: notes.goal } as const;
  const up = perform(write(mind, down, made, seen), effects, { does: "other" }, notes);
  demandKept(mind, up);
  return up;
}

/** The journal is carried over to another vault with the same key tree, which starts on it. */
function succeed(mind: Mind, old: Node, notes: Notes): Node {
  const key = toHex(HEIR.publicKey);
  const heir = { ...old, key, old, state: foldOf(mind, key, old.journal), ghost: ghosts.succeeded(old.ghost) };
  return restart(mind, heir, notes, { downMs: 0 });
}

type Folds = { readonly start: State; readonly after: WeakMap<object, State> };
const folds = new WeakMap<Mind, Map<string, Folds>>();

/** The fold of `apply` over the bytes of a journal, from the first record on; a prefix is folded once. */
function foldOf(mind: Mind, key: string, trail: Trail): State {
  const all = folds.get(mind) ?? new Map<string, Folds>();
  folds.set(mind, all);
  const own = all.get(key) ?? {
    start: START.journal.map(openRecord).reduce(mind.apply, emptyState(key)),
    after: new WeakMap<object, State>(),
  };
  all.set(key, own);
  if (trail === null) return own.start;
  const before = own.after.get(trail);
  if (before !== undefined) return before;
  const state = mind.apply(foldOf(mind, key, trail.before), openRecord(trail.bytes));
  own.after.set(trail, state);
  return state;
}

/** Whatever was given out once is still answered with the same bytes. */
function demandKept(mind: Mind, node: Node): void {
  if (node.ghost.halted) return;
  for (const name of Object.keys(node.ghost.released) as IntentName[]) {
    const id = world.intentId(INTENTS[name]);
    const command = encode(Command, world.command({ command: "show", what: "execution", name: id }));
    const { effects } = mind.decide(node.state, { now: nowOf(node), command });
    const [answer] = effects.flatMap((effect) => ("reply" in effect && "code" in effect.reply ? [effect.reply] : []));
    const kept = answer?.code === "OK" ? decode(ExecutionBody, answer.body).transactions : [];
    const same = kept.some((one) => one.intent === id && ghosts.mayBeNewest(node.ghost, name, digest(one.raw)));
    ghosts.hold(same, "a restart loses nothing", `${name} was given out and is not known any more`);
  }
}

const signatures = new Map<Hash, Uint8Array[]>();
const FAULT: KeyFault = { fault: true, code: "KEY_ABORTED", next: "ask", culprits: [] };

function answerOf({ state }: Node, { job: id, result }: Extract<Event, { kind: "signed" }>): Uint8Array[] | KeyFault {
  if (result === "fault") return FAULT;
  const known = signatures.get(id);
  const job = jobAt(state, id);
  const made =
    known ?? signJob({ id, parts: (job?.parts ?? []).map((part) => ({ ...part, scheme: "secp256k1", bytes: part.unsigned })) });
  signatures.set(id, made);
  return result === "right" ? made : made.map((bytes) => Uint8Array.of(...bytes.subarray(0, 64), (bytes[64] ?? 0) ^ 1));
}

// dumps

const dumps = new WeakMap<object, string>();

/** Places in the journal do not tell points apart: approvals name the first head or the newest, so of the place of a
 *  withholding it matters whether it is there, and the place of a commitment only orders a list. */
function replacer(name: string, value: unknown): unknown {
  if (name === "withheldSeq") return value !== 0;
  if (name === "seq") return 0;
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Uint8Array) return digest(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A map's content in one text, whatever the order of its making. Maps share what did not change, so each is read once. */
function dumpMap(map: PMap<unknown>): string {
  if (map.root === undefined) return "";
  const known = dumps.get(map.root);
  if (known !== undefined) return known;
  const opened = [...entries(map)].map(([key, value]) => [key, value instanceof Uint8Array ? openJob(value) : value] as const);
  const sorted = opened.sort(([a], [b]) => (a < b ? -1 : 1));
  const text = digest(JSON.stringify(sorted, replacer));
  dumps.set(map.root, text);
  return text;
}

/** All of the state but its place in the journal, in a few characters; nor `ends`, which only a hand-over that follows another
 *  change of the rulebook reads, and no world has one. */
function dump(state: State): string {
  const known = dumps.get(state) ?? digest(spell(state));
  dumps.set(state, known);
  return known;
}

function spell(state: State): string {
  const { book, waiting, genesis, positions, seq, head, signedBook, start, ends, ...rest } = state;
  const { suspicion, confirmed, before } = start ?? {};
  const waits = waiting === null ? "" : `${waiting.book.id} ${waiting.until} ${waiting.signers}`;
  const fields = Object.entries(rest).map(([name, value]) => {
    const isMap = typeof value === "object" && value !== null && "root" in value;
    return `${name}=${isMap ? dumpMap(value) : JSON.stringify(value, replacer)}`;
  });
  return `${book?.id} ${waits} ${suspicion} ${confirmed} ${before} ${fields.join(" ")}`;
}

function whole(state: State): string {
  const { positions, seq, head, signedBook, genesis, ends } = state;
  const places = toHex(positions.room.bytes.subarray(0, positions.length * 32));
  return `${dump(state)} ${seq} ${head} ${ends} ${places} ${digest(signedBook ?? "")} ${digest(genesis?.signed ?? "")}`;
}

/** Equal for points from which the same can happen. Approvals name the head of the start, so the place in the journal does
 *  not matter. */
export function keyOf(node: Node): string {
  const { state, lo, wall, given, ghost, old } = node;
  const beside = old === null ? "" : keyOf(old);
  return digest(`${dump(state)} ${lo} ${wall} ${given} ${JSON.stringify(ghost)} ${beside}`);
}
