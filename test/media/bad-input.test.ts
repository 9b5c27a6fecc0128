import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { stunCrypto } from "../../src/net/stun-crypto.ts";
import { bindUdp } from "../../src/net/udp.ts";
import {
  compound,
  genericNack,
  maximumBitrate,
  pictureLoss,
  receiverReport,
} from "../../src/wire/rtp/rtcp-writer.ts";
import { residentBytes } from "../bench/bench-process.ts";
import { MediaPeer, offerOf } from "../soak/media-peer.ts";
import { freePort } from "../support/free-port.ts";
import { workersOf } from "../support/media-workers.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { TestPeer } from "./support/test-peer.ts";

/** In `npm run test:long` there is this much more of everything. */
const times = process.env.TEST_LONG === "1" ? 10 : 1;
const patience = times > 1 ? 60_000 : 20_000;
/** The share of the pictures sent meanwhile that an innocent viewer must get, and what a worker's memory may rise by. */
const [enough, mostMemory] = [0.9, 64 << 20];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A running server, one publisher and one viewer who do nothing wrong, and others who do. */
describe("beside a viewer whose pictures are counted,", () => {
  let server: RunningServer;
  let publisher: MediaPeer;
  let innocent: MediaPeer;
  const strangers: MediaPeer[] = [];
  beforeAll(async () => {
    const many = 10_000_000;
    const media = {
      ...{ enabled: true, port: await freePort(), workers: 1 },
      limits: { publisherBitrate: 5_000_000 },
    };
    const limits = { httpRequestsPerSecond: many, httpRequestsBurst: many };
    server = await startServer({ config: { media, limits } });
    publisher = new MediaPeer(server.url, "innocent", "publish");
    await publisher.open(patience);
    innocent = new MediaPeer(server.url, "innocent", "view");
    await innocent.open(patience);
  }, 60_000);
  afterAll(async () => {
    for (const one of [innocent, publisher]) await one?.close();
    await server?.stop();
  });
  beforeEach(async () => {
    for (const one of strangers.splice(0)) await one.close();
  });

  const open = async (stream: string, role: "publish" | "view", protocol: "udp" | "tcp" = "udp") => {
    const one = new MediaPeer(server.url, stream, role, protocol);
    strangers.push(one);
    await one.open(patience);
    return one;
  };

  /** Counts of the server, as they are told once a second. */
  const counts = async (): Promise<Map<string, number>> => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const lines = text.matchAll(/^switchboard_media_packets_total\{event="(\w+)"\} (\d+)$/gm);
    return new Map([...lines].map(([, event = "", count]) => [event, Number(count)]));
  };

  /** Waits until the server has counted `least` more of an event than before. Answers how many. */
  const counted = async (before: Map<string, number>, event: string, least: number): Promise<number> => {
    for (const end = Date.now() + patience; ; await pause(100)) {
      const more = ((await counts()).get(event) ?? 0) - (before.get(event) ?? 0);
      if (more >= least) return more;
      if (Date.now() > end) throw new Error(`${event} rose by ${more}, not by ${least}`);
    }
  };

  /** Runs the attack. The viewer gets the pictures that are sent meanwhile and a little longer, and the worker's memory is bounded. */
  const unharmed = async (attack: () => Promise<void>): Promise<void> => {
    const [worker = 0] = workersOf(server.pid);
    const memory = residentBytes(worker);
    const [sent, came] = [publisher.sent, innocent.pictures];
    await attack();
    await until(() => publisher.sent - sent >= 20, patience);
    const due = publisher.sent - sent;
    await until(() => innocent.pictures - came >= enough * due, patience);
    expect(workersOf(server.pid)).toEqual([worker]);
    expect(residentBytes(worker) - memory).toBeLessThan(mostMemory);
  };

  /** So many of them in batches, with time for others in between. */
  const storm = async (count: number, one: (n: number) => void): Promise<void> => {
    for (let n = 0; n < count; n++) {
      one(n);
      if (n % 50 === 49) await pause(1);
    }
  };

  test("offers that can't be are refused with what to change", async () => {
    const good = offerOf("view", "ufrag", "password-of-somebody-0123");
    const cases: readonly (readonly [offer: string, status: number, detail: RegExp])[] = [
      [good.replaceAll("a=rtcp-mux\r\n", ""), 422, /a=rtcp-mux/],
      [good.replace("a=group:BUNDLE 0 1\r\n", ""), 422, /BUNDLE/],
      [good + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n".repeat(1_000), 422, /more than 8/],
      [good.replaceAll("UDP/TLS/RTP/SAVPF", "RTP/AVP"), 422, /profile RTP\/AVP/],
      [good.replaceAll(/(a=fingerprint:sha-\d+ )../g, "$1XY"), 400, /malformed/],
      [good.replaceAll("VP8/90000", "H261/90000").replace("opus", "G722"), 406, /./],
    ];
    await unharmed(async () => {
      for (let round = 0; round < 10 * times; round++)
        for (const [offer, status, detail] of cases) {
          const answer = await fetch(`${server.url}/whep/innocent`, {
            method: "POST",
            headers: { "Content-Type": "application/sdp", Authorization: "Bearer dev:mallory" },
            body: offer,
          });
          const problem = (await answer.json()) as { detail?: string };
          expect([answer.status, answer.headers.get("Content-Type")]).toEqual([
            status,
            "application/problem+json",
          ]);
          expect(problem.detail).toMatch(detail);
        }
    });
  }, 60_000);

  test("an offer of 10,000 sections is too large", async () => {
    const body = offerOf("view", "u", "p") + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n".repeat(10_000);
    const headers = { "Content-Type": "application/sdp", Authorization: "Bearer dev:mallory" };
    await unharmed(async () => {
      const { status } = await fetch(`${server.url}/whep/innocent`, { method: "POST", headers, body });
      expect([413, 422]).toContain(status);
    });
  }, 60_000);

  test("STUN and DTLS of strangers is counted, and forged checks are not answered", async () => {
    const before = await counts();
    let answers = 0;
    const socket = await bindUdp({ address: "127.0.0.1", port: 0, receive: () => answers++ });
    const target = socket.target(innocent.port, "127.0.0.1");
    const forger = new TestPeer(1, "server", (bytes) => void socket.sendPart(bytes, bytes.length, target));
    forger.workerUfrag = innocent.peer.workerUfrag;
    forger.ufrag = innocent.peer.ufrag;
    const forged = forger.check({ password: "not-the-password-of-it-012345" });
    const hello = Uint8Array.of(22, 0xfe, 0xfd, ...new Array<number>(80).fill(0));
    await unharmed(() =>
      storm(3_000 * times, (n) => {
        if (n % 2 === 0) forger.send(forged);
        else {
          hello.set(stunCrypto.random(40), 13);
          forger.send(hello);
        }
      }),
    );
    await counted(before, "drop_forged_check", 500);
    await counted(before, "drop_unknown_sender", 500);
    expect(answers).toBe(0);
    socket.close();
  }, 60_000);

  test("handshakes that are begun and never finished are bounded, and others still connect", async () => {
    const half: { close(): void }[] = [];
    await unharmed(async () => {
      for (let n = 0; n < 40 * times; n++) {
        const number = 100_000 + n;
        const peer = new TestPeer(number, "server", (bytes) => socket.sendPart(bytes, bytes.length, target));
        const [fingerprint = ""] = peer.parameters().fingerprints;
        const answer = await fetch(`${server.url}/whep/innocent`, {
          method: "POST",
          headers: { "Content-Type": "application/sdp", Authorization: `Bearer dev:half${n}` },
          body: offerOf("view", peer.ufrag, peer.pwd).replaceAll(/(?<=a=fingerprint:).*/g, fingerprint),
        });
        const text = await answer.text();
        if (answer.status !== 201) {
          expect([429, 503]).toContain(answer.status);
          continue;
        }
        const socket = await bindUdp({
          ...{ address: "127.0.0.1", port: 0 },
          receive: (bytes) => (bytes[0] ?? 64) < 4 && peer.receive(bytes, performance.now()),
        });
        const target = socket.target(innocent.port, "127.0.0.1");
        peer.workerUfrag = /a=ice-ufrag:(.*?)\r/.exec(text)?.[1] ?? "";
        peer.workerPwd = /a=ice-pwd:(.*?)\r/.exec(text)?.[1] ?? "";
        half.push(socket);
        peer.send(peer.check());
        peer.dtls.start(performance.now());
      }
      await open("innocent", "view");
    });
    for (const one of half) one.close();
  }, 60_000);

  test("RTP that is replayed, lies about its lengths, or comes at 200 Mbit/s goes nowhere", async () => {
    const hostile = await open("own-stream", "publish");
    const before = await counts();
    const again = hostile.peer.sealed(hostile.source.sound(1)).slice();
    await unharmed(async () => {
      await storm(2_000 * times, () => hostile.peer.send(again));
      await storm(1_000 * times, (n) => {
        const lies = hostile.source.sound(n);
        // So many CSRCs, an extension and padding: the header is longer than the packet.
        lies.packet[0] = 0xbf;
        hostile.peer.send(hostile.peer.sealed({ ...lies, headerBytes: 12 }));
      });
      // 6 MB in a quarter of a second.
      await storm(100 * times, (n) => {
        for (const packet of hostile.source.frame("high", 50, 1_200, n))
          hostile.peer.send(hostile.peer.sealed(packet));
      });
    });
    await counted(before, "drop_replayed_media", 1_000);
    await counted(before, "overRate", 1_000);
  }, 60_000);

  test("RTCP of a viewer is bounded: bombs, NACK storms, PLI storms, REMB lies", async () => {
    const hostile = await open("innocent", "view");
    const { peer, videoSsrc } = hostile;
    const empty = receiverReport(1, []);
    const before = await counts();
    await unharmed(async () => {
      // Many small packets in one, and one that is none.
      const bomb = compound([empty, ...Array.from({ length: 80 }, () => pictureLoss(1, videoSsrc))]);
      await storm(500 * times, () => peer.send(peer.report(bomb)));
      await pause(500);
      await storm(500 * times, () => {
        const lost = Array.from({ length: 200 }, (_, n) => (hostile.newest - n) & 0xffff).reverse();
        peer.send(peer.report(compound([empty, genericNack(1, videoSsrc, lost)])));
      });
      await pause(500);
      await storm(500 * times, () => peer.send(peer.report(compound([empty, pictureLoss(1, videoSsrc)]))));
      await pause(500);
      await storm(500 * times, (n) => {
        const bitrate = n % 2 === 0 ? 0 : Number.MAX_SAFE_INTEGER;
        peer.send(peer.report(compound([empty, maximumBitrate(1, bitrate, [videoSsrc])])));
      });
    });
    const began = performance.now();
    await counted(before, "rtcpOverRate", 200);
    const after = await counts();
    const more = (event: string) => (after.get(event) ?? 0) - (before.get(event) ?? 0);
    // Eight packets may be asked for again of each that is sent, and keyframes twice a second of each layer.
    expect(more("keyframeRequests")).toBeLessThan(60 + (4 * (performance.now() - began)) / 1_000);
    expect(more("repeated")).toBeLessThan(more("forwarded") + 1_000);
    expect(innocent.peer.closed).toBeUndefined();
  }, 60_000);

  // It takes megabytes to fill what the system keeps of a connection; sockets.test.ts has the same with smaller bounds.
  if (times > 1)
    test("a viewer by TCP that reads nothing loses its own picture, and no more", async () => {
      const deaf = await open("innocent", "view", "tcp");
      const before = await counts();
      deaf.pause();
      const { peer } = deaf;
      await unharmed(async () => {
        // Answers that it doesn't read fill the connection sooner than media does.
        const check = peer.check();
        let noticed = false;
        const sending = (async () => {
          for (; !noticed; await pause(1)) for (let n = 0; n < 50; n++) peer.send(check);
        })();
        await counted(before, "drop_tcp_not_reading", 1).finally(() => {
          noticed = true;
        });
        await sending;
      });
      const seen = await open("innocent", "view");
      await until(() => seen.pictures > 5, patience);
    }, 120_000);
});
