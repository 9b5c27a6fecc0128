import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { readCertificate } from "../../src/net/certificate-files.ts";
import { connectStream } from "../../src/net/connect.ts";
import { ConnectionCaps } from "../../src/net/connection-caps.ts";
import { listen } from "../../src/net/listen.ts";
import { SharedTlsPort } from "../../src/net/shared-tls-port.ts";
import type { TurnServer } from "../../src/turn/server.ts";
import { TurnClient } from "../../src/turn/shell/turn-client.ts";
import { StreamSplitter } from "../../src/wire/stun/stream-splitter.ts";
import { makeCertificate, temporaryFolder } from "../support/certificates.ts";
import { hasCoturn, uclient } from "./support/coturn.ts";
import { credential, startTestTurn } from "./support/turn.ts";

describe("HTTPS and TURN on one port", () => {
  const folder = temporaryFolder();
  const { cert, key } = makeCertificate(folder, "shared");
  const app = createServer((request, response) => {
    let body = "";
    request.on("data", (text) => {
      body += text;
    });
    request.on("end", () => response.end(`${request.method} ${request.url} ${body}`));
  });
  let turn: TurnServer;
  let shared: SharedTlsPort;
  beforeAll(async () => {
    turn = await startTestTurn();
    shared = await SharedTlsPort.listen({
      host: "127.0.0.1",
      port: 0,
      certificate: readCertificate(cert, key),
      caps: new ConnectionCaps({ total: 100, perAddress: 100 }),
      stun: (stream) => turn.accept(stream),
      http: (socket) => app.emit("connection", socket),
    });
  });
  afterAll(async () => {
    await shared.stop();
    await turn.stop();
  });
  const url = (path: string): string => `https://127.0.0.1:${shared.port}${path}`;
  const insecure = { tls: { rejectUnauthorized: false } };

  test("serves HTTPS: requests, bodies, keep-alive", async () => {
    for (let n = 0; n < 3; n++) {
      const response = await fetch(url(`/page?${n}`), {
        method: "POST",
        body: "x".repeat(100_000),
        ...insecure,
      });
      expect(await response.text()).toBe(`POST /page?${n} ${"x".repeat(100_000)}`);
    }
  });

  test("serves TURN", async () => {
    const { client, stream } = await turnOverTls(shared.port);
    const { relayed } = await client.allocate();
    expect(relayed.port).toBeGreaterThan(0);
    expect((await client.binding()).address).toEqual(Uint8Array.of(127, 0, 0, 1));
    expect(turn.stats().connections).toBe(1);
    stream.destroy();
  });

  test.skipIf(!hasCoturn)(
    "serves coturn's client while it serves HTTPS",
    async () => {
      const args = "-y -c -t -S -l 171 -n 10 -m 2".split(" ");
      const both = () =>
        Promise.all([
          uclient(shared.port, ...args),
          fetch(url("/"), insecure).then((response) => response.text()),
        ]);
      let [relayed, page] = await both();
      // The tool closes before it has read the last messages: on a busy machine several of them.
      for (let again = 0; again < 3 && relayed.received < 18; again++) [relayed, page] = await both();
      expect(relayed.sent).toBe(20);
      expect(relayed.received).toBeGreaterThanOrEqual(18);
      expect(page).toBe("GET / ");
    },
    60_000,
  );

  test("new connections get the new certificate, old ones go on", async () => {
    const subject = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port: shared.port, rejectUnauthorized: false }, () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        });
        socket.once("error", reject);
      });
    expect(await subject()).toBe("shared");
    const next = makeCertificate(folder, "renewed");
    shared.useCertificate(readCertificate(next.cert, next.key));
    expect(await subject()).toBe("renewed");
  });

  test("what doesn't speak TLS is cut, and harms nobody", async () => {
    await new Promise<void>((resolve) => {
      const socket = connectTcp(shared.port, "127.0.0.1", () => socket.write("GET / HTTP/1.0\r\n\r\n"));
      socket.on("error", () => {});
      socket.on("close", () => resolve());
      socket.resume();
    });
    expect(await (await fetch(url("/"), insecure)).text()).toBe("GET / ");
  });

  test("the HTTP server never listened itself", () => {
    expect(app.address() as AddressInfo | null).toBeNull();
  });
});

test("the whole server on one TLS port: HTTPS, WebSocket, TURN, another certificate", async () => {
  const folder = temporaryFolder();
  const turn = await startTestTurn();
  const pair = (name: string) => {
    const paths = makeCertificate(folder, name);
    return readCertificate(paths.cert, paths.key);
  };
  const server = await listen({
    host: "127.0.0.1",
    port: 0,
    tls: pair("first"),
    stun: (stream) => turn.accept(stream),
    messageBytes: 10_000,
    bufferedBytes: 10_000,
    bodyBytes: 10_000,
    sockets: [
      {
        path: "/ws",
        check: () => undefined,
        open: (socket) => ({
          text: (text) => void socket.send(`${text} from ${socket.client.address}`),
          binary: () => {},
          closed: () => {},
        }),
      },
    ],
    fetch: (request, client) => new Response(`${new URL(request.url).protocol} ${client.address}`),
    fault: (where, error) => {
      throw new Error(where, { cause: error });
    },
  });
  const page = await fetch(`https://127.0.0.1:${server.port}/`, { tls: { rejectUnauthorized: false } });
  expect(await page.text()).toBe("https: 127.0.0.1");
  server.useCertificate(pair("second"));
  const ws = new WebSocket(`wss://127.0.0.1:${server.port}/ws`, {
    tls: { rejectUnauthorized: false },
  } as never);
  const heard = await new Promise((resolve, reject) => {
    ws.onopen = () => ws.send("hello");
    ws.onmessage = ({ data }) => resolve(data);
    ws.onerror = () => reject(new Error("no WebSocket"));
  });
  expect(heard).toBe("hello from 127.0.0.1");
  const { client, stream } = await turnOverTls(server.port);
  expect((await client.allocate()).relayed.port).toBeGreaterThan(0);
  stream.destroy();
  ws.close();
  await server.stop();
  await expect(fetch(`https://127.0.0.1:${server.port}/`)).rejects.toThrow();
  await turn.stop();
});

async function turnOverTls(port: number) {
  const { username, credential: password } = credential("tls");
  let client: TurnClient | undefined;
  const splitter = new StreamSplitter();
  const take = (message: Uint8Array): boolean => {
    client?.receive(message);
    return true;
  };
  const options = { host: "127.0.0.1", port, tls: { trustAny: true }, timeout: 10_000 };
  const stream = await connectStream(options, () => ({
    data: (chunk) => void splitter.push(chunk, take),
    closed: () => {},
  }));
  client = new TurnClient((bytes) => stream.write(bytes.slice()), username, password);
  return { client, stream };
}
