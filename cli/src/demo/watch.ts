/** The demonstration's finality sources: they see a transaction mined and state it, signed, to the vault, which then counts it
 *  as final. In production these are processes of their own, whose keys the server does not hold. */
import { join } from "node:path";
import { Fact } from "@strongroom/core/signed/fact";
import { encode, type Kind } from "@strongroom/core/signed/object";
import { minedOf, type Node } from "../chain/evm.ts";
import { readIfThere, writeWhole } from "../device/files.ts";
import { closeRequest, closingOf, listRequests, type Request } from "../device/requests.ts";
import { signObject } from "../vault/intents.ts";
import type { Session } from "../vault/session.ts";
import { CHAIN } from "./anvil.ts";
import type { Keys } from "./ceremony.ts";
import { SOURCES } from "./rulebook.ts";

/** A request whose transaction is mined and not stated to be final. */
export type Due = { readonly request: Request; readonly id: string; readonly succeeded: boolean; readonly block: number };

/** Everything that is mined and not stated yet. */
export async function dueFacts(home: string, node: Node): Promise<readonly Due[]> {
  const found: Due[] = [];
  for (const request of await listRequests(home)) {
    const transaction = request.execution?.transactions.find((item) => item.intent === request.id);
    if (transaction === undefined || (await readIfThere(join(request.folder, "final"))) !== null) continue;
    const mined = await minedOf(node, transaction.id);
    if (mined !== null) found.push({ request, id: transaction.id, succeeded: mined.succeeded, block: mined.block });
  }
  return found;
}

/** States one outcome to the vault by every source. Fails: `VaultRefused`. */
export async function stateFinal(session: Session, keys: Keys, due: Due): Promise<void> {
  const facts: Uint8Array[] = [];
  for (const source of SOURCES) {
    const body = encode(Fact, {
      version: 1,
      type: "finality",
      deployment: session.deployment,
      source,
      subject: `transaction:${CHAIN}:${due.id}`,
      at: Date.now(),
      outcome: due.succeeded ? "succeeded" : "failed",
    });
    facts.push(signObject(Fact as Kind<unknown>, body, [await keys(source)]));
  }
  await session.demand({ command: "inform", facts });
  await writeWhole(join(due.request.folder, "final"), `${due.id}\n`);
  if ((await closingOf(due.request)) === null) await closeRequest(due.request, `mined in block ${due.block}`);
}
