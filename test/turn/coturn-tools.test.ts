import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import type { TurnServer } from "../../src/turn/server.ts";
import { makeCertificate, temporaryFolder } from "../support/certificates.ts";
import { freePort } from "../support/free-port.ts";
import { someOf } from "../support/seed.ts";
import { Coturn, hasCoturn, run, uclient } from "./support/coturn.ts";
import { startTestTls, startTestTurn, until } from "./support/turn.ts";

/** Flags of `turnutils_uclient`, and how many messages must be delivered. */
type Command = readonly [name: string, flags: string, messages: number];
const overUdp: readonly Command[] = [
  ["UDP, channels, both ends relayed", "-y -c -l 172 -n 10 -m 2", 40],
  ["UDP, channels, odd length", "-y -c -l 171 -n 10 -m 2", 40],
  ["UDP, channels, long", "-y -c -l 1200 -n 10 -m 2", 40],
  ["UDP, Send indications", "-y -c -s -l 172 -n 10 -m 2", 40],
  ["UDP, Send indications, odd length", "-y -c -s -l 171 -n 10 -m 2", 40],
  ["UDP, with RTCP beside (even port, reservation)", "-y -l 172 -n 10 -m 2", 40],
];
const overTcp: readonly Command[] = [
  ["TCP, channels", "-y -c -t -l 172 -n 10 -m 2", 40],
  ["TCP, channels, odd length", "-y -c -t -l 171 -n 10 -m 2", 40],
  ["TCP, channels, long", "-y -c -t -l 1200 -n 10 -m 2", 40],
  ["TCP, Send indications, odd length", "-y -c -t -s -l 171 -n 10 -m 2", 40],
];
/** What the long run has all of. A part of each transport, for src/turn has tests of each kind of message and length by itself. */
const commands = [...someOf(overUdp, 3), ...someOf(overTcp, 2)];
const overTls = [
  "-y -c -t -S -l 172 -n 10 -m 2",
  "-y -c -t -S -l 171 -n 10 -m 2",
  "-y -c -t -S -l 1200 -n 10 -m 2",
];

/** How many messages the tool sends for the two ends of each pair of clients. */
function sentBy(words: readonly string[], messages: number): number {
  const pairs = words.includes("-c") ? 1 : 2;
  return (messages * pairs) / 2;
}

describe.skipIf(!hasCoturn)("Debian's coturn tools", () => {
  let turn: TurnServer;
  /** Sends to its own address by the sockets, as the peer tool on this machine needs it. */
  let direct: TurnServer;
  let coturn: Coturn;
  let peer: ChildProcess;
  let peerPort: number;
  beforeAll(async () => {
    turn = await startTestTls();
    direct = await startTestTurn({ hairpin: false });
    coturn = await Coturn.start(makeCertificate(temporaryFolder(), "coturn"));
    peerPort = await freePort();
    peer = spawn("turnutils_peer", ["-p", `${peerPort}`, "-L", "127.0.0.1"], { stdio: "ignore" });
  });
  afterAll(async () => {
    peer.kill("SIGKILL");
    await coturn.stop();
    await turn.stop();
    await direct.stop();
  });

  for (const [name, flags, messages] of commands)
    test.concurrent(`${name}: as with coturn`, async () => {
      const words = flags.split(" ");
      const port = (words.includes("-t") ? turn.ports.tcp : turn.ports.udp) ?? 0;
      const both = () => Promise.all([uclient(port, ...words), uclient(coturn.port, ...words)]);
      let [ours, theirs] = await both();
      // UDP may lose a datagram where every buffer of a busy machine is full, theirs or ours: once more, then it counts.
      if (!words.includes("-t") && ours.lost + theirs.lost > 0) [ours, theirs] = await both();
      expect([ours.sent, ours.received, ours.lost]).toEqual([
        sentBy(words, messages),
        sentBy(words, messages),
        0,
      ]);
      expect([theirs.sent, theirs.received]).toEqual([ours.sent, ours.received]);
    }, 60_000);

  for (const flags of someOf(overTls, 1))
    test.concurrent(`TLS ${flags}: as with coturn`, async () => {
      const words = flags.split(" ");
      const [ours, theirs] = await Promise.all([
        uclient(turn.ports.tls ?? 0, ...words),
        uclient(coturn.tlsPort, ...words),
      ]);
      expect(ours.sent).toBe(20);
      // The tool closes before it has read the last messages, of coturn's as well: two or four of each, on a busy machine.
      expect(ours.received).toBeGreaterThanOrEqual(Math.min(theirs.received, 15));
    }, 60_000);

  test.concurrent("a peer outside, through relay sockets: every message comes back", async () => {
    for (const flags of [
      `-e 127.0.0.1 -r ${peerPort} -c -l 172 -n 10 -m 2`,
      `-e 127.0.0.1 -r ${peerPort} -c -s -g -l 171 -n 10 -m 2`,
    ]) {
      const ours = await uclient(direct.ports.udp ?? 0, ...flags.split(" "));
      expect([ours.sent, ours.received, ours.lost]).toEqual([20, 20, 0]);
    }
  }, 60_000);

  test("RFC 6062's TCP relay is refused", async () => {
    const { received } = await uclient(turn.ports.tcp ?? 0, ..."-y -c -t -T -l 172 -n 5 -m 1".split(" "));
    expect(received).toBeLessThanOrEqual(0);
  }, 60_000);

  test("a wrong password relays nothing", async () => {
    const before = turn.stats().allocationsOpened;
    const output = await run("turnutils_uclient", [
      ..."-u alice -w wrong -y -c -n 2 -m 1 -p".split(" "),
      String(turn.ports.udp),
      "127.0.0.1",
    ]);
    expect(output).toContain("Cannot complete Allocation");
    expect(turn.stats().allocationsOpened).toBe(before);
  }, 60_000);

  test("turnutils_stunclient learns its address", async () => {
    const output = await run("turnutils_stunclient", ["-p", String(turn.ports.udp), "127.0.0.1"]);
    expect(output).toMatch(/UDP reflexive addr: 127\.0\.0\.1:\d+/);
  });

  test("nothing is left of all that once the tools are gone", async () => {
    await until(() => turn.stats().connections === 0);
    const sent = commands.map(([, flags, messages]) => sentBy(flags.split(" "), messages));
    expect(turn.stats().toPeerMessages).toBeGreaterThanOrEqual(sent.reduce((sum, one) => sum + one));
    const { allocations, relays, reservations, openRelaySockets } = turn.stats();
    expect(openRelaySockets).toBe(relays + reservations);
    expect(allocations).toBeLessThanOrEqual(relays);
  });
});
