/** Puts the simulator's storage, transport and chance in the place of the server's: its other modules are loaded as they are.
 *
 *  Of a module that is stood in for, what the stand-in exports counts; everything else is the module's own. Import this file
 *  first and everything else afterwards, by `import()`. */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

const here = (path: string) => new URL(path, import.meta.url).href;
const server = (path: string) => here(`../../../server/src/${path}`);

/** By the module that is asked for. */
const STAND_INS: ReadonlyMap<string, string> = new Map(
  [
    ["addresses/store.ts", "store/wallets.ts"],
    ["chain/evm/evm.ts", "house/chain.ts"],
    ["chain/store.ts", "store/chain.ts"],
    ["clients/store.ts", "store/wallets.ts"],
    ["db/ids.ts", "store/ids.ts"],
    ["db/transact.ts", "store/transact.ts"],
    ["entries/store.ts", "store/entries.ts"],
    ["events/store.ts", "store/events.ts"],
    ["executions/store.ts", "store/executions.ts"],
    ["explanations/store.ts", "store/explanations.ts"],
    ["facts/store.ts", "store/facts.ts"],
    ["jobs/store.ts", "store/jobs.ts"],
    ["ledger/store.ts", "store/ledger.ts"],
    ["outflows/store.ts", "store/outflows.ts"],
    ["requests/store.ts", "store/requests.ts"],
    ["vault/wire.ts", "house/wire.ts"],
    ["wallets/store.ts", "store/wallets.ts"],
  ].map(([own, other]) => [server(own as string), here(`../${other}`)]),
);
const core = (path: string) => here(`../../../core/src/${path}`);
const REST = here("../store/ids.ts");
const SIGNATURES = here("signatures.ts");
/** What is pure and asked for again and again. */
const REMEMBERED: ReadonlyMap<string, string> = new Map([
  [core("bytes.ts"), here("bytes.ts")],
  [core("keys/ed25519.ts"), SIGNATURES],
  [core("keys/secp256k1.ts"), SIGNATURES],
  [core("signed/object.ts"), here("objects.ts")],
  [here("../../../vault/src/state/hash.ts"), here("objects.ts")],
  [server("vault/signed.ts"), here("persons.ts")],
]);
const LINK = server("vault/link.ts");
/** Whose keys, hashes and equations of node:crypto are asked for once. */
const VERIFIERS = [
  here("../../../vault/src/decide/evidence/verify.ts"),
  here("../../../vault/src/host/receipts.ts"),
  server("vault/signed.ts"),
  here("../../world/keys.ts"),
];
const JOINED = "?joined";
const PLAIN = "?plain";

/** Names that a stand-in exports. */
function namesOf(url: string): readonly string[] {
  const text = readFileSync(fileURLToPath(url), "utf8");
  return [...text.matchAll(/^export (?:const|async function|function|class) (\w+)/gm)].map(([, name]) => name as string);
}

function joined(own: string, other: string): string {
  return `export * from "${own}${PLAIN}";\nexport { ${namesOf(other).join(", ")} } from "${other}";\n`;
}

registerHooks({
  resolve(specifier, context, next) {
    const from = (context.parentURL ?? "").replace(PLAIN, "");
    if (specifier === "node:timers/promises" && from.startsWith(server(""))) return next(REST, context);
    if (specifier === "node:crypto" && VERIFIERS.includes(from)) return next(SIGNATURES, context);
    if (specifier === "node:crypto" && from === LINK) return next(REST, context);
    const found = next(specifier, context);
    const isPlain = found.url.endsWith(PLAIN);
    const standIn = REMEMBERED.get(found.url) ?? STAND_INS.get(found.url);
    return isPlain || standIn === undefined || context.parentURL === standIn ? found : { ...found, url: found.url + JOINED };
  },
  load(url, context, next) {
    if (!url.endsWith(JOINED)) return next(url, context);
    const own = url.slice(0, -JOINED.length);
    const standIn = (REMEMBERED.get(own) ?? STAND_INS.get(own)) as string;
    return { format: "module", source: joined(own, standIn), shortCircuit: true };
  },
});
