/** The way between servers, devices and the vault: messages are lost, late, doubled and overtaken; connections break with the
 *  vault that they lead to. `openWire` stands for the server's own socket. */
import { Problem } from "../../../server/src/http/call.ts";
import type { Owner, Time } from "../machine/time.ts";
import type { VaultProcess } from "./vault.ts";

const REPLY_MS = 30_000;
/** Commands that somebody on the way has kept, to send them again. */
const MAX_KEPT = 64;

export class Network {
  readonly time: Time;
  readonly kept: Uint8Array[] = [];
  /** Chance that a message does not arrive, and that it arrives twice. */
  loss = 0;
  doubles = 0;
  /** Where commands go: a twin may stand in for the vault. */
  route: () => VaultProcess;

  constructor(time: Time, route: () => VaultProcess) {
    [this.time, this.route] = [time, route];
  }

  #delay(): number {
    const { chance } = this.time;
    return chance.happens(0.03) ? chance.between(500, 20_000) : chance.between(1, 30);
  }

  /** One command and its reply. Fails: VAULT_UNREACHABLE. */
  call(owner: Owner, command: Uint8Array): Promise<Uint8Array> {
    const { time } = this;
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = (settle: () => void) => () => {
        if (!isOver) settle();
        isOver = true;
      };
      const fail = (detail: string) => end(() => reject(new Problem("VAULT_UNREACHABLE", { field: "vault", detail })));
      const late = time.after(REPLY_MS, owner, fail("no reply"));
      const vault = this.route();
      const reply = (receipt: Uint8Array) => {
        if (time.chance.happens(this.loss)) return;
        time.after(this.#delay(), owner, () => {
          late();
          end(() => resolve(receipt))();
        });
      };
      if (!vault.isUp) {
        late();
        time.after(5, owner, fail("connection refused"));
        return;
      }
      vault.onDeath.push(() => time.after(1, owner, fail("connection reset")));
      this.send(command, vault, reply);
    });
  }

  /** Brings a command to a vault, perhaps, perhaps twice. */
  send(command: Uint8Array, vault: VaultProcess, reply: (receipt: Uint8Array) => void): void {
    const { time } = this;
    this.keep(command);
    if (time.chance.happens(this.loss)) return;
    const { boot } = vault;
    const arrive = (answer: (receipt: Uint8Array) => void) => () => {
      if (vault.boot === boot) vault.ask(command, answer);
    };
    time.after(this.#delay(), vault.owner, arrive(reply));
    if (time.chance.happens(this.doubles))
      time.after(
        this.#delay() * 20,
        vault.owner,
        arrive(() => undefined),
      );
  }

  keep(command: Uint8Array): void {
    if (this.kept.length >= MAX_KEPT) this.kept.splice(this.time.chance.below(MAX_KEPT), 1);
    this.kept.push(command);
  }
}

let opening: { readonly network: Network; readonly owner: Owner } | null = null;
/** The next `openWire` belongs to this process. */
export function openFor(network: Network, owner: Owner): void {
  opening = { network, owner };
}

/** Stands for the server's own. */
export function openWire(): { call(command: Uint8Array): Promise<Uint8Array>; close(): void } {
  const { network, owner } = opening as { network: Network; owner: Owner };
  return { call: (command) => network.call(owner, command), close: () => undefined };
}
