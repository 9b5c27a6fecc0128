// The one suite of both runtimes: `bun test` and `node --test`.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { after, describe, test } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { readCertificate } from "../../../src/net/certificate-files.ts";
import { ConnectionCaps, type CutReason } from "../../../src/net/connection-caps.ts";
import { listen } from "../../../src/net/listen.ts";
import { RequestDeadlines } from "../../../src/net/request-deadlines.ts";
import { listenTcp } from "../../../src/net/tcp.ts";
import { limitHandshakes } from "../../../src/net/tls-handshakes.ts";
import { makeCertificate, temporaryFolder } from "../../support/certificates.ts";

const paths = makeCertificate(temporaryFolder(), "limits");
const certificate = readCertificate(paths.cert, paths.key);
const cleanUp: (() => unknown)[] = [];
after(() => Promise.all(cleanUp.map((task) => task())));

/** A client that has connected, and what became of it. */
class Peer {
  readonly socket: Socket;
  received = "";
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.received += bytes.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
    });
    cleanUp.push(() => socket.destroy());
  }

  static tcp(port: number, localAddress = "127.0.0.1"): Promise<Peer> {
    const peer = new Peer(connect({ port, host: "127.0.0.1", localAddress }));
    return new Promise((resolve) => peer.socket.once("connect", () => resolve(peer)));
  }

  static tls(port: number): Promise<Peer> {
    const peer = new Peer(connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }));
    return new Promise((resolve) => {
      peer.socket.once("secureConnect", () => resolve(peer));
      peer.socket.once("close", () => resolve(peer));
    });
  }

  /** Writes a part again and again until the connection is gone. */
  drip(part: string, interval: number): this {
    const timer = setInterval(() => this.socket.writable && this.socket.write(part), interval);
    this.socket.once("close", () => clearInterval(timer));
    return this;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let left = 1_000; left > 0 && !condition(); left--)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(condition(), what);
}

describe("caps", () => {
  for (const kind of ["TCP", "TLS"])
    test(`one address has its share of a ${kind} listener, and others come in beside it`, async () => {
      const cut: CutReason[] = [];
      const caps = new ConnectionCaps({ total: 5, perAddress: 3, cut: (reason) => cut.push(reason) });
      const listener = await listenTcp({
        address: "127.0.0.1",
        port: 0,
        caps,
        ...(kind === "TLS" && { tls: certificate }),
        accept: (stream) => ({ data: (bytes) => stream.write(bytes), closed: () => {} }),
      });
      cleanUp.push(() => listener.stop());
      // None of them says a word: a handshake that was begun counts too.
      const greedy = await Promise.all(Array.from({ length: 8 }, () => Peer.tcp(listener.port, "127.0.0.9")));
      await until(() => greedy.filter(({ closed }) => closed).length === 5, "five of eight are cut");
      assert.deepEqual(cut, Array(5).fill("address"));
      assert.equal(caps.size, 3);

      const other = kind === "TLS" ? await Peer.tls(listener.port) : await Peer.tcp(listener.port);
      other.socket.write("hello");
      await until(() => other.received === "hello", "another address is served");
      await Peer.tcp(listener.port);
      const sixth = await Peer.tcp(listener.port, "127.0.0.2");
      await until(() => sixth.closed, "the listener is full");
      assert.equal(cut.at(-1), "total");

      greedy.find(({ closed }) => !closed)?.socket.destroy();
      await until(() => caps.size === 4, "who leaves gives its place back");
      const next = await Peer.tcp(listener.port, "127.0.0.9");
      await until(() => caps.size === 5, "it is taken again");
      assert.equal(next.closed, false);
    });

  test("two listeners can share them", async () => {
    const caps = new ConnectionCaps({ total: 10, perAddress: 2 });
    const accept = () => ({ data: () => {}, closed: () => {} });
    const ports: number[] = [];
    for (let n = 0; n < 2; n++) {
      const listener = await listenTcp({ address: "127.0.0.1", port: 0, caps, accept });
      cleanUp.push(() => listener.stop());
      ports.push(listener.port);
    }
    const [one = 0, two = 0] = ports;
    const first = [await Peer.tcp(one), await Peer.tcp(two)];
    const third = await Peer.tcp(one);
    await until(() => third.closed, "the third is cut");
    assert.ok(first.every(({ closed }) => !closed));
  });

  test("IPv6 counts by /64, and a place is given back once", () => {
    const caps = new ConnectionCaps({ total: 10, perAddress: 2 });
    const leave = caps.enter("2001:db8::1");
    assert.ok(caps.enter("2001:db8::2"));
    assert.equal(caps.enter("2001:db8::3:4"), undefined);
    assert.ok(caps.enter("2001:db8:0:1::1"));
    leave?.();
    leave?.();
    assert.ok(caps.enter("2001:db8::3"));
    assert.equal(caps.enter("2001:db8::4"), undefined);
  });
});

describe("the port of HTTPS and TURN", () => {
  const start = async (trustedProxies: string[]) => {
    const cut: CutReason[] = [];
    const server = await listen({
      host: "127.0.0.1",
      port: 0,
      tls: certificate,
      stun: () => ({ data: () => {}, closed: () => {} }),
      connections: { perAddress: 3, cut: (reason) => cut.push(reason) },
      trustedProxies,
      messageBytes: 1_000,
      bufferedBytes: 1_000,
      bodyBytes: 1_000,
      sockets: [],
      fetch: () => new Response("served"),
      fault: (where, error) => assert.fail(`${where}: ${error}`),
    });
    cleanUp.push(() => server.stop());
    return { server, cut };
  };

  test("one address has its share, whatever its connections speak or don't", async () => {
    const { server, cut } = await start([]);
    const [silent, stun, http] = [
      await Peer.tcp(server.port),
      await Peer.tls(server.port),
      await Peer.tls(server.port),
    ];
    stun.socket.write(Buffer.from("000100002112a442000102030405060708090a0b", "hex"));
    http.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => http.received.includes("served"), "the third is served");
    const fourth = await Peer.tcp(server.port);
    await until(() => fourth.closed, "the fourth is cut");
    assert.deepEqual(cut, ["address"]);
    const elsewhere = await Peer.tcp(server.port, "127.0.0.2");
    silent.socket.destroy();
    await until(() => silent.closed, "one has left");
    const fifth = await Peer.tls(server.port);
    fifth.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => fifth.received.includes("served"), "its place is free again");
    assert.equal(elsewhere.closed, false);
  });

  test("a Host header that is none, or two, are refused", async () => {
    const { server } = await start(["127.0.0.1"]);
    for (const head of ["Host: localhost/metrics?", "Host: a\r\nHost: b", "X: y"]) {
      const peer = await Peer.tls(server.port);
      peer.socket.write(`GET /x HTTP/1.1\r\n${head}\r\n\r\n`);
      await until(() => peer.received.includes("\r\n\r\n"), head);
      assert.match(peer.received, /^HTTP\/1.1 400 /);
    }
  });

  test("an upgrade that was refused doesn't stay open", async () => {
    const { server } = await start([]);
    const socket = connectTls({
      port: server.port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      allowHalfOpen: true,
    } as object);
    const peer = new Peer(socket);
    const key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    socket.write(`GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${key}\r\n`);
    await until(() => peer.received.includes("404"), "it is refused");
    peer.drip("more", 50);
    await until(() => peer.closed, "it is cut");
  });

  test("a trusted proxy speaks for many", async () => {
    const { server, cut } = await start(["127.0.0.1"]);
    const many = await Promise.all(Array.from({ length: 6 }, () => Peer.tls(server.port)));
    for (const { socket } of many) socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => many.every(({ received }) => received.includes("served")), "all are served");
    assert.deepEqual(cut, []);
  });
});

test("the port without TURN: one address has as many requests under way as it may, and others are served", async () => {
  const cut: CutReason[] = [];
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const server = await listen({
    host: "127.0.0.1",
    port: 0,
    tls: undefined,
    connections: { perAddress: 2, cut: (reason) => cut.push(reason) },
    messageBytes: 1_000,
    bufferedBytes: 1_000,
    bodyBytes: 1_000,
    sockets: [],
    fetch: (request) =>
      request.url.endsWith("/slow") ? gate.then(() => new Response("late")) : new Response("served"),
    fault: (where, error) => assert.fail(`${where}: ${error}`),
  });
  cleanUp.push(() => server.stop());
  const ask = async (path: string, from: string): Promise<Peer> => {
    const peer = await Peer.tcp(server.port, from);
    peer.socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return peer;
  };
  const slow = [await ask("/slow", "127.0.0.9"), await ask("/slow", "127.0.0.9")];
  await ask("/", "127.0.0.1").then((other) => until(() => other.received.includes("served"), "another"));
  // Node cuts the connection; Bun's own server, which tells of requests only, answers 429.
  const third = await ask("/slow", "127.0.0.9");
  await until(() => third.closed || third.received.includes(" 429 "), "the third is refused");
  assert.deepEqual(cut, ["address"]);
  release();
  await until(() => slow.every(({ received }) => received.includes("late")), "the first two are served");
});

test("a TLS handshake has an end, however it is spread", async () => {
  const server = createTlsServer({ ...certificate }, (socket) => socket.end("secure"));
  limitHandshakes(server, 400);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const silent = await Peer.tcp(port);
  // The head of a ClientHello of 512 bytes, and then one byte after the other.
  const slow = (await Peer.tcp(port)).drip("\0", 50);
  slow.socket.write(Buffer.from("160301020001000100", "hex"));
  await until(() => silent.closed && slow.closed, "both are cut");
  const prompt = await Peer.tls(port);
  await until(() => prompt.received === "secure", "a whole handshake is taken");
});

describe("requests over connections that somebody else accepted", async () => {
  const times = { firstHead: 400, nextHead: 500, body: 600, answer: 600 };
  const server = createServer((incoming, outgoing) => {
    if (incoming.url === "/late") setTimeout(() => outgoing.end("late"), 1_200);
    else if (incoming.url === "/large") {
      deadlines.answering(incoming);
      outgoing.end("x".repeat(20_000_000));
    } else {
      let body = 0;
      incoming.on("data", (bytes: Buffer) => {
        body += bytes.length;
      });
      incoming.on("end", () => outgoing.end(`body of ${body}`));
    }
  });
  const deadlines = new RequestDeadlines(server, times);
  const accepting = createTcpServer((socket) => server.emit("connection", socket));
  await new Promise<void>((resolve) => accepting.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => accepting.close());
  const { port } = accepting.address() as AddressInfo;
  const open = async (text: string): Promise<Peer> => {
    const peer = await Peer.tcp(port);
    peer.socket.write(text);
    return peer;
  };
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const post = (length: number): string => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;

  test("silence, and a head that trickles in, are cut", async () => {
    const peers = [await open(""), (await open(get("/").slice(0, -2))).drip("X: y\r\n", 50)];
    await until(() => peers.every(({ closed }) => closed), "both are cut");
    assert.deepEqual(
      peers.map(({ received }) => received),
      ["", ""],
    );
  });

  test("a body that trickles in is cut, with and without a length", async () => {
    const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const peers = [(await open(post(10_000))).drip("x", 50), (await open(chunked)).drip("1\r\nx\r\n", 50)];
    await until(() => peers.every(({ closed }) => closed), "both are cut");
  });

  test("an answer that isn't read is cut", async () => {
    const peer = await open(get("/large"));
    peer.socket.pause();
    const accepted = (): Promise<number> =>
      new Promise((resolve) => accepting.getConnections((_error, count) => resolve(count)));
    let left = 500;
    while ((await accepted()) > 0 && left-- > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(await accepted(), 0);
  });

  test("who asks at once may wait for the answer, and ask again", async () => {
    const peer = await open(get("/late"));
    await until(() => peer.received.includes("late"), "a late answer comes");
    peer.socket.write(`${post(4)}body`);
    await until(() => peer.received.includes("body of 4"), "another request is answered");
    peer.socket.write(`${get("/")}${get("/")}`);
    await until(() => peer.received.split("body of 0").length === 3, "two at once are answered");
    assert.equal(peer.closed, false);
    await until(() => peer.closed, "and without a next one the connection is cut");
  });
});
