/** The run loop with a small stand-in for the pure side: what is durable before what, and how it ends. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Hash } from "@strongroom/core/bytes";
import { ascii, toHex } from "@strongroom/core/bytes";
import { CHAIN_START, FILES_START } from "@strongroom/core/journal/segment";
import { requestId } from "@strongroom/core/protocol/command";
import { decode, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import type { Answer, Job, JobId, KeySpec } from "../types.ts";
import { Fault } from "./fault.ts";
import type { Journal } from "./journal/write.ts";
import { KeyFaultError } from "./keys/fault.ts";
import type { Keystore } from "./keys/software.ts";
import { limits } from "./limits.ts";
import { receiptsOf, refusal, requestHash } from "./receipts.ts";
import { Loop, type Mind, type Parts } from "./run.ts";

/** What has happened, one word each, and the jobs that wait for their signature. */
type World = { readonly log: readonly string[]; readonly jobs: readonly string[] };

const idOf = (name: string) => toHex(ascii(name)).padEnd(64, "0") as JobId;
const jobOf = (name: string): Job => ({ id: idOf(name), parts: [] });
const specOf = (name: string): KeySpec => ({ id: idOf(name), path: "m", scheme: "secp256k1" });
const say = (to: JobId | null, detail: string): Answer => ({ to, code: "OK", field: "", detail, body: new Uint8Array(0) });
const record = (text: string) => ({ bytes: Buffer.from(text), value: text as never });
const bytesOf = (text: string) => Buffer.from(text);

/** Commands: `note x`, `sign x`, `create x`, `join x`, `ask x`. */
const mind: Mind<World> = {
  decide({ jobs }, input) {
    if ("booted" in input) {
      return { records: [record("booted")], effects: jobs.map((id) => ({ sign: { id: id as JobId, parts: [] } })) };
    }
    if ("tick" in input) return { records: [], effects: [] };
    if ("signed" in input) {
      const text = "fault" in input.result ? `${input.result.code}` : "signed";
      const isAgain = "fault" in input.result && input.result.next === "retry";
      const effects = isAgain ? [{ sign: { id: input.signed, parts: [] } }] : [{ reply: say(input.signed, text) }];
      return { records: [record(`${text} ${input.signed}`)], effects };
    }
    if ("created" in input) return { records: [record("created")], effects: [{ reply: say(input.created, "created") }] };
    const [verb, name = ""] = String(input.command).split(" ");
    const id = idOf(name);
    if (verb === "sign")
      return { records: [record(`committed ${id}`)], effects: [{ sign: jobOf(name) }, { reply: { wait: id } }] };
    if (verb === "create") return { records: [record(name)], effects: [{ create: specOf(name) }, { reply: { wait: id } }] };
    if (verb === "join") return { records: [], effects: [{ reply: { wait: id } }] };
    if (verb === "ask") return { records: [], effects: [{ reply: say(null, name) }] };
    return { records: [record(name)], effects: [{ reply: say(null, name) }] };
  },
  apply({ log, jobs }, { value }) {
    const [verb = "", job] = String(value).split(" ");
    const left = verb === "committed" ? [...jobs, job ?? ""] : jobs.filter((one) => one !== job);
    return { log: [...log, verb], jobs: left };
  },
  deployment: () => null,
};

/** A journal that counts its syncs; when `held`, each ends only when `release` is called. */
function journalOf(held = false) {
  const syncs: string[][] = [];
  let pending: (() => void)[] = [];
  let durable = 0;
  const journal: Journal = {
    async append(records) {
      if (records.length > 0) syncs.push(records.map(String));
      if (held && records.length > 0) await new Promise<void>((resolve) => pending.push(resolve));
      durable += records.length;
      return journal.head();
    },
    head: () => ({ sequence: durable, chain: CHAIN_START }),
    async cut() {
      syncs.push(["cut"]);
      return { end: { segment: 1, ...journal.head() }, files: FILES_START };
    },
    close: () => Promise.resolve(),
  };
  const release = () => {
    for (const resolve of pending) resolve();
    pending = [];
  };
  return { journal, syncs, release };
}

/** A keystore whose signatures come when `finish` is called; it keeps the ids and whether it was told to give up. */
function slowKeystore() {
  const seen = { signed: [] as string[], aborted: false };
  let pending: ((signatures: Uint8Array[]) => void)[] = [];
  const keystore = keystoreOf({
    sign: ({ id }, abort) => {
      seen.signed.push(id);
      abort.addEventListener("abort", () => {
        seen.aborted = true;
      });
      return new Promise((resolve) => pending.push(resolve));
    },
  });
  const finish = () => {
    for (const resolve of pending) resolve([]);
    pending = [];
  };
  return { keystore, seen, finish };
}

const keystoreOf = (own: Partial<Keystore> = {}): Keystore => ({
  create: async () => ({ publicKey: "", chainCode: "" }),
  sign: async () => [new Uint8Array(65)],
  ...own,
});

const signature = () => new Uint8Array(64);
const publicKey = new Uint8Array(32);
const identity = { id: "ab".repeat(32) as Hash, publicKey, sign: signature, signCheckpoint: signature };

function start(t: TestContext, own: Partial<Parts<World>> = {}): Loop<World> {
  const boot = "cd".repeat(32) as Hash;
  const loop = new Loop<World>({
    mind,
    state: { log: [], jobs: [] },
    boot,
    journal: journalOf().journal,
    keeper: { isDue: () => false, begin: assert.fail },
    fence: { held: () => true },
    mark: () => Promise.resolve(),
    keystore: keystoreOf(),
    receipts: receiptsOf(identity, boot),
    clock: () => ({ lo: 1000, hi: 2000 }),
    ...own,
  });
  t.after(() => loop.stop());
  loop.ended.catch((error) => assert.ok(error instanceof Error));
  return loop;
}

/** Asks and gives the receipt that comes back. */
function ask(loop: Loop<World>, text: string): Promise<Receipt> {
  return new Promise((resolve) => {
    loop.ask(bytesOf(text), (bytes) => resolve(decode(Receipt, decode(Signed, bytes).body)));
  });
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

test("an answer is a receipt for its request, signed and placed in the journal", async (t) => {
  const loop = start(t);
  const receipt = await ask(loop, "note one");
  assert.equal(receipt.request, requestId(bytesOf("note one")));
  assert.equal(requestHash(bytesOf("note one")), receipt.request);
  assert.deepEqual([receipt.code, receipt.detail, receipt.at, receipt.vault], ["OK", "one", 1000, identity.id]);
  assert.deepEqual(receipt.head, { seq: 2, hash: CHAIN_START });
  assert.deepEqual(loop.state.log, ["booted", "one"]);
});

test("what arrives together is made durable with one sync, and nothing leaves before it", async (t) => {
  const gate = journalOf(true);
  const { keystore, seen, finish } = slowKeystore();
  const loop = start(t, { journal: gate.journal, keystore });
  const answers: string[] = [];
  for (const text of ["note a", "sign b", "ask c", "note d"]) ask(loop, text).then(({ detail }) => answers.push(detail));
  await soon();
  assert.deepEqual(gate.syncs, [["booted", "a", `committed ${idOf("b")}`, "d"]]);
  assert.deepEqual([answers, seen.signed], [[], []]);
  gate.release();
  await soon();
  assert.deepEqual(answers, ["a", "c", "d"]);
  assert.deepEqual(seen.signed, [idOf("b")]);
  finish();
  await soon();
  assert.equal(answers.length, 3, "the signature is not durable yet");
  gate.release();
  await soon();
  assert.deepEqual(answers, ["a", "c", "d", "signed"]);
});

test("when a snapshot is due, the journal is cut after the sync, and the state is that of exactly these records", async (t) => {
  const gate = journalOf(true);
  const kept: [readonly string[], number][] = [];
  const keeper: Parts<World>["keeper"] = {
    isDue: (sequence) => sequence >= 3 && kept.length === 0,
    begin: ({ log }, { end }) => kept.push([log, end.sequence]),
  };
  const loop = start(t, { journal: gate.journal, keeper });
  const first = ask(loop, "note a");
  await soon();
  gate.release();
  await first;
  const second = [ask(loop, "note b"), ask(loop, "note c")];
  await soon();
  assert.deepEqual(kept, [], "nothing of it is durable");
  gate.release();
  await Promise.all(second);
  await soon();
  assert.deepEqual(kept, [[["booted", "a", "b", "c"], 4]]);
  assert.deepEqual(gate.syncs.at(-1), ["cut"]);
  const third = ask(loop, "note d");
  await soon();
  gate.release();
  assert.equal((await third).detail, "d");
  assert.equal(gate.syncs.flat().filter((text) => text === "cut").length, 1);
});

test("a cut that fails ends the loop", async (t) => {
  const broken = journalOf();
  broken.journal.cut = () => Promise.reject(new Fault("JOURNAL_WRITE", "ENOSPC"));
  const loop = start(t, { journal: broken.journal, keeper: { isDue: () => true, begin: () => assert.fail() } });
  await assert.rejects(loop.ended, (error) => error instanceof Fault && error.code === "JOURNAL_WRITE");
});

test("a failed sync or a lost fence ends the loop and nobody is answered", async (t) => {
  const broken = journalOf();
  broken.journal.append = () => Promise.reject(new Fault("JOURNAL_WRITE", "EIO"));
  for (const [own, code] of [
    [{ journal: broken.journal }, "JOURNAL_WRITE"],
    [{ fence: { held: () => false } }, "DATA_FENCED"],
  ] as const) {
    const loop = start(t, own);
    const answers: Uint8Array[] = [];
    const asker = (receipt: Uint8Array) => {
      answers.push(receipt);
    };
    loop.ask(bytesOf("note a"), asker);
    loop.ask(bytesOf("ask b"), asker);
    await assert.rejects(loop.ended, (error) => error instanceof Fault && error.code === code);
    loop.ask(bytesOf("note c"), asker);
    loop.answer(bytesOf("note c"), refusal("OVERLOADED", "", ""), asker);
    await soon();
    assert.deepEqual(answers, []);
  }
});

test("whoever waits for a job hears when it is done, each for his own request", async (t) => {
  const { keystore, finish } = slowKeystore();
  const loop = start(t, { keystore });
  const first = ask(loop, "sign x");
  const second = ask(loop, "join x");
  await soon();
  finish();
  assert.deepEqual([(await first).detail, (await second).detail], ["signed", "signed"]);
  assert.notEqual((await first).request, (await second).request);
  assert.equal((await ask(loop, "create y")).detail, "created");
});

test("jobs that an earlier boot left are given out once, after the boot is durable", async (t) => {
  const gate = journalOf(true);
  const { keystore, seen, finish } = slowKeystore();
  const loop = start(t, { journal: gate.journal, keystore, state: { log: [], jobs: [idOf("old")] } });
  const heard = ask(loop, "sign old");
  await soon();
  assert.deepEqual(seen.signed, []);
  gate.release();
  await soon();
  assert.deepEqual(seen.signed, [idOf("old")]);
  finish();
  await soon();
  gate.release();
  assert.equal((await heard).detail, "signed");
});

test("a fault comes back as an input; a job that may be tried again waits a little each time", async (t) => {
  let calls = 0;
  const keystore = keystoreOf({
    sign: async () => {
      calls += 1;
      if (calls < 3) throw new KeyFaultError("KEY_CLOSED");
      if (calls === 3) return [];
      throw new KeyFaultError("KEY_PURPOSE");
    },
  });
  const loop = start(t, { keystore });
  const before = performance.now();
  assert.equal((await ask(loop, "sign x")).detail, "signed");
  const waitedMs = performance.now() - before;
  assert.ok(waitedMs >= 3 * limits.retryMs - 5 && waitedMs < limits.tickMs, `${waitedMs}`);
  assert.equal((await ask(loop, "sign y")).detail, "KEY_PURPOSE");
  assert.equal(calls, 4);
});

test("anything else that a keystore throws ends the loop", async (t) => {
  const bug = new Error("bug");
  const loop = start(t, { keystore: keystoreOf({ create: () => Promise.reject(bug) }) });
  loop.ask(bytesOf("create x"), () => assert.fail());
  await assert.rejects(loop.ended, bug);
});

test("more than the queue holds is refused at once, with a receipt", async (t) => {
  const gate = journalOf(true);
  const loop = start(t, { journal: gate.journal });
  await soon();
  for (let at = 0; at < limits.queue; at++) loop.ask(bytesOf("ask a"), () => true);
  assert.equal((await ask(loop, "ask b")).code, "OVERLOADED");
  gate.release();
  await soon();
  assert.equal((await ask(loop, "ask c")).code, "OK");
});

test("what the host answers itself says nothing of what is not durable", async (t) => {
  const gate = journalOf(true);
  const deployment = (world: World) => (world.log.includes("found") ? ("ef".repeat(32) as Hash) : null);
  const loop = start(t, { journal: gate.journal, mind: { ...mind, deployment } });
  await soon();
  gate.release();
  await soon();
  const founding = ask(loop, "note found");
  await soon();
  const answer = (text: string) =>
    new Promise<Receipt>((resolve) => {
      const heard = (bytes: Uint8Array) => resolve(decode(Receipt, decode(Signed, bytes).body));
      loop.answer(bytesOf(text), refusal("OVERLOADED", "", ""), heard);
    });
  const { head, deployment: early } = await answer("meanwhile");
  assert.deepEqual([head.seq, early], [1, "00".repeat(32)]);
  gate.release();
  assert.equal((await founding).head.seq, 2);
  assert.deepEqual([(await answer("later")).head.seq, (await answer("later")).deployment], [2, "ef".repeat(32)]);
});

test("what comes by console or file is decided although a flood fills the queue, and before it", async (t) => {
  const gate = journalOf(true);
  const loop = start(t, { journal: gate.journal });
  await soon();
  const heard: string[] = [];
  for (let at = 0; at < limits.queue; at++) loop.ask(bytesOf("ask flood"), () => heard.push("flood"));
  assert.equal((await ask(loop, "ask more")).code, "OVERLOADED");
  loop.askFirst(bytesOf("ask freeze"), (bytes) => heard.push(decode(Receipt, decode(Signed, bytes).body).detail));
  gate.release();
  await soon();
  assert.equal(heard[0], "freeze");
});

test("the boot is decided before whatever comes first", async (t) => {
  const loop = start(t);
  loop.askFirst(bytesOf("note freeze"), () => true);
  await soon();
  assert.deepEqual(loop.state.log, ["booted", "freeze"]);
});

test("however dear each question is, whoever else needs the event loop gets his turn", async (t) => {
  const dear: Mind<World> = {
    ...mind,
    decide(state, input) {
      const until = performance.now() + ("command" in input ? limits.batchMs / 2 : 0);
      while (performance.now() < until);
      return mind.decide(state, input);
    },
  };
  const loop = start(t, { mind: dear });
  let answered = 0;
  for (let at = 0; at < 60; at++) {
    loop.ask(bytesOf("ask flood"), () => {
      answered += 1;
    });
  }
  await soon();
  const before = answered;
  await new Promise<void>((resolve) => loop.askFirst(bytesOf("ask freeze"), () => resolve()));
  assert.ok(before < 60 && answered - before <= 6, `${answered - before} came before the freeze`);
});

test("more than may wait are refused although the job goes on", async (t) => {
  const { keystore, finish } = slowKeystore();
  const loop = start(t, { keystore });
  let heard = 0;
  const asker = () => {
    heard += 1;
  };
  for (let at = 0; at < limits.waiting; at++) {
    loop.ask(bytesOf("sign x"), asker);
    if (at % 1000 === 999) await soon();
  }
  assert.equal((await ask(loop, "join x")).code, "OVERLOADED");
  finish();
  await soon();
  assert.equal(heard, limits.waiting);
  const again = ask(loop, "sign z");
  await soon();
  finish();
  assert.equal((await again).code, "OK");
});

test("a stop ends the batch that is under way and gives up what a keystore still does", async (t) => {
  const gate = journalOf(true);
  const { keystore, seen, finish } = slowKeystore();
  const loop = start(t, { journal: gate.journal, keystore, state: { log: [], jobs: [idOf("old")] } });
  await soon();
  gate.release();
  await soon();
  const answered = ask(loop, "note a");
  await soon();
  const stopped = loop.stop();
  gate.release();
  await stopped;
  await loop.ended;
  assert.equal((await answered).detail, "a");
  assert.equal(seen.aborted, true);
  finish();
  await soon();
  assert.deepEqual(loop.state.log, ["booted", "a"]);
});

test("the mark follows the first sync before anything else, and is made again at the end where more was written", async (t) => {
  const { journal } = journalOf();
  const marks: number[] = [];
  const mark = async ({ sequence }: { sequence: number }) => {
    marks.push(sequence);
  };
  const loop = start(t, { journal, mark, suspicion: "behind" });
  await soon();
  assert.deepEqual(marks, [1]);
  await ask(loop, "note a");
  await loop.stop();
  await loop.stop();
  assert.deepEqual(marks, [1, 2]);
  const idle = start(t, { journal: journalOf().journal, mark });
  await soon();
  await idle.stop();
  assert.deepEqual(marks, [1, 2, 1], "nothing more was written");
  const early = start(t, { journal: journalOf().journal, mark });
  await early.stop();
  assert.deepEqual(marks, [1, 2, 1], "a start that is not durable is not marked");
});

test("a mark that cannot be made ends the loop, at its start before any effect, and at its end", async (t) => {
  const broken = start(t, {
    mark: () => Promise.reject(new Fault("JOURNAL_WRITE", "EIO")),
    state: { log: [], jobs: [idOf("old")] },
  });
  await assert.rejects(broken.ended, { code: "JOURNAL_WRITE" });
  let times = 0;
  const mark = () => (times++ === 0 ? Promise.resolve() : Promise.reject(new Fault("JOURNAL_WRITE", "EIO")));
  const loop = start(t, { mark });
  await soon();
  await ask(loop, "note a");
  const ended = assert.rejects(loop.ended, { code: "JOURNAL_WRITE" });
  await loop.stop();
  await ended;
});
