/** The demonstration's users: each person and each source acts on the server with a token of his own. */
import { existsSync } from "node:fs";
import type { Client } from "@strongroom/sdk/client";
import type { Role } from "@strongroom/sdk/contract/permissions";
import { tokenPath } from "../desk/reach.ts";
import { writeWhole } from "../device/files.ts";
import { addUser } from "../verbs/server/user.ts";
import { GROUPS, PERSONS, SOURCES } from "./rulebook.ts";
import { UNIT } from "./server.ts";

const LIFE_MS = 365 * 86_400_000;

/** What the server lets a person do follows from what he is in the rulebook. */
function roleOf(person: string): Role {
  const isIn = (group: keyof typeof GROUPS) => (GROUPS[group] as readonly string[]).includes(person);
  if (isIn("traders")) return isIn("operations") ? "operator" : "trader";
  return "approver";
}

/** Adds the users who have no token here yet. Gives how many. Fails: `ApiProblem`. */
export async function ensureUsers(home: string, server: Client): Promise<number> {
  const persons = PERSONS.map((name) => ({ name, role: roleOf(name), person: name }));
  const sources = SOURCES.map((name) => ({ name, role: "source" as const, person: undefined }));
  const missing = [...persons, ...sources].filter(({ name }) => !existsSync(tokenPath(home, name)));
  const add = async ({ name, role, person }: (typeof missing)[number]) => {
    const token = await addUser(server, { name, role, unit: UNIT, label: name, lifeMs: LIFE_MS, person });
    await writeWhole(tokenPath(home, name), `${token}\n`);
  };
  await Promise.all(missing.map(add));
  return missing.length;
}
