/** The world of one run: a vault, two servers over one database, a chain, people and sources, and what can befall them. */
import type { Hash } from "../../../core/src/bytes.ts";
import * as world from "../../world/world.ts";
import { Time, WORLD } from "../machine/time.ts";
import { Onlooker } from "../onlooker.ts";
import type { Made } from "../plants.ts";
import { FIRST, LIFE, SOURCES, START } from "../stage.ts";
import { sentIn, watchAddress } from "../store/chain.ts";
import { Database, txOf } from "../store/database.ts";
import { beginIds } from "../store/ids.ts";
import { addressesIn, walletsIn } from "../store/wallets.ts";
import { BLOCK_MS, Chain } from "./chain.ts";
import { People, Source } from "./people.ts";
import { ServerProcess } from "./server.ts";
import { beginBoots, CALM, VaultProcess, type Weather } from "./vault.ts";
import { Network } from "./wire.ts";

/** What the institution has at first. */
const FUNDS = 60n * world.ETH;
/** What whoever closes a gap allows as fee, at least. */
const DEAR = world.ETH / 100n;

export class World {
  readonly time: Time;
  readonly base: Database;
  readonly chain: Chain;
  readonly network: Network;
  readonly onlooker: Onlooker;
  readonly people: People;
  readonly servers: readonly ServerProcess[];
  readonly sources: readonly Source[];
  readonly weather: Weather = { ...CALM };
  /** The one that is meant to run. */
  readonly original: VaultProcess;
  /** The one that commands go to. */
  vault: VaultProcess;
  #twin: VaultProcess | null = null;
  #deposits: { to: string; amount: bigint }[] = [{ to: START.address, amount: FUNDS }];
  readonly #made: Made;
  isQuiet = false;

  constructor(seed: number, made: Made, keep: boolean) {
    this.#made = made;
    this.time = new Time(START.now, seed, keep);
    const { time } = this;
    beginIds(time.chance, time);
    beginBoots();
    this.base = new Database(time, time.chance.pick([0, 0.02, 0.2]));
    this.chain = new Chain(time);
    this.network = new Network(time, () => this.vault);
    const { base, chain, network } = this;
    const { observe } = made;
    this.onlooker = new Onlooker({ time, chain, base });
    this.servers = ["server 0", "server 1"].map((name) => new ServerProcess(name, { time, base, network, chain, observe }));
    this.people = new People({ time, base, network, chain, onlooker: this.onlooker, servers: this.servers });
    this.sources = Object.keys(SOURCES).map((name) => new Source(name));
    this.original = this.#vaultOn("vault", []);
    this.vault = this.original;
  }

  #vaultOn(name: string, disk: (readonly Uint8Array[])[]): VaultProcess {
    const { mind, isDiskLazy } = this.#made;
    const { time, weather, onlooker: watcher } = this;
    return new VaultProcess(name, disk, { time, mind, watcher, weather, isDiskLazy });
  }

  async start(): Promise<void> {
    const { base, time } = this;
    const at = new Date(time.now);
    const nothing = { client: null, created_at: at };
    const wallet = { name: "treasury", chain: world.CHAIN, wallet_class: "hot" as const, unit: "root", label: null };
    walletsIn(base).put("treasury", { ...wallet, ...nothing, receipt: new Uint8Array(), version: 1 });
    const address = { wallet: "treasury", index: 0, chain: world.CHAIN, address: START.address };
    addressesIn(base).put("treasury/0", { ...address, ...nothing, attestation: new Uint8Array() });
    await watchAddress(txOf({ base, owner: WORLD, inside: true }), { ...address, client: null, unit: "root" });
    base.onDue = (due) => {
      for (const server of this.servers) server.wake(due);
    };
    this.vault.start();
    for (const server of this.servers) server.start();
    this.#mineLater();
  }

  #mineLater(): void {
    this.time.after(BLOCK_MS, WORLD, () => {
      this.chain.mine(this.#deposits.splice(0));
      this.#shown();
      this.#mineLater();
    });
  }
  /** Everybody looks at the chain again. */
  #shown(): void {
    const { time, chain } = this;
    this.onlooker.mined();
    for (const server of this.servers) time.after(time.chance.between(10, 3_000), server.owner, () => server.look());
    for (const source of this.sources)
      time.after(time.chance.between(10, 5_000), WORLD, () => source.look(chain, this.people, time));
  }

  // what can befall it

  restartVault(down: number, survives: boolean): void {
    const { vault } = this;
    if (!vault.isUp) return;
    vault.kill(survives);
    this.time.after(down, WORLD, () => {
      if (!vault.isUp && (vault === this.vault || vault === this.original)) vault.start();
    });
  }
  restartServer(number: number, down: number): void {
    const server = this.servers[number];
    if (server === undefined || !server.isUp) return;
    server.kill();
    this.time.after(down, WORLD, () => {
      if (!server.isUp) server.start();
    });
  }
  setWall(ms: number): void {
    this.vault.wallMs = ms;
  }
  setNetwork(loss: number, doubles: number): void {
    Object.assign(this.network, { loss, doubles });
  }
  setWeather(weather: Weather): void {
    Object.assign(this.weather, weather);
  }
  setFee(target: bigint): void {
    this.chain.target = target;
  }
  setCensors(censors: number): void {
    this.chain.censors = censors;
  }
  reorganise(depth: number, losing: number): void {
    this.chain.reorganise(depth, losing);
    this.#shown();
  }
  setLies(number: number, lies: boolean): void {
    const source = this.sources[number];
    if (source !== undefined) source.lies = lies;
  }
  setLag(lag: number): void {
    for (const source of this.sources) source.lag = lag;
  }
  deposit(amount: bigint): void {
    this.#deposits.push({ to: START.address, amount });
  }

  /** A copy of the disk, `back` batches younger in years, answers from here on; a twin beside the one that it is a copy of. */
  fork(back: number, isTwin: boolean): void {
    if (this.#twin !== null || this.original.disk.length <= back) return;
    const { original } = this;
    const copy = this.#vaultOn(isTwin ? "twin" : "old vault", [...original.disk]);
    this.onlooker.isForked = true;
    this.onlooker.copied(original, copy);
    copy.rollBack(original.disk.length - back);
    copy.wallMs = original.wallMs;
    this.#twin = copy;
    if (!isTwin) original.kill(true);
    this.vault = copy;
    this.onlooker.goal(isTwin ? "a twin" : "a rollback");
    copy.start();
  }
  /** The copy is taken away. */
  unfork(): void {
    const copy = this.#twin;
    if (copy === null || this.vault !== copy) return;
    copy.kill(true);
    this.vault = this.original;
    if (!this.original.isUp) this.original.start();
  }

  // the end

  /** Faults stop: everything runs, and everybody does what he is there for. */
  calm(): void {
    this.time.tell("all faults stop");
    this.isQuiet = true;
    this.unfork();
    this.setNetwork(0, 0);
    this.setWeather(CALM);
    this.setFee(10n ** 10n);
    this.setCensors(0);
    this.setWall(0);
    for (const server of this.servers) {
      Object.assign(server.sight, { lag: 0, isBlind: false, loss: 0 });
      server.setWall(0);
      if (!server.isUp) server.start();
    }
    for (const source of this.sources) Object.assign(source, { lag: 0.2, lies: false });
    if (!this.vault.isUp) this.vault.start();
    this.#tidyUp(1);
  }

  /** People go on with what is open: they sign anew, lift freezes, and cancel what keeps a place without ever being sent. */
  #tidyUp(round: number): void {
    const { people, time } = this;
    const names = ["tom", "tina", "ada", "amy", "bob", "carl", "ben", "cleo", "olga", "otto"];
    for (const who of names) time.after(time.chance.between(0, 60_000), WORLD, () => void people.visit(who, () => true));
    if (round % 3 === 1) this.#liftAll(round);
    if (round % 6 === 4) this.#closeGaps(round);
    time.after(2 * world.MINUTE, WORLD, () => this.#tidyUp(round + 1));
  }
  #liftAll(round: number): void {
    const { onlooker, people, time, vault } = this;
    const lift = { initiator: world.KEYS.ada.id, notAfter: time.now + LIFE };
    const open = [...onlooker.intents.values()].filter((one) => one.kind === "unfreeze" && one.notAfter > time.now);
    for (const id of onlooker.ghostOf(vault).freezes.keys()) {
      if (open.some((one) => one.kind === "unfreeze" && one.freeze === id)) continue;
      const intent = world.unfreeze(FIRST.book, id, { ...lift, reference: `lift-${round}-${id.slice(0, 4)}` });
      void people.request("ada", intent);
    }
  }
  /** What was signed for somebody who keeps it to himself is sent by hand, so that nothing after it is stuck. */
  #send(id: string, intent: Hash): void {
    const { chain, onlooker, people, base } = this;
    if (chain.seen.has(id) || chain.pool.has(id) || sentIn(base).get(`${world.CHAIN}/${id}`) !== undefined) return;
    const raw = onlooker.raws.get(id);
    if (raw === undefined) void people.tell({ command: "show", what: "execution", name: intent });
    else chain.take(raw);
  }
  #closeGaps(round: number): void {
    const { onlooker, people, time, vault } = this;
    const { versions, ended } = onlooker.ghostOf(vault);
    for (const { id, intent, status, nonce } of versions) if (status === "signed" && !ended.has(nonce)) this.#send(id, intent);
    const newest = new Map<number, { intent: Hash; isOut: boolean; fee: bigint }>();
    for (const { nonce, intent, status, fee } of versions) {
      const before = newest.get(nonce) ?? { isOut: false, fee: 0n };
      newest.set(nonce, { intent, isOut: status !== "withheld" || before.isOut, fee: fee > before.fee ? fee : before.fee });
    }
    for (const [nonce, { intent, isOut, fee }] of newest) {
      const over = (onlooker.intents.get(intent)?.notAfter ?? 0) < time.now;
      if (isOut || ended.has(nonce) || !over) continue;
      // Whoever closes a gap allows more than the dearest version that was withheld there.
      const totalFee = fee * 2n > DEAR ? fee * 2n : DEAR;
      const change = { reference: `gap-${nonce}-${round}`, notAfter: time.now + LIFE / 2, totalFee };
      void people.request("tom", world.cancel(FIRST.book, intent, change));
    }
  }
}
