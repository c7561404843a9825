/** The log for auditors: checkpoints, proofs, and the log itself as C2SP tlog-tiles. Nothing of it needs to be believed. */
import { parseTile, widthOf } from "@strongroom/core/audit/tile";
import { planConsistency, planInclusion } from "@strongroom/core/audit/tree";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import type { Returned } from "@strongroom/sdk/contract/endpoint";
import type { Endpoints } from "@strongroom/sdk/contract/table";
import type { Tx } from "../db/tables.ts";
import { countEvents, seesAll } from "../events/store.ts";
import { limits } from "../host/limits.ts";
import { type Handlers, problem } from "../http/call.ts";
import { signCheckpoint } from "./checkpoints/jobs.ts";
import * as store from "./store.ts";

const DAY_MS = 86_400_000;

export const audit: Handlers<"audit"> = {
  async "audit.checkpoint"({ tx }) {
    return shown(await newest(tx));
  },
  async "audit.sign"({ house, tx }) {
    // The vault signs a number of them in a day; some are kept for those that are made without being asked for.
    const since = new Date(house.now() - DAY_MS);
    const left = limits.log.checkpointsADay - (await store.countCheckpoints(tx, since));
    if (left <= 0) problem("RATE_LIMITED", "", "The day's checkpoints are used up; the newest one is at /v1/audit/checkpoint.");
    // Outside of the call's transaction: what the vault is asked must be written down before it is.
    const signed = await signCheckpoint(house);
    return shown(signed ?? problem("NOT_FOUND", "", "The log has no leaves yet."));
  },
  async "audit.inclusion"({ tx }, { query }) {
    const [leaf, size] = [Number(query.leaf), Number(query.size)];
    await demandSize(tx, size, "query.size");
    if (leaf >= size) problem("BAD_REQUEST", "query.leaf", `The tree of ${size} leaves has none of that number.`);
    const proof = hexes(await store.readPlan(tx, planInclusion({ leaf, size })));
    return { leaf, size, leafHash: await store.readLeafHash(tx, leaf), root: await store.readRoot(tx, size), proof };
  },
  async "audit.consistency"({ tx }, { query }) {
    const [from, to] = [Number(query.from), Number(query.to)];
    await demandSize(tx, to, "query.to");
    if (from > to) problem("BAD_REQUEST", "query.from", "It is the larger one.");
    const proof = hexes(await store.readPlan(tx, planConsistency({ first: from, size: to })));
    return { from, to, oldRoot: await store.readRoot(tx, from), newRoot: await store.readRoot(tx, to), proof };
  },
  async "audit.note"({ tx }) {
    return (await newest(tx)).note;
  },
  async "audit.tile"({ tx, caller }, { params }) {
    const read = attempt(() => parseTile(`tile/${params["*"]}`));
    if (!read.ok) problem("BAD_REQUEST", "params.*", "A tile has one path only, as C2SP tlog-tiles writes it.");
    const { level, index, width } = read.value;
    if (widthOf({ level, index }, await countEvents(tx)) < width)
      problem("NOT_FOUND", "", "The log does not reach that far yet.");
    if (level !== "entries") return store.readTile(tx, { level, index, width });
    if (!(await seesAll(tx, caller))) problem("FORBIDDEN", "params.*", "Leaves are shown to users of the root unit.");
    return store.readBundle(tx, { index, width });
  },
};

async function newest(tx: Tx): Promise<store.CheckpointRow> {
  return (await store.newestCheckpoint(tx)) ?? problem("NOT_FOUND", "", "The vault has signed no checkpoint yet.");
}

async function demandSize(tx: Tx, size: number, field: string): Promise<void> {
  if (size > (await countEvents(tx))) problem("BAD_REQUEST", field, "The log is not that long yet.");
}

function hexes(hashes: readonly Uint8Array[]): Hash[] {
  return hashes.map((hash) => toHex(hash) as Hash);
}

function shown({ size, root, at, checkpoint, note }: store.CheckpointRow): Returned<Endpoints["audit.checkpoint"]> {
  return { size, root, at: at.toISOString(), checkpoint, note };
}
