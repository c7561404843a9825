/** Approval: one key's signed decision on one subject, bound to everything that its meaning rests on. */
import { choice, field, type Of, uint } from "./codec.ts";
import { hash32, head, time, version } from "./fields.ts";
import { kind } from "./object.ts";
import { record } from "./table.ts";

/** `initiate` makes the request, `approve` supports it, `reject` ends an intent, `veto` ends a waiting rulebook, `seen`
 *  states that an administrator who did not sign a waiting rulebook has read it, `confirm` that a start of the vault goes on
 *  from the newest record that he knows of. */
export const decision = choice({ initiate: 1, approve: 2, reject: 3, veto: 4, seen: 5, confirm: 6 });

export const Approval = kind(
  "approval",
  record({
    version,
    deployment: field(1, hash32, "id of the deployment"),
    vault: field(2, hash32, "hash of the vault's identity key: the one vault that may act on this"),
    rulebook: field(3, hash32, "id of the rulebook in force"),
    epoch: field(4, uint(), "its epoch"),
    subject: field(5, hash32, "id of the intent, of the rulebook for veto and seen, of the start for confirm"),
    renderer: field(6, uint(1, 1), "version of the text renderer"),
    textHash: field(7, hash32, 'H("strongroom/text/1", the text that the device showed)'),
    decision: field(8, decision, "what the person decided"),
    key: field(9, hash32, "id of the key that signs"),
    notAfter: field(10, time, "when the approval expires"),
    head: field(11, head, "newest vault-signed head that the device has seen"),
    boot: field(12, hash32, "boot nonce of the vault"),
  }),
);
export type Approval = Of<(typeof Approval)["shape"]>;
export type Decision = Approval["decision"];
