/** What the events about a client say of its row. Pure. */
import type { ClientRow } from "./store.ts";

export const clientRecord = ({ label, unit, state, created_at, version }: ClientRow) => ({
  label,
  unit,
  state,
  created_at: created_at.toISOString(),
  version,
});
