import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { ApiProblem } from "@strongroom/sdk/client/problem";
import { homeOf, readConfig } from "./config.ts";
import { makeFolder } from "./device/files.ts";
import { EXIT, FAULTS, failureOf, refusal } from "./faults.ts";
import { columns, duration, frame, paintsFor, plain, width } from "./screen.ts";
import { amountFrom, findVerb, parseLife } from "./verb.ts";
import { VERBS } from "./verbs/table.ts";

const home = await mkdtemp(join(tmpdir(), "strongroom-cli-"));
after(() => rm(home, { recursive: true, force: true }));

function strongroom(...args: readonly string[]) {
  const main = join(import.meta.dirname, "main.ts");
  const env = { ...process.env, STRONGROOM_HOME: home, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8", env });
  return { status, stdout, stderr };
}

test("help names every verb and every exit code", () => {
  const { status, stdout } = strongroom("help");
  assert.equal(status, EXIT.ok);
  for (const { name } of VERBS) assert.match(stdout, new RegExp(`^ {2}${name}\\b`, "m"));
  for (const code of Object.values(EXIT)) assert.match(stdout, new RegExp(`^ {2}${code} `, "m"));
  assert.equal(strongroom().status, EXIT.usage);
  assert.equal(strongroom("--help").status, EXIT.ok);
});

test("a wrong command line is a usage error, for people and for programs", () => {
  for (const args of [["nonsense"], ["status", "--nonsense"], ["pay"], ["completion", "tcsh"]]) {
    const { status, stdout } = strongroom(...args, "--json");
    assert.equal(status, EXIT.usage, args.join(" "));
    const { ok, code, field, what, next } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual([ok, code, typeof field, typeof what, typeof next], [false, "USAGE", "string", "string", "string"]);
  }
  const { status, stdout, stderr } = strongroom("status", "more");
  assert.deepEqual([status, stdout], [EXIT.usage, ""]);
  assert.match(stderr, /USAGE[\s\S]*why[\s\S]*next.*npm run -s strongroom -- help status/);
});

test("a slip of the keys is told, with what was probably meant", () => {
  for (const [args, words] of [
    [["pya"], "did you mean pay?"],
    [["wallet"], "wallet takes one of new, show"],
    [["pay", "1", "eth", "--form", "treasury"], "did you mean --from?"],
    [["pay", "-1", "eth"], "-1: numbers and amounts have no sign"],
    [["pay", "1", "eth", "--from", "--to", "x"], "--from needs a value after it"],
    [["send", "abcdef", "--fact"], "--fact needs a value after it"],
    [["wallet", "new", "Acme", "--class", "hot"], "a name of a-z, 0-9 and hyphens is expected"],
    [["wallet", "new", "\u0430cme", "--class", "hot"], "a name of a-z, 0-9 and hyphens is expected"],
    [["entry", "new", "x", "--class", "own"], "--own WALLET/INDEX belongs to class own"],
    [["pay", "1", "eth", "--from", "w", "--to", "x", "--address", "0x1"], "it is named in place of --to, not beside it"],
    [["freeze", "everything"], "one of institution, unit, chain, asset, wallet, destination, person is expected"],
    [["entry", "new", "x", "--class", "bank"], "one of exchange, vasp, self-hosted, contract, denied, own is expected"],
  ] as const) {
    const { status, stderr } = strongroom(...args);
    assert.equal(status, EXIT.usage, args.join(" "));
    assert.ok(stderr.includes(words), `${args.join(" ")}: ${stderr}`);
  }
  assert.match(strongroom("help", "wallet").stdout, /wallet new[\s\S]*wallet show/);
  assert.match(strongroom("--version").stdout, /^strongroom \d+\.\d+\.\d+\n$/);
});

test("a folder without a deployment, and one without a vault, say so", async () => {
  assert.equal(strongroom("status").status, EXIT.operational);
  assert.match(strongroom("status", "--json").stdout, /"code":"NO_HOME"/);
  await writeFile(join(home, "config.json"), JSON.stringify({ socket: "vault.sock", chains: {} }));
  assert.match(strongroom("status", "--json").stdout, /"code":"NO_PIN"/);
  await writeFile(join(home, "genesis.pin"), `${"ab".repeat(32)}\n`);
  assert.match(strongroom("status", "--json").stdout, /"code":"VAULT_UNREACHABLE"/);
  await writeFile(join(home, "genesis.pin"), "something\n");
  assert.match(strongroom("status", "--json").stdout, /"code":"FILE_UNFIT"/);
});

test("a folder that cannot be made is an answer, not an endless wait", async () => {
  await makeFolder(join(home, "some", "more"));
  await makeFolder(join(home, "some", "more"));
  assert.deepEqual(await readdir(join(home, "some")), ["more"]);
  for (const path of ["/proc/strongroom/x", "/dev/null/x", join(home, "x".repeat(300))]) {
    await assert.rejects(makeFolder(path), { code: "HOME_UNFIT" }, path);
  }
});

test("the configuration is strict", async () => {
  const path = join(home, "config.json");
  for (const text of [
    "{",
    "[]",
    '{"socket":1,"chains":{}}',
    '{"socket":"s","chains":{"x":"y"}}',
    '{"socket":"s","chains":{},"more":1}',
    '{"server":"nowhere"}',
    '{"chains":{}}',
  ]) {
    await writeFile(path, text);
    await assert.rejects(readConfig(home), { code: "FILE_UNFIT" });
  }
  await writeFile(path, '{"socket":"s","chains":{"1":"http://127.0.0.1:1"}}');
  assert.deepEqual([(await readConfig(home)).socket, (await readConfig(home)).server], [join(home, "s"), null]);
  await writeFile(path, '{"server":"http://127.0.0.1:1"}');
  assert.deepEqual([(await readConfig(home)).socket, (await readConfig(home)).server], [null, "http://127.0.0.1:1"]);
  assert.equal(homeOf("x"), join(process.cwd(), "x"));
});

test("a server is reached with the token of whoever acts, and never with one that others may read", async () => {
  await writeFile(join(home, "config.json"), '{"server":"http://127.0.0.1:1"}');
  const code = (...args: string[]) => (JSON.parse(strongroom(...args, "--json").stdout) as { code: string }).code;
  assert.equal(code("health"), "NO_TOKEN");
  const token = join(home, "server.token");
  await writeFile(token, `sr_${"ab".repeat(32)}\n`, { mode: 0o644 });
  assert.equal(code("health"), "KEY_MODE");
  await chmod(token, 0o600);
  assert.equal(code("health"), "SERVER_UNREACHABLE");
  assert.equal(code("health", "--as", "tom"), "NO_TOKEN");
  assert.equal(code("health", "--token-file", join(home, "config.json")), "KEY_MODE");
  assert.equal(code("status", "--direct"), "USAGE");
  await writeFile(token, "secret\n");
  assert.equal(code("health"), "FILE_UNFIT");
});

test("what a server answers has its code and an exit code", () => {
  const problem = (status: number, code: string, vaultCode: string | null = null) =>
    failureOf(new ApiProblem(status, { code, vaultCode, field: "f", detail: "d", next: "n", requestId: "r" }));
  for (const [status, code, exit] of [
    [403, "FORBIDDEN", EXIT.refused],
    [401, "UNAUTHENTICATED", EXIT.operational],
    [429, "RATE_LIMITED", EXIT.operational],
    [503, "VAULT_UNREACHABLE", EXIT.operational],
  ] as const)
    assert.deepEqual([problem(status, code).code, problem(status, code).exit], [code, exit]);
  assert.deepEqual(problem(422, "SIGNED_WRONG", "FROZEN"), refusal("FROZEN", "f", "d"));
  assert.match(problem(500, "INTERNAL").detail, /request id r/);
});

test("completion scripts are scripts of their shells", () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { status, stdout } = strongroom("completion", shell);
    assert.equal(status, EXIT.ok);
    for (const { name } of VERBS) assert.ok(stdout.includes(name.split(" ")[0] ?? ""), `${shell} ${name}`);
  }
  const script = `${strongroom("completion", "bash").stdout}
    COMP_WORDS=(strongroom "rulebook" "li"); COMP_CWORD=2; _strongroom; echo "\${COMPREPLY[@]}"
    COMP_WORDS=(strongroom pay --fr); COMP_CWORD=2; _strongroom; echo "\${COMPREPLY[@]}"
    COMP_WORDS=(strongroom unf); COMP_CWORD=1; _strongroom; echo "\${COMPREPLY[@]}"`;
  const { stdout } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
  assert.equal(stdout, "lint\n--from\nunfreeze\n");
});

test("verbs are found wherever options stand", () => {
  assert.equal(findVerb(VERBS, ["--json", "status"])?.verb.name, "status");
  assert.equal(findVerb(VERBS, ["--home", "status", "rulebook", "show"])?.verb.name, "rulebook show");
  assert.deepEqual(findVerb(VERBS, ["approve", "abc", "--key", "amy"])?.rest, ["abc", "--key", "amy"]);
  assert.equal(findVerb(VERBS, ["rulebook"]), null);
});

test("times are written with a unit", () => {
  assert.equal(parseLife("90s", "valid"), 90_000);
  assert.equal(parseLife("24h", "valid"), 86_400_000);
  for (const text of ["", "0s", "1", "1w", "-1s", "1.5h"]) assert.throws(() => parseLife(text, "valid"), { code: "USAGE" });
});

test("every failure has a code, words and an exit code", () => {
  for (const [code, { exit, what, next }] of Object.entries(FAULTS)) {
    assert.match(code, /^[A-Z_]+$/);
    assert.ok(exit > 0 && what.endsWith(".") && next.length > 0, code);
  }
  assert.equal(refusal("FROZEN", "", "").exit, EXIT.refused);
  assert.equal(refusal("NEVER_HEARD_OF", "", "").code, "NEVER_HEARD_OF");
  assert.equal(failureOf(new TypeError("oops")).exit, EXIT.bug);
});

test("columns, frames and durations line up", () => {
  assert.equal(
    columns([
      ["a", "bb"],
      ["ccc", "d"],
    ]),
    "a    bb\nccc  d",
  );
  assert.deepEqual(new Set(frame("a\nlonger").split("\n").map(width)), new Set([10]));
  assert.equal(duration(12.4), "12 ms");
  assert.equal(duration(1_250), "1.3 s");
  assert.deepEqual([60_000, 86_400_000, 90_000].map(duration), ["1 min", "1 d", "90 s"]);
  assert.equal(paintsFor({ isTTY: false }).bad("x"), "x");
});

test("on a narrow screen words go on below, and no part of a value passes for a line of its own", () => {
  const rows = [["--option", "some words that need more than one line"]];
  assert.equal(columns(rows, 40), "--option  some words that need more than\n          one line");
  assert.equal(columns(rows, 30), "--option\n    some words that need more\n    than one line");
  assert.equal(columns([["a", "x".repeat(50)]], 40), `a  ${"x".repeat(50)}`);
  const value = `${"x".repeat(20)}to  eve`;
  const lines = frame(`purpose  ${value}`, (line) => line, 31).split("\n");
  assert.deepEqual(lines.slice(1, -1), [`│ purpose  ${"x".repeat(20)}`, "┆ to  eve"]);
});

test("what others write cannot steer the terminal", () => {
  assert.equal(plain("a\u001b[31mb\u202ec\u200bd\ne"), "a\\u{1b}[31mb\\u{202e}c\\u{200b}d\ne");
});

test("amounts may end in zeros, and nothing else is lenient", () => {
  assert.equal(amountFrom("1250.00", 6, "AMOUNT"), 1_250_000_000n);
  assert.equal(amountFrom("0.10", 1, "AMOUNT"), 1n);
  for (const text of ["", "1.", ".5", "01", "1e3", "1,5", "+1", "1 ", "0x1", "1.0.0"]) {
    assert.throws(() => amountFrom(text, 18, "AMOUNT"), { code: "BAD_VALUE" }, text);
  }
});
