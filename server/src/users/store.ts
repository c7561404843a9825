/** Users and their tokens in the database, and who may see a row. */
import type { Role } from "@strongroom/sdk/contract/permissions";
import { type ColumnType, type RawBuilder, type Selectable, sql, type Updateable } from "kysely";
import { uuid } from "../db/ids.ts";
import type { Reader, Tx } from "../db/tables.ts";
import { emit } from "../events/store.ts";
import { unitRecord } from "../units/rules.ts";
import { insertUnit } from "../units/store.ts";
import { type Caller, tokenRecord, userRecord } from "./rules.ts";

type UserTable = {
  name: ColumnType<string, string, never>;
  label: string;
  unit: ColumnType<string, string, never>;
  client: ColumnType<string | null, string | null, never>;
  role: Role;
  person: ColumnType<string | null, string | null, never>;
  disabled: ColumnType<boolean, boolean | undefined>;
  created_at: ColumnType<Date, Date, never>;
  version: ColumnType<number, number | undefined>;
};
type TokenTable = {
  id: ColumnType<string, string, never>;
  user_name: ColumnType<string, string, never>;
  label: ColumnType<string, string, never>;
  hash: ColumnType<string, string, never>;
  life_seconds: ColumnType<number, number, never>;
  created_at: ColumnType<Date, Date, never>;
  expires_at: ColumnType<Date, Date, never>;
  revoked_at: ColumnType<Date | null, never, Date>;
};
export type UserTables = { app_user: UserTable; token: TokenTable };
export type UserRow = Selectable<UserTable>;
export type TokenRow = Selectable<TokenTable>;

/** A condition: the row's unit is visible to the caller, and its client is his if he is bound to one. `at`: the two columns. */
export function visible({ units, client }: Caller, at: { unit: string; client: string }): RawBuilder<boolean> {
  const within = sql<boolean>`${sql.ref(at.unit)} = any(${units})`;
  return client === null ? within : sql<boolean>`(${within} and ${sql.ref(at.client)} = ${client})`;
}

/** The user whose token has this hash, while both are in force. */
export async function findCaller(db: Reader, { hash, at }: { hash: string; at: Date }): Promise<Caller | null> {
  const found = await db
    .selectFrom("token")
    .innerJoin("app_user", "app_user.name", "token.user_name")
    .innerJoin("unit as home", "home.name", "app_user.unit")
    .where("token.hash", "=", hash)
    .where("token.revoked_at", "is", null)
    .where("token.expires_at", ">", at)
    .where("app_user.disabled", "=", false)
    .select(["app_user.name", "app_user.role", "app_user.unit", "app_user.client", "app_user.person"])
    .select(
      sql<
        string[]
      >`array(select below.name from unit as below where starts_with(below.path, home.path) order by below.path)`.as("units"),
    )
    .executeTakeFirst();
  return found ?? null;
}

const of = (caller: Caller) => visible(caller, { unit: "app_user.unit", client: "app_user.client" });

export async function findUser(db: Reader, caller: Caller, name: string): Promise<UserRow | undefined> {
  return db.selectFrom("app_user").selectAll().where("name", "=", name).where(of(caller)).executeTakeFirst();
}

/** The user whatever the caller may see, to compare it with what he wants to create. */
export async function namedUser(db: Reader, name: string): Promise<UserRow | undefined> {
  return db.selectFrom("app_user").selectAll().where("name", "=", name).executeTakeFirst();
}

type UserQuery = { after: string | null; take: number; unit?: string | undefined; role?: Role | undefined };
/** Visible users by name, those after `after`. */
export async function listUsers(db: Reader, caller: Caller, { after, take, unit, role }: UserQuery): Promise<UserRow[]> {
  let query = db.selectFrom("app_user").selectAll().where(of(caller)).orderBy("name").limit(take);
  if (after !== null) query = query.where("name", ">", after);
  if (unit !== undefined) query = query.where("unit", "=", unit);
  if (role !== undefined) query = query.where("role", "=", role);
  return query.execute();
}

export type NewUser = Pick<UserRow, "name" | "label" | "unit" | "client" | "role" | "person" | "created_at">;
/** Adds a user, or gives nothing when the name is taken. */
export async function insertUser(tx: Tx, user: NewUser): Promise<UserRow | undefined> {
  return tx
    .insertInto("app_user")
    .values(user)
    .onConflict((on) => on.column("name").doNothing())
    .returningAll()
    .executeTakeFirst();
}

/** Locks these users in the order of their names and gives them. */
export async function lockUsers(tx: Tx, names: readonly string[]): Promise<UserRow[]> {
  return tx.selectFrom("app_user").selectAll().where("name", "in", names).orderBy("name").forUpdate().execute();
}

export async function updateUser(tx: Tx, name: string, change: Updateable<UserTable>): Promise<UserRow> {
  return tx.updateTable("app_user").set(change).where("name", "=", name).returningAll().executeTakeFirstOrThrow();
}

type NewToken = Omit<TokenRow, "revoked_at">;
/** Enters a token, or gives nothing when its hash is known already. */
export async function insertToken(tx: Tx, token: NewToken): Promise<TokenRow | undefined> {
  return tx
    .insertInto("token")
    .values(token)
    .onConflict((on) => on.column("hash").doNothing())
    .returningAll()
    .executeTakeFirst();
}

export async function tokenOfHash(db: Reader, hash: string): Promise<TokenRow | undefined> {
  return db.selectFrom("token").selectAll().where("hash", "=", hash).executeTakeFirst();
}

export async function lockToken(tx: Tx, { user, id }: { user: string; id: string }): Promise<TokenRow | undefined> {
  return tx.selectFrom("token").selectAll().where("id", "=", id).where("user_name", "=", user).forUpdate().executeTakeFirst();
}

export async function revokeToken(tx: Tx, { id, at }: { id: string; at: Date }): Promise<TokenRow> {
  return tx.updateTable("token").set({ revoked_at: at }).where("id", "=", id).returningAll().executeTakeFirstOrThrow();
}

/** Tokens of a user by id, so the oldest first. */
export async function listTokens(
  db: Reader,
  { user, after, take }: { user: string; after: string | null; take: number },
): Promise<TokenRow[]> {
  let query = db.selectFrom("token").selectAll().where("user_name", "=", user).orderBy("id").limit(take);
  if (after !== null) query = query.where("id", ">", after);
  return query.execute();
}

/** How many tokens of a user are in force. */
export async function countTokens(db: Reader, { user, at }: { user: string; at: Date }): Promise<number> {
  const { count } = await db
    .selectFrom("token")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("user_name", "=", user)
    .where("revoked_at", "is", null)
    .where("expires_at", ">", at)
    .executeTakeFirstOrThrow();
  return count;
}

async function hasUsers(db: Reader): Promise<boolean> {
  return (await db.selectFrom("app_user").select("name").limit(1).executeTakeFirst()) !== undefined;
}

const FIRST_LIFE_SECONDS = 366 * 86_400;

/** The first administrator, who adds all other users; the only one that nobody added. `unit`: the root. */
export type First = { readonly unit: string; readonly user: string; readonly tokenHash: string };

/** Makes the root unit and in it an administrator with a token, unless there is a user already; whether it did. Of several
 *  processes that start at once one does: the others wait for its unit and then find its user. */
export async function ensureFirst(tx: Tx, { unit, user, tokenHash }: First, now: number): Promise<boolean> {
  if (await hasUsers(tx)) return false;
  const at = new Date(now);
  const root = await insertUnit(tx, { name: unit, label: unit, parent: null, path: `${unit}/`, created_at: at });
  if (await hasUsers(tx)) return false;
  const admin = { name: user, label: user, unit, client: null, role: "administrator", person: null, created_at: at } as const;
  const first = await insertUser(tx, admin);
  if (root === undefined || first === undefined) return false;
  const life = { life_seconds: FIRST_LIFE_SECONDS, created_at: at, expires_at: new Date(now + FIRST_LIFE_SECONDS * 1_000) };
  const token = await insertToken(tx, { id: uuid(), user_name: user, label: "first", hash: tokenHash, ...life });
  if (token === undefined) throw new Error("the first token's hash is another user's");
  const told = { actor: "system", unit };
  await emit(tx, { type: "unit.created", subject: `unit:${unit}`, ...told, data: {}, record: unitRecord(root) });
  const data = { role: "administrator" };
  await emit(tx, { type: "user.created", subject: `user:${user}`, ...told, data, record: userRecord(first) });
  await emit(tx, {
    type: "token.created",
    subject: `user:${user}`,
    ...told,
    data: { id: token.id },
    record: tokenRecord(token),
  });
  return true;
}
