/** JSON as it may come in: UTF-8, an object, no key twice, nothing deep or endless. And its canonical form, to compare. */
import { limits } from "../host/limits.ts";
import { problem } from "./call.ts";

const refuse = (detail: string, cause?: unknown) => problem("BAD_REQUEST", "body", detail, cause);

/** The value in a body. Refuses with BAD_REQUEST at `body`. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = utf8(bytes);
  inspect(text);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    return refuse("This is not JSON.", error);
  }
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    return refuse("This is not UTF-8.", error);
  }
}

const TOKEN = /["{}[\]:]|[^\s"{}[\],:]+/g;

/** Walks the tokens and refuses what a parser would take without a word. Says nothing of syntax: that is the parser's. */
function inspect(text: string): void {
  const open: (Set<string> | null)[] = [];
  let values = 0;
  let name: string | null = null;
  TOKEN.lastIndex = 0;
  for (let found = TOKEN.exec(text); found !== null; found = TOKEN.exec(text)) {
    const [token] = found;
    if (token === ":") enter(open.at(-1) ?? null, name ?? "");
    else if (token === "}" || token === "]") open.pop();
    else if (++values > limits.jsonValues) refuse("There are too many values.");
    if (token === "{" || token === "[") {
      open.push(token === "{" ? new Set() : null);
      if (open.length > limits.jsonDepth) refuse("It is nested too deep.");
    } else if (token === '"') {
      const end = closing(text, found.index);
      name = text.slice(found.index, end);
      TOKEN.lastIndex = end;
    } else if (token.length > limits.jsonDigits) refuse("A number has too many digits.");
  }
}

/** Index after the quote that ends the string that begins at `from`. */
function closing(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charAt(end - 1 - escapes) === "\\") escapes++;
    if (escapes % 2 === 0) return end + 1;
  }
  return refuse("A string does not end.");
}

/** Notes the name of a member. `quoted`: as it stands in the text. */
function enter(names: Set<string> | null, quoted: string): void {
  const name = quoted.includes("\\") ? unquote(quoted) : quoted.slice(1, -1);
  if (name === "__proto__") refuse("A member is named __proto__.");
  if (names?.has(name)) refuse("A member is there twice.");
  names?.add(name);
}

function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch (error) {
    return refuse("This is not JSON.", error);
  }
}

/** One text for equal values: members by name, no spaces. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const sorted = members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join()}}`;
}
