/** Where a demonstration plays: the session, the node, everybody's keys, and the list of steps with their times. */

import { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf } from "@strongroom/core/signed/object";
import { makeIntent, signDecision } from "@strongroom/sdk/device/decision";
import { textOf } from "@strongroom/sdk/device/show";
import { VaultRefused } from "@strongroom/sdk/vault/session";
import type { Node } from "../chain/evm.ts";
import { addApproval, closeRequest, createRequest, type Request } from "../device/requests.ts";
import { failureOf, fault } from "../faults.ts";
import { detailWords } from "../vault/advice.ts";
import { execute } from "../vault/execute.ts";
import type { Session } from "../vault/session.ts";
import type { Keys } from "./ceremony.ts";

/** One line of the demonstration. `code`: OK, or the refusal that was expected, or what came instead. */
export type Step = {
  readonly name: string;
  readonly label: string;
  readonly ms: number;
  readonly ok: boolean;
  readonly code: string;
  readonly detail: string;
  readonly hash?: string;
  /** A text that was shown to whoever signed. */
  readonly shown?: string;
};

/** What the work of a step came to, for its line. */
export type Outcome = { readonly detail: string; readonly hash?: string; readonly shown?: string };

export type Steps = {
  readonly list: Step[];
  /** Does the work and notes the line. Fails: INTERRUPTED, and whatever the work fails with. */
  take(name: string, label: string, work: () => Promise<Outcome>): Promise<void>;
  /** As `take`, for work that the vault must refuse with `code`. Fails: STEP_FAILED when it does not. */
  refused(name: string, label: string, code: string, work: () => Promise<unknown>): Promise<void>;
};

/** `show` prints a line as soon as it is there; `stopped` says whether to go on. */
export function openSteps(show: (step: Step) => void, stopped: () => boolean): Steps {
  const list: Step[] = [];
  const note = (step: Step) => {
    list.push(step);
    show(step);
  };
  const timed = async (name: string, label: string, work: () => Promise<Outcome & { code: string }>): Promise<void> => {
    if (stopped()) fault("INTERRUPTED", name, "a signal came");
    const since = performance.now();
    try {
      const { code, ...outcome } = await work();
      note({ name, label, ms: performance.now() - since, ok: true, code, ...outcome });
    } catch (error) {
      const code = failureOf(error).code;
      note({
        name,
        label,
        ms: performance.now() - since,
        ok: false,
        code,
        detail: error instanceof Error ? error.message : String(error),
      });
      throw error;
    }
  };
  return {
    list,
    take: (name, label, work) => timed(name, label, async () => ({ ...(await work()), code: "OK" })),
    refused: (name, label, code, work) => timed(name, label, async () => ({ code, detail: await refusalOf(name, code, work) })),
  };
}

async function refusalOf(name: string, code: string, work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof VaultRefused && error.receipt.code === code) {
      const { field, detail } = error.receipt;
      return `${field}: ${detailWords(field, detail, null)}`;
    }
    throw error;
  }
  fault("STEP_FAILED", name, `the vault did not refuse; ${code} was expected`);
}

export type Stage = {
  readonly home: string;
  readonly session: Session;
  readonly node: Node;
  readonly keys: Keys;
  readonly steps: Steps;
};

type Content = Parameters<typeof makeIntent>[2];

/** A new request, signed by its initiator, and the text that he was shown. */
export async function requestBy(
  stage: Stage,
  name: string,
  content: Content,
  purpose: string,
): Promise<{ request: Request; shown: string }> {
  const key = await stage.keys(name);
  const bytes = makeIntent(stage.session, key, content, { purpose });
  const shown = textOf(stage.session, decode(Intent, bytes));
  const made = await createRequest(stage.home, bytes);
  const { intent } = made;
  const it = { subject: idOf(Intent, bytes), text: shown, decision: "initiate", notAfter: intent.notAfter } as const;
  return { request: await addApproval(made, await signDecision(stage.session, key, it)), shown };
}

/** The request with one more approval. */
export async function approveBy(stage: Stage, name: string, request: Request): Promise<Request> {
  const text = textOf(stage.session, request.intent);
  const it = { subject: request.id, text, decision: "approve", notAfter: request.intent.notAfter } as const;
  return addApproval(request, await signDecision(stage.session, await stage.keys(name), it));
}

/** Carries out what touches no chain. Fails: `VaultRefused`. */
export async function settleRequest(stage: Stage, request: Request): Promise<void> {
  await execute(stage.session, request, {});
  await closeRequest(request, "carried out");
}
