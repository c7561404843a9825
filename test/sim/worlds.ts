/** The small worlds that are searched. `goals`: what must have happened somewhere, so that no promise holds only because
 *  nothing was reached. */
import * as letter from "./alphabet.ts";
import type { World } from "./search.ts";

const { execute, register, reject, reprice, keystore, confirm, crash, time, settle, settleDearer, book } = letter;
const BOTH = ["amy", "bob"];
const LIFTERS = ["ben", "olga"];

/** Points of a deep world that are visited where there are too many. */
const MOST = 60_000;

/** All worlds. Deep ones have more time, more kills and more that may come in between. */
export function worlds(deep: boolean): readonly World[] {
  const small = [
    quorum,
    freezing,
    thief,
    replacing,
    withholding,
    repricing,
    repricedLate,
    pairs,
    limits,
    delays,
    rulebooks,
    starts,
    succession,
  ];
  return [...small, ...(deep ? [everything] : [])].map((make) => make(deep));
}

/** One payment, every way to be short of its quorum, a key store that errs, kills at every point. */
function quorum(deep: boolean): World {
  return {
    name: "one payment",
    boots: deep ? 3 : 2,
    letters: [
      execute(["first"], BOTH),
      execute(["first"], BOTH, "past"),
      execute(["first"], BOTH, "mixed"),
      execute(["first"], ["amy"]),
      execute(["first"], ["amy", "tablet"]),
      execute(["first"], ["amy", "tina"]),
      execute(["first"], ["olga", "bob"]),
      execute(["first"], []),
      reject("first"),
      keystore("right", "wrong", "fault"),
      letter.witness,
      time(deep ? 4 : 3),
      letter.wallAhead,
      crash(deep ? 3 : 2, 2),
    ],
    goals: ["committed", "signed", "rejected", "halted", "released first", "withheld"],
  };
}

function freezing(deep: boolean): World {
  return {
    name: "a freeze",
    ...(deep && { most: MOST }),
    boots: deep ? 2 : 1,
    letters: [
      execute(["first"], BOTH),
      execute(["first"], BOTH, "past"),
      execute(["freeze"], []),
      register("unfreeze"),
      execute(["unfreeze"], LIFTERS),
      execute(["unfreeze"], ["ben", "cleo"]),
      ...(deep ? [execute(["second"], BOTH), execute(["cancel"], BOTH)] : []),
      keystore("right"),
      time(3),
      crash(deep ? 2 : 1),
    ],
    goals: ["froze", "unfroze", "withheld", "resumed", "released first", ...(deep ? ["released second"] : [])],
  };
}

function thief(deep: boolean): World {
  return {
    name: "a freeze of one approver",
    boots: deep ? 1 : 0,
    letters: [
      execute(["first"], BOTH),
      execute(["first"], ["bob", "carl"]),
      execute(["stolen"], []),
      register("unstolen"),
      execute(["unstolen"], LIFTERS),
      keystore("right"),
      time(2),
      crash(1),
    ],
    goals: ["froze", "unfroze", "withheld", "resumed", "released first"],
  };
}

function replacing(deep: boolean): World {
  return {
    name: "a replacement and a cancellation",
    boots: deep ? 2 : 1,
    letters: [
      execute(["first"], BOTH),
      execute(["again"], BOTH),
      execute(["cancel"], BOTH),
      execute(["cancel"], ["amy"]),
      execute(["second"], BOTH),
      execute(["freeze"], []),
      keystore("right"),
      settle("first", "again", "cancel"),
      crash(deep ? 2 : 1),
    ],
    goals: [
      ...["released first", "released again", "released cancel", "released second", "settled"],
      ...["cancel in the place of withheld first", "cancel in the place of withheld again"],
    ],
  };
}

/** What was withheld is taken up again, or gives its place away. */
function withholding(deep: boolean): World {
  return {
    name: "a replacement that was withheld",
    boots: 0,
    letters: [
      execute(["first"], BOTH),
      execute(["again"], BOTH),
      execute(["cancel"], BOTH),
      execute(["freeze"], []),
      register("unfreeze"),
      execute(["unfreeze"], LIFTERS),
      keystore("right"),
      ...(deep ? [execute(["again"], BOTH, "past")] : []),
      time(1),
    ],
    goals: ["unfroze", "resumed first", "resumed again", "released first", "released again", "released cancel"],
  };
}

/** A stuck payment is made dearer, replaced, cancelled and made dearer again, in every order. */
function repricing(deep: boolean): World {
  return {
    name: "a dearer version",
    ...(deep && { most: MOST }),
    boots: 1,
    letters: [
      execute(["first"], BOTH),
      execute(["cancel"], BOTH),
      ...(deep ? [execute(["again"], BOTH), reprice("again", 14n)] : []),
      reprice("first", 12n),
      reprice("first", 14n),
      reprice("first", 60n),
      reprice("cancel", 19n),
      execute(["freeze"], []),
      keystore("right"),
      settle("first", "cancel"),
      settleDearer("first", "cancel"),
      crash(1),
    ],
    goals: [
      ...["repriced", "released first, dearer", "released cancel, dearer", "settled", "withheld"],
      "cancel over a withheld version",
    ],
  };
}

/** What ends it: a freeze that is lifted, a rulebook, the intent's life, a start. */
function repricedLate(deep: boolean): World {
  return {
    name: "a dearer version after a freeze",
    ...(deep && { most: MOST }),
    boots: 0,
    letters: [
      execute(["first"], BOTH),
      reprice("first", 12n),
      reprice("first", 14n),
      execute(["freeze"], []),
      register("unfreeze"),
      execute(["unfreeze"], LIFTERS),
      book("tight", ["ada", "ben"]),
      keystore("right"),
      time(3),
      ...(deep ? [letter.wallAhead, crash(1)] : []),
    ],
    goals: ["repriced", "withheld", "unfroze", "adopted", "released first, dearer"],
  };
}

function pairs(deep: boolean): World {
  return {
    name: "two payments at once",
    ...(deep && { most: MOST }),
    boots: deep ? 2 : 1,
    letters: [
      execute(["first", "second"], BOTH),
      execute(["second", "first"], BOTH),
      execute(["first"], BOTH),
      execute(["second"], BOTH),
      execute(["freeze"], []),
      keystore("right", "wrong"),
      reject("second"),
      crash(deep ? 2 : 1),
      ...(deep ? [register("unfreeze"), execute(["unfreeze"], LIFTERS), time(2)] : []),
    ],
    goals: ["froze", "withheld", "rejected", "released first", "released second", ...(deep ? ["resumed"] : [])],
  };
}

function limits(deep: boolean): World {
  return {
    name: "a limit",
    ...(deep && { most: MOST }),
    boots: deep ? 1 : 0,
    letters: [
      execute(["first"], BOTH),
      execute(["big"], BOTH),
      ...(deep ? [execute(["again"], BOTH)] : []),
      keystore("right", "fault"),
      execute(["freeze"], []),
      register("unfreeze"),
      execute(["unfreeze"], LIFTERS),
      time(3),
      ...(deep ? [letter.wallAhead] : []),
      crash(1, deep ? 3 : 1),
    ],
    goals: ["withheld", "resumed", "unfroze", "released first", "released big"],
  };
}

function delays(deep: boolean): World {
  return {
    name: "a delayed payment",
    boots: deep ? 3 : 2,
    letters: [
      register("large"),
      execute(["large"], BOTH),
      execute(["large"], BOTH, "past"),
      reject("large"),
      keystore("right"),
      time(4),
      letter.wallAhead,
      crash(deep ? 3 : 2, 4),
    ],
    goals: ["registered", "ticked", "rejected", "released large"],
  };
}

function rulebooks(deep: boolean): World {
  return {
    name: "a tightening and a weakening",
    boots: deep ? 1 : 0,
    letters: [
      book("tight", ["ada", "ben"]),
      book("weak", ["ada", "ben"]),
      book("weak", ["ada", "ben"], "cleo"),
      book("weak", ["ada", "ben"], "ada"),
      book("weak", ["ben", "cleo"], "ada"),
      letter.veto("weak"),
      execute(["first"], BOTH),
      execute(["first"], BOTH, "past"),
      execute(["first"], ["amy", "carl"]),
      execute(["first"], ["amy"]),
      keystore("right"),
      time(2),
      letter.wallAhead,
      crash(1, deep ? 2 : 0),
    ],
    goals: ["proposed", "adopted", "vetoed", "withheld", "resumed", "released first"],
  };
}

/** A start brings approvals back when it is confirmed, and only then; one that is suspected does nothing before. */
function starts(deep: boolean): World {
  return {
    name: "starts that are confirmed",
    boots: deep ? 3 : 2,
    letters: [
      execute(["first"], BOTH),
      execute(["first"], BOTH, "past"),
      execute(["first"], BOTH, "mixed"),
      confirm("ada", "ben"),
      confirm("ada", "olga"),
      reprice("first", 12n),
      ...(deep ? [execute(["freeze"], []), reject("first")] : []),
      keystore("right"),
      time(2),
      crash(deep ? 3 : 2),
      letter.suspectedCrash(deep ? 3 : 2),
    ],
    goals: ["confirmed", "withheld", "resumed", "released first", "released first, dearer"],
  };
}

/** One vault hands over to another with the same keys; both live on. */
function succession(deep: boolean): World {
  const first = execute(["first"], BOTH);
  return {
    name: "a hand-over",
    ...(deep && { most: MOST }),
    boots: deep ? 1 : 0,
    letters: [
      ...[letter.alone(first), letter.alone(keystore("right")), ...(deep ? [letter.alone(crash(1))] : [])],
      book("heir", ["ada", "ben"]),
      book("heir", ["ada", "ben"], "cleo"),
      letter.succeed,
      ...[first, keystore("right"), crash(1)].map(letter.old),
      ...[first, execute(["late"], BOTH), execute(["late"], BOTH, "past"), keystore("right"), crash(2)].map(letter.heir),
      time(deep ? 6 : 5),
    ],
    goals: [
      ...["adopted", "succeeded", "withheld", "released first"],
      ...["released first by the successor", "released late by the successor"],
    ],
  };
}

/** All letters at once; too large to be exhausted. */
function everything(): World {
  return {
    name: "everything at once",
    most: MOST,
    boots: 1,
    letters: [
      execute(["first"], BOTH),
      execute(["first"], ["amy", "tablet"]),
      execute(["first", "second"], BOTH),
      execute(["again"], BOTH),
      execute(["cancel"], BOTH),
      execute(["big"], BOTH),
      execute(["freeze"], []),
      execute(["stolen"], []),
      register("unfreeze"),
      execute(["unfreeze"], LIFTERS),
      register("large"),
      execute(["large"], BOTH),
      reject("first"),
      book("tight", ["ada", "ben"]),
      book("weak", ["ada", "ben"], "cleo"),
      letter.veto("weak"),
      keystore("right", "wrong", "fault"),
      settle("first", "again", "cancel"),
      letter.witness,
      letter.wallAhead,
      time(3),
      crash(2, 2),
    ],
    goals: ["withheld", "halted", "adopted", "settled", "released first", "released again", "released cancel"],
  };
}
