/** Permissions per operation, and the roles that hold them. A role says what the API lets a user do; it never moves value: that
 *  takes signatures that the vault checks. */
export const PERMISSIONS = [
  "users:read",
  "users:write",
  "units:read",
  "units:write",
  "clients:read",
  "clients:write",
  "wallets:read",
  "wallets:write",
  "addresses:read",
  "addresses:write",
  "entries:read",
  "requests:read",
  "requests:write",
  "requests:approve",
  "executions:read",
  "executions:write",
  "rulebooks:read",
  "rulebooks:write",
  "vault:read",
  "vault:relay",
  "starts:read",
  "starts:write",
  "facts:read",
  "facts:write",
  "ledger:read",
  "chains:read",
  "audit:read",
  "audit:write",
  "events:read",
  "jobs:read",
  "health:read",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const READ = PERMISSIONS.filter((permission) => permission.endsWith(":read"));
const DESK: readonly Permission[] = READ.filter((permission) => permission !== "users:read" && permission !== "jobs:read");

/** Least-privilege templates. */
export const ROLES = {
  administrator: PERMISSIONS.filter((permission) => permission !== "facts:write"),
  operator: [
    ...READ,
    "clients:write",
    "wallets:write",
    "addresses:write",
    "requests:write",
    "requests:approve",
    "executions:write",
    "vault:relay",
  ],
  trader: [...DESK, "addresses:write", "requests:write", "vault:relay"],
  approver: [...DESK, "requests:approve", "requests:write", "rulebooks:write", "starts:write", "vault:relay"],
  auditor: [...READ, "audit:write", "vault:relay"],
  source: [
    ...["facts:write", "facts:read", "requests:read", "addresses:read", "executions:read"],
    ...["chains:read", "vault:read", "health:read"],
  ],
} as const satisfies Record<string, readonly Permission[]>;
export type Role = keyof typeof ROLES;
export const ROLE_NAMES = Object.keys(ROLES) as [Role, ...Role[]];

export function mayDo(role: Role, permission: Permission): boolean {
  return (ROLES[role] as readonly Permission[]).includes(permission);
}
