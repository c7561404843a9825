/** What a source has stated, in a file that only grows: a statement is written down before it is sent, so that after a
 *  crash the very same bytes are sent again, and nothing is ever stated twice or otherwise.
 *
 *  One JSON object a line: `{subject, says, fact}` for a statement, `{sent}` with its subject once the server has it. */
import { open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder, parseJson } from "../../device/files.ts";
import { fault, systemCode, systemWords } from "../../faults.ts";

/** `says`: what was stated, for comparison. `fact`: the signed bytes. */
export type Statement = { readonly subject: string; readonly says: string; readonly fact: Uint8Array };

export type Statements = {
  /** What was last stated on a subject, or null. */
  saidOn(subject: string): string | null;
  /** Statements that the server may not have yet, the oldest first. */
  unsent(): readonly Statement[];
  /** Writes a statement down. */
  add(statement: Statement): Promise<void>;
  /** Notes that the server has it. */
  sent(statement: Statement): Promise<void>;
  close(): Promise<void>;
};

/** Statements about a moment: one that a crash kept from being sent is not sent later. */
export function openMoments(): Statements {
  const [said, waiting] = [new Map<string, string>(), new Map<string, Statement>()];
  return {
    saidOn: (subject) => said.get(subject) ?? null,
    unsent: () => [...waiting.values()],
    async add(statement) {
      said.set(statement.subject, statement.says);
      waiting.set(statement.subject, statement);
    },
    async sent({ subject }) {
      waiting.delete(subject);
    },
    close: async () => undefined,
  };
}

/** Opens the file, made where it is missing. A last line that a crash has cut off is left out. Fails: FILE_UNFIT,
 *  HOME_UNFIT. */
export async function openStatements(path: string): Promise<Statements> {
  await makeFolder(dirname(path));
  const text = await readText(path);
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const said = new Map<string, string>();
  const waiting = new Map<string, Statement>();
  for (const [at, line] of whole.split("\n").entries()) if (line !== "") take(line, at);
  const file = await open(path, "a", 0o600).catch((error: unknown) =>
    fault("HOME_UNFIT", path, `it cannot be written: ${systemWords(error)}`, error),
  );
  if (whole.length < text.length) await file.truncate(Buffer.byteLength(whole));

  function take(line: string, at: number): void {
    const { sent, subject, says, fact } = parsed(line, `${path}:${at + 1}`);
    if (sent !== undefined) waiting.delete(sent);
    else note({ subject, says, fact: new Uint8Array(Buffer.from(fact, "base64")) });
  }
  function note(statement: Statement): void {
    said.set(statement.subject, statement.says);
    waiting.set(statement.subject, statement);
  }
  const write = async (line: object) => {
    await file.writeFile(`${JSON.stringify(line)}\n`);
    await file.sync();
  };
  return {
    saidOn: (subject) => said.get(subject) ?? null,
    unsent: () => [...waiting.values()],
    async add(statement) {
      const { subject, says, fact } = statement;
      await write({ subject, says, fact: Buffer.from(fact).toString("base64") });
      note(statement);
    },
    async sent({ subject }) {
      await write({ sent: subject });
      waiting.delete(subject);
    },
    close: () => file.close(),
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "";
    return fault("FILE_UNFIT", path, `it cannot be read: ${systemWords(error)}`, error);
  }
}

type Line = { readonly sent?: string; readonly subject: string; readonly says: string; readonly fact: string };

function parsed(line: string, at: string): Line {
  const found = parseJson(Buffer.from(line), at) as Line | null;
  const isStatement = [found?.subject, found?.says, found?.fact].every((text) => typeof text === "string");
  return found !== null && (typeof found.sent === "string" || isStatement)
    ? found
    : fault("FILE_UNFIT", at, "it is no statement");
}
