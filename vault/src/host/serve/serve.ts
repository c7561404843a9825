/** Everything through which a running vault is reached, opened together and closed together; and how it comes to an end: by
 *  SIGTERM, by the end of whoever started it, or because something failed. */

import { attempt } from "@strongroom/core/errors";
import { type Command, Command as CommandKind, ProtectionsBody } from "@strongroom/core/protocol/command";
import { decode, encode } from "@strongroom/core/signed/object";
import { EXIT, Fault } from "../fault.ts";
import type { Protection } from "../launch/protections.ts";
import { limits } from "../limits.ts";
import type { Asker, Loop } from "../run.ts";
import { type Lines, serveConsole } from "./console.ts";
import { type Door, watchIntake } from "./intake.ts";
import { listen } from "./socket.ts";

export type Openings<State> = {
  readonly loop: Loop<State>;
  readonly tightens: (request: Uint8Array) => boolean;
  readonly measure: () => Promise<Protection[]>;
  readonly data: string;
  readonly socket: { readonly path: string; readonly mode: 0o600 | 0o660 } | null;
  /** Lines of the console, whose end ends the vault; null when nobody is there. */
  readonly lines: Lines | null;
  readonly write: (line: string) => void;
};

/** Serves until something ends it. `ready` is called once everything is open. Fails: what ended it, unless it was asked to. */
export async function serveUntilEnd<State>(openings: Openings<State>, ready: () => void): Promise<void> {
  const { loop, data, socket, lines, write } = openings;
  const ask = hostAnswers(openings);
  const door: Door = {
    ask: (request, asker) => loop.askFirst(request, asker),
    answer: (request, reply, asker) => loop.answer(request, reply, asker),
    tightens: openings.tightens,
  };
  const end = Promise.withResolvers<void>();
  let isOver = false;
  const stop = () => {
    isOver = true;
    end.resolve();
  };
  const fail = (error: unknown) => {
    isOver = true;
    end.reject(error);
  };
  loop.ended.then(stop, fail);
  // From here on somebody hears of the end, even while the socket is being opened.
  const over = Promise.allSettled([end.promise]);

  const server = socket === null ? null : await listen({ ...socket, ask });
  const intake = watchIntake(data, door, fail);
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) stop();
  }, limits.parentMs);
  const signals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, stop);
  // Whatever nobody caught is a bug, and nothing is answered after it.
  const bug = (error: unknown) => loop.fail(error);
  process.on("uncaughtException", bug);
  if (lines !== null) serveConsole(lines, door, write).then(stop, fail);
  if (!isOver) ready();
  try {
    await end.promise;
  } finally {
    // Whatever hangs, the process ends.
    const deadline = setTimeout(() => process.exit(EXIT.fatal), limits.stopMs);
    clearInterval(watch);
    intake.stop();
    for (const signal of signals) process.off(signal, stop);
    process.off("uncaughtException", bug);
    await loop.stop();
    await server?.close();
    await over;
    clearTimeout(deadline);
  }
  // Writing how far the journal goes may have failed at the very end.
  await loop.ended;
}

/** The loop's `ask`, but for what only the host knows: which protections hold. */
function hostAnswers<State>({ loop, measure }: Openings<State>): (request: Uint8Array, asker: Asker) => void {
  let measured: Promise<Uint8Array> | null = null;
  const body = async () => encode(ProtectionsBody, { protections: await measure() });
  return (request, asker) => {
    if (!asksForProtections(request)) {
      loop.ask(request, asker);
      return;
    }
    // Whoever asks while it is being measured hears the same.
    measured ??= body().finally(() => {
      measured = null;
    });
    measured.then(
      (bytes) => loop.answer(request, { code: "OK", field: "", detail: "", body: bytes }, asker),
      (error: unknown) => loop.fail(new Fault("BUG", "The protections cannot be measured.", error)),
    );
  };
}

/** Only a small request can be this one, so that large ones are not parsed twice. */
function asksForProtections(request: Uint8Array): boolean {
  if (request.length > limits.smallBytes) return false;
  const parsed = attempt<Command>(() => decode(CommandKind, request));
  return parsed.ok && parsed.value.command === "protections";
}
