/** The server shows one auditor a log with an event and another auditor one without it, or takes back what it has published:
 *  each of them asks for a checkpoint that the vault has signed, and the vault signs one history only. */
import assert from "node:assert/strict";
import { emptyRoot } from "../../core/src/audit/tree.ts";
import { type Hash, toHex } from "../../core/src/bytes.ts";
import type { RefusalCode } from "../../core/src/errors.ts";
import { openRecord } from "../../core/src/journal/record.ts";
import type { CommandOf } from "../../core/src/protocol/command.ts";
import { Checkpoint } from "../../core/src/signed/checkpoint.ts";
import { Head } from "../../core/src/signed/head.ts";
import { decode } from "../../core/src/signed/object.ts";
import { CHECKPOINT_WINDOW_MS, MAX_CHECKPOINTS } from "../../vault/src/limits.ts";
import { add, rollingSpan, unused } from "../../vault/src/state/usage.ts";
import { checkpoint, LOG_NAME, leavesOf, logOf } from "../world/log.ts";
import { type MemoryVault, must, MemoryVault as Vault } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { aside, attacks, besiege, honest, refused } from "./attack.ts";

const NAMES = leavesOf(11);
const LOG = logOf(NAMES);
/** The size that was signed last, and the next one. */
const LAST = 6;
const NEXT = 11;

/** A vault that has signed the first six leaves. */
function logged(): MemoryVault {
  const { vault } = besiege();
  must(vault.send(checkpoint(LOG, { last: 0, size: LAST })));
  return vault;
}

/** The names with leaf `at` changed. */
const rewritten = (at: number) => logOf(NAMES.with(at, "forged"));

const FORKS: readonly (readonly [string, CommandOf<"checkpoint">])[] = [
  ...[0, 3, 5].map(
    (at) =>
      [
        `leaf ${at} is rewritten, with the proof of the rewritten log`,
        checkpoint(rewritten(at), { last: LAST, size: NEXT }),
      ] as const,
  ),
  [
    "a signed leaf is rewritten, with the proof of the true log",
    checkpoint(LOG, { last: LAST, size: NEXT }, { root: rewritten(2).root(NEXT) }),
  ],
  ["a leaf is left out", checkpoint(logOf(NAMES.toSpliced(4, 1)), { last: 5, size: 10 })],
  ["a leaf is put in", checkpoint(logOf(NAMES.toSpliced(4, 0, "forged")), { last: LAST, size: 12 })],
  ["two leaves change places", checkpoint(logOf(NAMES.with(1, "leaf 2").with(2, "leaf 1")), { last: LAST, size: NEXT })],
  ["the log begins anew", checkpoint(logOf(["new", ...NAMES]), { last: 0, size: NEXT })],
  ["no proof", checkpoint(LOG, { last: LAST, size: NEXT }, { proof: [] })],
  ["the proof from an older size", checkpoint(LOG, { last: 5, size: NEXT })],
  ["the proof to an older size", checkpoint(LOG, { last: LAST, size: NEXT }, { proof: LOG.proof(LAST, 10) })],
  ["a proof that is too short", checkpoint(LOG, { last: LAST, size: NEXT }, { proof: LOG.proof(LAST, NEXT).slice(1) })],
  ["a proof that is too long", checkpoint(LOG, { last: LAST, size: NEXT }, { proof: [...LOG.proof(LAST, NEXT), world.ZERO] })],
  ["the same size, another root", checkpoint(rewritten(5), { last: LAST, size: LAST })],
  ["the same size and root with a proof", checkpoint(LOG, { last: LAST, size: LAST }, { proof: [LOG.root(LAST)] })],
];

attacks("the log is rewritten below what was signed", () => {
  const vault = logged();
  honest(vault, () => vault.send(checkpoint(LOG, { last: LAST, size: NEXT })));
  for (const [how, command] of FORKS) refused(vault, "LOG_FORKED", how, () => vault.send(command));
});

attacks("the log is shortened", () => {
  const vault = logged();
  for (let size = 0; size < LAST; size++) {
    const root = size === 0 ? (toHex(emptyRoot()) as Hash) : LOG.root(size);
    for (const proof of [[], LOG.proof(size, LAST)])
      refused(vault, "LOG_SHRUNK", `to ${size}`, () => vault.send(checkpoint(LOG, { last: 0, size }, { root, proof })));
  }
});

attacks("the first checkpoint states an impossible tree", () => {
  const { vault } = besiege();
  const none = toHex(emptyRoot()) as Hash;
  honest(vault, () => vault.send(checkpoint(LOG, { last: 0, size: 0 }, { root: none })));
  refused(vault, "LOG_FORKED", "no leaves, some root", () =>
    vault.send(checkpoint(LOG, { last: 0, size: 0 }, { root: world.ZERO })),
  );
  refused(vault, "LOG_FORKED", "a proof from nothing", () =>
    vault.send(checkpoint(LOG, { last: 0, size: NEXT }, { proof: [none] })),
  );
});

attacks("a second log is begun beside the first", () => {
  const vault = logged();
  const names = ["log.example/2", "log.example/1/", "Log.example/1", "log.example"];
  for (const origin of names) {
    for (const size of [0, LAST, NEXT]) {
      const command = checkpoint(LOG, { last: Math.min(size, LAST), size }, { origin });
      refused(vault, "LOG_FOREIGN", `${origin} ${size}`, () => vault.send(command));
    }
  }
  const { vault: fresh } = besiege();
  for (const origin of ["two words", "a+b", " "])
    refused(fresh, "BAD_VALUE", "a name that would be read otherwise", () =>
      fresh.send(checkpoint(LOG, { last: 0, size: LAST }, { origin })),
    );
});

attacks("the vault is started again and asked to forget", () => {
  const vault = logged();
  vault.restart();
  for (const [how, command] of FORKS) refused(vault, "LOG_FORKED", how, () => vault.send(command));
  refused(vault, "LOG_SHRUNK", "five leaves", () => vault.send(checkpoint(LOG, { last: 0, size: 5 })));
  honest(vault, () => vault.send(checkpoint(LOG, { last: LAST, size: NEXT })));
});

attacks("two checkpoints are asked for at once, for two logs that part", () => {
  const vault = logged();
  const [one, other] = [LOG, rewritten(8)];
  must(vault.send(checkpoint(one, { last: LAST, size: NEXT })));
  refused(vault, "LOG_FORKED", "the other log", () => vault.send(checkpoint(other, { last: LAST, size: NEXT })));
  refused(vault, "LOG_FORKED", "the other log, longer", () =>
    vault.send(checkpoint(other, { last: LAST, size: NEXT }, { size: 12 })),
  );
});

attacks("a vault that was rolled back, or is not founded, signs none", () => {
  const vault = logged();
  const head = decode(Head, must(vault.send(world.command({ command: "head" }))).body);
  const lost = world.signValue(Head, { ...head, head: { seq: 999, hash: world.ZERO } }, world.KEYS.vault);
  vault.send(world.command({ command: "witness", head: lost }));
  const codes: readonly [RefusalCode, MemoryVault][] = [
    ["ROLLED_BACK", vault],
    ["NOT_FOUNDED", new Vault()],
  ];
  for (const [code, it] of codes)
    for (const size of [LAST, NEXT]) refused(it, code, `${size}`, () => it.send(checkpoint(LOG, { last: LAST, size })));
});

attacks("the disk is filled with checkpoints", () => {
  const vault = logged();
  const { length } = vault.journal;
  for (let times = 0; times < 50; times++) must(vault.send(checkpoint(LOG, { last: LAST, size: LAST })));
  assert.equal(vault.journal.length, length, "the same again writes nothing");
  const { state } = vault;
  const written = add(unused(true), BigInt(MAX_CHECKPOINTS - 1), rollingSpan(CHECKPOINT_WINDOW_MS, state.at).bucket);
  assert.ok(state.log !== null);
  vault.state = { ...state, log: { ...state.log, written } };
  must(vault.send(checkpoint(LOG, { last: LAST, size: 10 })));
  refused(vault, "TABLE_FULL", "one too many", () => vault.send(checkpoint(LOG, { last: 10, size: NEXT })));
  honest(vault, () => vault.send(checkpoint(LOG, { last: 10, size: 10 })));
  vault.wait(2 * CHECKPOINT_WINDOW_MS);
  honest(vault, () => vault.send(checkpoint(LOG, { last: 10, size: NEXT })));
});

attacks("what is signed is what was asked for, and is written down first", () => {
  const vault = logged();
  const { seq, head: hash, vault: key, deployment } = vault.state;
  aside(vault, () => {
    const answer = must(vault.send(checkpoint(LOG, { last: LAST, size: NEXT })));
    assert.equal(answer.object, "checkpoint");
    const log = { origin: LOG_NAME, size: NEXT, root: LOG.root(NEXT) };
    assert.deepEqual(decode(Checkpoint, answer.body), {
      ...{ version: 1, deployment, vault: key, ...log, at: vault.now.lo, head: { seq, hash } },
    });
    const { version: _, ...record } = openRecord(vault.journal.at(-1) as Uint8Array).value;
    assert.deepEqual(record, { kind: "checkpointed", at: vault.now.lo, ...log });
  });
});
