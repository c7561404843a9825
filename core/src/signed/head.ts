/** Head: the vault's signed statement how far its journal goes. Devices keep the newest one they have seen. */
import { field, flag, type Of, uint } from "./codec.ts";
import { hash32, head, time, version } from "./fields.ts";
import { kind } from "./object.ts";
import { record } from "./table.ts";

export const Head = kind(
  "head",
  record({
    version,
    deployment: field(1, hash32, "id of the deployment; zero before it is founded"),
    vault: field(2, hash32, "hash of the vault's identity key"),
    rulebook: field(3, hash32, "id of the rulebook in force; zero before the first"),
    epoch: field(4, uint(), "its epoch"),
    head: field(5, head, "journal position"),
    boot: field(6, hash32, "boot nonce"),
    at: field(7, time, "the vault's lower bound of the time"),
    halted: field(8, flag, "whether the vault has stopped for good because it was rolled back"),
  }),
);
export type Head = Of<(typeof Head)["shape"]>;
