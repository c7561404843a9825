/** What one payment costs inside the vault's judgement: production `decide` and `apply` in this process, without disk, socket
 *  and keystore file. Beside it the same cryptography alone, in turns, so that both see the same machine. */
import { foundedVault } from "../../test/world/vault.ts";
import type { Figure, Options, Table } from "../figure.ts";
import { hottest, type Part, partsOf, profileOf, type Stacks } from "../profile.ts";
import { median, percentile } from "../stats.ts";
import { firstPair, timeBare } from "../world/bare.ts";
import { makePayments, type Stages } from "../world/loop.ts";
import { type Payment, paymentOf } from "../world/payments.ts";
import { rulesOf } from "../world/rulebook.ts";

/** What everything but cryptography may take per payment. */
export const MOST_US = 150;
/** How many payments there are at least for each that bare cryptography alone would make. */
export const LEAST_RATIO = 0.6;
export const RULES = 50;
export const CALLERS = [1, 64, 512] as const;

/** Seed of the key store in `test/world/vault.ts`; a wrong one would show at once, as signatures that are refused. */
const SEED = new Uint8Array(64).fill(7);

type Setting = ReturnType<typeof foundedVault>["vault"] & object;
type Result = {
  readonly totalUs: number;
  readonly clockUs: number;
  readonly cryptoUs: number;
  readonly parts: Pick<ReturnType<typeof timeBare>, "approvals" | "sign" | "check">;
  readonly stages: Stages;
  readonly p50: number;
  readonly p99: number;
};

/** Rounds of payments and rounds of bare cryptography in turns; medians over rounds, microseconds per payment. `clockUs` is by
 *  the clock, everything else processor time. */
function measure(vault: Setting, callers: number, { rounds, size }: { rounds: number; size: number }): Result {
  const pair = firstPair(SEED);
  const ground = vault.ground();
  const totals: number[] = [];
  const clocks: number[] = [];
  const bare: ReturnType<typeof timeBare>[] = [];
  const stages: Stages[] = [];
  const latencies: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const payments = paymentsOf(ground, `decide-${callers}-${round}`, size);
    const watch = round % 3 === 2;
    const done = makePayments({ state: vault.state, now: vault.now, pair }, payments, { callers, watch });
    vault.state = done.state;
    bare.push(timeBare(payments, pair));
    if (round === 0) continue;
    if (watch) {
      stages.push(done.stages);
      continue;
    }
    totals.push((done.cpuMs * 1000) / size);
    clocks.push((done.ms * 1000) / size);
    latencies.push(...done.latencies);
  }
  const mid = (of: (part: (typeof bare)[number]) => number) => median(bare.slice(1).map(of));
  const stage = (name: keyof Stages) => median(stages.map((one) => (one[name] * 1000) / size));
  return {
    totalUs: median(totals),
    clockUs: median(clocks),
    cryptoUs: mid((one) => one.together),
    parts: { approvals: mid((one) => one.approvals), sign: mid((one) => one.sign), check: mid((one) => one.check) },
    stages: { command: stage("command"), sign: stage("sign"), outcome: stage("outcome") },
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  };
}

function paymentsOf(ground: ReturnType<Setting["ground"]>, name: string, count: number): Payment[] {
  return Array.from({ length: count }, (_, at) => paymentOf(ground, name, at));
}

/** Rules by which samples of the profile are told apart; the first that fits any frame of a sample counts. */
export const PARTS: readonly (readonly [string, RegExp])[] = [
  ["garbage collection", /^\(garbage collector\)/],
  ["crypto: secp256k1 verify", /^recoverPublicKey /],
  ["crypto: secp256k1 sign", /^(make bench|signPart vault)/],
  ["crypto: Ed25519 verify", /^(verify|verifyOneShot|nodeVerify) node:/],
  ["crypto: Ed25519 sign (receipts)", /^(sign|signOneShot) node:/],
  ["check of Ed25519 keys and signatures", /^(precheckEd25519|isAcceptedKey|isAcceptedSignature) /],
  ["journal: seal, chain, write", /vault\/src\/host\/journal\//],
  ["address checksums (keccak)", /^(checksum|addressOf|parseAddress|addressBytes) /],
  ["chain hash of records (SHA-256)", /^advance core/],
  ["ids, challenges, text hash (SHA-256)", /^(hashBytes|hash|taggedHash|digest) (core\/src\/bytes|vault)/],
  ["transaction digest and id (keccak)", /keccak/i],
  ["decode objects", /^decode core\/src\/signed/],
  ["encode objects", /^encode core\/src\/signed/],
  ["render the text", /^render core/],
  ["rules and quorums", /^(judge|quorumMet|demandRules) /],
  ["build the transaction", /^build core/],
  ["read it back", /^read core\/src\/chain/],
  ["assemble the signed transaction", /^assemble core/],
  ["limits", /^(countLimits|countLimit|used|add) vault/],
  ["state: positions", /state\/positions\.ts/],
  ["state: maps", /state\/map\.ts/],
  ["apply, the rest", /^apply vault/],
  ["decide, the rest", /^decide vault/],
  ["socket and event loop", /node:|^\(program\)|^\(idle\)|vault\/src\/host\/serve/],
];

async function profile(vault: Setting, { count }: { count: number }): Promise<Stacks> {
  const payments = paymentsOf(vault.ground(), "decide-profile", count);
  const pair = firstPair(SEED);
  return profileOf(() => {
    vault.state = makePayments({ state: vault.state, now: vault.now, pair }, payments, { callers: 64 }).state;
  });
}

/** Both tables of a profile: by part, and the functions that are hottest themselves, cryptography apart. The samples tell the
 *  shares; `totalUs` is what they add up to, measured without the profiler. */
export function profileTables(title: string, all: Stacks, totalUs: number): Table[] {
  const stacks = all.filter(({ frames }) => !frames.some((frame) => /^post |node:inspector/.test(frame)));
  const count = stacks.reduce((sum, { us }) => sum + us, 0) / totalUs;
  const parts = partsOf(stacks, count, PARTS).filter(({ us }) => us >= 0.5);
  const rest = parts.filter(({ what }) => !what.startsWith("crypto:"));
  const own = stacks.filter(({ frames }) => !frames.some((frame) => PARTS.slice(0, 5).some(([, rule]) => rule.test(frame))));
  const sum = (list: readonly Part[]) => list.reduce((all, { us }) => all + us, 0);
  const rowsOf = (list: readonly Part[]) => list.map(({ what, us }) => ({ what, unit: "µs", values: [us] }));
  const lines = [...parts, { what: "everything but cryptography, by the profile", us: sum(rest) }];
  return [
    { title: `${title}: where the time goes, per payment`, columns: [""], rows: rowsOf(lines), notes: [] },
    {
      title: `${title}: the hottest functions without cryptography`,
      columns: [""],
      rows: rowsOf(hottest(own, count, 15)),
      notes: [],
    },
  ];
}

function tableOf(results: readonly Result[]): Table {
  const values = (of: (result: Result) => number) => results.map(of);
  const us = (what: string, of: (result: Result) => number) => ({ what, unit: "µs", values: values(of) });
  return {
    title: `A payment judged in process: initiator, 2 approvals, ${RULES} rules`,
    columns: CALLERS.map((callers) => (callers === 1 ? "1 caller" : `${callers} callers`)),
    rows: [
      us("total", (one) => one.totalUs),
      us("cryptography alone", (one) => one.cryptoUs),
      us("  3 Ed25519 verify", (one) => one.parts.approvals),
      us("  1 secp256k1 sign", (one) => one.parts.sign),
      us("  1 secp256k1 verify", (one) => one.parts.check),
      { ...us("everything else", (one) => one.totalUs - one.cryptoUs), most: MOST_US },
      { what: "total / cryptography alone", unit: "×", values: values((one) => one.totalUs / one.cryptoUs) },
      us("decide + apply of the command", (one) => one.stages.command),
      us("signing", (one) => one.stages.sign),
      us("decide + apply of the signature", (one) => one.stages.outcome),
      { what: "payments", unit: "/s", values: values((one) => 1e6 / one.clockUs) },
      { what: "bare cryptography", unit: "/s", values: values((one) => 1e6 / one.cryptoUs) },
      {
        what: "payments / bare cryptography",
        unit: "×",
        values: values((one) => one.cryptoUs / one.clockUs),
        least: LEAST_RATIO,
      },
      { what: "latency p50", unit: "ms", values: values((one) => one.p50) },
      { what: "latency p99", unit: "ms", values: values((one) => one.p99) },
    ],
    notes: [
      "µs are processor time of the one thread; payments per second and latencies are by the clock.",
      "Cryptography alone: the same signatures by node:crypto and @noble without Strongroom, in turns with it.",
      "Checks of keys and signatures beyond the libraries' own, hashes and address checksums count as everything else.",
      "Callers send, wait for the answer and send again.",
    ],
  };
}

export const judgement: Figure = async ({ quick, say }: Options) => {
  const { vault } = foundedVault({ rulebook: rulesOf(RULES) });
  say("decide: warming up");
  measure(vault, 1, { rounds: 2, size: 256 });
  const results = CALLERS.map((callers) => {
    say(`decide: ${callers} callers`);
    return measure(vault, callers, { rounds: quick ? 6 : 15, size: Math.max(callers, 256) });
  });
  say("decide: profile");
  const count = quick ? 512 : 2048;
  const stacks = await profile(vault, { count });
  return [tableOf(results), ...profileTables("In process, 64 callers", stacks, results[1]?.totalUs ?? Number.NaN)];
};
