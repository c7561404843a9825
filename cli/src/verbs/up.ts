/** `strongroom up` (npm start) and `strongroom ceremony demo`: a demonstration here, from nothing to mined payments. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "@strongroom/core/signed/codec";
import { homeOf, writeConfig } from "../config.ts";
import { CHAIN } from "../demo/anvil.ts";
import { ensureKeys, holdCeremony, isFounded, openKeys } from "../demo/ceremony.ts";
import { holdHome } from "../demo/hold.ts";
import { bringUp, type Ending, takeDown, type Up } from "../demo/run.ts";
import { adminToken } from "../demo/server.ts";
import { openSteps, type Step, type Steps } from "../demo/stage.ts";
import { answers, ensureVault, launchVault, socketPath } from "../demo/vault.ts";
import { failureOf, fault } from "../faults.ts";
import { limits } from "../limits.ts";
import { columns, duration, frame, indent, type Paints, paintsFor, plain, wideOf } from "../screen.ts";
import { openSession } from "../vault/session.ts";
import { openWire } from "../vault/wire.ts";
import { type Answer, type Context, lineFor, named, type Verb } from "../verb.ts";

export const up: Verb = {
  name: "up",
  takes: "",
  what: "bring up chain, vault, database, server and sources, play the main job the first time, and wait (npm start)",
  options: { once: { what: "in a throw-away folder on free ports: play, tell, and remove everything" } },
  examples: ["up", "up --home ~/strongroom-demo", "up --once --json"],
  async run(context) {
    named(context);
    return context.on("once") ? once(context) : stay(context);
  },
};

/** Wishes to end: the signals that ask for it. */
function listenForEnd(): { readonly came: () => boolean; readonly forget: () => void } {
  let came = false;
  const hear = () => {
    came = true;
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, hear);
  return {
    came: () => came,
    forget: () => {
      for (const signal of signals) process.off(signal, hear);
    },
  };
}

/** Digits of a hash that a line shows; JSON has all of them. */
const ID_DIGITS = 14;

/** Width of a step's label, and of a screen that has room beside the texts. */
const LABEL = 38;
const WIDE = 100;

/** Prints each step as one line, and the first texts that were signed in full. */
function printer(stream: NodeJS.WriteStream): (step: Step) => void {
  const paints = paintsFor(stream);
  let texts = 0;
  return (step) => {
    const { label, ms, ok, code, detail, hash, shown } = step;
    const tick = ok ? paints.good("✓") : paints.bad("✗");
    const refused = code === "OK" ? "" : `${(ok ? paints.accent : paints.bad)(code)}  `;
    const id = hash === undefined ? "" : `  ${paints.dim(hash.slice(0, ID_DIGITS))}…`;
    const wide = wideOf(stream);
    const row = [`${tick} ${duration(ms).padStart(7)}  ${label.padEnd(LABEL)}`, `${refused}${plain(detail)}${id}`];
    stream.write(`${indent(columns([row], wide - 2, 1), 2)}\n`);
    texts += shown === undefined ? 0 : 1;
    const by = wide < WIDE ? 2 : 14;
    if (shown !== undefined && texts <= 2) stream.write(`${indent(frame(shown, paints.dim, wide - by), by)}\n`);
  };
}

function banner(home: string, paints: Paints): string {
  const title = `${paints.bold("STRONGROOM")}  a demonstration: everything below is real but the money`;
  return `\n  ${title}\n  ${paints.dim(home)}\n\n`;
}

async function once(context: Context): Promise<Answer> {
  if (context.text("home") !== undefined) fault("USAGE", "once", "--once makes a folder of its own; leave --home out");
  const home = await mkdtemp(join(tmpdir(), "strongroom-"));
  const end = listenForEnd();
  const ending: Ending = { children: [], others: [] };
  const stream = context.json ? process.stderr : process.stdout;
  stream.write(banner(home, paintsFor(stream)));
  const since = performance.now();
  const steps = openSteps(printer(stream), end.came);
  let shown: Up | null = null;
  let error: unknown = null;
  try {
    await chmod(home, 0o711);
    shown = await bringUp(home, steps, ending);
  } catch (caught) {
    error = caught;
  } finally {
    shown?.stage.session.close();
    await takeDown(ending);
    await rm(home, { recursive: true, force: true });
    await rm(join(socketPath(home), ".."), { recursive: true, force: true });
    end.forget();
  }
  return conclude(steps, { shown, error, ms: performance.now() - since });
}

function conclude(steps: Steps, it: { shown: Up | null; error: unknown; ms: number }): Answer {
  const failure = it.error === null ? null : failureOf(it.error);
  const session = it.shown?.stage.session;
  const json: { [name: string]: Json } = {
    ms: Math.round(it.ms),
    steps: steps.list.map(({ name, ms, ok, code, detail, hash }) => {
      return { name, ms: Math.round(ms * 10) / 10, ok, code, detail, ...(hash === undefined ? {} : { hash }) };
    }),
  };
  if (session !== undefined) {
    json["deployment"] = session.deployment;
    json["server"] = it.shown?.url ?? "";
    json["vault"] = session.vault;
    json["rulebook"] = { id: session.book().id, epoch: session.book().document.epoch };
    json["head"] = { ...session.head().head };
    json["protections"] = (it.shown?.protections ?? []).map((item) => ({ ...item }));
  }
  if (failure !== null) json["error"] = { ...failure };
  const words = failure === null ? "every step had its expected outcome" : `${failure.code}: ${failure.what} ${failure.detail}`;
  const text = `\n  ${steps.list.length} steps in ${duration(it.ms)}; ${words}`;
  return { text, json, ...(failure === null ? {} : { exit: failure.exit }) };
}

async function stay(context: Context): Promise<Answer | null> {
  const { home } = context;
  const release = await holdHome(home);
  if (await answers(socketPath(home))) fault("ALREADY_RUNNING", home, "its vault answers");
  const end = listenForEnd();
  const ending: Ending = { children: [], others: [] };
  const stream = context.json ? process.stderr : process.stdout;
  stream.write(banner(home, paintsFor(stream)));
  const since = performance.now();
  const steps = openSteps(printer(stream), end.came);
  try {
    const shown = await bringUp(home, steps, ending);
    shown.stage.session.close();
    if (context.json)
      process.stdout.write(
        `${JSON.stringify({ ok: true, ...conclude(steps, { shown, error: null, ms: performance.now() - since }).json })}\n`,
      );
    stream.write(nextSteps(context, shown.url, paintsFor(stream)));
    await watch(ending, end.came);
    stream.write("\n  ending everything; all of it is kept for the next start\n");
  } finally {
    await takeDown(ending);
    end.forget();
    release();
  }
  return null;
}

/** What to type next; each line works as it stands. */
function nextSteps({ home }: Context, url: string, { bold, dim }: Paints): string {
  const command = (words: string) => lineFor(home, words);
  const token = adminToken(home).replaceAll("'", "'\\''");
  const lines = [
    [command("balance"), "what is whose, by the books"],
    [command("address acme-1"), "where a client deposits; then see: deposits"],
    [command("pay 0.1 eth --from treasury --to northwind --key tom"), "request a payment; it prints a REQUEST"],
    [command("approve REQUEST --key amy"), "read and approve it; then again with --key bob"],
    [command("send REQUEST"), "wait while the server has it judged, signed, sent, mined and booked"],
    [command("freeze institution --key olga"), "stop everything at once"],
    [command("unfreeze FREEZE --key ada"), "ask for its end; after cleo and otto approved: send REQUEST --wait"],
    [command("events --follow"), "what happens, as it is written to the audit log"],
    [command("api"), "every endpoint; `api NAME --help` says what one takes"],
    [`curl -s -H "Authorization: Bearer $(cat '${token}')" ${url}/v1/accounts`, "the same without this command"],
    [lineFor(homeOf(undefined), "help"), "all verbs"],
  ] as const;
  const rows = columns(
    lines.map(([line, what]) => [line, dim(what)]),
    wideOf(process.stdout) - 4,
  );
  const title = bold("It runs. In another terminal of this folder, type:");
  const again = home === homeOf(undefined) ? "npm start" : command("up");
  return `\n  ${title}\n\n${indent(rows, 4)}\n\n  Ctrl-C ends it; this goes on from here: ${again}\n`;
}

/** Waits for the end. Fails: CHILD_FAILED when a program ends by itself. */
async function watch({ children }: Ending, ended: () => boolean): Promise<void> {
  while (!ended()) {
    for (const child of children) {
      if (child.ended() !== null) fault("CHILD_FAILED", child.log, `${child.name} ended with ${child.ended()}`);
    }
    for (let waited = 0; waited < limits.watchMs && !ended(); waited += 50) await sleep(50);
  }
}

export const ceremonyDemo: Verb = {
  name: "ceremony demo",
  takes: "",
  what: "only the demonstration's ceremony: a new vault, keys for everybody, genesis and first rulebook",
  options: {},
  examples: ["ceremony demo --home /srv/strongroom-demo"],
  async run(context) {
    named(context);
    const { home } = context;
    const release = await holdHome(home);
    if (await isFounded(home)) fault("HOME_UNFIT", home, "a deployment is pinned here already");
    await ensureVault(home);
    const running = await launchVault(home);
    try {
      const made = await ensureKeys(home);
      await writeConfig(home, { socket: socketPath(home), chains: {} });
      const deployment = await holdCeremony(home, openKeys(home, made), {
        socket: socketPath(home),
        vaultKey: running.identityKey,
      });
      const session = await openSession(home, () => openWire(socketPath(home)));
      session.close();
      const text = `founded\n${columns([
        ["deployment", deployment],
        ["keys", `${made.size} made`],
        ["folder", home],
      ])}`;
      return { text, json: { deployment, keys: made.size, home, chain: CHAIN } };
    } finally {
      await running.child.stop();
      release();
    }
  },
};
