/** Reads TypeScript as text: where comments and strings lie, what is imported, where functions begin and end.
 *
 *  For the tidy test only. It is a lexer with a few guesses, not a parser: it knows strings, templates, comments and regular
 *  expressions, so that none of them is mistaken for code. JSX text is read as code, which suffices for imports. */

type Kind = "comment" | "string" | "regex";
type Span = { readonly kind: Kind; readonly start: number; readonly end: number };

/** One import. `spec` is null when the module's name is computed. */
export type Import = { readonly spec: string | null; readonly index: number };
/** The body of a function. `call` is the callee that the function is handed to directly (`test`, `describe`, `map`), or "". */
export type Body = { readonly open: number; readonly close: number; readonly call: string };

/** A file seen three ways, all of the same length and with the same line breaks.
 *  `code`: comments and the insides of strings and regular expressions blanked. `live`: only comments blanked. */
export type Scan = { readonly text: string; readonly code: string; readonly live: string; readonly imports: readonly Import[] };

const cache = new Map<string, Scan>();

/** Scans one file; the same text is scanned once. */
export function scan(text: string): Scan {
  const known = cache.get(text);
  if (known) return known;
  const found = spans(text);
  const live = blank(
    text,
    found.filter((span) => span.kind === "comment"),
  );
  const code = blank(text, found);
  const fresh = { text, code, live, imports: imports(text, code) };
  cache.set(text, fresh);
  return fresh;
}

/** The line, counted from 1, on which `index` lies. */
export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < index; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

function blank(text: string, found: readonly Span[]): string {
  let out = "";
  let at = 0;
  for (const { kind, start, end } of found) {
    const from = kind === "comment" ? start : start + 1;
    const to = kind === "comment" ? end : Math.max(from, end - 1);
    out += text.slice(at, from) + text.slice(from, to).replace(/[^\n]/g, " ");
    at = to;
  }
  return out + text.slice(at);
}

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y;
const STRING = /"(?:[^"\\\n]|\\[\s\S])*["\n]?|'(?:[^'\\\n]|\\[\s\S])*['\n]?/y;
const TEMPLATE = /[`}](?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{|$)/y;
const REGEX = /\/(?![*/])(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const WORD = /[\w$]+/y;
const BEFORE_REGEX = new Set([
  "",
  ..."(,=:[!&|?{;+-*%>~^",
  ..."return typeof case in of delete void throw await yield else do".split(" "),
]);

/** Comments, strings and regular expressions in order. A template's `${` and `}` stay outside the spans, so braces match. */
function spans(text: string): Span[] {
  const out: Span[] = [];
  const depths: number[] = [];
  let at = 0;
  let last = "";
  if (text.startsWith("#!")) {
    at = Math.max(text.indexOf("\n"), 0);
    out.push({ kind: "comment", start: 0, end: at });
  }
  while (at < text.length) {
    const char = text.charAt(at);
    const step = next(text, { at, last, resumes: char === "}" && depths.at(-1) === 0 });
    if (char === "{" && depths.length > 0) depths.push((depths.pop() ?? 0) + 1);
    if (char === "}" && depths.length > 0) depths.push((depths.pop() ?? 0) - 1);
    if (step.template) {
      if (char === "}") depths.pop();
      if (step.opens) depths.push(0);
    }
    if (step.kind) out.push({ kind: step.kind, start: at, end: step.opens ? step.end - 1 : step.end });
    if (step.kind !== "comment" && char.trim() !== "") last = step.token;
    at = step.end;
  }
  return out;
}

type Step = { end: number; kind?: Kind; token: string; template?: boolean; opens?: boolean };

function next(text: string, { at, last, resumes }: { at: number; last: string; resumes: boolean }): Step {
  const char = text.charAt(at);
  const comment = char === "/" ? match(COMMENT, text, at) : "";
  if (comment) return { end: at + comment.length, kind: "comment", token: last };
  if (char === '"' || char === "'") return { end: at + match(STRING, text, at).length, kind: "string", token: '"' };
  if (char === "`" || resumes) {
    const chunk = match(TEMPLATE, text, at);
    const opens = chunk.endsWith("${");
    return { end: at + chunk.length, kind: "string", token: opens ? "{" : '"', template: true, opens };
  }
  const regex = char === "/" && BEFORE_REGEX.has(last) ? match(REGEX, text, at) : "";
  if (regex) return { end: at + regex.length, kind: "regex", token: '"' };
  const word = match(WORD, text, at);
  return word ? { end: at + word.length, token: word } : { end: at + 1, token: char };
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

const QUOTES = new Set(['"', "'", "`"]);
const STATIC = /\bimport\b(?:\s*|\s[\w$\s{},*]*?\bfrom\s*|\s*[{*][\w$\s{},*"']*?\bfrom\s*)(?=["'])/y;
const EXPORT = /\bexport\s*(?:type\s*)?(?:\*(?:\s*as\s+[\w$"' ]+)?|\{[^}]*\})\s*from\s*(?=["'])/y;
const CALLED = /\b(?:import|require|require\.resolve|import\.meta\.resolve|(?:process\.)?getBuiltinModule)\s*\(\s*/y;
const START = /(?<![\w$.])(?:import|export|require|process|getBuiltinModule)\b/g;

/** Static, side-effect, type, re-export and dynamic imports, and `require`. */
function imports(text: string, code: string): Import[] {
  const out: Import[] = [];
  for (const { index } of code.matchAll(START)) {
    const called = match(CALLED, code, index);
    const head = called || match(STATIC, code, index) || match(EXPORT, code, index);
    if (!head) continue;
    const quoteAt = index + head.length;
    const quote = code.charAt(quoteAt);
    const end = QUOTES.has(quote) ? code.indexOf(quote, quoteAt + 1) : -1;
    const whole = end >= 0 && !code.slice(quoteAt, end).includes("${") && (!called || /^\s*[,)]/.test(code.slice(end + 1)));
    if (whole) out.push({ spec: text.slice(quoteAt + 1, end), index });
    else if (called) out.push({ spec: null, index });
  }
  return out;
}

/** Every pair of brackets, and for every opening bracket the one around it (-1 when none is). */
function brackets(code: string): { closes: Map<number, number>; around: Map<number, number> } {
  const closes = new Map<number, number>();
  const around = new Map<number, number>();
  const open: number[] = [];
  for (let at = 0; at < code.length; at++) {
    const char = code.charAt(at);
    if (char === "(" || char === "[" || char === "{") {
      around.set(at, open.at(-1) ?? -1);
      open.push(at);
    } else if (char === ")" || char === "]" || char === "}") {
      const from = open.pop();
      if (from !== undefined) closes.set(from, at);
    }
  }
  return { closes, around };
}

const CONTROL = new Set(["if", "for", "while", "switch", "catch", "with", "await", "extends"]);

/** Bodies in braces of function declarations, function expressions, methods and arrow functions. `code` as in `Scan`. */
export function bodies(code: string): Body[] {
  const { closes, around } = brackets(code);
  const out = new Map<number, Body>();
  const add = (open: number) => {
    const outer = around.get(open) ?? -1;
    const call = code.charAt(outer) === "(" ? wordBefore(code, outer) : "";
    out.set(open, { open, close: closes.get(open) ?? code.length, call });
  };
  for (const found of code.matchAll(/=>\s*(?=\{)/g)) add(found.index + found[0].length);
  for (const [open, close] of closes) {
    if (code.charAt(open) !== "(" || CONTROL.has(wordBefore(code, open))) continue;
    const after = skipSpace(code, close + 1);
    const body = code.charAt(after) === ":" ? afterType(code, after + 1, closes) : after;
    if (code.charAt(body) === "{") add(body);
  }
  return [...out.values()].sort((a, b) => a.open - b.open);
}

function wordBefore(code: string, at: number): string {
  return /([\w$]+)\s*(?:<[^()]*>)?\s*$/.exec(code.slice(Math.max(0, at - 200), at))?.[1] ?? "";
}

function skipSpace(code: string, at: number): number {
  return at + match(/\s*/y, code, at).length;
}

const WANTS_TYPE = new Set(["is", "extends", "keyof", "typeof", "readonly", "asserts", "unique", "infer"]);

/** Where the type that starts at `from` is followed by a brace, or -1 when something else ends it. */
function afterType(code: string, from: number, closes: Map<number, number>): number {
  let wants = true;
  for (let at = skipSpace(code, from); at < code.length; at = skipSpace(code, at)) {
    const char = code.charAt(at);
    const word = match(WORD, code, at);
    if (char === "{" && !wants) return at;
    if (char === "{" || char === "(" || char === "[") {
      at = (closes.get(at) ?? code.length) + 1;
      wants = false;
    } else if (QUOTES.has(char)) {
      at = code.indexOf(char, at + 1) + 1 || code.length;
      wants = false;
    } else if (word) {
      at += word.length;
      wants = WANTS_TYPE.has(word);
    } else if ("<|&,?:.".includes(char) || code.startsWith("=>", at)) {
      at += char === "=" ? 2 : 1;
      wants = true;
    } else if (char === ">") {
      at += 1;
      wants = false;
    } else return -1;
  }
  return -1;
}
