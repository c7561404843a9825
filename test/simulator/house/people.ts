/** The people: devices that know only the heads that they have seen, callers of the API who try again when nothing comes back,
 *  and the sources that state what is final. Whoever signs anything tells the onlooker. */
import { type Hash, toHex } from "../../../core/src/bytes.ts";
import { Command, requestId } from "../../../core/src/protocol/command.ts";
import { Approval, type Decision } from "../../../core/src/signed/approval.ts";
import { Fact } from "../../../core/src/signed/fact.ts";
import type { Position } from "../../../core/src/signed/fields.ts";
import { Head } from "../../../core/src/signed/head.ts";
import { type Intent, Intent as IntentKind } from "../../../core/src/signed/intent.ts";
import { decode, encode, idOf, Signed } from "../../../core/src/signed/object.ts";
import { Receipt } from "../../../core/src/signed/receipt.ts";
import type { EndpointName } from "../../../sdk/src/contract/table.ts";
import { Problem } from "../../../server/src/http/call.ts";
import type { RequestRow } from "../../../server/src/requests/store.ts";
import { openSigned } from "../../../server/src/vault/signed.ts";
import type { Device } from "../../world/keys.ts";
import * as world from "../../world/world.ts";
import { type Time, WORLD } from "../machine/time.ts";
import type { Onlooker } from "../onlooker.ts";
import { APPROVAL_LIFE, FIRST, type Law, PEOPLE, SOURCES, START, signedBook } from "../stage.ts";
import type { Database } from "../store/database.ts";
import { decisionsIn, requestsIn } from "../store/requests.ts";
import { type Chain, DEPTH } from "./chain.ts";
import type { ServerProcess } from "./server.ts";
import type { Network } from "./wire.ts";

/** What a device has seen last. */
type Seen = {
  readonly head: Position;
  readonly boot: Hash;
  readonly signed: Uint8Array;
  readonly law: Law;
  readonly at: number;
};
type Parts = {
  readonly time: Time;
  readonly base: Database;
  readonly network: Network;
  readonly chain: Chain;
  readonly onlooker: Onlooker;
  readonly servers: readonly ServerProcess[];
};
const CALL_MS = 60_000;

export class People {
  readonly #parts: Parts;
  readonly #seen = new Map<string, Seen>();
  /** Devices that have found the vault rolled back: they sign nothing any more. */
  readonly alarmed = new Set<string>();
  #commands = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  // the vault, asked directly

  /** A command to the vault, tried a few times; null when nothing comes back. */
  async tell(command: Parameters<typeof world.command>[0], tries = 4): Promise<Receipt | null> {
    const { network, time } = this.#parts;
    for (let tried = 0; tried < tries; tried++) {
      const bytes = encode(Command, world.command(command, `command ${this.#commands++}`));
      try {
        const receipt = openSigned(Receipt, await network.call(WORLD, bytes), [world.KEYS.vault.publicKey]);
        if (receipt?.request === requestId(bytes)) return receipt;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
      }
      await time.pause(time.chance.between(500, 20_000), WORLD);
    }
    return null;
  }

  /** Looks at the vault with a device: shows it the newest head that it knows, and asks for its own. */
  async look(who: string): Promise<Seen | null> {
    const before = this.#seen.get(who);
    if (before !== undefined) {
      const shown = await this.tell({ command: "witness", head: before.signed }, 2);
      if (shown?.code === "ROLLED_BACK") this.#alarm(who);
    }
    const told = await this.tell({ command: "head" }, 2);
    if (told === null || told.code !== "OK") return null;
    const head = openSigned(Head, told.body, [world.KEYS.vault.publicKey]);
    const law = head === null ? undefined : this.#parts.onlooker.laws.get(head.rulebook);
    if (head === null || law === undefined) return null;
    if (head.halted || (before !== undefined && before.boot === head.boot && before.head.seq > head.head.seq)) this.#alarm(who);
    const isOlder = before !== undefined && head.head.seq < before.head.seq;
    if (isOlder) return before;
    const seen = { head: head.head, boot: head.boot, signed: told.body, law, at: this.#parts.time.now };
    this.#seen.set(who, seen);
    return seen;
  }

  #alarm(who: string): void {
    if (!this.alarmed.has(who)) this.#parts.time.tell(`${who} finds the vault rolled back`);
    this.alarmed.add(who);
    this.#parts.onlooker.goal("a device finds the vault rolled back");
  }
  /** The right disk is back. */
  trustAgain(): void {
    this.alarmed.clear();
  }

  /** What this person signs on; what is known from before is good enough now and then. */
  async #ground(who: string): Promise<Seen | null> {
    const { chance, now } = this.#parts.time;
    const seen = this.#seen.get(who);
    if (this.alarmed.has(who)) return null;
    if (seen !== undefined && now - seen.at < 600_000 && chance.happens(0.4)) return seen;
    const fresh = await this.look(who);
    return this.alarmed.has(who) ? null : fresh;
  }

  #note(who: string, bytes: Uint8Array, seen: Seen): Uint8Array {
    const { subject, decision, notAfter, head, boot, rulebook } = decode(Approval, decode(Signed, bytes).body);
    const newest = this.#seen.get(who)?.head ?? seen.head;
    const given = { who, subject, decision, law: rulebook, boot, notAfter };
    this.#parts.onlooker.given.set(toHex(bytes), { ...given, head: newest.seq > head.seq ? head : newest });
    return bytes;
  }

  /** Signs a decision on an intent. */
  async sign(who: string, intent: Intent, decision: Decision): Promise<Uint8Array | null> {
    const seen = await this.#ground(who);
    if (seen === null) return null;
    const { head, boot, law } = seen;
    const notAfter = Math.min(intent.notAfter, this.#parts.time.now + APPROVAL_LIFE / 2);
    const ground = { book: law.book, head, boot, notAfter };
    return this.#note(who, world.approve(ground, intent, { key: PEOPLE[who] as Device, decision }), seen);
  }

  /** Signs that a rulebook was seen, or a veto. */
  async signLaw(who: string, law: Law, decision: "seen" | "veto"): Promise<Uint8Array | null> {
    const seen = await this.#ground(who);
    if (seen === null) return null;
    const ground = {
      book: seen.law.book,
      head: seen.head,
      boot: seen.boot,
      notAfter: this.#parts.time.now + APPROVAL_LIFE / 2,
    };
    return this.#note(who, world.approveRulebook(ground, law.book.document, { key: PEOPLE[who] as Device, decision }), seen);
  }

  // the server's API

  /** A call of the API by whatever server is up: lost, late or doubled as any message; undefined when nothing comes back. */
  async post<N extends EndpointName>(name: N, who: string, given: object, tries = 4): Promise<"ok" | string | undefined> {
    const { time, network } = this.#parts;
    for (let tried = 0; tried < tries; tried++) {
      const answer = await this.#once(name, who, given, network.loss, network.doubles);
      if (answer !== undefined && !/^(?:VAULT|CHAIN)_UNREACHABLE$/.test(answer)) return answer;
      await time.pause(time.chance.between(1_000, 30_000), WORLD);
    }
    return undefined;
  }

  #once(name: EndpointName, who: string, given: object, loss: number, doubles: number): Promise<string | undefined> {
    const { time, servers } = this.#parts;
    const { chance } = time;
    const up = servers.filter((server) => server.isUp);
    if (up.length === 0 || chance.happens(loss)) return time.pause(CALL_MS, WORLD).then(() => undefined);
    const server = chance.pick(up);
    return new Promise((resolve) => {
      const off = time.after(CALL_MS, WORLD, () => resolve(undefined));
      const arrive = () => {
        server.call(name, who, given).then(
          () => end("ok"),
          (error: unknown) => {
            if (!(error instanceof Problem)) time.fault = error;
            else end(error.vaultCode ?? error.code);
          },
        );
      };
      const end = (answer: string) => {
        if (chance.happens(loss)) return;
        time.after(chance.between(1, 50), WORLD, () => {
          off();
          resolve(answer);
        });
      };
      time.after(chance.between(1, 500), server.owner, arrive);
      if (chance.happens(doubles)) time.after(chance.between(1, 60_000), server.owner, arrive);
    });
  }

  /** Enters an intent with its initiator's signature. */
  async request(who: string, intent: Intent): Promise<void> {
    const { onlooker, time } = this.#parts;
    const bytes = encode(IntentKind, intent);
    onlooker.intents.set(idOf(IntentKind, bytes), intent);
    for (let tried = 0; tried < 3; tried++) {
      const approval = await this.sign(who, intent, "initiate");
      if (approval === null) return;
      const answer = await this.post("requests.create", who, { body: { intent: bytes, approval, index: 0 } });
      time.tell(`${who} requests ${intent.reference}: ${answer}`);
      if (answer === "ok") return;
      await time.pause(time.chance.between(1_000, 60_000), WORLD);
    }
  }

  async decide(
    who: string,
    row: Pick<RequestRow, "id" | "reference">,
    decision: "approve" | "reject" | "initiate",
  ): Promise<void> {
    const intent = this.#parts.onlooker.intents.get(row.id as Hash);
    if (intent === undefined) return;
    const approval = await this.sign(who, intent, decision);
    if (approval === null) return;
    const answer = await this.post("requests.decide", who, { params: { id: row.id }, body: { approval } });
    this.#parts.time.tell(`${who}: ${decision} ${row.reference}: ${answer}`);
  }

  /** Goes through what is open and decides on what lacks this person's current word. `agrees`: whom he goes along with. */
  async visit(who: string, agrees: (row: RequestRow) => boolean): Promise<void> {
    const { base, onlooker } = this.#parts;
    const key = PEOPLE[who]?.id;
    const open = requestsIn(base).where(({ state }) => state === "open" || state === "approved");
    for (const row of open) {
      const intent = onlooker.intents.get(row.id as Hash);
      const isOwn = intent !== undefined && intent.initiator === key;
      if (intent === undefined || !(isOwn || agrees(row)) || this.#hasSaid(who, row)) continue;
      await this.decide(who, row, isOwn ? "initiate" : "approve");
    }
  }

  /** Whether his newest decision is of the boot and rulebook that he knows to be current. */
  #hasSaid(who: string, { id }: RequestRow): boolean {
    const seen = this.#seen.get(who);
    const mine = decisionsIn(this.#parts.base).where((row) => row.request === id && row.key === PEOPLE[who]?.id);
    return mine.some((row) => {
      const given = this.#parts.onlooker.given.get(toHex(row.approval));
      const isCurrent = given?.boot === seen?.boot && given?.law === seen?.law.id;
      return isCurrent && (given?.notAfter ?? 0) > this.#parts.time.now;
    });
  }

  // governance

  /** Sends a rulebook to the vault. */
  async send(law: Law, signers: readonly string[], seenBy: string | null): Promise<string> {
    const { onlooker, time } = this.#parts;
    const rulebook = signedBook(law, signers);
    onlooker.laws.set(law.id, law);
    onlooker.signers.set(toHex(rulebook), { law, by: signers });
    const seen = seenBy === null ? null : await this.signLaw(seenBy, law, "seen");
    const answer = await this.tell({ command: "rulebook", rulebook, approvals: seen === null ? [] : [seen] });
    time.tell(`rulebook of epoch ${law.epoch}: ${answer?.code}`);
    return answer?.code ?? "";
  }
  /** The rulebook that this device believes to be in force. */
  lawOf(who: string): Law {
    return this.#seen.get(who)?.law ?? FIRST;
  }

  // sources

  /** States that a transaction is final. */
  async state(source: string, id: string, outcome: "succeeded" | "failed" = "succeeded"): Promise<boolean> {
    const { time } = this.#parts;
    const subject = `transaction:${world.CHAIN}:${id}`;
    const fact: Fact = { version: 1, type: "finality", deployment: START.deployment, source, subject, at: time.now, outcome };
    const bytes = world.signValue(Fact, fact, SOURCES[source] as Device);
    const answer = await this.post("facts.create", source, { body: { fact: bytes } });
    time.tell(`${source} states ${id.slice(0, 10)} ${outcome}: ${answer}`);
    return answer === "ok";
  }
}

/** What a source watches: each of our transactions that is deep enough is stated, in time or late. */
export class Source {
  readonly name: string;
  /** Chance that it overlooks a block; it states what it has overlooked later. */
  lag = 0.2;
  /** Whether it lies: it states what is not so, and withholds what is. */
  lies = false;
  readonly #said = new Map<string, string>();

  constructor(name: string) {
    this.name = name;
  }
  /** After a block. */
  look(chain: Chain, people: People, time: Time): void {
    if (time.chance.happens(this.lag)) return;
    if (this.lies) {
      const pool = [...chain.pool.keys(), ...chain.head.done.map(({ id }) => id)];
      for (const id of pool) this.#say(people, id, time.chance.happens(0.5) ? "succeeded" : "failed");
      return;
    }
    for (const { done } of chain.blocks.slice(1, Math.max(1, chain.blocks.length - DEPTH)))
      for (const { id, raw } of done) if (raw !== null) this.#say(people, id, "succeeded");
  }
  #say(people: People, id: string, outcome: "succeeded" | "failed"): void {
    if (this.#said.get(id) === outcome) return;
    this.#said.set(id, outcome);
    void people.state(this.name, id, outcome).then((isHeard) => {
      if (!isHeard) this.#said.delete(id);
    });
  }
}
