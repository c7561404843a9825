/** `strongroom audit`: an outsider's look at the audit log, from files, with nothing but the pinned genesis. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { Genesis } from "@strongroom/core/signed/genesis";
import { decode, idOf, type Kind, Signed } from "@strongroom/core/signed/object";
import { formatTime } from "@strongroom/core/text/render";
import { type Client, openClient } from "@strongroom/sdk/client";
import { asDeployment } from "@strongroom/sdk/verify/rulebook";
import { exportLog } from "../audit/export.ts";
import { placeOf } from "../audit/place.ts";
import { verifyLog } from "../audit/verify.ts";
import { clientFrom, readToken } from "../desk/reach.ts";
import { readWhole } from "../device/files.ts";
import { readPin } from "../device/trust.ts";
import { fault } from "../faults.ts";
import { columns, duration } from "../screen.ts";
import { type Context, named, needed, type Verb } from "../verb.ts";

export const auditVerify: Verb = {
  name: "audit verify",
  takes: "DIR",
  what: "verify an audit log from its files alone: signatures, every leaf, every tile, the root",
  options: {
    genesis: { value: "FILE", what: "the signed genesis, or the deployment id (default: what this device has pinned)" },
    since: { value: "FILE", what: "a checkpoint that you have kept: nothing before it may have changed" },
  },
  examples: ["audit verify ./log --genesis 5f3c…", "audit verify https://log.bank.example/ --since kept-in-may"],
  async run(context) {
    const [where = ""] = named(context, "DIR");
    const begun = performance.now();
    const since = context.text("since");
    const kept = since === undefined ? null : new Uint8Array(await readWhole(since));
    const found = await verifyLog(placeOf(where), { ...(await genesisOf(context)), since: kept });
    const ms = Math.round(performance.now() - begun);
    const facts = columns([
      ["institution", found.institution],
      ["deployment", found.deployment],
      ["log", found.origin],
      ["leaves", String(found.size)],
      ["root", found.root],
      ["signed", found.at === null ? "as a note only" : `at least ${formatTime(found.at)} by the vault's time`],
      ["tiles", String(found.tiles)],
      ["rulebooks", found.epoch === null ? "none in the folder" : `epochs 1 to ${found.epoch}`],
      ["since", found.since === null ? "no earlier checkpoint was given" : `continues that of ${found.since.size} leaves`],
      ["time", duration(ms)],
    ]);
    const { since: continues, ...rest } = found;
    const json = { ...rest, at: found.at ?? 0, epoch: found.epoch ?? 0, since: continues?.size ?? 0, ms };
    return { text: `the log is whole\n${facts}`, json };
  },
};

export const auditExport: Verb = {
  name: "audit export",
  takes: "DIR",
  what: "bring the audit log of a server into a folder, to be verified and kept anywhere",
  options: {
    server: { value: "URL", what: "the server's address, with --token-file (default: the server of the folder)" },
  },
  examples: ["audit export ./log --server https://strongroom.bank.example --token-file ~/.strongroom-token"],
  async run(context) {
    const [folder = ""] = named(context, "DIR");
    const client = await serverOf(context);
    const { size, root, fetched } = await exportLog(client, folder);
    const facts = columns([
      ["leaves", String(size)],
      ["root", root],
      ["fetched", `${fetched} tiles`],
    ]);
    return { text: `the log is in ${folder}; now verify it\n${facts}`, json: { size, root, fetched } };
  },
};

/** The server that is named, which needs no folder, or that of the folder. */
async function serverOf(context: Context): Promise<Client> {
  const url = context.text("server");
  if (url === undefined) return clientFrom(context);
  const path = needed(context, "token-file");
  return openClient({ url, token: (await readToken(path)) ?? fault("NO_TOKEN", path, "there is no such file") });
}

/** What --genesis says: a file that is trusted as it is, or an id; without it what is pinned here. */
async function genesisOf(context: Context): Promise<{ pin: Hash; genesis: Uint8Array | null }> {
  const text = context.text("genesis");
  if (text === undefined) {
    const pin = (await readPin(context.home)) ?? fault("NO_PIN", context.home, "name the genesis with --genesis");
    return { pin, genesis: null };
  }
  const pin = asDeployment(text);
  if (pin !== null) return { pin, genesis: null };
  const genesis = new Uint8Array(await readWhole(text));
  const opened = attempt(() => idOf(Genesis as Kind<unknown>, decode(Signed, genesis).body));
  return opened.ok ? { pin: opened.value, genesis } : fault("FILE_UNFIT", text, `it is no signed genesis: ${opened.code}`);
}
