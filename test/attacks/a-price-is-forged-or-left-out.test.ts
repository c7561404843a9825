/** A price is forged, too old, for something else, left out where it is dear, or jumps: a payment that is worth too much passes
 *  for one that is not. */
import { OPEN } from "../../core/src/rulebook/open.ts";
import { Fact } from "../../core/src/signed/fact.ts";
import { decode, encode, Signed } from "../../core/src/signed/object.ts";
import type { Device } from "../world/keys.ts";
import { someHash } from "../world/keys.ts";
import { must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honestlySigned, refused, request, withBody } from "./attack.ts";

const { KEYS, NOW, HOUR, ETH } = world;

/** 2 ETH are worth 5,000 EUR; from 5,001 EUR on nothing is paid, and 6,000 EUR a day is the most. */
const TRUE = 250_000n;

function priced() {
  const siege = besiege({
    rulebook: (demo) => ({
      ...world.valued(demo),
      chains: demo.chains.map((chain) => ({ ...chain, maxOutstanding: 64 })),
      rules: [...demo.rules, { ...OPEN, id: "large", effect: "deny", kinds: ["pay"], valueFrom: 500_100n }],
      limits: [
        {
          id: "day",
          measure: "value",
          level: "institution",
          assets: "any",
          most: 600_000n,
          window: { type: "rolling", ms: world.DAY },
        },
      ],
    }),
  });
  const { vault, book } = siege;
  type Said = Partial<{ asset: string; source: string; numerator: bigint; denominator: bigint; at: number; key: Device }>;
  const price = (said: Said = {}) => {
    const fact = { asset: "eth", source: "pricer-a", numerator: TRUE, denominator: ETH, at: NOW, key: KEYS.pricerA };
    return world.price(book, { ...fact, ...said });
  };
  const send = (amount: bigint, ...facts: readonly Uint8Array[]) =>
    vault.send(request(vault, world.pay(book, { amount }), { facts }));
  honestlySigned(vault, () => send(2n * ETH, price()));
  return { ...siege, price, send };
}

attacks("a payment of too much value comes with a price that is not the source's word on it", () => {
  const { vault, book, price, send } = priced();
  const much = 4n * ETH;
  refused(vault, "DENIED", "at the true price", () => send(much, price()));
  refused(vault, "FACT_MISSING", "without one", () => send(much));
  const cheap = { numerator: TRUE / 2n };
  for (const key of [KEYS.mallory, KEYS.pricerB, KEYS.screening, KEYS.amy])
    refused(vault, "SIGNATURE_INVALID", `${key.name} in its name`, () => send(much, price({ ...cheap, key })));
  refused(vault, "SOURCE_UNKNOWN", "an unknown source", () =>
    send(much, price({ ...cheap, source: "mallory", key: KEYS.mallory })),
  );
  const screening = { ...cheap, source: "screening", key: KEYS.screening };
  refused(vault, "SOURCE_UNKNOWN", "a source of screenings", () => send(much, price(screening)));
  refused(vault, "FACT_MISSING", "the price of another asset", () => send(much, price({ ...cheap, asset: "usdx" })));
  const { deployment } = book.document;
  const dollars = { version: 1, type: "price", deployment, source: "pricer-a", subject: "price:eth:usd", at: NOW } as const;
  const foreign = world.signFact({ ...dollars, numerator: 1n, denominator: ETH }, KEYS.pricerA);
  refused(vault, "FACT_MISSING", "a price in another currency", () => send(much, foreign));
  const other = world.signFact(
    { ...dollars, subject: "price:eth:eur", deployment: someHash("other"), numerator: 1n, denominator: ETH },
    KEYS.pricerA,
  );
  refused(vault, "WRONG_DEPLOYMENT", "of another deployment", () => send(much, other));
  const edited = withBody(price(), encode(Fact, { ...decode(Fact, decode(Signed, price()).body), ...cheap } as Fact));
  refused(vault, "SIGNATURE_INVALID", "with the number edited", () => send(much, edited));
  refused(vault, "BAD_VALUE", "worth nothing", () => send(much, price({ numerator: 0n })));
  refused(vault, "BAD_VALUE", "divided by nothing", () => send(much, price({ denominator: 0n })));
});

attacks("an old and cheap price is sent again, or kept fresh", () => {
  const { vault, price, send } = priced();
  const cheap = (at: number) => price({ numerator: (TRUE * 95n) / 100n, at });
  const amount = (2n * ETH * 102n) / 100n;
  honestlySigned(vault, () => send(amount, cheap(NOW)));
  refused(vault, "FACT_STALE", "an hour old", () => send(amount, cheap(NOW - HOUR - 1)));
  refused(vault, "FACT_FUTURE", "dated ahead to last", () => send(amount, cheap(NOW + 5_001)));
  must(vault.send(world.command({ command: "inform", facts: [price({ at: NOW + 1 })] })));
  refused(vault, "FACT_SUPERSEDED", "after a newer one", () => send(amount, cheap(NOW)));
  refused(vault, "FACT_SUPERSEDED", "of the same time", () => send(amount, cheap(NOW + 1)));
  refused(vault, "DENIED", "left out", () => send(amount));
  vault.wait(HOUR + 2);
  refused(vault, "FACT_STALE", "when nothing fresh is there", () => send(amount));
});

attacks("the dearer of two sources is left out", () => {
  const { vault, price, send } = priced();
  const dear = price({ source: "pricer-b", key: KEYS.pricerB, numerator: (TRUE * 105n) / 100n });
  const amount = (2n * ETH * 98n) / 100n;
  honestlySigned(vault, () => send(amount, price()));
  must(vault.send(world.command({ command: "inform", facts: [dear] })));
  refused(vault, "DENIED", "the vault has heard it before", () => send(amount, price()));
  refused(vault, "DENIED", "nothing is sent", () => send(amount));
});

attacks("a captured source states a price that is far off, slowly or at once", () => {
  const { vault, price, send } = priced();
  const amount = 4n * ETH;
  must(vault.send(world.command({ command: "inform", facts: [price()] })));
  for (const [how, numerator] of [
    ["half", TRUE / 2n],
    ["a tenth and one unit less", (TRUE * 1_000_000n) / 1_100_000n - 1n],
    ["nearly nothing", 1n],
  ] as const)
    refused(vault, "FACT_MOVED", how, () => send(amount, price({ numerator, at: NOW + 1 })));
  let numerator = TRUE;
  for (let at = 1; at <= 3_600; at++) {
    const lower = (numerator * 999n) / 1_000n;
    const answer = vault.send(world.command({ command: "inform", facts: [price({ numerator: lower, at: NOW + at })] }));
    if (answer.code === "OK") numerator = lower;
  }
  refused(vault, "DENIED", "in thousands of small steps", () => send(amount));
  const contradicting = price({ source: "pricer-b", key: KEYS.pricerB, numerator: TRUE / 2n, at: NOW + 1 });
  refused(vault, "FACT_ADVERSE", "against another source's word", () => send(amount, contradicting));
});

attacks("a limit of value is cut into many small payments", () => {
  const { vault, book, price } = priced();
  const facts = [price()];
  let paid = 0n;
  for (let at = 0; at < 30; at++) {
    const intent = world.pay(book, { amount: ETH / 10n, reference: `small ${at}` });
    const answer = vault.send(request(vault, intent, { facts: at === 0 ? facts : [] }));
    if (answer.code === "OK") paid += ETH / 10n;
  }
  if (paid * TRUE > 600_000n * ETH) throw new Error(`${paid} were paid`);
  const more = world.pay(book, { amount: ETH / 10n, reference: "one more" });
  refused(vault, "LIMIT_EXCEEDED", "one more", () => vault.send(request(vault, more)));
  const token = world.pay(book, { asset: "usdx", amount: 1n, reference: "a token" });
  refused(vault, "FACT_MISSING", "a token whose price is not stated", () => vault.send(request(vault, token)));
});
