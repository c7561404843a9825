/** What a figure is: a table that it has measured. How tables are printed is in `print.ts`. */

/** One line: `values` stand under the table's columns, null where there is none. `most`, `least`: the limits that the values
 *  are to keep (the or the design's own), in the line's unit. */
export type Row = {
  readonly what: string;
  readonly unit: string;
  readonly values: readonly (number | null)[];
  readonly most?: number;
  readonly least?: number;
};

export type Table = {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** What a reader must know to judge the numbers. */
  readonly notes: readonly string[];
};

export type Options = {
  /** A fraction of the work: the numbers are rougher and the largest cases are left out. */
  readonly quick: boolean;
  /** Root of the repository. */
  readonly root: string;
  /** A line of progress. */
  readonly say: (line: string) => void;
  /** An empty folder on the disk that is measured; it is removed afterwards. */
  readonly scratch: string;
};

export type Figure = (options: Options) => Promise<readonly Table[]>;

/** A table with one column. */
export function simpleTable(
  title: string,
  rows: readonly { readonly what: string; readonly unit: string; readonly value: number | null; readonly most?: number }[],
  notes: readonly string[] = [],
): Table {
  return { title, columns: [""], rows: rows.map(({ value, ...row }) => ({ ...row, values: [value] })), notes };
}
