/** Puts the server together: database, vault, chains, the parts that the nouns bring, and the API; and takes it apart again in
 *  the opposite order. */
import type { Book } from "@strongroom/core/rulebook/book";
import { openGateway } from "../chain/gateway.ts";
import type { ChainAssets } from "../chain/types.ts";
import { demandMigrated, migrate } from "../db/migrate.ts";
import { openDatabase, type Statement } from "../db/open.ts";
import { keepPostgres } from "../db/postgres/keep.ts";
import { openHttp } from "../http/http.ts";
import { startWork, type Working } from "../jobs/jobs.ts";
import { openVaultLink } from "../vault/link.ts";
import type { Config } from "./config.ts";
import type { House } from "./context.ts";
import type { Fault } from "./fault.ts";
import { limits } from "./limits.ts";
import type { Log } from "./log.ts";
import { type Metrics, openMetrics } from "./metrics.ts";
import { HANDLERS, keepersOf, WORKERS } from "./nouns.ts";

export type Server = {
  readonly url: string;
  /** Something that the server cannot do without has ended for good. */
  readonly broken: Promise<Fault>;
  /** Lets what is under way end, and closes everything. */
  readonly stop: () => Promise<void>;
};

/** Things to close, the last one first. */
class Closing {
  readonly #steps: (() => unknown)[] = [];
  add(step: () => unknown): void {
    this.#steps.unshift(step);
  }
  async run(): Promise<void> {
    for (const step of this.#steps.splice(0)) await step();
  }
}

/** Fails with a Fault; nothing is left open then. */
export async function startServer(config: Config, { log }: Log): Promise<Server> {
  const closing = new Closing();
  try {
    const metrics = openMetrics();
    const { url, broken } = await databaseOf(config, closing, (line) => log.info({ postgres: line }));
    await demandMigrated(url);
    const hear = ({ ms, verb, outcome }: Statement) => metrics.note("database", verb, { ms, outcome });
    const { db, close } = openDatabase({ url, connections: limits.connections, hear });
    closing.add(close);
    const vault = openVaultLink({ socket: config.vault.socket, pin: config.genesis });
    closing.add(() => vault.close());
    const now = Date.now;
    const assets = async (chain: number) => assetsOf((await vault.view()).book, chain);
    const chains = openGateway({ chains: config.chains, db, assets, now });
    closing.add(() => chains.close());
    let working: Working | null = null;
    const wake = () => working?.wake();
    const house: House = { config, db, vault: measured(vault, metrics), chains, log, metrics, now, wake };
    chains.start();
    if (config.workers) working = startWork({ house, workers: WORKERS, keepers: keepersOf(house) });
    closing.add(async () => working?.stop());
    const http = await openHttp(house, HANDLERS, config.http);
    closing.add(http.close);
    return { url: http.url, broken, stop: () => closing.run() };
  } catch (error) {
    await closing.run();
    throw error;
  }
}

/** The configured database, or an embedded one that is kept running and brought to the newest state. */
async function databaseOf({ database, home, postgres: kind }: Config, closing: Closing, say: (line: string) => void) {
  const never = new Promise<Fault>(() => undefined);
  if (database !== null) return { url: database.url, broken: never };
  const { url, ownerUrl, ended, stop } = await keepPostgres({ home, kind, say });
  closing.add(stop);
  await migrate({ ownerUrl });
  return { url, broken: ended.then((fault) => fault ?? never) };
}

/** What the rulebook in force says of a chain; one that it does not know has no assets. */
function assetsOf({ chains, assets }: Book, id: number): ChainAssets {
  const chain = chains.get(id);
  const tokens = [...assets.values()].flatMap(({ id: asset, chain, contract }) =>
    chain === id && contract !== undefined ? [{ asset, contract }] : [],
  );
  return { name: chain?.name ?? String(id), native: chain?.native ?? "", tokens };
}

/** The vault's link, each command of it counted and traced. */
function measured(vault: House["vault"], metrics: Metrics): House["vault"] {
  return {
    ...vault,
    ask: (command) => metrics.measure("vault", command.command, () => vault.ask(command)),
    demand: (command) => metrics.measure("vault", command.command, () => vault.demand(command)),
    relay: (bytes) => metrics.measure("vault", "relay", () => vault.relay(bytes)),
  };
}
