/** Seeded histories of servers, vault and chain with everything that can go wrong: no promise is broken, and in the end
 *  everything comes to an end.
 *
 *  STRONGROOM_SEEDS: how many seeds, from STRONGROOM_SEED on. STRONGROOM_SEED alone plays that seed and prints its trace. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { reportOf, runSeeds } from "./crew.ts";

/** Seeds of an ordinary run, and of a long one. */
const SEEDS = 30;
const LONG_SEEDS = 2_000;
/** What must have happened somewhere, so that no promise holds only because nothing was reached. */
const GOALS = [
  ...["committed", "signed", "released", "settled", "registered", "rejected", "froze", "unfroze", "proposed", "adopted"],
  ...["withheld", "resumed", "noticed", "ticked", "retired", "vetoed", "execution settled", "execution aborted"],
  ...["request consumed", "request expired", "request rejected", "request withdrawn", "request voided"],
];
/** The same where there are many seeds. */
const RARE_GOALS = [
  ...["repriced", "halted", "entered", "a twin", "a rollback", "a device finds the vault rolled back"],
  ...["answer LIMIT_EXCEEDED", "answer FACT_ADVERSE", "answer SEEN_MISSING", "answer RULEBOOK_VETOED"],
];

const number = (name: string): number | null => (process.env[name] ? Number(process.env[name]) : null);
const [seed, seeds] = [number("STRONGROOM_SEED"), number("STRONGROOM_SEEDS")];
const isLong = process.env["STRONGROOM_LONG"] === "1";
const say = (line: string) => process.stderr.write(`simulator: ${line}\n`);

if (seed !== null && seeds === null) {
  test(`seed ${seed}`, async () => {
    await import("./machine/hooks.ts");
    const { run } = await import("./run.ts");
    const { broken, lines } = await run(seed, { keep: true });
    say(`seed ${seed}\n${lines.join("\n")}`);
    assert.equal(broken, null, broken?.why);
  });
} else {
  const from = seed ?? 1;
  const count = seeds ?? (isLong ? LONG_SEEDS : SEEDS);

  test(`seeds ${from} to ${from + count - 1} break no promise`, async (t) => {
    const ran = await runSeeds({ from, count }, say);
    const sum = (goal: string) => ran.goals.get(goal) ?? 0;
    const told = [
      ...[`${sum("execution settled")} payments settled`, `${sum("booted")} starts`, `${sum("froze")} freezes`],
      ...[`${sum("withheld")} withheld`, `${sum("resumed")} resumed`, `${ran.failures.length} broken promises`],
    ];
    const range = `seeds ${from} to ${from + count - 1}, ${ran.events} events`;
    t.diagnostic(`count: simulator: ${[range, ...told, `${ran.perSecond} seeds/s`].join(", ")}`);
    assert.equal(ran.failures.length, 0, reportOf(ran));
    const wanted = count >= LONG_SEEDS ? [...GOALS, ...RARE_GOALS] : count >= SEEDS ? GOALS : [];
    const missing = wanted.filter((goal) => !ran.goals.has(goal));
    assert.deepEqual(missing, [], "never happened");
  });

  test("a seed has one trace, whatever ran before it", async () => {
    const two = await runSeeds({ from: 7, count: 2, threads: 1 }, say);
    const one = await runSeeds({ from: 8, count: 1, threads: 1 }, say);
    assert.equal(two.traces[0]?.[1], one.traces[0]?.[0]);
    assert.notEqual(two.traces[0]?.[0], two.traces[0]?.[1]);
  });
}
