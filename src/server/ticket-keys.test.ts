import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Sealer } from "../net/crypto.ts";
import { type TicketKeySettings, ticketKeys } from "./ticket-keys.ts";

const hour = 3_600_000;
let folder: string;
let warned: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "switchboard-state-"));
  warned = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function sealer(settings: Partial<TicketKeySettings>, now = 0, env = {}): Sealer {
  const whole = {
    ...{ ticketKey: "", formerTicketKey: "", stateFolder: folder, tokens: { secret: "" } },
    ...{ limits: { ticketTtl: 24 * hour }, ...settings },
  };
  return new Sealer(
    ticketKeys(whole, now, ({ reason }, message) => warned.push(`${message}: ${reason}`), env),
  );
}

test("without any setting, a restart opens the tickets of the run before; the file is the user's alone", () => {
  const ticket = sealer({}).seal("a ticket");
  expect(sealer({}, hour).unseal(ticket)).toBe("a ticket");
  expect(statSync(join(folder, "ticket-keys.json")).mode & 0o777).toBe(0o600);
  expect(warned).toEqual([]);
});

test("tokens.secret gives every node the same key, without a state folder too, and not the secret itself", () => {
  const tokens = { secret: "s".repeat(32) };
  const ticket = sealer({ tokens }).seal("a ticket");
  const nowhere = { tokens, stateFolder: join(folder, "ticket-keys.json", "no folder") };
  expect(sealer(nowhere).unseal(ticket)).toBe("a ticket");
  expect(warned).toHaveLength(1);
  expect(readFileSync(join(folder, "ticket-keys.json"), "utf8")).not.toContain("ssss");
});

test("ticketKey comes first, and what other settings had sealed opens for as long as tickets live", () => {
  const tokens = { secret: "s".repeat(32) };
  const before = sealer({ tokens }).seal("before");
  const after = { tokens, ticketKey: "t".repeat(32) };
  expect(sealer(after, hour).unseal(before)).toBe("before");
  const ticket = sealer(after, 2 * hour).seal("after");
  expect(sealer({ ticketKey: "t".repeat(32), stateFolder: join(folder, "other") }).unseal(ticket)).toBe(
    "after",
  );
  expect(sealer(after, 24 * hour).unseal(before)).toBe("before");
  expect(sealer(after, 26 * hour).unseal(before)).toBeUndefined();
});

test("formerTicketKey opens on every node what the former key has sealed", () => {
  const ticket = sealer({ ticketKey: "a".repeat(32) }).seal("a ticket");
  const other = { ticketKey: "b".repeat(32), stateFolder: join(folder, "other") };
  expect(sealer(other).unseal(ticket)).toBeUndefined();
  expect(sealer({ ...other, formerTicketKey: "a".repeat(32) }).unseal(ticket)).toBe("a ticket");
});

test("a broken file is said, not written over, and the server still starts", () => {
  const path = join(folder, "ticket-keys.json");
  for (const text of ["{", "{}", '[{"key":1}]', '[{"key":"short"}]']) {
    writeFileSync(path, text);
    expect(sealer({}).unseal(sealer({}).seal("x"))).toBeUndefined();
    expect(readFileSync(path, "utf8")).toBe(text);
    expect(warned.at(-1)).toContain("set ticketKey");
  }
});

test("the state folder is the setting's, systemd's, or the user's", () => {
  const env = { STATE_DIRECTORY: join(folder, "systemd") };
  const ticket = sealer({ stateFolder: "" }, 0, env).seal("a ticket");
  expect(statSync(join(folder, "systemd", "ticket-keys.json")).isFile()).toBe(true);
  const xdg = { XDG_STATE_HOME: folder };
  expect(sealer({ stateFolder: "" }, 0, xdg).unseal(ticket)).toBeUndefined();
  expect(statSync(join(folder, "switchboard", "ticket-keys.json")).isFile()).toBe(true);
});
