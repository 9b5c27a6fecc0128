import { expect, test } from "bun:test";
import { parseCommandLine, settingFlags } from "./flags.ts";

function parse(...args: string[]) {
  const line = parseCommandLine(args);
  if (!line.ok) throw new Error(line.error);
  return { command: line.value.command, flags: Object.fromEntries(line.value.flags) };
}

test("a command, and flags in both spellings", () => {
  expect(parse("serve", "--port", "1", "--host=::1", "--dev")).toEqual({
    command: "serve",
    flags: { port: ["1"], host: ["::1"], dev: [true] },
  });
});

test("a switch does not swallow what follows, unless it is true or false", () => {
  expect(parse("serve", "--dev", "--port", "1").flags).toEqual({ dev: [true], port: ["1"] });
  expect(parse("serve", "--page", "false", "--dev").flags).toEqual({ page: ["false"], dev: [true] });
  expect(parseCommandLine(["serve", "--dev", "extra"]).ok).toBe(false);
});

test("a flag may be given again: a list of its own has all, a setting the last", () => {
  const line = parseCommandLine([
    "token",
    "--grant",
    "call=bob",
    "--grant",
    "join=room:*",
    "--port",
    "1",
    "--port",
    "2",
  ]);
  if (!line.ok) throw new Error(line.error);
  expect(line.value.flags.get("grant")).toEqual(["call=bob", "join=room:*"]);
  expect(settingFlags(line.value).get("port")).toBe("2");
});

test("a value may hold an equals sign; a flag may lack its value", () => {
  expect(parse("x", "--a=b=c", "--d").flags).toEqual({ a: ["b=c"], d: [true] });
});

test("words that are no flags are refused", () => {
  expect(parseCommandLine(["serve", "now"]).ok).toBe(false);
  expect(parseCommandLine(["serve", "-p", "1"]).ok).toBe(false);
});

test("some commands take a name, before their flags or between them", () => {
  const words = (...args: string[]) => {
    const line = parseCommandLine(args);
    return line.ok ? line.value.words : line.error;
  };
  expect(words("stream-key", "lobby", "--revoke")).toEqual(["lobby"]);
  expect(words("stream-link", "--for", "2h", "lobby")).toEqual(["lobby"]);
  expect(words("serve", "--dev")).toEqual([]);
  expect(words("stream-key", "lobby", "other")).toBe("what is other? Flags begin with --");
  expect(words("token", "alice")).toBe("what is alice? Flags begin with --");
});
