/** Compiles the demonstration token: `node tools/demo/compile.ts` writes token.json, and its test compares. */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** What is checked in. `bytecode`: creation code as hex, without the constructor's argument. */
export type Compiled = { readonly compiler: string; readonly bytecode: string };

type Solc = { version(): string; compile(input: string): string };
type Output = {
  readonly errors?: readonly { readonly formattedMessage: string }[];
  readonly contracts?: {
    readonly [file: string]: { readonly [name: string]: { readonly evm: { readonly bytecode: { readonly object: string } } } };
  };
};

const source = new URL("./Token.sol", import.meta.url);
export const compiledPath = fileURLToPath(new URL("./token.json", import.meta.url));

/** Compiles Token.sol with the pinned compiler; the output depends on nothing else. */
export function compileToken(): Compiled {
  const solc = createRequire(import.meta.url)("solc") as Solc;
  const input = {
    language: "Solidity",
    sources: { "Token.sol": { content: readFileSync(source, "utf8") } },
    settings: {
      optimizer: { enabled: true, runs: 200 },
      evmVersion: "paris",
      metadata: { bytecodeHash: "none", appendCBOR: false },
      outputSelection: { "*": { "*": ["evm.bytecode.object"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as Output;
  const bytecode = output.contracts?.["Token.sol"]?.["Token"]?.evm.bytecode.object;
  if (output.errors !== undefined || bytecode === undefined) {
    throw new Error((output.errors ?? []).map((error) => error.formattedMessage).join("\n") || "no bytecode");
  }
  return { compiler: solc.version(), bytecode };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(compiledPath, `${JSON.stringify(compileToken(), null, 2)}\n`);
}
