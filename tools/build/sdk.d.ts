/** Builds into the folder `out`, which is emptied first. */
export declare function buildSdk(out: string): Promise<void>;
/** The text of the declaration file `name` with its imports led to files of the package. */
export declare function standAlone(text: string, name: string): string;
