import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultLimits } from "../protocol/limits.ts";
import { type LoadedSettings, loadSettings, type Sources } from "./load.ts";

const folder = mkdtempSync(join(tmpdir(), "switchboard-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, "switchboard.json");
  writeFileSync(path, text);
  return path;
}

function load(sources: Sources): LoadedSettings {
  const settings = loadSettings(sources);
  if (!settings.ok) throw new Error(settings.error);
  return settings.value;
}

function wrong(sources: Sources): string {
  const settings = loadSettings(sources);
  if (settings.ok) throw new Error("was accepted");
  expect(settings.error).not.toContain("\n");
  return settings.error;
}

const flags = (entries: Record<string, string | true>) => new Map(Object.entries(entries));

describe("defaults", () => {
  test("are complete and are the protocol's for limits", () => {
    const settings = load({});
    expect(settings.port).toBe(8080);
    expect(settings.allowedOrigins).toEqual(["self"]);
    expect(settings.limits).toEqual(defaultLimits);
  });

  test("are not shared between loads", () => {
    load({}).allowedOrigins.push("changed");
    expect(load({}).allowedOrigins).toEqual(["self"]);
  });
});

describe("precedence", () => {
  test("flags, then environment, then file, then default", () => {
    const path = file('{ "port": 1, "node": "file", "drain": 7, /* well */ "limits": { "links": 3 }, }');
    const env = { PORT: "2", NODE_ID: "environment" };
    const settings = load({ flags: flags({ config: path, port: "3" }), env });
    expect([settings.port, settings.node, settings.drain, settings.limits.links]).toEqual([
      3,
      "environment",
      7,
      3,
    ]);
    expect(settings.limits.rooms).toBe(defaultLimits.rooms);
  });

  test("the file may be named by the environment", () => {
    expect(load({ env: { SWITCHBOARD_CONFIG: file('{"port": 5}') } }).port).toBe(5);
  });

  test("a variable of our own wins over the well-known one; an empty one is none", () => {
    expect(load({ env: { SWITCHBOARD_PORT: "4", PORT: "5" } }).port).toBe(4);
    expect(load({ env: { PORT: "" } }).port).toBe(8080);
  });
});

test("what was given is known from what has its default, also where it is the same", () => {
  expect(load({}).given).toEqual(new Set());
  const path = file('{ "port": 8080, "turn": { "udpPort": 3478 } }');
  const env = { SWITCHBOARD_PAGE: "true", HOST: "" };
  const { given } = load({ flags: flags({ config: path, dev: true }), env, object: { drain: 1 } });
  expect(given).toEqual(new Set(["port", "turn.udpPort", "drain", "page", "dev"]));
});

describe("texts", () => {
  test("become what the setting is", () => {
    const settings = load({
      flags: flags({
        dev: true,
        page: "false",
        "allowed-origins": "https://a.example, self",
        "limits.frame-bytes": "100",
        "limits.rooms": "2",
        "ice-servers": '[{"urls":["stun:stun.example:3478"]}]',
        rooms: '[{"match":"room:visit-*","lobby":true}]',
      }),
    });
    expect(settings.dev).toBe(true);
    expect(settings.page).toBe(false);
    expect(settings.allowedOrigins).toEqual(["https://a.example", "self"]);
    expect([settings.limits.frameBytes, settings.limits.rooms]).toEqual([100, 2]);
    expect(settings.iceServers).toEqual([{ urls: ["stun:stun.example:3478"] }]);
    expect(settings.rooms).toEqual([{ match: "room:visit-*", lobby: true }]);
  });

  test("the path works as a flag as well", () => {
    expect(load({ flags: flags({ "limits.frameBytes": "100" }) }).limits.frameBytes).toBe(100);
  });
});

describe("a wrong setting is named with where it stands", () => {
  const cases: [string, Sources, string[]][] = [
    ["unknown flag", { flags: flags({ prot: "1" }) }, ["--prot"]],
    ["flag without value", { flags: flags({ port: true }) }, ["--port", "value"]],
    ["no number", { flags: flags({ port: "http" }) }, ["port", "--port", "whole number"]],
    ["number out of range", { env: { PORT: "65536" } }, ["port", "PORT", "65535"]],
    ["limit of zero", { flags: flags({ "limits.links": "0" }) }, ["limits.links", "1"]],
    ["no switch", { env: { SWITCHBOARD_DEV: "yes" } }, ["dev", "SWITCHBOARD_DEV", "true or false"]],
    ["none of a list", { env: { SWITCHBOARD_LOG_LEVEL: "loud" } }, ["log.level", "trace, debug, info"]],
    ["unknown variable", { env: { SWITCHBOARD_PROT: "1" } }, ["SWITCHBOARD_PROT"]],
    ["no JSON", { flags: flags({ rooms: "{" }) }, ["rooms", "JSON"]],
    ["room without room:", { flags: flags({ rooms: '[{"match":"visit"}]' }) }, ["rooms", "0/match"]],
    ["room that is no pattern", { flags: flags({ rooms: '[{"match":"room:a b"}]' }) }, ["rooms", "room:a b"]],
    ["short secret", { env: { SWITCHBOARD_TOKENS_SECRET: "short" } }, ["tokens.secret", "32"]],
    [
      "http JWKS",
      { flags: flags({ "tokens.jwks-url": "http://keys.example" }) },
      ["tokens.jwksUrl", "https"],
    ],
    ["half of TLS", { flags: flags({ "tls.cert": "a.pem" }) }, ["tls.key"]],
    ["other half of TLS", { flags: flags({ "tls.key": "a.pem" }) }, ["tls.cert"]],
    ["TURN without secret", { flags: flags({ "turn.external": "turn:t.example" }) }, ["turn.secret"]],
    ["relay ports upside down", { flags: flags({ "turn.relay-last-port": "9" }) }, ["turn.relayLastPort"]],
    [
      "TURN of another scheme",
      { flags: flags({ "turn.external": "stun:t", "turn.secret": "s" }) },
      ["turn.external", "stun:t"],
    ],
    [
      "ICE of another scheme",
      { flags: flags({ "ice-servers": '[{"urls":["http://x"]}]' }) },
      ["iceServers", "http://x"],
    ],
    [
      "origin with a path",
      { flags: flags({ "allowed-origins": "https://a.example/" }) },
      ["allowedOrigins", "https://a.example/"],
    ],
    [
      "proxy that is no address",
      { flags: flags({ "trusted-proxies": "10.0.0.0/33" }) },
      ["trustedProxies", "10.0.0.0/33"],
    ],
    [
      "proxies that are everybody",
      { flags: flags({ "trusted-proxies": "0.0.0.0/0" }) },
      ["trustedProxies", "0.0.0.0/0 would let strangers"],
    ],
    ["node that is no id", { env: { NODE_ID: "a b" } }, ["node", "white space"]],
    ["NATS of another scheme", { env: { NATS_URL: "nats://a,ws://b" } }, ["nats.url", "second"]],
    ["NATS without ticketKey", { env: { NATS_URL: "nats://a" } }, ["ticketKey", "nats.url"]],
    ["workers without NATS", { flags: flags({ workers: "2" }) }, ["workers", "nats.url"]],
    ["NATS prefix of two tokens", { flags: flags({ "nats.prefix": "a.b" }) }, ["nats.prefix"]],
    ["nodes given up too soon", { flags: flags({ "limits.node-silence": "5000" }) }, ["nodeSilence", "6000"]],
    ["half of TLS to NATS", { flags: flags({ "nats.tls.cert": "a.pem" }) }, ["nats.tls.key"]],
    ["other half of TLS to NATS", { flags: flags({ "nats.tls.key": "a.pem" }) }, ["nats.tls.cert"]],
    ["missing file", { flags: flags({ config: "/nowhere.json" }) }, ["/nowhere.json"]],
    ["object: unknown name", { object: { tls: { certificate: "x" } } }, ["unknown setting tls.certificate"]],
    ["object: wrong type", { object: { port: "8080" } }, ["port", "integer"]],
    ["object: no object", { object: { tls: true } }, ["tls", "object"]],
    ["object: not one at all", { object: [] }, ["object"]],
    ["object: inherited name", { object: JSON.parse('{"__proto__": 1}') }, ["unknown setting __proto__"]],
  ];
  for (const [name, sources, parts] of cases)
    test(name, () => {
      const text = wrong(sources);
      for (const part of parts) expect(text).toContain(part);
    });

  test("in a file", () => {
    const path = file('{"limits": {"frames": 1}}');
    expect(wrong({ file: path })).toBe(`unknown setting limits.frames in ${path}`);
    file('{"port": 8080 "dev": true}');
    expect(wrong({ file: path })).toContain(path);
  });

  test("and no secret is shown", () => {
    expect(wrong({ env: { SWITCHBOARD_TOKENS_SECRET: "hush" } })).not.toContain("hush");
    expect(wrong({ env: { NATS_URL: "nats://me:hush@a:b" } })).not.toContain("hush");
  });
});
