/** What happens in a run: deeds of people, faults and attacks, drawn from the seed before the run begins, so that any of them
 *  can be left out when a failure is made small. Each seed leaves out some kinds and has others often. */
import type { Hash } from "../../core/src/bytes.ts";
import { type Intent, Intent as IntentKind, type IntentOf } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import * as world from "../world/world.ts";
import { CALM } from "./house/vault.ts";
import type { World } from "./house/world.ts";
import { Chance, WORLD } from "./machine/time.ts";
import { CHANGES, type Change, FIRST, LIFE, nextLaw, PEOPLE, STEP } from "./stage.ts";
import { decisionsIn, requestsIn } from "./store/requests.ts";

/** `at`: milliseconds since the start. */
export type Deed = { readonly at: number; readonly name: string; readonly act: (world: World) => void };

/** Faults begin after this time and end at that one. */
const FIRST_AT = 2 * world.MINUTE;
export const QUIET_AT = 6 * STEP;
const GWEI = 10n ** 9n;

/** The deeds of a seed, in their order. `families`: kinds that are in it, whatever the seed says. */
export function deedsOf(seed: number, families: readonly string[] | null = null): readonly Deed[] {
  const draw = new Draw(seed);
  for (const [name, share, family] of FAMILIES) {
    const isIn = draw.chance.happens(share);
    if (families === null ? isIn : families.includes(name)) family(draw);
  }
  return draw.deeds.sort((a, b) => a.at - b.at);
}

class Draw {
  readonly chance: Chance;
  readonly deeds: Deed[] = [];
  readonly intents: Intent[] = [];

  constructor(seed: number) {
    this.chance = new Chance(seed, 1);
    payments(this);
    visits(this);
  }
  when(least = FIRST_AT, most = QUIET_AT - STEP / 4): number {
    return this.chance.between(least, most);
  }
  add(at: number, name: string, act: Deed["act"]): void {
    this.deeds.push({ at, name, act });
  }
  times(most: number, make: () => void): void {
    for (let left = this.chance.between(1, most); left > 0; left--) make();
  }
  /** Something that begins and ends. */
  spell(name: string, most: number, begin: Deed["act"], end: Deed["act"]): void {
    const at = this.when();
    const ms = this.chance.between(10_000, most);
    this.add(at, `${name} for ${Math.round(ms / 1_000)} s`, (it) => {
      begin(it);
      it.time.after(ms, WORLD, () => end(it));
    });
  }
}

/** Kinds of deeds, and the share of seeds that have them. Copies are rare, because what follows can be told of safety alone. */
const FAMILIES: readonly (readonly [string, number, (draw: Draw) => void])[] = [
  ["replacements", 0.65, replacements],
  ["objections", 0.65, objections],
  ["freezes", 0.65, freezes],
  ["rulebooks", 0.65, rulebooks],
  ["the address book", 0.65, bookChanges],
  ["kills of the vault", 0.65, vaultKills],
  ["kills of servers", 0.65, serverKills],
  ["clocks", 0.65, clocks],
  ["messages", 0.65, messages],
  ["fees", 0.65, fees],
  ["reorganisations", 0.65, reorganisations],
  ["nodes", 0.65, nodes],
  ["sources", 0.65, sources],
  ["attacks", 0.65, attacks],
  ["deposits", 0.65, deposits],
  ["copies of the disk", 0.2, copies],
  ["freezes before a signature", 0.4, withholdings],
];

function request(draw: Draw, at: number, who: string, intent: Intent): void {
  draw.intents.push(intent);
  draw.add(at, `${who} requests ${intent.reference}`, (it) => void it.people.request(who, intent));
}
const idOf = (intent: Intent) => world.intentId(intent);
const fee = (draw: Draw) => draw.chance.pick([5n, 20n, 100n]) * 10n ** 14n;

function payments(draw: Draw): void {
  const { chance } = draw;
  const count = chance.between(2, 9);
  for (let number = 1; number <= count; number++) {
    const at = chance.between(world.MINUTE / 2, QUIET_AT - STEP);
    const who = chance.pick(["tom", "tina"]);
    const amount = (chance.pick([1n, 2n, 3n, 5n]) * world.ETH) / 2n;
    const entry = chance.happens(0.8) ? world.acme(FIRST.book) : world.zoe(FIRST.book);
    const life = chance.between(2 * STEP, LIFE);
    const change = { initiator: (PEOPLE[who] as { id: Hash }).id, amount, destination: world.destinationOf(entry) };
    const notAfter = world.NOW + at + life;
    request(draw, at, who, world.pay(FIRST.book, { ...change, reference: `pay-${number}`, totalFee: fee(draw), notAfter }));
    if (chance.happens(0.3)) continue;
    for (const name of [chance.pick(["amy", "tablet"]), chance.pick(["bob", "carl"])])
      look(draw, at + chance.between(10_000, STEP), name, 1);
  }
}

function visits(draw: Draw): void {
  const { chance } = draw;
  const names = ["amy", "bob", "carl", "amy", "bob", "carl", "tablet", "tom", "tina", "tom", "olga", "ben", "cleo"];
  const keen = chance.pick([0.6, 1, 1]);
  for (let left = chance.between(10, 30); left > 0; left--) {
    look(draw, draw.when(world.MINUTE), chance.pick(names), keen);
  }
}

/** Somebody goes through what is open, and decides on a part of it. */
function look(draw: Draw, at: number, who: string, keen: number): void {
  draw.add(at, `${who} looks at what is open`, (it) => {
    void it.people.visit(who, () => it.time.chance.happens(keen));
  });
}

function replacements(draw: Draw): void {
  const { chance } = draw;
  let number = 0;
  draw.times(3, () => {
    number += 1;
    const before = chance.pick(draw.intents) as IntentOf<"pay">;
    if (before.kind !== "pay") return;
    const at = draw.when(3 * world.MINUTE);
    const who = Object.keys(PEOPLE).find((name) => PEOPLE[name]?.id === before.initiator) as string;
    const common = { initiator: before.initiator, totalFee: fee(draw), notAfter: world.NOW + at + chance.between(STEP, LIFE) };
    const cancel = { ...common, reference: `cancel-${number}` };
    const { amount, destination } = before;
    const again = { ...common, amount, destination, replaces: idOf(before), reference: `again-${number}` };
    const intent = chance.happens(0.5) ? world.cancel(FIRST.book, idOf(before), cancel) : world.pay(FIRST.book, again);
    request(draw, at, who, intent);
  });
}

function objections(draw: Draw): void {
  draw.times(2, () => {
    const intent = draw.chance.pick(draw.intents);
    const who = draw.chance.pick(["amy", "carl", "olga"]);
    const isDirect = draw.chance.happens(0.5);
    draw.add(draw.when(), `${who} rejects ${intent.reference}`, (it) => {
      if (!isDirect) return void it.people.decide(who, { id: idOf(intent), reference: intent.reference }, "reject");
      void it.people.sign(who, intent, "reject").then((approval) => {
        if (approval !== null) void it.people.tell({ command: "object", approval });
      });
    });
  });
  draw.times(1, () => {
    const intent = draw.chance.pick(draw.intents);
    const given = { params: { id: idOf(intent) } };
    draw.add(
      draw.when(),
      `${intent.reference} is withdrawn`,
      (it) => void it.people.post("requests.withdraw", "tom", given, 1),
    );
  });
}

const LEVELS = [
  ["institution", ""],
  ["wallet", "treasury"],
  ["asset", "eth"],
  ["destination", "acme"],
  ["person", "amy"],
] as const;

/** Has something done when the next payment is committed, and makes it likely that it is not signed before. */
function beforeSignature(it: World, act: () => void): void {
  it.vault.onCommitted = act;
  it.setWeather({ ...CALM, slow: 1 });
  it.time.after(STEP, WORLD, () => it.setWeather(CALM));
}

/** An officer's freeze, by himself, without the server. */
function freezeNow(it: World, who: string, freeze: Intent): void {
  it.onlooker.intents.set(idOf(freeze), freeze);
  void it.people.sign(who, freeze, "initiate").then((approval) => {
    const orders = [{ intent: encode(IntentKind, freeze) }];
    if (approval !== null) void it.people.tell({ command: "execute", orders, approvals: [approval], facts: [] });
  });
}

function freezes(draw: Draw): void {
  const { chance } = draw;
  for (const [number, who] of ["olga", "otto"].slice(0, chance.between(1, 2)).entries()) {
    const at = draw.when(2 * world.MINUTE, QUIET_AT - 2 * STEP);
    const [level, subject] = chance.pick(LEVELS);
    const initiator = (PEOPLE[who] as { id: Hash }).id;
    const notAfter = world.NOW + at + LIFE;
    const freeze = world.freeze(FIRST.book, { reference: `freeze-${number}`, level, subject, initiator, notAfter });
    const isDirect = chance.happens(0.5);
    const isHasty = chance.happens(0.4);
    draw.add(at, `${who} freezes ${level} ${subject}${isHasty ? " before the next signature" : ""}`, (it) => {
      if (isHasty) beforeSignature(it, () => freezeNow(it, who, freeze));
      else if (isDirect) freezeNow(it, who, freeze);
      else void it.people.request(who, freeze);
    });
    const later = at + chance.between(world.MINUTE, STEP);
    const lift = { reference: `unfreeze-${number}`, notAfter: world.NOW + later + LIFE };
    if (chance.happens(0.7)) request(draw, later, "ada", world.unfreeze(FIRST.book, idOf(freeze), lift));
  }
}

/** A payment that is frozen between its commitment and its signature; then the freeze is lifted, and all sign it anew. */
function withholdings(draw: Draw): void {
  const { chance } = draw;
  const at = draw.when(FIRST_AT, QUIET_AT - 4 * STEP);
  const who = chance.pick(["tom", "tina"]);
  const common = { notAfter: world.NOW + at + LIFE };
  const change = { ...common, initiator: (PEOPLE[who] as { id: Hash }).id, amount: world.ETH / 4n, totalFee: fee(draw) };
  const destination = world.destinationOf(world.acme(FIRST.book));
  request(draw, at, who, world.pay(FIRST.book, { ...change, destination, reference: "pay-frozen" }));
  for (const name of ["amy", "bob", "carl"]) look(draw, at + chance.between(5_000, 2 * world.MINUTE), name, 1);
  const officer = chance.pick(["olga", "otto"]);
  const [level, subject] = chance.pick(LEVELS);
  const initiator = (PEOPLE[officer] as { id: Hash }).id;
  const freeze = world.freeze(FIRST.book, { ...common, reference: "freeze-signature", level, subject, initiator });
  const lift = world.unfreeze(FIRST.book, idOf(freeze), { ...common, reference: "unfreeze-signature" });
  const waits = chance.between(world.MINUTE / 2, 2 * world.MINUTE);
  draw.add(at, `${officer} freezes ${level} ${subject} before the next signature, and all sign anew`, (it) => {
    const later = (ms: number, act: () => void) => it.time.after(waits + ms, WORLD, act);
    beforeSignature(it, () => {
      freezeNow(it, officer, freeze);
      later(0, () => void it.people.request("ada", lift));
      for (const minute of [0.5, 1.5])
        for (const name of ["ben", "olga", "otto"]) later(minute * world.MINUTE, () => void it.people.visit(name, () => true));
      for (const minute of [1, 2, 4]) later(STEP + minute * world.MINUTE, () => signAnew(it));
    });
  });
}

/** Everybody who has signed what was withheld does so once more, after a look at the vault. One approval from before would have
 *  the vault refuse all that come with it. */
function signAnew({ base, onlooker, people, vault }: World): void {
  const nameOf = (key: Hash) => Object.keys(PEOPLE).find((name) => PEOPLE[name]?.id === key) as string;
  for (const [id, { intent, status }] of onlooker.ghostOf(vault).committed) {
    if (status !== "withheld") continue;
    const said = decisionsIn(base).where(({ request, decision }) => request === id && decision !== "reject");
    for (const key of new Set([intent.initiator, ...said.map((row) => row.key as Hash)])) {
      const [who, decision] = [nameOf(key), key === intent.initiator ? "initiate" : "approve"] as const;
      void people.look(who).then(() => people.decide(who, { id, reference: intent.reference }, decision));
    }
  }
}

function rulebooks(draw: Draw): void {
  draw.times(3, () => {
    const { chance } = draw;
    const change: Change = chance.pick(CHANGES);
    const at = draw.when(FIRST_AT, QUIET_AT - 2 * STEP);
    const waits = chance.between(STEP / 2, 2 * STEP);
    const isVetoed = chance.happens(0.2);
    const isHasty = chance.happens(0.4);
    const propose = (it: World) => {
      const law = nextLaw(it.people.lawOf("ada"), change);
      void it.people.send(law, ["ada", "ben"], null);
      if (isVetoed) {
        it.time.after(waits / 2, WORLD, () => {
          void it.people.signLaw("cleo", law, "veto").then((approval) => {
            if (approval !== null) void it.people.tell({ command: "object", approval });
          });
        });
      }
      const insist = (left: number): void => {
        if (left === 0 || law.tightens) return;
        void it.people.send(law, ["ada", "ben"], it.time.chance.pick(["cleo", "cleo", "ben"]));
        it.time.after(STEP / 4, WORLD, () => insist(left - 1));
      };
      it.time.after(waits, WORLD, () => insist(4));
      if (isHasty && law.tightens) it.time.after(waits, WORLD, () => signAnew(it));
    };
    draw.add(at, `a rulebook: ${change}${isHasty ? " before the next signature" : ""}`, (it) => {
      if (isHasty) beforeSignature(it, () => propose(it));
      else propose(it);
    });
  });
}

function bookChanges(draw: Draw): void {
  const at = draw.when();
  const entry = world.zoe(FIRST.book);
  const notAfter = world.NOW + at + LIFE;
  request(draw, at, "tina", world.retire(FIRST.book, entry, { reference: "retire-zoe", notAfter }));
  if (draw.chance.happens(0.5)) {
    const later = draw.when(at + world.MINUTE, at + STEP);
    const again = world.enter(FIRST.book, { ...entry, party: "Zoe once more" }, { reference: "enter-zoe", notAfter });
    request(draw, later, "tina", again);
  }
}

function vaultKills(draw: Draw): void {
  draw.times(4, () => {
    const { chance } = draw;
    const down = chance.pick([10, 1_000, world.MINUTE, STEP]);
    const survives = chance.happens(0.5);
    draw.add(draw.when(), `the vault is killed, down for ${down} ms`, (it) => it.restartVault(down, survives));
  });
  // Right after something was asked, where most is under way.
  draw.times(3, () => {
    const { chance } = draw;
    const survives = chance.happens(0.5);
    const others = chance.between(0, 25);
    draw.add(draw.when(), "the vault is killed at a sync", (it) => {
      it.vault.killAtSync(others, () => it.restartVault(1_000, survives));
    });
  });
}

function serverKills(draw: Draw): void {
  draw.times(5, () => {
    const { chance } = draw;
    const number = chance.below(2);
    const down = chance.pick([10, 5_000, 5 * world.MINUTE]);
    draw.add(draw.when(), `server ${number} is killed, down for ${down} ms`, (it) => it.restartServer(number, down));
  });
  draw.times(2, () => {
    const number = draw.chance.below(2);
    const ms = draw.chance.between(5_000, 400_000);
    draw.add(draw.when(), `server ${number} stands still for ${ms} ms`, (it) => it.servers[number]?.stall(ms));
  });
}

function clocks(draw: Draw): void {
  draw.times(3, () => {
    const ms = draw.chance.pick([-3 * world.HOUR, -10 * world.MINUTE, 10 * world.MINUTE, 2 * world.HOUR]);
    draw.spell(
      `the vault's wall clock is off by ${ms} ms`,
      2 * STEP,
      (it) => it.setWall(ms),
      (it) => it.setWall(0),
    );
  });
  draw.times(1, () => {
    const number = draw.chance.below(2);
    const ms = draw.chance.pick([-STEP, STEP]);
    const set = (to: number) => (it: World) => it.servers[number]?.setWall(to);
    draw.spell(`the clock of server ${number} is off by ${ms} ms`, 2 * STEP, set(ms), set(0));
  });
}

function messages(draw: Draw): void {
  const loss = draw.chance.pick([0.02, 0.1, 0.3]);
  const doubles = draw.chance.pick([0.02, 0.2]);
  draw.times(3, () => {
    draw.spell(
      `messages are lost (${loss}) and doubled (${doubles})`,
      STEP,
      (it) => it.setNetwork(loss, doubles),
      (it) => it.setNetwork(0, 0),
    );
  });
  const faults = draw.chance.pick([0, 0.1, 0.5]);
  const syncMs = draw.chance.pick([5, 200, 5_000]);
  draw.spell(
    "the disk is slow and the key store gives up",
    STEP,
    (it) => it.setWeather({ faults, syncMs, slow: 0.7 }),
    (it) => it.setWeather(CALM),
  );
}

function fees(draw: Draw): void {
  draw.times(2, () => {
    const gwei = draw.chance.pick([15n, 30n, 120n, 400n]);
    draw.spell(
      `fees go to ${gwei} gwei`,
      2 * STEP,
      (it) => it.setFee(gwei * GWEI),
      (it) => it.setFee(10n * GWEI),
    );
  });
  draw.times(2, () => {
    draw.spell(
      "blocks leave transactions out",
      STEP,
      (it) => it.setCensors(0.8),
      (it) => it.setCensors(0),
    );
  });
}

function reorganisations(draw: Draw): void {
  draw.times(4, () => {
    const depth = draw.chance.between(1, 3);
    const losing = draw.chance.pick([0, 0.5, 1]);
    draw.add(draw.when(), `${depth} blocks are reorganised`, (it) => it.reorganise(depth, losing));
  });
}

function nodes(draw: Draw): void {
  draw.times(3, () => {
    const number = draw.chance.below(2);
    const lag = draw.chance.between(1, 5);
    const see = (change: object) => (it: World) => void Object.assign(it.servers[number]?.sight ?? {}, change);
    const kind = draw.chance.below(3);
    if (kind === 0) draw.spell(`server ${number} sees the chain ${lag} blocks late`, STEP, see({ lag }), see({ lag: 0 }));
    else if (kind === 1) draw.spell(`server ${number} sees no chain`, STEP, see({ isBlind: true }), see({ isBlind: false }));
    else draw.spell(`broadcasts of server ${number} are lost or late`, STEP, see({ loss: 0.5 }), see({ loss: 0 }));
  });
}

function sources(draw: Draw): void {
  const number = draw.chance.below(3);
  draw.spell(
    `source ${number} lies`,
    4 * STEP,
    (it) => it.setLies(number, true),
    (it) => it.setLies(number, false),
  );
  const lag = draw.chance.pick([0.5, 0.9]);
  draw.spell(
    "the sources lag",
    2 * STEP,
    (it) => it.setLag(lag),
    (it) => it.setLag(0.2),
  );
}

function attacks(draw: Draw): void {
  draw.times(8, () => {
    draw.add(draw.when(), "somebody sends an old command again", (it) => {
      const { kept } = it.network;
      if (kept.length > 0 && it.vault.isUp) it.network.send(it.time.chance.pick(kept), it.vault, () => undefined);
    });
  });
  draw.times(6, () => draw.add(draw.when(), "somebody has a payment carried out on some approvals", forward));
  draw.times(4, () => {
    const gwei = draw.chance.pick([12n, 25n, 200n, 2_000n]);
    draw.add(draw.when(), `somebody makes a payment dearer, ${gwei} gwei`, (it) => {
      const intent = it.time.chance.pick(draw.intents);
      const context = { ...world.CONTEXT, gasLimit: 21_000, maxFeePerGas: gwei * GWEI, maxPriorityFeePerGas: 2n * GWEI };
      void it.people.tell({ command: "reprice", intent: idOf(intent), context }, 1);
    });
  });
}

/** What the server's place allows: any of the approvals of one request, with any fees, or two requests at once. */
function forward({ base, people, time }: World): void {
  const { chance } = time;
  const rows = requestsIn(base).where(({ kind }) => kind === "pay" || kind === "cancel");
  if (rows.length === 0) return;
  const chosen = [...new Set([chance.pick(rows), ...(chance.happens(0.3) ? [chance.pick(rows)] : [])])];
  const context = { ...world.CONTEXT, gasLimit: 21_000, maxFeePerGas: BigInt(chance.pick([12, 21, 40])) * GWEI };
  const orders = chosen.map(({ intent }) => ({ intent, context }));
  const ids = chosen.map(({ id }) => id);
  const decisions = decisionsIn(base).where(({ request, decision }) => ids.includes(request) && decision !== "reject");
  const approvals = decisions.filter(() => chance.happens(0.8)).map(({ approval }) => approval);
  void people.tell({ command: "execute", orders, approvals, facts: [] }, 1);
}

function deposits(draw: Draw): void {
  draw.times(3, () => {
    const amount = BigInt(draw.chance.between(1, 2_000)) * 10n ** 15n;
    draw.add(draw.when(), `somebody pays in ${amount}`, (it) => it.deposit(amount));
  });
}

function copies(draw: Draw): void {
  const { chance } = draw;
  const back = chance.between(1, 12);
  const isTwin = chance.happens(0.4);
  const at = draw.when(STEP);
  const name = isTwin ? "a twin runs from a copy of the disk" : `the disk is put back by ${back} batches`;
  draw.add(at, name, (it) => it.fork(isTwin ? 0 : back, isTwin));
  if (chance.happens(0.7)) draw.add(at + chance.between(STEP / 4, 2 * STEP), "the right disk is back", (it) => it.unfork());
}
