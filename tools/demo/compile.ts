/** Compiles the demonstration token and the odd contracts of the tests: `node tools/demo/compile.ts` writes token.json and
 *  odd.json, and their test compares. */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** What is checked in. `bytecode`: creation code as hex, without the constructor's argument. */
export type Compiled = { readonly compiler: string; readonly bytecode: string };

type Solc = { version(): string; compile(input: string): string };
type Output = {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts?: {
    readonly [file: string]: { readonly [name: string]: { readonly evm: { readonly bytecode: { readonly object: string } } } };
  };
};

export const compiledPath = fileURLToPath(new URL("./token.json", import.meta.url));
export const oddPath = fileURLToPath(new URL("./odd.json", import.meta.url));

/** Creation code by the contract's name. */
export type Odd = { readonly compiler: string; readonly bytecode: { readonly [contract: string]: string } };

/** Compiles Token.sol with the pinned compiler; the output depends on nothing else. */
export function compileToken(): Compiled {
  const { compiler, bytecode } = compile("Token.sol");
  return { compiler, bytecode: bytecode["Token"] ?? fail("no bytecode") };
}

/** The same for Odd.sol. */
export function compileOdd(): Odd {
  return compile("Odd.sol");
}

function compile(file: string): Odd {
  const solc = createRequire(import.meta.url)("solc") as Solc;
  const input = {
    language: "Solidity",
    sources: { [file]: { content: readFileSync(new URL(file, import.meta.url), "utf8") } },
    settings: {
      optimizer: { enabled: true, runs: 200 },
      evmVersion: "paris",
      metadata: { bytecodeHash: "none", appendCBOR: false },
      outputSelection: { "*": { "*": ["evm.bytecode.object"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as Output;
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error" || file === "Token.sol");
  if (errors.length > 0) fail(errors.map((error) => error.formattedMessage).join("\n"));
  const made = Object.entries(output.contracts?.[file] ?? {}).map(([name, { evm }]) => [name, evm.bytecode.object] as const);
  return { compiler: solc.version(), bytecode: Object.fromEntries(made.filter(([, code]) => code !== "")) };
}

function fail(words: string): never {
  throw new Error(words);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(compiledPath, `${JSON.stringify(compileToken(), null, 2)}\n`);
  writeFileSync(oddPath, `${JSON.stringify(compileOdd(), null, 2)}\n`);
}
