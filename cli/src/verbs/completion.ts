/** `strongroom completion`: completion of verbs and options for bash, zsh and fish, made from the table of verbs. */
import { fault } from "../faults.ts";
import { COMMON, named, type Verb } from "../verb.ts";

const SHELLS: Readonly<Record<string, (verbs: readonly Verb[]) => string>> = { bash, zsh, fish };

/** The verb that completes `verbs`. */
export const completionVerb = (verbs: () => readonly Verb[]): Verb => ({
  name: "completion",
  takes: "SHELL",
  what: "completion for bash, zsh or fish; put its output where your shell looks",
  options: {},
  examples: ["completion bash > ~/.local/share/bash-completion/completions/strongroom"],
  async run(context) {
    const [shell = ""] = named(context, "SHELL");
    const script = SHELLS[shell]?.(verbs()) ?? fault("USAGE", "SHELL", `one of ${Object.keys(SHELLS).join(", ")} is expected`);
    return { text: script, json: { shell, script } };
  },
});

/** First words with the second words that they take. */
function tree(verbs: readonly Verb[]): ReadonlyMap<string, readonly string[]> {
  const words = new Map<string, string[]>();
  for (const { name } of verbs) {
    const [first = "", second] = name.split(" ");
    words.set(first, [...(words.get(first) ?? []), ...(second === undefined ? [] : [second])]);
  }
  return words;
}

function optionsOf(verb: Verb): readonly string[] {
  return Object.keys({ ...verb.options, ...COMMON }).map((name) => `--${name}`);
}

function bash(verbs: readonly Verb[]): string {
  const seconds = [...tree(verbs)].filter(([, words]) => words.length > 0);
  const cases = verbs.map((verb) => `    "${verb.name}") words="${optionsOf(verb).join(" ")}" ;;`);
  return `# strongroom completion for bash
_strongroom() {
  local word="\${COMP_WORDS[COMP_CWORD]}" verb="\${COMP_WORDS[1]}" words=""
  case "$verb" in
${seconds.map(([first]) => `    ${first}) verb="$verb \${COMP_WORDS[2]}" ;;`).join("\n")}
  esac
  case "$verb" in
${cases.join("\n")}
  esac
  if [ "$COMP_CWORD" = 1 ]; then
    words="${[...tree(verbs).keys()].join(" ")}"
  elif [ "$COMP_CWORD" = 2 ]; then
    case "\${COMP_WORDS[1]}" in
${seconds.map(([first, second]) => `      ${first}) words="${second.join(" ")}" ;;`).join("\n")}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  [ "\${#COMPREPLY[@]}" = 0 ] && COMPREPLY=($(compgen -f -- "$word"))
}
complete -F _strongroom strongroom
`;
}

function zsh(verbs: readonly Verb[]): string {
  return `#compdef strongroom
# strongroom completion for zsh: the one for bash, through zsh's own bridge
autoload -Uz +X bashcompinit && bashcompinit
${bash(verbs)}`;
}

function fish(verbs: readonly Verb[]): string {
  const quote = (text: string) => `'${text.replace(/['\\]/g, "\\$&")}'`;
  const lines = ["# strongroom completion for fish", "complete -c strongroom -f"];
  for (const [first, seconds] of tree(verbs)) {
    const what = verbs.find((verb) => verb.name === first)?.what ?? seconds.join(", ");
    lines.push(`complete -c strongroom -n __fish_use_subcommand -a ${first} -d ${quote(what)}`);
    for (const second of seconds) {
      const words = verbs.find((verb) => verb.name === `${first} ${second}`)?.what ?? "";
      lines.push(`complete -c strongroom -n '__fish_seen_subcommand_from ${first}' -a ${second} -d ${quote(words)}`);
    }
  }
  for (const verb of verbs) {
    const [first = "", second] = verb.name.split(" ");
    const seen = [first, second].flatMap((word) => (word === undefined ? [] : [`__fish_seen_subcommand_from ${word}`]));
    for (const [name, { value, what }] of Object.entries({ ...verb.options, ...COMMON })) {
      const takes = value === undefined ? "" : " -r";
      lines.push(`complete -c strongroom -n '${seen.join("; and ")}' -l ${name}${takes} -d ${quote(what)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
