// The one suite of both adapters: `bun test` runs it on Bun's server, `node --test` on node:http and ws.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { after, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import type {
  Client,
  HttpServer,
  ServerOptions,
  Socket,
  SocketHandlers,
} from "../../../src/net/http-server.ts";
import { listen } from "../../../src/net/listen.ts";
import { makeCertificate, temporaryFolder } from "../../support/certificates.ts";
import { RawSocket } from "../../support/raw-socket.ts";

const running: HttpServer[] = [];
after(async () => {
  await Promise.all(running.map((server) => server.stop()));
});

interface Heard {
  readonly faults: string[];
  readonly closed: number[];
  readonly sockets: Socket[];
}

async function start(
  options: Partial<ServerOptions> = {},
): Promise<{ server: HttpServer; url: string } & Heard> {
  const heard: Heard = { faults: [], closed: [], sockets: [] };
  const echo = (socket: Socket): SocketHandlers => {
    heard.sockets.push(socket);
    return {
      text: (message) => {
        if (message === "throw") throw new Error("wanted");
        if (message === "close") socket.close(4321, "as you wish");
        else socket.send(message);
      },
      binary: (message) => void socket.send(new Uint8Array(message)),
      closed: (code) => void heard.closed.push(code),
    };
  };
  const server = await listen({
    host: "127.0.0.1",
    port: 0,
    tls: undefined,
    messageBytes: 1_000,
    bufferedBytes: 100_000,
    bodyBytes: 2_000,
    sockets: [
      { path: "/echo", protocol: "echo.v1", check: () => undefined, open: echo },
      { path: "/echo", protocol: "echo.v2", check: () => undefined, open: echo },
      { path: "/any", check: () => undefined, open: echo },
      {
        path: "/refused",
        check: (request) => ({
          status: 429,
          body: `not ${request.headers.get("origin")}`,
          headers: { "Retry-After": "7" },
        }),
        open: echo,
      },
    ],
    fetch: (_request, client: Client) => Response.json(client),
    fault: (where, error) => void heard.faults.push(`${where}: ${(error as Error).message}`),
    ...options,
  });
  running.push(server);
  return { server, url: `http://127.0.0.1:${server.port}`, ...heard };
}

function open(url: string, path: string, protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(url.replace("http", "ws") + path, protocols);
  socket.binaryType = "arraybuffer";
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => resolve(socket));
    socket.addEventListener("error", () => reject(new Error("refused")));
  });
}

function next(socket: WebSocket): Promise<unknown> {
  return new Promise((resolve) => {
    socket.addEventListener("message", (event) => resolve(event.data), { once: true });
  });
}

function closing(socket: WebSocket): Promise<CloseEvent> {
  return new Promise((resolve) => {
    socket.addEventListener("close", (event) => resolve(event as CloseEvent), { once: true });
  });
}

async function eventually(condition: () => boolean): Promise<void> {
  for (let left = 200; left > 0 && !condition(); left--)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(condition());
}

/** An upgrade that is answered otherwise: the client API of browsers does not show how. */
function refusedUpgrade(port: number, path: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; body: string; headers: NodeJS.Dict<string | string[]> }>(
    (resolve, reject) => {
      const request = httpRequest({
        port,
        path,
        headers: {
          Connection: "Upgrade",
          Upgrade: "websocket",
          "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
          "Sec-WebSocket-Version": "13",
          ...headers,
        },
      });
      request.on("response", (response) => {
        response.setEncoding("utf8");
        let body = "";
        response.on("data", (text) => {
          body += text;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
        );
      });
      request.on("upgrade", () => reject(new Error("upgraded")));
      request.on("error", reject);
      request.end();
    },
  );
}

describe("requests", () => {
  test("reach the handler with method, headers and body, and its answer comes back", async () => {
    const { url } = await start({
      fetch: async (request) =>
        new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`, {
          status: 201,
          headers: { "X-Seen": request.headers.get("x-sent") ?? "" },
        }),
    });
    const response = await fetch(`${url}/some/where?x=1`, {
      method: "POST",
      body: "hello",
      headers: { "X-Sent": "yes" },
    });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("x-seen"), "yes");
    assert.equal(await response.text(), "POST /some/where hello");
  });

  test("HEAD has the headers only", async () => {
    const { url } = await start();
    const response = await fetch(url, { method: "HEAD" });
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type") ?? "", /json/);
    assert.equal(await response.text(), "");
  });

  test("a handler that throws is a 500 that tells nothing, and a fault", async () => {
    const { url, faults } = await start({
      fetch: () => {
        throw new Error("secret");
      },
    });
    const response = await fetch(url);
    assert.equal(response.status, 500);
    assert.doesNotMatch(await response.text(), /secret/);
    assert.deepEqual(faults, ["request: secret"]);
  });

  test("a handler that rejects is the same", async () => {
    const { url, faults } = await start({ fetch: () => Promise.reject(new Error("later")) });
    assert.equal((await fetch(url)).status, 500);
    assert.deepEqual(faults, ["request: later"]);
  });

  test("a body over the limit is answered 413", async () => {
    const { url } = await start({ fetch: async (request) => new Response(await request.text()) });
    assert.equal((await fetch(url, { method: "POST", body: "x".repeat(2_000) })).status, 200);
    const refused = await fetch(url, { method: "POST", body: "x".repeat(2_001) });
    assert.equal(refused.status, 413);
    assert.equal(refused.headers.get("content-type"), "application/problem+json");
    assert.equal((await refused.json()).code, "too_large");
  });

  test("a body that is announced too large is refused before it comes", async () => {
    const { server, faults } = await start({ fetch: async (request) => new Response(await request.text()) });
    for (const [length, closes] of [
      [2_001, false],
      [2 ** 30, true],
    ] as const) {
      const raw = await RawSocket.open(server.port);
      raw.socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\nx`);
      const head = await raw.until("\r\n\r\n");
      assert.match(head, /^HTTP\/1.1 413 /);
      assert.equal(/\r\nconnection: close\r\n/i.test(head), closes);
      raw.socket.destroy();
    }
    assert.deepEqual(faults, []);
  });

  test("a body of unknown length can't grow over the limit", async () => {
    let read: number | undefined;
    const { server } = await start({
      fetch: async (request) => {
        read = await request.text().then(
          (text) => text.length,
          () => -1,
        );
        return new Response("read");
      },
    });
    const raw = await RawSocket.open(server.port);
    raw.socket.write("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (let left = 10; left > 0; left--) raw.socket.write(`3e8\r\n${"x".repeat(1_000)}\r\n`);
    raw.socket.write("0\r\n\r\n");
    await Promise.race([once(raw.socket, "close"), raw.until("HTTP/1.1")]);
    assert.ok(read === undefined || read === -1, `${read} bytes were read`);
    raw.socket.destroy();
  });

  test("the signal aborts when the client goes away", async () => {
    let aborted = false;
    const { url } = await start({
      fetch: (request) =>
        new Promise<Response>((resolve) => {
          request.signal.addEventListener("abort", () => {
            aborted = true;
            resolve(new Response("nobody"));
          });
        }),
    });
    const controller = new AbortController();
    const response = fetch(url, { signal: controller.signal }).catch(() => "left");
    setTimeout(() => controller.abort(), 50);
    assert.equal(await response, "left");
    await eventually(() => aborted);
  });

  test("rubbish in the request line or the Host header harms nobody", async () => {
    const { server, url } = await start();
    for (const rubbish of [
      "GET / HTTP/1.1\r\nHost: a b c:::\r\n\r\n",
      "GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET //// HTTP/1.1\r\nHost: \r\n\r\n",
      "\u0000\u0001\u0002\r\n\r\n",
      "GET /echo HTTP/1.1\r\nHost: a b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ]) {
      const raw = await RawSocket.open(server.port);
      raw.socket.end(rubbish);
      await once(raw.socket, "close");
    }
    assert.equal((await fetch(url)).status, 200);
  });

  test("a Host header that is none, or two, are refused, and choose no path", async () => {
    const { server, faults } = await start({ fetch: (request) => new Response(`path ${request.url}`) });
    const ask = async (head: string): Promise<string> => {
      const raw = await RawSocket.open(server.port);
      raw.socket.write(head);
      return await raw.until("\r\n\r\n");
    };
    for (const host of ["localhost/metrics?", "localhost/metrics#", "a@b", "a b", "", "a, b", "\\metrics"])
      assert.match(await ask(`GET /x HTTP/1.1\r\nHost: ${host}\r\n\r\n`), /^HTTP\/1.1 400 /, host);
    assert.match(await ask("GET /x HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"), /^HTTP\/1.1 400 /);
    assert.match(await ask("GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), /^HTTP\/1.1 400 /);
    assert.match(await ask("GET /x HTTP/1.1\r\n\r\n"), /^HTTP\/1.1 400 /);
    const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const upgraded = await ask(`GET /x HTTP/1.1\r\nHost: localhost/any?\r\n${upgrade}${key}\r\n`);
    assert.match(upgraded, /^HTTP\/1.1 400 /);
    const twice = await ask(`GET /any HTTP/1.1\r\nHost: a\r\nHost: b\r\n${upgrade}${key}\r\n`);
    assert.match(twice, /^HTTP\/1.1 400 /);
    // An absolute target, as a proxy would send it, names the path alone.
    const absolute = await RawSocket.open(server.port);
    absolute.socket.write("GET http://elsewhere.example/y HTTP/1.1\r\nHost: a.example:81\r\n\r\n");
    assert.match(await absolute.until("path"), /^HTTP\/1.1 200 [\s\S]*http:\/\/a.example:81\/y/);
    assert.deepEqual(faults, []);
  });

  test("HTTP/1.0 without a Host header, as a load balancer's check has it, is a request", async () => {
    const { server, faults } = await start({
      fetch: (request) => new Response(`${request.method} ${new URL(request.url).pathname}`),
    });
    const raw = await RawSocket.open(server.port);
    raw.socket.write("GET /health/ready?x HTTP/1.0\r\n\r\n");
    const answer = await raw.until("GET /health/ready");
    assert.match(answer, /^HTTP\/1\.[01] 200 /);
    const upgrade = await RawSocket.open(server.port);
    upgrade.socket.write("GET /any HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    assert.match(await upgrade.until("\r\n\r\n"), /^HTTP\/1\.[01] 400 /);
    assert.deepEqual(faults, []);
  });

  test("an upgrade to something else than WebSocket is a plain request", async () => {
    const { server } = await start();
    const raw = await RawSocket.open(server.port);
    raw.socket.write(
      "GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    );
    assert.match(await raw.until("127.0.0.1"), /^HTTP\/1.1 200/);
    raw.socket.destroy();
  });
});

describe("the client's address", () => {
  test("is the socket's, whatever the header says", async () => {
    const { url } = await start();
    const response = await fetch(url, { headers: { "X-Forwarded-For": "203.0.113.9" } });
    assert.deepEqual(await response.json(), { address: "127.0.0.1", peer: "127.0.0.1" });
  });

  test("is the header's, where the proxy is trusted", async () => {
    const { url, sockets } = await start({ trustedProxies: ["127.0.0.0/8"] });
    const response = await fetch(url, { headers: { "X-Forwarded-For": "6.6.6.6, 203.0.113.9" } });
    assert.deepEqual(await response.json(), { address: "203.0.113.9", peer: "127.0.0.1" });
    assert.equal(sockets.length, 0);
  });

  test("is seen by sockets too", async () => {
    const { url, sockets } = await start();
    const socket = await open(url, "/any");
    assert.equal(sockets[0]?.client.address, "127.0.0.1");
    socket.close();
  });
});

describe("upgrades", () => {
  test("to no route: 404; without the subprotocol: 400; refused by the route: as it says", async () => {
    const { server } = await start();
    const nowhere = await refusedUpgrade(server.port, "/nowhere");
    assert.deepEqual([nowhere.status, nowhere.body], [404, "No WebSocket is served at /nowhere.\n"]);
    const silent = await refusedUpgrade(server.port, "/echo");
    assert.equal(silent.status, 400);
    assert.match(silent.body, /echo\.v1, echo\.v2/);
    const refused = await refusedUpgrade(server.port, "/refused", { Origin: "https://evil.example" });
    assert.deepEqual([refused.status, refused.body], [429, "not https://evil.example\n"]);
    assert.equal(refused.headers["retry-after"], "7");
  });

  test("that are refused are answered, and their connection is closed", async () => {
    const { server } = await start();
    for (const path of ["/refused", "/nowhere"]) {
      const raw = await RawSocket.open(server.port);
      const closed = once(raw.socket, "close");
      raw.socket.write(
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
      );
      await raw.until("HTTP/1.1 4");
      raw.socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await closed;
      assert.equal(raw.received.toString().split("HTTP/1.1").length, 2);
    }
  });

  test("a plain request to a socket's path: 426", async () => {
    const { url } = await start();
    assert.equal((await fetch(`${url}/echo`)).status, 426);
  });

  test("a handshake without a key: 400", async () => {
    const { server } = await start();
    const answer = await refusedUpgrade(server.port, "/any", { "Sec-WebSocket-Key": "" }).catch(() => ({
      status: 400,
    }));
    assert.equal(answer.status, 400);
  });

  test("the subprotocol of the route that took it is spoken", async () => {
    const { url } = await start();
    for (const protocol of ["echo.v1", "echo.v2"]) {
      const socket = await open(url, "/echo", ["other", protocol]);
      assert.equal(socket.protocol, protocol);
      socket.close();
    }
    const socket = await open(url, "/any");
    assert.equal(socket.protocol, "");
    socket.close();
  });
});

describe("sockets", () => {
  test("text stays text, bytes stay bytes, in order", async () => {
    const { url } = await start();
    const socket = await open(url, "/any");
    const text = next(socket);
    socket.send("grüße 👋");
    assert.equal(await text, "grüße 👋");
    const bytes = next(socket);
    socket.send(new Uint8Array([0, 255, 7]));
    assert.deepEqual(new Uint8Array((await bytes) as ArrayBuffer), new Uint8Array([0, 255, 7]));

    const seen: string[] = [];
    const all = new Promise<void>((resolve) => {
      socket.addEventListener("message", (event) => {
        seen.push(event.data as string);
        if (seen.length === 500) resolve();
      });
    });
    for (let i = 0; i < 500; i++) socket.send(String(i));
    await all;
    assert.deepEqual(seen, [...Array(500).keys()].map(String));
    socket.close();
  });

  test("what is sent in one turn comes in order, and a close takes it along", async () => {
    const { url, sockets } = await start();
    const socket = await open(url, "/any");
    const seen: unknown[] = [];
    socket.addEventListener("message", ({ data }) => seen.push(data));
    const end = closing(socket);
    for (const text of ["1", "2", "3"]) assert.equal(sockets[0]?.send(text), true);
    sockets[0]?.close(4321, "enough");
    await end;
    assert.deepEqual(seen, ["1", "2", "3"]);
  });

  test("each of very many sockets has what was sent to all of them at once, in order", async () => {
    const { url, sockets } = await start();
    const clients = await Promise.all(Array.from({ length: 150 }, () => open(url, "/any")));
    const last = clients.map(
      (client) =>
        new Promise<unknown[]>((resolve) => {
          const seen: unknown[] = [];
          client.addEventListener("message", ({ data }) => {
            seen.push(data);
            if (seen.length === 3) resolve(seen);
          });
        }),
    );
    for (const text of ["1", "2", "3"]) for (const socket of sockets) assert.equal(socket.send(text), true);
    for (const seen of await Promise.all(last)) assert.deepEqual(seen, ["1", "2", "3"]);
    for (const client of clients) client.close();
  });

  test("a server that stops lets go of what was sent before", async () => {
    const { url, server, sockets } = await start();
    const socket = await open(url, "/any");
    const message = next(socket);
    assert.equal(sockets[0]?.send("farewell"), true);
    await server.stop();
    assert.equal(await message, "farewell");
  });

  test("the server's close: the client hears code and reason, the handlers nothing, and nothing can be sent", async () => {
    const { url, sockets, closed } = await start();
    const socket = await open(url, "/any");
    const end = closing(socket);
    socket.send("close");
    const { code, reason } = await end;
    assert.deepEqual([code, reason], [4321, "as you wish"]);
    assert.equal(sockets[0]?.send("late"), false);
    sockets[0]?.close(1000, "again");
    assert.deepEqual(closed, []);
  });

  test("the client's close: the handlers hear its code", async () => {
    const { url, closed, sockets } = await start();
    (await open(url, "/any")).close(1000);
    await eventually(() => closed.length === 1);
    (await open(url, "/any")).close(4999, "mine");
    await eventually(() => closed.length === 2);
    assert.deepEqual(closed, [1000, 4999]);
    assert.equal(sockets[0]?.send("late"), false);
  });

  test("a client that vanishes is a 1006, once", async () => {
    const { server, closed } = await start();
    const raw = await RawSocket.upgraded(server.port, "/any", "x");
    raw.socket.resetAndDestroy();
    await eventually(() => closed.length === 1);
    assert.deepEqual(closed, [1006]);
  });

  test("a message over the limit ends the socket", async () => {
    const { url, closed } = await start();
    const socket = await open(url, "/any");
    const fits = next(socket);
    socket.send("x".repeat(1_000));
    assert.equal(await fits, "x".repeat(1_000));
    const end = closing(socket);
    socket.send("x".repeat(1_001));
    await end;
    await eventually(() => closed.length === 1);
  });

  test("text that is no UTF-8, and frames that are none, end the socket and nothing else", async () => {
    const { server, closed, url, faults } = await start();
    const badText = await RawSocket.upgraded(server.port, "/any", "x");
    badText.frame(1, Buffer.of(0xff, 0xfe, 0xc0));
    const badFrame = await RawSocket.upgraded(server.port, "/any", "x");
    badFrame.frame(0xb, Buffer.from("?"));
    await eventually(() => closed.length === 2);
    assert.equal((await fetch(url)).status, 200);
    assert.deepEqual(faults, []);
  });

  test("a handler that throws ends its socket with 1011, hears of it, and is a fault", async () => {
    const { url, faults, closed } = await start();
    const socket = await open(url, "/any");
    const end = closing(socket);
    socket.send("throw");
    assert.equal((await end).code, 1011);
    assert.deepEqual(faults, ["socket: wanted"]);
    assert.deepEqual(closed, [1011]);
  });

  test("a route that throws as a socket opens or closes is a fault, and harms no other", async () => {
    const { url, faults } = await start({
      sockets: [
        {
          path: "/opens",
          check: () => undefined,
          open: () => {
            throw new Error("opening");
          },
        },
        {
          path: "/closes",
          check: () => undefined,
          open: () => ({
            text: () => {},
            binary: () => {},
            closed: () => {
              throw new Error("closing");
            },
          }),
        },
      ],
    });
    const opening = await open(url, "/opens");
    assert.equal((await closing(opening)).code, 1011);
    (await open(url, "/closes")).close();
    await eventually(() => faults.length === 2);
    assert.deepEqual(faults, ["socket: opening", "socket: closing"]);
    assert.equal((await fetch(url)).status, 200);
  });

  test("a client that does not read: what waits is counted, then refused", async () => {
    const { server, sockets } = await start();
    const raw = await RawSocket.upgraded(server.port, "/any", "x");
    raw.socket.pause();
    const socket = sockets[0];
    assert.ok(socket !== undefined);
    const message = "x".repeat(50_000);
    let taken = 0;
    while (taken < 1_000 && socket.send(message)) taken++;
    assert.ok(taken < 1_000, "everything was taken");
    assert.ok(socket.buffered > 50_000 && socket.buffered < 200_000, `${socket.buffered} bytes wait`);
    raw.socket.destroy();
  });
});

describe("the listener", () => {
  test("rejects a port that is taken, and says which error it is", async () => {
    const { server } = await start();
    await assert.rejects(start({ port: server.port }), { code: "EADDRINUSE" });
  });

  test("lets processes share a port that want to", async () => {
    const { server } = await start({ reusePort: true });
    const second = await start({ port: server.port, reusePort: true });
    assert.equal(second.server.port, server.port);
  });

  test("stop ends every connection and frees the port", async () => {
    const { server, url } = await start();
    const socket = await open(url, "/any");
    const end = closing(socket);
    await server.stop();
    await end;
    await assert.rejects(fetch(url));
    const again = await start({ port: server.port });
    assert.equal((await fetch(again.url)).status, 200);
  });

  test("refuses another certificate where it has none", async () => {
    const { server } = await start();
    assert.throws(() => server.useCertificate({ cert: "", key: "" }), /without TLS/);
  });
});

describe("TLS", () => {
  const folder = temporaryFolder();
  const pair = (name: string) => {
    const { cert, key } = makeCertificate(folder, name);
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  };

  /** A TLS connection that speaks WebSocket by hand, since clients differ in how they trust a certificate. */
  function connect(port: number): Promise<{ name: string; ask(text: string): Promise<string>; end(): void }> {
    return new Promise((resolve, reject) => {
      const tls = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
      tls.once("error", reject);
      tls.once("secureConnect", () => {
        const name = String(tls.getPeerCertificate().subject.CN);
        tls.write(
          "GET /any HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        );
        tls.once("data", () =>
          resolve({
            name,
            ask: (text) => {
              tls.write(Buffer.concat([Buffer.of(0x81, 0x80 | text.length, 0, 0, 0, 0), Buffer.from(text)]));
              return once(tls, "data").then(([bytes]) => (bytes as Buffer).subarray(2).toString());
            },
            end: () => tls.destroy(),
          }),
        );
      });
    });
  }

  test("another certificate serves new connections, and established ones go on", async () => {
    const { server } = await start({ tls: pair("one") });
    const first = await connect(server.port);
    assert.equal(first.name, "one");
    assert.equal(await first.ask("before"), "before");
    for (const name of ["two", "three"]) {
      server.useCertificate(pair(name));
      for (let left = 5; left > 0; left--) {
        const later = await connect(server.port);
        assert.equal(later.name, name);
        assert.equal(await later.ask("new"), "new");
        later.end();
      }
      assert.equal(await first.ask("after"), "after");
    }
    first.end();
  });
});
