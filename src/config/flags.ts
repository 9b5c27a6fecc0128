import { fail, ok, type Result } from "../shared/result.ts";
import { options } from "./option.ts";

/** A command line: a command or none, what it is about, then flags. A flag that may be given again has all its values. */
export interface CommandLine {
  readonly command: string | undefined;
  /** What follows the command: the name of a stream, for commands that take one. */
  readonly words: readonly string[];
  readonly flags: ReadonlyMap<string, readonly (string | true)[]>;
}

const switches = new Set(["help", "version", ...switchOptions()]);
const commandsWithName = new Set(["api-key", "stream-key", "stream-link", "record"]);

/** Reads `command NAME --flag value --flag=value --switch`. The error is one line. */
export function parseCommandLine(args: readonly string[]): Result<CommandLine, string> {
  const flags = new Map<string, (string | true)[]>();
  const words: string[] = [];
  let command: string | undefined;
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? "";
    if (!word.startsWith("--")) {
      if (command === undefined && flags.size === 0) command = word;
      else if (commandsWithName.has(command ?? "") && words.length === 0) words.push(word);
      else return fail(`what is ${word}? Flags begin with --`);
      continue;
    }
    const equals = word.indexOf("=");
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const next = args[at + 1];
    let value: string | true = equals < 0 ? true : word.slice(equals + 1);
    if (
      equals < 0 &&
      next !== undefined &&
      !next.startsWith("--") &&
      (!switches.has(name) || isBoolean(next))
    ) {
      value = next;
      at++;
    }
    flags.set(name, [...(flags.get(name) ?? []), value]);
  }
  return ok({ command, words, flags });
}

/** The flags as settings: of a flag that was given again, the last counts. */
export function settingFlags(line: CommandLine): Map<string, string | true> {
  return new Map([...line.flags].map(([name, values]) => [name, values.at(-1) ?? true]));
}

function switchOptions(): string[] {
  return options.filter(({ schema }) => schema.type === "boolean").flatMap(({ flag, path }) => [flag, path]);
}

function isBoolean(text: string): boolean {
  return text === "true" || text === "false";
}
