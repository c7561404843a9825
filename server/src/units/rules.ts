/** The tree of units. The path of a unit is the names from the root, each followed by a slash, so what lies below begins with
 *  it. */

export function pathBelow(parent: string, name: string): string {
  return `${parent}${name}/`;
}

/** How many units a path goes through, the root included. */
export function depthOf(path: string): number {
  return path.split("/").length - 1;
}
