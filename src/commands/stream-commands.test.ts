import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCommandLine } from "../config/flags.ts";
import { verifyLink } from "../media/http/signed-link.ts";
import { KeyFile } from "../server/key-file.ts";
import { streamKeys } from "../server/stream-keys.ts";
import { linkKeys, ticketKeys } from "../server/ticket-keys.ts";
import { manageStreamKeys } from "./stream-key.ts";
import { makeStreamLink } from "./stream-link.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "switchboard-commands-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function line(words: string) {
  const parsed = parseCommandLine(words.split(" "));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

describe("stream-key", () => {
  const run = (words: string) =>
    manageStreamKeys(line(`stream-key ${words}`), { SWITCHBOARD_STATE_FOLDER: folder });
  const output = (words: string): string => {
    const done = run(words);
    if (!done.ok) throw new Error(done.error.reason);
    return done.value.output;
  };

  test("makes, lists and revokes, and a running server follows", () => {
    const server = new KeyFile(streamKeys, folder, () => {});
    expect(output("--list")).toBe("There are no stream keys.");
    const [key, other] = [output("lobby"), output("lobby")];
    expect(server.find(key)?.stream).toBe("lobby");
    const id = server.find(key)?.id;
    expect(output("--list").split("\n")).toHaveLength(2);
    expect(output("lobby --list")).toContain(`${id}  `);
    expect(output("other --list")).toBe("There are no stream keys.");
    expect(output(`lobby --revoke --id ${id}`)).toBe("Revoked 1 key of lobby.");
    expect(server.find(key)).toBeUndefined();
    expect(server.find(other)).toBeDefined();
    // Both orders mean the same.
    expect(output("--revoke lobby")).toBe("Revoked 1 key of lobby.");
    expect(run("lobby --revoke")).toMatchObject({ error: { code: 1 } });
  });

  test("what is wrong", () => {
    expect(run("lobby --revoke --id")).toMatchObject({ error: { code: 2 } });
    expect(run("a/b")).toMatchObject({ error: { code: 2 } });
    expect(run("--nonsense 1")).toMatchObject({ error: { code: 2, reason: "unknown flag --nonsense" } });
    writeFileSync(join(folder, "stream-keys.json"), "{");
    expect(run("lobby")).toMatchObject({ error: { code: 1, reason: expect.stringContaining(folder) } });
  });
});

describe("stream-link", () => {
  const make = (words: string, env: Record<string, string> = {}) =>
    makeStreamLink(line(`stream-link ${words}`), { SWITCHBOARD_STATE_FOLDER: folder, ...env });

  test("a server with the same settings or state folder takes it", () => {
    for (const secret of ["", "s".repeat(32)]) {
      const settings = {
        ...{ ticketKey: "", formerTicketKey: "", stateFolder: folder, tokens: { secret } },
        limits: { ticketTtl: 1_000 },
      };
      const made = make("café --view --for 2h --url https://live.example.com/", {
        SWITCHBOARD_TOKENS_SECRET: secret,
      });
      if (!made.ok) throw new Error(made.error);
      const url = new URL(made.value);
      expect(url.origin + url.pathname).toBe("https://live.example.com/whep/caf%C3%A9");
      const keys = linkKeys(ticketKeys(settings, Date.now(), () => {}));
      const rights = verifyLink(keys, url.searchParams.get("token") ?? "", "café");
      expect(rights?.action).toBe("view");
      expect(Math.abs((rights?.expires ?? 0) - Date.now() / 1_000 - 7_200)).toBeLessThan(60);
    }
  });

  test("publishing, at this machine unless --url says otherwise", () => {
    const made = make("lobby --publish --for 90s --port 9000");
    expect(made.ok && made.value).toStartWith("http://localhost:9000/whip/lobby?token=publish.");
    expect(make("--publish lobby --for 1d").ok).toBe(true);
  });

  test("what is wrong", () => {
    for (const wrong of [
      "lobby --for 2h",
      "lobby --view --publish --for 2h",
      "lobby --view",
      "lobby --view --for 2",
      "lobby --view --for 0s",
      "--view --for 2h",
      "a/b --view --for 2h",
      "lobby --view --for 2h --url example.com",
      "lobby --view --for 2h --url https://example.com/path",
      "lobby --view --for 2h --nonsense 1",
    ])
      expect([wrong, make(wrong).ok]).toEqual([wrong, false]);
    const file = join(folder, "file");
    writeFileSync(file, "");
    const nowhere = make("lobby --view --for 2h", { SWITCHBOARD_STATE_FOLDER: file });
    expect(nowhere.ok ? "" : nowhere.error).toContain("can't be used");
    // With a key of the settings, no folder is needed.
    const secret = { SWITCHBOARD_STATE_FOLDER: file, SWITCHBOARD_TOKENS_SECRET: "s".repeat(32) };
    expect(make("lobby --view --for 2h", secret).ok).toBe(true);
  });
});
