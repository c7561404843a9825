/** The demonstration's finality sources: they see a transaction mined and state it, signed, to the vault, which then counts it
 *  as final. In production these are processes of their own, whose keys the server does not hold. */

import { join } from "node:path";
import { Fact } from "@strongroom/core/signed/fact";
import { encode, type Kind } from "@strongroom/core/signed/object";
import { signObject } from "@strongroom/sdk/device/signer";
import { type Mined, minedOf, type Node } from "../chain/evm.ts";
import { readIfThere, writeWhole } from "../device/files.ts";
import { closingOf, listRequests, type Request, rivalsOf, versionOf } from "../device/requests.ts";
import { closeMined } from "../vault/execute.ts";
import type { Session } from "../vault/session.ts";
import { CHAIN } from "./anvil.ts";
import type { Keys } from "./ceremony.ts";
import { SOURCES } from "./rulebook.ts";

/** A request whose transaction is mined and not stated to be final. */
export type Due = { readonly request: Request; readonly mined: Mined };

/** What was stated to be final of a request's transaction: itself, another version of it, or nothing yet. The file `final`
 *  names the transaction. */
export async function outcomeOf(request: Request): Promise<"itself" | "another" | null> {
  const final = (await readIfThere(join(request.folder, "final")))?.toString("latin1").trim();
  if (final === undefined) return null;
  return final === versionOf(request)?.transaction.id ? "itself" : "another";
}

/** Everything that is mined and not stated yet. */
export async function dueFacts(home: string, node: Node): Promise<readonly Due[]> {
  const found: Due[] = [];
  for (const request of await listRequests(home)) {
    const version = versionOf(request);
    if (version === null || (await outcomeOf(request)) !== null) continue;
    const mined = await minedOf(node, version.transaction.id);
    if (mined !== null) found.push({ request, mined });
  }
  return found;
}

/** States one outcome to the vault by every source. Fails: `VaultRefused`. */
export async function stateFinal(session: Session, keys: Keys, { request, mined }: Due): Promise<void> {
  const facts: Uint8Array[] = [];
  for (const source of SOURCES) {
    const body = encode(Fact, {
      version: 1,
      type: "finality",
      deployment: session.deployment,
      source,
      subject: `transaction:${CHAIN}:${mined.id}`,
      at: Date.now(),
      outcome: mined.succeeded ? "succeeded" : "failed",
    });
    facts.push(await signObject(Fact as Kind<unknown>, body, [await keys(source)]));
  }
  await session.demand({ command: "inform", facts });
  const versions = [request, ...(await rivalsOf(session.home, request)).map((rival) => rival.request)];
  for (const version of versions) await writeWhole(join(version.folder, "final"), `${mined.id}\n`);
  const open = await Promise.all(versions.map(closingOf));
  if (open.includes(null)) await closeMined(request, versions, mined);
}
