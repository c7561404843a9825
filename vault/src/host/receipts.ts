/** The vault's signed answers: what `decide` answers, or the host itself refuses, becomes a receipt under the identity key.
 *
 *  Decides nothing. Layouts are in core (`signed/receipt.ts`, `signed/object.ts`). */
import { createHash } from "node:crypto";
import { formatCheckpoint } from "@strongroom/core/audit/note";
import { type Hash, toHex } from "@strongroom/core/bytes";
import type { RefusalCode } from "@strongroom/core/errors";
import { CheckpointBody, Command } from "@strongroom/core/protocol/command";
import { Attestation } from "@strongroom/core/signed/attestation";
import { Checkpoint } from "@strongroom/core/signed/checkpoint";
import { Head } from "@strongroom/core/signed/head";
import { decode, encode, type Kind, Signed } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import type { Answer } from "../types.ts";
import type { Identity } from "./keys/software.ts";

/** Where the vault stood when it answered: journal position and lower bound of the time. */
export type Stand = {
  readonly deployment: Hash | null;
  readonly seq: number;
  readonly chain: Hash;
  readonly at: number;
};
export type Reply = Omit<Answer, "to">;

const NO_DEPLOYMENT = "00".repeat(32) as Hash;
const NO_BODY = new Uint8Array(0);
const OBJECTS = { head: Head, attestation: Attestation, checkpoint: Checkpoint } as const;

/** Core's tagged hash in native code, because a command may be large. */
export function taggedHash(tag: string, bytes: Uint8Array): Buffer {
  return createHash("sha256").update(Uint8Array.of(tag.length)).update(tag, "latin1").update(bytes).digest();
}

/** What a receipt's `request` names; the same as core's `requestId`. */
export function requestHash(request: Uint8Array): Hash {
  return toHex(taggedHash(Command.tag, request)) as Hash;
}

/** A refusal that the host gives itself. */
export function refusal(code: RefusalCode, field: string, detail: string): Reply {
  return { code, field, detail, body: NO_BODY };
}

/** Makes the signed receipt of one boot. */
export function receiptsOf(identity: Identity, boot: Hash) {
  const signed = (kind: Kind<unknown>, body: Uint8Array): Uint8Array => {
    const signature = identity.sign(taggedHash(kind.tag, body));
    return encode(Signed, { body, signatures: [{ key: identity.id, signature }] });
  };
  const bodyOf = ({ object, body }: Reply): Uint8Array => {
    if (object === undefined) return body;
    const whole = signed(OBJECTS[object] as Kind<unknown>, body);
    if (object !== "checkpoint") return whole;
    const text = formatCheckpoint(decode(Checkpoint, body));
    return encode(CheckpointBody, { checkpoint: whole, note: identity.signCheckpoint(text) });
  };
  return (request: Hash, reply: Reply, stand: Stand): Uint8Array => {
    const { code, field, detail } = reply;
    const body = bodyOf(reply);
    const head = { seq: stand.seq, hash: stand.chain };
    const deployment = stand.deployment ?? NO_DEPLOYMENT;
    const receipt = { deployment, vault: identity.id, boot, request, code, field, detail, head, at: stand.at, body };
    return signed(Receipt as Kind<unknown>, encode(Receipt, { version: 1, ...receipt }));
  };
}
export type Receipts = ReturnType<typeof receiptsOf>;
