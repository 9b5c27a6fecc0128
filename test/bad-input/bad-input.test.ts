import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { SignJWT, UnsecuredJWT } from "jose";
import { defaultLimits } from "../../src/protocol/limits.ts";
import { Context } from "../conformance/check.ts";
import type { Client } from "../conformance/client.ts";
import { tokenSource } from "../conformance/token-source.ts";
import { RawSocket } from "../support/raw-socket.ts";
import { runtimesFor } from "../support/runtimes.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { type Innocent, innocentCall } from "./innocent.ts";

const secret = "bad-input-secret-of-at-least-32-characters";
const limits = {
  helloTimeout: 500,
  // Long enough for who does nothing wrong, on a machine that is busy with who does.
  silence: 5_000,
  pingAfter: 500,
  connectsPerSecond: 1_000,
  connectsBurst: 5_000,
  floodsBurst: 1_000,
  sendBuffer: 131_072,
  logBytes: 67_108_864,
  logFrames: 20_000,
};

/** Signs a token of alice, or whatever the claims say, with the server's secret or another. */
function sign(claims: Record<string, unknown>, lifetime = "1h", key = secret): Promise<string> {
  return new SignJWT({ grants: { call: ["*"], send: ["*"], watch: ["*"] }, ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer("switchboard")
    .setAudience("switchboard")
    .setIssuedAt()
    .setExpirationTime(lifetime)
    .sign(new TextEncoder().encode(key));
}

for (const runtime of runtimesFor("bad-input")) {
  describe(`bad input, on ${runtime}`, () => {
    let server: RunningServer;
    let t: Context;
    let innocent: Innocent;
    /** Half open from the beginning, for what comes of it takes a while: one says nothing, one nothing after its hello. */
    let silent: RawSocket;
    let dead: RawSocket;

    beforeAll(async () => {
      server = await startServer({
        runtime,
        config: { dev: false, tokens: { secret }, limits, log: { format: "json", level: "debug" } },
      });
      silent = await RawSocket.upgraded(server.port, "/ws", "switchboard.v1");
      dead = await RawSocket.upgraded(server.port, "/ws", "switchboard.v1");
      const token = await sign({ sub: "dead" });
      const hello = { type: "hello", token, device: { id: "raw" }, instance: "instance-1", attempt: 1 };
      dead.frame(1, Buffer.from(JSON.stringify(hello)));
    }, 20_000);
    afterAll(async () => {
      await server.stop();
      // Whatever was thrown at it, the server has found no fault of its own.
      expect(server.logs.filter((line) => line.includes("fault") || line.includes("uncaught"))).toEqual([]);
    });
    beforeEach(async () => {
      const tokens = tokenSource(`secret:${secret}?iss=switchboard&aud=switchboard`);
      t = new Context(`ws://127.0.0.1:${server.port}/ws`, { ...defaultLimits, ...limits }, tokens);
      innocent = await innocentCall(t);
    });
    afterEach(async () => {
      await innocent.goesOn();
      t.end();
    });

    const mallory = (): Promise<Client> => t.connect(t.user("mallory"), "web");
    const helloWith = async (claims: Record<string, unknown>, lifetime?: string, key?: string) =>
      t.refusal("anybody", "web", { token: await sign(claims, lifetime, key) });

    test("broken JSON closes 4200", async () => {
      for (const text of ["{", '{"id":1,"type":"call"', "nonsense", "", '"text"', "[1,2]", "\u0000"]) {
        const client = await mallory();
        client.sendText(text);
        expect([text, await client.closed()]).toEqual([text, 4200]);
      }
      const silent = await t.open();
      silent.sendText("{");
      expect(await silent.closed()).toBe(4306);
    });

    test("binary closes 4200", async () => {
      const client = await mallory();
      client.sendBinary(new Uint8Array(100));
      expect(await client.closed()).toBe(4200);
    });

    test("a frame of 65 KB closes 4201; one of 10 MB is not even taken", async () => {
      const large = await mallory();
      large.sendText(`{"id":1,"type":"send","to":"bob","body":"${"x".repeat(66_560)}"}`);
      expect(await large.closed()).toBe(4201);
      const huge = await mallory();
      huge.sendText(`{"type":"ping","pad":"${"x".repeat(10_485_760)}"}`);
      // The transport may give up before the protocol can say so: 1009 is WebSocket's own "too big", 1006 a cut.
      expect([4201, 1009, 1006]).toContain(await huge.closed());
      const early = await t.open();
      early.sendText(`{"type":"hello","pad":"${"x".repeat(20_000)}"}`);
      expect(await early.closed()).toBe(4306);
    });

    test("10 MB to the HTTP fallback are refused", async () => {
      // The head alone: who sends the body meets a connection that is cut, and may not read why.
      const raw = await RawSocket.open(server.port);
      raw.socket.write("POST /link HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485760\r\n\r\n");
      expect(await raw.until("\r\n\r\n")).toStartWith("HTTP/1.1 413 ");
      raw.socket.destroy();
    });

    test("frames in the wrong order close 4200", async () => {
      const first = await t.open();
      first.send({ id: 1, type: "status", status: "before hello" });
      expect(await first.closed()).toBe(4306);
      const skips = await mallory();
      skips.send({ id: 2, type: "status", status: "where is 1?" });
      expect(await skips.closed()).toBe(4200);
      const twice = await mallory();
      twice.send(t.hello(t.user("mallory"), "web"));
      expect(await twice.closed()).toBe(4200);
      const prophet = await mallory();
      prophet.send({ type: "ack", seq: 1_000 });
      expect(await prophet.closed()).toBe(4200);
    });

    test("requests on a session that is none, or somebody else's, are no_session, and change nothing", async () => {
      const client = await mallory();
      for (const session of ["s_none", innocent.session]) {
        for (const type of ["ringing", "accept", "decline", "cancel", "hangup"])
          await client.fails("no_session", type, { session });
        await client.fails("no_session", "signal", {
          session,
          pair: 1,
          generation: 1,
          description: { type: "offer", sdp: "v=0" },
        });
        await client.fails("no_session", "restart", { session, pair: 1, generation: 1 });
        await client.fails("no_session", "move", { session, to: "web" });
        await client.fails("no_session", "confirm", { session, device: "web" });
        await client.fails("no_session", "report", { session, stats: { state: "failed" } });
        await innocent.goesOn();
      }
    });

    test("expired, forged, unsigned and foreign tokens close 4303", async () => {
      const user = t.user("mallory");
      expect(await helloWith({ sub: user }, "-1m")).toBe(4303);
      expect(await helloWith({ sub: user }, "1h", "another-secret-of-at-least-32-characters")).toBe(4303);
      const unsigned = new UnsecuredJWT({ sub: user })
        .setIssuer("switchboard")
        .setAudience("switchboard")
        .setExpirationTime("1h")
        .encode();
      expect(await t.refusal(user, "web", { token: unsigned })).toBe(4303);
      const [head, , signature] = (await sign({ sub: user })).split(".");
      const [, body] = (await sign({ sub: "admin" })).split(".");
      expect(await t.refusal(user, "web", { token: `${head}.${body}.${signature}` })).toBe(4303);
      // The token of development mode means nothing here.
      expect(await t.refusal(user, "web", { token: `dev:${user}` })).toBe(4303);
      const client = await mallory();
      await client.fails("token_expired", "refresh", { token: await sign({ sub: user }, "-1m") });
      await client.fails("unauthorized", "refresh", { token: unsigned });
      await client.fails("subject_mismatch", "refresh", { token: await sign({ sub: t.user("alice") }) });
      await client.ok("status", { status: "still signed in" });
    });

    test("what the grants don't cover is forbidden", async () => {
      const token = await sign({ sub: t.user("guest"), grants: { call: ["shop"] } });
      const guest = await t.connect(t.user("guest"), "web", { token });
      await guest.fails("forbidden", "call", { to: t.user("bob") });
      await guest.fails("forbidden", "send", { to: t.user("bob"), body: 1 });
      await guest.fails("forbidden", "watch", { users: [t.user("bob")] });
      await guest.fails("forbidden", "join", { room: "room:board" });
      await guest.ok("call", { to: "shop" });
      // Grants that are none give nothing at all.
      expect(await helloWith({ sub: "guest", grants: "all" })).toBe(4303);
      expect(await helloWith({ sub: "guest", grants: { call: "*" } })).toBe(4303);
    });

    test("ids with control characters are refused, wherever they stand", async () => {
      for (const bad of [
        "al\u0000ice",
        "al\u0007ice",
        "alice\n",
        "al\u202eice",
        "al\u200bice",
        "a b",
        "a/b",
        "a:b",
      ]) {
        expect([bad, await helloWith({ sub: bad })]).toEqual([bad, 4303]);
        expect([bad, await helloWith({ sub: "mallory", device: bad })]).toEqual([bad, 4303]);
        expect([bad, await t.refusal(t.user("mallory"), bad)]).toEqual([bad, 4306]);
      }
      const client = await mallory();
      for (const bad of ["al\u0000ice", "bob\n", "bob\u202e"]) {
        await client.fails("bad_request", "call", { to: bad });
        await client.fails("bad_request", "send", { to: bad, body: 1 });
        await client.fails("bad_request", "watch", { users: [bad] });
        await client.fails("bad_request", "join", { room: `room:${bad}` });
      }
    });

    test("10,000 requests in a second are refused, then cut; the others don't feel it", async () => {
      for (const type of ["status", "teleport"]) {
        const client = await mallory();
        for (let n = 0; n < 10_000 && client.closeCode === undefined; n++) client.fire(type, { status: "x" });
        const began = performance.now();
        await innocent.goesOn();
        expect(performance.now() - began).toBeLessThan(1_000);
        expect(await client.closed(8_000)).toBe(4203);
        const refused = client.frames.find(({ error }) => error?.code === "rate_limited");
        expect(refused?.error.retryAfter).toBeGreaterThan(0);
      }
    });

    test("connections that say nothing, or half a request, disturb nobody", async () => {
      const sockets = await Promise.all(Array.from({ length: 50 }, () => RawSocket.open(server.port)));
      for (const { socket } of sockets.slice(25))
        socket.write("GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
      await innocent.goesOn();
      for (const { socket } of sockets) socket.destroy();
    });

    test("a client that does not read is cut with its log intact: it resumes, and has lost nothing", async () => {
      const user = t.user("sleepy");
      const instance = t.instance();
      const hello = { ...t.hello(user, "raw", { instance }) };
      const sleepy = await RawSocket.upgraded(server.port, "/ws", "switchboard.v1");
      sleepy.frame(1, Buffer.from(JSON.stringify(hello)));
      const welcome = JSON.parse(
        /\{"type":"welcome".*\}/.exec(await sleepy.until('"features"'))?.[0] ?? "{}",
      );
      sleepy.socket.pause();
      // Several senders, each within its rate.
      const senders = await Promise.all(
        ["one", "two", "three", "four"].map((name) => t.connect(t.user(name), "web")),
      );
      const body = "x".repeat(16_000);
      const count = 1_200;
      for (let n = 0; n < count; n++) {
        await senders[n % senders.length]?.ok("send", { to: user, body: `${n} ${body}` });
        if (n % 300 === 0) await innocent.goesOn();
      }
      // So much is replayed that even a reader is cut again; each time it is further on.
      let seq = 0;
      let { link, secret: resumeSecret, home } = welcome;
      const bodies: string[] = [];
      for (let attempt = 2; bodies.length < count; attempt++) {
        const resume = { link, secret: resumeSecret, home, seq };
        const awake = await t.open();
        awake.lastSeq = seq;
        awake.send(t.hello(user, "raw", { instance, attempt, resume }));
        awake.welcome = await awake.expect("welcome", ({ type }) => type === "welcome");
        expect(awake.welcome.resumed).toBe(true);
        ({ link, secret: resumeSecret, home } = awake.welcome);
        while (awake.closeCode === undefined && awake.lastSeq < count) await Bun.sleep(10);
        expect([undefined, 4101]).toContain(awake.closeCode);
        for (const { type, body } of awake.frames) if (type === "message") bodies.push(body);
        seq = awake.lastSeq;
      }
      expect(server.logs.some((line) => line.includes('"code":4101'))).toBe(true);
      expect(bodies).toEqual(Array.from({ length: count }, (_, n) => `${n} ${body}`));
      sleepy.socket.destroy();
    }, 30_000);

    test("a socket that is half open: no hello closes 4202, no pong 4104", async () => {
      expect(closeCode(await silent.until("\x88"))).toBe(4202);
      await dead.until('"welcome"');
      await dead.until('"ping"');
      expect(closeCode(await dead.until("\x88"))).toBe(4104);
      silent.socket.destroy();
      dead.socket.destroy();
    });
  });
}

/** The code in the close frame at the end of what a raw socket got. */
function closeCode(received: string): number {
  const at = received.lastIndexOf("\x88");
  return (received.charCodeAt(at + 2) << 8) | received.charCodeAt(at + 3);
}
