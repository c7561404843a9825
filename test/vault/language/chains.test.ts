/** Two chains in one rulebook: what a rule or a freeze says of one of them holds for everything on it, and for nothing on the
 *  other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OPEN } from "../../../core/src/rulebook/open.ts";
import type { IntentOf } from "../../../core/src/signed/intent.ts";
import type { Rule, Rulebook } from "../../../core/src/signed/rulebook.ts";
import type { Answer } from "../../../vault/src/types.ts";
import { type MemoryVault, must } from "../../world/vault.ts";
import * as world from "../../world/world.ts";
import { adopt, bookOf, bumped, cancelOf, freezeBy, payment, refused, send, vaultWith } from "../ground.ts";

const { KEYS, CHAIN } = world;

/** What there is on each chain. */
const SIDES = [
  { chain: CHAIN, asset: "eth", wallet: "treasury" },
  { chain: 5, asset: "five-eth", wallet: "five-1" },
] as const;
type Side = (typeof SIDES)[number];

/** Another chain with a wallet, and then these rules more. */
function twoChains(...rules: readonly Rule[]): MemoryVault {
  const vault = vaultWith((book) => ({
    chains: [...book.chains, { ...(book.chains[0] as Rulebook["chains"][number]), id: 5, name: "five", native: "five-eth" }],
    assets: [...book.assets, { id: "five-eth", chain: 5, decimals: 18 }],
    rules: [
      ...book.rules,
      { ...OPEN, id: "allow-five", effect: "allow", kinds: ["pay"], assets: ["five-eth"] },
      ...world.CALLING,
    ],
  }));
  must(vault.run(world.wallet(bookOf(vault), { chain: 5, wallet: "five-1" }), [KEYS.carl]));
  must(vault.send(world.command({ command: "address", wallet: "five-1", index: 0 })));
  for (const { chain } of SIDES) must(vault.run(world.enter(bookOf(vault), contractOn(vault, chain)), [KEYS.carl]));
  if (rules.length > 0) adopt(vault, (book) => ({ rules: [...book.rules, ...rules] }));
  return vault;
}

const STRANGER = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc";

function paid(vault: MemoryVault, { chain, asset, wallet }: Side): IntentOf<"pay"> {
  return payment(vault, { reference: `on ${chain}`, chain, asset, wallet, destination: { address: STRANGER } });
}

/** Each kind of intent about a chain. A cancellation and the end of an entry have something to end. */
const KINDS: {
  readonly [kind in "pay" | "call" | "cancel" | "wallet" | "entry" | "retire"]: (vault: MemoryVault, side: Side) => Deed;
} = {
  pay: (vault, side) => () => send(vault, paid(vault, side)),
  call: (vault, { chain, wallet }) => {
    const destination = world.contractOf(contractOn(vault, chain));
    return () => send(vault, world.call(bookOf(vault), { reference: `call on ${chain}`, chain, wallet, destination }));
  },
  cancel: (vault, side) => {
    const intent = paid(vault, side);
    must(send(vault, intent));
    return () => send(vault, cancelOf(vault, intent, { chain: side.chain, wallet: side.wallet }), bumped());
  },
  wallet: (vault, { chain }) => {
    return () => vault.run(world.wallet(bookOf(vault), { chain, wallet: `new-${chain}` }), [KEYS.carl]);
  },
  entry: (vault, { chain }) => {
    return () => vault.run(world.enter(bookOf(vault), entryOn(vault, chain)), [KEYS.carl]);
  },
  retire: (vault, { chain }) => {
    const entry = entryOn(vault, chain);
    must(vault.run(world.enter(bookOf(vault), entry), [KEYS.carl]));
    return () => vault.run(world.retire(bookOf(vault), entry), [KEYS.carl]);
  },
};
type Deed = () => Answer;
type Kind = keyof typeof KINDS;

function contractOn(vault: MemoryVault, chain: number) {
  return world.pool(bookOf(vault), { name: `pool-${chain}`, chain });
}

function entryOn(vault: MemoryVault, chain: number) {
  return world.entryOf(bookOf(vault), { name: `on-${chain}`, chain, address: "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65" });
}

for (const kind of Object.keys(KINDS) as Kind[]) {
  test(`${kind}: a rule about one chain is about no other`, () => {
    for (const { chain } of SIDES) {
      const vault = twoChains({ ...OPEN, id: "new", effect: "deny", kinds: [kind], chains: [chain] });
      for (const side of SIDES) {
        const deed = KINDS[kind](vault, side);
        if (side.chain === chain) refused(vault, "DENIED", deed, "rules.new");
        else must(deed());
      }
    }
  });

  test(`${kind}: a freeze of one chain ${kind === "cancel" ? "stops none on either" : "leaves the other alone"}`, () => {
    for (const { chain } of SIDES) {
      const vault = twoChains();
      const deeds = SIDES.map((side) => ({ side, deed: KINDS[kind](vault, side) }));
      must(vault.run(freezeBy(vault, { level: "chain", subject: `${chain}` }), []));
      for (const { side, deed } of deeds) {
        if (side.chain === chain && kind !== "cancel") refused(vault, "FROZEN", deed, "freeze.chain");
        else must(deed());
      }
    }
  });
}

for (const kind of ["pay", "call", "cancel"] as const) {
  const also = kind === "cancel" ? "" : ", and a freeze of it too";
  test(`${kind}: a rule about the asset of one chain is about no other${also}`, () => {
    for (const { asset } of SIDES) {
      const ruled = twoChains({ ...OPEN, id: "new", effect: "deny", kinds: [kind], assets: [asset] });
      const frozen = twoChains();
      if (kind !== "cancel") must(frozen.run(freezeBy(frozen, { level: "asset", subject: asset }), []));
      for (const side of SIDES) {
        const [first, second] = [KINDS[kind](ruled, side), KINDS[kind](frozen, side)];
        if (side.asset === asset) refused(ruled, "DENIED", first, "rules.new");
        else must(first());
        if (side.asset === asset && kind !== "cancel") refused(frozen, "FROZEN", second, "freeze.asset");
        else must(second());
      }
    }
  });
}

test("a call is judged by the name of the entry that it calls", () => {
  for (const { chain } of SIDES) {
    const vault = twoChains({ ...OPEN, id: "new", effect: "deny", kinds: ["call"], destinations: [`pool-${chain}`] });
    for (const side of SIDES) {
      if (side.chain === chain) refused(vault, "DENIED", KINDS.call(vault, side), "rules.new");
      else must(KINDS.call(vault, side)());
    }
  }
});

test("a cancellation pays the vault's own address", () => {
  const cancelUnder = (classes: Rule["classes"]) => {
    const vault = twoChains({ ...OPEN, id: "new", effect: "deny", kinds: ["cancel"], classes });
    return { vault, deed: KINDS.cancel(vault, SIDES[0]) };
  };
  const own = cancelUnder(["own"]);
  refused(own.vault, "DENIED", own.deed, "rules.new");
  must(cancelUnder(["exchange", "vasp", "self-hosted", "contract", "denied", "client-owned", "one-time"]).deed());
});

test("a freeze of one chain between commitment and signature holds back what is on it, and nothing else", () => {
  for (const { chain } of SIDES) {
    const vault = twoChains();
    vault.hold = true;
    for (const side of SIDES) send(vault, paid(vault, side));
    must(vault.run(freezeBy(vault, { level: "chain", subject: `${chain}` }), []));
    assert.deepEqual(
      vault.release().map(({ code }) => code),
      SIDES.map((side) => (side.chain === chain ? "FROZEN" : "OK")),
    );
  }
});
