/** Receipt: the vault's signed answer to one command. Whoever gets no receipt must assume that nothing was received. */
import { blob, field, type Of, text } from "./codec.ts";
import { hash32, head, time, version } from "./fields.ts";
import { kind } from "./object.ts";
import { record } from "./table.ts";

export const Receipt = kind(
  "receipt",
  record({
    version,
    deployment: field(1, hash32, "id of the deployment; zero before it is founded"),
    vault: field(2, hash32, "hash of the vault's identity key"),
    boot: field(3, hash32, "boot nonce of the vault"),
    request: field(4, hash32, 'H("strongroom/request/1", bytes of the command)'),
    code: field(5, text(32, 1), "OK, or the refusal code"),
    field: field(6, text(96), "for a refusal: the field that is wrong"),
    detail: field(7, text(400), "for a refusal: one sentence"),
    head: field(8, head, "journal position when the answer was given"),
    at: field(9, time, "the vault's lower bound of the time"),
    body: field(10, blob(1_048_576), "the answer to the command; empty where there is none"),
  }),
  1_114_112,
);
export type Receipt = Of<(typeof Receipt)["shape"]>;
