/** Where a demonstration plays: the session, the node, everybody's keys, and the list of steps with their times. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Hash } from "@strongroom/core/bytes";
import { type Client, openClient } from "@strongroom/sdk/client";
import type { Execution } from "@strongroom/sdk/contract/requests";
import { decide, initiate } from "@strongroom/sdk/device/decision";
import type { Asks } from "@strongroom/sdk/device/make";
import { openRequest, type Shown, shortId } from "@strongroom/sdk/device/show";
import type { Node } from "../chain/evm.ts";
import { readToken, tokenPath } from "../desk/reach.ts";
import { failureOf, fault, Told } from "../faults.ts";
import { limits } from "../limits.ts";
import { detailWords } from "../vault/advice.ts";
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
    if (error instanceof Told && error.code === code) return `${error.field}: ${detailWords(error.field, error.detail, null)}`;
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
  /** The server as the folder's own user. */
  readonly server: Client;
  /** The server as this person. */
  as(name: string): Promise<Client>;
};

/** The server as each person, with his own token. */
export function openPeople(home: string, url: string): Stage["as"] {
  const opened = new Map<string, Promise<Client>>();
  const open = async (name: string): Promise<Client> => {
    const path = tokenPath(home, name);
    return openClient({ url, token: (await readToken(path)) ?? fault("NO_TOKEN", path, "there is no such file") });
  };
  return (name) => {
    const known = opened.get(name) ?? open(name);
    opened.set(name, known);
    return known;
  };
}

/** Who asks, as the library's makers of intents take him. */
export async function byPerson(stage: Stage, name: string, purpose: string): Promise<Asks> {
  return { known: stage.session, signer: await stage.keys(name), words: { purpose } };
}

/** A request of a person, with the text that he was shown. */
export async function requestBy(stage: Stage, name: string, shown: Shown): Promise<Shown> {
  const body = await initiate(stage.session, await stage.keys(name), shown);
  await (await stage.as(name)).call("requests.create", { body });
  return shown;
}

/** One more approval, given after the server's bytes have been rendered anew on the approver's device. */
export async function approveBy(stage: Stage, name: string, id: Hash): Promise<void> {
  const client = await stage.as(name);
  const asked = await client.call("requests.get", { params: { id } });
  if (asked.id !== id) fault("REQUEST_FORGED", "request.id", "it is another request than was asked for");
  const shown = openRequest(stage.session, asked);
  const body = await decide(stage.session, await stage.keys(name), { shown, decision: "approve" });
  await client.call("requests.decide", { params: { id }, body });
}

/** Waits until `look` gives something. Fails: STEP_FAILED. */
export async function until<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  for (const since = performance.now(); performance.now() - since < limits.patienceMs; await sleep(limits.pollFirstMs * 2)) {
    const found = await look();
    if (found !== null) return found;
  }
  fault("STEP_FAILED", what, `it did not happen within ${limits.patienceMs / 1_000} s`);
}

/** Waits until a request is carried out that touches no chain. Fails: STEP_FAILED, with what the vault said to it last. */
export async function carriedOut(stage: Stage, id: Hash): Promise<void> {
  await until(`request ${shortId(id)} is carried out`, async () => {
    const { state, answer } = await stage.server.call("requests.get", { params: { id } });
    if (state !== "consumed" && state !== "open") fault("STEP_FAILED", id, `it is ${state}: ${answer?.code ?? ""}`);
    return state === "consumed" || null;
  });
}

/** Waits for the vault's answer to a request, and fails with it once it is this one. Gives nothing when the vault did not
 *  refuse. Fails: `Told`, STEP_FAILED. */
export async function refusalTo(stage: Stage, id: Hash, code: string): Promise<void> {
  const answer = await until(`the vault answers ${code}`, async () => {
    const { state, answer: said, decisions } = await stage.server.call("requests.get", { params: { id } });
    if (state === "consumed") return { code: "OK", field: "", detail: "" };
    const isNew = said !== null && decisions.every(({ createdAt }) => createdAt <= said.at);
    return isNew && said.code === code ? said : null;
  });
  if (answer.code === code) throw new Told(answer);
}

/** Waits until an execution of a request is as it should be. */
export function executionOf(stage: Stage, id: Hash, is: (execution: Execution) => boolean): Promise<Execution> {
  return until(`request ${shortId(id)} is on its way`, async () => {
    const { items } = await stage.server.call("executions.list", { query: { request: id } });
    return items.find(is) ?? null;
  });
}
