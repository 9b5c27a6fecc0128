import { afterAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { makeCertificate, temporaryFolder } from "../../support/certificates.ts";
import { freePort } from "../../support/free-port.ts";
import { runtimesFor } from "../../support/runtimes.ts";
import { startServer } from "../../support/server.ts";
import { until } from "../../support/until.ts";

const greedy = "127.0.0.9";
const ends: (() => void)[] = [];
afterAll(() => {
  for (const end of ends) end();
});

class Peer {
  readonly socket: Socket;
  received = "";
  closed = false;

  constructor(port: number, localAddress: string, first: string | Buffer) {
    this.socket = connect({ port, host: "127.0.0.1", localAddress }, () => this.socket.write(first));
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.closed = true;
    });
    this.socket.on("data", (bytes) => {
      this.received += bytes.toString("latin1");
    });
    ends.push(() => this.socket.destroy());
  }
}

const binding = Buffer.from("000100002112a442000102030405060708090a0b", "hex");
const options =
  "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP b;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:b@a>;tag=1\r\nTo: <sip:a>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

for (const runtime of runtimesFor("connection-caps"))
  describe(`one greedy address, on ${runtime}`, () => {
    test("has its share of SIP and TURN over TCP and of HTTPS with TURN, and others are served beside it", async () => {
      const [turnPort, sipPort, adminPort] = [await freePort(), await freePort(), await freePort()];
      const server = await startServer({
        runtime,
        config: {
          limits: { linksPerAddress: 20 },
          turn: { udpPort: turnPort, tcpPort: turnPort, limits: { connectionsPerAddress: 20 } },
          sip: { tcp: { enabled: true, port: sipPort } },
          tls: makeCertificate(temporaryFolder(), "localhost"),
          admin: { port: adminPort },
        },
      });
      for (const [port, first, answer] of [
        [sipPort, options, "SIP/2.0 200"],
        [turnPort, binding, "\u0001\u0001"],
      ] as const) {
        const many = Array.from({ length: 60 }, () => new Peer(port, greedy, ""));
        await until(() => many.filter(({ closed }) => closed).length === 40, 5_000);
        const other = new Peer(port, "127.0.0.1", first);
        await until(() => other.received.startsWith(answer), 5_000);
        for (const { socket } of many) socket.destroy();
      }
      // Neither handshake nor a word: this port has 1,000 more, for pages.
      const silent = Array.from({ length: 1_100 }, () => new Peer(server.port, greedy, ""));
      const page = await fetch(`${server.url}/health/live`, { tls: { rejectUnauthorized: false } } as never);
      expect(page.status).toBe(200);
      const metric = async (line: string): Promise<number> => {
        const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
        const found = metrics.split("\n").find((one) => one.startsWith(line));
        return Number(found?.slice(line.length));
      };
      expect(await metric('switchboard_turn_refused_total{rule="connections"}')).toBe(40);
      // 40 of SIP's port, and then those above 1,020 of this one. A slow machine accepts them late, and handshakes that have run out of time
      // until then make room for some.
      const cut = () => metric('switchboard_connections_cut_total{reason="address"}');
      for (let left = 100; left > 0 && (await cut()) < 120; left--) await Bun.sleep(100);
      expect(await cut()).toBeWithin(41, 121);
      await until(() => silent.some(({ closed }) => closed), 5_000);
      await server.stop();
    }, 60_000);
  });
