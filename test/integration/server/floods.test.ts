import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { networkInterfaces } from "node:os";
import { freePort } from "../../support/free-port.ts";
import { RawSocket } from "../../support/raw-socket.ts";
import { runtimesFor } from "../../support/runtimes.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { signIn } from "../../support/sign-in.ts";

/** Nobody here sends as much as the default limits allow, but for who floods. */
const limits = { requestsPerSecond: 20, requestsBurst: 40, floodsBurst: 1_000 };
const small = { bytesPerSecond: 100_000, bytesBurst: 200_000 };
/** Messages that are far over twice the burst. */
const flood = 2_000;

const hello = (user: string) =>
  JSON.stringify({
    type: "hello",
    token: `dev:${user}`,
    device: { id: "d" },
    instance: randomUUID(),
    attempt: 1,
  });

const malformed = "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKx\r\nContent-Length: 0\r\n\r\n";
const response =
  "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>;tag=2\r\n" +
  "Call-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

/** The close code of the WebSocket frames that came, undefined without a close frame. */
function closeCode(bytes: Buffer): number | undefined {
  let at = bytes.indexOf("\r\n\r\n") + 4;
  while (at + 2 <= bytes.length) {
    const [head = 0, short = 0] = [bytes[at], (bytes[at + 1] ?? 0) & 0x7f];
    const length = short === 126 ? bytes.readUInt16BE(at + 2) : short;
    at += short === 126 ? 4 : 2;
    if ((head & 0x0f) === 8) return bytes.readUInt16BE(at);
    at += length;
  }
  return undefined;
}

/** What came until the server closed. */
function untilClosed(raw: RawSocket): Promise<Buffer> {
  return new Promise((resolve) => {
    if (raw.socket.closed) resolve(raw.received);
    else raw.socket.once("close", () => resolve(raw.received));
  });
}

for (const runtime of runtimesFor("floods"))
  describe(`who floods is closed, on ${runtime}`, () => {
    let server: RunningServer;
    let sipPort: number;
    beforeAll(async () => {
      sipPort = await freePort();
      const sip = {
        tcp: { enabled: true, port: sipPort },
        limits: { requestsPerSecond: 20, requestsBurst: 40 },
      };
      server = await startServer({
        runtime,
        config: { limits: { ...limits, ...small }, sip: { ...sip, limits: { ...sip.limits, ...small } } },
      });
    });
    afterAll(async () => {
      await server.stop();
      expect(server.logs.filter((line) => line.includes("fault"))).toEqual([]);
    });

    const kinds = {
      pings: '{"type":"ping"}',
      pongs: '{"type":"pong"}',
      acknowledgements: '{"type":"ack","seq":0}',
      "requests that were sent before": '{"id":1,"type":"status","status":""}',
    };
    for (const [name, text] of Object.entries(kinds))
      test(`WebSocket: ${name} close 4203`, async () => {
        const raw = await RawSocket.upgraded(server.port, "/ws", "switchboard.v1");
        raw.frame(1, Buffer.from(hello("mallory")));
        await raw.until('"type":"welcome"');
        raw.frame(1, Buffer.from('{"id":1,"type":"status","status":""}'));
        for (let n = 0; n < flood; n++) raw.frame(1, Buffer.from(text));
        expect(closeCode(await untilClosed(raw))).toBe(4203);
      });

    test("WebSocket: bytes close 4203, and the limit is counted", async () => {
      const raw = await RawSocket.upgraded(server.port, "/ws", "switchboard.v1");
      raw.frame(1, Buffer.from(hello("mallory")));
      await raw.until('"type":"welcome"');
      raw.frame(1, Buffer.from(`{"id":1,"type":"status","status":""}`));
      const old = Buffer.from(`{"id":1,"type":"send","to":"mallory","body":"${"x".repeat(15_000)}"}`);
      for (let n = 0; n < 50; n++) raw.frame(1, old);
      expect(closeCode(await untilClosed(raw))).toBe(4203);
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      expect(metrics).toContain('switchboard_limit_hits_total{limit="bytesPerSecond"}');
    });

    test("HTTP: frames, bytes and requests of a link close 4203", async () => {
      const ping = '{"type":"ping"}\n';
      const floods: ((link: (method: string, body?: string) => Promise<Response>) => Promise<Response>)[] = [
        (link) => link("POST", ping.repeat(flood)),
        async (link) => {
          for (let n = 0; n < 10; n++) await link("POST", `{"type":"ping","x":"${"x".repeat(60_000)}"}`);
          return link("POST");
        },
        async (link) => {
          // Many at a time: one after the other they would keep to the rate on a slow machine.
          for (let n = 0; n < 40; n++) {
            const answers = await Promise.all(Array.from({ length: 50 }, () => link("POST")));
            const gone = answers.find(({ status }) => status === 410);
            if (gone !== undefined) return gone;
          }
          return link("POST");
        },
      ];
      for (const flooding of floods) {
        const opened = await fetch(`${server.url}/link`, { method: "POST", body: hello("mallory") });
        const headers = { Authorization: `Bearer ${opened.headers.get("switchboard-transport")}` };
        await opened.text();
        const answer = await flooding((method, body = "") =>
          fetch(`${server.url}/link`, { method, headers, body }),
        );
        expect([answer.status, ((await answer.json()) as { close: number }).close]).toEqual([410, 4203]);
      }
    });

    for (const [name, text] of Object.entries({ pings: "\r\n\r\n", malformed, response }))
      test(`SIP over WebSocket: ${name} close 1008`, async () => {
        const raw = await RawSocket.upgraded(server.port, "/sip", "sip");
        for (let n = 0; n < flood; n++) raw.frame(1, Buffer.from(text));
        expect(closeCode(await untilClosed(raw))).toBe(1008);
      });

    for (const [name, text] of Object.entries({ pings: "\r\n\r\n", malformed, response }))
      test(`SIP over TCP: ${name}, and none of the answers is read`, async () => {
        const raw = await RawSocket.open(sipPort);
        raw.socket.pause();
        raw.socket.write(text.repeat(flood));
        // A socket that isn't read learns of its end by what it writes.
        const writing = setInterval(() => raw.socket.write(text), 20);
        await untilClosed(raw);
        clearInterval(writing);
      });

    test("SIP over TCP: bytes of a message that never ends", async () => {
      const raw = await RawSocket.open(sipPort);
      raw.socket.write("OPTIONS sip:x SIP/2.0\r\nContent-Length: 30000\r\n\r\n");
      for (let n = 0; n < 40; n++) raw.socket.write("x".repeat(29_000));
      await untilClosed(raw);
    });

    test("everybody else goes on", async () => {
      const alice = await signIn(server, "dev:alice");
      const raw = await RawSocket.upgraded(server.port, "/ws", "switchboard.v1");
      raw.frame(1, Buffer.from(hello("mallory")));
      await raw.until('"type":"welcome"');
      for (let n = 0; n < flood; n++) raw.frame(1, Buffer.from('{"type":"ping"}'));
      for (let n = 0; n < 10; n++) await alice.ok("status", { status: `${n}` });
      await untilClosed(raw);
      alice.close();
    });
  });

for (const runtime of runtimesFor("floods"))
  describe(`requests without an end, on ${runtime}`, () => {
    test("429, and the connection is closed; upgrades count as well", async () => {
      const config = { limits: { httpRequestsPerSecond: 1, httpRequestsBurst: 10 } };
      const server = await startServer({ runtime, config });
      const pipelined = await RawSocket.open(server.port);
      pipelined.socket.write("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(30));
      const text = (await untilClosed(pipelined)).toString();
      expect(text.match(/HTTP\/1.1 200 /g)?.length).toBeGreaterThanOrEqual(10);
      expect(text).toContain("HTTP/1.1 429 ");
      expect(text.match(/HTTP\/1.1 /g)?.length).toBeLessThan(30);
      // Where this took more than a second, one more request is free: the one after it is not.
      const answers: string[] = [];
      for (let n = 0; n < 5 && !answers.at(-1)?.startsWith("HTTP/1.1 429 "); n++) {
        const upgrade = await RawSocket.open(server.port);
        upgrade.socket.write(
          "GET /nowhere HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        );
        answers.push(await upgrade.until("\r\n"));
        upgrade.socket.destroy();
      }
      expect(answers.at(-1)).toStartWith("HTTP/1.1 429 ");
      await server.stop();
    });
  });

for (const runtime of runtimesFor("floods"))
  describe(`a burst within the limits, on ${runtime}`, () => {
    let server: RunningServer;
    beforeAll(async () => {
      server = await startServer({ runtime });
    });
    afterAll(() => server.stop());

    const signedIn = async (): Promise<RawSocket> => {
      const raw = await RawSocket.upgraded(server.port, "/ws", "switchboard.v1");
      raw.frame(1, Buffer.from(hello("mallory")));
      await raw.until('"type":"welcome"');
      return raw;
    };

    test("of as many large requests as may be in flight is answered, and so is what comes behind", async () => {
      const alice = await signIn(server, "dev:alice");
      const body = "x".repeat(16_000);
      const sent = Array.from({ length: 64 }, () => alice.ok("send", { to: "nobody", body }));
      await Promise.all(sent);
      await alice.ok("status", { status: "here" });
      alice.close();
    });

    test("of much more than that closes 4203 before it is worked off", async () => {
      const raw = await signedIn();
      const wide = `[${Array(2_500).fill('{"a":[1,{"b":"c"}]}').join(",")}]`;
      for (let id = 1; id <= 100; id++)
        raw.frame(1, Buffer.from(`{"id":${id},"type":"send","to":"nobody","body":${wide}}`));
      expect(closeCode(await untilClosed(raw))).toBe(4203);
      expect(raw.received.toString("latin1")).not.toContain('"re":100');
    });

    test("of small requests keeps its order, also where the client leaves at once", async () => {
      const [alice, watcher] = [await signIn(server, "dev:alice"), await signIn(server, "dev:bob")];
      await watcher.ok("watch", { users: ["alice"] });
      const numbers = Array.from({ length: 60 }, (_, n) => n);
      const sent = numbers.map((n) => alice.ok("send", { to: "bob", body: n }));
      await Promise.all(sent);
      for (const n of numbers) expect((await watcher.push("message")).body).toBe(n);
      for (const n of numbers) void alice.ok("send", { to: "bob", body: n }).catch(() => {});
      alice.close();
      for (const n of numbers) expect((await watcher.push("message")).body).toBe(n);
      await watcher.push("presence", { user: "alice", online: false });
      watcher.close();
    });
  });

const outer = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

describe.skipIf(outer === undefined)("development mode, on an outer address", () => {
  test("serves nobody but this machine's loopback, by no protocol", async () => {
    const port = await freePort();
    const sip = { tcp: { enabled: true, host: "0.0.0.0", port } };
    const server = await startServer({ config: { host: "0.0.0.0", sip } });
    for (const path of ["/", "/metrics", "/link"])
      expect((await fetch(`http://${outer}:${server.port}${path}`)).status).toBe(403);
    for (const [path, protocol] of [
      ["ws", "switchboard.v1"],
      ["sip", "sip"],
    ] as const) {
      const socket = new WebSocket(`ws://${outer}:${server.port}/${path}`, protocol);
      expect(
        await new Promise((resolve) => {
          socket.onopen = () => resolve("open");
          socket.onerror = () => resolve("refused");
        }),
      ).toBe("refused");
    }
    // A ping is answered to whoever is let in.
    const stranger = await RawSocket.open(port, outer);
    stranger.socket.write("\r\n\r\n");
    expect((await untilClosed(stranger)).toString()).toBe("");
    const here = await RawSocket.open(port);
    here.socket.write("\r\n\r\n");
    expect(await here.until("\r\n")).toBe("\r\n");
    here.socket.destroy();
    await server.stop();
  });
});
