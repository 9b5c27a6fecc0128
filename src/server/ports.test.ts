import { expect, test } from "bun:test";
import { loadSettings } from "../config/load.ts";
import type { Logger } from "../telemetry/log.ts";
import { openPorts } from "./ports.ts";

/** Settings, and what was logged. */
function context(flags: Record<string, string | true>) {
  const settings = loadSettings({ flags: new Map(Object.entries(flags)) });
  if (!settings.ok) throw new Error(settings.error);
  const said: string[] = [];
  const log = { warn: (text: string) => void said.push(text) } as unknown as Logger;
  return { said, settings: settings.value, log };
}

const turn = (settings: { turn: { udpPort: number; tcpPort: number } }) => ({
  "turn.udpPort": settings.turn.udpPort,
  "turn.tcpPort": settings.turn.tcpPort,
});

/** Opens what is not taken, as a socket would. */
function opener(...taken: number[]) {
  return async (ports: Readonly<Record<string, number>>) => {
    for (const port of Object.values(ports))
      if (taken.includes(port))
        throw Object.assign(new Error(`bind EADDRINUSE ${port}`), { code: "EADDRINUSE" });
    return ports;
  };
}

test("a port that is free is opened, and nothing is said", async () => {
  const { said, ...server } = context({ dev: true });
  expect(await openPorts(server, { port: 8080 }, opener())).toEqual({ port: 8080 });
  expect(said).toEqual([]);
});

test("in development mode the next free one takes the place of a default that is taken, and it is said", async () => {
  const { said, ...server } = context({ dev: true });
  expect(await openPorts(server, { port: 8080 }, opener(8080, 8081))).toEqual({ port: 8082 });
  expect(said).toEqual(["port 8080 is taken: using port 8082"]);
});

test("ports that belong together move together", async () => {
  const { said, ...server } = context({ dev: true });
  const ports = await openPorts(server, turn(server.settings), opener(3_478));
  expect(ports).toEqual({ "turn.udpPort": 3_479, "turn.tcpPort": 3_479 });
  expect(said).toEqual([
    "turn.udpPort 3478 or turn.tcpPort 3478 is taken: using turn.udpPort 3479 and turn.tcpPort 3479",
  ]);
});

test("a port that was given is meant, though it is the default: the error names it, and no other", async () => {
  const { said, ...server } = context({ dev: true, "turn.udp-port": "3478" });
  await expect(openPorts(server, turn(server.settings), opener(3_478))).rejects.toThrow(
    /^setting turn\.udpPort: 3478 is in use by another program; choose another with --turn\.udp-port or SWITCHBOARD_TURN_UDP_PORT$/,
  );
  expect(said).toEqual([]);
});

test("beside one that was given, a default is replaced", async () => {
  const { said: _, ...server } = context({ dev: true, "turn.udp-port": "4000" });
  const ports = await openPorts(server, turn(server.settings), opener(3_478));
  expect(ports).toEqual({ "turn.udpPort": 4_000, "turn.tcpPort": 3_479 });
});

test("outside of development mode nothing is replaced", async () => {
  const { said: _, ...server } = context({});
  await expect(openPorts(server, { port: 8080 }, opener(8080))).rejects.toThrow(
    /^setting port: 8080 is in use by another program; choose another with --port or PORT$/,
  );
});

test("another failure is passed on at once, and where all ports are taken there is an end", async () => {
  const { said: _, ...server } = context({ dev: true });
  let tries = 0;
  const denied = async () => {
    tries += 1;
    throw new Error("EACCES");
  };
  await expect(openPorts(server, { port: 80 }, denied)).rejects.toThrow("EACCES");
  expect(tries).toBe(1);
  const all = Array.from({ length: 1_000 }, (_entry, index) => 8_000 + index);
  await expect(openPorts(server, { port: 8080 }, opener(...all))).rejects.toThrow("setting port: 8080");
});
