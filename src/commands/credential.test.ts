import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { parseCommandLine } from "../config/flags.ts";
import { loadSettings } from "../config/load.ts";
import { makeCredential } from "./credential.ts";

const key = "a key of at least 32 characters..";
const env = { SWITCHBOARD_CREDENTIALS_KEY: key };

function make(words: string, environment: Record<string, string> = {}) {
  const line = parseCommandLine(["credential", ...words.split(" ").filter((word) => word !== "")]);
  if (!line.ok) throw new Error(line.error);
  return makeCredential(line.value, environment);
}

function made(words: string, environment: Record<string, string> = {}) {
  const result = make(words, environment);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe("credential", () => {
  test("derived from the key: the same each time, and nothing to store", () => {
    const secret = (version: number) =>
      createHmac("sha256", key).update(`alice/desk:${version}`).digest("base64url");
    const words = "--user alice --device desk";
    expect(made(words, env)).toEqual({ login: "alice/desk", secret: secret(1), realm: "switchboard" });
    expect(made(`${words} --secret-version 2`, env).secret).toBe(secret(2));
    const versions = JSON.stringify([{ login: "alice/desk", version: 3 }]);
    expect(made(words, { ...env, SWITCHBOARD_CREDENTIALS_VERSIONS: versions }).secret).toBe(secret(3));
  });

  test("stored: another each time, with grants of its own; the settings take each login once", () => {
    const [one, other] = [made("--user alice --grant call=bob"), made("--user alice --store", env)];
    expect(one.secret).not.toBe(other.secret);
    expect(one.stored).toMatchObject({ login: "alice", realm: "switchboard", grants: ["call=bob"] });
    expect(other.stored).toMatchObject({ grants: ["call=*", "send=*", "watch=*"] });
    expect(loadSettings({ object: { credentials: { stored: [one.stored] } } }).ok).toBe(true);
    expect(loadSettings({ object: { credentials: { stored: [one.stored, other.stored] } } })).toMatchObject({
      error: "setting credentials.stored: alice is there twice",
    });
  });

  test("what can't be made is said in one line", () => {
    const cases: [string, Record<string, string>, string][] = [
      ["", {}, "--user"],
      ["--user a/b", {}, "--user"],
      ["--user alice --device a:b", {}, "--device"],
      ["--user alice --grant fly=*", {}, "--grant"],
      ["--user alice --grant call=bob", env, "--store"],
      ["--user alice --secret-version 2", {}, "--secret-version"],
      ["--user alice --secret-version 0", env, "--secret-version"],
      ["--user alice", { SWITCHBOARD_CREDENTIALS_KEY: "short" }, "credentials.key"],
      ["--user alice", { SWITCHBOARD_CREDENTIALS_GRANTS: "call" }, "call is no grant"],
      ["--user alice", { SWITCHBOARD_CREDENTIALS_REALM: 'a"b' }, "credentials.realm"],
    ];
    for (const [words, environment, text] of cases) {
      const result = make(words, environment);
      expect([words, result.ok ? "" : result.error]).toEqual([words, expect.stringContaining(text)]);
    }
  });
});
