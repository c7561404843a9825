/** Who calls and what he may see and do. Nothing here moves value: that takes signatures that the vault checks. */
import { type Permission, type Role, mayDo as roleMayDo } from "@strongroom/sdk/contract/permissions";
import type { TokenRow, UserRow } from "./store.ts";

/** The user behind a call. `units`: names of his unit and of all below it. `client`: if there is one, he sees nothing of
 *  others. */
export type Caller = {
  readonly name: string;
  readonly role: Role;
  readonly unit: string;
  readonly client: string | null;
  /** The person of the rulebook who logs in as this user. */
  readonly person: string | null;
  readonly units: readonly string[];
};

export function mayDo(caller: Caller, permission: Permission): boolean {
  return roleMayDo(caller.role, permission);
}

/** Whether the caller may see what belongs to this unit and client. What he may not see does not exist for him. */
export function sees(caller: Caller, { unit, client }: { unit: string; client: string | null }): boolean {
  return caller.units.includes(unit) && (caller.client === null || caller.client === client);
}

/** What a change of a user would do to the one who asks for it: nobody takes his own role or access away, so that an
 *  institution never loses its last administrator. */
export function locksOut(
  caller: Caller,
  name: string,
  change: { role?: Role | undefined; disabled?: boolean | undefined },
): boolean {
  if (caller.name !== name) return false;
  return change.disabled === true || (change.role !== undefined && change.role !== caller.role);
}

/** What the events about a user say of his row. */
export const userRecord = ({ label, unit, client, role, person, disabled, created_at, version }: UserRow) => ({
  ...{ label, unit, client, role, person, disabled },
  created_at: created_at.toISOString(),
  version,
});

/** What the events about a token say of its row. */
export const tokenRecord = ({ id, user_name, label, hash, life_seconds, created_at, expires_at, revoked_at }: TokenRow) => ({
  ...{ id, user_name, label, hash, life_seconds },
  created_at: created_at.toISOString(),
  expires_at: expires_at.toISOString(),
  revoked_at: revoked_at?.toISOString() ?? null,
});
