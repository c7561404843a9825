import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Hash } from "@strongroom/core/bytes";
import { ExecutionBody } from "@strongroom/core/protocol/command";
import { Approval } from "@strongroom/core/signed/approval";
import type { Nonce } from "@strongroom/core/signed/fields";
import { Intent } from "@strongroom/core/signed/intent";
import { encode, idOf, Signed } from "@strongroom/core/signed/object";
import {
  addApproval,
  closeRequest,
  closingOf,
  createRequest,
  findRequest,
  keepExecution,
  listRequests,
  loadRequest,
  rivalsOf,
  versionOf,
} from "./requests.ts";

const home = await mkdtemp(join(tmpdir(), "strongroom-requests-"));
after(() => rm(home, { recursive: true, force: true }));
const hash = (byte: number) => byte.toString(16).padStart(2, "0").repeat(32) as Hash;

function intent(reference: string): Uint8Array {
  const common = {
    version: 1,
    deployment: hash(1),
    initiator: hash(2),
    purpose: "",
    notAfter: 5,
    nonce: "00".repeat(16) as Nonce,
  };
  return encode(Intent, { ...common, reference, kind: "unfreeze", freeze: hash(3) });
}

function approval(subject: Hash, key: Hash, notAfter = 5): Uint8Array {
  const body = encode(Approval, {
    version: 1,
    deployment: hash(1),
    vault: hash(4),
    rulebook: hash(5),
    epoch: 1,
    subject,
    renderer: 1,
    textHash: hash(6),
    decision: "approve",
    key,
    notAfter,
    head: { seq: 1, hash: hash(7) },
    boot: hash(8),
  });
  return encode(Signed, { body, signatures: [{ key, signature: new Uint8Array(64) }] });
}

test("a request is made once, found by id and by its first digits", async () => {
  const bytes = intent("one");
  const made = await createRequest(home, bytes);
  assert.equal(made.id, idOf(Intent, bytes));
  assert.equal((await createRequest(home, bytes)).id, made.id);
  assert.equal((await loadRequest(home, made.id.slice(0, 8))).id, made.id);
  assert.equal((await findRequest(home, made.id))?.id, made.id);
  assert.equal(await findRequest(home, hash(9)), null);
  for (const name of ["", "abc", hash(9), hash(9).slice(0, 10), "../../x"]) {
    await assert.rejects(loadRequest(home, name), { code: "REQUEST_MISSING" });
  }
});

test("one key has one approval; a newer one takes its place", async () => {
  const made = await createRequest(home, intent("two"));
  await addApproval(made, approval(made.id, hash(10)));
  await addApproval(made, approval(made.id, hash(11)));
  const now = await addApproval(made, approval(made.id, hash(10), 9));
  assert.deepEqual(
    now.approvals.map((item) => [item.approval.key, item.approval.notAfter]),
    [
      [hash(10), 9],
      [hash(11), 5],
    ],
  );
});

test("what a crash leaves half-made is not seen, and making it again mends it", async () => {
  const bytes = intent("three");
  const id = idOf(Intent, bytes);
  const half = join(home, "requests", `.${id}.new`);
  await mkdir(join(half, "approvals"), { recursive: true });
  await writeFile(join(half, "intent.cbor"), bytes.subarray(0, 10));
  assert.equal(await findRequest(home, id), null);
  const before = (await listRequests(home)).length;
  assert.equal((await createRequest(home, bytes)).id, id);
  assert.equal((await listRequests(home)).length, before + 1);
  assert.ok((await readdir(join(home, "requests"))).every((name) => !name.startsWith(".")));
});

test("a folder whose intent was exchanged is refused", async () => {
  const made = await createRequest(home, intent("four"));
  await writeFile(join(made.folder, "intent.cbor"), intent("five"));
  await assert.rejects(loadRequest(home, made.id), { code: "FILE_UNFIT" });
  await rename(made.folder, join(home, "away"));
});

test("a closed request says why", async () => {
  const made = await createRequest(home, intent("six"));
  assert.equal(await closingOf(made), null);
  await closeRequest(made, "carried out");
  assert.equal(await closingOf(made), "carried out");
});

test("the paying address's index is kept, and a damaged one is refused", async () => {
  assert.equal((await createRequest(home, intent("seven"))).index, 0);
  const made = await createRequest(home, intent("eight"), 3);
  assert.equal((await loadRequest(home, made.id)).index, 3);
  await writeFile(join(made.folder, "index"), "-1\n");
  await assert.rejects(loadRequest(home, made.id), { code: "FILE_UNFIT" });
  await rename(made.folder, join(home, "spoilt"));
});

test("versions of one transaction are found by the slot that they hold", async () => {
  const sign = async (reference: string, slot: string) => {
    const made = await createRequest(home, intent(reference));
    const transaction = { intent: made.id, id: `0x${reference}`, raw: Uint8Array.of(2), from: "0x", slots: [slot] };
    return keepExecution(made, encode(ExecutionBody, { job: hash(1), state: "signed", transactions: [transaction] }));
  };
  const [first, second, other] = [await sign("nine", "a:1"), await sign("ten", "a:1"), await sign("eleven", "a:2")];
  const ids = async (request: typeof first) => (await rivalsOf(home, request)).map((rival) => rival.request.id);
  assert.deepEqual(await ids(first), [second.id]);
  assert.deepEqual(await ids(other), []);
  assert.equal(versionOf(second)?.transaction.id, "0xten");
  const unsigned = await createRequest(home, intent("twelve"));
  assert.deepEqual([versionOf(unsigned), await ids(unsigned)], [null, []]);
});
