import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf } from "../../test/sample.ts";
import { fromHex, hash, toHex } from "../bytes.ts";
import { attempt } from "../errors.ts";
import type { Nonce } from "../signed/fields.ts";
import { Intent, type IntentOf } from "../signed/intent.ts";
import { decode, encode, Signed } from "../signed/object.ts";
import { MAX_RULEBOOK_BYTES } from "../signed/rulebook.ts";
import {
  Command,
  FreezeBody,
  MAX_APPROVALS,
  MAX_COMMAND_BYTES,
  MAX_FACTS,
  MAX_INTENTS,
  requestId,
  StatusBody,
  tightens,
} from "./command.ts";

const nonce = "00112233445566778899aabbccddeeff" as Nonce;
const head = { version: 1, nonce } as const;
const some = Uint8Array.of(1);
const intentBase = {
  version: 1,
  deployment: hashOf("deployment"),
  initiator: hashOf("initiator"),
  purpose: "",
  reference: "ref",
  notAfter: 1,
  nonce,
};
const freeze: IntentOf<"freeze"> = { ...intentBase, kind: "freeze", level: "institution", subject: "" };
const retire: IntentOf<"retire"> = { ...intentBase, kind: "retire", name: "acme", hash: hashOf("acme") };
const bytesOf = (intent: Intent) => encode(Intent, intent);

const outcome = (work: () => unknown) => {
  const result = attempt(work);
  return result.ok ? "OK" : `${result.code} ${result.field}`;
};

test("the numbers of commands never change", () => {
  assert.equal(toHex(encode(Command, { ...head, command: "status" })), `a3000101010250${nonce}`);
  assert.equal(toHex(encode(Command, { ...head, command: "head" })), `a30001010a0250${nonce}`);
});

test("every command comes back as it was sent", () => {
  const context = { index: 0, gasLimit: 21_000, maxFeePerGas: 2n, maxPriorityFeePerGas: 1n };
  const commands: Command[] = [
    { ...head, command: "status" },
    { ...head, command: "found", genesis: some, rulebook: some },
    { ...head, command: "execute", orders: [{ intent: some, context }, { intent: some }], approvals: [some], facts: [] },
    {
      ...head,
      command: "explain",
      orders: [
        { intent: some, index: 3 },
        { intent: some, context },
      ],
      approvals: [],
      facts: [],
      draft: some,
    },
    { ...head, command: "register", intent: some, approvals: [] },
    { ...head, command: "object", approval: some },
    { ...head, command: "rulebook", rulebook: some, approvals: [some, some] },
    { ...head, command: "address", wallet: "treasury", index: 2_147_483_647 },
    { ...head, command: "witness", head: some },
    { ...head, command: "inform", facts: [some] },
    { ...head, command: "protections" },
    { ...head, command: "head" },
    { ...head, command: "show", what: "wallet", name: "treasury" },
  ];
  for (const command of commands) assert.deepEqual(decode(Command, encode(Command, command)), command);
  assert.equal(new Set(commands.map((command) => command.command)).size, commands.length);
});

test("a receipt names the hash of the command's bytes", () => {
  const bytes = encode(Command, { ...head, command: "status" });
  assert.equal(requestId(bytes), hash("strongroom/request/1", bytes));
  assert.notEqual(requestId(bytes), requestId(encode(Command, { ...head, command: "head" })));
});

test("every list and every part has a largest size", () => {
  const execute = { ...head, command: "execute", orders: [{ intent: some }], approvals: [], facts: [] } as const;
  const many = <T>(count: number, item: T) => Array.from({ length: count }, () => item);
  const sent = (change: object) => outcome(() => encode(Command, { ...execute, ...change }));
  assert.equal(
    sent({ orders: many(MAX_INTENTS, { intent: some }), approvals: many(MAX_APPROVALS, some), facts: many(MAX_FACTS, some) }),
    "OK",
  );
  assert.equal(sent({ orders: [] }), "BAD_VALUE request.orders");
  assert.equal(sent({ orders: many(MAX_INTENTS + 1, { intent: some }) }), "TOO_LARGE request.orders");
  assert.equal(sent({ approvals: many(MAX_APPROVALS + 1, some) }), "TOO_LARGE request.approvals");
  assert.equal(sent({ facts: many(MAX_FACTS + 1, some) }), "TOO_LARGE request.facts");
  assert.equal(sent({ approvals: [new Uint8Array(4097)] }), "TOO_LARGE request.approvals.0");
  assert.equal(sent({ orders: [{ intent: new Uint8Array(0) }] }), "BAD_VALUE request.orders.0.intent");
  assert.equal(sent({ orders: [{ intent: new Uint8Array(65_537) }] }), "TOO_LARGE request.orders.0.intent");
  assert.equal(sent({ orders: many(21, { intent: new Uint8Array(65_536) }) }), "TOO_LARGE request");
  assert.equal(
    outcome(() => decode(Command, new Uint8Array(MAX_COMMAND_BYTES + 1))),
    "TOO_LARGE request",
  );
  const index = { ...head, command: "address", wallet: "treasury", index: 2_147_483_648 } as const;
  assert.equal(
    outcome(() => encode(Command, index)),
    "BAD_VALUE request.index",
  );
});

test("the largest rulebook fits into a command with its signatures", () => {
  const signature = { key: hashOf("key"), signature: new Uint8Array(64) };
  const signed = encode(Signed, {
    body: new Uint8Array(MAX_RULEBOOK_BYTES),
    signatures: Array.from({ length: 32 }, () => signature),
  });
  const approvals = Array.from({ length: 100 }, () => new Uint8Array(4096));
  assert.equal(
    outcome(() => encode(Command, { ...head, command: "rulebook", rulebook: signed, approvals })),
    "OK",
  );
});

test("the fullest status and the longest list of live transactions fit", () => {
  const one = { intent: hashOf("freeze"), level: "destination", subject: "a".repeat(90), officer: "o".repeat(32) } as const;
  const freezes = Array.from({ length: 1024 }, () => one);
  assert.equal(
    outcome(() => encode(StatusBody, { genesis: new Uint8Array(65_536), freezes, live: 1 })),
    "OK",
  );
  const live = Array.from({ length: 4096 }, () => ({ intent: hashOf("pay"), id: `0x${"ab".repeat(32)}` }));
  assert.ok(encode(FreezeBody, { intent: hashOf("freeze"), live }).length < 1_048_576);
});

const executing = (...intents: readonly Uint8Array[]) =>
  encode(Command, { ...head, command: "execute", orders: intents.map((intent) => ({ intent })), approvals: [], facts: [] });

test("console and file take an objection or a freeze", () => {
  assert.equal(tightens(encode(Command, { ...head, command: "object", approval: some })), true);
  assert.equal(tightens(executing(bytesOf(freeze))), true);
});

test("console and file take nothing else", () => {
  assert.equal(tightens(executing(bytesOf(retire))), false);
  assert.equal(tightens(executing(bytesOf(freeze), bytesOf(retire))), false);
  assert.equal(tightens(executing(bytesOf({ ...intentBase, kind: "unfreeze", freeze: hashOf("freeze") }))), false);
  assert.equal(tightens(executing(some)), false);
  assert.equal(tightens(encode(Command, { ...head, command: "register", intent: bytesOf(freeze), approvals: [] })), false);
  for (const command of ["status", "head", "protections"] as const)
    assert.equal(tightens(encode(Command, { ...head, command })), false);
  assert.equal(tightens(new Uint8Array(0)), false);
  assert.equal(tightens(fromHex("f6")), false);
});
