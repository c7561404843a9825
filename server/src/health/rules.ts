/** What a look at something found. Pure. */

/** `name`: `database`, `vault`, `chain:<id>` and so on. `detail`: what was found, in words. */
export type Finding = { readonly name: string; readonly ok: boolean; readonly detail: string };

const DETAIL_LENGTH = 400;

/** Findings as they are shown: in the order of their names, in so many words. */
export function arrange(found: readonly Finding[]): Finding[] {
  const cut = found.map(({ name, ok, detail }) => ({ name, ok, detail: detail.slice(0, DETAIL_LENGTH) }));
  return cut.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
