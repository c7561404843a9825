/** `strongroom user add`: a user of the server with a token. The token is made here; the server learns its SHA-256 only. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import type { Client } from "@strongroom/sdk/client";
import { ROLE_NAMES, type Role } from "@strongroom/sdk/contract/permissions";
import { clientFrom, tokenPath } from "../../desk/reach.ts";
import { writeWhole } from "../../device/files.ts";
import { fault } from "../../faults.ts";
import { columns } from "../../screen.ts";
import { asName, named, needed, parseLife, type Verb } from "../../verb.ts";
import { oneOf } from "../requests/wallet.ts";

export const userAdd: Verb = {
  name: "user add",
  takes: "NAME",
  what: "add a user of the server; his token is made here, only its SHA-256 is sent, and it is written to a file of mode 600",
  options: {
    role: { value: "ROLE", what: `what the server lets him do: ${ROLE_NAMES.join(", ")}` },
    unit: { value: "UNIT", what: "unit whose things he sees, and what lies below it (default: your own)" },
    client: { value: "CLIENT", what: "sees only this client's things" },
    person: { value: "PERSON", what: "person of the rulebook who he is" },
    label: { value: "TEXT", what: "his name for people (default: NAME)" },
    life: { value: "TIME", what: "how long the token lives: 8h, 90d (default 90d)" },
    out: { value: "FILE", what: "where the token is written (default: tokens/NAME.token in the folder)" },
  },
  examples: ["user add tom --role trader --person tom", "user add auditor --role auditor --out ./auditor.token"],
  async run(context) {
    const [text = ""] = named(context, "NAME");
    const name = asName(text, "NAME");
    const role = oneOf(ROLE_NAMES, "role", needed(context, "role"));
    const lifeMs = parseLife(context.text("life") ?? "90d", "life");
    const out = context.text("out") ?? tokenPath(context.home, name);
    if (existsSync(out)) fault("FILE_UNFIT", out, "it is there already; nothing was changed");
    const client = await clientFrom(context);
    const unit = asName(context.text("unit"), "unit") ?? (await client.call("me.get")).unit;
    const bound = { client: asName(context.text("client"), "client"), person: asName(context.text("person"), "person") };
    const token = await addUser(client, { name, role, unit, label: context.text("label") ?? name, lifeMs, ...bound });
    await writeWhole(out, `${token}\n`);
    const facts = columns([
      ["user", name],
      ["role", role],
      ["unit", unit],
      ["token", out],
    ]);
    return { text: `added\n${facts}`, json: { user: name, role, unit, token: out } };
  },
};

export type NewUser = {
  readonly name: string;
  readonly role: Role;
  readonly unit: string;
  readonly label: string;
  readonly lifeMs: number;
  readonly client?: string | undefined;
  readonly person?: string | undefined;
};

/** Adds a user, or finds the same one, and enters a fresh token of his, which it gives. Fails: `ApiProblem`. */
export async function addUser(server: Client, { lifeMs, client, person, ...user }: NewUser): Promise<string> {
  const bound = { ...(client === undefined ? {} : { client }), ...(person === undefined ? {} : { person }) };
  await server.call("users.create", { body: { ...user, ...bound } });
  const { token, hash } = makeToken();
  const body = { label: "strongroom user add", hash, lifeSeconds: Math.ceil(lifeMs / 1_000) };
  await server.call("tokens.create", { params: { name: user.name }, body });
  return token;
}

/** A fresh token, and what the server knows it by. */
export function makeToken(): { readonly token: string; readonly hash: string } {
  const token = `sr_${randomBytes(32).toString("hex")}`;
  return { token, hash: createHash("sha256").update(token).digest("hex") };
}
