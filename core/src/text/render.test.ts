import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hashOf, keyIdOf, sampleRulebook, TOKEN } from "../../test/sample.ts";
import { ascii, fromHex, hash } from "../bytes.ts";
import { writeArguments } from "../chain/evm/abi.ts";
import { attempt } from "../errors.ts";
import { openBook } from "../rulebook/book.ts";
import { Entry } from "../signed/entry.ts";
import type { Nonce } from "../signed/fields.ts";
import { Intent, type IntentOf } from "../signed/intent.ts";
import { encode, idOf } from "../signed/object.ts";
import { findAsset, formatTime, RENDERER, render, textHash } from "./render.ts";

const book = openBook(sampleRulebook());
const real = openBook(sampleRulebook({ demonstration: false, epoch: 12 }));
const ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

const base = {
  version: 1,
  deployment: hashOf("deployment"),
  initiator: keyIdOf("tom"),
  purpose: "invoice 4711",
  reference: "ref-1",
  notAfter: 1_795_338_000_000,
  nonce: "00112233445566778899aabbccddeeff" as Nonce,
};
const pay: IntentOf<"pay"> = {
  ...base,
  kind: "pay",
  chain: 31337,
  wallet: "treasury",
  destination: { entry: "acme", hash: hashOf("acme"), address: ADDRESS },
  asset: "eth",
  amount: 1_250_000_000_000_000_000n,
  totalFee: 10_000_000_000_000_000n,
};
const entry: Entry = {
  version: 1,
  deployment: hashOf("deployment"),
  name: "acme",
  party: "Acme Exchange Ltd.",
  chain: 31337,
  address: ADDRESS,
  class: "exchange",
  assets: "any",
};

/** The lines of one text. */
const lines = (...all: readonly string[]) => all.join("\n");
const outcome = (work: () => unknown) => {
  const result = attempt(work);
  return result.ok ? "OK" : `${result.code} ${result.field}`;
};

/** What the texts of every kind end with; `wide` where a longer label moves the column. */
const TAIL = [
  "purpose       invoice 4711",
  "reference     ref-1",
  "initiated by  tom",
  "valid until   2026-11-22 09:00:00 UTC",
  "deployment    aee50b18a03c89e4883a5acadf5c8614dd7fd2f111c3b616e1a8d6427edc3e3f",
  "rulebook      epoch 12",
];
const wide = (all: readonly string[]) => all.map((line) => `${line.slice(0, 12)}  ${line.slice(12)}`);

test("a payment of a native asset, in a demonstration", () => {
  const expected = lines(
    "DEMONSTRATION - no real value",
    "PAYMENT",
    "amount          1.25 eth",
    "to              acme",
    "address         0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "from wallet     treasury",
    "on chain        anvil (31337)",
    "token contract  (native asset)",
    "fees at most    0.01 eth",
    "entry hash      822b33ad87c148a0a20a5ba7cd5ebcaa68d36a18e7aad165554903f52ca82757",
    "purpose         invoice 4711",
    "reference       ref-1",
    "initiated by    tom",
    "valid until     2026-11-22 09:00:00 UTC",
    "deployment      aee50b18a03c89e4883a5acadf5c8614dd7fd2f111c3b616e1a8d6427edc3e3f",
    "rulebook        epoch 1",
    "DEMONSTRATION - no real value",
  );
  assert.equal(render(pay, book), expected);
  assert.equal(textHash(expected), hash("strongroom/text/1", ascii(expected)));
  assert.equal(RENDERER, 1);
});

test("a payment to an address that is not in the book", () => {
  const text = render({ ...pay, destination: { address: ADDRESS } }, real);
  assert.ok(text.includes("to              (an address that is not in the address book)\n"));
  assert.ok(text.includes(`address         ${ADDRESS}\n`));
  assert.ok(!text.includes("entry hash"));
});

test("a wallet of a unit", () => {
  const wallet = { ...base, kind: "wallet", chain: 31337, wallet: "w", walletClass: "hot", unit: "desk" } as const;
  assert.ok(render(wallet, real).includes("unit          desk\n"));
});

test("a payment of a token that replaces another one", () => {
  const expected = lines(
    "PAYMENT",
    "amount          0.000001 usdx",
    "to              acme",
    "address         0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "from wallet     treasury",
    "on chain        anvil (31337)",
    `token contract  ${TOKEN}`,
    "fees at most    0.01 eth",
    "entry hash      822b33ad87c148a0a20a5ba7cd5ebcaa68d36a18e7aad165554903f52ca82757",
    "replaces        a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e",
    ...wide(TAIL),
  );
  assert.equal(render({ ...pay, asset: "usdx", amount: 1n, replaces: hashOf("first") }, real), expected);
});

test("a cancellation", () => {
  const intent = {
    ...base,
    kind: "cancel",
    chain: 31337,
    wallet: "treasury",
    totalFee: 1n,
    replaces: hashOf("first"),
  } as const;
  const expected = lines(
    "CANCELLATION OF A PAYMENT",
    "from wallet   treasury",
    "on chain      anvil (31337)",
    "cancels       a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e",
    "fees at most  0.000000000000000001 eth",
    ...TAIL,
  );
  assert.equal(render(intent, real), expected);
});

test("a new wallet, of one client or of all", () => {
  const intent = { ...base, kind: "wallet", chain: 31337, wallet: "treasury", walletClass: "hot" } as const;
  const expected = (kind: string, client: string) =>
    lines("NEW WALLET", "wallet        treasury", "on chain      anvil (31337)", `class         ${kind}`, client, ...TAIL);
  assert.equal(render(intent, real), expected("hot", "client        (omnibus: no single client)"));
  assert.equal(render({ ...intent, client: "smith", walletClass: "cold" }, real), expected("cold", "client        smith"));
});

test("a new address-book entry, of another party or our own", () => {
  const expected = (kind: string, own: string, id: string, assets = "any") =>
    lines(
      "NEW ADDRESS-BOOK ENTRY",
      "entry         acme",
      "party         Acme Exchange Ltd.",
      "address       0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
      "on chain      anvil (31337)",
      `class         ${kind}`,
      `for assets    ${assets}`,
      `our own       ${own}`,
      `entry hash    ${id}`,
      ...TAIL,
    );
  const intent = (value: Entry) => ({ ...base, kind: "entry", entry: encode(Entry, value) }) as const;
  const theirs = "6a74182ee47afd776f646fc9e575a6c5bd44e4d7e60af299cce36c17e17ce02e";
  assert.equal(render(intent(entry), real), expected("exchange", "no", theirs));
  assert.equal(theirs, idOf(Entry, encode(Entry, entry)));
  const own: Entry = { ...entry, class: "own", own: { wallet: "treasury", index: 7 } };
  const ours = "ad26b155de1252319109b57e9f43fd9c6f2a498644343f2bd7096244967c6bd2";
  assert.equal(render(intent(own), real), expected("own", "wallet treasury, index 7", ours));
  const denied: Entry = { ...entry, class: "denied", assets: ["eth", "usdx"] };
  const never = "denied: this address is never paid";
  assert.equal(render(intent(denied), real), expected(never, "no", idOf(Entry, encode(Entry, denied)), "eth, usdx"));
});

test("the end of an address-book entry", () => {
  const expected = lines(
    "END OF AN ADDRESS-BOOK ENTRY",
    "entry         acme",
    "entry hash    822b33ad87c148a0a20a5ba7cd5ebcaa68d36a18e7aad165554903f52ca82757",
    ...TAIL,
  );
  assert.equal(render({ ...base, kind: "retire", name: "acme", hash: hashOf("acme") }, real), expected);
});

test("a freeze of everything or of one thing, and its end", () => {
  const freeze = { ...base, kind: "freeze", level: "institution", subject: "" } as const;
  assert.equal(render(freeze, real), lines("FREEZE", "stops         everything", ...TAIL));
  const wallet = { ...freeze, level: "wallet", subject: "treasury" } as const;
  assert.equal(render(wallet, real), lines("FREEZE", "stops         wallet treasury", ...TAIL));
  const lifted = "lifts freeze  12dd9774cc96e18b5b1b5d4a4b1e0724c4b3e3f37a3eed1af6a1dac7cfdbc3e3";
  assert.equal(
    render({ ...base, kind: "unfreeze", freeze: hashOf("freeze") }, real),
    lines("END OF A FREEZE", lifted, ...TAIL),
  );
});

const call: IntentOf<"call"> = {
  ...base,
  kind: "call",
  chain: 31337,
  wallet: "treasury",
  destination: { entry: "pool", hash: hashOf("pool"), address: ADDRESS },
  method: "deposit(uint256)",
  arguments: fromHex(`${"0".repeat(62)}2a`),
  amount: 500_000_000_000_000_000n,
  totalFee: 10_000_000_000_000_000n,
};

test("a call of a contract", () => {
  const expected = lines(
    "CALL OF A CONTRACT",
    "contract      pool",
    "address       0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "method        deposit(uint256)",
    "selector      0xb6b55f25",
    "argument      1 uint256 42",
    "value         0.5 eth",
    "from wallet   treasury",
    "on chain      anvil (31337)",
    "fees at most  0.01 eth",
    `entry hash    ${hashOf("pool")}`,
    ...TAIL,
  );
  assert.equal(render(call, real), expected);
  const none = { ...call, method: "ping()", arguments: new Uint8Array(), replaces: hashOf("first") };
  const text = render(none, real);
  assert.ok(text.includes("\nargument      (none)\n"));
  assert.ok(text.includes(`\nreplaces      ${hashOf("first")}\n`));
});

test("a dangerous call says what kind of call it is", () => {
  const spender = "0".repeat(24) + ADDRESS.slice(2).toLowerCase();
  const approve = (amount: string) =>
    render({ ...call, method: "approve(address,uint256)", arguments: fromHex(spender + amount), amount: 0n }, real);
  const limited = approve(`${"0".repeat(63)}1`);
  assert.ok(limited.includes("\nkind of call  allowance\n"));
  assert.ok(limited.includes(`\nargument      1 address ${ADDRESS}\nargument      2 uint256 1\nvalue         0 eth\n`));
  const unlimited = approve("f".repeat(64));
  assert.ok(unlimited.includes("\nkind of call  allowance\nkind of call  unlimited allowance\n"));
  assert.ok(unlimited.includes(`argument      2 uint256 ${(2n ** 256n - 1n).toString().slice(0, 54)}\n              `));
});

test("an argument cannot pass for another line, and what cannot be read has no text", () => {
  const deceit = `${" ".repeat(40)}\nvalue         100 eth`;
  const bytes = writeArguments([{ is: "string" }], [deceit], "values");
  const text = render({ ...call, method: "note(string)", arguments: bytes }, real);
  assert.equal(text.split("\n").filter((line) => line.startsWith("value ")).length, 1);
  assert.ok(text.split("\n").every((line) => line.length <= 80));
  const code = (change: Partial<IntentOf<"call">>) => outcome(() => render({ ...call, ...change }, real));
  assert.equal(code({ method: "deposit(uint)" }), "CALL_INVALID intent.method");
  assert.equal(code({ method: "many_msg_babbage(bytes1)" }), "CALL_INVALID intent.arguments");
  assert.equal(
    code({ method: "sign_szabo_bytecode(bytes16,uint128)", arguments: new Uint8Array(64) }),
    "CALL_INVALID intent.method",
  );
  assert.equal(code({ arguments: new Uint8Array(33) }), "CALL_INVALID intent.arguments");
  assert.equal(code({ chain: 5 }), "CHAIN_UNKNOWN intent.chain");
});

test("an entry says what may be called", () => {
  const contract = {
    ...entry,
    class: "contract",
    methods: [
      { method: "deposit(uint256)", value: true },
      { method: "withdraw(uint256)", value: false },
      { method: "approve(address,uint256)", value: false },
    ],
    codeHash: hashOf("code"),
  } as const;
  const text = (value: Entry) => render({ ...base, kind: "entry", entry: encode(Entry, value) }, real);
  const said = lines(
    "may be called  deposit(uint256) with value",
    "may be called  withdraw(uint256)",
    "may be called  approve(address,uint256) (allowance)",
    `code hash      ${hashOf("code")}`,
    "entry hash ",
  );
  assert.ok(text(contract).includes(`\n${said}`));
  const never = { ...contract, methods: [{ method: "transfer(address,uint256)", value: false }] };
  assert.equal(
    outcome(() => text(never)),
    "CALL_INVALID intent.entry.methods",
  );
});

test("a key that nobody holds is said to be unknown", () => {
  const text = render({ ...pay, initiator: hashOf("nobody") }, real);
  assert.match(text, /\ninitiated by {4}unknown key 6382b3cc[0-9a-f]{44}\n {16}[0-9a-f]{12}\n/);
});

test("a long value goes on below itself and cannot pass for another line", () => {
  const purpose = `${".".repeat(64)}address         0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC`;
  const text = render({ ...pay, purpose }, real);
  assert.ok(text.includes(`purpose         ${".".repeat(64)}\n                address         0x3C44`));
  assert.ok(text.split("\n").every((line) => line.length <= 80));
  assert.equal(text.split("\n").filter((line) => line.startsWith("address ")).length, 1);
});

test("no text has more lines than its fields: what breaks lines or deceives is refused by the encoding", () => {
  const deceptions = ["a\nto  eve", "a\rb", "\u202eb", "p\u0430y", "a\u2028b", "a\u0000b", "a\u001b[2Jb"];
  for (const trick of deceptions) {
    for (const field of ["purpose", "reference", "wallet", "asset"] as const)
      assert.equal(
        outcome(() => encode(Intent, { ...pay, [field]: trick })),
        `BAD_VALUE intent.${field}`,
      );
    assert.equal(
      outcome(() => encode(Entry, { ...entry, party: trick })),
      "BAD_VALUE entry.party",
    );
    const freeze = { ...base, kind: "freeze", level: "wallet", subject: trick } as const;
    assert.equal(
      outcome(() => encode(Intent, freeze)),
      "BAD_VALUE intent.subject",
    );
  }
});

test("what the rulebook does not know has no text", () => {
  assert.equal(
    outcome(() => render({ ...pay, asset: "doge" }, book)),
    "ASSET_UNKNOWN intent.asset",
  );
  assert.equal(
    outcome(() => render({ ...pay, asset: "ether" }, book)),
    "ASSET_UNKNOWN intent.asset",
  );
  assert.equal(
    outcome(() => findAsset(book, { ...pay, chain: 5 })),
    "ASSET_UNKNOWN intent.asset",
  );
  const wallet = { ...base, kind: "wallet", chain: 5, wallet: "treasury", walletClass: "hot" } as const;
  assert.equal(
    outcome(() => render(wallet, book)),
    "CHAIN_UNKNOWN intent.chain",
  );
  assert.equal(
    outcome(() => render({ ...base, kind: "entry", entry: Uint8Array.of(0xa0) }, book)),
    "MISSING_FIELD entry.version",
  );
});

const slug = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/);
const printable = (maxLength: number, minLength = 0) => fc.string({ unit: "grapheme-ascii", minLength, maxLength });
const id = fc.string().map(hashOf);
const amounts = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n });
/** Every field of a payment that says what happens; version and nonce do not. */
const PARTS = {
  deployment: id,
  initiator: fc.constantFrom("tom", "tina", "amy", "nobody").map(keyIdOf),
  purpose: printable(140),
  reference: printable(64, 1),
  notAfter: fc.integer({ min: 0, max: 253_402_300_799 }).map((seconds) => seconds * 1000),
  wallet: slug,
  entry: slug,
  hash: id,
  address: printable(90, 1),
  asset: fc.constantFrom("eth", "usdx"),
  amount: amounts,
  totalFee: amounts,
  replaces: fc.option(id, { nil: undefined }),
};
type Parts = { readonly [K in keyof typeof PARTS]: (typeof PARTS)[K] extends fc.Arbitrary<infer T> ? T : never };

function paymentOf({ entry: name, hash: of, address, replaces, ...rest }: Parts): IntentOf<"pay"> {
  const destination = { entry: name, hash: of, address };
  return { ...pay, ...rest, destination, ...(replaces !== undefined && { replaces }) };
}

test("two payments that differ in anything that says what happens have different texts", () => {
  const field = fc.constantFrom(...(Object.keys(PARTS) as (keyof Parts)[]));
  const property = fc.property(fc.record(PARTS), fc.record(PARTS), field, (one, other, name) => {
    const changed = { ...one, [name]: other[name] };
    const same = one[name] === other[name];
    assert.equal(render(paymentOf(one), book) === render(paymentOf(changed), book), same);
    const all = (Object.keys(PARTS) as (keyof Parts)[]).every((key) => one[key] === other[key]);
    assert.equal(render(paymentOf(one), book) === render(paymentOf(other), book), all);
  });
  fc.assert(property, { numRuns: 1000 });
});

test("the time is that of the civil calendar in UTC", () => {
  const last = 253_402_300_799_999;
  const expected = (at: number) => `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  for (const at of [0, 999, 1000, 951_782_400_000, 951_868_799_999, 951_868_800_000, 4_107_542_400_000, last])
    assert.equal(formatTime(at), expected(at));
  for (let day = 0; day < 150_000; day += 1) {
    const at = day * 86_400_000 + (day % 86_400) * 1000;
    if (formatTime(at) !== expected(at)) assert.fail(`${at}`);
  }
  fc.assert(fc.property(fc.integer({ min: 0, max: last }), (at) => assert.equal(formatTime(at), expected(at))));
});
