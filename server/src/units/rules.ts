/** The tree of units. The path of a unit is the names from the root, each followed by a slash, so what lies below begins with
 *  it. */
import type { UnitRow } from "./store.ts";

/** What the events about a unit say of its row. */
export const unitRecord = ({ label, parent, path, created_at, version }: UnitRow) => ({
  label,
  parent,
  path,
  created_at: created_at.toISOString(),
  version,
});

export function pathBelow(parent: string, name: string): string {
  return `${parent}${name}/`;
}

/** How many units a path goes through, the root included. */
export function depthOf(path: string): number {
  return path.split("/").length - 1;
}
